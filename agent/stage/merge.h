/* SPDX-License-Identifier: MIT
 *
 * One folder's contents moved into another on the same file system, by renames: all or nothing.
 * Folders that are in both are merged. A file that is in both is fine when it is the same, byte for
 * byte (a run that was killed while it moved did it) and stays; else nothing is moved.
 */
#ifndef STAGE_MERGE_H
#define STAGE_MERGE_H

#include "base/err.h"
#include "base/str.h"

struct merge {
    int from;            /* borrowed: the folder that is emptied */
    int to;              /* borrowed: the folder that is filled */
    const char *where;   /* borrowed: the path of `to`, for messages */
    struct strvec moved; /* what was renamed, in this order */
};

void merge_free(struct merge *m);

/* 0, or ERR_INPUT naming the member and what is in its way, or a stop. Changes nothing. */
int merge_check(struct merge *m, struct err *e);

/* Moves; after a failure everything is where it was. What was in both folders stays in `from`. */
int merge_move(struct merge *m, struct err *e);

/* Moves back what merge_move moved; best effort. */
void merge_undo(struct merge *m);

#endif
