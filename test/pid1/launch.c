/* SPDX-License-Identifier: MIT
 *
 * Starts the init under test, as PID 1 of a new namespace or as an ordinary process, and ends it.
 * The harness is a subreaper: a process that the init did not adopt comes to us and is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "conform.h"

extern char **environ;

enum { MAX_WORDS = 160, CANNOT_START = 96 };

/* INIT, the agent's options behind its first word ("run"), the command. */
static void build_argv(const struct start *start, char **argv)
{
    char *const ordinary[] = {"--ml-root", opt.ml, NULL};
    size_t n = 0;
    for (size_t i = 0; !start->bare && opt.init[i] && n < MAX_WORDS / 2; i++) {
        argv[n++] = opt.init[i];
        if (i == 1 && !opt.peer) {
            char *const *options = start->options ? start->options : ordinary;
            for (size_t k = 0; options[k] && n < MAX_WORDS / 2; k++) {
                argv[n++] = options[k];
            }
        }
    }
    for (size_t i = 0; start->command[i] && n < MAX_WORDS - 1; i++) {
        argv[n++] = start->command[i];
    }
    argv[n] = NULL;
}

static void write_self(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, text, strlen(text));
        (void)close(fd);
    }
}

static bool enter_namespace(uid_t uid, gid_t gid)
{
    if (!opt.root) {
        char map[64];
        write_self("/proc/self/setgroups", "deny");
        (void)snprintf(map, sizeof map, "0 %u 1", uid);
        write_self("/proc/self/uid_map", map);
        (void)snprintf(map, sizeof map, "0 %u 1", gid);
        write_self("/proc/self/gid_map", map);
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

static void place_fd(int fd, int target)
{
    if (fd == FD_CLOSED) {
        (void)close(target);
    } else if (dup2(fd, target) != target) {
        _exit(CANNOT_START);
    }
}

static void reset_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int s = 1; s < _NSIG; s++) {
        (void)sigaction(s, &plain, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become_init(const struct start *start, char **argv,
                                                  const int fds[3], uid_t uid, gid_t gid)
{
    reset_signals();
    if (opt.pid1 && !enter_namespace(uid, gid)) {
        _exit(CANNOT_START);
    }
    (void)setsid(); /* a stray kill(0) or a grab for the terminal must not reach our caller */
    if (start->cwd && chdir(start->cwd) != 0) {
        _exit(CANNOT_START);
    }
    for (int i = 0; i < 3; i++) {
        place_fd(fds[i], i);
    }
    if (start->before) {
        start->before(start->arg);
    }
    (void)execvpe(argv[0], argv, start->envp ? start->envp : environ);
    _exit(CANNOT_START);
}

static pid_t new_process(void)
{
    if (!opt.pid1) {
        return fork();
    }
    long flags = CLONE_NEWPID | CLONE_NEWNS | (opt.root ? 0 : CLONE_NEWUSER) | SIGCHLD;
    return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
}

/* Appending, so that lines of several processes do not overwrite each other. */
static int capture(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

bool launch(const struct start *start, struct run *run)
{
    char *argv[MAX_WORDS];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    uid_t uid = geteuid();
    gid_t gid = getegid();
    build_argv(start, argv);
    *run = (struct run){.pidfd = -1, .out = capture("stdout"), .err = capture("stderr")};
    const int fds[3] = {start->in == FD_DEFAULT ? null : start->in,
                        start->out == FD_DEFAULT ? run->out : start->out,
                        start->err == FD_DEFAULT ? run->err : start->err};
    run->began_ns = now_ns();
    run->pid = new_process();
    if (run->pid == 0) {
        become_init(start, argv, fds, uid, gid);
    }
    int error = errno;
    (void)close(null);
    if (run->pid < 0) {
        run->ended = true;
        return check(false, "cannot make a process: %s", strerror(error));
    }
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    return check(run->pidfd >= 0, "pidfd_open: %s", strerror(errno));
}

bool wait_ready(const struct run *run)
{
    return check(wait_text(run->out, "ready", opt.patience_ms), "no answer from the command");
}

static void take_status(struct run *run)
{
    int status = 0;
    (void)waitpid(run->pid, &status, 0);
    run->ended_ns = now_ns();
    run->ended = true;
    run->status = WIFSIGNALED(status) ? DIED + WTERMSIG(status) : WEXITSTATUS(status);
}

bool wait_end(struct run *run, int ms)
{
    struct pollfd p = {.fd = run->pidfd, .events = POLLIN};
    if (run->ended) {
        return true;
    }
    if (run->pidfd < 0 || poll(&p, 1, ms) != 1) {
        return false;
    }
    take_status(run);
    return true;
}

bool expect_status(struct run *run, int status, const char *what)
{
    if (!wait_end(run, opt.patience_ms)) {
        note_hang();
        return check(false, "%s: still there after %d ms", what, opt.patience_ms);
    }
    return run->status >= DIED
               ? check(false, "%s: the init was killed by signal %d", what, run->status - DIED)
               : check(run->status == status, "%s: status %d instead of %d", what, run->status,
                       status);
}

/* Children we have beside living inits: none. What is there came to us as its subreaper. */
static int end_strays(void)
{
    int strays = 0;
    int64_t end = now_ms() + 5000;
    for (;;) {
        pid_t pids[256];
        size_t n = children_of(getpid(), pids, sizeof pids / sizeof *pids);
        for (size_t i = 0; i < n; i++) {
            (void)kill(pids[i], SIGKILL);
        }
        pid_t gone;
        while ((gone = waitpid(-1, NULL, WNOHANG)) > 0) {
            strays++;
        }
        if (gone < 0 || now_ms() > end) {
            return strays;
        }
        nap_ms(1);
    }
}

void finish(struct run *run)
{
    if (!run->ended) {
        (void)kill(run->pid, SIGKILL);
        take_status(run);
    }
    run->strays = end_strays();
    if (run->pidfd >= 0) {
        (void)close(run->pidfd);
    }
    (void)close(run->out);
    (void)close(run->err);
}

static bool run_it(const struct start *start, int status, const char *what, bool may_leave)
{
    struct run run;
    bool ok = launch(start, &run) && expect_status(&run, status, what);
    finish(&run);
    return ok && check(may_leave || run.strays == 0, "%s: %d processes left or not adopted", what,
                       run.strays);
}

bool run_for_status(const struct start *start, int status, const char *what)
{
    return run_it(start, status, what, false);
}

bool run_and_leave(const struct start *start, int status, const char *what)
{
    return run_it(start, status, what, opt.peer);
}
