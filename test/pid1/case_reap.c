/* SPDX-License-Identifier: MIT
 *
 * C20 to C24: orphans, and what the command leaves behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "conform.h"

/* ---- C20, C21, C22 ---- */

static void thousand_orphans(int arg)
{
    (void)arg;
    struct start start = {.command = HELP("orphans", "1000", "21")};
    for (int attempt = 0; once_more(&attempt);) { /* the helper's 1 s is for an idle machine */
        (void)run_for_status(&start, 21, "orphans");
    }
}

static void same_moment(int arg)
{
    enum { TRIES = 500 };
    int tries = opt.tries ? opt.tries : TRIES;
    (void)arg;
    for (int i = 0; i < tries && fine(); i++) {
        struct start start = {.command = HELP("burst", "50", "9")};
        (void)run_and_leave(&start, 9, "burst");
        (void)check(fine(), "that was try %d", i);
    }
}

static void subreaper(int arg)
{
    (void)arg;
    struct start start = {.command = HELP("adopted")};
    (void)run_for_status(&start, 0, "an orphan becomes the init's child");
}

static void refuse_subreaper(void *arg)
{
    (void)arg;
    refuse_prctl(PR_SET_CHILD_SUBREAPER, EPERM);
}

static void refused_prctl(int arg)
{
    (void)arg;
    struct run run;
    struct start start = {.command = HELP("exit", "3"), .before = refuse_subreaper};
    if (launch(&start, &run) && expect_status(&run, 3, "prctl refused")) {
        char *said = text_of(run.err, NULL);
        (void)check(strcasestr(said, "subreaper") || strcasestr(said, "reap"),
                    "no warning about it: %s", said);
        free(said);
    }
    finish(&run);
}

/* ---- C23 ---- */

enum leftover { MEMBER, DAEMON, STUBBORN };
static char *const LEFTOVERS[] = {"member", "daemon", "stubborn"};

/* What the leftover wrote, as the folder has it and as it was published. */
static void compare_outputs(const char *file, const char *published, bool may_end)
{
    size_t local_len = 0;
    size_t there_len = 0;
    char *local = read_file(file, &local_len);
    char *there = read_file(published, &there_len);
    (void)check(local && strstr(local, "TERM\n"), "the leftover got no TERM");
    (void)check(local && (strstr(local, "\nend\n") != NULL) == may_end,
                may_end ? "the leftover was not given its 0.3 s" : "the leftover ended by itself");
    if (!opt.peer) {
        (void)check(there && local_len == there_len && memcmp(local, there, local_len) == 0,
                    "published %zu bytes, the output has %zu: it changed meanwhile", there_len,
                    local_len);
    }
    free(local);
    free(there);
}

/* The drain is an upper bound: 30 s for those that need 0.3 s, 1 s for the one that ignores
 * TERM. */
static void leftovers(int kind)
{
    enum { DRAIN_MS = 1000, EARLY_MS = 100, LATE_MS = 5000 };
    struct job_dirs job;
    struct run run;
    job_make(&job);
    job_set(&job, "run.drain=%s", kind == STUBBORN ? "1s" : "30s");
    char *file = format("%s/data", job.out);
    char *published = format("%s/data", job.published);
    struct start start = {.command = HELP("leave", LEFTOVERS[kind], file), .options = job.options};
    if (launch(&start, &run) && expect_status(&run, 0, LEFTOVERS[kind])) {
        int64_t took = (run.ended_ns - run.began_ns) / 1000000;
        struct stat before = {0};
        struct stat after = {0};
        (void)stat(file, &before);
        nap_ms(20); /* ten lines of a writer that is still there */
        (void)stat(file, &after);
        (void)check(before.st_size == after.st_size, "the leftover still writes");
        compare_outputs(file, published, kind != STUBBORN);
        (void)check(took < (kind == STUBBORN ? DRAIN_MS : 0) + LATE_MS, "took %lld ms",
                    (long long)took);
        (void)check(kind != STUBBORN || opt.peer || took >= DRAIN_MS - EARLY_MS,
                    "the drain of 1 s was cut to %lld ms", (long long)took);
    }
    finish(&run);
    (void)check(run.strays == 0, "%d processes left", run.strays);
    free(file);
    free(published);
    job_remove(&job);
}

/* ---- C24 ---- */

static void open_stdout(int kind)
{
    struct run run;
    int ends[2];
    char *file = format("%s/left.%d", opt.work, kind);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    char *const options[] = {"--ml-root", opt.ml, "--set",
                             "run.drain=1s", NULL};
    struct start start = {
        .command = HELP("leave", LEFTOVERS[kind], file, "6"), .options = options, .out = ends[1]};
    bool ok = launch(&start, &run);
    (void)close(ends[1]);
    if (ok && expect_status(&run, 6, LEFTOVERS[kind])) {
        int64_t took = (run.ended_ns - run.began_ns) / 1000000;
        (void)check(took < 6000, "the end came after %lld ms, with a drain of 1 s",
                    (long long)took);
    }
    finish(&run);
    (void)close(ends[0]);
    free(file);
}

const struct conform_case REAP_CASES[] = {
    {"C20", "1000 double-forked orphans: no zombie 1 s later", thousand_orphans, 0, 0},
    {"C21", "main and 50 orphans end in the same moment, 500 tries", same_moment, 0, 0},
    {"C22", "as an ordinary process it adopts orphans", subreaper, 0, PLAIN_ONLY},
    {"C22", "refused prctl: a warning, no failure", refused_prctl, 0, PLAIN_ONLY},
    {"C23", "a group member is left: TERM, time to end, then the outputs", leftovers, MEMBER, 0},
    {"C23", "a daemon is left: TERM, time to end, then the outputs", leftovers, DAEMON, 0},
    {"C23", "a TERM-ignorer is left: KILL after the drain", leftovers, STUBBORN, 0},
    {"C24", "a leftover holds stdout: the end is not delayed", open_stdout, DAEMON, 0},
    {"C24", "a stubborn leftover holds stdout: the drain, no more", open_stdout, STUBBORN, 0},
    {0},
};
