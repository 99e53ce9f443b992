/* SPDX-License-Identifier: MIT
 *
 * The supervisor. See supervise.h. The design is the table below; the rest feeds it events.
 */
#include "run/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"
#include "run/status.h"

enum state {
    RUNNING,  /* the transform runs, nobody asked it to stop */
    STOPPING, /* a stop signal was passed on; TERM follows at half the grace */
    TERMED,   /* TERM was sent; KILL follows at the end of the grace */
    DRAINING, /* it is gone, its leftovers were sent TERM; KILL follows after the drain */
    KILLED,   /* KILL was sent, and is sent again while anybody is left */
    DONE,     /* ECHILD: nobody is left */
};
enum { STATE_COUNT = DONE + 1 };

enum event {
    EV_STOP,     /* INT, TERM, HUP or QUIT for us */
    EV_FORWARD,  /* any other signal for us */
    EV_MAIN,     /* the transform ended */
    EV_NOBODY,   /* no child is left */
    EV_DEADLINE, /* the state's time is over */
};
enum { EVENT_COUNT = EV_DEADLINE + 1 };

struct supervisor {
    pid_t main_pid;
    struct family *family;
    int64_t grace_ns;
    int64_t drain_ns;
    int64_t stop_end_ns; /* when the grace of a stop under way ends; 0 without a stop */
    int64_t deadline_ns; /* when EV_DEADLINE comes; 0 = never */
    int signo;           /* of the signal event at hand */
    enum state state;
    struct transform *out;
};

/* KILL is repeated this often: a process can be forking while the list of processes is read. */
static const int64_t KILL_AGAIN_NS = 100 * NS_PER_MS;

static void act_none(struct supervisor *s)
{
    (void)s;
}

static void act_forward(struct supervisor *s)
{
    family_signal_group(s->main_pid, s->signo);
}

/* A stopped process cannot obey: CONT goes with every request to end. */
static void act_stop(struct supervisor *s)
{
    int64_t now = clock_monotonic_ns();
    family_signal_group(s->main_pid, s->signo);
    family_signal_group(s->main_pid, SIGCONT);
    s->stop_end_ns = now + s->grace_ns;
    s->deadline_ns = now + s->grace_ns / 2;
}

static void act_stop_again(struct supervisor *s)
{
    int64_t now = clock_monotonic_ns();
    family_signal_group(s->main_pid, s->signo);
    family_signal_group(s->main_pid, SIGCONT);
    s->stop_end_ns = now + (s->stop_end_ns - now) / 2;
    s->deadline_ns = now + (s->deadline_ns - now) / 2;
}

static void act_term(struct supervisor *s)
{
    family_signal_group(s->main_pid, SIGTERM);
    family_signal_group(s->main_pid, SIGCONT);
    s->deadline_ns = s->stop_end_ns;
}

static void act_kill(struct supervisor *s)
{
    family_signal_group(s->out->ended ? 0 : s->main_pid, SIGKILL);
    family_signal_all(s->family, SIGKILL);
    s->deadline_ns = clock_monotonic_ns() + KILL_AGAIN_NS;
}

/* The drain, and never longer than what is left of a stop's grace. */
static void act_drain(struct supervisor *s)
{
    family_signal_all(s->family, SIGTERM);
    family_signal_all(s->family, SIGCONT);
    int64_t end = clock_monotonic_ns() + s->drain_ns;
    s->deadline_ns = s->stop_end_ns && s->stop_end_ns < end ? s->stop_end_ns : end;
}

static void act_drain_short(struct supervisor *s)
{
    int64_t now = clock_monotonic_ns();
    s->deadline_ns = now + (s->deadline_ns - now) / 2;
}

static void act_done(struct supervisor *s)
{
    s->deadline_ns = 0;
}

static const struct transition {
    void (*act)(struct supervisor *s);
    enum state next;
} TABLE[STATE_COUNT][EVENT_COUNT] = {
    /* clang-format off */
    /*             EV_STOP                      EV_FORWARD               EV_MAIN
                   EV_NOBODY                    EV_DEADLINE */
    [RUNNING]  = {{act_stop, STOPPING},        {act_forward, RUNNING},  {act_drain, DRAINING},
                  {act_done, DONE},            {act_none, RUNNING}},
    [STOPPING] = {{act_stop_again, STOPPING},  {act_forward, STOPPING}, {act_drain, DRAINING},
                  {act_done, DONE},            {act_term, TERMED}},
    [TERMED]   = {{act_stop_again, TERMED},    {act_forward, TERMED},   {act_drain, DRAINING},
                  {act_done, DONE},            {act_kill, KILLED}},
    [DRAINING] = {{act_drain_short, DRAINING}, {act_none, DRAINING},    {act_none, DRAINING},
                  {act_done, DONE},            {act_kill, KILLED}},
    [KILLED]   = {{act_none, KILLED},          {act_none, KILLED},      {act_none, KILLED},
                  {act_done, DONE},            {act_kill, KILLED}},
    [DONE]     = {{act_none, DONE},            {act_none, DONE},        {act_none, DONE},
                  {act_none, DONE},            {act_none, DONE}},
    /* clang-format on */
};

static void handle(struct supervisor *s, enum event event)
{
    const struct transition *t = &TABLE[s->state][event];
    t->act(s);
    s->state = t->next;
}

bool supervise_prepare(struct family *family)
{
    family_open(family);
    return getpid() == 1 || prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) == 0;
}

/* Takes every child that ended. SIGCHLDs coalesce, so always until nothing is left to take; the
 * transform is looked for inside the loop. The leftovers' TERM is decided only after the loop:
 * mostly there are none. */
static void reap(struct supervisor *s)
{
    bool main_ended = false;
    for (;;) {
        int wait_status;
        pid_t pid = waitpid(-1, &wait_status, WNOHANG);
        if (pid < 0 && errno == ECHILD) {
            handle(s, EV_NOBODY);
            return;
        }
        if (pid <= 0) {
            break;
        }
        family_forget(s->family, pid);
        if (pid == s->main_pid && !s->out->ended) {
            s->out->ended = status_decode(wait_status, s->out);
            main_ended = s->out->ended;
        } else if (s->out->ended) {
            s->out->leftovers++;
        }
    }
    if (s->out->ended && s->family->n > 0 && family_gone(s->family)) {
        handle(s, EV_NOBODY);
    } else if (main_ended) {
        handle(s, EV_MAIN);
    }
}

static void read_signals(struct supervisor *s)
{
    for (int signo = signals_next(); signo != 0; signo = signals_next()) {
        s->signo = signo;
        if (signal_is_stop(signo)) {
            handle(s, EV_STOP);
        } else if (signal_is_forwarded(signo)) {
            handle(s, EV_FORWARD);
        }
    }
}

/* The job's time being over is a stop request that nobody sent. */
static void look_at_clock(struct supervisor *s)
{
    int64_t now = clock_monotonic_ns();
    if (s->state == RUNNING && stop_deadline_ns() != 0 && now >= stop_deadline_ns()) {
        s->out->timed_out = true;
        s->signo = SIGTERM;
        handle(s, EV_STOP);
    } else if (s->state != DONE && s->deadline_ns != 0 && now >= s->deadline_ns) {
        handle(s, EV_DEADLINE);
    }
}

/* Milliseconds until something is due, rounded up; -1 = never. */
static int time_left_ms(const struct supervisor *s)
{
    int64_t due = s->state == RUNNING ? stop_deadline_ns() : s->deadline_ns;
    if (due == 0) {
        return -1;
    }
    int64_t left = due - clock_monotonic_ns();
    if (left > 3600 * NS_PER_S) {
        left = 3600 * NS_PER_S; /* what poll takes is an int */
    }
    return left <= 0 ? 0 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
}

int supervise(pid_t main_pid, struct family *family, int64_t grace_ns, int64_t drain_ns,
              struct tail *tail, struct transform *out, struct err *e)
{
    struct supervisor s = {.main_pid = main_pid,
                           .family = family,
                           .grace_ns = grace_ns,
                           .drain_ns = drain_ns,
                           .out = out};
    struct pollfd wake[2] = {{.fd = signals_fd(), .events = POLLIN}};
    reap(&s); /* what ended before the signalfd was looked at */
    while (s.state != DONE) {
        bool relaying = tail_pump(tail, &wake[1].fd, &wake[1].events);
        int n = poll(wake, relaying ? 2 : 1, time_left_ms(&s));
        if (n < 0 && errno != EINTR) {
            family_signal_group(main_pid, SIGKILL);
            return err_sys(e, ERR_INTERNAL, errno, "poll");
        }
        read_signals(&s);
        reap(&s);
        look_at_clock(&s);
    }
    return out->ended ? 0 : err_set(e, ERR_INTERNAL, "the transform's status was lost");
}
