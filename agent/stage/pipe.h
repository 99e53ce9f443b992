/* SPDX-License-Identifier: MIT
 *
 * S3InputMode Pipe: an input's objects, one after the other in the order of keys, through a FIFO
 * that the transform reads. One thread feeds one FIFO while the transform runs; it has its own
 * store, since a store is used by one thread.
 *
 * The FIFO's name is LocalPath/<InputName>_0. For Processing the name is documented nowhere; in
 * Training it is <channel>_<epoch>, counted from 0, and a Processing input is read once (contract:
 * sagemaker.md 2.4).
 *
 *     pipe_new, pipe_check: while planning     pipe_make: the FIFO, as the last step of staging
 *     pipe_begin: once the transform runs      pipe_release, pipe_end: when it is gone
 *     pipe_free: always
 */
#ifndef STAGE_PIPE_H
#define STAGE_PIPE_H

#include "job.h"
#include "stage/plan.h"

struct pipe;

/* For input `index` of `job`, both of which must outlive it. Takes what `objects` holds. */
struct pipe *pipe_new(const struct job *job, size_t index, struct plan *objects);

/* Where its FIFO is: absolute, borrowed. */
const char *pipe_path(const struct pipe *p);

/* ERR_INPUT when something is there that is no FIFO of an earlier run. */
int pipe_check(const struct pipe *p, struct err *e);

/* Makes the FIFO and its folder; one that is there is replaced. */
int pipe_make(struct pipe *p, struct err *e);

/* Starts feeding. The FIFO is removed as soon as all has been read or its reader has closed it: who
 * opens it a second time is told so, rather than made to wait for ever. */
int pipe_begin(struct pipe *p, struct err *e);

/* The transform is gone: whatever the thread waits for, it ends soon. */
void pipe_release(struct pipe *p);

/* Waits for the thread and sets the counters of its input: objects that went through whole, bytes
 * that went through. A reader that came not at all or stopped early is no error, nor is a stop; a
 * store that could not be read is ERR_INPUT. Nothing to do when nothing was begun. */
int pipe_end(struct pipe *p, struct input *in, struct err *e);

/* Removes the FIFO, too. */
void pipe_free(struct pipe *p);

#endif
