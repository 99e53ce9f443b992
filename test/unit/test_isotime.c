/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/isotime and of base/calendar below it: which texts are times, what local
 * time they are, and both against glibc's calendar.
 */
#include "unit.h"

#include <time.h>

#include "base/calendar.h"
#include "partition/isotime.h"

/* Reads a copy of the exact size, so that ASan sees a read beyond it. */
static bool read_text(const char *text, size_t n, const struct tz *tz, struct tm *out)
{
    char *copy = malloc(n + !n);
    assert_non_null(copy);
    memcpy(copy, text, n);
    bool ok = isotime_read(copy, n, tz, out);
    free(copy);
    return ok;
}

static struct tz zone(const char *name)
{
    struct tz tz;
    assert_true(tz_lookup(name, &tz));
    return tz;
}

static void expect(const char *zone_name, const char *text, const char *wanted)
{
    struct tz tz = zone(zone_name);
    struct tm tm;
    char found[64];
    if (!read_text(text, strlen(text), &tz, &tm)) {
        fail_msg("%s was refused", text);
    }
    assert_true(strftime(found, sizeof found, "%Y-%m-%d %H:%M:%S", &tm) > 0);
    if (strcmp(found, wanted) != 0) {
        fail_msg("%s in %s: %s, expected %s", text, zone_name, found, wanted);
    }
}

static const struct {
    const char *text;
    const char *jst; /* in Asia/Tokyo; one without an offset is the same everywhere */
} TIMES[] = {
    {"2021-12-15", "2021-12-15 00:00:00"},
    {"2024-02-29", "2024-02-29 00:00:00"},
    {"2000-02-29", "2000-02-29 00:00:00"},
    {"9999-12-31", "9999-12-31 00:00:00"},
    {"2021-12-15T01:02", "2021-12-15 01:02:00"},
    {"2021-12-15t01:02", "2021-12-15 01:02:00"},
    {"2021-12-15 01:02:03", "2021-12-15 01:02:03"},
    {"2021-12-15T01:02:03", "2021-12-15 01:02:03"},
    {"2021-12-15 23:59:59.999999999", "2021-12-15 23:59:59"},
    {"2021-12-15 01:02:03,5", "2021-12-15 01:02:03"},
    {"2021-12-15 01:02:03.12345678901234567890", "2021-12-15 01:02:03"},
    {"2016-12-31 23:59:60", "2016-12-31 23:59:59"}, /* a leap second is the one before */
    /* with an offset: converted */
    {"2021-12-14T15:30:00Z", "2021-12-15 00:30:00"},
    {"2021-12-14T15:30:00z", "2021-12-15 00:30:00"},
    {"2021-12-14 15:30Z", "2021-12-15 00:30:00"},
    {"2021-12-14 15:30:00 Z", "2021-12-15 00:30:00"},
    {"2021-12-14 15:30:00 UTC", "2021-12-15 00:30:00"},
    {"2021-12-14 15:30:00UTC", "2021-12-15 00:30:00"},
    {"2021-12-14 15:30:00.25 UTC", "2021-12-15 00:30:00"},
    {"2021-12-15 01:02:03+09", "2021-12-15 01:02:03"},
    {"2021-12-15 01:02:03 +0900", "2021-12-15 01:02:03"},
    {"2021-12-15 01:02:03+09:00", "2021-12-15 01:02:03"},
    {"2021-12-15T01:02+0900", "2021-12-15 01:02:00"},
    {"2021-12-15 01:02:03.5+09", "2021-12-15 01:02:03"},
    {"2021-12-14 11:00:00-03:30", "2021-12-14 23:30:00"},
    {"2021-12-31 15:00:00-00:00", "2022-01-01 00:00:00"},
    {"2024-02-28T15:00:00Z", "2024-02-29 00:00:00"},
    {"2021-12-14 00:00:00+23:59", "2021-12-13 09:01:00"},
    {"2021-12-14 00:00:00-23:59", "2021-12-15 08:59:00"},
    {"2016-12-31T23:59:60Z", "2017-01-01 08:59:59"},
};

static void test_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(TIMES); i++) {
        expect("Asia/Tokyo", TIMES[i].text, TIMES[i].jst);
    }
    expect("America/New_York", "2021-12-15 01:02:03", "2021-12-15 01:02:03");
    expect("America/New_York", "2021-07-01T03:59:59Z", "2021-06-30 23:59:59"); /* summer: -04 */
    expect("America/New_York", "2021-12-15T04:59:59Z", "2021-12-14 23:59:59"); /* winter: -05 */
    expect("-03:30", "2021-12-15T03:29:59Z", "2021-12-14 23:59:59");
    expect("UTC", "2021-12-15 01:02:03+09", "2021-12-14 16:02:03");
}

static const char *const NO_TIMES[] = {
    "",
    " ",
    "2021",
    "2021-12",
    "20211215",
    "2021-12-1",
    "2021-12-151",
    "2021-1-15",
    "21-12-15",
    "12021-12-15",
    "+2021-12-15",
    "-2021-12-15",
    " 2021-12-15",
    "2021-12-15 ",
    "2021/12/15",
    "15.12.2021",
    "12/15/2021",
    "2021-W50-3",
    "2021-349",
    "2021-12-15Z",
    "2021-12-15+09:00",
    "2021-12-15T",
    "2021-12-15T01",
    "2021-12-15T01Z",
    "2021-12-15T0102",
    "2021-12-15T1:02",
    "2021-12-15T01:2",
    "2021-12-15T01:02:",
    "2021-12-15T01:02:3",
    "2021-12-15  01:02",
    "2021-12-15\t01:02",
    "2021-12-15_01:02",
    "2021-12-15T01:02.5",
    "2021-12-15T01:02:03.",
    "2021-12-15T01:02:03.Z",
    "2021-12-15T01:02:03;5",
    "2021-12-15T01:02:03 ",
    "2021-12-15T01:02:03  Z",
    "2021-12-15T01:02:03ZZ",
    "2021-12-15T01:02:03Z ",
    "2021-12-15T01:02:03 GMT",
    "2021-12-15T01:02:03 JST",
    "2021-12-15T01:02:03 utc",
    "2021-12-15T01:02:03 UTC ",
    "2021-12-15T01:02:03 UTC+9",
    "2021-12-15T01:02:03+",
    "2021-12-15T01:02:03+9",
    "2021-12-15T01:02:03+090",
    "2021-12-15T01:02:03+09:",
    "2021-12-15T01:02:03+09:0",
    "2021-12-15T01:02:03+09:000",
    "2021-12-15T01:02:03+09000",
    "2021-12-15T01:02:03+24:00",
    "2021-12-15T01:02:03+09:60",
    "2021-12-15T01:02:03+-9:00",
    "2021-12-15T01:02:03+09:00 ",
    "2021-12-15T24:00:00",
    "2021-12-15T01:60",
    "2021-12-15T01:02:61",
    "2021-13-01",
    "2021-00-01",
    "2021-12-00",
    "2021-12-32",
    "2021-04-31",
    "2021-02-29",
    "2024-02-30",
    "1900-02-29",
    "2100-02-29",
    "0000-01-01",
    "9999-12-31T23:59:59-00:01", /* in year 10000 */
    "0001-01-01T00:00:00+00:01", /* in year 0 */
    "1639495800",
    "NaT",
    "null",
    "2021-12-15T01:02:03\xe2\x88\x92\x30\x39:00", /* U+2212 is no minus here */
};

static void test_no_times(void **state)
{
    (void)state;
    struct tz utc = {0};
    for (size_t i = 0; i < COUNT(NO_TIMES); i++) {
        struct tm tm = {.tm_year = 42};
        if (read_text(NO_TIMES[i], strlen(NO_TIMES[i]), &utc, &tm)) {
            fail_msg("%s was read", NO_TIMES[i]);
        }
        assert_int_equal(tm.tm_year, 42);
    }
    struct tm tm;
    assert_false(read_text("2021-12-15\0", 11, &utc, &tm));
    assert_false(read_text("2021-12-15 01:02\0", 17, &utc, &tm));
    assert_false(read_text("2021\0-12-15", 11, &utc, &tm));
    assert_true(read_text("2021-12-15x", 10, &utc, &tm)); /* only the n bytes count */
}

/* Years at both ends; the zone may lead out of them, too. */
static void test_first_and_last_year(void **state)
{
    (void)state;
    struct tz tokyo = zone("Asia/Tokyo");
    struct tz west = zone("-05:00");
    struct tm tm;
    assert_true(isotime_read("0001-01-01T00:00:00", 19, &tokyo, &tm));
    assert_int_equal(tm.tm_year, 1 - 1900);
    assert_true(isotime_read("0001-01-01T00:00:00Z", 20, &tokyo, &tm));
    assert_int_equal(tm.tm_hour, 9);
    assert_false(isotime_read("0001-01-01T04:59:59Z", 20, &west, &tm));
    assert_true(isotime_read("0001-01-01T05:00:00Z", 20, &west, &tm));
    assert_int_equal(tm.tm_hour, 0);
    assert_true(isotime_read("9999-12-31T14:59:59Z", 20, &tokyo, &tm));
    assert_int_equal(tm.tm_hour, 23);
    assert_false(isotime_read("9999-12-31T15:00:00Z", 20, &tokyo, &tm));
}

static void test_zone_fields(void **state)
{
    (void)state;
    struct tz tz = zone("America/New_York");
    struct tm tm;
    memset(&tm, 0xa5, sizeof tm);
    assert_true(isotime_read("2021-07-01T12:00:00Z", 20, &tz, &tm));
    assert_int_equal(tm.tm_isdst, 1);
    assert_int_equal(tm.tm_gmtoff, -4 * 3600);
    assert_string_equal(tm.tm_zone, "EDT");
    memset(&tm, 0xa5, sizeof tm);
    assert_true(isotime_read("2021-07-01T12:00:00", 19, &tz, &tm));
    assert_int_equal(tm.tm_isdst, -1);
    assert_int_equal(tm.tm_gmtoff, 0);
    assert_string_equal(tm.tm_zone, "");
    assert_false(isotime_shows('z'));
    assert_false(isotime_shows('Z'));
    assert_true(isotime_shows('Y'));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void assert_same_fields(const char *text, const struct tm *a, const struct tm *b)
{
    if (a->tm_sec != b->tm_sec || a->tm_min != b->tm_min || a->tm_hour != b->tm_hour ||
        a->tm_mday != b->tm_mday || a->tm_mon != b->tm_mon || a->tm_year != b->tm_year ||
        a->tm_wday != b->tm_wday || a->tm_yday != b->tm_yday) {
        fail_msg("%s: %d-%d-%d (weekday %d, day %d), glibc has %d-%d-%d (%d, %d)", text, a->tm_year,
                 a->tm_mon, a->tm_mday, a->tm_wday, a->tm_yday, b->tm_year, b->tm_mon, b->tm_mday,
                 b->tm_wday, b->tm_yday);
    }
}

/* Random seconds of the years 1 to 9999, written without and with an offset, in all spellings of
 * it. */
static void test_against_glibc(void **state)
{
    (void)state;
    const int64_t first = -62135596800;
    const int64_t span = INT64_C(253402300799) - first + 1;
    struct tz utc = {0};
    uint64_t seed = 20211215;
    int offsets = 0;
    for (int i = 0; i < 300000; i++) {
        time_t t = (time_t)(first + (int64_t)(next_random(&seed) % (uint64_t)span));
        struct tm wanted;
        struct tm found;
        assert_non_null(gmtime_r(&t, &wanted));
        char text[64];
        int n = snprintf(text, sizeof text, "%04d-%02d-%02d%c%02d:%02d:%02d", wanted.tm_year + 1900,
                         wanted.tm_mon + 1, wanted.tm_mday, "T t"[i % 3], wanted.tm_hour,
                         wanted.tm_min, wanted.tm_sec);
        assert_true(isotime_read(text, (size_t)n, &utc, &found));
        assert_same_fields(text, &found, &wanted);
        assert_true(timegm(&found) == t);

        int minutes = (int)(next_random(&seed) % 1440);
        bool west = next_random(&seed) & 1;
        time_t there = t - (west ? -1 : 1) * minutes * 60;
        if (there < first || there - first >= span) {
            continue;
        }
        n += snprintf(text + n, 16, "%s%c%02d%s%02d", i % 3 ? "" : " ", "+-"[west], minutes / 60,
                      i % 2 ? "" : ":", minutes % 60);
        assert_non_null(gmtime_r(&there, &wanted));
        assert_true(isotime_read(text, (size_t)n, &utc, &found));
        assert_same_fields(text, &found, &wanted);
        offsets++;
    }
    assert_true(offsets > 299000);
}

/* Every day of every year: days since 1970 and back, the lengths of months. */
static void test_every_day(void **state)
{
    (void)state;
    int64_t day = calendar_days(1, 1, 1);
    assert_int_equal(day, -719162);
    for (int year = 1; year <= 9999; year++) {
        int length = calendar_is_leap(year) ? 366 : 365;
        int sum = 0;
        for (int month = 1; month <= 12; month++) {
            assert_int_equal(calendar_days(year, month, 1), day + sum);
            sum += calendar_month_days(year, month);
        }
        assert_int_equal(sum, length);
        time_t t = (time_t)((day + 59) * 86400);
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        assert_int_equal(tm.tm_mon, calendar_is_leap(year) ? 1 : 2);
        assert_int_equal(calendar_weekday(day + 59), tm.tm_wday);
        assert_int_equal(calendar_year(day), year);
        assert_int_equal(calendar_year(day + length - 1), year);
        day += length;
    }
    assert_int_equal(day, calendar_days(10000, 1, 1));
}

/* No prefix of a time but the listed ones is a time: nothing is taken for granted at the end. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char TEXT[] = "2021-12-15 01:02:03.45 +09:30";
    static const size_t READ[] = {10, 16, 19, 21, 22, 26, 29};
    struct tz utc = {0};
    struct tm tm;
    size_t next = 0;
    for (size_t n = 0; n < sizeof TEXT; n++) {
        bool wanted = next < COUNT(READ) && READ[next] == n;
        next += wanted;
        if (read_text(TEXT, n, &utc, &tm) != wanted) {
            fail_msg("%.*s was %s", (int)n, TEXT, wanted ? "refused" : "read");
        }
    }
    assert_int_equal(next, COUNT(READ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_no_times),
        cmocka_unit_test(test_first_and_last_year),
        cmocka_unit_test(test_zone_fields),
        cmocka_unit_test(test_against_glibc),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests_name("isotime", tests, NULL, NULL);
}
