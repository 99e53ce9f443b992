/* SPDX-License-Identifier: MIT
 *
 * Config: everything that describes the job, from all its places, into one struct job. The only
 * folder that knows key names. Nothing outside is touched.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "config/args.h"
#include "job.h"

/* Fills `job` (from job_init) from ML_ROOT/config/{processingjobconfig,resourceconfig}.json,
 * agent.ini, the environment and the command line, in rising precedence, and checks what can be
 * checked on the description alone. job->ml_root is set first, so that a failure can still be
 * written there. 0, or ERR_CONFIG naming file and line, variable or option.
 *
 * For `procagent partition` the job is one output, as folder.h says. */
int config_load(struct job *job, const struct args *args, char *const *environment, struct err *e);

#endif
