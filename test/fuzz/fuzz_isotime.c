/* SPDX-License-Identifier: MIT
 *
 * partition/isotime and base/calendar: a text that is read as a time is one that glibc's calendar
 * has, and is, written by strftime, read back the same. Line 1: a zone; the rest is the text.
 */
#include <time.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "fuzz.h"
#include "partition/isotime.h"

enum { DAY = 86400 };

static void require_fields(const struct tm *tm)
{
    struct tm copy = *tm;
    (void)timegm(&copy); /* sets every field to what the date is: nothing may change */
    REQUIRE(copy.tm_year == tm->tm_year && copy.tm_mon == tm->tm_mon);
    REQUIRE(copy.tm_mday == tm->tm_mday && copy.tm_hour == tm->tm_hour);
    REQUIRE(copy.tm_min == tm->tm_min && copy.tm_sec == tm->tm_sec);
    REQUIRE(copy.tm_wday == tm->tm_wday && copy.tm_yday == tm->tm_yday);
    REQUIRE(tm->tm_year >= 1 - 1900 && tm->tm_year <= 9999 - 1900);
    REQUIRE(tm->tm_gmtoff > -DAY && tm->tm_gmtoff < DAY && tm->tm_zone);
}

/* Written without an offset, a time is read back as it stands. */
static void require_again(const struct tm *tm, const struct tz *tz)
{
    char text[64];
    struct tm again;
    int n = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", tm->tm_year + 1900,
                     tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec);
    REQUIRE(n == 19 && isotime_read(text, (size_t)n, tz, &again));
    REQUIRE(again.tm_year == tm->tm_year && again.tm_yday == tm->tm_yday);
    REQUIRE(again.tm_hour == tm->tm_hour && again.tm_min == tm->tm_min);
    REQUIRE(again.tm_sec == tm->tm_sec && again.tm_isdst == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *zone = fuzz_line(&data, &size);
    const char *text = size ? (const char *)data : "";
    struct tz tz = {0};
    struct tm tm = {.tm_year = -5000};
    struct calendar_text parts = {.year = -1};
    (void)tz_lookup(zone, &tz);
    bool known = calendar_read(text, size, &parts);
    if (isotime_read(text, size, &tz, &tm)) {
        REQUIRE(known);
        require_fields(&tm);
        require_again(&tm, &tz);
    } else {
        REQUIRE(tm.tm_year == -5000);
    }
    if (known) {
        REQUIRE(parts.day <= calendar_month_days(parts.year, parts.month));
        REQUIRE(parts.ns >= 0 && parts.ns < NS_PER_S);
        REQUIRE(parts.offset > -DAY && parts.offset < DAY);
        REQUIRE(parts.has_offset || (parts.offset == 0 && tm.tm_isdst == -1));
    } else {
        REQUIRE(parts.year == -1);
    }
    char *copy = fuzz_text(data, size);
    int64_t ns = 0;
    if (clock_parse_rfc3339(copy, &ns)) { /* RFC 3339 is a part of what is read here */
        REQUIRE(strlen(copy) < size || (known && parts.has_offset && parts.rfc3339));
    }
    free(copy);
    free(zone);
    return 0;
}
