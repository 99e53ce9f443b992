/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/pipe: what comes out of a FIFO, and that no reader, however it behaves,
 * leaves a thread waiting. The readers are threads; a test that hangs is ended by its alarm.
 */
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "base/log.h"
#include "config/json.h"
#include "stage/pipe.h"

static struct job job;
static struct err e;
static struct store store;
static const struct scratch *at;

static int setup(void **state)
{
    char path[128];
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL); /* as signals_init does */
    (void)alarm(60);
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    (void)snprintf(path, sizeof path, "%s/store", at->path);
    job.store_kind = STORE_FOLDER;
    job.store_root = strdup(path);
    assert_int_equal(mkdirat(at->fd, "store", 0777), 0);
    assert_ok(store_open(&store, &job, &e), &e);
    struct input *in = job_add_input(&job, "x");
    (void)snprintf(path, sizeof path, "%s/in", at->path);
    in->dir = strdup(path);
    in->s3_uri = strdup("s3://b/k/");
    in->mode = INPUT_PIPE;
    return 0;
}

static int teardown(void **state)
{
    store_close(&store);
    job_free(&job);
    (void)alarm(0);
    return scratch_remove(state);
}

static struct pipe *new_pipe(void)
{
    struct plan objects = {0};
    assert_ok(plan_input(&objects, &job, 0, &store, &e), &e);
    struct pipe *p = pipe_new(&job, 0, &objects);
    assert_null(objects.v);
    return p;
}

static struct pipe *begun_pipe(void)
{
    struct pipe *p = new_pipe();
    assert_ok(pipe_make(p, &e), &e);
    assert_ok(pipe_begin(p, &e), &e);
    return p;
}

/* Reads the FIFO: at most `most` bytes, then closes it. */
struct reader {
    pthread_t thread;
    char path[128];
    size_t most;
    struct str out;
};

static void *read_it(void *arg)
{
    struct reader *r = arg;
    char buf[4096];
    int fd = open(r->path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    while (fd >= 0 && got > 0 && r->out.len < r->most) {
        size_t left = r->most - r->out.len;
        got = read(fd, buf, left < sizeof buf ? left : sizeof buf);
        str_add(&r->out, buf, got > 0 ? (size_t)got : 0);
    }
    (void)close(fd);
    return NULL;
}

static void reader_start(struct reader *r, const struct pipe *p, size_t most)
{
    *r = (struct reader){.most = most};
    (void)snprintf(r->path, sizeof r->path, "%s", pipe_path(p));
    assert_int_equal(pthread_create(&r->thread, NULL, read_it, r), 0);
}

static const char *reader_end(struct reader *r)
{
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    return str_text(&r->out);
}

/* The transform is gone. */
static int finish(struct pipe *p)
{
    pipe_release(p);
    int rc = pipe_end(p, &job.inputs[0], &e);
    pipe_free(p);
    assert_false(exists(at->fd, "in/x_0"));
    return rc;
}

static void expect_counts(uint64_t files, uint64_t bytes)
{
    assert_int_equal(job.inputs[0].files, files);
    assert_int_equal(job.inputs[0].bytes, bytes);
}

static void big_object(const char *path, size_t n)
{
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, 'x', n);
    write_bytes(at->fd, path, bytes, n);
    free(bytes);
}

static void test_objects_in_order(void **state)
{
    (void)state;
    struct reader r;
    write_text(at->fd, "store/b/k/10", "ten ");
    write_text(at->fd, "store/b/k/2", "two ");
    write_text(at->fd, "store/b/k/a/1", "one ");
    write_text(at->fd, "store/b/k/empty", "");
    struct pipe *p = begun_pipe();
    struct stat st;
    assert_int_equal(lstat(pipe_path(p), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    reader_start(&r, p, SIZE_MAX);
    assert_string_equal(reader_end(&r), "ten two one ");
    assert_false(exists(at->fd, "in/x_0")); /* who comes a second time does not wait for ever */
    assert_ok(finish(p), &e);
    expect_counts(4, 12);
    str_free(&r.out);
}

static void test_an_empty_share(void **state)
{
    (void)state;
    struct reader r;
    write_text(at->fd, "store/b/k/1", "one");
    job.inputs[0].distribution = SHARDED_BY_S3_KEY;
    strvec_add(&job.hosts, "algo-2");
    job.host_index = 1;
    struct pipe *p = begun_pipe();
    reader_start(&r, p, SIZE_MAX);
    assert_string_equal(reader_end(&r), "");
    assert_ok(finish(p), &e);
    expect_counts(0, 0);
    str_free(&r.out);
}

static void test_a_reader_that_stops_early(void **state)
{
    (void)state;
    struct reader r;
    big_object("store/b/k/1", 9000000);
    write_text(at->fd, "store/b/k/2", "two");
    struct pipe *p = begun_pipe();
    reader_start(&r, p, 10);
    assert_string_equal(reader_end(&r), "xxxxxxxxxx");
    assert_ok(finish(p), &e);
    assert_int_equal(job.inputs[0].files, 0);
    str_free(&r.out);
}

static void test_no_reader(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/k/1", "one");
    assert_ok(finish(begun_pipe()), &e);
    expect_counts(0, 0);
}

/* The name is gone, and with it any other way to the FIFO that its writer waits at. */
static void test_the_transform_removes_the_name(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/k/1", "one");
    struct pipe *p = begun_pipe();
    assert_int_equal(unlink(pipe_path(p)), 0);
    assert_ok(finish(p), &e);
    p = new_pipe();
    assert_ok(pipe_make(p, &e), &e);
    assert_int_equal(unlink(pipe_path(p)), 0);
    assert_ok(pipe_begin(p, &e), &e); /* before we came so far */
    assert_ok(finish(p), &e);
}

/* What the transform put under the name is not ours to feed or to remove. */
static void test_the_transform_takes_the_name(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/k/1", "one");
    struct pipe *p = new_pipe();
    assert_ok(pipe_make(p, &e), &e);
    assert_int_equal(unlink(pipe_path(p)), 0);
    write_text(at->fd, "in/x_0", "its own");
    assert_ok(pipe_begin(p, &e), &e);
    pipe_release(p);
    assert_ok(pipe_end(p, &job.inputs[0], &e), &e);
    pipe_free(p);
    assert_file(at->fd, "in/x_0", "its own");
}

/* Opened, the pipe full, never read: the writer waits for room. */
static void test_a_reader_that_never_reads(void **state)
{
    (void)state;
    big_object("store/b/k/1", 9000000);
    struct pipe *p = begun_pipe();
    int fd = open(pipe_path(p), O_RDONLY | O_CLOEXEC);
    struct pollfd some = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&some, 1, 10000), 1);
    assert_ok(finish(p), &e);
    assert_int_equal(job.inputs[0].files, 0);
    (void)close(fd);
}

static void test_an_object_that_is_gone(void **state)
{
    (void)state;
    struct reader r;
    write_text(at->fd, "store/b/k/1", "one");
    write_text(at->fd, "store/b/k/2", "two");
    struct pipe *p = new_pipe();
    assert_int_equal(unlinkat(at->fd, "store/b/k/2", 0), 0);
    assert_ok(pipe_make(p, &e), &e);
    assert_ok(pipe_begin(p, &e), &e);
    reader_start(&r, p, SIZE_MAX);
    assert_string_equal(reader_end(&r), "one"); /* it sees an end, and need not wait */
    assert_failed(finish(p), &e, ERR_INPUT, "input \"x\": s3://b/k/2");
    expect_counts(1, 3);
    str_free(&r.out);
}

static void test_an_object_that_changed(void **state)
{
    (void)state;
    struct reader r;
    write_text(at->fd, "store/b/k/1", "one");
    struct pipe *p = new_pipe();
    write_text(at->fd, "store/b/k/1", "seven");
    assert_ok(pipe_make(p, &e), &e);
    assert_ok(pipe_begin(p, &e), &e);
    reader_start(&r, p, SIZE_MAX);
    (void)reader_end(&r);
    assert_failed(finish(p), &e, ERR_INPUT,
                  "input \"x\": s3://b/k/1: 5 bytes came, 3 were listed: it changed meanwhile");
    str_free(&r.out);
}

static const char HELLO_GZ[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07"
                               "\x00\x86\xa6\x10\x36\x05\x00\x00\x00";

static void test_gzip(void **state)
{
    (void)state;
    struct reader r;
    job.inputs[0].gzip = true;
    write_bytes(at->fd, "store/b/k/1", HELLO_GZ, sizeof HELLO_GZ - 1);
    write_bytes(at->fd, "store/b/k/2", "", 0);
    write_bytes(at->fd, "store/b/k/3", HELLO_GZ, sizeof HELLO_GZ - 1);
    struct pipe *p = begun_pipe();
    reader_start(&r, p, SIZE_MAX);
    assert_string_equal(reader_end(&r), "hellohello");
    assert_ok(finish(p), &e);
    expect_counts(3, 10);
    str_free(&r.out);
}

static void test_bad_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *piece;
    } CASES[] = {
        {"no gzip", 7, "input \"x\": s3://b/k/2: bad gzip data at byte 2: "},
        {HELLO_GZ, 20, "input \"x\": s3://b/k/2: the gzip data ends too early, at byte 20"},
    };
    job.inputs[0].gzip = true;
    write_bytes(at->fd, "store/b/k/1", HELLO_GZ, sizeof HELLO_GZ - 1);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct reader r;
        write_bytes(at->fd, "store/b/k/2", CASES[i].bytes, CASES[i].n);
        struct pipe *p = begun_pipe();
        reader_start(&r, p, SIZE_MAX);
        (void)reader_end(&r);
        assert_failed(finish(p), &e, ERR_INPUT, CASES[i].piece);
        assert_int_equal(job.inputs[0].files, 1);
        str_free(&r.out);
    }
}

static void test_the_name_is_taken(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/k/1", "one");
    write_text(at->fd, "in/x_0", "mine");
    struct pipe *p = new_pipe();
    assert_failed(pipe_check(p, &e), &e, ERR_INPUT, "input \"x\": its FIFO's name ");
    assert_failed(pipe_make(p, &e), &e, ERR_INPUT, "/in/x_0 is taken by something else");
    pipe_free(p);
    assert_file(at->fd, "in/x_0", "mine");
}

static void test_an_old_fifo_is_replaced(void **state)
{
    (void)state;
    struct stat before;
    struct stat after;
    write_text(at->fd, "store/b/k/1", "one");
    assert_int_equal(mkdirat(at->fd, "in", 0777), 0);
    assert_int_equal(mkfifoat(at->fd, "in/x_0", 0600), 0);
    assert_int_equal(fstatat(at->fd, "in/x_0", &before, 0), 0);
    int held = openat(at->fd, "in/x_0", O_PATH | O_CLOEXEC); /* or its inode is used again */
    struct pipe *p = new_pipe();
    assert_ok(pipe_check(p, &e), &e);
    assert_ok(pipe_make(p, &e), &e);
    assert_int_equal(fstatat(at->fd, "in/x_0", &after, 0), 0);
    assert_true(before.st_ino != after.st_ino);
    pipe_free(p); /* never begun: it goes all the same */
    assert_false(exists(at->fd, "in/x_0"));
    pipe_free(NULL);
    (void)close(held);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_objects_in_order),
        TEST(test_an_empty_share),
        TEST(test_a_reader_that_stops_early),
        TEST(test_no_reader),
        TEST(test_the_transform_removes_the_name),
        TEST(test_the_transform_takes_the_name),
        TEST(test_a_reader_that_never_reads),
        TEST(test_an_object_that_is_gone),
        TEST(test_an_object_that_changed),
        TEST(test_gzip),
        TEST(test_bad_gzip),
        TEST(test_the_name_is_taken),
        TEST(test_an_old_fifo_is_replaced),
    };
    return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
