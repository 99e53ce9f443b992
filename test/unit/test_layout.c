/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/layout: reading layouts, the folders a job's values make of them, and
 * those of a row's columns.
 */
#include "unit.h"

#include "base/clock.h"
#include "partition/hive.h"
#include "partition/layout.h"

static struct job job;
static struct err e;
static struct table table; /* of all fills; zeros at each test's start, that is NULL_PARTITION */

static void set_time(const char *zone, const char *instant)
{
    assert_true(tz_lookup(zone, &job.tz));
    assert_true(clock_parse_rfc3339(instant, &job.time_ns));
}

static int setup(void **state)
{
    (void)state;
    e = (struct err){0};
    table = (struct table){0};
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
    {"a={colum.x}", "column 3: unknown source \"colum\", did you mean \"column\"?"},
    {"a={column}", "column 3: this source needs a name: {column.NAME}"},
    {"a={column:%Y}", "column 3: this source needs a name: {column.NAME}"},
    {"a={column.}", "column 3: write {column.NAME} or {column.N}"},
    {"a={column.:%Y}", "column 3: write {column.NAME} or {column.N}"},
    {"a={column.x", "column 3: a { is not closed"},
    {"a={column.0}", "column 3: columns are counted from 1"},
    {"a={column.000:%Y}", "column 3: columns are counted from 1"},
    {"a={column.1000000}", "column 3: columns are counted from 1, up to 999999"},
    {"a={column.x:%Q}", "column 3: unknown strftime conversion"},
    {"a={column.x:%Y%}", "column 3: unknown strftime conversion"},
    {"a={column.x:%s}", "column 3: unknown strftime conversion"},
    {"a={column.x:%Y/%m}", "column 3: a format cannot make levels"},
    {"a={column.x:%H%z}", "column 3: a column's times have no %z and %Z"},
    {"a={column.x:%Z}", "column 3: a column's times have no %z and %Z"},
    {"a={time.x}", "column 3: this source takes no name"},
    {"a={host.x}", "column 3: this source takes no name"},
    {"a={env}", "column 3: this source needs a name: {column.NAME}, {path.NAME}, {env.NAME}"},
    {"a={env:x}", "column 3: this source needs a name: {column.NAME}, {path.NAME}, {env.NAME}"},
    {"a={env.}", "column 3: write {env.NAME} or {path.NAME}, without a format"},
    {"a={env.X:y}", "column 3: write {env.NAME} or {path.NAME}, without a format"},
    {"a={host:x}", "column 3: only time and columns take a format"},
    {"a={job:x}", "column 3: only time and columns take a format"},
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
    expect_error(text, "has more than 1024 characters");
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

/* ---- columns ---- */

static void test_parse_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;   /* of the one column */
        const char *format; /* NULL: none */
    } CASES[] = {
        {"k={column.region}", "region", NULL},
        {"k={column.ts:%Y-%m-%d}", "ts", "%Y-%m-%d"},
        {"k={column.ts:%H:%M:%S}", "ts", "%H:%M:%S"}, /* the first :% begins it */
        {"k={column.ts:%%}", "ts", "%%"},
        {"k={column.a:b}", "a:b", NULL},
        {"k={column.a:b:%Y}", "a:b", "%Y"},
        {"k={column.ts:}", "ts:", NULL},
        {"k={column.ts: %Y}", "ts: %Y", NULL},
        {"k={column.100%}", "100%", NULL},
        {"k={column.a/b=c.d}", "a/b=c.d", NULL}, /* a / between braces makes no level */
        {"k={column. first name }", " first name ", NULL},
        {"k={column.日本.{x}", "日本.{x", NULL},
        {"k={column.1}", "1", NULL},
        {"k={column.012:%Y}", "12", "%Y"},
        {"k={column.000999999}", "999999", NULL},
        {"k={column.1.5}", "1.5", NULL},
        {"k={column.-1}", "-1", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct layout l = {0};
        assert_ok(layout_parse(CASES[i].text, &l, &e), &e);
        assert_int_equal(l.n, 1);
        assert_int_equal(l.levels[0].n, 1);
        assert_int_equal(l.columns.n, 1);
        assert_string_equal(l.columns.v[0], CASES[i].name);
        const struct part *part = &l.levels[0].parts[0];
        assert_int_equal(part->source, SOURCE_COLUMN);
        assert_int_equal(part->column, 0);
        assert_int_equal(!part->text, !CASES[i].format);
        if (part->text) {
            assert_string_equal(part->text, CASES[i].format);
        }
        assert_false(layout_uses_path(&l, NULL));
        layout_free(&l);
    }
}

static void test_columns_are_listed_once(void **state)
{
    (void)state;
    struct layout l = {0};
    assert_ok(layout_parse("y={column.ts:%Y}/r={column.region}-{column.2}/m={column.ts:%m}/"
                           "x={column.02}{column.TS}",
                           &l, &e),
              &e);
    assert_int_equal(l.columns.n, 4);
    assert_string_equal(l.columns.v[0], "ts");
    assert_string_equal(l.columns.v[1], "region");
    assert_string_equal(l.columns.v[2], "2");
    assert_string_equal(l.columns.v[3], "TS"); /* names differ by case */
    assert_int_equal(l.levels[1].parts[0].column, 1);
    assert_int_equal(l.levels[1].parts[2].column, 2);
    assert_int_equal(l.levels[2].parts[0].column, 0);
    assert_int_equal(l.levels[3].parts[0].column, 2);
    assert_int_equal(l.levels[3].parts[1].column, 3);
    layout_free(&l);
    assert_int_equal(l.columns.n, 0);
}

static void test_bind(void **state)
{
    (void)state;
    struct layout l = {0};
    struct layout b = {0};
    assert_int_equal(setenv("UNIT_LAYOUT", "v/", 1), 0);
    assert_ok(layout_parse("d={time:%Y}-{host}/k=a{env.UNIT_LAYOUT}{job}{column.x}{{{column.y:%Y}"
                           "{column.x}",
                           &l, &e),
              &e);
    assert_ok(layout_bind(&l, &job, NULL, ERR_CONFIG, &b, &e), &e);
    layout_free(&l); /* the bound one stands alone */
    assert_int_equal(b.n, 2);
    assert_int_equal(b.columns.n, 2);
    assert_string_equal(b.columns.v[1], "y");
    assert_string_equal(b.levels[0].key, "d");
    assert_int_equal(b.levels[0].n, 1);
    assert_string_equal(b.levels[0].parts[0].text, "2021-algo-1");
    const struct level *k = &b.levels[1];
    assert_int_equal(k->n, 5);
    assert_int_equal(k->parts[0].source, SOURCE_TEXT);
    assert_string_equal(k->parts[0].text, "av/my-job");
    assert_int_equal(k->parts[1].source, SOURCE_COLUMN);
    assert_null(k->parts[1].text);
    assert_string_equal(k->parts[2].text, "{");
    assert_int_equal(k->parts[3].source, SOURCE_COLUMN);
    assert_int_equal(k->parts[3].column, 1);
    assert_string_equal(k->parts[3].text, "%Y");
    assert_int_equal(k->parts[4].column, 0);
    layout_free(&b);
    assert_int_equal(unsetenv("UNIT_LAYOUT"), 0);
}

/* What is wrong without any row is said when the layout is bound. */
static void test_bind_errors(void **state)
{
    (void)state;
    char long_text[400];
    memset(long_text, 'v', sizeof long_text);
    memcpy(long_text + 300, "{column.x}", 11);
    memcpy(long_text, "k=", 2);
    const struct {
        const char *text;
        const char *env;
        const char *piece;
    } cases[] = {
        {"k={column.x}/l={env.UNIT_LAYOUT}", "", "partition key l: the value is empty"},
        {"k={column.x}{env.UNIT_LAYOUT}", "caf\xe9", "partition key k: the value \"caf\\xE9\" is"},
        {"k={column.x}/l=__hive_DEFAULT_PARTITION__", "", "partition key l: the value __hive_DEF"},
        {long_text, "", "300 bytes, at most 255 fit"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct layout l = {0};
        struct layout b = {.n = 77};
        assert_int_equal(setenv("UNIT_LAYOUT", cases[i].env, 1), 0);
        assert_ok(layout_parse(cases[i].text, &l, &e), &e);
        assert_failed(layout_bind(&l, &job, NULL, ERR_OUTPUT, &b, &e), &e, ERR_OUTPUT,
                      cases[i].piece);
        assert_int_equal(b.n, 77);
        layout_free(&l);
        e = (struct err){0};
    }
    assert_int_equal(unsetenv("UNIT_LAYOUT"), 0);
}

static void test_expand_refuses_columns(void **state)
{
    (void)state;
    struct layout l = {0};
    char *dir = NULL;
    assert_ok(layout_parse("k={column.x}", &l, &e), &e);
    assert_failed(layout_expand(&l, &job, NULL, ERR_CONFIG, &dir, &e), &e, ERR_INTERNAL,
                  "a layout with {column.x}");
    assert_null(dir);
    layout_free(&l);
}

/* Binds `text` and fills it. */
static int fill_bytes(const char *text, const struct field_text *columns, struct str *out)
{
    struct layout l = {0};
    struct layout b = {0};
    const struct value_rules rules = {.tz = &job.tz, .table = &table};
    e = (struct err){0};
    assert_ok(layout_parse(text, &l, &e), &e);
    assert_ok(layout_bind(&l, &job, NULL, ERR_CONFIG, &b, &e), &e);
    int rc = layout_fill(&b, &rules, columns, ERR_OUTPUT, out, &e);
    layout_free(&l);
    layout_free(&b);
    return rc;
}

/* The same with up to four texts; NULL is null. */
static int fill(const char *text, const char *const values[4], struct str *out)
{
    struct field_text columns[4];
    char *copies[4]; /* of the exact size and without a terminator: a read beyond is seen by ASan */
    for (size_t i = 0; i < 4; i++) {
        size_t n = values[i] ? strlen(values[i]) : 0;
        copies[i] = malloc(n + !n);
        assert_non_null(copies[i]);
        memcpy(copies[i], values[i] ? values[i] : "", n);
        columns[i] = (struct field_text){.s = values[i] ? copies[i] : NULL, .n = n};
    }
    int rc = fill_bytes(text, columns, out);
    for (size_t i = 0; i < 4; i++) {
        free(copies[i]);
    }
    return rc;
}

#define VALUES(...) ((const char *const[4]){__VA_ARGS__})

static void expect_fill(const char *text, const char *const values[4], const char *dir)
{
    struct str out = STR_INIT(0);
    assert_ok(fill(text, values, &out), &e);
    assert_string_equal(str_text(&out), dir);
    str_free(&out);
}

static void expect_unfit(const char *text, const char *const values[4], const char *piece)
{
    struct str out = STR_INIT(0);
    str_puts(&out, "before");
    assert_failed(fill(text, values, &out), &e, ERR_OUTPUT, piece);
    assert_string_equal(str_text(&out), "before");
    assert_int_equal(out.len, strlen("before"));
    str_free(&out);
}

static void test_fill(void **state)
{
    (void)state;
    expect_fill("k={column.x}", VALUES("v"), "k=v");
    expect_fill("k={column.x}", VALUES(" a/b:c% "), "k= a%2Fb%3Ac%25 ");
    expect_fill("k={column.x}", VALUES("日本"), "k=日本");
    expect_fill("k=eu-{column.x}_{column.y}/d={time:%Y}/l={column.x}", VALUES("a", "b"),
                "k=eu-a_b/d=2021/l=a");
    expect_fill("k={column.2}{column.1}{column.2}", VALUES("first", "second"),
                "k=firstsecondfirst"); /* columns come in the order of the layout */
    expect_fill("k=v", VALUES("unused"), "k=v");
    expect_fill("k={column.x}", VALUES("."), "k=.");
    expect_fill("k={column.x}", VALUES("__HIVE_DEFAULT_PARTITION_"), "k=__HIVE_DEFAULT_PARTITION_");
    struct str out = STR_INIT(0);
    str_puts(&out, "x/");
    assert_ok(fill("k={column.x}", VALUES("v"), &out), &e);
    assert_string_equal(str_text(&out), "x/k=v"); /* appended */
    str_free(&out);
}

static void test_fill_times(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        const char *value;
        const char *dir;
    } CASES[] = {
        {"%Y-%m-%d", "2021-12-14", "k=2021-12-14"},
        {"%Y-%m-%d", "2021-12-14T15:30:00", "k=2021-12-14"},  /* as it stands */
        {"%Y-%m-%d", "2021-12-14T15:30:00Z", "k=2021-12-15"}, /* in the job's zone */
        {"%Y-%m-%d", "2021-12-15 01:02:03+09", "k=2021-12-15"},
        {"%Y-%m-%dT%H:%M:%S", "2021-12-14 15:30:01 UTC", "k=2021-12-15T00%3A30%3A01"},
        {"%F %T %R", "2021-12-14 15:30:01", "k=2021-12-14 15%3A30%3A01 15%3A30"},
        {"%j of %y", "2024-12-31", "k=366 of 24"},
        {"%Y%m%d%H", "0001-02-03 04:05", "k=0001020304"},
        {"%F", "0099-02-03", "k=0099-02-03"},
        {"%G-W%V-%u", "2024-12-30", "k=2025-W01-1"},
        {"%a %b %p %I%% %w %U %W %C %g %A %B", "2021-12-15 13:00",
         "k=Wed Dec PM 01%25 3 50 50 20 21 Wednesday December"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "k={column.ts:%s}", CASES[i].format);
        expect_fill(text, VALUES(CASES[i].value), CASES[i].dir);
    }
    expect_fill("y={column.t:%Y}/m={column.t:%m}/d={column.t:%d}/h={column.t:%H}",
                VALUES("2021-12-14T15:30:00Z"), "y=2021/m=12/d=15/h=00");
    expect_unfit("k={column.t:%Y}", VALUES("15.12.2021"),
                 "partition key k: the value \"15.12.2021\" is no ISO date or timestamp");
    expect_unfit("k={column.t:%Y}", VALUES("2021-02-29"), "is no ISO date");
}

/* Every conversion by our hand and by strftime, over days of some years and all hours. */
static void test_times_as_strftime(void **state)
{
    (void)state;
    static const char FORMAT[] = "%Y|%m|%d|%H|%I|%M|%S|%j|%u|%w|%V|%G|%U|%W|%C|%F|%T|%R|%b|"
                                 "%B|%a|%A|%p";
    char layout[160];
    (void)snprintf(layout, sizeof layout, "k={time:%s}", FORMAT);
    struct str wanted = STR_INIT(0);
    for (int64_t hour = 0; hour < 24 * 366 * 3; hour += 5) {
        job.time_ns = (1577836800 + hour * 3600 + hour % 60 * 61) * NS_PER_S;
        struct tm tm;
        char text[256];
        char found[4096];
        tz_localtime(&job.tz, job.time_ns / NS_PER_S, &tm);
        assert_true(strftime(text, sizeof text, FORMAT, &tm) > 0);
        str_clear(&wanted);
        str_puts(&wanted, "k=");
        hive_escape(&wanted, text, strlen(text));
        assert_ok(expand(layout, found, sizeof found), &e);
        assert_string_equal(found, str_text(&wanted));
    }
    str_free(&wanted);
}

static void test_fill_null(void **state)
{
    (void)state;
    table = (struct table){.null = NULL_PARTITION};
    expect_fill("k={column.x}", VALUES(NULL), "k=__HIVE_DEFAULT_PARTITION__");
    expect_fill("k={column.x}", VALUES(""), "k=__HIVE_DEFAULT_PARTITION__");
    expect_fill("k={column.x:%Y}", VALUES(""), "k=__HIVE_DEFAULT_PARTITION__");
    expect_fill("k=a{column.x}b{column.y}/l={column.y}", VALUES("", "v"),
                "k=__HIVE_DEFAULT_PARTITION__/l=v"); /* as SQL concatenates */
    expect_unfit("k={column.x}{column.y:%Y}", VALUES("", "v"), "is no ISO date");

    table = (struct table){.null = NULL_FAIL};
    expect_unfit("j=v/k={column.a b}", VALUES(""),
                 "partition key k: column \"a b\" is null or empty in this row, and null = fail");
    expect_fill("k={column.x}", VALUES("v"), "k=v");

    char unknown[] = "un/known";
    table = (struct table){.null = NULL_VALUE, .null_value = unknown};
    expect_fill("k={column.x}", VALUES(""), "k=un%2Fknown");
    expect_fill("k=<{column.x}>", VALUES(""), "k=<un%2Fknown>");
    expect_fill("k={column.x:%Y}", VALUES(""), "k=un%2Fknown"); /* as it is: no format */
    char empty[] = "";
    table.null_value = empty;
    expect_unfit("k={column.x}", VALUES(""), "partition key k: the value is empty");
    expect_fill("k=a{column.x}", VALUES(""), "k=a");
    char sentinel[] = "__HIVE_DEFAULT_PARTITION__";
    table.null_value = sentinel;
    expect_unfit("k={column.x}", VALUES(""), "means null to every reader");
}

static void test_fill_sentinel(void **state)
{
    (void)state;
    static const char *const SENTINELS[] = {"__HIVE_DEFAULT_PARTITION__",
                                            "__hive_Default_Partition__"};
    char other[] = "other";
    static const enum null_policy POLICIES[] = {NULL_PARTITION, NULL_FAIL, NULL_VALUE};
    for (size_t i = 0; i < COUNT(SENTINELS) * COUNT(POLICIES); i++) {
        const char *value = SENTINELS[i % COUNT(SENTINELS)];
        table = (struct table){.null = POLICIES[i / COUNT(SENTINELS)], .null_value = other};
        expect_unfit("k={column.x}", VALUES(value), value);
        expect_unfit("k={column.x}", VALUES(value), "of column \"x\" means null to every reader");
        expect_unfit("k={column.x:%Y}", VALUES(value), "means null to every reader");
        expect_unfit("k=__HIVE_{column.x}", VALUES("DEFAULT_PARTITION__"),
                     "means null to every reader");
        table.sentinel_is_null = true; /* then it is the null partition under every policy */
        expect_fill("k={column.x}", VALUES(value), "k=__HIVE_DEFAULT_PARTITION__");
        expect_fill("k={column.x:%Y}", VALUES(value), "k=__HIVE_DEFAULT_PARTITION__");
        expect_fill("k=a{column.x}", VALUES(value), "k=__HIVE_DEFAULT_PARTITION__");
        expect_fill("k=__HIVE_{column.x}", VALUES("default_PARTITION__"),
                    "k=__HIVE_DEFAULT_PARTITION__");
    }
}

static void test_fill_refuses(void **state)
{
    (void)state;
    expect_unfit("a=1/k={column.x}", VALUES("caf\xe9"),
                 "partition key k: the value \"caf\\xE9\" is not UTF-8");
    expect_unfit("k={column.x}{column.y}", VALUES("\xe6\x97", "\xa5x\xff"), "is not UTF-8");
    struct str out = STR_INIT(0);
    const struct field_text nul = {.s = "a\0b", .n = 3};
    assert_failed(fill_bytes("k={column.x}", &nul, &out), &e, ERR_OUTPUT,
                  "the value \"a?b\" holds a NUL byte");
    str_free(&out);

    char value[6000];
    char dir[300] = "k=";
    memset(value, 'v', sizeof value);
    value[253] = '\0';
    memcpy(dir + 2, value, 254);
    expect_fill("k={column.x}", VALUES(value), dir); /* 255 bytes */
    expect_unfit("k=w{column.x}", VALUES(value), "256 bytes, at most 255 fit");
    value[253] = '/';
    value[254] = '\0';
    expect_unfit("k={column.x}", VALUES(value), "258 bytes, at most 255 fit");
    memset(value, 'v', 1100);
    value[1024] = '\0';
    expect_unfit("k={column.x}", VALUES(value), "1026 bytes, at most 255 fit");
    value[1024] = 'v';
    value[1025] = '\0';
    expect_unfit("k={column.x}", VALUES(value), "has more than 1024 characters");
    value[1025] = 'v';
    value[4097] = '\0';
    expect_unfit("k={column.x}", VALUES(value), "has more than 1024 characters");
    for (size_t i = 0; i < 1024; i++) {
        memcpy(value + i * 3, "日", 3);
    }
    value[3072] = '\0'; /* 1024 characters: it is the bytes that are too many */
    expect_unfit("k={column.x}", VALUES(value), "3074 bytes, at most 255 fit");
    memcpy(value + 3072, "日", 4);
    expect_unfit("k={column.x}", VALUES(value), "has more than 1024 characters");
}

/* Even the null partition's name may be too long for a folder: the key is. */
static void test_fill_long_key(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'k', sizeof text);
    (void)snprintf(text + 229, sizeof text - 229, "={column.x}");
    expect_unfit(text, VALUES(""), "256 bytes, at most 255 fit");
    struct str out = STR_INIT(0);
    assert_ok(fill(text + 1, VALUES(""), &out), &e);
    assert_int_equal(out.len, 255);
    str_free(&out);
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
        cmocka_unit_test_setup_teardown(test_parse_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_columns_are_listed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bind_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expand_refuses_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_as_strftime, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill_null, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill_sentinel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill_long_key, setup, teardown),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
