/* SPDX-License-Identifier: MIT
 *
 * The helper's commands: what the harness gives an init to run. helper.c has the table.
 */
#ifndef PID1_HELPER_H
#define PID1_HELPER_H

/* printf to a descriptor in one write, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 3))) void say(int fd, const char *fmt, ...);
void nap_ms(long ms);
long now_ms(void);

/* Each gets the words behind its name and returns the exit status. */
int do_leave(int argc, char **argv);
int do_orphans(int argc, char **argv);
int do_burst(int argc, char **argv);
int do_adopted(int argc, char **argv);
int do_gone(int argc, char **argv);

#endif
