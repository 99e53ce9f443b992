/* SPDX-License-Identifier: MIT
 *
 * The one place that knows signals. Everything but the fault signals is blocked from main's first
 * lines on, so a signal is queued and never lost, even for PID 1 (contract: process.md 5.1). There
 * are no handlers: signals are read from a signalfd, by the supervisor while the transform runs and
 * by stop_check everywhere else.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* First lines of main: remembers mask and ignored set at entry, puts SIGCHLD to default, ignores
 * SIGPIPE, opens closed fds 0..2 on /dev/null, blocks, makes the signalfd. */
int signals_init(struct err *e);

/* The signalfd: readable when a signal waits. */
int signals_fd(void);

/* The next waiting signal's number, or 0 when none waits. Stop signals are remembered on the
 * way. */
int signals_next(void);

/* Puts dispositions and mask back as they were at entry (SIGCHLD excepted: default). For the child
 * between fork and exec: async-signal-safe. */
void signals_restore(void);

/* INT, TERM, HUP and QUIT ask the job to end; the same machinery for all four. */
bool signal_is_stop(int signo);

/* Every signal that is passed on to the transform's group. */
bool signal_is_forwarded(int signo);

/* The first stop signal seen so far, or 0. In the thread that called signals_init it looks for
 * waiting ones; in others it only knows those that thread has seen. */
int stop_signal(void);

/* The stop that was seen, and the deadline, have done their work: only another stop counts from now
 * on. */
void stop_settle(void);

/* The job's time ends then (CLOCK_MONOTONIC nanoseconds; 0 = never). */
void stop_set_deadline(int64_t monotonic_ns);
int64_t stop_deadline_ns(void);

/* 0, ERR_STOPPED when a stop signal arrived, or ERR_TIMEOUT when the deadline is over. Stages call
 * it at every file and every few megabytes, on any thread: see stop_signal. */
int stop_check(struct err *e);

/* In the calling thread stop_check also says ERR_STOPPED, with no signal, once `*flag` is set:
 * how a thread is called back from the middle of something long. NULL: no longer. */
void stop_when(const atomic_bool *flag);

/* "SIGTERM", "SIGRTMIN+3", for messages; `buf` holds at least 16 bytes. */
const char *signal_name(char *buf, size_t size, int signo);

#endif
