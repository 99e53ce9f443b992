/* SPDX-License-Identifier: MIT
 *
 * C28: the message file, and what the init costs.
 */
#include <errno.h>

#include "conform.h"

/* ---- the message ---- */

static bool is_utf8(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t more = s[i] < 0x80 ? 0 : s[i] < 0xc2 ? 9 : s[i] < 0xe0 ? 1 : s[i] < 0xf0 ? 2
                      : s[i] < 0xf5 ? 3 : 9;
        if (more == 9 || i + more >= n) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += more + 1;
    }
    return true;
}

/* What the message is after this command, of which `lead` is the beginning. */
static void message_of(const struct start *start, const struct job_dirs *job, int lead)
{
    struct run run;
    size_t n = 0;
    (void)unlink(job->message);
    (void)check(launch(start, &run) && wait_end(&run, opt.patience_ms), "hangs");
    finish(&run);
    char *text = read_file(job->message, &n);
    (void)check(text && n > 0, "no message");
    (void)check(n <= 1024, "%d: %zu bytes", lead, n);
    (void)check(text && is_utf8((unsigned char *)text, n), "%d: not UTF-8", lead);
    (void)check(!text || !strstr(text, "hunter2"), "%d: shows a variable's value", lead);
    free(text);
}

/* Names that are too long, of characters of 2, 3 and 4 bytes and of bytes that are none, at all
 * offsets of a cut. */
static void message_file(int arg)
{
    static const char *const UNITS[] = {"\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x90\x8b",
                                        "\xff", "\xc3"};
    (void)arg;
    struct job_dirs job;
    job_make(&job);
    for (size_t u = 0; u < sizeof UNITS / sizeof *UNITS; u++) {
        for (int lead = 0; lead < 5; lead++) {
            char name[3100] = "/";
            memset(name + 1, 'x', (size_t)lead);
            size_t step = strlen(UNITS[u]);
            for (size_t n = 1 + (size_t)lead; n + step < sizeof name; n += step) {
                memcpy(name + n, UNITS[u], step);
            }
            char *const variables[] = {"PATH=/bin", "SECRET=hunter2", NULL};
            struct start start = {
                .command = WORDS(name), .options = job.options, .envp = variables};
            message_of(&start, &job, lead);
        }
    }
    job_remove(&job);
}

static void no_values(int arg)
{
    (void)arg;
    struct job_dirs job;
    job_make(&job);
    char *const variables[] = {"PATH=/bin", "SECRET=hunter2",
                               "AWS_SECRET_ACCESS_KEY=hunter2", NULL};
    static char *const ENDS[][3] = {{"exit", "0"},
                                    {"exit", "3"},
                                    {"die", "15"}};
    for (int i = 0; i < 3; i++) {
        struct start start = {
            .command = HELP(ENDS[i][0], ENDS[i][1]), .options = job.options, .envp = variables};
        message_of(&start, &job, i);
    }
    job_remove(&job);
}

/* ---- the cost ---- */

static void idle(int arg)
{
    (void)arg;
    struct run run;
    struct start start = {.command = HELP("hold")};
    if (launch(&start, &run) && wait_ready(&run)) {
        long before = -1;
        for (int i = 0; i < 50 && before != process_switches(run.pid); i++) {
            before = process_switches(run.pid);
            nap_ms(100); /* until it has come to rest */
        }
        (void)check(!wait_end(&run, 5000), "the init left");
        long switches = process_switches(run.pid) - before;
        (void)check(switches == 0, "%ld wake-ups in 5 s", switches);
    }
    finish(&run);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Microseconds that the init adds to a command that does nothing, run with and without it by turns.
 * Of each the fifth part that was quickest counts: what the init costs, not what else goes on. */
static int64_t measure_added(void)
{
    enum { ROUNDS = 51, PLACE = ROUNDS / 5 };
    int64_t took[2][ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        for (int bare = 0; bare < 2; bare++) {
            struct run run;
            struct start start = {.command = HELP("exit", "0"), .bare = bare};
            (void)check(launch(&start, &run) && wait_end(&run, opt.patience_ms), "hangs");
            took[bare][i] = run.ended_ns - run.began_ns;
            finish(&run);
        }
    }
    for (int bare = 0; bare < 2; bare++) {
        qsort(took[bare], ROUNDS, sizeof **took, by_value);
    }
    return (took[0][PLACE] - took[1][PLACE]) / 1000;
}

/* While others keep the processors busy nothing is quick: it is tried again until it is. */
static void added_time(int arg)
{
    enum { LIMIT_US = 2000 };
    (void)arg;
    int64_t end = now_ms() + (opt.peer ? 5000 : 30000);
    int64_t least = measure_added();
    while (least > LIMIT_US && now_ms() < end && fine()) {
        nap_ms(200);
        int64_t added = measure_added();
        least = added < least ? added : least;
    }
    (void)check(least <= LIMIT_US, "%lld us", (long long)least);
}

const struct conform_case MESSAGE_CASES[] = {
    {"C28", "the message is UTF-8 of at most 1024 bytes", message_file, 0, AGENT_ONLY},
    {"C28", "the message shows no variable's value", no_values, 0, AGENT_ONLY},
    {"C28", "no wake-up in 5 s", idle, 0, 0},
    {"C28", "at most 2 ms on top of the command's own", added_time, 0, 0},
    {0},
};
