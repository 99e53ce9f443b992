/* SPDX-License-Identifier: MIT
 *
 * Which files of an output move whole, and where to.
 */
#ifndef PARTITION_MOVES_H
#define PARTITION_MOVES_H

#include <stddef.h>

#include "base/dir.h"
#include "base/err.h"
#include "partition/rules.h"
#include "partition/tree.h"

/* One file's way. */
struct move {
    size_t file; /* its place in the listing */
    char *to;    /* owned: its path below the output's folder */
};

struct moves {
    struct move *v; /* owned; sorted by `to` */
    size_t n;
    size_t cap;
};

void moves_free(struct moves *moves);

/* All loose files of the tree, each to the folder its rules say. Every target name is short enough,
 * free, and nobody else's, or ERR_OUTPUT names both. */
int moves_plan(const struct rules *r, const struct dir_listing *files, const struct tree *tree,
               struct moves *moves, struct err *e);

#endif
