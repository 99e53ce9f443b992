/* SPDX-License-Identifier: MIT
 *
 * UTF-8. See utf8.h.
 */
#include "base/utf8.h"

#include <string.h>

/* The second byte's range is where overlong forms, surrogates and too large values differ (Unicode
 * table 3-7); all later bytes are 80..BF. */
size_t utf8_sequence(const char *s, size_t n)
{
    const unsigned char *b = (const unsigned char *)s;
    if (b[0] < 0x80) {
        return 1;
    }
    if (b[0] < 0xc2 || b[0] > 0xf4) {
        return 0;
    }
    size_t len = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    unsigned char low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (n < len || b[1] < low || b[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = utf8_sequence(s + i, n - i);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

size_t utf8_clean(char *out, size_t size, const char *s, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t len = utf8_sequence(s + i, n - i);
        size_t add = len ? len : 1;
        if (used + add + 1 > size) {
            break;
        }
        if (len) {
            memcpy(out + used, s + i, len);
        } else {
            out[used] = '?';
        }
        used += add;
        i += add;
    }
    out[used] = '\0';
    return used;
}
