/* SPDX-License-Identifier: MIT
 *
 * Programs of our own choosing. See program.h.
 */
#include "base/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/scope.h"
#include "base/signals.h"

enum { LOOK_MS = 100, READ_SIZE = 16 * 1024 };

/* A child's signals are as in a shell: nothing blocked, nothing ignored. */
static void set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(attributes, &none);
    (void)posix_spawnattr_setsigdefault(attributes, &all);
    (void)posix_spawnattr_setpgroup(attributes, 0);
    (void)posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETPGROUP);
}

static int start(const struct program *p, int out_fd, pid_t *pid, struct err *e)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_init(&files);
    set_signals(&attributes);
    int sys = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    sys = sys ? sys : posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
    if (sys == 0 && p->cwd) {
        sys = posix_spawn_file_actions_addchdir_np(&files, p->cwd);
    }
    sys = sys ? sys : posix_spawn(pid, p->argv[0], &files, &attributes, p->argv, p->envp);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    return sys ? err_sys(e, ERR_INTERNAL, sys, "cannot run %s", QUOTED(p->argv[0])) : 0;
}

/* 0 while there is time and nobody wants us to end. */
static int may_go_on(const struct program *p, int64_t end_ns, struct err *e)
{
    if (end_ns > 0 && clock_monotonic_ns() >= end_ns) {
        return err_set(e, ERR_INTERNAL, "%s does not come to its end", QUOTED(p->argv[0]));
    }
    return stop_check(e);
}

/* Reads what it says until it has closed its stdout, then waits for its end. */
static int follow(const struct program *p, int from, int pid_fd, struct str *out, struct err *e)
{
    int64_t end_ns = p->limit_ns > 0 ? clock_monotonic_ns() + p->limit_ns : 0;
    char buf[READ_SIZE];
    bool open = from >= 0;
    int rc = 0;
    while ((rc = may_go_on(p, end_ns, e)) == 0) {
        struct pollfd fds[2] = {{.fd = pid_fd, .events = POLLIN},
                                {.fd = open ? from : -1, .events = POLLIN}};
        (void)poll(fds, 2, LOOK_MS);
        if (fds[1].revents != 0) {
            ssize_t got = io_read_some(from, buf, sizeof buf);
            open = got > 0;
            if (got > 0) {
                str_add(out, buf, (size_t)got);
            }
        } else if (fds[0].revents != 0) {
            return 0;
        }
    }
    return rc;
}

int program_run(const struct program *p, struct str *out, int *status, struct err *e)
{
    int ends[2] = {-1, -1};
    if (out && pipe2(ends, O_CLOEXEC) != 0) {
        return err_sys(e, ERR_INTERNAL, errno, "pipe");
    }
    SCOPE_FD int from = ends[0];
    SCOPE_FD int to = ends[1];
    pid_t pid = -1;
    int rc = start(p, out ? to : STDERR_FILENO, &pid, e);
    if (rc != 0) {
        return rc;
    }
    scope_close(&to);
    to = -1;
    SCOPE_FD int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    rc = pid_fd < 0 ? err_sys(e, ERR_INTERNAL, errno, "pidfd_open")
                    : follow(p, from, pid_fd, out, e);
    if (rc != 0) {
        (void)kill(-pid, SIGKILL);
    }
    int raw = 0;
    while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
    }
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return rc;
}
