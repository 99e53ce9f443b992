/* SPDX-License-Identifier: MIT
 *
 * Which host of how many this is, where no resourceconfig.json says so: AWS Batch and Kubernetes
 * number the containers of a job in their environment.
 *
 *     AWS Batch array job              AWS_BATCH_JOB_ARRAY_INDEX of AWS_BATCH_JOB_ARRAY_SIZE
 *     AWS Batch multi-node job         AWS_BATCH_JOB_NODE_INDEX of AWS_BATCH_JOB_NUM_NODES
 *     Kubernetes Job, Indexed mode     JOB_COMPLETION_INDEX of JOB_COMPLETION_COUNT
 *
 * The first of them with a variable set is taken. Kubernetes sets only the index:
 * JOB_COMPLETION_COUNT is for the Job's manifest to set, to the value of its `completions`.
 */
#ifndef CONFIG_RANKS_H
#define CONFIG_RANKS_H

#include "base/err.h"
#include "job.h"

enum { RANKS_MAX = 10000 }; /* hosts of a job; AWS Batch's own limit */

/* Sets job->hosts to algo-1 ... algo-N, job->host_index to the index and job->current_host to its
 * host. Without any of the variables (an empty one is none) `job` stays as it is. 0, or ERR_CONFIG
 * with variable and value. */
int ranks_read(struct job *job, char *const *environment, struct err *e);

#endif
