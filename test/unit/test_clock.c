/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/clock: RFC 3339 both ways, durations, and that the clocks move.
 */
#include "unit.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"

static const struct {
    const char *text;
    int64_t seconds;
    int64_t ns;
} INSTANTS[] = {
    {"1970-01-01T00:00:00Z", 0, 0},
    {"1970-01-01t00:00:00z", 0, 0},
    {"1970-01-01 00:00:00Z", 0, 0},
    {"1970-01-01T00:00:00-00:00", 0, 0},
    {"2021-12-14T15:30:00Z", 1639495800, 0},
    {"2021-12-15T00:30:00+09:00", 1639495800, 0},
    {"2021-12-15 00:30:00.5+09:00", 1639495800, 500000000},
    {"2021-12-14T12:00:00-03:30", 1639495800, 0},
    {"2021-12-15T15:29:00+23:59", 1639495800, 0},
    {"2021-12-13T15:31:00-23:59", 1639495800, 0},
    {"1969-12-31T23:59:59.999Z", -1, 999000000},
    {"1969-12-31T23:59:59Z", -1, 0},
    {"2000-02-29T00:00:00Z", 951782400, 0}, /* 400 divides */
    {"2024-02-29T23:59:59Z", 1709251199, 0},
    {"2023-02-28T23:59:59Z", 1677628799, 0},
    {"2024-12-31T00:00:00Z", 1735603200, 0},
    {"2100-03-01T00:00:00Z", 4107542400, 0},
    {"1900-03-01T00:00:00Z", -2203891200, 0},
    {"2016-12-31T23:59:60Z", 1483228799, 0}, /* a leap second reads as the one before */
    {"2016-12-31T23:59:60.75Z", 1483228799, 750000000},
    {"1678-01-01T00:00:00Z", -9214560000, 0},
    {"2261-12-31T23:59:59.999999999Z", 9214646399, 999999999},
    {"2261-12-31T23:59:59-23:59", 9214732739, 0},
    {"1678-01-01T00:00:00+23:59", -9214646340, 0},
    {"2021-12-14T15:30:00.000000001Z", 1639495800, 1},
    {"2021-12-14T15:30:00.1234567899Z", 1639495800, 123456789}, /* finer digits are cut */
    {"2021-12-14T15:30:00.99999999999999999999999999Z", 1639495800, 999999999},
};

static void test_instants(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(INSTANTS); i++) {
        int64_t ns = 1;
        int64_t wanted = INSTANTS[i].seconds * NS_PER_S + INSTANTS[i].ns;
        bool ok = clock_parse_rfc3339(INSTANTS[i].text, &ns);
        if (!ok || ns != wanted) {
            fail_msg("%s: %s %" PRId64 ", expected %" PRId64, INSTANTS[i].text, ok ? "" : "refused",
                     ns, wanted);
        }
    }
}

static const char *const NO_INSTANTS[] = {
    "",
    "now",
    "2021",
    "2021-12-14",
    "2021-12-14T15:30:00",
    "2021-12-14T15:30Z",
    "2021-12-14T15:30:00 Z",
    "2021-12-14T15:30:00+0900",
    "2021-12-14T15:30:00+09",
    "2021-12-14T15:30:00+9:00",
    "2021-12-14T15:30:00+24:00",
    "2021-12-14T15:30:00+09:60",
    "2021-12-14T15:30:00JST",
    "2021-12-14T15:30:00Zx",
    "2021-12-14T15:30:00Z ",
    " 2021-12-14T15:30:00Z",
    "2021-12-14T15:30:00.Z",
    "2021-12-14T15:30:00,5Z",
    "2021-12-14T24:00:00Z",
    "2021-12-14T15:60:00Z",
    "2021-12-14T15:30:61Z",
    "2021-13-01T00:00:00Z",
    "2021-00-01T00:00:00Z",
    "2021-12-00T00:00:00Z",
    "2021-12-32T00:00:00Z",
    "2021-04-31T00:00:00Z",
    "2021-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2024-02-30T00:00:00Z",
    "1677-12-31T23:59:59Z",
    "2262-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "21-12-14T15:30:00Z",
    "20211214T153000Z",
    "2021-1-14T15:30:00Z",
    "2021-12-14T1:30:00Z",
    "+2021-12-14T15:30:00Z",
    "-2021-12-14T15:30:00Z",
    "2021/12/14T15:30:00Z",
    "2021-12-14_15:30:00Z",
    "1639495800",
    "2021-12-14T15:30:00\xe2\x88\x92\x30\x39:00", /* U+2212 is no minus here */
    "2021-12-14T-1:30:00Z",
    "2021-12-14T15:30:00.5",
    "2021-12-14T15:30:00++9:00",
};

static void test_no_instants(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(NO_INSTANTS); i++) {
        int64_t ns = 42;
        if (clock_parse_rfc3339(NO_INSTANTS[i], &ns)) {
            fail_msg("%s was read", NO_INSTANTS[i]);
        }
        assert_int_equal(ns, 42);
    }
}

/* Every day of four centuries against glibc's calendar. */
static void test_every_day(void **state)
{
    (void)state;
    char text[64];
    for (int64_t day = -100000; day <= 100000; day++) {
        time_t t = (time_t)(day * 86400);
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
        int64_t ns = 0;
        assert_true(clock_parse_rfc3339(text, &ns));
        assert_int_equal(ns / NS_PER_S, day * 86400);
    }
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1639495800 * NS_PER_S + 250 * NS_PER_MS, "2021-12-14T15:30:00.250Z"},
        {999999999, "1970-01-01T00:00:00.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-NS_PER_S, "1969-12-31T23:59:59.000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145Z"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char buf[32];
        assert_string_equal(clock_format_rfc3339(buf, sizeof buf, CASES[i].ns), CASES[i].text);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } CASES[] = {
        {"0", 0},
        {"0s", 0},
        {"8s", 8000},
        {"8", 8000},
        {"500ms", 500},
        {"2m", 120000},
        {"2min", 120000},
        {"1h", 3600000},
        {"1.5s", 1500},
        {"0.25h", 900000},
        {"1.5", 1500},
        {"10 s", 10000},
        {"007s", 7000},
        {"240h", 864000000},
        {"864000", 864000000},
        {"864000s", 864000000},
        {"864000000ms", 864000000},
        {"0.001s", 1},
        {"1.0015s", 1001},
        {"5 ", 5000},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int64_t ns = -1;
        if (!clock_parse_duration(CASES[i].text, &ns) || ns != CASES[i].ms * NS_PER_MS) {
            fail_msg("%s: %" PRId64 " ns", CASES[i].text, ns);
        }
    }
}

static void test_no_durations(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        " ",
        "s",
        "ms",
        "-1s",
        "+1s",
        ".5s",
        "1.s",
        "1..5s",
        "1,5s",
        "1d",
        "1w",
        "1S",
        "1 s ",
        " 1s",
        "1s2",
        "1h30m",
        "0x10",
        "1e3",
        "inf",
        "nan",
        "240h1s",
        "240.001h",
        "241h",
        "864001",
        "864000001ms",
        "14401m",
        "999999999999999999999999999999h",
        "9223372036854775807",
        "18446744073709551616ms",
    };
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        int64_t ns = 42;
        if (clock_parse_duration(TEXTS[i], &ns)) {
            fail_msg("%s was read as %" PRId64, TEXTS[i], ns);
        }
        assert_int_equal(ns, 42);
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t a = clock_monotonic_ns();
    int64_t b = clock_monotonic_ns();
    assert_true(a > 0 && b >= a);
    assert_true(b - a < 10 * NS_PER_S);
    int64_t seconds = clock_realtime_ns() / NS_PER_S;
    assert_true(llabs((long long)time(NULL) - (long long)seconds) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instants),  cmocka_unit_test(test_no_instants),
        cmocka_unit_test(test_every_day), cmocka_unit_test(test_format),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_no_durations),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
