/* SPDX-License-Identifier: MIT */
/*
 * Time zones from a table inside the program, for images that have no tzdata.
 * The table is written at build time by scripts/tzgen.c. This module never reads a file, the
 * environment or the TZ variable, and it does not format: hand the struct tm to strftime(3).
 *
 *     struct tz tz;
 *     struct tm tm;
 *     if (!tz_lookup("Europe/Berlin", &tz)) ...
 *     tz_localtime(&tz, (int64_t)time(NULL), &tm);
 */
#ifndef BASE_TZ_H
#define BASE_TZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A zone, by value and without anything to free. All zero bytes mean UTC. */
struct tz {
    const struct tz_zone *zone; /* a row of the embedded table, or NULL for a fixed offset */
    int32_t offset;             /* fixed offset in seconds east of UTC; only when zone is NULL */
    char label[8];              /* name of the fixed offset, like "+09:00"; empty reads "UTC" */
};

/*
 * Finds a zone: an IANA name, spelled exactly ("Asia/Tokyo"; case counts), "UTC", or a fixed
 * offset "+09", "+0900", "+09:00", "-03:30" up to 23:59, positive east of Greenwich as in ISO
 * 8601. (Mind that the IANA names "Etc/GMT+9" and "GMT+0" count the other way.)
 * Returns false, leaving *out as it was, for any other text and for NULL.
 */
bool tz_lookup(const char *name, struct tz *out);

/*
 * Breaks a Unix time down into the local time of *tz, proleptic Gregorian, every field set.
 * out->tm_zone points into the embedded table or into *tz, so keep *tz as long as *out.
 * Meant for years 1 to 9999: times outside are taken as the nearest end of that range.
 * Before 1970 a zone keeps the offset it had at the start of 1970.
 */
void tz_localtime(const struct tz *tz, int64_t unix_seconds, struct tm *out);

/* Number of zone names in the embedded table, links included. */
size_t tz_count(void);

/* The i-th zone name in byte order, or NULL when i is not below tz_count(). */
const char *tz_name(size_t i);

/* Release of the tz database the table was made from, like "2025b", or "unknown". */
const char *tz_version(void);

/*
 * The rest is the layout of the embedded table, shared with its generator; callers have no use
 * for it. References are array indexes and text offsets, not pointers: in a static-pie binary
 * each pointer would be relocated at start. tz_type, tz_change and tz_rule have no padding, so
 * that the generator may compare them as bytes.
 */

/* One kind of local time. */
struct tz_type {
    int32_t offset;  /* seconds east of UTC */
    uint16_t abbr;   /* offset of the abbreviation in tz_table.text */
    uint16_t is_dst; /* 1 when the zone calls it daylight saving time */
};

/* How a POSIX TZ rule names a day. */
enum tz_day_kind {
    TZ_DAY_NO_LEAP, /* Jn: day 1 to 365, February 29 is not counted */
    TZ_DAY_OF_YEAR, /* n: day 0 to 365, February 29 is counted */
    TZ_DAY_OF_MONTH /* Mm.w.d: weekday d of week w of month m, week 5 is the last */
};

/* The yearly moment of a switch, in the local time in force before it. */
struct tz_change {
    int32_t seconds; /* after the midnight that starts the day; may be negative or beyond 24 h */
    uint16_t kind;   /* an enum tz_day_kind */
    uint16_t day;    /* day number; for TZ_DAY_OF_MONTH the weekday, 0 is Sunday */
    uint16_t month;  /* 1 to 12, only for TZ_DAY_OF_MONTH */
    uint16_t week;   /* 1 to 5, only for TZ_DAY_OF_MONTH */
};

/* What holds after the last listed transition: the footer of a TZif file, parsed. */
struct tz_rule {
    struct tz_type std;     /* standard time, the only type when has_dst is 0 */
    struct tz_type dst;     /* the other time, which may be behind standard time (Dublin) */
    struct tz_change start; /* switch from std to dst */
    struct tz_change end;   /* switch from dst to std */
    uint32_t has_dst;       /* 0 or 1 */
};

/* The history of one or more equal zones. */
struct tz_zone {
    uint32_t first;  /* index of its first transition in tz_table.when and .what */
    uint16_t count;  /* number of its transitions */
    uint16_t before; /* index of the type before the first transition */
    uint16_t rule;   /* index of the rule from the last transition on */
};

/* A zone name. */
struct tz_row {
    uint16_t name; /* offset of the name in tz_table.text */
    uint16_t zone; /* index in tz_table.zones */
};

/* The whole table; the generated file defines one, tz_table. */
struct tz_table {
    const char *version;         /* release of the tz database */
    const char *text;            /* names and abbreviations, each ended by a NUL */
    const struct tz_row *rows;   /* in byte order of their names */
    size_t row_count;            /* number of rows */
    const struct tz_zone *zones; /* see struct tz_zone */
    const struct tz_rule *rules; /* see struct tz_rule */
    const struct tz_type *types; /* see struct tz_type */
    const uint32_t *when;        /* Unix times of the transitions, ascending within a zone */
    const uint16_t *what;        /* the type index each transition switches to */
};

extern const struct tz_table tz_table;

/* Unix time of a yearly switch, given the offset (seconds east) in force before it. */
int64_t tz_change_time(const struct tz_change *change, int64_t year, int32_t offset);

/* The type a rule yields at a Unix time within years 1 to 9999. */
const struct tz_type *tz_rule_type(const struct tz_rule *rule, int64_t unix_seconds);

#endif
