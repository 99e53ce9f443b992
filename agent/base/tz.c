/* SPDX-License-Identifier: MIT */
/*
 * Zone lookup and yearly rules over the table in tzdata.c.
 * Reading tz database files and parsing their text is the business of scripts/tzgen.c.
 */
#include "base/tz.h"

#include <string.h>

#include "base/calendar.h"

enum { DAY_SECONDS = 86400 };

static const int64_t YEAR_1_START = -62135596800;
static const int64_t YEAR_9999_END = 253402300799;

/* Days since 1970 of the first (week 1) to fourth, or last (week 5), weekday of a month. */
static int64_t nth_weekday(int64_t year, const struct tz_change *c)
{
    int month = c->month;
    int64_t first = calendar_days(year, month, 1);
    int64_t next = month == 12 ? calendar_days(year + 1, 1, 1)
                               : calendar_days(year, month + 1, 1);
    int64_t day = first + (c->day - calendar_weekday(first) + 7) % 7 + 7 * (c->week - 1);

    return day < next ? day : day - 7;
}

int64_t tz_change_time(const struct tz_change *change, int64_t year, int32_t offset)
{
    int64_t day = calendar_days(year, 1, 1);

    switch ((enum tz_day_kind)change->kind) {
    case TZ_DAY_NO_LEAP:
        day += change->day - 1 + (calendar_is_leap(year) && change->day >= 60);
        break;
    case TZ_DAY_OF_YEAR:
        day += change->day;
        break;
    case TZ_DAY_OF_MONTH:
        day = nth_weekday(year, change);
        break;
    }
    return day * DAY_SECONDS + change->seconds - offset;
}

const struct tz_type *tz_rule_type(const struct tz_rule *rule, int64_t unix_seconds)
{
    const struct tz_type *type = &rule->std;
    int64_t latest = INT64_MIN;

    if (!rule->has_dst)
        return type;

    /*
     * A switch may fall days outside its own year (times run from -167 h to 167 h), so the
     * latest switch is sought among three years. On a tie the later year's switch wins: that
     * is how POSIX spells daylight saving all year, end of one year = start of the next.
     */
    int64_t days = unix_seconds / DAY_SECONDS - (unix_seconds % DAY_SECONDS < 0);
    int64_t year = calendar_year(days);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start = tz_change_time(&rule->start, y, rule->std.offset);
        int64_t end = tz_change_time(&rule->end, y, rule->dst.offset);
        if (start <= unix_seconds && start >= latest) {
            latest = start;
            type = &rule->dst;
        }
        if (end <= unix_seconds && end >= latest) {
            latest = end;
            type = &rule->std;
        }
    }
    return type;
}

static const struct tz_type *zone_type(const struct tz_zone *zone, int64_t t)
{
    const uint32_t *when = tz_table.when + zone->first;
    size_t low = 0; /* transitions below low are at or before t, those from high on after it */
    size_t high = zone->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((int64_t)when[mid] <= t)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == zone->count)
        return tz_rule_type(&tz_table.rules[zone->rule], t);
    if (low == 0)
        return &tz_table.types[zone->before];
    return &tz_table.types[tz_table.what[zone->first + low - 1]];
}

void tz_localtime(const struct tz *tz, int64_t unix_seconds, struct tm *out)
{
    int64_t t = unix_seconds;
    int32_t offset = tz->offset;

    if (t < YEAR_1_START)
        t = YEAR_1_START;
    if (t > YEAR_9999_END)
        t = YEAR_9999_END;

    if (tz->zone) {
        const struct tz_type *type = zone_type(tz->zone, t);
        offset = type->offset;
        out->tm_isdst = type->is_dst;
        out->tm_zone = tz_table.text + type->abbr;
    } else {
        out->tm_isdst = 0;
        out->tm_zone = tz->label[0] ? tz->label : "UTC";
    }
    out->tm_gmtoff = offset;
    calendar_fields(t + offset, out);
}

static int two_digits(const char *s)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return -1;
    return (s[0] - '0') * 10 + (s[1] - '0');
}

static bool lookup_fixed(const char *name, struct tz *out)
{
    size_t len = strlen(name);
    int hours = 0;
    int minutes = 0;

    if (len != 3 && len != 5 && !(len == 6 && name[3] == ':'))
        return false;
    hours = two_digits(name + 1);
    if (len > 3)
        minutes = two_digits(name + len - 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;

    *out = (struct tz){ 0 };
    if (hours == 0 && minutes == 0)
        return true;
    out->offset = (hours * 60 + minutes) * 60 * (name[0] == '-' ? -1 : 1);
    out->label[0] = name[0];
    out->label[1] = name[1];
    out->label[2] = name[2];
    out->label[3] = ':';
    out->label[4] = (char)('0' + minutes / 10);
    out->label[5] = (char)('0' + minutes % 10);
    return true;
}

bool tz_lookup(const char *name, struct tz *out)
{
    size_t low = 0;
    size_t high = tz_table.row_count;

    if (!name)
        return false;
    if (name[0] == '+' || name[0] == '-')
        return lookup_fixed(name, out);
    if (strcmp(name, "UTC") == 0) {
        *out = (struct tz){ 0 };
        return true;
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(name, tz_name(mid));
        if (order == 0) {
            *out = (struct tz){ .zone = &tz_table.zones[tz_table.rows[mid].zone] };
            return true;
        }
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

size_t tz_count(void)
{
    return tz_table.row_count;
}

const char *tz_name(size_t i)
{
    return i < tz_table.row_count ? tz_table.text + tz_table.rows[i].name : NULL;
}

const char *tz_version(void)
{
    return tz_table.version;
}
