/* SPDX-License-Identifier: MIT
 *
 * Notebooks: a notebook is made the job's command, run by the run stage as any other, and its
 * results are collected whether it failed or not (contract: notebooks.md 0 and 2.3, sagemaker.md
 * 4.3). Nothing here when the job has no notebook.
 */
#ifndef NOTEBOOK_NOTEBOOK_H
#define NOTEBOOK_NOTEBOOK_H

#include "job.h"

/* Refuses names of results that are none. */
int notebook_check(struct job *job, struct err *e);

/* Before the run: reads the notebook, puts the parameters in, chooses kernel and Python, copies the
 * notebook to the results, makes the command. */
int notebook_prepare(struct job *job, struct err *e);

/* After the run: what the engine says of it; formats; secrets out; files that it made beside
 * itself; all in the results' folder. */
int notebook_collect(struct job *job, struct err *e);

/* A notebook is collected and packed also when it failed. */
bool notebook_despite(const struct job *job);

/* Drops what is left between the two; called once the transform is gone, or never came. */
int notebook_end(struct job *job, struct err *e);

#endif
