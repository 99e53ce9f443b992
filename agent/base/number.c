/* SPDX-License-Identifier: MIT
 *
 * Numbers and sizes. See number.h.
 */
#include "base/number.h"

#include <stddef.h>
#include <string.h>

/* The digits at *p; moves *p behind them. */
static bool digits_at(const char **p, uint64_t *out)
{
    const char *start = *p;
    uint64_t value = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        uint64_t digit = (uint64_t)(**p - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return *p > start;
}

bool number_parse(const char *text, uint64_t *out)
{
    uint64_t value;
    if (!digits_at(&text, &value) || *text) {
        return false;
    }
    *out = value;
    return true;
}

bool number_parse_size(const char *text, uint64_t *bytes)
{
    static const char UNITS[] = "KMG";
    uint64_t value;
    if (!digits_at(&text, &value)) {
        return false;
    }
    text += strspn(text, " ");
    const char *unit = *text ? strchr(UNITS, *text) : NULL;
    unsigned shift = unit ? 10 * ((unsigned)(unit - UNITS) + 1) : 0;
    text += unit != NULL;
    bool known = *text == '\0' || strcmp(text, "B") == 0 || (unit && strcmp(text, "iB") == 0);
    if (!known || value > UINT64_MAX >> shift) {
        return false;
    }
    *bytes = value << shift;
    return true;
}
