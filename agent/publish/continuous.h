/* SPDX-License-Identifier: MIT
 *
 * S3UploadMode Continuous: a thread that publishes files of such outputs while the transform runs,
 * each once it is closed and quiet. What it sent is remembered, so that the final pass sends only
 * what is new or has changed since.
 *
 * Its failures end nothing: they are told once, and tried again, last by the final pass.
 */
#ifndef PUBLISH_CONTINUOUS_H
#define PUBLISH_CONTINUOUS_H

#include "base/err.h"
#include "job.h"
#include "publish/items.h"

/* What a look at an open file says. */
enum writer {
    WRITER_NONE,    /* nobody has it open for writing */
    WRITER_SOME,    /* somebody has */
    WRITER_UNKNOWN, /* the kernel, or the file system, or our rights do not allow to know */
};

/* Looks whether anybody has the file `fd` (open for reading) open for writing. */
enum writer continuous_writer(int fd);

/* Starts the thread when an output wants it, and keeps it in job->continuous. */
int continuous_begin(struct job *job, struct err *e);

/* Waits for the upload under way, ends the thread, and counts what it published in the outputs.
 * Nothing to do when there is none. */
void continuous_end(struct job *job);

/* For the final pass: marks the items of `plan` that were sent, and those that have not changed
 * since. */
void continuous_settle(const struct job *job, struct items *plan);

#endif
