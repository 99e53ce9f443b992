/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of base/tz and of its generator, which is included for its static functions.
 * Every zone against an independent implementation is test/tz/zones_check.py's part.
 */
#define TZGEN_TEST
#include "../../scripts/tzgen.c"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static struct tm local(const char *zone, int64_t t, struct tz *tz)
{
    struct tm tm;

    assert_true(tz_lookup(zone, tz));
    memset(&tm, 0xA5, sizeof(tm));
    tz_localtime(tz, t, &tm);
    return tm;
}

/* The time as strftime writes it, which is how the program uses it. */
static void check(const char *zone, int64_t t, const char *want)
{
    struct tz tz;
    struct tm tm = local(zone, t, &tz);
    char got[64];

    assert_true(strftime(got, sizeof(got), "%Y-%m-%d %H:%M:%S %z %Z", &tm) > 0);
    assert_string_equal(got, want);
}

static void test_names_are_exact(void **state)
{
    static const char *const unknown[] = {
        "", "Asia", "Asia/", "Asia/Tokyo/", "Asia/Tok", "Asia/Tokyoo", "asia/tokyo", "ASIA/TOKYO",
        "Utc", "utc", " UTC", "UTC ", "UTC+9", "JST", "Mars/Base", "/usr/share/zoneinfo/UTC",
        "../UTC", "posix/UTC", "right/UTC", "posixrules", "localtime", "EST5EDT,M3.2.0,M11.1.0",
        "<+09>-9", ":UTC", "zone.tab", "tzdata.zi", "Zzz"
    };
    struct tz tz = { .offset = 42 };

    (void)state;
    assert_false(tz_lookup(NULL, &tz));
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        if (tz_lookup(unknown[i], &tz))
            fail_msg("%s should be unknown", unknown[i]);
    }
    assert_int_equal(tz.offset, 42);
}

static void test_names_are_sorted_and_found(void **state)
{
    struct tz tz;

    (void)state;
    assert_true(tz_count() > 400);
    assert_null(tz_name(tz_count()));
    for (size_t i = 0; i < tz_count(); i++) {
        assert_true(i == 0 || strcmp(tz_name(i - 1), tz_name(i)) < 0);
        assert_true(tz_lookup(tz_name(i), &tz));
    }
    assert_true(strlen(tz_version()) > 0);
}

static void test_links_are_zones(void **state)
{
    static const char *const pairs[][2] = {
        { "Asia/Calcutta", "Asia/Kolkata" },
        { "US/Pacific", "America/Los_Angeles" },
        { "Zulu", "Etc/UTC" },
        { "Japan", "Asia/Tokyo" },
        { "Africa/Asmera", "Africa/Asmara" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct tz a;
        struct tz b;
        assert_true(tz_lookup(pairs[i][0], &a));
        assert_true(tz_lookup(pairs[i][1], &b));
        assert_ptr_equal(a.zone, b.zone);
    }
}

static void test_fixed_offsets(void **state)
{
    static const char *const bad[] = { "+", "-", "+9", "+009", "+09:", "+09:0", "+0:900", "+090",
                                       "+24", "+2400", "+24:00", "+09:60", "+0960", "+09:00:00",
                                       "+0a", "+09:0a", "09:00", "++9", "+-9", "+ 9", "+09 00",
                                       "+09.00", "+090000", "UTC+09:00", "\xe2\x88\x92\x30\x39" };
    struct tz tz;

    (void)state;
    check("+09:00", 0, "1970-01-01 09:00:00 +0900 +09:00");
    check("+0900", 0, "1970-01-01 09:00:00 +0900 +09:00");
    check("+09", 0, "1970-01-01 09:00:00 +0900 +09:00");
    check("-0330", 0, "1969-12-31 20:30:00 -0330 -03:30");
    check("-00:30", 0, "1969-12-31 23:30:00 -0030 -00:30");
    check("+23:59", 0, "1970-01-01 23:59:00 +2359 +23:59");
    check("-23:59", 0, "1969-12-31 00:01:00 -2359 -23:59");
    check("+00:00", 0, "1970-01-01 00:00:00 +0000 UTC");
    check("-00", 0, "1970-01-01 00:00:00 +0000 UTC");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (tz_lookup(bad[i], &tz))
            fail_msg("%s should be unknown", bad[i]);
    }
}

static void test_all_zero_is_utc(void **state)
{
    struct tz tz = { 0 };
    struct tm tm;

    (void)state;
    tz_localtime(&tz, 951782400, &tm);
    assert_string_equal(tm.tm_zone, "UTC");
    assert_int_equal(tm.tm_gmtoff, 0);
    assert_int_equal(tm.tm_mon, 1);
    assert_int_equal(tm.tm_mday, 29);
    check("UTC", 0, "1970-01-01 00:00:00 +0000 UTC");
}

static void test_known_times(void **state)
{
    (void)state;
    check("Asia/Tokyo", 1700000000, "2023-11-15 07:13:20 +0900 JST");
    check("Europe/Berlin", 1711846799, "2024-03-31 01:59:59 +0100 CET");
    check("Europe/Berlin", 1711846800, "2024-03-31 03:00:00 +0200 CEST");
    check("Europe/Berlin", 1729990799, "2024-10-27 02:59:59 +0200 CEST");
    check("Europe/Berlin", 1729990800, "2024-10-27 02:00:00 +0100 CET");
    check("America/New_York", 1710053999, "2024-03-10 01:59:59 -0500 EST");
    check("America/New_York", 1710054000, "2024-03-10 03:00:00 -0400 EDT");
    check("Asia/Kathmandu", 0, "1970-01-01 05:30:00 +0530 +0530");
    check("Asia/Kathmandu", 1700000000, "2023-11-15 03:58:20 +0545 +0545");
    check("Etc/GMT+9", 0, "1969-12-31 15:00:00 -0900 -09");
    check("Australia/Lord_Howe", 1704067200, "2024-01-01 11:00:00 +1100 +11");
    check("Pacific/Apia", 1325239199, "2011-12-29 23:59:59 -1000 -10");
    check("Pacific/Apia", 1325239200, "2011-12-31 00:00:00 +1400 +14");
}

static void test_listed_transitions(void **state)
{
    (void)state;
    /* Mexico gave up daylight saving time in 2022; Iran changed on days its own calendar sets. */
    check("America/Mexico_City", 1657000000, "2022-07-05 00:46:40 -0500 CDT");
    check("America/Mexico_City", 1690000000, "2023-07-21 22:26:40 -0600 CST");
    check("Asia/Tehran", 1647894599, "2022-03-21 23:59:59 +0330 +0330");
    check("Asia/Tehran", 1647894600, "2022-03-22 01:00:00 +0430 +0430");
}

static void test_dst_flag(void **state)
{
    struct tz tz;

    (void)state;
    assert_int_equal(local("Europe/Berlin", 1704067200, &tz).tm_isdst, 0);
    assert_int_equal(local("Europe/Berlin", 1720000000, &tz).tm_isdst, 1);
    assert_int_equal(local("+02:00", 1720000000, &tz).tm_isdst, 0);
}

/* The same arithmetic as the C library's, whose gmtime_r also knows no leap seconds. */
static void test_calendar_fields(void **state)
{
    struct tz tz = { 0 };

    (void)state;
    for (int64_t t = -62135596800; t <= 253402300799; t += 86400 * 11 + 3607) {
        time_t unix_time = (time_t)t;
        struct tm got;
        struct tm want;
        tz_localtime(&tz, t, &got);
        assert_non_null(gmtime_r(&unix_time, &want));
        assert_int_equal(got.tm_sec, want.tm_sec);
        assert_int_equal(got.tm_min, want.tm_min);
        assert_int_equal(got.tm_hour, want.tm_hour);
        assert_int_equal(got.tm_mday, want.tm_mday);
        assert_int_equal(got.tm_mon, want.tm_mon);
        assert_int_equal(got.tm_year, want.tm_year);
        assert_int_equal(got.tm_wday, want.tm_wday);
        assert_int_equal(got.tm_yday, want.tm_yday);
    }
}

static void test_ends_of_time(void **state)
{
    (void)state;
    check("UTC", -62135596800, "1-01-01 00:00:00 +0000 UTC");
    check("UTC", INT64_MIN, "1-01-01 00:00:00 +0000 UTC");
    check("UTC", 253402300799, "9999-12-31 23:59:59 +0000 UTC");
    check("UTC", INT64_MAX, "9999-12-31 23:59:59 +0000 UTC");
    check("Europe/Berlin", INT64_MAX, "10000-01-01 00:59:59 +0100 CET");
    check("Europe/Berlin", INT64_MIN, "1-01-01 01:00:00 +0100 CET");
    /* The rule goes on where the listed transitions end, beyond 2038 and beyond 32 bits. */
    check("Europe/Berlin", 4118079600, "2100-07-01 01:00:00 +0200 CEST");
    check("Europe/Berlin", 10429786800, "2300-07-05 05:00:00 +0200 CEST");
}

/* --- the generator's parser of POSIX TZ strings --- */

static bool parse(const char *s, struct footer *out)
{
    return footer_parse((struct cursor){ s, s + strlen(s) }, out);
}

/* The offset a rule gives at a time. */
static int rule_offset(const char *s, int64_t t)
{
    struct footer f;

    if (!parse(s, &f))
        fail_msg("%s should parse", s);
    return (int)tz_rule_type(&f.rule, t)->offset;
}

static void test_footer_without_dst(void **state)
{
    struct footer f;

    (void)state;
    assert_true(parse("<+0330>-3:30", &f));
    assert_string_equal(f.std, "+0330");
    assert_int_equal(f.rule.std.offset, 12600);
    assert_int_equal(f.rule.has_dst, 0);
    assert_true(parse("UTC0", &f));
    assert_int_equal(f.rule.std.offset, 0);
    assert_true(parse("ABC+24:59:59", &f));
    assert_int_equal(f.rule.std.offset, -89999);
    assert_true(parse("<-00>0", &f));
    assert_string_equal(f.std, "-00");
    assert_true(parse("ABCDEFGHIJKLMNO0", &f));
}

static void test_footer_with_dst(void **state)
{
    struct footer f;

    (void)state;
    assert_true(parse("EET-2EEST,M3.4.4/50,M10.4.4/50", &f));
    assert_string_equal(f.dst, "EEST");
    assert_int_equal(f.rule.dst.offset, 10800);
    assert_int_equal(f.rule.dst.is_dst, 1);
    assert_int_equal(f.rule.start.kind, TZ_DAY_OF_MONTH);
    assert_int_equal(f.rule.start.month, 3);
    assert_int_equal(f.rule.start.week, 4);
    assert_int_equal(f.rule.start.day, 4);
    assert_int_equal(f.rule.start.seconds, 50 * 3600);
    assert_true(parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", &f));
    assert_int_equal(f.rule.dst.offset, -3600);
    assert_int_equal(f.rule.start.seconds, -3600);
    assert_int_equal(f.rule.end.seconds, 0);
    assert_true(parse("IST-1GMT0,M10.5.0,M3.5.0/1", &f));
    assert_int_equal(f.rule.dst.offset, 0);
    assert_int_equal(f.rule.start.seconds, 7200);
    assert_true(parse("AAA3BBB,J60/167:59:59,365/-167", &f));
    assert_int_equal(f.rule.start.kind, TZ_DAY_NO_LEAP);
    assert_int_equal(f.rule.start.seconds, 604799);
    assert_int_equal(f.rule.end.kind, TZ_DAY_OF_YEAR);
    assert_int_equal(f.rule.end.seconds, -601200);
}

static void test_footer_refused(void **state)
{
    static const char *const bad[] = {
        "", "A", "AB0", "ABC", "ABC+", "ABC25", "ABC1:", "ABC1:60", "ABC1:00:60", "ABC1:2:3:4",
        "ABC0001", "<AB>0", "<ABC0", "<A_C>0", "ABCDEFGHIJKLMNOP0", "ABC0 ", " ABC0",
        "EST5EDT", "EST5EDT4", "EST5EDT,", "EST5EDT,M3.2.0", "EST5EDT,M3.2.0,",
        "EST5ED,M3.2.0,M4.1.0",
        "EST5EDT,M3.2.0,M11.1.0x", "EST5EDT,M3.2.0,M11.1.0,", "EST5EDT,M0.2.0,M11.1.0",
        "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.0.0,M11.1.0", "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,M3.2,M11.1.0", "EST5EDT,J0,J1", "EST5EDT,J366,J1",
        "EST5EDT,366,1", "EST5EDT,-1,1", "EST5EDT,M3.2.0/168,M11.1.0", "EST5EDT,M3.2.0/,M11.1.0",
        "EST5EDT,M3.2.0/--1,M11.1.0", "EST5EDT25,M3.2.0,M11.1.0", "EST5<EDT,M3.2.0,M11.1.0"
    };
    struct footer f;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i], &f))
            fail_msg("%s should be refused", bad[i]);
    }
    /* The given length is the end, whatever follows. */
    const char *s = "EST5EDT,M3.2.0,M11.1.0/23";
    assert_true(footer_parse((struct cursor){ s, s + 4 }, &f));
    assert_true(footer_parse((struct cursor){ s, s + 22 }, &f));
    assert_int_equal(f.rule.end.seconds, 7200);
}

static void test_rule_times(void **state)
{
    (void)state;
    /* 50 hours into the fourth Thursday is the Saturday after: Gaza, 2040-03-24 02:00. */
    assert_int_equal(rule_offset("EET-2EEST,M3.4.4/50,M10.4.4/50", 2216159999), 7200);
    assert_int_equal(rule_offset("EET-2EEST,M3.4.4/50,M10.4.4/50", 2216160000), 10800);
    /* One hour before the last Sunday is Saturday 23:00: Nuuk. */
    assert_int_equal(rule_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1743296399), -7200);
    assert_int_equal(rule_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1743296400), -3600);
    /* Winter is the 'daylight' time of Dublin. */
    assert_int_equal(rule_offset("IST-1GMT0,M10.5.0,M3.5.0/1", 1711846799), 0);
    assert_int_equal(rule_offset("IST-1GMT0,M10.5.0,M3.5.0/1", 1711846800), 3600);
    /* Southern summer spans the new year. */
    assert_int_equal(rule_offset("AEST-10AEDT,M10.1.0,M4.1.0/3", 1735689600), 39600);
    assert_int_equal(rule_offset("AEST-10AEDT,M10.1.0,M4.1.0/3", 1720000000), 36000);
}

static void test_rule_leap_days(void **state)
{
    /* 1709164800 is 2024-02-29, 1709251200 is 2024-03-01, 1677628800 is 2023-03-01, all UTC. */
    static const char j60[] = "AAA0BBB,J60/0,J300/0";
    static const char n59[] = "AAA0BBB,59/0,300/0";

    (void)state;
    assert_int_equal(rule_offset(j60, 1709251199), 0);
    assert_int_equal(rule_offset(j60, 1709251200), 3600);
    assert_int_equal(rule_offset(j60, 1677628800), 3600);
    assert_int_equal(rule_offset(n59, 1709164799), 0);
    assert_int_equal(rule_offset(n59, 1709164800), 3600);
    assert_int_equal(rule_offset(n59, 1677628799), 0);
    assert_int_equal(rule_offset(n59, 1677628800), 3600);
}

static void test_rule_all_year(void **state)
{
    static const char always[] = "XXX3EDT4,0/0,J365/23";

    (void)state;
    for (int64_t t = 1700000000; t < 1800000000; t += 1800)
        assert_int_equal(rule_offset(always, t), -4 * 3600);
    /* The new year in the two local times, 03:00 and 04:00 UTC, and the seconds around them. */
    for (int64_t t = 1735689600 + 3 * 3600 - 1; t < 1735689600 + 4 * 3600 + 2; t++)
        assert_int_equal(rule_offset(always, t), -4 * 3600);
}

static void test_rule_beyond_its_year(void **state)
{
    /* January 1 minus 167 h starts, in UTC, on December 25 at 01:00 of the year before. */
    static const char early[] = "AAA0BBB,0/-167,J100/0";
    static const char late[] = "AAA0BBB,J100/0,J365/167";

    (void)state;
    assert_int_equal(rule_offset(early, 1735088399), 0);
    assert_int_equal(rule_offset(early, 1735088400), 3600);
    /* December 31, 2024 plus 167 h, less an hour for BBB: 2025-01-06 22:00 UTC. */
    assert_int_equal(rule_offset(late, 1736200799), 3600);
    assert_int_equal(rule_offset(late, 1736200800), 0);
}

/* --- the generator and bad files --- */

struct tzif {
    unsigned char bytes[256];
    size_t size;
};

static void put(struct tzif *f, const void *bytes, size_t size)
{
    assert_true(f->size + size <= sizeof(f->bytes));
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

static void put_header(struct tzif *f, unsigned char version, unsigned char times)
{
    unsigned char header[TZIF_HEADER] = "TZif";

    header[4] = version;
    header[35] = times;
    header[39] = 2; /* types */
    header[43] = 8; /* abbreviation bytes */
    put(f, header, sizeof(header));
}

/* A zone AAA (UTC), then from Unix time 256 on BBB (+1 h), then a footer. */
static struct tzif sample(const char *footer)
{
    static const unsigned char types[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0x0e, 0x10, 0, 4 };
    static const unsigned char times[] = { 0, 0, 0, 0, 0, 0, 1, 0, 1 };
    struct tzif f = { .size = 0 };

    put_header(&f, '2', 0);
    put(&f, types, sizeof(types));
    put(&f, "AAA\0BBB", 8);
    put_header(&f, '2', 1);
    put(&f, times, sizeof(times));
    put(&f, types, sizeof(types));
    put(&f, "AAA\0BBB", 8);
    put(&f, "\n", 1);
    put(&f, footer, strlen(footer));
    put(&f, "\n", 1);
    return f;
}

static const char *add(struct gen *g, const struct tzif *f)
{
    memcpy(g->file, f->bytes, f->size);
    g->file_size = f->size;
    memcpy(g->names[0], "Test", 5);
    return add_zone(g, 0);
}

static void test_generator_reads_a_file(void **state)
{
    struct gen *g = calloc(1, sizeof(*g));
    struct tzif f = sample("BBB-1");

    (void)state;
    assert_non_null(g);
    assert_null(add(g, &f));
    assert_int_equal(g->zone_count, 1);
    assert_int_equal(g->turn_count, 1);
    assert_int_equal(g->when[0], 256);
    assert_int_equal(g->types[g->what[0]].offset, 3600);
    assert_null(add(g, &f));
    assert_int_equal(g->zone_count, 1);
    f = sample("");
    assert_null(add(g, &f));
    assert_int_equal(g->zone_count, 1);
    free(g);
}

/* As in slim files of America/Nuuk: the last transition changes nothing but starts the rule. */
static void test_generator_keeps_start_of_rule(void **state)
{
    struct gen *g = calloc(1, sizeof(*g));
    struct tzif f = sample("AAA0BBB,0/0,J2/0");

    (void)state;
    assert_non_null(g);
    f.bytes[64 + 44 + 8] = 0; /* AAA goes on, yet 256 s into 1970 this rule has BBB ... */
    assert_non_null(add(g, &f));
    f.bytes[64 + 44 + 4] = 1; /* ... while half a year later it has AAA. */
    assert_null(add(g, &f));
    assert_int_equal(g->turn_count, 1);
    free(g);
}

static void test_generator_refuses_bad_files(void **state)
{
    struct gen *g = calloc(1, sizeof(*g));
    struct tzif good = sample("BBB-1");
    struct tzif f = good;

    (void)state;
    assert_non_null(g);
    for (f.size = 0; f.size < good.size; f.size++)
        assert_non_null(add(g, &f));
    f = good;
    f.bytes[0] = 'X';
    assert_non_null(add(g, &f));
    f = good;
    f.bytes[4] = 0; /* version 1 has no 64-bit data */
    assert_non_null(add(g, &f));
    f = good;
    f.bytes[64 + 28] = 0x7f; /* counts beyond the file */
    assert_non_null(add(g, &f));
    f = good;
    f.bytes[64 + 44 + 8] = 2; /* a type that is not there */
    assert_non_null(add(g, &f));
    f = good;
    f.bytes[64 + 44 + 9 + 11] = 200; /* an abbreviation that is not there */
    assert_non_null(add(g, &f));
    f = sample("BBB-2");
    assert_non_null(add(g, &f));
    f = sample("EST5EDT");
    assert_non_null(add(g, &f));
    free(g);
}

static void test_generator_survives_any_byte(void **state)
{
    struct gen *g = calloc(1, sizeof(*g));
    struct tzif good = sample("AAA0BBB,M3.5.0,M10.5.0");

    (void)state;
    assert_non_null(g);
    for (size_t i = 0; i < good.size; i++) {
        for (unsigned value = 0; value < 256; value++) {
            struct tzif f = good;
            f.bytes[i] = (unsigned char)value;
            add(g, &f);
        }
        memset(g, 0, sizeof(*g));
    }
    free(g);
}

static void test_generator_needs_zones(void **state)
{
    char dir[] = "/tmp/test_tz.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(tzgen_run(dir, "/nonexistent/out.c"), EXIT_FAILURE);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(tzgen_run(dir, "/nonexistent/out.c"), EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_exact),
        cmocka_unit_test(test_names_are_sorted_and_found),
        cmocka_unit_test(test_links_are_zones),
        cmocka_unit_test(test_fixed_offsets),
        cmocka_unit_test(test_all_zero_is_utc),
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_listed_transitions),
        cmocka_unit_test(test_dst_flag),
        cmocka_unit_test(test_calendar_fields),
        cmocka_unit_test(test_ends_of_time),
        cmocka_unit_test(test_footer_without_dst),
        cmocka_unit_test(test_footer_with_dst),
        cmocka_unit_test(test_footer_refused),
        cmocka_unit_test(test_rule_times),
        cmocka_unit_test(test_rule_leap_days),
        cmocka_unit_test(test_rule_all_year),
        cmocka_unit_test(test_rule_beyond_its_year),
        cmocka_unit_test(test_generator_reads_a_file),
        cmocka_unit_test(test_generator_keeps_start_of_rule),
        cmocka_unit_test(test_generator_refuses_bad_files),
        cmocka_unit_test(test_generator_survives_any_byte),
        cmocka_unit_test(test_generator_needs_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
