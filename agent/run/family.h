/* SPDX-License-Identifier: MIT
 *
 * Signals to processes: the transform's group, or everything the transform left. Children that the
 * agent had when it began (a shell's `exec procagent run > >(tee log)` leaves it one) are
 * strangers: they are reaped, but neither signalled nor waited for, nor is what descends from them.
 */
#ifndef RUN_FAMILY_H
#define RUN_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct family {
    pid_t *strangers; /* owned */
    size_t n;
};

/* Before the fork: finds the strangers. Costs one system call when there are none. */
void family_open(struct family *f);
void family_free(struct family *f);

/* A child was reaped: its pid may be somebody else's from now on. */
void family_forget(struct family *f, pid_t pid);

/* To a process group; a group that does not exist is fine. */
void family_signal_group(pid_t group, int signo);

/* To every descendant that is no stranger's, wherever its group and session. */
void family_signal_all(const struct family *f, int signo);

/* With strangers there is no ECHILD to tell that nobody is left: this looks. */
bool family_gone(const struct family *f);

#endif
