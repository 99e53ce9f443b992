/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/plan: where an object lands, manifests, shares, and names that cannot be.
 */
#include "unit.h"

#include "base/log.h"
#include "config/json.h"
#include "stage/plan.h"

static struct job job;
static struct err e;
static struct store store;
static struct plan plan;
static const struct scratch *at;

static int setup(void **state)
{
    char path[128];
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    plan = (struct plan){0};
    job_init(&job);
    (void)snprintf(path, sizeof path, "%s/store", at->path);
    job.store_kind = STORE_FOLDER;
    job.store_root = strdup(path);
    assert_int_equal(mkdirat(at->fd, "store", 0777), 0);
    assert_ok(store_open(&store, &job, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    plan_free(&plan);
    store_close(&store);
    job_free(&job);
    return scratch_remove(state);
}

/* The rule of the contract: sagemaker.md 2.1. */
static void test_relative(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        const char *key;
        const char *wanted;
    } CASES[] = {
        {"data/csv/", "data/csv/a.csv", "a.csv"}, /* a prefix with its slash */
        {"data/csv/", "data/csv/x/a.csv", "x/a.csv"},
        {"data/csv", "data/csv/a.csv", "a.csv"}, /* a folder without it */
        {"data/csv", "data/csv/x/a.csv", "x/a.csv"},
        {"data/train", "data/train-data.csv", "train-data.csv"}, /* the prefix ends inside a name */
        {"data/train", "data/train-x/a.csv", "train-x/a.csv"},
        {"data/t", "data/train/a.csv", "train/a.csv"},
        {"foo", "foo/x", "x"},
        {"foo", "foobar/x", "foobar/x"},
        {"foo", "foo.csv", "foo.csv"},
        {"input/code/train.py", "input/code/train.py", "train.py"}, /* a single object */
        {"train.py", "train.py", "train.py"},
        {"", "a/b.csv", "a/b.csv"}, /* a bucket alone */
        {"", "b.csv", "b.csv"},
        {"data/", "data/ds=2019-05-01/part-0", "ds=2019-05-01/part-0"},
        {"data/csv", "data/csv//a.csv", "/a.csv"},
        {"data/", "data/", NULL}, /* folder markers */
        {"data", "data/", NULL},
        {"data/", "data/sub/", NULL},
        {"", "x/", NULL},
        {"da", "data/", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *found = plan_relative(CASES[i].prefix, CASES[i].key);
        if (!str_same(found, CASES[i].wanted)) {
            fail_msg("%s of %s: %s", CASES[i].key, CASES[i].prefix, found ? found : "none");
        }
    }
}

static struct input *add_input(const char *name, const char *uri)
{
    struct input *in = job_add_input(&job, name);
    in->local_path = strdup("/opt/ml/processing/in");
    in->dir = strdup("/in");
    in->s3_uri = strdup(uri);
    in->origin = strdup("job.json:1:2");
    return in;
}

/* Objects of the bucket "b", each with its key as text. */
static void objects(const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "store/b/%s", keys[i]);
        write_text(at->fd, path, keys[i]);
    }
}

/* The plan is just these "key path size", with a '-' where there is no path. */
static void expect(const char *const *lines, size_t n)
{
    assert_int_equal(plan.n, n);
    for (size_t i = 0; i < n; i++) {
        const struct item *item = &plan.v[i];
        char line[512];
        (void)snprintf(line, sizeof line, "%s %s %d", item->key, item->path ? item->path : "-",
                       (int)item->size);
        assert_string_equal(line, lines[i]);
        assert_string_equal(item->bucket, "b");
    }
}

static void test_manifest_layouts(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"data/x/b.csv", "data/a.csv", "data-2.csv", "data/other"};
    static const char *const FULL[] = {"data-2.csv /in/data-2.csv 10",
                                       "data/a.csv /in/data/a.csv 10",
                                       "data/x/b.csv /in/data/x/b.csv 12"};
    static const char *const RELATIVE[] = {
        "data-2.csv /in/data-2.csv 10", "data/a.csv /in/a.csv 10", "data/x/b.csv /in/x/b.csv 12"};
    objects(KEYS, COUNT(KEYS));
    write_text(at->fd, "store/b/m",
               "[{\"prefix\": \"s3://b/data\"}, \"/x/b.csv\", \"/a.csv\", \"-2.csv\", \"/dir/\"]");
    struct input *in = add_input("i", "s3://b/m");
    in->data_type = S3_MANIFEST_FILE;
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    expect(FULL, COUNT(FULL)); /* sorted by key; no folder marker, and not the manifest itself */
    plan_free(&plan);
    in->manifest_paths = MANIFEST_RELATIVE;
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    expect(RELATIVE, COUNT(RELATIVE));
}

static void test_manifest_shares(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"k/1", "k/2", "k/3"};
    static const char *const OURS[] = {"k/1 /in/k/1 3", "k/3 /in/k/3 3"};
    objects(KEYS, COUNT(KEYS));
    write_text(at->fd, "store/b/m", "[{\"prefix\": \"s3://b/k/\"}, \"3\", \"2\", \"1\"]");
    struct input *in = add_input("i", "s3://b/m");
    in->data_type = S3_MANIFEST_FILE;
    in->distribution = SHARDED_BY_S3_KEY;
    strvec_add(&job.hosts, "algo-2");
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    expect(OURS, COUNT(OURS));
}

static void test_bad_manifests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"[{\"prefix\": \"s3://b/\"},\n \"k\", \"gone\"]",
         "input \"i\" (s3://b/m): s3://b/gone"}, /* manifest and key */
        {"[{\"prefix\": \"s3://b/\"},\n  7]", "input \"i\": s3://b/m:2:3: "},
        {"[{\"prefix\": \"s3://b/\"},\n \"s3://c/k\"]", "s3://b/m:2:2: \"s3://c/k\" names another"},
        {"[{\"prefix\": \"s3://c/\"}, \"k\"]", "(s3://b/m): s3://c/k"},
        {"[{\"prefix\": \"s3://b/\"}, \"k\", \"k\"]", "listed a second time"},
        {"[{\"prefix\": \"s3://b/\"}, \"x/\"]", "nothing matches s3://b/m"},
        {"nonsense", "not JSON"},
    };
    static const char *const KEYS[] = {"k"};
    objects(KEYS, COUNT(KEYS));
    add_input("i", "s3://b/m")->data_type = S3_MANIFEST_FILE;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        write_text(at->fd, "store/b/m", CASES[i].text);
        assert_failed(plan_input(&plan, &job, 0, &store, &e), &e, ERR_INPUT, CASES[i].piece);
        assert_int_equal(plan.n, 0);
    }
    (void)unlinkat(at->fd, "store/b/m", 0);
    assert_failed(plan_input(&plan, &job, 0, &store, &e), &e, ERR_INPUT, "input \"i\": s3://b/m");
}

/* A store that has one object, of any key: the folder store has none of those below. */
static int list_one(void *self, const char *bucket, const char *prefix, struct store_listing *out,
                    struct err *why)
{
    (void)bucket;
    (void)prefix;
    (void)why;
    store_listing_add(out, self, 1, "etag");
    return 0;
}

static void test_keys_that_are_no_paths(void **state)
{
    (void)state;
    static const struct store_ops OPS = {.list = list_one};
    char big[300] = "k/";
    memset(big + 2, 'n', 256);
    char *const bad[] = {"k/x/../y", "k/./y", "k/a/./b", "k/..", "k/.", big};
    (void)add_input("i", "s3://b/k");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct store fake = {.ops = &OPS, .self = bad[i]};
        assert_failed(plan_input(&plan, &job, 0, &fake, &e), &e, ERR_INPUT,
                      "input \"i\" (s3://b/k): s3://b/k/");
        assert_contains(e.text, "cannot be a file below /opt/ml/processing/in: a part between");
        assert_int_equal(plan.n, 0);
    }
    big[257] = '\0'; /* 255 bytes are fine */
    struct store fake = {.ops = &OPS, .self = big};
    assert_ok(plan_input(&plan, &job, 0, &fake, &e), &e);
    assert_string_equal(plan.v[0].etag, "etag");
    plan_free(&plan);
    static const char *const DOUBLED[][2] = {
        {"k/a//b", "/a/b"}, {"k//a", "/a"}, {"k///a//b", "/a/b"}};
    for (size_t i = 0; i < COUNT(DOUBLED); i++) { /* to S3 a name as any other */
        fake.self = (void *)(uintptr_t)DOUBLED[i][0];
        assert_ok(plan_input(&plan, &job, 0, &fake, &e), &e);
        assert_string_equal(plan.v[0].key, DOUBLED[i][0]);
        assert_true(str_ends(plan.v[0].path, DOUBLED[i][1]));
        assert_false(strstr(plan.v[0].path, "//"));
        plan_free(&plan);
    }
    job.inputs[0].mode = INPUT_PIPE; /* no path, no matter */
    fake.self = bad[0];
    assert_ok(plan_input(&plan, &job, 0, &fake, &e), &e);
}

static void test_pipes_have_no_paths(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"k/2", "k/10", "k/a/b", "k/a-c"};
    static const char *const LINES[] = {"k/10 - 4", "k/2 - 3", "k/a-c - 5", "k/a/b - 5"};
    objects(KEYS, COUNT(KEYS));
    add_input("i", "s3://b/k")->mode = INPUT_PIPE;
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    expect(LINES, COUNT(LINES));
}

static void test_a_fifo_collides(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"k/i_0", "f/i_0/x"};
    objects(KEYS, COUNT(KEYS));
    (void)add_input("f", "s3://b/k/");
    add_input("i", "s3://b/k/")->mode = INPUT_PIPE;
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    plan_fifo(&plan, 1, "/in/i_0");
    assert_failed(plan_settle(&plan, &job, &e), &e, ERR_INPUT, "would both become \"/in/i_0\"");
    assert_contains(e.text, "the FIFO of input \"i\"");
    assert_contains(e.text, "s3://b/k/i_0");
    plan_free(&plan);
    free(job.inputs[0].s3_uri);
    job.inputs[0].s3_uri = strdup("s3://b/f/");
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    plan_fifo(&plan, 1, "/in/i_0");
    assert_failed(plan_settle(&plan, &job, &e), &e, ERR_INPUT,
                  "the FIFO of input \"i\" and s3://b/f/i_0/x need a file and a folder at");
}

static void test_find(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"k/a/b", "k/a-c", "k/z"};
    objects(KEYS, COUNT(KEYS));
    (void)add_input("i", "s3://b/k/");
    assert_null(plan_find(&plan, "/in/z"));
    assert_ok(plan_input(&plan, &job, 0, &store, &e), &e);
    assert_ok(plan_settle(&plan, &job, &e), &e);
    assert_string_equal(plan_find(&plan, "/in/a/b")->key, "k/a/b");
    assert_string_equal(plan_find(&plan, "/in/a-c")->key, "k/a-c");
    assert_null(plan_find(&plan, "/in/a"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relative),   TEST(test_manifest_layouts),
        TEST(test_manifest_shares),        TEST(test_bad_manifests),
        TEST(test_keys_that_are_no_paths), TEST(test_pipes_have_no_paths),
        TEST(test_a_fifo_collides),        TEST(test_find),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
