/* SPDX-License-Identifier: MIT
 *
 * Partition: an output with a layout is rewritten, in place, into key=value folders. A tree that
 * the transform partitioned by itself is recognised, checked and kept; `layout = none` leaves an
 * output alone. Files move by rename: their bytes are never touched, and a failure puts back what
 * had moved.
 */
#ifndef PARTITION_PARTITION_H
#define PARTITION_PARTITION_H

#include "job.h"

/* Reads every layout and finds this job's folder for it (output->partition_dir). */
int partition_check(struct job *job, struct err *e);

/* Rewrites, or checks, every output; a failure leaves the files where they were. */
int partition_outputs(struct job *job, struct err *e);

/* The name a file gets in its partition: the folders of `path` joined by "-" (readers do not
 * descend into folders inside a partition), and `host` (may be NULL) before the extension; owned by
 * the caller. */
char *partition_file_name(const char *path, const char *host);

#endif
