/* SPDX-License-Identifier: MIT
 *
 * partition/hive: a value that is escaped is a legal name, and reads back as it was; reading any
 * name keeps its UTF-8. The input is the value, and the name.
 */
#include "base/utf8.h"
#include "fuzz.h"
#include "partition/hive.h"

static void check_escape(const char *value, size_t n)
{
    struct str name = STR_INIT(0);
    struct str again = STR_INIT(0);
    hive_escape(&name, value, n);
    REQUIRE(name.len >= n && name.len <= 3 * n);
    hive_unescape(&again, str_text(&name), name.len);
    REQUIRE(again.len == n && memcmp(str_text(&again), value, n) == 0);

    struct str folder = STR_INIT(0);
    str_puts(&folder, "k=");
    str_add(&folder, str_text(&name), name.len);
    bool legal = n > 0 && utf8_valid(value, n);
    REQUIRE(!hive_name_problem(str_text(&folder), folder.len) == legal);
    REQUIRE(hive_name_shape(str_text(&folder), folder.len));
    REQUIRE(!memchr(str_text(&name), '/', name.len) && strlen(str_text(&name)) == name.len);

    bool portable = hive_value_portable(value, n);
    size_t parts = 0; /* it is portable when each byte is */
    for (size_t i = 0; i < n; i++) {
        parts += hive_value_portable(value + i, 1);
        REQUIRE(!portable || !((unsigned char)value[i] & 0x80));
    }
    REQUIRE(portable == (parts == n));
    str_free(&name);
    str_free(&again);
    str_free(&folder);
}

static void check_unescape(const char *name, size_t n)
{
    struct str value = STR_INIT(0);
    struct str again = STR_INIT(0);
    hive_unescape(&value, name, n);
    REQUIRE(value.len <= n);
    REQUIRE(!utf8_valid(name, n) || utf8_valid(str_text(&value), value.len));
    if (!n || !memchr(name, '%', n)) {
        REQUIRE(value.len == n && memcmp(str_text(&value), name, n) == 0);
    }
    /* What the reader has is what it would have of the name that a writer makes of it. */
    struct str written = STR_INIT(0);
    hive_escape(&written, str_text(&value), value.len);
    hive_unescape(&again, str_text(&written), written.len);
    REQUIRE(again.len == value.len);
    REQUIRE(memcmp(str_text(&again), str_text(&value), value.len) == 0);
    str_free(&value);
    str_free(&again);
    str_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size ? (const char *)data : "";
    check_escape(text, size);
    check_unescape(text, size);
    return 0;
}
