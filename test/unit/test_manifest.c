/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/manifest: which keys a manifest lists, and that every mistake says where.
 */
#include "unit.h"

#include "base/clock.h"
#include "stage/manifest.h"

#define FILE_URI "s3://b/m.json"

static struct manifest m;
static struct err e;

static int parse_bytes(const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1); /* of the exact size: a read beyond it is seen by ASan */
    assert_non_null(copy);
    memcpy(copy, text, n);
    m = (struct manifest){0};
    e = (struct err){0};
    int rc = manifest_parse(FILE_URI, copy, n, &m, &e);
    free(copy);
    return rc;
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void test_keys_are_joined_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *bucket;
        const char *prefix;
        const char *keys; /* each with a newline behind */
    } CASES[] = {
        {"[{\"prefix\":\"s3://bucket/some/prefix/\"},\"relative/a.csv\",\"b.csv\"]", "bucket",
         "some/prefix/", "some/prefix/relative/a.csv\nsome/prefix/b.csv\n"},
        {"[{\"prefix\":\"s3://bucket/pre\"},\"fix.csv\",\"/x\"]", "bucket", "pre",
         "prefix.csv\npre/x\n"},
        {"[{\"prefix\":\"s3://bucket/\"},\"z\",\"a\",\"m\"]", "bucket", "", "z\na\nm\n"},
        {"[{\"x\":1,\"prefix\":\"s3://b/p/\",\"y\":[{}]},\"ds=2019-05-01/part-0\"]", "b", "p/",
         "p/ds=2019-05-01/part-0\n"},
        {" [ {\n\"prefix\" : \"s3://b/\\u65e5/\" } ,\n \"\\u672c s3://\" ] \n", "b", "日/",
         "日/本 s3://\n"},
        {"[{\"prefix\":\"s3://b//\"},\"a//b\",\"a/\"]", "b", "/", "/a//b\n/a/\n"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(parse(CASES[i].text), &e);
        assert_string_equal(m.bucket, CASES[i].bucket);
        assert_string_equal(m.prefix, CASES[i].prefix);
        struct str keys = STR_INIT(0);
        for (size_t k = 0; k < m.keys.n; k++) {
            str_printf(&keys, "%s\n", m.keys.v[k]);
        }
        assert_string_equal(str_text(&keys), CASES[i].keys);
        str_free(&keys);
        manifest_free(&m);
        manifest_free(&m); /* a second time: nothing */
    }
}

static void test_a_real_manifest(void **state)
{
    (void)state;
    size_t n;
    char *text = read_bytes(AT_FDCWD, "fixtures/config/manifest.batch-transform.json", &n);
    assert_ok(parse_bytes(text, n), &e);
    assert_string_equal(m.bucket, "sagemaker-us-west-2-123456789012");
    assert_string_equal(m.prefix, "sagemaker/DEMO-pytorch-batch-inference-script/images/");
    assert_int_equal(m.keys.n, 100);
    assert_string_equal(m.keys.v[0], "sagemaker/DEMO-pytorch-batch-inference-script/images/2.png");
    assert_string_equal(m.keys.v[1], "sagemaker/DEMO-pytorch-batch-inference-script/images/43.png");
    manifest_free(&m);
    free(text);
}

#define PREFIX "[{\"prefix\":\"s3://b/p/\"}"

static void test_errors_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"", ":1:0: not JSON: "},
        {"prefix\n", ":1:6: not JSON: "},
        {"[{\"prefix\":\"s3://b/\"},\n \"a\",\n ]", ":3:2: not JSON: "},
        {PREFIX ",\"a\\u0000b\"]", ":1:34: not JSON: "},
        {"{\"source-ref\":\"s3://b/k\"}\n{\"source-ref\":\"s3://b/l\"}\n", ":2:1: not JSON: "},
        {"\n {\"prefix\":\"s3://b/p/\"}", ":2:2: not a JSON array; a manifest is [{"},
        {"[]", ":1:1: an empty array; a manifest is [{"},
        {"[\"a\"]", ":1:2: the first element is no object with the member prefix; "},
        {"[ null, \"a\"]", ":1:3: the first element is no object"},
        {"[\n{\"Prefix\":\"s3://b/\"},\"a\"]", ":2:1: the first element has no member prefix; "},
        {"[{\"prefix\": 7},\"a\"]", ":1:13: the first element has a prefix that is no string; "},
        {"[{\"prefix\": \"\"},\"a\"]", ":1:13: prefix: S3Uri \"\" does not begin with s3://"},
        {"[{\"prefix\": \"https://b/p\"},\"a\"]", ":1:13: prefix: S3Uri \"https://b/p\" does not"},
        {"[{\"prefix\": \"s3:///p\"},\"a\"]", ":1:13: prefix: S3Uri \"s3:///p\" names no bucket"},
        {"[{\"prefix\": \"s3://b\"},\"a\"]", ":1:13: prefix \"s3://b\" has no / behind the bucket"},
        {PREFIX "]", ":1:2: only a prefix, nothing is listed; "},
        {PREFIX ",\n\"a\",\n  7]", ":3:3: this element is no string; "},
        {PREFIX ",[\"a\"]]", ":1:25: this element is no string; "},
        {PREFIX ",\"a\",\"\"]", ":1:29: an empty string names no object; remove it"},
        {PREFIX ",\n\"s3://b/p/a\"]", ":2:1: \"s3://b/p/a\" is a whole URI, but entries are"},
        {PREFIX ",\n\"s3://\"]", ":2:1: \"s3://\" is a whole URI, but entries are"},
        {PREFIX ",\n\"s3://c/p/a\"]",
         ":2:1: \"s3://c/p/a\" names another bucket than the prefix, \"b\"; a manifest has one"},
        {PREFIX ",\n\"a\",\n\"b\",\n \"a\",\n\"b\"]",
         ":4:2: \"a\" is listed a second time (the first: 2:1); remove one"},
        {PREFIX ",\n\"a\",\n\"b\",\n\"b\",\n\"a\",\n\"b\"]",
         ":4:1: \"b\" is listed a second time (the first: 3:1); remove one"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char piece[512];
        (void)snprintf(piece, sizeof piece, "%s%s", FILE_URI, CASES[i].piece);
        assert_failed(parse(CASES[i].text), &e, ERR_INPUT, piece);
        assert_ptr_equal(strstr(e.text, FILE_URI), e.text);
        assert_null(m.bucket); /* untouched */
        assert_int_equal(m.keys.n, 0);
    }
}

/* "[{"prefix":"s3://b/PPP"},"KKK"]" with so many P and K. */
static int parse_lengths(int prefix, int entry)
{
    char *text = NULL;
    assert_true(asprintf(&text, "[{\"prefix\":\"s3://b/%0*d\"},\"%0*d\"]", prefix, 0, entry, 0) >
                0);
    int rc = parse(text);
    free(text);
    return rc;
}

static void test_limits(void **state)
{
    (void)state;
    assert_ok(parse_lengths(1000, 24), &e);
    assert_int_equal(strlen(m.keys.v[0]), 1024);
    manifest_free(&m);
    assert_failed(parse_lengths(1000, 25), &e, ERR_INPUT,
                  "with the prefix a key of 1025 bytes, S3 has at most 1024");
    assert_failed(parse_lengths(1025, 1), &e, ERR_INPUT, "a key has at most 1024 bytes");
    size_t n = (size_t)MANIFEST_MAX_BYTES + 1;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    assert_failed(parse_bytes(text, n), &e, ERR_INPUT,
                  FILE_URI ":1:1: 67108865 bytes, a manifest has at most 67108864");
    text[0] = '[';
    text[1] = ']';
    assert_failed(parse_bytes(text, n - 1), &e, ERR_INPUT, FILE_URI ":1:1: an empty array");
    free(text);
}

static char *many(size_t n, const char *last)
{
    struct str text = STR_INIT(0);
    str_puts(&text, PREFIX);
    for (size_t i = 0; i < n; i++) {
        str_printf(&text, ",\n\"day=%zu/part-%06zu.csv\"", (n - i) % 28, n - i);
    }
    str_puts(&text, last);
    return str_take(&text);
}

/* A quadratic look for a second one would take minutes; the bound is for a busy machine. */
static void test_a_hundred_thousand_keys(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    char *text = many(MANY, "]");
    int64_t begin = clock_monotonic_ns();
    assert_ok(parse(text), &e);
    int64_t spent = clock_monotonic_ns() - begin;
    print_message("%d keys in %d ms\n", MANY, (int)(spent / NS_PER_MS));
    assert_true(spent < 5 * NS_PER_S);
    assert_int_equal(m.keys.n, MANY);
    assert_string_equal(m.keys.v[0], "p/day=12/part-100000.csv");
    assert_string_equal(m.keys.v[MANY - 1], "p/day=1/part-000001.csv");
    manifest_free(&m);
    free(text);
    text = many(MANY, ",\n\"day=2/part-000002.csv\"]");
    assert_failed(parse(text), &e, ERR_INPUT,
                  FILE_URI ":100002:1: \"day=2/part-000002.csv\" is listed a second time (the "
                           "first: 100000:1)");
    free(text);
    text = many(MANIFEST_MAX_ENTRIES + 1, "]");
    assert_failed(parse(text), &e, ERR_INPUT, "1000001 entries, a manifest has at most 1000000");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_joined_as_they_are),
        cmocka_unit_test(test_a_real_manifest),
        cmocka_unit_test(test_errors_say_where),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_hundred_thousand_keys),
    };
    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
