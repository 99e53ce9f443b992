/* SPDX-License-Identifier: MIT
 *
 * The leaf partitions of an output as facts: how many files, rows and bytes each has, whether they
 * are within the budgets, and whether other readers will see the names that we see.
 */
#ifndef PARTITION_LEAVES_H
#define PARTITION_LEAVES_H

#include "base/dir.h"
#include "base/err.h"
#include "job.h"
#include "partition/moves.h"
#include "partition/parts.h"
#include "partition/tree.h"

/* Fills out->leaves and out->partitions from the files that stay, those that move and those that
 * were split: `written` (their listing) after a real run, NULL after a dry one. `parts` may be
 * NULL. */
void leaves_find(struct output *out, const struct dir_listing *files, const struct tree *tree,
                 const struct moves *moves, const struct parts *parts,
                 const struct dir_listing *written);

/* ERR_OUTPUT when there are more than max_partitions or max_files. */
int leaves_check(const struct output *out, struct err *e);

/* Says what is legal but may surprise: names that differ only by case, names that some readers
 * spell otherwise (with portable = yes). */
void leaves_warn(const struct output *out);

#endif
