/* SPDX-License-Identifier: MIT
 *
 * Unit tests of publish/publish and publish/ends: what is refused before anything is touched, what
 * a publication leaves in a folder store, and what it counts.
 */
#include "unit.h"

#include "base/log.h"
#include "config/json.h"
#include "publish/ends.h"
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
    return 0;
}

static int teardown(void **state)
{
    job_free(&job);
    return scratch_remove(state);
}

/* Its files lie in the folder `name`. */
static struct output *add_output(const char *name, const char *uri)
{
    struct output *out = job_add_output(&job, name);
    out->local_path = strdup("/opt/ml/processing/output");
    out->origin = strdup("job.json:1:2");
    out->dir = path_of(name);
    out->s3_uri = uri ? strdup(uri) : NULL;
    return out;
}

static void set_mode(struct output *out, enum publish_mode mode)
{
    free(out->mode_origin);
    out->mode_origin = strdup("agent.ini:7");
    out->mode = mode;
}

static void refused(const char *piece)
{
    e = (struct err){0};
    assert_failed(publish_check(&job, &e), &e, ERR_CONFIG, piece);
}

static void accepted(void)
{
    assert_ok(publish_check(&job, &e), &e);
}

static void test_feature_store(void **state)
{
    (void)state;
    static const struct {
        bool managed;
        bool s3;
        enum store_kind kind;
        bool fine;
    } CASES[] = {
        {true, false, STORE_FOLDER, true},    {true, false, STORE_PLATFORM, true},
        {true, true, STORE_PLATFORM, true},   {true, true, STORE_FOLDER, false},
        {false, false, STORE_FOLDER, false},  {false, true, STORE_FOLDER, false},
        {false, true, STORE_PLATFORM, false},
    };
    struct output *out = add_output("features", NULL);
    out->feature_store = true;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        out->app_managed = CASES[i].managed;
        free(out->s3_uri);
        out->s3_uri = CASES[i].s3 ? strdup("s3://b/p") : NULL;
        job.store_kind = CASES[i].kind;
        if (CASES[i].fine) {
            accepted();
        } else {
            refused("job.json:1:2: output \"features\" has a FeatureStoreOutput: procagent does "
                    "not write to the Feature Store");
            assert_contains(e.text, "PutRecord");
        }
    }
}

static void test_keys_need_a_store(void **state)
{
    (void)state;
    struct output *out = add_output("o", "s3://b/p");
    set_mode(out, PUBLISH_APPEND);
    for (int key = 0; key < 5; key++) {
        static const char *const NAMES[] = {"mode = replace", "mode = fail", "marker", "manifest",
                                            "on_failure = publish"};
        set_mode(out, key == 0 ? PUBLISH_REPLACE : key == 1 ? PUBLISH_FAIL : PUBLISH_APPEND);
        out->marker = key == 2 ? strdup("_SUCCESS") : NULL;
        out->manifest = key == 3 ? strdup("m.json") : NULL;
        out->publish_failed = key == 4;
        accepted();
        job.store_kind = STORE_PLATFORM;
        char text[128];
        (void)snprintf(text, sizeof text, "%s: output \"o\": %s needs [store] kind = folder or s3",
                       key < 2 ? "agent.ini:7" : "job.json:1:2", NAMES[key]);
        refused(text);
        job.store_kind = STORE_FOLDER;
        out->app_managed = true; /* with a place: ours to move */
        accepted();
        char *uri = out->s3_uri;
        out->s3_uri = NULL;
        refused("this one is the transform's own to move");
        out->s3_uri = uri;
        out->app_managed = false;
        free(out->marker);
        free(out->manifest);
        out->marker = NULL;
        out->manifest = NULL;
    }
    out->publish_failed = false;
    job.store_kind = STORE_PLATFORM;
    accepted(); /* mode = append is what the platform does */
}

static void test_upload_modes(void **state)
{
    (void)state;
    struct output *out = add_output("o", "s3://b/p");
    out->upload_mode = UPLOAD_CONTINUOUS;
    out->marker = strdup("_SUCCESS");
    accepted();
    out->publish_failed = true;
    refused("job.json:1:2: output \"o\": on_failure = publish does not go with S3UploadMode");
    out->publish_failed = false;
    set_mode(out, PUBLISH_FAIL);
    refused("agent.ini:7: output \"o\": mode = fail does not go with S3UploadMode Continuous");
    set_mode(out, PUBLISH_REPLACE);
    refused("mode = replace does not go with");
    out->upload_mode = UPLOAD_END_OF_JOB;
    accepted();
    out->upload_mode = UPLOAD_MODE_OTHER;
    refused("neither EndOfJob nor Continuous");
}

static void test_places(void **state)
{
    (void)state;
    struct output *one = add_output("one", "s3://b/p");
    (void)add_output("two", "s3://b/q");
    one = &job.outputs[0];
    struct output *two = &job.outputs[1];
    set_mode(one, PUBLISH_REPLACE);
    accepted();
    static const char *const SHARED[] = {"s3://b/p", "s3://b/p/sub", "s3://b"};
    static const char *const APART[] = {"s3://b/pp", "s3://c/p", "s3://b/o"};
    for (size_t i = 0; i < COUNT(SHARED); i++) {
        free(two->s3_uri);
        two->s3_uri = strdup(SHARED[i]);
        refused("agent.ini:7: output \"one\": mode = replace needs an S3Uri of its own");
        set_mode(one, PUBLISH_APPEND);
        accepted();
        set_mode(one, PUBLISH_REPLACE);
        free(two->s3_uri);
        two->s3_uri = strdup(APART[i]);
        accepted();
    }
    set_mode(one, PUBLISH_APPEND);
    one->marker = strdup("_SUCCESS");
    two->marker = strdup("_SUCCESS");
    accepted();
    free(two->s3_uri);
    two->s3_uri = strdup("s3://b/p");
    refused("outputs \"one\" (its marker) and \"two\" (its marker) would both become "
            "s3://b/p/_SUCCESS");
    free(two->marker);
    two->marker = NULL;
    one->manifest = strdup("_SUCCESS");
    refused("would both become s3://b/p/_SUCCESS");
}

static void test_manifest(void **state)
{
    (void)state;
    static const char *const PATHS[] = {"d=2/b.csv", "d=1/a \"x\".csv", "_rejected/x", ".hidden"};
    struct items plan = {0};
    (void)add_output("o", "s3://b/p");
    assert_ok(items_begin(&plan, &job, NULL, &e), &e);
    assert_null(ends_manifest(&plan, &job, 0)); /* the service wants an entry */
    for (size_t i = COUNT(PATHS); i-- > 0;) {
        struct dir_entry file = {.path = strdup(PATHS[i])};
        items_add(&plan, &job, 0, &file);
        free(file.path);
        assert_ok(items_check(&plan, &job, ERR_OUTPUT, &e), &e);
        char *text = ends_manifest(&plan, &job, 0);
        assert_true((text != NULL) == (i < 2));
        if (i == 0) {
            assert_string_equal(text, "[{\"prefix\": \"s3://b/p/\"}, \"d=1/a \\\"x\\\".csv\", "
                                      "\"d=2/b.csv\"]");
        }
        free(text);
    }
    items_free(&plan);
}

static void test_publication(void **state)
{
    (void)state;
    struct output *out = add_output("o", "s3://b/p");
    out->marker = strdup("_SUCCESS");
    out->manifest = strdup("m.json");
    set_mode(out, PUBLISH_REPLACE);
    write_text(at->fd, "o/d=1/a.csv", "new");
    write_text(at->fd, "o/d=1/b.csv", "new");
    write_text(at->fd, "store/b/p/d=1/a.csv", "old");
    write_text(at->fd, "store/b/p/d=1/c.csv", "old");
    write_text(at->fd, "store/b/p/d=2/a.csv", "old");
    write_text(at->fd, "store/b/p/_SUCCESS", "old");
    assert_ok(publish_check(&job, &e), &e);
    assert_ok(publish_outputs(&job, &e), &e);
    assert_file(at->fd, "store/b/p/d=1/a.csv", "new");
    assert_file(at->fd, "store/b/p/d=2/a.csv", "old");
    assert_false(exists(at->fd, "store/b/p/d=1/c.csv"));
    assert_file(at->fd, "store/b/p/_SUCCESS", "");
    assert_file(at->fd, "store/b/p/m.json",
                "[{\"prefix\": \"s3://b/p/\"}, \"d=1/a.csv\", \"d=1/b.csv\"]");
    assert_int_equal(out->files, 2);
    assert_int_equal(out->published, 2);
    assert_int_equal(out->replaced, 1);
    assert_null(out->failed_to);
}

/* What a failed transform left goes aside, of those outputs only that want it. */
static void test_aside(void **state)
{
    (void)state;
    (void)add_output("o", "s3://b/p");
    (void)add_output("kept", "s3://b/kept");
    job.outputs[0].publish_failed = true;
    job.outputs[0].marker = strdup("_SUCCESS");
    set_mode(&job.outputs[0], PUBLISH_REPLACE);
    write_text(at->fd, "o/d=1/a.csv", "half");
    write_text(at->fd, "kept/a.csv", "half");
    write_text(at->fd, "store/b/p/d=1/old.csv", "old");
    job.transform.ended = true;
    job.transform.status = 3;
    job.time_ns = INT64_C(1639495800250000000); /* 2021-12-14T15:30:00.250Z */
    assert_ok(publish_outputs(&job, &e), &e);
    assert_file(at->fd, "store/b/p/_failed/job-20211214T153000Z/d=1/a.csv", "half");
    assert_file(at->fd, "store/b/p/d=1/old.csv", "old");
    assert_int_equal(count_entries(at->fd, "store/b/p"), 2);
    assert_false(exists(at->fd, "store/b/kept"));
    assert_string_equal(job.outputs[0].failed_to, "s3://b/p/_failed/job-20211214T153000Z");
    assert_int_equal(job.outputs[0].published, 1);
    assert_int_equal(job.outputs[1].files, 0);
    assert_null(job.outputs[1].failed_to);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_feature_store), TEST(test_keys_need_a_store), TEST(test_upload_modes),
        TEST(test_places),        TEST(test_manifest),          TEST(test_publication),
        TEST(test_aside),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
