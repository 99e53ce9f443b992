/* SPDX-License-Identifier: MIT
 *
 * Unit tests of publish/continuous: who has a file open, and what is uploaded when. A file is quiet
 * after two seconds, so these tests wait some.
 */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/json.h"
#include "publish/continuous.h"
#include "publish/publish.h"

static struct job job;
static struct err e;
static const struct scratch *at;

/* A path below the scratch folder; the job frees it. */
static char *path_of(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", at->path, name);
    return strdup(path);
}

static int setup(void **state)
{
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    job.store_kind = STORE_FOLDER;
    job.store_root = path_of("store");
    assert_int_equal(mkdirat(at->fd, "store", 0777), 0);
    struct output *out = job_add_output(&job, "o");
    out->origin = strdup("job.json:1:2");
    out->dir = path_of("o");
    out->s3_uri = strdup("s3://b/p");
    out->upload_mode = UPLOAD_CONTINUOUS;
    return 0;
}

static int teardown(void **state)
{
    job_free(&job);
    return scratch_remove(state);
}

static void test_writer(void **state)
{
    (void)state;
    write_text(at->fd, "f", "x");
    int fd = openat(at->fd, "f", O_RDONLY | O_CLOEXEC);
    if (continuous_writer(fd) == WRITER_UNKNOWN) {
        (void)close(fd);
        skip(); /* no leases on this file system */
    }
    assert_int_equal(continuous_writer(fd), WRITER_NONE);
    int other = openat(at->fd, "f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(continuous_writer(fd), WRITER_NONE);
    int writer = openat(at->fd, "f", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(continuous_writer(fd), WRITER_SOME);
    (void)close(writer);
    assert_int_equal(continuous_writer(fd), WRITER_NONE);
    writer = openat(at->fd, "f", O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* no lease is left behind */
    assert_true(writer >= 0);
    (void)close(writer);
    (void)close(other);
    (void)close(fd);
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    assert_int_equal(continuous_writer(pipe_fd[0]), WRITER_UNKNOWN);
    (void)close(pipe_fd[0]);
    (void)close(pipe_fd[1]);
}

/* Opens the file for writing, over and over, until told to end. */
struct scribbler {
    int fd;
    atomic_bool end;
};

static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    while (!s->end) {
        int fd = openat(s->fd, "f", O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    return NULL;
}

/* A lease that is broken sends SIGIO; the process must not get it, for the supervisor would pass it
 * on to the transform. */
static void *look_often(void *arg)
{
    int fd = *(const int *)arg;
    sigset_t pending;
    int64_t end = clock_monotonic_ns() + 20 * NS_PER_S;
    do {
        for (int i = 0; i < 1000; i++) {
            (void)continuous_writer(fd);
        }
        (void)sigpending(&pending);
    } while (!sigismember(&pending, SIGIO) && clock_monotonic_ns() < end);
    return sigismember(&pending, SIGIO) ? arg : NULL;
}

static void test_broken_lease(void **state)
{
    (void)state;
    sigset_t io;
    sigset_t before;
    (void)sigemptyset(&io);
    (void)sigaddset(&io, SIGIO);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &io, &before), 0);
    int signals = signalfd(-1, &io, SFD_NONBLOCK | SFD_CLOEXEC);
    write_text(at->fd, "f", "x");
    int fd = openat(at->fd, "f", O_RDONLY | O_CLOEXEC);
    if (continuous_writer(fd) == WRITER_UNKNOWN) {
        (void)close(fd);
        (void)close(signals);
        skip();
    }
    struct scribbler s = {.fd = at->fd};
    pthread_t writer;
    pthread_t looker;
    void *broken;
    assert_int_equal(pthread_create(&writer, NULL, scribble, &s), 0);
    assert_int_equal(pthread_create(&looker, NULL, look_often, &fd), 0);
    (void)pthread_join(looker, &broken);
    s.end = true;
    (void)pthread_join(writer, NULL);
    struct signalfd_siginfo info;
    assert_non_null(broken); /* it did happen, and the thread that looked has it */
    assert_true(read(signals, &info, sizeof info) < 0);
    (void)close(signals);
    (void)close(fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Does the store get it, within ten seconds? */
static bool arrives(const char *path)
{
    const struct timespec nap = {.tv_nsec = 20 * NS_PER_MS};
    int64_t end = clock_monotonic_ns() + 10 * NS_PER_S;
    while (!exists(at->fd, path) && clock_monotonic_ns() < end) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    return exists(at->fd, path);
}

static void test_uploads(void **state)
{
    (void)state;
    write_text(at->fd, "o/quiet.csv", "quiet");
    write_text(at->fd, "o/open.csv", "half");
    write_text(at->fd, "o/gone.csv", "gone");
    int writer = openat(at->fd, "o/open.csv", O_WRONLY | O_APPEND | O_CLOEXEC);
    int reader = openat(at->fd, "o/open.csv", O_RDONLY | O_CLOEXEC);
    bool known = continuous_writer(reader) == WRITER_SOME;
    (void)close(reader);
    assert_ok(publish_begin(&job, &e), &e);
    assert_true(arrives("store/b/p/quiet.csv"));
    assert_true(arrives("store/b/p/gone.csv"));
    assert_true(!known || !exists(at->fd, "store/b/p/open.csv"));
    assert_int_equal(write(writer, " whole", 6), 6);
    assert_int_equal(close(writer), 0);
    assert_int_equal(unlinkat(at->fd, "o/gone.csv", 0), 0);
    assert_true(arrives("store/b/p/open.csv"));
    assert_ok(publish_end(&job, &e), &e);
    assert_file(at->fd, "store/b/p/open.csv", "half whole");
    assert_file(at->fd, "store/b/p/quiet.csv", "quiet");
    assert_int_equal(job.outputs[0].published, 3);

    /* The final pass: what is there already is not sent again, which its inode shows. */
    struct stat before;
    struct stat after;
    assert_int_equal(fstatat(at->fd, "store/b/p/quiet.csv", &before, 0), 0);
    write_text(at->fd, "o/open.csv", "changed");
    write_text(at->fd, "o/late.csv", "late");
    assert_ok(publish_outputs(&job, &e), &e);
    assert_int_equal(fstatat(at->fd, "store/b/p/quiet.csv", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_file(at->fd, "store/b/p/open.csv", "changed");
    assert_file(at->fd, "store/b/p/late.csv", "late");
    assert_file(at->fd, "store/b/p/gone.csv", "gone");
    assert_int_equal(job.outputs[0].files, 3);
    assert_int_equal(job.outputs[0].published, 4);
    assert_int_equal(count_entries(at->fd, "store"), 1); /* no temporaries */
}

/* A store that cannot be opened ends nothing; the end is at once, whatever the pause. */
static void test_failure(void **state)
{
    (void)state;
    write_text(at->fd, "o/a.csv", "a");
    assert_int_equal(renameat(at->fd, "store", at->fd, "elsewhere"), 0);
    assert_ok(publish_begin(&job, &e), &e);
    const struct timespec nap = {.tv_sec = 4};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    assert_int_equal(renameat(at->fd, "elsewhere", at->fd, "store"), 0);
    assert_true(arrives("store/b/p/a.csv")); /* it is tried again */
    assert_ok(publish_end(&job, &e), &e);
    assert_int_equal(job.outputs[0].published, 1);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    job.outputs[0].upload_mode = UPLOAD_END_OF_JOB;
    assert_ok(publish_begin(&job, &e), &e);
    assert_null(job.continuous);
    assert_ok(publish_end(&job, &e), &e);
    job.outputs[0].upload_mode = UPLOAD_CONTINUOUS;
    job.store_kind = STORE_PLATFORM;
    assert_ok(publish_begin(&job, &e), &e);
    assert_null(job.continuous);
    job.store_kind = STORE_FOLDER;
    write_text(at->fd, "o/a.csv", "a");
    assert_ok(publish_begin(&job, &e), &e);
    int64_t start = clock_monotonic_ns();
    assert_ok(publish_end(&job, &e), &e);
    assert_true(clock_monotonic_ns() - start < NS_PER_S); /* the end wakes the thread */
    assert_int_equal(job.outputs[0].published, 0);
    assert_false(exists(at->fd, "store/b"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_writer),  TEST(test_broken_lease),  TEST(test_uploads),
        TEST(test_failure), TEST(test_nothing_to_do),
    };
    return cmocka_run_group_tests_name("publish_continuous", tests, NULL, NULL);
}
