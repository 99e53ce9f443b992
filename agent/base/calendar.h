/* SPDX-License-Identifier: MIT
 *
 * The proleptic Gregorian calendar, and dates and timestamps as ISO 8601 spells them. Plain
 * arithmetic: no clock, no table of zones, nothing allocated.
 */
#ifndef BASE_CALENDAR_H
#define BASE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Days from 1970-01-01 to a date; month 1..12, day 1..31. */
int64_t calendar_days(int64_t year, int month, int day);

/* 28..31 for month 1..12. */
int calendar_month_days(int64_t year, int month);
bool calendar_is_leap(int64_t year); /* has it a February 29? */

/* The year in which the day lies that is so many days after 1970-01-01. */
int64_t calendar_year(int64_t days);

/* 0 is Sunday. */
int calendar_weekday(int64_t days);

/* Sets tm_sec up to tm_yday of `out`; the time zone's fields stay. `seconds` count from
 * 1970-01-01T00:00:00 on the same clock that the fields shall show. */
void calendar_fields(int64_t seconds, struct tm *out);

/* What a text says, as it says it: nothing is converted. */
struct calendar_text {
    int year;        /* 1..9999 */
    int month;       /* 1..12 */
    int day;         /* 1..31, one that the month has */
    int hour;        /* 0..23; this and the next are 0 in a mere date */
    int minute;      /* 0..59 */
    int second;      /* 0..59: a leap second's 60 is read as 59 */
    int32_t ns;      /* 0..999999999: finer digits are cut */
    int32_t offset;  /* seconds east of UTC, when has_offset */
    bool has_offset; /* the text ends with Z, UTC or an offset */
    bool rfc3339;    /* spelt as RFC 3339 wants it, which asks for more than ISO 8601 */
};

/* Reads the `n` bytes at `s` as a date, YYYY-MM-DD, or as a date and a time:
 *     YYYY-MM-DD[T or t or one space]HH:MM[:SS[. or , and digits]][offset]
 * where offset is Z, z, UTC, +HH, +HHMM or +HH:MM (or with -; up to 23:59), and may have one space
 * before it. False, leaving *out as it was, for anything else, also for days that no month has. */
bool calendar_read(const char *s, size_t n, struct calendar_text *out);

/* Seconds from 1970-01-01T00:00:00 to that date and time; the offset plays no part. */
int64_t calendar_seconds(const struct calendar_text *at);

/* The digits behind a decimal point, at *p and before `end`: nanoseconds, finer digits cut. Moves
 * *p behind them. False without a digit. */
bool calendar_fraction(const char **p, const char *end, int32_t *ns);

#endif
