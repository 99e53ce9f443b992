/* SPDX-License-Identifier: MIT
 *
 * Hive names. See hive.h.
 */
#include "partition/hive.h"

#include <string.h>

#include "base/utf8.h"

/* C0 controls, DEL and fourteen printable characters: hive-glue.md 1.1. */
static bool must_escape(unsigned char c)
{
    return c < 0x20 || c == 0x7f || (c < 0x80 && strchr("\"#%'*/:=?[\\]^{", c) != NULL);
}

void hive_escape(struct str *out, const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];
        if (must_escape(c)) {
            str_printf(out, "%%%02X", c);
        } else {
            str_putc(out, value[i]);
        }
    }
}

bool hive_key_legal(const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool lower = key[i] >= 'a' && key[i] <= 'z';
        bool digit = key[i] >= '0' && key[i] <= '9';
        if (!lower && !digit && key[i] != '_') {
            return false;
        }
    }
    return n > 0 && key[0] != '_';
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

const char *hive_name_problem(const char *name, size_t n)
{
    const char *equals = memchr(name, '=', n);
    if (!equals || equals == name) {
        return "is not key=value";
    }
    size_t key = (size_t)(equals - name);
    if (!hive_key_legal(name, key)) {
        return "has a key with other characters than a-z, 0-9 and _ (or one that begins with _)";
    }
    const char *value = equals + 1;
    size_t len = n - key - 1;
    if (len == 0) {
        return "has an empty value: write " HIVE_NULL " for null";
    }
    if (!utf8_valid(value, len)) {
        return "has a value that is not UTF-8";
    }
    for (size_t i = 0; i < len; i++) {
        if (value[i] == '%') {
            if (len - i < 3 || !is_hex(value[i + 1]) || !is_hex(value[i + 2])) {
                return "has a % that begins no escape: write it as %25";
            }
        } else if (must_escape((unsigned char)value[i])) {
            return "has a character in its value that must be escaped (as %XX)";
        }
    }
    return NULL;
}

bool hive_name_shape(const char *name, size_t n)
{
    const char *equals = memchr(name, '=', n);
    return equals && equals > name;
}

bool hive_hidden(const char *name)
{
    return name[0] == '_' || name[0] == '.';
}
