/* SPDX-License-Identifier: MIT
 *
 * The calendar and ISO 8601. See calendar.h.
 */
#include "base/calendar.h"

#include <string.h>

enum { DAY_SECONDS = 86400, DAYS_0000_TO_1970 = 719468, DAYS_IN_400_YEARS = 146097 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bool calendar_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int calendar_month_days(int64_t year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && calendar_is_leap(year) ? 29 : DAYS[month - 1];
}

/* Both conversions count years from March 1, so that the leap day is the last of its year and month
 * lengths follow one linear formula: (153 * month + 2) / 5 days before a month. */
int64_t calendar_days(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_IN_400_YEARS + day_of_era - DAYS_0000_TO_1970;
}

struct date {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

static struct date date_from_days(int64_t days)
{
    int64_t shifted = days + DAYS_0000_TO_1970;
    int64_t era = floor_div(shifted, DAYS_IN_400_YEARS);
    int64_t doe = shifted - era * DAYS_IN_400_YEARS;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t month = (5 * doy + 2) / 153;
    struct date d;
    d.day = (int)(doy - (153 * month + 2) / 5 + 1);
    d.month = (int)(month < 10 ? month + 3 : month - 9);
    d.year = yoe + era * 400 + (d.month <= 2);
    return d;
}

int64_t calendar_year(int64_t days)
{
    return date_from_days(days).year;
}

int calendar_weekday(int64_t days)
{
    int64_t since_thursday = days - floor_div(days, 7) * 7; /* 1970-01-01 was a Thursday */
    return (int)((since_thursday + 4) % 7);
}

void calendar_fields(int64_t seconds, struct tm *out)
{
    int64_t days = floor_div(seconds, DAY_SECONDS);
    int rest = (int)(seconds - days * DAY_SECONDS);
    struct date d = date_from_days(days);
    out->tm_sec = rest % 60;
    out->tm_min = rest / 60 % 60;
    out->tm_hour = rest / 3600;
    out->tm_mday = d.day;
    out->tm_mon = d.month - 1;
    out->tm_year = (int)(d.year - 1900);
    out->tm_wday = calendar_weekday(days);
    out->tm_yday = (int)(days - calendar_days(d.year, 1, 1));
}

/* ---- text ---- */

/* What is left to read: bytes, not a string. */
struct cursor {
    const char *p;
    const char *end;
};

static char peek(const struct cursor *c)
{
    return c->p < c->end ? *c->p : '\0';
}

/* Moves on when the next byte is that one; `want` is not NUL. */
static bool literal(struct cursor *c, char want)
{
    bool there = peek(c) == want;
    c->p += there;
    return there;
}

/* Exactly so many decimal digits, whose value lies in low..high. */
static bool number(struct cursor *c, int digits, int low, int high, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++, c->p++) {
        char d = peek(c);
        if (d < '0' || d > '9') {
            return false;
        }
        value = value * 10 + (d - '0');
    }
    *out = value;
    return value >= low && value <= high;
}

bool calendar_fraction(const char **p, const char *end, int32_t *ns)
{
    const char *start = *p;
    int32_t unit = 100000000;
    *ns = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        *ns += (**p - '0') * unit;
        unit /= 10;
    }
    return *p > start;
}

static bool read_date(struct cursor *c, struct calendar_text *t)
{
    return number(c, 4, 1, 9999, &t->year) && literal(c, '-') && number(c, 2, 1, 12, &t->month) &&
           literal(c, '-') && number(c, 2, 1, calendar_month_days(t->year, t->month), &t->day);
}

/* HH:MM[:SS[.fraction]]. */
static bool read_time(struct cursor *c, struct calendar_text *t)
{
    if (!number(c, 2, 0, 23, &t->hour) || !literal(c, ':') || !number(c, 2, 0, 59, &t->minute)) {
        return false;
    }
    if (!literal(c, ':')) {
        t->rfc3339 = false;
        return true;
    }
    if (!number(c, 2, 0, 60, &t->second)) {
        return false;
    }
    t->second -= t->second == 60;
    char mark = peek(c);
    if (mark != '.' && mark != ',') {
        return true;
    }
    t->rfc3339 = t->rfc3339 && mark == '.';
    c->p++;
    return calendar_fraction(&c->p, c->end, &t->ns);
}

/* All that is left: nothing, or a zone. */
static bool read_offset(struct cursor *c, struct calendar_text *t)
{
    if (c->p == c->end) {
        t->rfc3339 = false;
        return true;
    }
    t->has_offset = true;
    bool spaced = literal(c, ' ');
    t->rfc3339 = t->rfc3339 && !spaced;
    if (c->end - c->p == 3 && memcmp(c->p, "UTC", 3) == 0) {
        t->rfc3339 = false;
        return true;
    }
    if (literal(c, 'Z') || literal(c, 'z')) {
        return c->p == c->end;
    }
    bool west = literal(c, '-');
    int hours = 0;
    int minutes = 0;
    if ((!west && !literal(c, '+')) || !number(c, 2, 0, 23, &hours)) {
        return false;
    }
    bool colon = literal(c, ':');
    t->rfc3339 = t->rfc3339 && colon;
    if ((colon || c->p < c->end) && !number(c, 2, 0, 59, &minutes)) {
        return false;
    }
    t->offset = (hours * 60 + minutes) * (west ? -60 : 60);
    return c->p == c->end;
}

bool calendar_read(const char *s, size_t n, struct calendar_text *out)
{
    enum { DATE_BYTES = 10 };
    if (n < DATE_BYTES) {
        return false;
    }
    struct cursor c = {.p = s, .end = s + n};
    struct calendar_text t = {.rfc3339 = n > DATE_BYTES};
    if (!read_date(&c, &t)) {
        return false;
    }
    if (n > DATE_BYTES) {
        bool mark = literal(&c, 'T') || literal(&c, ' ') || literal(&c, 't');
        if (!mark || !read_time(&c, &t) || !read_offset(&c, &t)) {
            return false;
        }
    }
    *out = t;
    return true;
}

int64_t calendar_seconds(const struct calendar_text *at)
{
    int64_t days = calendar_days(at->year, at->month, at->day);
    return days * DAY_SECONDS + at->hour * 3600 + at->minute * 60 + at->second;
}
