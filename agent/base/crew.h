/* SPDX-License-Identifier: MIT
 *
 * One call that takes its time for each of many things, such as a file to copy, on a few threads.
 * For very many cheap calls parallel.h is the one.
 */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stddef.h>

#include "base/err.h"

enum { CREW_MAX = 4 };

/* 0, or negative with `e` filled. Called on several threads at once, each with an `e` of its own;
 * looks for stop signals itself. */
typedef int crew_call(void *ctx, size_t i, struct err *e);

/* call(ctx, i) for every i below n; the calling thread takes part. Things are begun in their
 * order. When a call fails nothing behind it is begun, what is in front of it is still done, so
 * that the failure that is returned is the first in order, as it would be on one thread; `*failed`
 * says which that was and is untouched when all went well. */
int crew_run(size_t n, crew_call *call, void *ctx, size_t *failed, struct err *e);

#endif
