/* SPDX-License-Identifier: MIT
 *
 * base/utf8 and base/str's quoting: whatever comes in, the message file stays valid UTF-8 and
 * inside its size. Two bytes of size, then the text.
 */
#include "base/str.h"
#include "base/utf8.h"
#include "fuzz.h"

enum { CANARY = 0x5a, MAX_OUT = 1100, MIN_QUOTE = 16 };

static void clean(const char *text, size_t n, size_t room)
{
    char *out = xmalloc(room + 1);
    out[room] = CANARY;
    size_t used = utf8_clean(out, room, text, n);
    REQUIRE(out[room] == CANARY && used < room && out[used] == '\0');
    REQUIRE(utf8_valid(out, used));
    REQUIRE(used <= n);
    /* Cut at a character at most 4 bytes before the end, and only when it had to. */
    REQUIRE(used == n || used + 4 >= room);
    REQUIRE(!utf8_valid(text, n) || memcmp(out, text, used) == 0);
    char *again = xmalloc(room);
    REQUIRE(utf8_clean(again, room, out, used) == used && memcmp(again, out, used) == 0);
    free(again);
    free(out);
}

static void quote(const char *text, size_t room)
{
    char *out = xmalloc(room);
    REQUIRE(quote_text(out, room, text) == out);
    size_t n = strlen(out);
    REQUIRE(n >= 2 && n < room && out[0] == '"' && out[n - 1] == '"');
    for (size_t i = 0; i < n; i++) {
        REQUIRE((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
    }
    REQUIRE(!utf8_valid(text, strlen(text)) || utf8_valid(out, n));
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t room = 1 + (data[0] | (size_t)data[1] << 8) % MAX_OUT;
    clean((const char *)data + 2, size - 2, room);
    char *text = fuzz_text(data + 2, size - 2);
    quote(text, room < MIN_QUOTE ? MIN_QUOTE : room);
    free(text);
    return 0;
}
