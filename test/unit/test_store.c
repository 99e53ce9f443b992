/* SPDX-License-Identifier: MIT
 *
 * Unit tests of store/: URIs, and the folder store through the interface that the stages use.
 */
#include "unit.h"

#include <sys/file.h>

#include "base/signals.h"
#include "store/store.h"

static struct job job;
static struct store store;
static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    job.store_kind = STORE_FOLDER;
    job.store_root = strdup(at->path);
    assert_int_equal(mkdirat(at->fd, "b", 0777), 0);
    assert_ok(store_open(&store, &job, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    store_close(&store);
    job_free(&job);
    return scratch_remove(state);
}

static void test_places(void **state)
{
    (void)state;
    static const char *const CASES[][3] = {
        {"s3://bucket/key", "bucket", "key"}, {"s3://bucket/a/b.csv", "bucket", "a/b.csv"},
        {"s3://bucket/a/", "bucket", "a/"},   {"s3://bucket/", "bucket", ""},
        {"s3://bucket", "bucket", ""},        {"s3://b.c-d/日本 ?#%41", "b.c-d", "日本 ?#%41"},
        {"s3://b/s3://c", "b", "s3://c"},     {"s3://.b/../k", ".b", "../k"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct s3_place place = {0};
        assert_ok(s3_place_parse(CASES[i][0], &place, &e), &e);
        assert_string_equal(place.bucket, CASES[i][1]);
        assert_string_equal(place.key, CASES[i][2]);
        s3_place_free(&place);
    }
}

static void test_no_places(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "does not begin with s3://"},
        {"s3:/b/k", "does not begin with s3://"},
        {"S3://b/k", "does not begin with s3://"},
        {"https://b/k", "\"https://b/k\" does not begin with s3://"},
        {"/opt/x", "does not begin with s3://"},
        {"s3://", "\"s3://\" names no bucket"},
        {"s3:///k", "names no bucket"},
        {"s3://./k", "names no bucket"},
        {"s3://../k", "names no bucket"},
        {"s3://..", "names no bucket"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct s3_place place = {0};
        assert_failed(s3_place_parse(CASES[i][0], &place, &e), &e, ERR_CONFIG, CASES[i][1]);
        assert_null(place.bucket);
    }
    char uri[1100] = "s3://b/";
    memset(uri + 7, 'k', 1024);
    uri[7 + 1024] = '\0';
    struct s3_place place = {0};
    assert_ok(s3_place_parse(uri, &place, &e), &e);
    s3_place_free(&place);
    uri[7 + 1024] = 'k';
    uri[7 + 1025] = '\0';
    assert_failed(s3_place_parse(uri, &place, &e), &e, ERR_CONFIG, "a key has at most 1024 bytes");
}

static void test_platform_and_missing_root(void **state)
{
    (void)state;
    struct store other;
    struct job plain = {.store_kind = STORE_PLATFORM};
    assert_ok(store_open(&other, &plain, &e), &e);
    assert_false(store_moves(&other));
    store_close(&other);
    assert_true(store_moves(&store));
    plain.store_kind = STORE_FOLDER;
    char nowhere[] = "/nowhere/at/all";
    plain.store_root = nowhere;
    assert_failed(store_open(&other, &plain, &e), &e, ERR_CONFIG,
                  "the store's root \"/nowhere/at/all\": No such file or directory");
}

static void expect_list(const char *prefix, const char *wanted)
{
    struct store_listing list = {0};
    assert_ok(store.ops->list(store.self, "b", prefix, &list, &e), &e);
    char text[1024] = "";
    for (size_t i = 0; i < list.n; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%d", i ? " " : "",
                       list.v[i].key, (int)list.v[i].size);
    }
    assert_string_equal(text, wanted);
    store_listing_free(&list);
}

static void test_list(void **state)
{
    (void)state;
    static const char *const PATHS[] = {
        "b/p/a", "b/p/b/c", "b/p-q", "b/p.csv", "b/z", "b/.procagent-1.tmp", "c/p/x"};
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        write_text(at->fd, PATHS[i], PATHS[i]);
    }
    make_parents(at->fd, "b/empty/");
    assert_int_equal(symlinkat("../c/p", at->fd, "b/link"), 0);
    expect_list("", "link/x:5 p-q:5 p.csv:7 p/a:5 p/b/c:7 z:3");
    expect_list("p", "p-q:5 p.csv:7 p/a:5 p/b/c:7");
    expect_list("p/", "p/a:5 p/b/c:7");
    expect_list("p/b", "p/b/c:7");
    expect_list("p/a", "p/a:5");
    expect_list("x", "");
    struct store_listing list = {0};
    assert_failed(store.ops->list(store.self, "nobucket", "", &list, &e), &e, ERR_INPUT,
                  "no bucket \"nobucket\"");
    assert_int_equal(e.sys, ENOENT); /* a put would make it */
    assert_failed(store.ops->list(store.self, "b/z", "", &list, &e), &e, ERR_INPUT,
                  "no bucket \"b/z\"");
}

static int get(const char *key, uint64_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/out/got", at->path);
    const struct store_transfer one = {.bucket = "b", .key = key, .path = path, .size = size};
    struct store_batch batch = {.v = &one, .n = 1, .failed = 1};
    int rc = store.ops->get(store.self, &batch, &e);
    assert_int_equal(batch.failed, rc ? 0 : 1);
    return rc;
}

static void test_get(void **state)
{
    (void)state;
    write_text(at->fd, "b/p/a", "hello");
    write_text(at->fd, "b/empty", "");
    assert_ok(get("p/a", 5), &e);
    assert_file(at->fd, "out/got", "hello");
    assert_ok(get("empty", 0), &e);
    assert_file(at->fd, "out/got", "");
    assert_failed(get("p/a", 6), &e, ERR_INPUT, "s3://b/p/a: became shorter");
    assert_failed(get("p/nope", 1), &e, ERR_INPUT, "s3://b/p/nope");
    assert_contains(e.text, "No such file or directory");
    assert_int_equal(count_entries(at->fd, "out"), 1); /* what failed left nothing */
}

static int put(const char *key, const char *text)
{
    const struct store_transfer one = {
        .bucket = "b", .key = key, .bytes = text, .size = strlen(text)};
    struct store_batch batch = {.v = &one, .n = 1, .failed = 1};
    return store.ops->put(store.self, &batch, &e);
}

static int commit(void)
{
    return store.ops->commit(store.self, NULL, &e);
}

static int put_file(const char *key, const char *name, uint64_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", at->path, name);
    const struct store_transfer one = {.bucket = "b", .key = key, .path = path, .size = size};
    struct store_batch batch = {.v = &one, .n = 1, .failed = 1};
    return store.ops->put(store.self, &batch, &e);
}

static void test_put_files(void **state)
{
    (void)state;
    write_text(at->fd, "source", "hello");
    assert_ok(put_file("a", "source", 5), &e);
    assert_failed(put_file("b", "source", 6), &e, ERR_INPUT, "s3://b/b: became shorter");
    assert_failed(put_file("c", "nowhere", 6), &e, ERR_OUTPUT, "No such file");
    assert_int_equal(symlinkat("source", at->fd, "link"), 0);
    assert_failed(put_file("d", "link", 5), &e, ERR_OUTPUT, "/link");
}

static void test_put_and_commit(void **state)
{
    (void)state;
    write_text(at->fd, "b/old", "old");
    assert_ok(put("old", "new"), &e);
    assert_ok(put("a/b/k=v/c.csv", "text"), &e);
    assert_ok(put("empty", ""), &e);
    expect_list("", "old:3"); /* nothing is seen before the commit */
    assert_file(at->fd, "b/old", "old");
    assert_ok(commit(), &e);
    expect_list("", "a/b/k=v/c.csv:4 empty:0 old:3");
    assert_file(at->fd, "b/old", "new");
    assert_ok(commit(), &e); /* nothing left to do */
    assert_ok(put("later", "x"), &e);
    assert_ok(commit(), &e);
    assert_file(at->fd, "b/later", "x");
    store_close(&store);
    assert_int_equal(count_entries(at->fd, "."), 1); /* the bucket alone */
}

static void test_many_objects(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "k/%02d", i);
        assert_ok(put(key, key), &e);
    }
    assert_ok(commit(), &e);
    assert_file(at->fd, "b/k/39", "k/39");
    assert_int_equal(count_entries(at->fd, "b/k"), 40);
}

/* A batch on several threads: all of it arrives; of several failures the first is told, and nothing
 * of a batch that failed is ever published. */
static void test_batches(void **state)
{
    (void)state;
    enum { N = 300 };
    static char keys[N][32];
    static char paths[N][128];
    static struct store_transfer v[N];
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "d%zu/%03zu", i / 50, i);
        (void)snprintf(paths[i], sizeof paths[i], "%s/out/%s", at->path, keys[i]);
        v[i] = (struct store_transfer){.bucket = "b", .key = keys[i], .bytes = keys[i]};
        v[i].size = strlen(keys[i]);
    }
    struct store_batch batch = {.v = v, .n = N, .failed = N};
    v[77].path = v[200].path = "/nowhere/at/all";
    assert_failed(store.ops->put(store.self, &batch, &e), &e, ERR_OUTPUT, "/nowhere/at/all");
    assert_int_equal(batch.failed, 77);
    assert_ok(commit(), &e);
    expect_list("", "");
    v[77].path = v[200].path = NULL;
    batch.failed = N;
    assert_ok(store.ops->put(store.self, &batch, &e), &e);
    assert_ok(commit(), &e);
    assert_int_equal(batch.failed, N);
    for (size_t i = 0; i < N; i++) {
        v[i].path = paths[i];
    }
    assert_ok(store.ops->get(store.self, &batch, &e), &e);
    for (size_t i = 0; i < N; i++) {
        assert_file(AT_FDCWD, paths[i], keys[i]);
    }
    v[201].size = v[33].size = 100;
    assert_failed(store.ops->get(store.self, &batch, &e), &e, ERR_INPUT,
                  "s3://b/d0/033: became shorter");
    assert_int_equal(batch.failed, 33);
    stop_set_deadline(1);
    assert_failed(store.ops->get(store.self, &batch, &e), &e, ERR_TIMEOUT, "time is over");
    assert_failed(store.ops->put(store.self, &batch, &e), &e, ERR_TIMEOUT, "time is over");
    stop_set_deadline(0);
}

static void test_close_without_commit(void **state)
{
    (void)state;
    assert_ok(put("a/b", "text"), &e);
    assert_int_equal(count_entries(at->fd, "."), 2);
    store_close(&store);
    assert_int_equal(count_entries(at->fd, "."), 1);
    assert_int_equal(count_entries(at->fd, "b"), 0);
    assert_false(store_moves(&store));
    store_close(&store);
}

/* A bucket that is not there is made by the first object. */
static void test_put_makes_the_bucket(void **state)
{
    (void)state;
    const struct store_transfer one = {.bucket = "new-bucket", .key = "k", .bytes = ""};
    struct store_batch batch = {.v = &one, .n = 1, .failed = 1};
    assert_ok(store.ops->put(store.self, &batch, &e), &e);
    assert_ok(commit(), &e);
    assert_file(at->fd, "new-bucket/k", "");
}

static void test_keys_that_are_no_paths(void **state)
{
    (void)state;
    char longest[256 + 1];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    const char *const KEYS[] = {"",     "/k",     "k/",   "a//b", "a/./b", "..",
                                "../k", "a/../b", "a/..", ".",    longest};
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        assert_failed(put(KEYS[i], "x"), &e, ERR_OUTPUT, "cannot be a file of a folder store");
        assert_failed(get(KEYS[i], 1), &e, ERR_INPUT, "cannot be a file of a folder store");
    }
    longest[255] = '\0';
    assert_ok(put(longest, "x"), &e);
    assert_ok(put("a/..b/...", "x"), &e);
    assert_ok(commit(), &e);
    assert_true(exists(at->fd, "b/a/..b/..."));
}

static int collect(void *ctx, const void *bytes, size_t n, struct err *why)
{
    (void)why;
    str_add(ctx, bytes, n);
    return 0;
}

static void test_read_and_look(void **state)
{
    (void)state;
    struct str text = STR_INIT(8);
    write_text(at->fd, "b/p/a", "hello");
    const struct store_transfer from = {.bucket = "b", .key = "p/a"};
    assert_ok(store.ops->read(store.self, &from, collect, &text, &e), &e);
    assert_string_equal(str_text(&text), "hello");
    assert_failed(store_read_text(&store, "b", "p/a", &text, &e), &e, ERR_INPUT,
                  "s3://b/p/a: larger than 8 bytes");
    str_free(&text);
    struct store_listing list = {0};
    store_listing_add(&list, "p/a", 0, NULL);
    assert_ok(store.ops->look(store.self, "b", &list, &e), &e);
    assert_int_equal(list.v[0].size, 5);
    store_listing_add(&list, "p/b", 0, NULL);
    assert_failed(store.ops->look(store.self, "b", &list, &e), &e, ERR_INPUT, "s3://b/p/b");
    store_listing_free(&list);
    store_listing_add(&list, "p", 0, NULL);
    assert_failed(store.ops->look(store.self, "b", &list, &e), &e, ERR_INPUT,
                  "s3://b/p is no file");
    store_listing_free(&list);
}

static void test_remove(void **state)
{
    (void)state;
    struct strvec keys = {0};
    write_text(at->fd, "b/p/q/a", "x");
    write_text(at->fd, "b/p/b", "x");
    strvec_add(&keys, "p/q/a");
    strvec_add(&keys, "p/gone");
    assert_ok(store.ops->remove(store.self, "b", &keys, &e), &e);
    expect_list("", "p/b:1");
    assert_false(exists(at->fd, "b/p/q")); /* a folder without files is none to S3 */
    strvec_add(&keys, "p/b");
    assert_ok(store.ops->remove(store.self, "b", &keys, &e), &e);
    assert_true(exists(at->fd, "b"));
    assert_false(exists(at->fd, "b/p"));
    strvec_add(&keys, "../x");
    assert_failed(store.ops->remove(store.self, "b", &keys, &e), &e, ERR_OUTPUT,
                  "cannot be a file");
    strvec_free(&keys);
}

/* A name that is a file for one key and a folder for another: the commit says how far it came. */
static void test_commit_fails_half_way(void **state)
{
    (void)state;
    write_text(at->fd, "b/file", "x");
    assert_ok(put("a", "1"), &e);
    assert_ok(put("file/c", "2"), &e);
    assert_ok(put("d", "3"), &e);
    assert_failed(commit(), &e, ERR_OUTPUT, "1 of 3 objects are already in place");
    assert_contains(e.text, "Not a directory");
    store_close(&store);
    assert_int_equal(count_entries(at->fd, "."), 1);
    assert_file(at->fd, "b/file", "x");
}

/* A killed run's staging folder is swept by the next; that of a run that lives, which holds a lock,
 * is not, nor is what merely looks like one. */
static void test_stale_staging_folders(void **state)
{
    (void)state;
    write_text(at->fd, ".procagent-00000000000000aa/0", "stale");
    write_text(at->fd, ".procagent-00000000000000bb/0", "alive");
    write_text(at->fd, ".procagent-00000000000000cc/journal", "of a rewrite of the root");
    write_text(at->fd, ".procagent-file", "x");
    write_text(at->fd, "elsewhere/f", "x");
    assert_int_equal(symlinkat("elsewhere", at->fd, ".procagent-link"), 0);
    int alive = openat(at->fd, ".procagent-00000000000000bb", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(alive, LOCK_EX | LOCK_NB), 0);
    assert_ok(put("k", "x"), &e);
    assert_false(exists(at->fd, ".procagent-00000000000000aa"));
    assert_true(exists(at->fd, ".procagent-00000000000000bb/0"));
    assert_true(exists(at->fd, ".procagent-00000000000000cc/journal"));
    assert_true(exists(at->fd, ".procagent-file"));
    assert_true(exists(at->fd, "elsewhere/f"));
    (void)close(alive);
}

/* Two stores at work on one root leave each other alone. */
static void test_two_at_once(void **state)
{
    (void)state;
    struct store other;
    struct store first = store;
    assert_ok(store_open(&other, &job, &e), &e);
    assert_ok(put("first", "1"), &e);
    store = other;
    assert_ok(put("second", "2"), &e);
    assert_ok(commit(), &e);
    store_close(&store);
    store = first;
    expect_list("", "second:1");
    assert_ok(commit(), &e);
    expect_list("", "first:1 second:1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_places),
        TEST(test_no_places),
        TEST(test_platform_and_missing_root),
        TEST(test_list),
        TEST(test_get),
        TEST(test_put_files),
        TEST(test_put_and_commit),
        TEST(test_read_and_look),
        TEST(test_remove),
        TEST(test_many_objects),
        TEST(test_batches),
        TEST(test_close_without_commit),
        TEST(test_put_makes_the_bucket),
        TEST(test_keys_that_are_no_paths),
        TEST(test_commit_fails_half_way),
        TEST(test_stale_staging_folders),
        TEST(test_two_at_once),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
