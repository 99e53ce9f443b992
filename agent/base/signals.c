/* SPDX-License-Identifier: MIT
 *
 * Signals: blocked, queued, read from one descriptor. See signals.h.
 */
#include "base/signals.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

static int fd = -1;
static atomic_int first_stop;
static int64_t deadline_ns;
static sigset_t entry_mask;
static bool entry_ignored[_NSIG];

static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

/* A data file must not land on fd 0..2, where a stray write to "stderr" would ruin it. */
static int open_std_fds(struct err *e)
{
    for (int std = 0; std <= 2; std++) {
        if (fcntl(std, F_GETFD) == -1 && open("/dev/null", O_RDWR) != std) {
            return err_sys(e, ERR_INTERNAL, errno, "/dev/null");
        }
    }
    return 0;
}

static void remember_entry(void)
{
    (void)sigprocmask(SIG_SETMASK, NULL, &entry_mask);
    for (int s = 1; s < _NSIG; s++) {
        struct sigaction now;
        entry_ignored[s] = sigaction(s, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
    }
}

int signals_init(struct err *e)
{
    remember_entry();
    /* With SIGCHLD ignored the kernel reaps by itself, waitpid says ECHILD and the status is
     * lost. */
    struct sigaction plain = {.sa_handler = SIG_DFL};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGCHLD, &plain, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    sigset_t all;
    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
        (void)sigdelset(&all, FAULTS[i]);
    }
    /* Linux queues a blocked signal even when its disposition is to ignore it, so an INT reaches us
     * also as a shell's background job; dispositions need no change for that. */
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    if (open_std_fds(e) != 0) {
        return -ERR_INTERNAL;
    }
    fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return err_sys(e, ERR_INTERNAL, errno, "signalfd");
    }
    return 0;
}

int signals_fd(void)
{
    return fd;
}

int signals_next(void)
{
    struct signalfd_siginfo info;
    if (fd < 0 || read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return 0;
    }
    int signo = (int)info.ssi_signo;
    int none = 0;
    if (signal_is_stop(signo)) {
        (void)atomic_compare_exchange_strong(&first_stop, &none, signo);
    }
    return signo;
}

void signals_restore(void)
{
    for (int s = 1; s < _NSIG; s++) {
        if (s == SIGKILL || s == SIGSTOP) {
            continue;
        }
        bool ignore = entry_ignored[s] && s != SIGCHLD;
        struct sigaction action = {.sa_handler = ignore ? SIG_IGN : SIG_DFL};
        (void)sigaction(s, &action, NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &entry_mask, NULL);
}

bool signal_is_stop(int signo)
{
    /* nohup's way of asking: a HUP that was ignored at entry ends nothing. */
    bool hup = signo == SIGHUP && !entry_ignored[SIGHUP];
    return hup || signo == SIGINT || signo == SIGTERM || signo == SIGQUIT;
}

bool signal_is_forwarded(int signo)
{
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
        if (signo == FAULTS[i]) {
            return false;
        }
    }
    return signo != SIGCHLD && signo != SIGTTIN && signo != SIGTTOU;
}

int stop_signal(void)
{
    while (atomic_load(&first_stop) == 0 && signals_next() != 0) {
    }
    return atomic_load(&first_stop);
}

void stop_set_deadline(int64_t monotonic_ns)
{
    deadline_ns = monotonic_ns;
}

int64_t stop_deadline_ns(void)
{
    return deadline_ns;
}

int stop_check(struct err *e)
{
    int signo = stop_signal();
    if (signo == 0 && deadline_ns != 0 && clock_monotonic_ns() >= deadline_ns) {
        return err_set(e, ERR_TIMEOUT, "the job's time is over");
    }
    if (signo == 0) {
        return 0;
    }
    char name[16];
    int rc = err_set(e, ERR_STOPPED, "stopped by %s", signal_name(name, sizeof name, signo));
    e->signo = signo;
    return rc;
}

const char *signal_name(char *buf, size_t size, int signo)
{
    const char *abbrev = signo > 0 && signo < 32 ? sigabbrev_np(signo) : NULL;
    if (abbrev) {
        (void)snprintf(buf, size, "SIG%s", abbrev);
    } else if (signo >= SIGRTMIN && signo <= SIGRTMAX) {
        (void)snprintf(buf, size, "SIGRTMIN+%d", signo - SIGRTMIN);
    } else {
        (void)snprintf(buf, size, "signal %d", signo);
    }
    return buf;
}
