/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/stage, with stage/undo and stage/space: what cannot be staged, the staging,
 * and what is left of one that fails.
 */
#include "unit.h"

#include "base/log.h"
#include "config/json.h"
#include "stage/space.h"
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
    in->mode = INPUT_PIPE;
    in->gzip = true;
    assert_ok(stage_check(&job, &e), &e);
    in->data_type = S3_PREFIX;
    in->mode = INPUT_FILE;
    expect_refused("job.json:1:2: input \"i\": S3CompressionType Gzip with S3InputMode File cannot "
                   "be staged by procagent; the service takes it with Pipe only");
    in->gzip = false;
    in->odd = strdup("S3InputMode \"FastFile\"");
    expect_refused("input \"i\": S3InputMode \"FastFile\" cannot be staged");
    free(in->odd);
    in->odd = NULL;
    in->distribution = SHARDED_BY_S3_KEY;
    in->dataset = true;
    expect_refused(
        "a DatasetDefinition cannot be staged by procagent; run its query before the job");
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

static void test_check_of_manifests(void **state)
{
    (void)state;
    static const char *const NONE[] = {"s3://b", "s3://b/", "s3://b/folder/"};
    struct input *in = add_input("i", "s3://b/m");
    in->data_type = S3_MANIFEST_FILE;
    assert_ok(stage_check(&job, &e), &e);
    for (size_t i = 0; i < COUNT(NONE); i++) {
        free(in->s3_uri);
        in->s3_uri = strdup(NONE[i]);
        expect_refused("of a ManifestFile names no object");
    }
}

static void test_check_of_pipes(void **state)
{
    (void)state;
    char longest[256] = "";
    struct input *in = add_input("i", "s3://b/k");
    in->mode = INPUT_PIPE;
    static const char *const BAD[] = {"", "a/b"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        free(in->name);
        in->name = strdup(BAD[i]);
        expect_refused("S3InputMode Pipe needs an InputName of 1 to 253 bytes without a slash");
    }
    memset(longest, 'n', 254);
    free(in->name);
    in->name = strdup(longest);
    expect_refused("needs an InputName");
    in->name[253] = '\0';
    assert_ok(stage_check(&job, &e), &e);
    in->unpack.wanted = true;
    assert_failed(stage_check(&job, &e), &e, ERR_CONFIG, "unpack = yes is for files");
    job.store_kind = STORE_PLATFORM; /* unpacking is ours there, too */
    assert_failed(stage_check(&job, &e), &e, ERR_CONFIG, "unpack = yes is for files");
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

/* ---- all or nothing ---- */

/* The first error is at the second object: the folder store copies in order. */
static void break_the_second(void)
{
    write_text(at->fd, "store/b/k/a", "new a");
    write_text(at->fd, "store/b/k/x/y/c", "c");
    write_text(at->fd, "store/b/k/z", "z");
    assert_int_equal(mkdirat(at->fd, "i", 0777), 0);
}

static void test_a_failure_takes_all_back(void **state)
{
    (void)state;
    break_the_second();
    write_text(at->fd, "i/stranger", "s");
    write_text(at->fd, "i/z/in the way", "a folder where z should be");
    char *before = tree_text(at->fd, "i");
    (void)add_input("i", "s3://b/k/");
    (void)add_input("j/deep/er", "s3://b/k/");
    assert_failed(stage_inputs(&job, &e), &e, ERR_OUTPUT, "input \"i\"");
    assert_tree(at->fd, "i", before);
    assert_false(exists(at->fd, "j"));
}

static void test_a_replaced_file_stays_replaced(void **state)
{
    (void)state;
    break_the_second();
    write_text(at->fd, "i/a", "old a");
    write_text(at->fd, "i/z/in the way", "");
    (void)add_input("i", "s3://b/k/");
    assert_failed(stage_inputs(&job, &e), &e, ERR_OUTPUT, "input \"i\"");
    assert_file(at->fd, "i/a", "new a");
    assert_false(exists(at->fd, "i/x"));
    assert_int_equal(count_entries(at->fd, "i"), 2);
}

/* ---- archives ---- */

/* printf ... | gzip */
static const char HELLO_GZ[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07"
                               "\x00\x86\xa6\x10\x36\x05\x00\x00\x00";

static void test_unpack(void **state)
{
    (void)state;
    write_bytes(at->fd, "store/b/k/a.txt.gz", HELLO_GZ, sizeof HELLO_GZ - 1);
    write_text(at->fd, "store/b/k/plain", "12");
    struct input *in = add_input("i", "s3://b/k/");
    in->unpack.wanted = true;
    assert_ok(stage_inputs(&job, &e), &e);
    assert_file(at->fd, "i/a.txt", "hello");
    assert_false(exists(at->fd, "i/a.txt.gz"));
    assert_int_equal(job.inputs[0].files, 2);
    assert_int_equal(job.inputs[0].bytes, 7);
}

static void test_unpack_what_the_platform_brought(void **state)
{
    (void)state;
    job.store_kind = STORE_PLATFORM;
    write_bytes(at->fd, "i/x/a.txt.gz", HELLO_GZ, sizeof HELLO_GZ - 1);
    write_bytes(at->fd, "j/a.txt.gz", HELLO_GZ, sizeof HELLO_GZ - 1);
    add_input("i", "s3://b/k/")->unpack.wanted = true;
    (void)add_input("j", "s3://b/k/");
    assert_ok(stage_inputs(&job, &e), &e);
    assert_file(at->fd, "i/x/a.txt", "hello");
    assert_false(exists(at->fd, "i/x/a.txt.gz"));
    assert_true(exists(at->fd, "j/a.txt.gz"));
}

static void test_a_bad_archive_takes_all_back(void **state)
{
    (void)state;
    write_text(at->fd, "store/b/k/a.txt", "a");
    write_bytes(at->fd, "store/b/k/a.txt.gz.gz", HELLO_GZ, sizeof HELLO_GZ - 1);
    write_text(at->fd, "store/b/k/bad.gz", "no gzip");
    add_input("i", "s3://b/k/")->unpack.wanted = true;
    assert_failed(stage_inputs(&job, &e), &e, ERR_INPUT, "input \"i\": ");
    assert_contains(e.text, "bad.gz");
    assert_false(exists(at->fd, "i"));
}

/* ---- room ---- */

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } CASES[] = {
        {0, "0 bytes"},
        {999, "999 bytes"},
        {1000, "1.0 kB"},
        {999949, "999.9 kB"},
        {999999, "999.9 kB"},
        {12345678901, "12.3 GB"},
        {UINT64_MAX, "18446.7 PB"},
    };
    char buf[24];
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_string_equal(space_text(buf, sizeof buf, CASES[i].bytes), CASES[i].text);
    }
}

static void test_no_room(void **state)
{
    (void)state;
    static const uint64_t HUGE_SIZE = UINT64_C(1) << 62;
    struct plan plan = {0};
    (void)add_input("one/deep", "s3://b/k/");
    (void)add_input("two", "s3://b/k/");
    (void)add_input("none", "s3://b/k/");
    (void)mkdirat(at->fd, "one", 0777);
    for (size_t i = 0; i < 2; i++) {
        char *path = path_of("x");
        plan_fifo(&plan, i, path);
        plan.v[i].key = strdup("x");
        plan.v[i].size = 1;
        free(path);
    }
    assert_ok(space_check(&job, &plan, &e), &e);
    plan.v[1].size = HUGE_SIZE;
    assert_failed(space_check(&job, &plan, &e), &e, ERR_INPUT,
                  "input \"one/deep\", \"two\": 4611.6 PB to stage below ");
    assert_contains(e.text, "/one, "); /* the nearest folder that is there */
    assert_contains(e.text, " free: give the job a larger volume (VolumeSizeInGB)");
    plan.v[0].size = UINT64_MAX; /* more than can be counted is still too much */
    assert_failed(space_check(&job, &plan, &e), &e, ERR_INPUT, "18446.7 PB to stage");
    plan_free(&plan);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_check),
        TEST(test_check_of_manifests),
        TEST(test_check_of_pipes),
        TEST(test_prefix_and_single_object),
        TEST(test_shards),
        TEST(test_nothing_matches),
        TEST(test_collisions),
        TEST(test_a_failure_takes_all_back),
        TEST(test_a_replaced_file_stays_replaced),
        TEST(test_unpack),
        TEST(test_unpack_what_the_platform_brought),
        TEST(test_a_bad_archive_takes_all_back),
        cmocka_unit_test(test_sizes),
        TEST(test_no_room),
    };
    return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
