/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/utf8: Unicode table 3-7 row by row, and against a plain decoder for every code
 * point and every start of a sequence.
 */
#include "unit.h"

#include "base/utf8.h"

/* Table 3-7: the well-formed byte sequences; later bytes than these are 80..BF. */
static const struct {
    unsigned char first[2];  /* range of the first byte */
    unsigned char second[2]; /* range of the second; unused for length 1 */
    size_t length;
} ROWS[] = {
    {{0x00, 0x7f}, {0, 0}, 1},       {{0xc2, 0xdf}, {0x80, 0xbf}, 2},
    {{0xe0, 0xe0}, {0xa0, 0xbf}, 3}, {{0xe1, 0xec}, {0x80, 0xbf}, 3},
    {{0xed, 0xed}, {0x80, 0x9f}, 3}, {{0xee, 0xef}, {0x80, 0xbf}, 3},
    {{0xf0, 0xf0}, {0x90, 0xbf}, 4}, {{0xf1, 0xf3}, {0x80, 0xbf}, 4},
    {{0xf4, 0xf4}, {0x80, 0x8f}, 4},
};

static size_t wanted_length(unsigned char a, unsigned char b)
{
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        if (a >= ROWS[i].first[0] && a <= ROWS[i].first[1]) {
            bool fits = ROWS[i].length == 1 || (b >= ROWS[i].second[0] && b <= ROWS[i].second[1]);
            return fits ? ROWS[i].length : 0;
        }
    }
    return 0;
}

/* Every first and second byte, with good and bad bytes behind them. */
static void test_table_3_7(void **state)
{
    (void)state;
    static const unsigned char TAILS[] = {0x80, 0xbf, 0x7f, 0xc0, 0x00};
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            size_t wanted = wanted_length((unsigned char)a, (unsigned char)b);
            for (size_t c = 0; c < COUNT(TAILS); c++) {
                for (size_t d = 0; d < COUNT(TAILS); d++) {
                    char s[4] = {(char)a, (char)b, (char)TAILS[c], (char)TAILS[d]};
                    bool good = (wanted < 3 || c < 2) && (wanted < 4 || d < 2);
                    size_t found = utf8_sequence(s, 4);
                    if (found != (good ? wanted : 0)) {
                        fail_msg("%02X %02X %02X %02X: %zu", a, b, TAILS[c], TAILS[d], found);
                    }
                }
            }
        }
    }
}

static size_t encode(uint32_t c, char *s)
{
    if (c < 0x80) {
        s[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned HEAD[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        s[i] = (char)(0x80u | (c & 0x3fu));
        c >>= 6;
    }
    s[0] = (char)(HEAD[n] | c);
    return n;
}

/* Every code point, whole and cut short; surrogates and what is above U+10FFFF are ill-formed. */
static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        char s[4];
        size_t n = encode(c, s);
        bool good = !(c >= 0xd800 && c <= 0xdfff) && c <= 0x10ffff;
        if (utf8_sequence(s, n) != (good ? n : 0) || utf8_valid(s, n) != good) {
            fail_msg("U+%04X", c);
        }
        for (size_t cut = 1; cut < n; cut++) {
            if (utf8_sequence(s, cut) != 0) {
                fail_msg("U+%04X cut to %zu bytes", c, cut);
            }
        }
    }
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0b", 3));
    assert_true(utf8_valid("日本語\xf0\x9f\x8d\xa3", 13));
    assert_false(utf8_valid("日本語", 8));
    assert_false(utf8_valid("a\x80", 2));
    assert_false(utf8_valid("caf\xe9", 4));
    assert_false(utf8_valid("caf\xe9!", 5));
    assert_false(utf8_valid("\xc0\x80", 2));                 /* overlong NUL */
    assert_false(utf8_valid("\xe0\x80\xaf", 3));             /* overlong slash */
    assert_false(utf8_valid("\xed\xa0\x80\xed\xb0\x80", 6)); /* CESU-8 */
    assert_false(utf8_valid("\xf8\x88\x80\x80\x80", 5));
    assert_false(utf8_valid("\xff", 1));
}

static void expect_clean(const char *s, size_t n, size_t size, const char *wanted)
{
    char *out = malloc(size); /* of the exact size: a write beyond it is seen by ASan */
    assert_non_null(out);
    size_t used = utf8_clean(out, size, s, n);
    assert_string_equal(out, wanted);
    assert_int_equal(used, strlen(wanted));
    free(out);
}

static void test_clean(void **state)
{
    (void)state;
    expect_clean("abc", 3, 10, "abc");
    expect_clean("", 0, 1, "");
    expect_clean("caf\xe9", 4, 10, "caf?");
    expect_clean("\xe6\x97", 2, 10, "??"); /* each ill-formed byte */
    expect_clean("\xc0\xaf"
                 "a",
                 3, 10, "??a");
    expect_clean("\xed\xa0\x80", 3, 10, "???");
    expect_clean("\xf0\x9f\x8d"
                 "a",
                 4, 10, "???a");
    expect_clean("a\xf0\x9f\x8d\xa3"
                 "b",
                 6, 10,
                 "a\xf0\x9f\x8d\xa3"
                 "b");
}

/* A cut falls between characters, and the terminator always fits. */
static void test_clean_cuts_between_characters(void **state)
{
    (void)state;
    expect_clean("abc", 3, 4, "abc");
    expect_clean("abc", 3, 3, "ab");
    expect_clean("abc", 3, 1, "");
    expect_clean("a日本", 7, 8, "a日本");
    expect_clean("a日本", 7, 7, "a日");
    expect_clean("a日本", 7, 5, "a日");
    expect_clean("a日本", 7, 4, "a");
    expect_clean("\xf0\x9f\x8d\xa3", 4, 4, "");
    expect_clean("\xf0\x9f\x8d\xa3", 4, 5, "\xf0\x9f\x8d\xa3");
    expect_clean("日\xff本", 7, 6, "日?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_3_7),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_clean_cuts_between_characters),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
