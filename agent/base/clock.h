/* SPDX-License-Identifier: MIT
 *
 * Time: the one place that reads clocks, and RFC 3339 text. Calendar dates in a zone are tz.h's.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* CLOCK_MONOTONIC in nanoseconds: for waiting and for durations. */
int64_t clock_monotonic_ns(void);

/* CLOCK_REALTIME in nanoseconds since 1970-01-01T00:00:00Z. */
int64_t clock_realtime_ns(void);

/* Reads an RFC 3339 date-time ("2021-12-14T15:30:00Z", "2021-12-15 00:30:00.5+09:00"): nanoseconds
 * since the epoch in `*ns`. A zone is required; years 1678..2261. A second of 60 is read as 59.
 * False when the text is anything else. */
bool clock_parse_rfc3339(const char *text, int64_t *ns);

/* "2021-12-14T15:30:00.250Z" (milliseconds) into `buf`, which holds at least 32 bytes. */
const char *clock_format_rfc3339(char *buf, size_t size, int64_t ns);

/* Reads "8s", "500ms", "2m", "1h", "1.5s" or a bare number of seconds: nanoseconds, at most 10
 * days. */
bool clock_parse_duration(const char *text, int64_t *ns);

#endif
