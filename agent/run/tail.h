/* SPDX-License-Identifier: MIT
 *
 * The last line of the transform's stderr, for the message file: for Python that is the exception.
 *
 * When stderr is a regular file, it is read there afterwards: nothing is relayed. When it is a pipe
 * or a terminal, only what passes through us can be known, so that is an opt-in ([run] stderr_tail
 * = yes) and has a price: stderr is a pipe for the transform (no terminal), and lines of stdout and
 * stderr that went to one place may change their order. What is relayed is not altered, a slow
 * reader slows the transform as before, and nobody waits for a leftover that keeps the pipe open.
 */
#ifndef RUN_TAIL_H
#define RUN_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { TAIL_BYTES = 4096 };

struct tail {
    int from;      /* our end of the relay's pipe, or -1 */
    int to_child;  /* the transform's end until tail_started, or -1 */
    off_t start;   /* size of the file that stderr is when the transform began, or -1: no file */
    char kept[2 * TAIL_BYTES]; /* the last bytes seen */
    size_t n_kept;
    char pending[TAIL_BYTES];  /* read, not yet passed on */
    size_t n_pending;
};

#define TAIL_NONE {.from = -1, .to_child = -1, .start = -1}

/* Before the fork; `relay` asks for the pipe where stderr is no file. */
int tail_open(struct tail *t, bool relay, struct err *e);

/* The descriptor that the transform's stderr is to be, or -1: ours. */
int tail_child_fd(const struct tail *t);

/* After the fork: closes the transform's end. */
void tail_started(struct tail *t);

/* Moves what can be moved without waiting; answers what to poll for: descriptor and events. False
 * when there is nothing to wait for. */
bool tail_pump(struct tail *t, int *fd, short *events);

/* After the last process is gone: passes on what is left (waiting at most a second for a reader
 * that does not read) and finds the last non-empty line; `out` is "" when there is none. */
void tail_finish(struct tail *t, char *out, size_t size);

/* Lets go of the relay; `t` is as at the start. */
void tail_close(struct tail *t);

#endif
