/* SPDX-License-Identifier: MIT
 *
 * The dates and timestamps of a data column, for {column.NAME:%Y-%m-%d}: ISO 8601 as
 * base/calendar.h reads it, shown as local time of the job's zone.
 */
#ifndef PARTITION_ISOTIME_H
#define PARTITION_ISOTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/tz.h"

/* Reads the `n` bytes at `s` (see calendar_read) into *out, every field set.
 *   - Without an offset the text is taken as it stands: it is local time already. Of which zone it
 *     does not say: tm_isdst is -1, tm_gmtoff 0 and tm_zone "".
 *   - With one it is converted to local time of *tz, as by tz_localtime, whose words on tm_zone
 *     (keep *tz) and on times before 1970 hold.
 * False, leaving *out as it was, when it is no such text, or when the conversion leads out of the
 * years 1 to 9999. */
bool isotime_read(const char *s, size_t n, const struct tz *tz, struct tm *out);

/* Can strftime's conversion `c` be made of every time that isotime_read reads? Not z and Z: without
 * an offset there is none to show. */
bool isotime_shows(char c);

#endif
