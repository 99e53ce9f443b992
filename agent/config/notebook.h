/* SPDX-License-Identifier: MIT
 *
 * How a job becomes a notebook's: [notebook] in agent.ini, `procagent notebook`, the variables of
 * sagemaker-run-notebook (PAPERMILL_*), or the Notebook Job contract (SM_*; contract: notebooks.md
 * 2, sagemaker.md 4).
 */
#ifndef CONFIG_NOTEBOOK_H
#define CONFIG_NOTEBOOK_H

#include "base/err.h"
#include "config/args.h"
#include "config/settings.h"
#include "job.h"

/* A key of [notebook]; relative paths start at `cwd`. */
int notebook_apply(struct job *job, const char *cwd, const struct setting *at, struct err *e);

/* After all settings: the doors that variables open, what the command line says, and what must fit
 * together. Adds the output that a training job's tree has. */
int notebook_settle(struct job *job, const struct args *args, const char *cwd,
                    char *const *environment, struct err *e);

#endif
