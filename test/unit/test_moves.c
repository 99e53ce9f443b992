/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/moves: what the keys of [store], [input] and [output] that move data take.
 */
#include "unit.h"

#include "config/json.h"
#include "config/moves.h"

static struct job job;
static struct err e;

static int setup(void **state)
{
    (void)state;
    e = (struct err){0};
    job_init(&job);
    (void)job_add_input(&job, "i");
    (void)job_add_output(&job, "o");
    job.inputs[0].origin = strdup("job.json:1:2");
    job.outputs[0].origin = strdup("job.json:3:4");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    job_free(&job);
    return 0;
}

static int apply(enum key key, const char *value, bool from_service)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s", value);
    char name[] = "x";
    char origin[] = "agent.ini:9";
    const struct setting at = {.key = key, .name = name, .value = text, .origin = origin};
    switch ((int)KEY_SPECS[key].section) {
    case SECTION_STORE: return moves_apply_store(&job, "/cwd", &at, &e);
    case SECTION_INPUT: return moves_apply_input(&job.inputs[0], from_service, &at, &e);
    default: return moves_apply_output(&job.outputs[0], from_service, &at, &e);
    }
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        enum key key;
        const char *value;
    } CASES[] = {
        {KEY_STORE_KIND, "s3"},
        {KEY_STORE_ENDPOINT, "http://127.0.0.1:9000///"},
        {KEY_STORE_REGION, "eu-west-1"},
        {KEY_STORE_ADDRESSING, "virtual"},
        {KEY_STORE_CA_BUNDLE, "ca.pem"},
        {KEY_STORE_CONNECTIONS, "256"},
        {KEY_STORE_PART_SIZE, "5M"},
        {KEY_STORE_RETRIES, "0"},
        {KEY_STORE_TIMEOUT, "1s"},
        {KEY_STORE_MOVES, "app-managed"},
        {KEY_INPUT_S3_DATA_TYPE, "ManifestFile"},
        {KEY_INPUT_S3_DATA_DISTRIBUTION_TYPE, "ShardedByS3Key"},
        {KEY_INPUT_S3_INPUT_MODE, "Pipe"},
        {KEY_INPUT_S3_COMPRESSION_TYPE, "Gzip"},
        {KEY_INPUT_MANIFEST_PATHS, "relative"},
        {KEY_INPUT_UNPACK, "yes"},
        {KEY_INPUT_UNPACK_MAX_SIZE, "2G"},
        {KEY_OUTPUT_MODE, "replace"},
        {KEY_OUTPUT_MARKER, "_SUCCESS"},
        {KEY_OUTPUT_ON_FAILURE, "publish"},
        {KEY_OUTPUT_S3_UPLOAD_MODE, "Continuous"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(apply(CASES[i].key, CASES[i].value, false), &e);
    }
    assert_int_equal(job.store_kind, STORE_S3);
    assert_string_equal(job.s3.endpoint, "http://127.0.0.1:9000");
    assert_int_equal(job.s3.addressing, ADDRESS_VIRTUAL);
    assert_string_equal(job.s3.ca_bundle, "/cwd/ca.pem");
    assert_int_equal(job.s3.part_size, 5 << 20);
    assert_true(job.app_managed_only);
    const struct input *in = &job.inputs[0];
    assert_true(in->data_type == S3_MANIFEST_FILE && in->distribution == SHARDED_BY_S3_KEY &&
                in->mode == INPUT_PIPE && in->gzip && in->unpack.wanted &&
                in->manifest_paths == MANIFEST_RELATIVE);
    const struct output *out = &job.outputs[0];
    assert_true(out->mode == PUBLISH_REPLACE && out->publish_failed &&
                out->upload_mode == UPLOAD_CONTINUOUS);
    assert_string_equal(out->marker, "_SUCCESS");
    assert_ok(apply(KEY_OUTPUT_MARKER, "none", false), &e);
    assert_null(out->marker);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        enum key key;
        const char *value;
        const char *says;
    } CASES[] = {
        {KEY_STORE_KIND, "S3", "kind = \"S3\": expected platform, folder or s3"},
        {KEY_STORE_ENDPOINT, "127.0.0.1:9000", "expected http://HOST[:PORT]"},
        {KEY_STORE_ENDPOINT, "http://", "expected http://HOST[:PORT]"},
        {KEY_STORE_ENDPOINT, "http://h/path", "expected http://HOST[:PORT]"},
        {KEY_STORE_CONNECTIONS, "0", "expected a number from 1 to 256"},
        {KEY_STORE_PART_SIZE, "4M", "expected a size from 5M to 1G"},
        {KEY_STORE_PART_SIZE, "2G", "expected a size from 5M to 1G"},
        {KEY_STORE_TIMEOUT, "10ms", "a duration of at least 1s"},
        {KEY_STORE_MOVES, "none", "expected all or app-managed"},
        {KEY_INPUT_MANIFEST_PATHS, "full", "expected full-key or relative"},
        {KEY_INPUT_UNPACK_MAX_ENTRIES, "0", "expected a number from 1"},
        {KEY_OUTPUT_MODE, "overwrite", "expected append, replace or fail"},
        {KEY_OUTPUT_MARKER, "a/b", "expected a file's name, or none"},
        {KEY_OUTPUT_MANIFEST, "..", "expected a file's name, or none"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(apply(CASES[i].key, CASES[i].value, false), &e, ERR_CONFIG, CASES[i].says);
        assert_true(str_starts(e.text, "agent.ini:9: "));
    }
}

/* What processingjobconfig.json says of places and modes is the service's; the rest is ours. */
static void test_the_services_own(void **state)
{
    (void)state;
    static const enum key REFUSED[] = {KEY_INPUT_LOCAL_PATH, KEY_INPUT_S3_URI,
                                       KEY_INPUT_S3_INPUT_MODE, KEY_OUTPUT_S3_URI,
                                       KEY_OUTPUT_S3_UPLOAD_MODE};
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        assert_failed(apply(REFUSED[i], "File", true), &e, ERR_CONFIG, "already has its");
        assert_contains(e.text, "job.json:");
    }
    assert_ok(apply(KEY_INPUT_UNPACK, "yes", true), &e);
    assert_ok(apply(KEY_OUTPUT_MODE, "fail", true), &e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_good), TEST(test_bad),
                                       TEST(test_the_services_own)};
    return cmocka_run_group_tests_name("moves", tests, NULL, NULL);
}
