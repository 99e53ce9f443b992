/* SPDX-License-Identifier: MIT
 *
 * What is to be staged: an input's objects, by listing a prefix or by reading a manifest, cut down
 * to this host's share, each with the path it gets. All that can be wrong with names is found here,
 * before a byte moves.
 *
 *     plan_input for each input, plan_fifo for each pipe -> plan_settle -> plan_find
 */
#ifndef STAGE_PLAN_H
#define STAGE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "job.h"
#include "store/store.h"

/* One object and where it goes, or one FIFO. */
struct item {
    size_t input;  /* index in job->inputs */
    char *bucket;  /* owned; NULL: a FIFO, of which only `path` counts */
    char *key;     /* owned; NULL as above */
    char *path;    /* owned: absolute; NULL for what goes through a pipe */
    char *etag;    /* owned: as listed, or NULL */
    uint64_t size; /* bytes when listed */
};

struct plan {
    struct item *v; /* sorted by path once settled, before by input and key */
    size_t n;
    size_t cap;
};

void plan_free(struct plan *plan);

/* Adds this host's objects of input `index`, sorted by key. Folder markers (a key that ends in "/")
 * are no objects. ERR_INPUT when there is none, for a manifest that is not right (with line and
 * column) or lists what is not there, and for a key that cannot be a path. With S3InputMode Pipe
 * there are no paths. */
int plan_input(struct plan *plan, const struct job *job, size_t index, struct store *store,
               struct err *e);

/* Adds the FIFO of input `index`. */
void plan_fifo(struct plan *plan, size_t index, const char *path);

/* Sorts. ERR_INPUT with both names when two items have one path, or one's path is another's
 * folder. */
int plan_settle(struct plan *plan, const struct job *job, struct err *e);

/* The item of this path in a settled plan, or NULL. */
const struct item *plan_find(const struct plan *plan, const char *path);

/* Where an object lands below LocalPath, given the S3Uri's key part: borrowed from `key`. One rule:
 * prefix ends at a slash, or the next character is one -> the rest; otherwise the name from the
 * last slash of the prefix on. NULL for folder markers. */
const char *plan_relative(const char *prefix, const char *key);

#endif
