/* SPDX-License-Identifier: MIT
 *
 * Run: the transform from fork to its last leftover (contract: process.md 5). As PID 1 or as an
 * ordinary process (then as subreaper). When run_transform returns, no process that the transform
 * left behind is alive, so the outputs hold still.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "job.h"

/* A job needs a command. */
int run_check(struct job *job, struct err *e);

/* Makes the output folders, runs the command, waits for it and all it left. job->transform has the
 * result: a status other than 0 is not an error here. ERR_EXEC when it could not be started,
 * ERR_STOPPED when a stop arrived before that. */
int run_transform(struct job *job, struct err *e);

#endif
