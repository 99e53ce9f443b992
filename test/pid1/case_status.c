/* SPDX-License-Identifier: MIT
 *
 * C01 to C06: exit statuses, and commands that cannot be run.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "conform.h"

static void every_status(int arg)
{
    (void)arg;
    for (int code = 0; code < 256 && fine(); code++) {
        char word[16];
        (void)snprintf(word, sizeof word, "%d", code);
        struct start start = {.command = HELP("exit", word)};
        (void)run_for_status(&start, code, word);
    }
}

static void every_death(int arg)
{
    static const int SIGNALS[] = {SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGSEGV, SIGTERM,
                                  34 /* the first real-time signal that libcs leave */, 64};
    (void)arg;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) {
        char word[16];
        (void)snprintf(word, sizeof word, "%d", SIGNALS[i]);
        struct start start = {.command = HELP("die", word)};
        (void)run_for_status(&start, 128 + SIGNALS[i], word);
    }
}

/* ---- C03, C04 ---- */

/* Runs what cannot be run: the status, and on stderr the path and some reason. */
static void cannot_run(const struct start *start, int status, const char *path, const char *reason)
{
    struct run run;
    const char *what = *path ? path : "an empty word";
    if (launch(start, &run)) {
        (void)expect_status(&run, status, what);
        char *said = text_of(run.err, NULL);
        const char *known[] = {reason,        "No such",       "not found",     "annot run",
                               "ot a directory", "Permission", "s a directory", "ormat",
                               "too long",    "Too many"};
        bool any = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            any = any || strstr(said, known[i]);
        }
        (void)check(strstr(said, path) != NULL, "%s: not named in: %s", what, said);
        (void)check(any, "%s: no reason in: %s", what, said);
        free(said);
    }
    finish(&run);
    (void)check(run.strays == 0, "%s: %d processes left", what, run.strays);
}

static void not_found(int arg)
{
    (void)arg;
    char *missing = format("%s/no-such-file", opt.work);
    char *script = format("%s/no-interpreter", opt.work);
    char *below = format("%s/no-interpreter/below", opt.work);
    const char first[] = "#!/no/such/interpreter\n";
    write_file(script, first, sizeof first - 1, 0755);
    struct start start = {.command = WORDS(missing)};
    cannot_run(&start, 127, missing, "");
    start.command = WORDS(script);
    cannot_run(&start, 127, script, "interpreter");
    start.command = WORDS(below);
    cannot_run(&start, 127, below, "");
    start.command = WORDS("no-such-command-anywhere");
    cannot_run(&start, 127, "no-such-command-anywhere", "");
    start.command = WORDS("");
    cannot_run(&start, 127, "", "empty");
    free(missing);
    free(script);
    free(below);
}

static void not_runnable(int arg)
{
    (void)arg;
    char *plain = format("%s/no-x-bit", opt.work);
    char *folder = format("%s/a-folder", opt.work);
    char *noise = format("%s/noise", opt.work);
    char *loop = format("%s/loop", opt.work);
    const char bytes[] = "\x01\x02 not a program\n";
    write_file(plain, "#!/bin/sh\n", 10, 0644);
    write_file(noise, bytes, sizeof bytes - 1, 0755);
    make_folders(folder);
    (void)!symlink(loop, loop);
    char *const paths[] = {plain, folder, loop, noise};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct start start = {.command = WORDS(paths[i])};
        cannot_run(&start, 126, paths[i], "");
        free(paths[i]);
    }
}

/* The smallest stack limit allows 128 KiB of words. The harness fills it until the init itself just
 * can be started; a script whose first line names a long interpreter then needs more than that. */
static void fill_words(void *arg)
{
    struct rlimit small = {512 << 10, 512 << 10};
    char *filler = arg;
    (void)setrlimit(RLIMIT_STACK, &small);
    char *argv[128];
    size_t n = 0;
    for (; n < 100 && opt.init[n]; n++) {
        argv[n] = opt.init[n];
    }
    /* Words as launch.c would put them; exec here, since only exec knows what fits. */
    size_t at = n;
    if (!opt.peer) {
        for (size_t i = at; i > 2; i--) {
            argv[i + 1] = argv[i - 1];
        }
        argv[2] = "--ml-root";
        argv[3] = opt.ml;
        at += 2;
    }
    argv[at++] = format("%s/long-words", opt.work);
    argv[at++] = filler;
    argv[at] = NULL;
    for (size_t len = strlen(filler); len > 16; len -= 16) {
        filler[len - 16] = '\0';
        (void)execvp(argv[0], argv);
        if (errno != E2BIG) {
            break;
        }
    }
}

static void too_big(int arg)
{
    (void)arg;
    char *script = format("%s/long-words", opt.work);
    char *folder = format("%s/interpreter", opt.work);
    make_folders(folder);
    char *text = format("#!%s/", folder);
    size_t head = strlen(text);
    char line[250];
    (void)snprintf(line, sizeof line, "%s", text);
    memset(line + head, 'i', sizeof line - head);
    line[sizeof line - 1] = '\0';
    char *target = format("%s", line + 2);
    (void)!symlink("/bin/true", target);
    line[sizeof line - 1] = '\n';
    write_file(script, line, sizeof line, 0755);
    char *filler = malloc(131000);
    if (filler) {
        memset(filler, 'w', 131000);
        filler[130999] = '\0';
        struct start start = {.command = WORDS(script), .before = fill_words, .arg = filler};
        cannot_run(&start, 126, "long-words", "rgument list too long");
    }
    free(filler);
    free(target);
    free(text);
    free(folder);
    free(script);
}

/* Without DAC capabilities a folder of PATH that may not be searched gives EACCES for any name. */
static void unsearchable(int arg)
{
    (void)arg;
    char *folder = format("%s/unsearchable", opt.work);
    make_folders(folder);
    (void)chmod(folder, 0);
    char *path = format("PATH=/usr/bin:%s:/bin", folder);
    struct start start = {.command = WORDS("no-such-command-anywhere"),
                          .envp = WORDS(path),
                          .before = drop_file_capabilities};
    struct start there = {.command = WORDS("true"),
                          .envp = WORDS(path),
                          .before = drop_file_capabilities};
    /* The init is searched by the harness itself, in our own PATH. */
    cannot_run(&start, 127, "no-such-command-anywhere", "");
    (void)run_for_status(&there, 0, "a command that is in another folder");
    (void)chmod(folder, 0700);
    free(path);
    free(folder);
}

/* The output folder holds a file; nothing may come of it. */
static void nothing_follows(int arg)
{
    (void)arg;
    struct job_dirs job;
    job_make(&job);
    char *file = format("%s/old.csv", job.out);
    write_file(file, "old", 3, 0644);
    job_set(&job, "output.out.pack=all.tar.gz");
    char *const commands[] = {format("%s/no-such-file", opt.work), job.root};
    for (int i = 0; i < 2; i++) {
        struct start start = {.command = WORDS(commands[i]), .options = job.options};
        (void)run_for_status(&start, 127 - i, commands[i]);
        (void)check(nothing_published(&job), "something was published");
        (void)check(access(file, F_OK) == 0, "the output was packed");
        (void)check(message_has(&job, commands[i]), "message does not name %s", commands[i]);
    }
    free(commands[0]);
    free(file);
    job_remove(&job);
}

static void no_shebang(int arg)
{
    (void)arg;
    char *script = format("%s/no-first-line", opt.work);
    write_file(script, "exit 7\n", 7, 0755);
    struct start start = {.command = WORDS(script)};
    cannot_run(&start, 126, script, "");
    free(script);
}

/* ---- C05, C06 ---- */

static void own_failure(int arg)
{
    enum { CONFIG, STAGING, PACKING };
    static const int COUNT = 3;
    (void)arg;
    for (int i = 0; i < COUNT; i++) {
        struct job_dirs job;
        job_make(&job);
        if (i == CONFIG) {
            job_set(&job, "run.grace=soon");
        } else if (i == STAGING) {
            job_add_input(&job); /* and nothing is there */
        } else {
            job_set(&job, "output.out.pack=all.tar.gz");
            char *in_the_way = format("%s/all.tar.gz/x", job.out);
            make_folders(in_the_way);
            free(in_the_way);
        }
        char *put = format("%s/data=bytes", job.out);
        char *marker = format("%s/ran=yes", job.root);
        struct start start = {.command = HELP("put", "0", put, marker), .options = job.options};
        (void)run_for_status(&start, 125, "own failure");
        marker[strlen(marker) - 4] = '\0';
        (void)check((access(marker, F_OK) == 0) == (i == PACKING), "the command ran, or did not");
        (void)check(nothing_published(&job), "something was published");
        if (i == PACKING) {
            marker[strlen(marker)] = '=';
            start.command = HELP("put", "3", put, marker);
            (void)run_for_status(&start, 3, "the command's own status wins");
        }
        free(put);
        free(marker);
        job_remove(&job);
    }
}

static void passed_on(int arg)
{
    (void)arg;
    for (int code = 126; code <= 127; code++) {
        char word[16];
        (void)snprintf(word, sizeof word, "%d", code);
        struct start start = {.command = HELP("exit", word)};
        (void)run_for_status(&start, code, word);
        if (!opt.peer) {
            char *path = format("%s/output/message", opt.ml);
            char *text = read_file(path, NULL);
            (void)check(text && strstr(text, word), "message is not about %s: %s", word,
                        text ? text : "(none)");
            (void)check(!text || (!strstr(text, "annot run") && !strstr(text, "not found")),
                        "taken for a failed exec: %s", text ? text : "");
            free(text);
            free(path);
        }
    }
}

const struct conform_case STATUS_CASES[] = {
    {"C01", "exit statuses 0 to 255 are passed on", every_status, 0, 0},
    {"C02", "deaths by HUP INT QUIT ABRT KILL SEGV TERM 34 64 are 128+n", every_death, 0, 0},
    {"C03", "missing file, interpreter, folder, name: 127 and a reason", not_found, 0, 0},
    {"C03", "no x bit, folder, loop, no program: 126 and a reason", not_runnable, 0, 0},
    {"C03", "more words than the kernel takes: 126 and a reason", too_big, 0, 0},
    {"C03", "PATH with an unsearchable folder, no candidate: 127", unsearchable, 0, ROOT_ONLY},
    {"C03", "after a failed exec nothing is packed or published", nothing_follows, 0, AGENT_ONLY},
    {"C04", "script without #! is 126 whatever the libc", no_shebang, 0, 0},
    {"C05", "own failures are 125, the command's status wins", own_failure, 0, AGENT_ONLY},
    {"C06", "a command's own 126 and 127 are not exec failures", passed_on, 0, 0},
    {0},
};
