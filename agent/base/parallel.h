/* SPDX-License-Identifier: MIT
 *
 * One cheap call for each of very many things, on a few threads: each takes a contiguous range, so
 * that threads mostly work in different folders and do not wait for one folder's lock.
 */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H

#include <stddef.h>

#include "base/err.h"

enum { PARALLEL_MAX = 4 };

struct parallel {
    unsigned n;                 /* ranges, one a thread */
    size_t first[PARALLEL_MAX]; /* where each begins */
    size_t done[PARALLEL_MAX];  /* where each came to: [first, done) is done */
    size_t failed;              /* the call that failed */
};

/* 0 or an errno. Called on several threads at once; may use neither `struct err` of others nor
 * stop_check. */
typedef int parallel_call(void *ctx, size_t i);

/* call(ctx, i) for every i below n; few are done by the calling thread alone, and it takes part in
 * any case. The first failure ends all: that errno is returned, p->failed says which call it was.
 * A stop signal ends all likewise, unless `stop` is NULL: negative, and `stop` says so. */
int parallel_run(struct parallel *p, size_t n, parallel_call *call, void *ctx, struct err *stop);

#endif
