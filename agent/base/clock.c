/* SPDX-License-Identifier: MIT
 *
 * Clocks and RFC 3339. See clock.h.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* Exactly `digits` decimal digits at *p; moves *p behind them. -1 when they are not there. */
static int digits_at(const char **p, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
    }
    *p += digits;
    return value;
}

static bool literal_at(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

/* Days from 1970-01-01 of a date in the proleptic Gregorian calendar, counted in 400-year eras that
 * start on 1 March, so that the leap day is an era's and a year's last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

static bool parse_fraction(const char **p, int64_t *ns)
{
    *ns = 0;
    if (**p != '.') {
        return true;
    }
    (*p)++;
    int64_t unit = NS_PER_S / 10;
    const char *start = *p;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        *ns += (**p - '0') * unit;
        unit /= 10;
    }
    return *p > start;
}

static bool parse_zone(const char **p, int64_t *offset_s)
{
    *offset_s = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    int sign = **p == '+' ? 1 : **p == '-' ? -1 : 0;
    if (sign == 0) {
        return false;
    }
    (*p)++;
    int hour = digits_at(p, 2);
    if (hour < 0 || hour > 23 || !literal_at(p, ':')) {
        return false;
    }
    int minute = digits_at(p, 2);
    if (minute < 0 || minute > 59) {
        return false;
    }
    *offset_s = sign * (hour * 3600 + minute * 60);
    return true;
}

static bool parse_date(const char **p, int64_t *days)
{
    int year = digits_at(p, 4);
    if (year < 1678 || year > 2261 || !literal_at(p, '-')) { /* what 64-bit nanoseconds span */
        return false;
    }
    int month = digits_at(p, 2);
    if (month < 1 || month > 12 || !literal_at(p, '-')) {
        return false;
    }
    int day = digits_at(p, 2);
    if (day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *ns)
{
    const char *p = text;
    int64_t days;
    if (!parse_date(&p, &days) || (*p != 'T' && *p != 't' && *p != ' ')) {
        return false;
    }
    p++;
    int hour = digits_at(&p, 2);
    if (hour < 0 || hour > 23 || !literal_at(&p, ':')) {
        return false;
    }
    int minute = digits_at(&p, 2);
    if (minute < 0 || minute > 59 || !literal_at(&p, ':')) {
        return false;
    }
    int second = digits_at(&p, 2);
    if (second < 0 || second > 60) {
        return false;
    }
    second = second == 60 ? 59 : second;
    int64_t fraction;
    int64_t offset;
    if (!parse_fraction(&p, &fraction) || !parse_zone(&p, &offset) || *p != '\0') {
        return false;
    }
    int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
    *ns = seconds * NS_PER_S + fraction;
    return true;
}

const char *clock_format_rfc3339(char *buf, size_t size, int64_t ns)
{
    int64_t seconds = ns / NS_PER_S;
    int64_t rest = ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    (void)gmtime_r(&t, &tm);
    size_t n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(buf + n, size - n, ".%03dZ", (int)(rest / NS_PER_MS));
    return buf;
}

static bool unit_ns(const char *unit, int64_t *ns)
{
    static const struct {
        const char *name;
        int64_t ns;
    } UNITS[] = {{"", NS_PER_S},         {"s", NS_PER_S},         {"ms", NS_PER_MS},
                 {"m", 60 * NS_PER_S},   {"min", 60 * NS_PER_S},  {"h", 3600 * NS_PER_S}};
    unit += strspn(unit, " ");
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        if (strcmp(unit, UNITS[i].name) == 0) {
            *ns = UNITS[i].ns;
            return true;
        }
    }
    return false;
}

bool clock_parse_duration(const char *text, int64_t *ns)
{
    const int64_t limit = INT64_C(10) * 86400;
    int64_t whole = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        whole = whole * 10 + (*p - '0');
        if (whole > limit * 1000) {
            return false;
        }
    }
    int64_t fraction;
    int64_t unit;
    if (p == text || !parse_fraction(&p, &fraction) || !unit_ns(p, &unit)) {
        return false;
    }
    if (whole > limit * NS_PER_S / unit) {
        return false;
    }
    int64_t total = whole * unit + fraction / NS_PER_MS * unit / 1000;
    if (total > limit * NS_PER_S) {
        return false;
    }
    *ns = total;
    return true;
}
