/* SPDX-License-Identifier: MIT
 *
 * C12 and C14: descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "conform.h"

/* ---- C12 ---- */

static void place_extra(void *arg)
{
    int fd = *(const int *)arg;
    if (dup2(fd, 5) != 5 || dup2(fd, 9) != 9) {
        _exit(97);
    }
}

static void exact_fds(int arg)
{
    (void)arg;
    struct run run;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    struct start start = {.command = HELP("fds"), .before = place_extra, .arg = &ends[1]};
    if (launch(&start, &run) && expect_status(&run, 0, "fds")) {
        char *got = text_of(run.out, NULL);
        (void)check(strcmp(got, "0 1 2 5 9 ") == 0, "the command has descriptors %s", got);
        free(got);
    }
    finish(&run);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void place_pipe(void *arg)
{
    if (dup2(*(const int *)arg, 9) != 9) {
        _exit(97);
    }
}

/* A pipe's writing end, inherited by the init: when the command closes it, the reader sees the end,
 * although the init lives on. */
static void keeps_none(int arg)
{
    (void)arg;
    struct run run;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    struct start start = {.command = HELP("unpipe", "9"), .before = place_pipe, .arg = &ends[1]};
    bool ok = launch(&start, &run);
    (void)close(ends[1]);
    if (ok && wait_ready(&run)) {
        struct pollfd p = {.fd = ends[0], .events = POLLIN};
        (void)check(poll(&p, 1, opt.peer ? 1000 : 5000) == 1 && (p.revents & POLLHUP),
                    "the init still holds a descriptor that it inherited");
        (void)kill(run.pid, SIGTERM);
        (void)expect_status(&run, 143, "TERM");
    }
    finish(&run);
    (void)close(ends[0]);
}

/* Descriptors 0 to 2 closed at entry, as bits of `mask`. They may be closed or /dev/null for the
 * command (procagent opens them there), but never another file. */
static void closed_std(unsigned mask)
{
    struct job_dirs job;
    struct run run;
    job_make(&job);
    char *file = format("%s/std", job.out);
    char *published = format("%s/std", job.published);
    struct start start = {.command = HELP("std", file),
                          .options = job.options,
                          .in = mask & 1 ? FD_CLOSED : FD_DEFAULT,
                          .out = mask & 2 ? FD_CLOSED : FD_DEFAULT,
                          .err = mask & 4 ? FD_CLOSED : FD_DEFAULT};
    if (launch(&start, &run) && expect_status(&run, 0, "std")) {
        char *got = read_file(file, NULL);
        for (int fd = 0; fd <= 2; fd++) {
            char word[16];
            (void)snprintf(word, sizeof word, "%d file", fd);
            (void)check(!(mask & (1u << fd)) || (got && !strstr(got, word)),
                        "descriptor %d, closed at entry, is a file", fd);
        }
        char *there = opt.peer ? NULL : read_file(published, NULL);
        (void)check(opt.peer || (got && there && strcmp(got, there) == 0),
                    "closed %u: published was: %s", mask, there ? there : "nothing");
        free(there);
        free(got);
    }
    finish(&run);
    free(file);
    free(published);
    job_remove(&job);
}

static void closed_at_entry(int arg)
{
    (void)arg;
    for (unsigned mask = 1; mask < 8; mask++) {
        closed_std(mask);
    }
}

/* ---- C14 ---- */

static char *quiet_options[4];

static char *const *quiet(void)
{
    quiet_options[0] = "--ml-root";
    quiet_options[1] = opt.ml;
    quiet_options[2] = "-q";
    return quiet_options;
}

static void same_streams(int arg)
{
    (void)arg;
    struct run run;
    int in[2];
    int out[2];
    int err[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
        return;
    }
    const int given[3] = {in[0], out[1], err[1]};
    char *file = format("%s/same", opt.work);
    struct start start = {
        .command = HELP("std", file), .in = given[0], .out = given[1], .err = given[2]};
    if (launch(&start, &run) && expect_status(&run, 0, "std")) {
        char *got = read_file(file, NULL);
        for (int fd = 0; fd <= 2; fd++) {
            char word[64];
            struct stat st;
            (void)fstat(given[fd], &st);
            (void)snprintf(word, sizeof word, "%d file %llu\n", fd, (unsigned long long)st.st_ino);
            (void)check(got && strstr(got, word), "descriptor %d is not the one it was", fd);
        }
        free(got);
    }
    finish(&run);
    for (int i = 0; i < 2; i++) {
        (void)close(in[i]);
        (void)close(out[i]);
        (void)close(err[i]);
    }
    free(file);
}

/* stdout and stderr into one pipe: lines keep their order, and the last bytes come. */
static void order_kept(int arg)
{
    enum { LINES = 2000, SIZE = 1 << 16 };
    (void)arg;
    struct run run;
    int ends[2];
    char *want = malloc(SIZE);
    char *got = malloc(SIZE);
    size_t n = 0;
    if (!want || !got || pipe2(ends, O_CLOEXEC) != 0) {
        abort();
    }
    for (int i = 0; i < LINES; i++) {
        n += (size_t)snprintf(want + n, SIZE - n, "%d\n", i);
    }
    n += (size_t)snprintf(want + n, SIZE - n, "last bytes");
    struct start start = {
        .command = HELP("alternate", "2000"), .options = quiet(), .out = ends[1], .err = ends[1]};
    bool ok = launch(&start, &run);
    (void)close(ends[1]);
    size_t have = 0;
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    while (ok && have < SIZE && poll(&p, 1, opt.patience_ms) == 1) {
        ssize_t more = read(ends[0], got + have, SIZE - have);
        if (more <= 0) {
            break;
        }
        have += (size_t)more;
    }
    (void)expect_status(&run, 5, "alternate");
    (void)check(have == n && memcmp(got, want, n) == 0, "%zu bytes came, not the %zu written", have,
                n);
    finish(&run);
    (void)close(ends[0]);
    free(want);
    free(got);
}

/* A stderr that nobody reads, and one whose reader is gone. */
static void bad_stderr(int gone)
{
    struct run run;
    int ends[2];
    char page[4096];
    memset(page, 'x', sizeof page);
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0) {
        skip("no small pipe can be made");
        return;
    }
    if (gone) {
        (void)close(ends[0]);
    } else {
        (void)!write(ends[1], page, sizeof page); /* full now */
    }
    struct start start = {.command = HELP("exit", "3"), .err = ends[1]};
    (void)run_for_status(&start, 3, gone ? "a closed stderr" : "a full stderr");
    char *missing = format("%s/no-such-file", opt.work);
    start.command = WORDS(missing); /* now there is something to say */
    if (launch(&start, &run)) {
        (void)check(wait_end(&run, opt.patience_ms), "hangs with something to say");
        (void)check(!run.ended || run.status < DIED, "killed by signal %d", run.status - DIED);
        (void)check(!run.ended || opt.peer || run.status == 127, "status %d", run.status);
    }
    finish(&run);
    free(missing);
    (void)close(ends[1]);
    if (!gone) {
        (void)close(ends[0]);
    }
}

const struct conform_case STDIO_CASES[] = {
    {"C12", "the command has exactly the descriptors of the entry", exact_fds, 0, 0},
    {"C12", "no inherited descriptor is kept", keeps_none, 0, 0},
    {"C12", "0, 1, 2 closed at entry: no file lands there", closed_at_entry, 0, 0},
    {"C14", "stdin, stdout, stderr are inherited, not relayed", same_streams, 0, 0},
    {"C14", "order and last bytes are kept", order_kept, 0, 0},
    {"C14", "a full stderr neither blocks nor kills", bad_stderr, 0, 0},
    {"C14", "a closed stderr neither blocks nor kills", bad_stderr, 1, 0},
    {0},
};
