/* SPDX-License-Identifier: MIT
 *
 * Waiting for the transform: forwarding signals, reaping, stopping within the grace, ending what
 * the transform left behind. A state x event table; see supervise.c. Never waits on pipes, never
 * sleeps: only on processes and, while a stop is under way, on the clock.
 */
#ifndef RUN_SUPERVISE_H
#define RUN_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "job.h"
#include "run/family.h"
#include "run/tail.h"

/* Before the fork: makes orphans ours. False when we are not PID 1 and the kernel refuses. */
bool supervise_prepare(struct family *family);

/* Waits until `main_pid` and every descendant that is no stranger's is gone. `grace_ns`: a stop
 * signal is passed on at once, TERM follows at half of it, KILL at its end; a second stop signal
 * halves what is left. `drain_ns`: the same for what is left when the transform ended by itself.
 * The job's deadline (stop_deadline_ns) has the effect of a TERM. `tail` is pumped while we wait.
 * Fills `out`. */
int supervise(pid_t main_pid, struct family *family, int64_t grace_ns, int64_t drain_ns,
              struct tail *tail, struct transform *out, struct err *e);

#endif
