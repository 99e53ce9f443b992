/* SPDX-License-Identifier: MIT
 *
 * Signals: blocked, queued, read from one descriptor. See signals.h.
 */
#include "base/signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

static int fd = -1;
static pthread_t first_thread; /* who called signals_init, once `fd` is set */
static atomic_int first_stop;
static _Atomic int64_t deadline_ns;
static _Thread_local const atomic_bool *unwanted; /* see stop_when */
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
    first_thread = pthread_self();
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
    if (signal_is_stop(signo) && first_stop == 0) {
        first_stop = signo;
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

/* Every signal is read once and by whoever comes first, and the first thread may be the supervisor,
 * who has to pass it on: another thread that read would take it away from the transform. */
int stop_signal(void)
{
    bool reads = fd >= 0 && pthread_equal(pthread_self(), first_thread);
    while (reads && first_stop == 0 && signals_next() != 0) {
    }
    return first_stop;
}

void stop_settle(void)
{
    (void)stop_signal();
    first_stop = 0;
    deadline_ns = 0;
}

void stop_set_deadline(int64_t monotonic_ns)
{
    deadline_ns = monotonic_ns;
}

int64_t stop_deadline_ns(void)
{
    return deadline_ns;
}

void stop_when(const atomic_bool *flag)
{
    unwanted = flag;
}

int stop_check(struct err *e)
{
    if (unwanted && *unwanted) {
        int rc = err_set(e, ERR_STOPPED, "not wanted any more");
        e->signo = 0;
        return rc;
    }
    int signo = stop_signal();
    int64_t end = deadline_ns;
    if (signo == 0 && end != 0 && clock_monotonic_ns() >= end) {
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
