/* SPDX-License-Identifier: MIT
 *
 * C15 to C19: signals while the command runs, and stops. C17, a stop during staging, is in
 * case_outputs.c with the other stages.
 */
#include <errno.h>
#include <fcntl.h>

#include "conform.h"

static char *options_buffer[8];

/* --ml-root and [run] grace. */
static char *const *with_grace(const char *grace)
{
    free(options_buffer[3]);
    options_buffer[0] = "--ml-root";
    options_buffer[1] = opt.ml;
    options_buffer[2] = "--set";
    options_buffer[3] = format("run.grace=%s", grace);
    return options_buffer;
}

/* ---- C15 ---- */

struct listening {
    struct run run;
    int in; /* closing it ends the listeners */
};

static bool start_listening(struct listening *l)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    struct start start = {.command = HELP("listen"), .options = with_grace("60s"), .in = ends[0]};
    bool ok = launch(&start, &l->run);
    (void)close(ends[0]);
    l->in = ends[1];
    return ok && check(wait_text(l->run.out, "L ready\n", opt.patience_ms) &&
                           wait_text(l->run.out, "M ready\n", opt.patience_ms),
                       "the listeners did not come up");
}

/* Sends a signal, waits until leader and member have it. */
static void send_to_both(struct listening *l, int signo)
{
    static const char NAMES[] = "LM";
    (void)kill(l->run.pid, signo);
    for (int i = 0; i < 2; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "%c %d\n", NAMES[i], signo);
        (void)check(wait_text(l->run.out, line, opt.peer ? 1000 : 5000),
                    "signal %d: %s has not got it", signo,
                    i ? "the group's member" : "the command");
    }
}

static void stop_listening(struct listening *l, int status)
{
    (void)close(l->in);
    (void)expect_status(&l->run, status, "listen");
    finish(&l->run);
}

static void expect_once(const struct listening *l, int signo)
{
    static const char NAMES[] = "LM";
    for (int i = 0; i < 2; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "%c %d", NAMES[i], signo);
        int n = count_lines(l->run.out, line);
        (void)check(n <= 1, "signal %d came %d times", signo, n);
    }
}

static bool is_ordinary(int signo)
{
    static const int OTHERS[] = {SIGKILL, SIGSTOP, SIGCHLD, 32,      33,      SIGSEGV, SIGBUS,
                                 SIGFPE,  SIGILL,  SIGTRAP, SIGSYS,  SIGABRT, SIGTTIN, SIGTTOU,
                                 SIGHUP,  SIGINT,  SIGQUIT, SIGTERM};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        if (signo == OTHERS[i]) {
            return false;
        }
    }
    return true;
}

static void ordinary_signals(int arg)
{
    (void)arg;
    struct listening l;
    if (start_listening(&l)) {
        /* Three that were lost are proof enough, each was waited for. */
        for (int signo = 1; signo <= 64 && notes() < 3; signo++) {
            if (is_ordinary(signo)) {
                send_to_both(&l, signo);
            }
        }
        for (int signo = 1; signo <= 64; signo++) {
            expect_once(&l, signo);
        }
    }
    stop_listening(&l, 0);
}

/* Those that ask to end: CONT may come with them. A command that then exits with 0, and nothing to
 * do afterwards, is 0. */
static void stop_signals(int arg)
{
    static const int SIGNALS[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    (void)arg;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS && notes() < 3; i++) {
        struct listening l;
        if (start_listening(&l)) {
            send_to_both(&l, SIGNALS[i]);
            nap_ms(20); /* time for a second one, if any */
            expect_once(&l, SIGNALS[i]);
        }
        stop_listening(&l, 0);
    }
}

static void tstp_and_cont(int arg)
{
    (void)arg;
    struct run run;
    struct start start = {.command = HELP("hold")};
    if (launch(&start, &run) && wait_ready(&run)) {
        pid_t child = first_child(run.pid);
        (void)kill(run.pid, SIGTSTP);
        (void)wait_state(child, 'T', 500); /* an orphaned group is not stopped: fine as well */
        (void)check(process_state(run.pid) != 'T', "the init itself was stopped");
        (void)kill(run.pid, SIGCONT);
        (void)check(wait_state(child, 'S', opt.patience_ms), "the command does not go on");
        (void)kill(run.pid, SIGTERM);
        (void)expect_status(&run, 143, "TERM after TSTP and CONT");
    }
    finish(&run);
}

/* ---- C16 ---- */

static void generations(int signo)
{
    struct run run;
    struct start start = {.command = HELP("tree"), .options = with_grace("60s")};
    if (launch(&start, &run) && check(wait_text(run.out, "A ready\n", opt.patience_ms) &&
                                          wait_text(run.out, "B ready\n", opt.patience_ms) &&
                                          wait_text(run.out, "C ready\n", opt.patience_ms),
                                      "no family came up")) {
        (void)kill(run.pid, SIGCHLD);
        (void)kill(run.pid, SIGUSR1);
        (void)check(wait_text(run.out, "A 10\n", opt.peer ? 2000 : 5000), "USR1 did not come");
        (void)kill(run.pid, signo);
        (void)expect_status(&run, 128 + signo, "the grandchild's signal");
        (void)check(!has_line(run.out, "C 17"), "SIGCHLD was passed on");
    }
    finish(&run);
}

/* ---- C18 ---- */

/* When the stubborn command saw a signal, in ms of CLOCK_MONOTONIC; 0 = never. */
static int64_t seen_at(const struct run *run, int signo, int64_t after)
{
    char word[32];
    int64_t at = 0;
    char *text = text_of(run->out, NULL);
    (void)snprintf(word, sizeof word, "\n%d at ", signo);
    for (const char *p = text; at == 0 && (p = strstr(p, word)); p++) {
        int64_t when = strtoll(p + strlen(word), NULL, 10);
        at = when >= after ? when : 0;
    }
    free(text);
    return at;
}

/* Stops a stubborn command with a grace of 2 s. */
static void ignores_stop(int signo)
{
    enum { GRACE_MS = 2000, EARLY_MS = 100, LATE_MS = 1000 };
    for (int attempt = 0; once_more(&attempt);) {
        struct run run;
        struct start start = {.command = HELP("stubborn"), .options = with_grace("2s")};
        if (launch(&start, &run) && wait_ready(&run)) {
            int64_t sent = now_ms();
            (void)kill(run.pid, signo);
            (void)expect_status(&run, 137, "KILL at the end of the grace");
            int64_t took = run.ended_ns / 1000000 - sent;
            int64_t term = seen_at(&run, SIGTERM, sent + (signo == SIGTERM ? GRACE_MS / 4 : 0));
            (void)check(seen_at(&run, signo, sent) != 0, "signal %d did not come", signo);
            (void)check(signo == SIGTERM || term != 0, "no TERM followed");
            (void)check(term == 0 || (term - sent >= GRACE_MS / 2 - EARLY_MS &&
                                      term - sent <= GRACE_MS / 2 + LATE_MS),
                        "TERM came after %lld ms", (long long)(term - sent));
            (void)check(!run.ended || (took >= GRACE_MS - EARLY_MS && took <= GRACE_MS + LATE_MS),
                        "ended after %lld ms", (long long)took);
        }
        finish(&run);
        (void)check(run.strays == 0, "%d processes left", run.strays);
    }
}

static void ends_early(int signo)
{
    for (int attempt = 0; once_more(&attempt);) {
        struct run run;
        struct start start = {.command = HELP("obey", "200", "7"), .options = with_grace("30s")};
        if (launch(&start, &run) && wait_ready(&run)) {
            int64_t sent = now_ms();
            (void)kill(run.pid, signo);
            (void)expect_status(&run, 7, "a command that obeys");
            int64_t took = run.ended_ns / 1000000 - sent;
            (void)check(!run.ended || took < 1000, "ended after %lld ms", (long long)took);
        }
        finish(&run);
    }
}

/* A second stop signal halves what is left of the grace: 4 s become 2. */
static void second_signal(int signo)
{
    char line[32];
    (void)snprintf(line, sizeof line, "\n%d at ", signo);
    for (int attempt = 0; once_more(&attempt);) {
        struct run run;
        struct start start = {.command = HELP("stubborn"), .options = with_grace("4s")};
        if (launch(&start, &run) && wait_ready(&run)) {
            int64_t sent = now_ms();
            for (int i = 0; i < 2; i++) {
                (void)kill(run.pid, signo);
                (void)check(wait_text(run.out, line, 5000), "signal %d did not come", signo);
                nap_ms(50); /* else the two are one */
            }
            (void)expect_status(&run, 137, "KILL at the end of the grace");
            int64_t took = run.ended_ns / 1000000 - sent;
            (void)check(!run.ended || (took >= 1500 && took < 3500), "ended after %lld ms",
                        (long long)took);
        }
        finish(&run);
    }
}

/* ---- C19 ---- */

static void stopped_then_stop(int signo)
{
    struct run run;
    struct start start = {.command = HELP("stop", "4")};
    if (launch(&start, &run)) {
        int64_t end = now_ms() + opt.patience_ms;
        while (first_child(run.pid) == 0 && now_ms() < end) {
            nap_ms(1);
        }
        if (check(wait_state(first_child(run.pid), 'T', opt.patience_ms), "it did not stop")) {
            (void)kill(run.pid, signo);
            (void)expect_status(&run, 128 + signo, "a stopped command, asked to end");
        }
    }
    finish(&run);
}

/* Two wake-ups a second are idle enough here; C28 counts them. */
static void merely_stopped(int arg)
{
    (void)arg;
    struct run run;
    struct start start = {.command = HELP("stop", "4")};
    if (launch(&start, &run)) {
        int64_t end = now_ms() + opt.patience_ms;
        while (first_child(run.pid) == 0 && now_ms() < end) {
            nap_ms(1);
        }
        pid_t child = first_child(run.pid);
        if (check(wait_state(child, 'T', opt.patience_ms), "it did not stop")) {
            (void)wait_state(run.pid, 'S', opt.patience_ms);
            nap_ms(100); /* the init looks at the stop once */
            long before = process_switches(run.pid);
            (void)check(!wait_end(&run, 1000), "the init left a stopped command");
            long switches = process_switches(run.pid) - before;
            (void)check(run.ended || switches <= 2, "%ld wake-ups in a second", switches);
            (void)kill(child, SIGCONT);
            (void)expect_status(&run, 4, "a command that was stopped and continued");
        }
    }
    finish(&run);
}

const struct conform_case SIGNAL_CASES[] = {
    {"C15", "each signal of 1 to 64 reaches the group once", ordinary_signals, 0, 0},
    {"C15", "HUP, INT, QUIT, TERM reach the group once", stop_signals, 0, 0},
    {"C15", "after TSTP and CONT the init is responsive", tstp_and_cont, 0, 0},
    {"C16", "TERM reaches grandchildren, CHLD nobody", generations, SIGTERM, 0},
    {"C16", "INT reaches grandchildren, CHLD nobody", generations, SIGINT, 0},
    {"C18", "TERM ignored: KILL at the end of the grace, 137", ignores_stop, SIGTERM, 0},
    {"C18", "INT ignored: TERM at half of the grace, KILL at its end", ignores_stop, SIGINT, 0},
    {"C18", "TERM obeyed early: grace of 30 s is not waited for", ends_early, SIGTERM, 0},
    {"C18", "INT obeyed early: grace of 30 s is not waited for", ends_early, SIGINT, 0},
    {"C18", "a second TERM shortens the grace", second_signal, SIGTERM, AGENT_ONLY},
    {"C18", "a second INT shortens the grace", second_signal, SIGINT, AGENT_ONLY},
    {"C19", "a stopped command is continued to obey TERM", stopped_then_stop, SIGTERM, 0},
    {"C19", "a stopped command is continued to obey INT", stopped_then_stop, SIGINT, 0},
    {"C19", "a command merely stopped: the init idles and waits", merely_stopped, 0, 0},
    {0},
};
