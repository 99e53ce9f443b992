/* SPDX-License-Identifier: MIT
 *
 * What a notebook's run leaves between prepare and collect, for notebook.c and collect.c alone.
 */
#ifndef NOTEBOOK_STATE_H
#define NOTEBOOK_STATE_H

#include "base/dir.h"
#include "job.h"
#include "notebook/interpreter.h"

/* The driver's log of all that was printed; the name is the contract's (notebooks.md 2.3). */
#define NOTEBOOK_LOG "sagemaker_job_execution.log"

/* Paths, no descriptors: the run stage closes all but its own. */
struct notebook_run {
    char *hidden;                   /* owned: the folder of temporaries in the results' */
    char *result;                   /* owned: where the driver writes how it ended */
    char *home;                     /* owned: the notebook's folder, where it runs */
    struct dir_listing before;      /* of that folder */
    struct interpreter interpreter; /* what runs it */
};

/* The executed notebook, absolute; owned by the caller. */
char *notebook_output_path(const struct job *job);

#endif
