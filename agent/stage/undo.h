/* SPDX-License-Identifier: MIT
 *
 * Taking back a staging that failed half-way, so that no transform and no later run finds half an
 * input. Only what this run made is removed: folders that were not there, with all in them, and
 * files of the plan where there was none. A file that was replaced stays replaced, and what came
 * out of an archive into a folder that was there already stays too.
 */
#ifndef STAGE_UNDO_H
#define STAGE_UNDO_H

#include <stdbool.h>

#include "base/str.h"
#include "job.h"
#include "stage/plan.h"

struct undo {
    struct strvec folders; /* the topmost ones that were not there */
    bool *remove;          /* per item of the plan: a file that goes on its own */
};

/* Notes what is there, before anything is made. The plan is settled and stays as it is. */
void undo_note(struct undo *undo, const struct job *job, const struct plan *plan);

/* Removes what was not there; best effort. */
void undo_all(const struct undo *undo, const struct plan *plan);

void undo_free(struct undo *undo);

#endif
