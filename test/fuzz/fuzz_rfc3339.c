/* SPDX-License-Identifier: MIT
 *
 * base/clock and base/tz: an instant that was read is written and read back the same; a zone's
 * local time, taken back by its own offset, is the instant. Line 1: an instant or a duration; line
 * 2: a zone.
 */
#include <time.h>

#include "base/clock.h"
#include "base/tz.h"
#include "fuzz.h"

enum { DAY = 86400 };

static void check_zone(const char *name, int64_t seconds)
{
    struct tz tz = {0};
    struct tm tm;
    if (!tz_lookup(name, &tz)) {
        return;
    }
    tz_localtime(&tz, seconds, &tm);
    REQUIRE(tm.tm_mon >= 0 && tm.tm_mon < 12 && tm.tm_mday >= 1 && tm.tm_mday <= 31);
    REQUIRE(tm.tm_hour >= 0 && tm.tm_hour < 24 && tm.tm_min >= 0 && tm.tm_min < 60);
    REQUIRE(tm.tm_sec >= 0 && tm.tm_sec < 60 && tm.tm_wday >= 0 && tm.tm_wday < 7);
    REQUIRE(tm.tm_zone && tm.tm_zone[0] && strlen(tm.tm_zone) < 16);
    REQUIRE(tm.tm_gmtoff > -DAY && tm.tm_gmtoff < DAY);
    struct tm copy = tm;
    REQUIRE((int64_t)timegm(&copy) - tm.tm_gmtoff == seconds);
    REQUIRE(copy.tm_yday == tm.tm_yday && copy.tm_wday == tm.tm_wday);
    char text[64];
    REQUIRE(strftime(text, sizeof text, "%F %T %z %Z", &tm) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_line(&data, &size);
    char *zone = fuzz_line(&data, &size);
    int64_t ns = -1;
    int64_t again = 0;
    if (clock_parse_rfc3339(text, &ns)) {
        char buf[40];
        REQUIRE(clock_format_rfc3339(buf, 32, ns) == buf && strlen(buf) == 24);
        /* An offset may lead out of the years that can be written. */
        bool readable = strncmp(buf, "1678", 4) >= 0 && strncmp(buf, "2261", 4) <= 0;
        REQUIRE(clock_parse_rfc3339(buf, &again) == readable);
        REQUIRE(!readable || (ns - again >= 0 && ns - again < NS_PER_MS));
        check_zone(zone, ns / NS_PER_S);
    } else {
        REQUIRE(ns == -1);
    }
    int64_t duration = -1;
    if (clock_parse_duration(text, &duration)) {
        REQUIRE(duration >= 0 && duration <= 10 * DAY * NS_PER_S);
    }
    check_zone(zone, 0);
    check_zone(text, 1640000000 + (int64_t)size);
    free(text);
    free(zone);
    return 0;
}
