/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/stage: where an object lands, what cannot be staged, and the staging.
 */
#include "unit.h"

#include "base/log.h"
#include "config/json.h"
#include "stage/stage.h"

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
    return 0;
}

static int teardown(void **state)
{
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
        const char *found = stage_relative(CASES[i].prefix, CASES[i].key);
        if (!str_same(found, CASES[i].wanted)) {
            fail_msg("%s of %s: %s", CASES[i].key, CASES[i].prefix, found ? found : "none");
        }
    }
}

static struct input *add_input(const char *name, const char *uri)
{
    struct input *in = job_add_input(&job, name);
    in->local_path = strdup("/opt/ml/processing/input");
    in->s3_uri = strdup(uri);
    in->origin = strdup("job.json:1:2");
    in->dir = path_of(name);
    return in;
}

static void expect_refused(const char *piece)
{
    assert_failed(stage_check(&job, &e), &e, ERR_CONFIG, piece);
    job.store_kind = STORE_PLATFORM; /* the platform has staged them already */
    assert_ok(stage_check(&job, &e), &e);
    job.store_kind = STORE_FOLDER;
}

static void test_check(void **state)
{
    (void)state;
    struct input *in = add_input("i", "s3://b/k");
    assert_ok(stage_check(&job, &e), &e);
    in->data_type = S3_MANIFEST_FILE;
    expect_refused("job.json:1:2: input \"i\": S3DataType ManifestFile cannot be staged");
    in->data_type = S3_PREFIX;
    in->mode = INPUT_PIPE;
    expect_refused("S3InputMode Pipe");
    in->mode = INPUT_FILE;
    in->gzip = true;
    expect_refused("S3InputMode Pipe");
    in->gzip = false;
    in->odd = strdup("S3InputMode \"FastFile\"");
    expect_refused("input \"i\": S3InputMode \"FastFile\" cannot be staged");
    free(in->odd);
    in->odd = NULL;
    in->distribution = SHARDED_BY_S3_KEY;
    in->dataset = true;
    expect_refused("a DatasetDefinition");
    in->dataset = false;
    assert_ok(stage_check(&job, &e), &e);
    free(in->s3_uri);
    in->s3_uri = strdup("https://b/k");
    expect_refused("job.json:1:2: input \"i\": S3Uri \"https://b/k\" does not begin with s3://");
    free(in->s3_uri);
    in->s3_uri = NULL;
    expect_refused("job.json:1:2: input \"i\" has no S3Uri");
    in->app_managed = true;
    assert_ok(stage_check(&job, &e), &e);
}

static void test_prefix_and_single_object(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/data/csv/a.csv", "a");
    write_text(at->fd, "store/b/data/csv/x/b.csv", "bb");
    write_text(at->fd, "store/b/data/csv-2/c.csv", "c");
    (void)add_input("slash", "s3://b/data/csv/");
    (void)add_input("none", "s3://b/data/csv");
    (void)add_input("single", "s3://b/data/csv/a.csv");
    assert_ok(stage_inputs(&job, &e), &e);
    assert_file(at->fd, "slash/a.csv", "a");
    assert_file(at->fd, "slash/x/b.csv", "bb");
    assert_int_equal(count_entries(at->fd, "slash"), 2);
    assert_file(at->fd, "none/a.csv", "a");
    assert_file(at->fd, "none/csv-2/c.csv", "c");
    assert_file(at->fd, "single/a.csv", "a");
    assert_int_equal(count_entries(at->fd, "single"), 1);
    assert_int_equal(job.inputs[0].files, 2);
    assert_int_equal(job.inputs[0].bytes, 3);
    /* copies: what the transform does to them stays with it */
    write_text(at->fd, "single/a.csv", "scribble");
    assert_file(at->fd, "store/b/data/csv/a.csv", "a");
}

static void test_shards(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"store/b/k/1", "store/b/k/10", "store/b/k/2", "store/b/k/3",
                                       "store/b/k/4"};
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        write_text(at->fd, KEYS[i], "x");
    }
    add_input("i", "s3://b/k/")->distribution = SHARDED_BY_S3_KEY;
    strvec_add(&job.hosts, "algo-2");
    job.host_index = 1;
    assert_ok(stage_inputs(&job, &e), &e);
    assert_int_equal(count_entries(at->fd, "i"), 2);
    assert_true(exists(at->fd, "i/10") &&
                exists(at->fd, "i/3")); /* every second in the order of keys */
}

static void test_nothing_matches(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/k", "x");
    (void)add_input("i", "s3://b/other/");
    assert_failed(stage_inputs(&job, &e), &e, ERR_INPUT,
                  "input \"i\": nothing matches s3://b/other/");
    free(job.inputs[0].s3_uri);
    job.inputs[0].s3_uri = strdup("s3://nobucket/k");
    assert_failed(stage_inputs(&job, &e), &e, ERR_INPUT, "no bucket \"nobucket\"");
}

static void test_collisions(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/one/foo/x", "1");
    write_text(at->fd, "store/b/two/x", "2");
    (void)add_input("i", "s3://b/one/foo");
    (void)add_input("i", "s3://b/two/");
    assert_failed(stage_inputs(&job, &e), &e, ERR_INPUT, "would both become");
    assert_contains(e.text, "s3://b/one/foo/x");
    assert_contains(e.text, "s3://b/two/x");
    assert_false(exists(at->fd, "i")); /* found before a byte moved */
    write_text(at->fd, "store/b/three/x/deep/y", "3");
    free(job.inputs[1].s3_uri);
    job.inputs[1].s3_uri = strdup("s3://b/three/");
    assert_failed(stage_inputs(&job, &e), &e, ERR_INPUT, "need a file and a folder at");
    assert_false(exists(at->fd, "i"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relative),     TEST(test_check),
        TEST(test_prefix_and_single_object), TEST(test_shards),
        TEST(test_nothing_matches),          TEST(test_collisions),
    };
    return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
