/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/layout: reading layouts, and the folders a job's values make of them.
 */
#include "unit.h"

#include "base/clock.h"
#include "partition/layout.h"

static struct job job;
static struct err e;

static void set_time(const char *zone, const char *instant)
{
    assert_true(tz_lookup(zone, &job.tz));
    assert_true(clock_parse_rfc3339(instant, &job.time_ns));
}

static int setup(void **state)
{
    (void)state;
    e = (struct err){0};
    job_init(&job);
    set_time("Asia/Tokyo", "2021-12-14T15:30:00Z");
    free(job.name);
    job.name = strdup("my-job");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    job_free(&job);
    return 0;
}

/* Parses and expands; the folder in `buf`. */
static int expand(const char *text, char *buf, size_t size)
{
    struct layout layout = {0};
    char *dir = NULL;
    int rc = layout_parse(text, &layout, &e);
    rc = rc ? rc : layout_expand(&layout, &job, NULL, ERR_CONFIG, &dir, &e);
    (void)snprintf(buf, size, "%s", dir ? dir : "");
    free(dir);
    layout_free(&layout);
    return rc;
}

static void expect(const char *text, const char *dir)
{
    char found[4096];
    assert_ok(expand(text, found, sizeof found), &e);
    assert_string_equal(found, dir);
}

static void expect_error(const char *text, const char *piece)
{
    char found[4096];
    e = (struct err){0};
    assert_failed(expand(text, found, sizeof found), &e, ERR_CONFIG, piece);
}

static void test_parse(void **state)
{
    (void)state;
    struct layout l = {0};
    assert_ok(layout_parse("Year={time:%Y}/region=eu-{env.R}x{{}}/h={host}", &l, &e), &e);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.levels[0].key, "year"); /* Hive writes keys in lower case */
    assert_int_equal(l.levels[0].n, 1);
    assert_int_equal(l.levels[0].parts[0].source, SOURCE_TIME);
    assert_string_equal(l.levels[0].parts[0].text, "%Y");
    assert_int_equal(l.levels[1].n, 3);
    assert_int_equal(l.levels[1].parts[0].source, SOURCE_TEXT);
    assert_string_equal(l.levels[1].parts[0].text, "eu-");
    assert_int_equal(l.levels[1].parts[1].source, SOURCE_ENV);
    assert_string_equal(l.levels[1].parts[1].text, "R");
    assert_string_equal(l.levels[1].parts[2].text, "x{}");
    assert_int_equal(l.levels[2].parts[0].source, SOURCE_HOST);
    layout_free(&l);
    assert_int_equal(l.n, 0);
    layout_free(&l);
}

static void test_constants(void **state)
{
    (void)state;
    expect("k=v", "k=v");
    expect("a=1/b=2/c=3", "a=1/b=2/c=3");
}

static void test_time(void **state)
{
    (void)state;
    expect("process_date_jst={time:%Y-%m-%d}", "process_date_jst=2021-12-15");
    expect("d={time}", "d=2021-12-15");
    expect("year={time:%Y}/month={time:%m}/day={time:%d}", "year=2021/month=12/day=15");
    expect("t={time:%H:%M}", "t=00%3A30"); /* a format may hold a colon, a folder name may not */
    expect("t={time:%H}h{time:%M}", "t=00h30");
    expect("t={time:%%}", "t=%25");
    expect("t={time:week %V of %G}", "t=week 50 of 2021");
    expect("t={time:%j}", "t=349");
    expect("t={time:%z}", "t=+0900");
    expect("t={time:%Z}", "t=JST");
    expect("t={time:%a %A %b %B %p}", "t=Wed Wednesday Dec December AM");
    expect("t={time:x}", "t=x");
}

static void test_time_zones(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *instant;
        const char *dir;
    } CASES[] = {
        {"Asia/Tokyo", "2021-12-14T14:59:59.999999999Z", "t=2021-12-14T23"},
        {"Asia/Tokyo", "2021-12-14T15:00:00Z", "t=2021-12-15T00"},
        {"UTC", "2021-12-14T23:59:59Z", "t=2021-12-14T23"},
        {"America/New_York", "2021-12-15T04:59:59Z", "t=2021-12-14T23"},
        {"America/New_York", "2021-03-14T07:00:00Z", "t=2021-03-14T03"},
        {"+05:30", "2021-12-14T18:30:00Z", "t=2021-12-15T00"},
        {"-03:30", "2021-12-15T03:29:59Z", "t=2021-12-14T23"},
        {"Asia/Kathmandu", "2021-12-14T18:15:00Z", "t=2021-12-15T00"},
        {"Pacific/Kiritimati", "2021-12-31T10:00:00Z", "t=2022-01-01T00"},
        {"UTC", "1969-12-31T23:59:59.5Z",
         "t=1969-12-31T23"}, /* before the epoch: floor, not truncation */
        {"UTC", "1970-01-01T00:00:00Z", "t=1970-01-01T00"},
        {"UTC", "2024-02-29T12:00:00Z", "t=2024-02-29T12"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        set_time(CASES[i].zone, CASES[i].instant);
        expect("t={time:%Y-%m-%dT%H}", CASES[i].dir);
    }
}

/* The process's own TZ has no say: the job's zone does. */
static void test_process_time_zone_is_ignored(void **state)
{
    (void)state;
    static const char *const ZONES[] = {"America/New_York", "XXX-11", "UTC"};
    for (size_t i = 0; i < COUNT(ZONES); i++) {
        assert_int_equal(setenv("TZ", ZONES[i], 1), 0);
        tzset();
        expect("t={time:%Y-%m-%d %H %z %Z}", "t=2021-12-15 00 +0900 JST");
        expect_error("t={time:%s}", "unknown strftime conversion"); /* mktime would read TZ */
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void test_environment_host_and_job(void **state)
{
    (void)state;
    assert_int_equal(setenv("UNIT_LAYOUT", "a/b:c d=日本", 1), 0);
    expect("k={env.UNIT_LAYOUT}", "k=a%2Fb%3Ac d%3D日本");
    expect("h={host}/j={job}", "h=algo-1/j=my-job");
    assert_int_equal(setenv("UNIT_LAYOUT", "", 1), 0);
    expect_error("k={env.UNIT_LAYOUT}", "partition key k: the value is empty");
    expect("k=x{env.UNIT_LAYOUT}", "k=x");
    assert_int_equal(unsetenv("UNIT_LAYOUT"), 0);
    expect_error("k={env.UNIT_LAYOUT}",
                 "partition key k: environment variable \"UNIT_LAYOUT\" is not set");
    job.name[0] = '\0';
    expect_error("j={job}", "partition key j: {job}: the job has no name");
}

static void test_escapes(void **state)
{
    (void)state;
    expect("k={{a}}", "k=%7Ba}");
    expect("k=100%", "k=100%25");
    expect("k=a=b", "k=a%3Db");
    expect("k={{{time:%Y}}}", "k=%7B2021}");
    expect("k=a b+c", "k=a b+c");
    expect("k=日本語", "k=日本語");
    expect("k=.hidden", "k=.hidden");
    expect("k=..", "k=..");
}

static const struct {
    const char *text;
    const char *piece;
} BAD[] = {
    {"", "layout \"\", column 1: expected key=template"},
    {"k", "layout \"k\", column 1: expected key=template"},
    {"k=", "column 3: the value is empty"},
    {"=v", "column 1: a key has letters, digits and _ only"},
    {"/k=v", "column 1: expected key=template"},
    {"k=v/", "column 5: expected key=template"},
    {"a=1//b=2", "column 5: expected key=template"},
    {"a=1/b", "column 5: expected key=template"},
    {"a=/b=1", "column 3: the value is empty"},
    {"a-b=1", "column 1: a key has letters"},
    {"a b=1", "column 1: a key has letters"},
    {" a=1", "column 1: a key has letters"},
    {"_a=1", "column 1: a key has letters"},
    {"日=1", "column 1: a key has letters"},
    {"{time}=1", "column 1: expected key=template"},
    {"a=1/A=2", "column 5: this key stands in the layout twice"},
    {"a=1/b=2/a=3", "column 9: this key stands in the layout twice"},
    {"a={time", "column 3: a { is not closed"},
    {"a=x{", "column 4: a { is not closed"},
    {"a=x}", "column 4: a } without {"},
    {"a={}", "column 3: unknown source \"\""},
    {"a={tiem}", "column 3: unknown source \"tiem\", did you mean \"time\"?"},
    {"a={ time}", "column 3: unknown source"},
    {"a={Time}", "did you mean \"time\"?"},
    {"a={column.x}", "column 3: unknown source \"column\""},
    {"a={time.x}", "column 3: this source takes no name"},
    {"a={host.x}", "column 3: this source takes no name"},
    {"a={env}", "column 3: this source needs a name: {env.NAME}"},
    {"a={env:x}", "column 3: this source needs a name: {env.NAME}"},
    {"a={env.}", "column 3: write {env.NAME} or {path.NAME}, without a format"},
    {"a={env.X:y}", "column 3: write {env.NAME} or {path.NAME}, without a format"},
    {"a={host:x}", "column 3: only time takes a format"},
    {"a={job:x}", "column 3: only time takes a format"},
    {"a={time:}", "column 3: the format is empty"},
    {"a={time:%Y/%m}", "column 3: a format cannot make levels"},
    {"a={time:%}", "column 3: unknown strftime conversion"},
    {"a={time:%Q}", "column 3: unknown strftime conversion"},
    {"a={time:%Ey}", "column 3: unknown strftime conversion"},
    {"a={time:%-d}", "column 3: unknown strftime conversion"},
    {"a={time:%c}", "column 3: unknown strftime conversion"},
    {"a={time:%D}", "column 3: unknown strftime conversion"}, /* it holds slashes */
    {"a={time:%n}", "column 3: unknown strftime conversion"},
};

static void test_errors_name_the_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct layout untouched = {.n = 77};
        e = (struct err){0};
        assert_failed(layout_parse(BAD[i].text, &untouched, &e), &e, ERR_CONFIG, BAD[i].piece);
        assert_int_equal(untouched.n, 77);
    }
}

static void test_values_that_are_refused(void **state)
{
    (void)state;
    expect_error("k=__HIVE_DEFAULT_PARTITION__", "means null to every reader");
    expect_error("k=__hive_default_PARTITION__", "means null to every reader");
    expect("k=__HIVE_DEFAULT_PARTITION__x", "k=__HIVE_DEFAULT_PARTITION__x");
    assert_int_equal(setenv("UNIT_LAYOUT", "caf\xe9", 1), 0);
    expect_error("k={env.UNIT_LAYOUT}", "is not UTF-8");
    assert_int_equal(unsetenv("UNIT_LAYOUT"), 0);
}

/* A folder's name has at most 255 bytes, the escaped form counts. */
static void test_lengths(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'v', sizeof text);
    memcpy(text, "k=", 2);
    text[255] = '\0';
    expect(text, text);
    text[255] = 'v';
    text[256] = '\0';
    expect_error(text, "256 bytes, at most 255 fit");
    memset(text + 2, '%', 85); /* three bytes each: 257 */
    text[2 + 85] = '\0';
    expect_error(text, "257 bytes, at most 255 fit");
    memset(text + 2, 'v', sizeof text - 2);
    text[2 + 1025] = '\0';
    expect_error(text, "the value is longer than 1024 bytes");
    text[2 + 1025] = 'v';
    text[4097] = '\0';
    expect_error(text, "longer than 4096 bytes");
}

static void test_number_of_levels(void **state)
{
    (void)state;
    char text[1024] = "";
    for (int i = 0; i < 32; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%sk%d=v", i ? "/" : "", i);
    }
    expect(text, text);
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "/k32=v");
    expect_error(text, "more than 32 levels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_constants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_zones, setup, teardown),
        cmocka_unit_test_setup_teardown(test_process_time_zone_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment_host_and_job, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_name_the_column, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_number_of_levels, setup, teardown),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
