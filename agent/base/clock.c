/* SPDX-License-Identifier: MIT
 *
 * Clocks, RFC 3339 and durations. See clock.h.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/calendar.h"

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

bool clock_parse_rfc3339(const char *text, int64_t *ns)
{
    struct calendar_text t;
    if (!calendar_read(text, strlen(text), &t) || !t.rfc3339) {
        return false;
    }
    if (t.year < 1678 || t.year > 2261) { /* what 64-bit nanoseconds span */
        return false;
    }
    *ns = (calendar_seconds(&t) - t.offset) * NS_PER_S + t.ns;
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
    int32_t fraction = 0;
    int64_t unit;
    if (p == text) {
        return false;
    }
    if (*p == '.') {
        p++;
        if (!calendar_fraction(&p, p + strlen(p), &fraction)) {
            return false;
        }
    }
    if (!unit_ns(p, &unit)) {
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
