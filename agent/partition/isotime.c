/* SPDX-License-Identifier: MIT
 *
 * Times of a data column. See isotime.h.
 */
#include "partition/isotime.h"

#include "base/calendar.h"

static const int64_t YEAR_1_START = -62135596800;
static const int64_t YEAR_9999_END = 253402300799;

static bool in_years(int64_t seconds)
{
    return seconds >= YEAR_1_START && seconds <= YEAR_9999_END;
}

bool isotime_read(const char *s, size_t n, const struct tz *tz, struct tm *out)
{
    struct calendar_text text;
    if (!calendar_read(s, n, &text)) {
        return false;
    }
    int64_t seconds = calendar_seconds(&text);
    struct tm tm = {.tm_isdst = -1, .tm_zone = ""};
    if (!text.has_offset) {
        calendar_fields(seconds, &tm);
        *out = tm;
        return true;
    }
    seconds -= text.offset;
    if (!in_years(seconds)) {
        return false;
    }
    tz_localtime(tz, seconds, &tm);
    if (!in_years(seconds + tm.tm_gmtoff)) {
        return false;
    }
    *out = tm;
    return true;
}

bool isotime_shows(char c)
{
    return c != 'z' && c != 'Z';
}
