/* SPDX-License-Identifier: MIT
 *
 * C07 to C11 and C13: what the command finds when it starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "conform.h"

/* ---- C07, C08 ---- */

static void set_signal(int signo, bool ignore, bool block)
{
    sigset_t set;
    struct sigaction action = {.sa_handler = ignore ? SIG_IGN : SIG_DFL};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, signo);
    (void)sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    (void)sigaction(signo, &action, NULL);
}

static void dirty_state(void *arg)
{
    (void)arg;
    set_signal(SIGPIPE, true, false);
    set_signal(SIGHUP, true, false);
    set_signal(SIGUSR1, true, true);
    set_signal(SIGTSTP, false, true);
    set_signal(SIGALRM, true, false);
    set_signal(40, true, false);
    set_signal(41, false, true);
}

static void chld_ignored(void *arg)
{
    (void)arg;
    set_signal(SIGCHLD, true, false);
}

static void chld_blocked(void *arg)
{
    (void)arg;
    set_signal(SIGCHLD, false, true);
}

static uint64_t bit(int signo)
{
    return 1ull << (signo - 1);
}

/* "SigIgn:\t0000000000001000" */
static uint64_t set_of(const char *report, const char *name)
{
    const char *at = strstr(report, name);
    return at ? strtoull(at + strlen(name) + 1, NULL, 16) : ~0ull;
}

static void signal_sets(void (*before)(void *), uint64_t blocked, uint64_t ignored)
{
    struct run run;
    struct start start = {.command = HELP("report"), .before = before};
    if (launch(&start, &run) && expect_status(&run, 0, "report")) {
        char *report = text_of(run.out, NULL);
        uint64_t has_blocked = set_of(report, "SigBlk:");
        /* The libc's own pair: glibc's posix_spawn (make's) leaves it ignored, for good. */
        const uint64_t libc_pair = UINT64_C(3) << 31;
        uint64_t has_ignored = set_of(report, "SigIgn:") & ~libc_pair;
        uint64_t has_caught = set_of(report, "SigCgt:");
        (void)check(has_blocked == blocked, "blocked %llx instead of %llx",
                    (unsigned long long)has_blocked, (unsigned long long)blocked);
        (void)check(has_ignored == ignored, "ignored %llx instead of %llx",
                    (unsigned long long)has_ignored, (unsigned long long)ignored);
        (void)check(has_caught == 0, "caught %llx", (unsigned long long)has_caught);
        free(report);
    }
    finish(&run);
}

static void clean_sets(int arg)
{
    (void)arg;
    signal_sets(NULL, 0, 0);
}

static void dirty_sets(int arg)
{
    (void)arg;
    signal_sets(dirty_state, bit(SIGUSR1) | bit(SIGTSTP) | bit(41),
                bit(SIGPIPE) | bit(SIGHUP) | bit(SIGUSR1) | bit(SIGALRM) | bit(40));
}

static void chld_sets(int arg)
{
    (void)arg;
    signal_sets(chld_ignored, 0, 0);
}

static void chld_status(int blocked)
{
    struct start start = {.command = HELP("exit", "5"),
                          .before = blocked ? chld_blocked : chld_ignored};
    (void)run_for_status(&start, 5, "exit 5");
}

/* ---- C09 ---- */

static void spin_us(int us)
{
    int64_t end = now_ns() + (int64_t)us * 1000;
    while (now_ns() < end) {
    }
}

/* False when the init ended or nothing came in time. */
static bool wait_child(const struct run *run)
{
    int64_t end = now_ms() + opt.patience_ms;
    while (first_child(run->pid) == 0) {
        char state = process_state(run->pid);
        if (state == 0 || state == 'Z' || now_ms() > end) {
            return false;
        }
    }
    return true;
}

/* The signal comes as soon as the command's process exists: half of the tries at once, the others
 * within the next 0.3 ms, which is where fork, exec and the init's first wait are. A lost one shows
 * as a command that goes on; three of them are proof enough. */
static void first_instant(int signo)
{
    enum { TRIES = 1000, PROOF = 3 };
    int tries = opt.tries ? opt.tries : TRIES;
    int lost = 0;
    int done = 0;
    for (; done < tries && lost < PROOF; done++) {
        struct run run;
        struct start start = {.command = HELP("hold")};
        if (!launch(&start, &run) || !check(wait_child(&run), "try %d: no command came", done)) {
            finish(&run);
            return;
        }
        if (done % 2) {
            spin_us(done % 30 * 10);
        }
        (void)kill(run.pid, signo);
        lost += !wait_end(&run, opt.peer ? 1000 : 10000);
        bool ended = run.ended;
        finish(&run);
        if (ended && !check(run.status == 128 + signo, "try %d: status %d", done, run.status)) {
            return;
        }
    }
    (void)check(lost == 0, "%d of %d signals were lost", lost, done);
}

/* ---- C10 ---- */

/* Becomes the init with two children that it did not start. */
static void start_foreigners(void *arg)
{
    (void)arg;
    char pids[64];
    pid_t first = fork();
    if (first == 0) {
        _exit(77);
    }
    pid_t second = fork();
    if (second == 0) {
        nap_ms(100);
        _exit(78);
    }
    (void)snprintf(pids, sizeof pids, "%d %d", (int)first, (int)second);
    (void)setenv("FOREIGN", pids, 1);
}

static void foreign_children(int arg)
{
    (void)arg;
    struct start start = {.command = HELP("gone", "4"), .before = start_foreigners};
    (void)run_for_status(&start, 4, "foreign children are reaped, the command's status counts");
    /* One that still runs when the command ends is nobody's leftover: only the status counts. */
    struct run run;
    start.command = HELP("exit", "4");
    if (launch(&start, &run)) {
        (void)expect_status(&run, 4, "a command that ends at the same time");
    }
    finish(&run);
}

/* ---- C11 ---- */

static void take_tty(void *arg)
{
    (void)arg;
    if (ioctl(0, TIOCSCTTY, 0) != 0) {
        _exit(97);
    }
}

/* Reads the terminal until `needle` comes. */
static bool read_tty(int fd, const char *needle, char *text, size_t size)
{
    size_t n = strlen(text);
    int64_t end = now_ms() + opt.patience_ms;
    while (!strstr(text, needle) && now_ms() < end) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&p, 1, 100) == 1 ? read(fd, text + n, size - 1 - n) : 0;
        if (got < 0) {
            break;
        }
        n += (size_t)got;
        text[n] = '\0';
    }
    return strstr(text, needle) != NULL;
}

static bool open_terminal(int *master, int *slave)
{
    if (openpty(master, slave, NULL, NULL, NULL) != 0) {
        skip("no terminal can be made: %s", strerror(errno));
        return false;
    }
    (void)fcntl(*master, F_SETFD, FD_CLOEXEC);
    (void)fcntl(*slave, F_SETFD, FD_CLOEXEC);
    return true;
}

static void terminal(int arg)
{
    (void)arg;
    int master;
    int slave;
    struct run run;
    char text[4096] = "";
    if (!open_terminal(&master, &slave)) {
        return;
    }
    struct start start = {
        .command = HELP("tty"), .before = take_tty, .in = slave, .out = slave, .err = slave};
    if (launch(&start, &run)) {
        (void)close(slave);
        (void)check(read_tty(master, "ready", text, sizeof text), "nothing came: %s", text);
        (void)check(read_tty(master, "foreground=yes", text, sizeof text),
                    "the command is not in the foreground: %s", text);
        (void)check(write(master, "\003", 1) == 1, "no ctrl-C could be typed");
        (void)expect_status(&run, 130, "ctrl-C");
    }
    finish(&run);
    (void)close(master);
}

static void own_group(int arg)
{
    (void)arg;
    struct run run;
    struct start start = {.command = HELP("report")};
    if (launch(&start, &run) && expect_status(&run, 0, "report")) {
        (void)check(has_line(run.out, "leads yes"), "the command does not lead its group");
        (void)check(has_line(run.out, "group-of-parent other"), "the init is in the same group");
    }
    finish(&run);
}

/* No terminal on fd 0, in four ways: nothing is said about it. */
static void no_terminal(int arg)
{
    (void)arg;
    char *const quiet[] = {"--ml-root", opt.ml, "-q", NULL};
    int master;
    int slave;
    if (!open_terminal(&master, &slave)) {
        return;
    }
    char *name = format("%s/regular", opt.work);
    write_file(name, "x", 1, 0644);
    int regular = open(name, O_RDONLY | O_CLOEXEC);
    /* Last a terminal that is not ours, then the same when it has hung up. */
    const int inputs[] = {FD_DEFAULT, FD_CLOSED, regular, slave, slave};
    static const char *const NAMES[] = {"/dev/null", "closed", "a file", "a foreign terminal",
                                        "a terminal that hung up"};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct run run;
        struct start start = {.command = HELP("exit", "3"), .options = quiet, .in = inputs[i]};
        if (i == 4) {
            (void)close(master);
        }
        if (launch(&start, &run) && expect_status(&run, 3, NAMES[i])) {
            char *said = text_of(run.err, NULL);
            (void)check(*said == '\0', "%s: said %s", NAMES[i], said);
            free(said);
        }
        finish(&run);
    }
    (void)close(slave);
    (void)close(regular);
    free(name);
}

/* ---- C13 ---- */

/* The words as the helper must print them, NULs included. */
static char *joined(char *const *words, size_t *len)
{
    char *text = malloc(1 << 16);
    size_t n = 0;
    for (size_t i = 0; text && words[i]; i++) {
        memcpy(text + n, words[i], strlen(words[i]) + 1);
        n += strlen(words[i]) + 1;
    }
    *len = n;
    return text;
}

static void words_arrive(int arg)
{
    (void)arg;
    struct run run;
    struct start start = {.command = HELP("args", "two words", "a\nnewline", "", "-dash", "--",
                                          "--ml-root", "$HOME", "\xff\xfe", "tab\t'\"\\", "*", "",
                                          ";", "{time}")};
    if (launch(&start, &run) && expect_status(&run, 0, "args")) {
        size_t got_len;
        size_t want_len;
        char *got = text_of(run.out, &got_len);
        char *want = joined(start.command + 2, &want_len);
        (void)check(got_len == want_len && memcmp(got, want, got_len) == 0,
                    "other words arrived: %zu bytes instead of %zu", got_len, want_len);
        free(got);
        free(want);
    }
    finish(&run);
}

/* procagent adds variables of its own (PROCAGENT_*, SM_*); what was there stays, in its order. */
static bool is_added(const char *variable)
{
    bool ours = strncmp(variable, "PROCAGENT_", 10) == 0 || strncmp(variable, "SM_", 3) == 0;
    return !opt.peer && ours;
}

static void environment_arrives(int arg)
{
    (void)arg;
    struct run run;
    char *const variables[] = {
        "PATH=/usr/bin:/bin", "B=two\nlines", "EMPTY=",
        "A=\xff\xfe",         "TWICE=1",      "=odd",
        "TWICE=2",            "no equals",    "A B=c=d",
        "HOME=/nowhere",      "Z=last",       NULL};
    struct start start = {.command = HELP("env"), .envp = variables};
    if (launch(&start, &run) && expect_status(&run, 0, "env")) {
        size_t len;
        size_t at = 0;
        char *got = text_of(run.out, &len);
        for (char *p = got; p < got + len; p += strlen(p) + 1) {
            if (variables[at] && strcmp(p, variables[at]) == 0) {
                at++;
            } else {
                (void)check(is_added(p), "%s arrived, expected was %s", p,
                            variables[at] ? variables[at] : "nothing more");
            }
        }
        (void)check(!variables[at], "%s did not arrive", variables[at]);
        free(got);
    }
    finish(&run);
}

static void folders(int arg)
{
    (void)arg;
    struct run run;
    char *odd = format("%s/an odd\tname \xc3\xa9", opt.work);
    char link[64];
    char target[PATH_MAX] = "";
    make_folders(odd);
    struct start start = {.command = HELP("cwd"), .cwd = odd};
    if (launch(&start, &run) && wait_ready(&run)) {
        (void)check(has_line(run.out, odd), "the command is in another folder");
        (void)snprintf(link, sizeof link, "/proc/%d/cwd", (int)run.pid);
        (void)check(readlink(link, target, sizeof target - 1) > 0 && strcmp(target, "/") == 0,
                    "the init's own working directory is %s", target);
    }
    finish(&run);
    free(odd);
}

const struct conform_case START_CASES[] = {
    {"C07", "clean start: nothing blocked, ignored or caught", clean_sets, 0, 0},
    {"C07", "blocked and ignored sets as at entry", dirty_sets, 0, 0},
    {"C07", "SIGCHLD ignored at entry is default for the command", chld_sets, 0, 0},
    {"C08", "started with SIGCHLD ignored: right status, no hang", chld_status, 0, 0},
    {"C08", "started with SIGCHLD blocked: right status, no hang", chld_status, 1, 0},
    {"C09", "TERM at the first instant, 1000 tries", first_instant, SIGTERM, 0},
    {"C09", "INT at the first instant, 1000 tries", first_instant, SIGINT, 0},
    {"C10", "children that it did not start are reaped", foreign_children, 0, 0},
    {"C11", "the command leads a group of its own", own_group, 0, 0},
    {"C11", "on a terminal the command is in front, ctrl-C is 130", terminal, 0, 0},
    {"C11", "without a terminal no error and no message", no_terminal, 0, 0},
    {"C13", "words reach the command byte for byte", words_arrive, 0, 0},
    {"C13", "the environment reaches the command byte for byte", environment_arrives, 0, 0},
    {"C13", "the command keeps the folder, the init is in /", folders, 0, 0},
    {0},
};
