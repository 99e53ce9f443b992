/* SPDX-License-Identifier: MIT
 *
 * The one fork. The child leads its own process group, is the terminal's foreground when there is
 * one, and gets mask, dispositions, descriptors and working directory as they were when the agent
 * started.
 */
#ifndef RUN_SPAWN_H
#define RUN_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "run/user.h"

struct spawn_request {
    char *const *argv; /* at least one word, NULL-terminated */
    char *const *envp; /* NULL-terminated */
    const char *path;  /* PATH to search when argv[0] has no slash */
    int cwd_fd;        /* working directory, or -1 for ours */
    int stderr_fd;     /* becomes the command's stderr, or -1: ours */
    const struct user *user; /* whom to become, or NULL */
    bool no_new_privs; /* set-user-ID programs and file capabilities give nothing any more */
};

/* 0 once the command was exec'd. ERR_EXEC with exec_status 127 (not found) or 126 (found, cannot be
 * run), naming the path tried and the reason; the child is reaped then. */
int spawn(const struct spawn_request *request, pid_t *pid, struct err *e);

#endif
