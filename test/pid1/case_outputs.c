/* SPDX-License-Identifier: MIT
 *
 * C17 and C25 to C27: procagent's stages around the command. Stops during them, and failures.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "conform.h"

enum { BIG_FILES = 32, BIG_MB = 64 }; /* 2 GB of nothing: sparse, but copied as if it were there */

static void make_sparse(const char *path, int megabytes)
{
    write_file(path, "", 0, 0644);
    (void)check(truncate(path, (off_t)megabytes << 20) == 0, "truncate %s: %s", path,
                strerror(errno));
}

static bool has_temporary(void *arg)
{
    return temporary_below(arg);
}

static bool count_file(const char *path, void *arg)
{
    struct stat st;
    *(int *)arg += lstat(path, &st) == 0 && S_ISREG(st.st_mode);
    return false;
}

static int files_below(const char *path)
{
    int n = 0;
    (void)any_below(path, count_file, &n);
    return n;
}

static void expect_no_temporaries(const struct job_dirs *job)
{
    (void)check(!temporary_below(job->ml), "a temporary is left below the ML root");
    (void)check(!temporary_below(job->store), "a temporary is left in the store");
}

/* ---- C17 ---- */

/* The signal comes when the first temporary file is there; the copy takes much longer than that. */
static void stop_in_staging(int signo)
{
    struct job_dirs job;
    struct run run;
    job_make(&job);
    job_add_input(&job);
    for (int i = 0; i < BIG_FILES; i++) {
        char *path = format("%s/%02d.bin", job.inbox, i);
        make_sparse(path, BIG_MB);
        free(path);
    }
    char *marker = format("%s/ran=yes", job.root);
    struct start start = {.command = HELP("put", "0", marker), .options = job.options};
    if (launch(&start, &run) && check(wait_for(has_temporary, job.in, opt.patience_ms),
                                      "staging never had a temporary")) {
        (void)kill(run.pid, signo);
        int64_t sent = now_ms();
        (void)expect_status(&run, 128 + signo, "a stop during staging");
        int64_t took = run.ended_ns / 1000000 - sent;
        (void)check(took < 5000, "stopped after %lld ms", (long long)took);
        (void)check(files_below(job.in) < BIG_FILES, "everything was staged all the same");
        *strrchr(marker, '=') = '\0';
        (void)check(access(marker, F_OK) != 0, "the command ran");
        (void)check(message_has(&job, "stopped by SIG"), "the message does not say so");
        expect_no_temporaries(&job);
    }
    finish(&run);
    free(marker);
    job_remove(&job);
}

/* ---- C25 ---- */

static void failed_command(int arg)
{
    (void)arg;
    struct job_dirs job;
    job_make(&job);
    make_folders(job.published);
    char *old = format("%s/old.csv", job.published);
    write_file(old, "old", 3, 0644);
    char *put = format("%s/new.csv=new", job.out);
    char *again = format("%s/old.csv=half", job.out);
    struct start start = {.command = HELP("put", "3", put, again), .options = job.options};
    (void)run_for_status(&start, 3, "a failed command");
    char *text = read_file(old, NULL);
    (void)check(text && strcmp(text, "old") == 0, "a published object changed");
    (void)check(files_below(job.store) == 1, "something was published");
    free(text);
    text = read_file(job.message, NULL);
    (void)check(text && strstr(text, "status 3"), "the message has no reason");
    char *newline = text ? strchr(text, '\n') : NULL;
    (void)check(!newline || newline[1] == '\0', "the reason is more than a line");
    (void)check(text && strlen(text) > 10, "the reason is %s", text);
    expect_no_temporaries(&job);
    free(text);
    free(old);
    free(put);
    free(again);
    job_remove(&job);
}

/* ---- C26 ---- */

/* Stopped while objects are copied to the store: all of them are there, or none. */
static void stop_in_publishing(int signo)
{
    struct job_dirs job;
    struct run run;
    job_make(&job);
    char *words[BIG_FILES + 5] = {opt.helper, "sparse", "0", "64"};
    for (int i = 0; i < BIG_FILES; i++) {
        words[4 + i] = format("%s/%02d.bin", job.out, i);
    }
    struct start start = {.command = words, .options = job.options};
    if (launch(&start, &run) && check(wait_for(has_temporary, job.store, opt.patience_ms),
                                      "publishing never had a temporary")) {
        (void)kill(run.pid, signo);
        (void)check(wait_end(&run, 60000), "hangs");
        (void)check(run.status == 0 || run.status == 128 + signo, "status %d", run.status);
        int there = files_below(job.published);
        (void)check(there == (run.status == 0 ? BIG_FILES : 0), "status %d and %d objects",
                    run.status, there);
        (void)check(files_below(job.out) == BIG_FILES, "outputs are gone");
        expect_no_temporaries(&job);
    }
    finish(&run);
    for (int i = 0; i < BIG_FILES; i++) {
        free(words[4 + i]);
    }
    job_remove(&job);
}

/* Stopped while the archive is made: the archive, or the loose files. */
static void stop_in_packing(int signo)
{
    struct job_dirs job;
    struct run run;
    job_make(&job);
    job_set(&job, "output.out.pack=all.tar.gz");
    char *big = format("%s/big.bin", job.out);
    char *archive = format("%s/all.tar.gz", job.out);
    struct start start = {.command = HELP("sparse", "0", "1024", big), .options = job.options};
    if (launch(&start, &run) && check(wait_for(has_temporary, job.out, opt.patience_ms),
                                      "packing never had a temporary")) {
        (void)kill(run.pid, signo);
        (void)check(wait_end(&run, 60000), "hangs");
        (void)check(run.status == 0 || run.status == 128 + signo, "status %d", run.status);
        bool loose = access(big, F_OK) == 0;
        bool packed = access(archive, F_OK) == 0;
        (void)check(loose != packed, "loose file: %d, archive: %d", loose, packed);
        (void)check(run.status == 0 || nothing_published(&job), "stopped, and published");
        expect_no_temporaries(&job);
    }
    finish(&run);
    free(big);
    free(archive);
    job_remove(&job);
}

/* ---- C27 ---- */

enum trouble { NO_SPACE, IO_ERROR, NO_ACCESS, READ_ONLY, UNREADABLE };

static void refuse_sync(void *arg)
{
    static const int CALLS[] = {SYS_fsync, SYS_fdatasync, SYS_syncfs};
    (void)arg;
    refuse_syscall(CALLS, sizeof CALLS / sizeof *CALLS, EIO);
}

/* The store's bucket as the trouble wants it. */
static bool make_trouble(const struct job_dirs *job, int trouble, struct start *start)
{
    char *bucket = format("%s/bucket", job->store);
    bool ok = true;
    if (trouble == NO_SPACE) {
        ok = mount("none", job->store, "tmpfs", 0, "size=256k,mode=0755") == 0 &&
             mkdir(bucket, 0755) == 0;
    } else if (trouble == READ_ONLY) {
        ok = mount(job->store, job->store, NULL, MS_BIND, NULL) == 0 &&
             mount(NULL, job->store, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
    } else if (trouble == IO_ERROR) {
        start->before = refuse_sync;
    } else {
        (void)chmod(bucket, trouble == NO_ACCESS ? 0555 : 0755);
        (void)chmod(job->store, trouble == NO_ACCESS ? 0555 : 0755);
        start->before = drop_file_capabilities;
    }
    free(bucket);
    if (!ok) {
        skip("no mount can be made: %s", strerror(errno));
    }
    return ok;
}

static void end_trouble(const struct job_dirs *job, int trouble)
{
    if (trouble == NO_SPACE || trouble == READ_ONLY) {
        (void)umount2(job->store, MNT_DETACH);
    }
}

/* `code`: how the command ends; its own failure wins. */
static void trouble_with(int trouble, int code)
{
    struct job_dirs job;
    struct run run;
    job_make(&job);
    char word[16];
    (void)snprintf(word, sizeof word, "%d", code);
    char *first = format("%s/first.csv=text", job.out);
    char *big = format("%s/second.bin", job.out);
    make_sparse(big, 1);
    struct start start = {.command = HELP("put", word, first), .options = job.options};
    if (trouble == UNREADABLE) {
        (void)chmod(big, 0);
    }
    if (make_trouble(&job, trouble, &start) && launch(&start, &run)) {
        (void)expect_status(&run, code ? code : 125, "trouble");
        char *said = text_of(run.err, NULL);
        if (code == 0) {
            (void)check(message_has(&job, "first.csv") || message_has(&job, "second.bin") ||
                            message_has(&job, "bucket") || message_has(&job, job.store),
                        "the message names no path; said: %s", said);
        }
        /* EIO of a sync comes when all is written: names may not be there yet either. */
        (void)check(nothing_published(&job), "an object was published");
        expect_no_temporaries(&job);
        free(said);
        finish(&run);
    }
    end_trouble(&job, trouble);
    free(first);
    free(big);
    job_remove(&job);
}

static void trouble(int which)
{
    trouble_with(which, 0);
    trouble_with(which, 3);
}

/* The last member vanishes while the first, a big one, is packed. */
static void vanishing(int arg)
{
    (void)arg;
    struct job_dirs job;
    struct run run;
    job_make(&job);
    job_set(&job, "output.out.pack=all.tar.gz");
    char *big = format("%s/a.bin", job.out);
    char *last = format("%s/z.csv", job.out);
    char *archive = format("%s/all.tar.gz", job.out);
    char *put = format("%s=text", last);
    make_sparse(big, 256);
    struct start start = {.command = HELP("put", "0", put), .options = job.options};
    if (launch(&start, &run) && check(wait_for(has_temporary, job.out, opt.patience_ms),
                                      "packing never had a temporary")) {
        (void)unlink(last);
        (void)check(wait_end(&run, 60000) && run.status == 125, "status %d", run.status);
        (void)check(access(archive, F_OK) != 0, "an archive was made");
        (void)check(access(big, F_OK) == 0, "the other member is gone");
        (void)check(message_has(&job, "z.csv"), "the message does not name the file");
        (void)check(nothing_published(&job), "something was published");
        expect_no_temporaries(&job);
    }
    finish(&run);
    free(big);
    free(last);
    free(archive);
    free(put);
    job_remove(&job);
}

const struct conform_case OUTPUT_CASES[] = {
    {"C17", "INT during staging", stop_in_staging, SIGINT, AGENT_ONLY},
    {"C17", "TERM during staging", stop_in_staging, SIGTERM, AGENT_ONLY},
    {"C17", "HUP during staging", stop_in_staging, SIGHUP, AGENT_ONLY},
    {"C17", "QUIT during staging", stop_in_staging, SIGQUIT, AGENT_ONLY},
    {"C25", "a failed command publishes nothing, one line of reason", failed_command, 0,
     AGENT_ONLY},
    {"C26", "TERM during publishing: all or nothing", stop_in_publishing, SIGTERM, AGENT_ONLY},
    {"C26", "INT during publishing: all or nothing", stop_in_publishing, SIGINT, AGENT_ONLY},
    {"C26", "TERM during packing: archive or loose files", stop_in_packing, SIGTERM, AGENT_ONLY},
    {"C26", "INT during packing: archive or loose files", stop_in_packing, SIGINT, AGENT_ONLY},
    {"C27", "ENOSPC in the store: 125, nothing partial", trouble, NO_SPACE, AGENT_ONLY | ROOT_ONLY},
    {"C27", "EIO of a sync: 125, nothing partial", trouble, IO_ERROR, AGENT_ONLY},
    {"C27", "EACCES of the store: 125", trouble, NO_ACCESS, AGENT_ONLY | ROOT_ONLY},
    {"C27", "read-only store: 125", trouble, READ_ONLY, AGENT_ONLY | ROOT_ONLY},
    {"C27", "unreadable output: 125", trouble, UNREADABLE, AGENT_ONLY | ROOT_ONLY},
    {"C27", "a member vanishes while packing: 125", vanishing, 0, AGENT_ONLY},
    {0},
};
