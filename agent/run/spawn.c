/* SPDX-License-Identifier: MIT
 *
 * Fork and exec. See spawn.h. All that the child needs is made before the fork; it calls only
 * async-signal-safe functions and tells a failure's errno through a close-on-exec pipe.
 */
#include "run/spawn.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/str.h"

enum step { STEP_CWD = 1, STEP_USER, STEP_EXEC };

/* What the child says when it cannot become the command; smaller than PIPE_BUF, so written at
 * once. */
struct report {
    enum step step;
    int sys;
    size_t candidate; /* index of the path that failed */
    bool there;       /* a file of that name exists */
};

/* All paths to try, in order. glibc's execvp falls back to /bin/sh for a file without #!, other
 * libcs do not: the search is ours, so that the binary does not depend on it. */
static void list_candidates(const struct spawn_request *request, struct strvec *out)
{
    const char *name = request->argv[0];
    if (strchr(name, '/')) {
        strvec_add(out, name);
        return;
    }
    for (const char *p = request->path;;) {
        size_t n = strcspn(p, ":");
        SCOPE_FREE char *dir = n ? xstrndup(p, n) : xstrdup("."); /* an empty part is the cwd */
        strvec_take(out, path_join(dir, name));
        if (p[n] == '\0') {
            return;
        }
        p += n + 1;
    }
}

/* Only when we are in the foreground ourselves: a background job must not grab the terminal. */
static void take_terminal(void)
{
    pid_t front = tcgetpgrp(STDIN_FILENO);
    if (front != -1 && front == getpgid(getppid())) {
        (void)tcsetpgrp(STDIN_FILENO, getpid());
    }
}

/* Tries all candidates; returns only when none could be run. EACCES comes from a folder that may
 * not be searched as well as from a file without x bit, ENOENT from a missing interpreter as well
 * as from a missing file: only a file that is there ends the search. */
static struct report exec_any(const struct spawn_request *request, const struct strvec *candidates)
{
    struct report report = {.step = STEP_EXEC, .sys = ENOENT};
    for (size_t i = 0; i < candidates->n && !report.there; i++) {
        struct stat st;
        (void)execve(candidates->v[i], request->argv, request->envp);
        int sys = errno;
        bool there = stat(candidates->v[i], &st) == 0;
        if (there || candidates->n == 1 || (sys != ENOENT && sys != ENOTDIR && sys != EACCES)) {
            report = (struct report){.step = STEP_EXEC, .sys = sys, .candidate = i, .there = there};
        }
    }
    return report;
}

static int become(const struct spawn_request *request)
{
    if (request->user && user_become(request->user) != 0) {
        return -1;
    }
    return request->no_new_privs ? prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) : 0;
}

/* When we are killed, the transform must not go on unwatched. As PID 1 the kernel sees to that;
 * else the parent may be gone before the request is made, hence the second look. */
static void die_with_parent(pid_t parent)
{
    if (parent != 1 && prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L) == 0 &&
        getppid() != parent) {
        _exit(127);
    }
}

__attribute__((noreturn)) static void child(const struct spawn_request *request,
                                            const struct strvec *candidates, pid_t parent,
                                            int pipe_fd)
{
    struct report report = {.step = STEP_CWD};
    (void)setpgid(0, 0);
    take_terminal();
    if (request->stderr_fd >= 0) {
        (void)dup2(request->stderr_fd, STDERR_FILENO);
    }
    if (request->cwd_fd >= 0 && fchdir(request->cwd_fd) != 0) {
        report.sys = errno;
    } else if (become(request) != 0) {
        report = (struct report){.step = STEP_USER, .sys = errno};
    } else {
        die_with_parent(parent); /* after the change of user, which undoes it */
        signals_restore();
        report = exec_any(request, candidates);
    }
    (void)!write(pipe_fd, &report, sizeof report);
    _exit(127);
}

static int explain(const struct spawn_request *request, const struct strvec *candidates,
                   const struct report *report, struct err *e)
{
    const char *name = request->argv[0];
    const char *tried = candidates->v[report->candidate];
    int rc;
    if (report->step == STEP_CWD) {
        rc = err_sys(e, ERR_EXEC, report->sys, "the working directory cannot be entered");
        e->exec_status = 126;
        return rc;
    }
    if (report->step == STEP_USER) {
        rc = err_sys(e, ERR_EXEC, report->sys, "the transform's user cannot be taken on");
        e->exec_status = 126;
        return rc;
    }
    bool missing = report->sys == ENOENT || report->sys == ENOTDIR;
    if (report->sys == ENOENT && report->there) {
        rc = err_set(e, ERR_EXEC,
                     "cannot run %s: the interpreter that its first line names is missing",
                     QUOTED(tried));
    } else if (missing && !strchr(name, '/')) {
        rc = err_set(e, ERR_EXEC, "command not found: %s is in no folder of PATH", QUOTED(name));
    } else if (report->sys == ENOEXEC) {
        rc = err_set(e, ERR_EXEC,
                     "cannot run %s: not a program, and no #! line says what should run it",
                     QUOTED(tried));
    } else {
        rc = err_sys(e, ERR_EXEC, report->sys, "cannot run %s", QUOTED(tried));
    }
    e->exec_status = missing ? 127 : 126;
    return rc;
}

int spawn(const struct spawn_request *request, pid_t *pid, struct err *e)
{
    SCOPE(strvec_free) struct strvec candidates = {0};
    if (request->argv[0][0] == '\0') {
        int rc = err_set(e, ERR_EXEC, "the command's first word is empty");
        e->exec_status = 127;
        return rc;
    }
    list_candidates(request, &candidates);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_sys(e, ERR_INTERNAL, errno, "pipe");
    }
    SCOPE_FD int from_child = ends[0];
    SCOPE_FD int to_parent = ends[1];
    pid_t self = getpid();
    pid_t child_pid = fork();
    if (child_pid < 0) {
        return err_sys(e, ERR_INTERNAL, errno, "fork");
    }
    if (child_pid == 0) {
        child(request, &candidates, self, to_parent);
    }
    /* On both sides, so that the group exists whoever runs first: a signal sent to it is never
     * lost. EACCES after the exec is fine, the child has done it then. */
    (void)setpgid(child_pid, child_pid);
    (void)close_now(&to_parent);
    struct report report;
    ssize_t got;
    do {
        got = read(from_child, &report, sizeof report);
    } while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof report) {
        (void)waitpid(child_pid, NULL, 0);
        return explain(request, &candidates, &report, e);
    }
    *pid = child_pid;
    return 0;
}
