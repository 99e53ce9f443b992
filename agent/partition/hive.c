/* SPDX-License-Identifier: MIT
 *
 * Hive names. See hive.h.
 */
#include "partition/hive.h"

#include <string.h>

#include "base/utf8.h"

/* C0 controls, DEL and fourteen printable characters: hive-glue.md 1.1. */
static const bool ESCAPED[256] = {
    [0x00 ... 0x1f] = true, ['"'] = true, ['#'] = true, ['%'] = true,  ['\''] = true, ['*'] = true,
    ['/'] = true,           [':'] = true, ['='] = true, ['?'] = true,  ['['] = true,  ['\\'] = true,
    [']'] = true,           ['^'] = true, ['{'] = true, [0x7f] = true,
};

static bool must_escape(char c)
{
    return ESCAPED[(unsigned char)c];
}

void hive_escape(struct str *out, const char *value, size_t n)
{
    static const char HEX[] = "0123456789ABCDEF";
    size_t plain = 0; /* where the bytes begin that go out as they are */
    for (size_t i = 0; i < n; i++) {
        if (must_escape(value[i])) {
            unsigned char c = (unsigned char)value[i];
            str_add(out, value + plain, i - plain);
            str_add(out, (char[]){'%', HEX[c >> 4], HEX[c & 15]}, 3);
            plain = i + 1;
        }
    }
    if (plain < n) {
        str_add(out, value + plain, n - plain);
    }
}

/* A hexadecimal digit's value, or -1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void hive_unescape(struct str *out, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = name[i] == '%' && n - i > 2 ? hex_digit(name[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(name[i + 2]) : -1;
        if (low < 0) {
            str_putc(out, name[i]);
            continue;
        }
        int unit = high * 16 + low;
        if (unit < 0x80) {
            str_putc(out, (char)unit);
        } else {
            str_add(out, (char[]){(char)(0xc0 | unit >> 6), (char)(0x80 | (unit & 0x3f))}, 2);
        }
        i += 2;
    }
}

/* Is this byte spelled alike by all? DuckDB and Arrow escape all but ASCII letters, digits and
 * "-._~"; Polars only controls, non-ASCII, space and "/=%:" (hive-glue.md 1.6). So alike are what
 * nobody escapes and what everybody does. */
static bool spelled_alike(unsigned char c)
{
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    bool plain = letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    return plain || c < 0x20 || c == 0x7f || c == '/' || c == '=' || c == '%' || c == ':';
}

bool hive_value_portable(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!spelled_alike((unsigned char)value[i])) {
            return false;
        }
    }
    return true;
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
            if (len - i < 3 || hex_digit(value[i + 1]) < 0 || hex_digit(value[i + 2]) < 0) {
                return "has a % that begins no escape: write it as %25";
            }
        } else if (must_escape(value[i])) {
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
