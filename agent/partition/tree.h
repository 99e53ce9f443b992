/* SPDX-License-Identifier: MIT
 *
 * Looking at what a transform wrote: is it a Hive tree already, and a sound one? (contract:
 * hive-glue.md 1.3: the same keys in the same order on every leaf, no data file on an inner level.)
 * Files below or with a name that begins with _ or . are no data: readers do not see them.
 */
#ifndef PARTITION_TREE_H
#define PARTITION_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dir.h"
#include "base/err.h"
#include "base/str.h"

/* What is known of one listed file. */
enum file_place {
    FILE_IGNORED, /* no regular file, or hidden: stays where it is */
    FILE_LOOSE,   /* a data file outside any key=value folder */
    FILE_PLACED,  /* a data file in a leaf partition */
};

struct tree {
    enum file_place *places; /* owned; one per listing entry */
    struct strvec keys;      /* the partition keys, when `placed` > 0 */
    size_t loose;
    size_t placed;
    size_t partitions;       /* different leaf folders */
    const char *first_loose; /* borrowed from the listing; NULL without loose files */
};

/* Sorts a listing's files into places and checks the partition folders. `keys` (may be NULL) are
 * those the folders must have, in order; without, the first leaf's are. Loose files beside
 * partitions are the caller's to judge. ERR_OUTPUT names the offending path. */
int tree_read(const struct dir_listing *files, const struct strvec *keys, struct tree *out,
              struct err *e);
void tree_free(struct tree *tree);

#endif
