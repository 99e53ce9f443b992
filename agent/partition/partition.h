/* SPDX-License-Identifier: MIT
 *
 * Partition: an output with a layout is rewritten, in place, into key=value folders. Files go whole
 * where the layout says the same for all their rows; with {column.NAME} their rows are split. A
 * tree that the transform partitioned by itself is recognised, checked and kept; `layout = none`
 * leaves an output alone. A failure, or a kill, leaves the files as they were.
 */
#ifndef PARTITION_PARTITION_H
#define PARTITION_PARTITION_H

#include "job.h"

/* Reads every layout and finds this job's folder for it (output->partition_dir). */
int partition_check(struct job *job, struct err *e);

/* Rewrites, or checks, every output. With job->dry_run nothing is written: the facts say what would
 * be. */
int partition_outputs(struct job *job, struct err *e);

#endif
