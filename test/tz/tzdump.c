/* SPDX-License-Identifier: MIT */
/*
 * Prints what base/tz knows, for zones_check.py: tzdump FROM UNTIL (Unix times)
 *
 *     version 2026f
 *     zone Europe/Berlin
 *     1420070400 3600 0 CET        from then on: offset, daylight saving flag, abbreviation
 *
 * Only the public functions are used: changes are found by stepping and bisecting.
 */
#include "base/tz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shorter than any period of local time on record; the checker's own grid is independent. */
enum { STEP = 6 * 3600 };

static bool same(const struct tm *a, const struct tm *b)
{
    return a->tm_gmtoff == b->tm_gmtoff && a->tm_isdst == b->tm_isdst &&
           strcmp(a->tm_zone, b->tm_zone) == 0;
}

/* The first second after low that differs from it, given that high does. */
static int64_t bisect(const struct tz *tz, int64_t low, int64_t high)
{
    struct tm first;
    struct tm middle;

    tz_localtime(tz, low, &first);
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        tz_localtime(tz, mid, &middle);
        if (same(&first, &middle))
            low = mid;
        else
            high = mid;
    }
    return high;
}

static void print_line(int64_t t, const struct tm *tm)
{
    printf("%" PRId64 " %ld %d %s\n", t, tm->tm_gmtoff, tm->tm_isdst, tm->tm_zone);
}

static void dump(const struct tz *tz, int64_t from, int64_t until)
{
    struct tm now;
    struct tm next;
    int64_t t = from;

    tz_localtime(tz, t, &now);
    print_line(t, &now);
    while (t < until) {
        int64_t ahead = until - t < STEP ? until : t + STEP;
        tz_localtime(tz, ahead, &next);
        if (same(&now, &next)) {
            t = ahead;
            continue;
        }
        t = bisect(tz, t, ahead);
        tz_localtime(tz, t, &now);
        print_line(t, &now);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: tzdump FROM UNTIL\n", stderr);
        return EXIT_FAILURE;
    }
    int64_t from = strtoll(argv[1], NULL, 10);
    int64_t until = strtoll(argv[2], NULL, 10);

    printf("version %s\n", tz_version());
    for (size_t i = 0; i < tz_count(); i++) {
        struct tz tz;
        if (!tz_lookup(tz_name(i), &tz)) {
            fprintf(stderr, "tzdump: %s is listed but not found\n", tz_name(i));
            return EXIT_FAILURE;
        }
        printf("zone %s\n", tz_name(i));
        dump(&tz, from, until);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
