/* SPDX-License-Identifier: MIT
 *
 * Signals to processes: the transform's group, or everything we descend to.
 */
#ifndef RUN_FAMILY_H
#define RUN_FAMILY_H

#include <sys/types.h>

/* To a process group; a group that does not exist is fine. */
void family_signal_group(pid_t group, int signo);

/* To every descendant, wherever its group and session: kill(-1) as PID 1, else a walk of /proc. */
void family_signal_all(int signo);

#endif
