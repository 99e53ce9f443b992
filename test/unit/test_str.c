/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/str: bounded strings, lists, quoting for messages, and the nearest name.
 */
#include "unit.h"

#include "base/str.h"
#include "base/utf8.h"

static void test_growing(void **state)
{
    (void)state;
    struct str b = STR_INIT(0);
    assert_string_equal(str_text(&b), "");
    for (int i = 0; i < 1000; i++) {
        str_putc(&b, (char)('a' + i % 26));
    }
    assert_int_equal(b.len, 1000);
    assert_int_equal(strlen(b.s), 1000);
    str_clear(&b);
    assert_string_equal(str_text(&b), "");
    str_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.s, "a\0b", 4);
    str_puts(&b, "c");
    assert_int_equal(b.len, 4);
    assert_false(b.overflow);
    str_free(&b);
    assert_null(b.s);
    str_free(&b);
}

static void test_maximum(void **state)
{
    (void)state;
    struct str b = STR_INIT(5);
    str_puts(&b, "abc");
    str_puts(&b, "de");
    assert_false(b.overflow);
    str_add(&b, "", 0);
    assert_false(b.overflow);
    str_puts(&b, "f");
    assert_true(b.overflow);
    assert_string_equal(b.s, "abcde");
    str_clear(&b);
    assert_false(b.overflow);
    str_puts(&b, "123456789");
    assert_true(b.overflow);
    assert_string_equal(b.s, "12345");
    str_free(&b);
    assert_int_equal(b.max, 5);
    str_printf(&b, "%d", 1234567);
    assert_string_equal(str_text(&b), "12345");
    assert_true(b.overflow);
    str_free(&b);
}

static void test_printf(void **state)
{
    (void)state;
    struct str b = STR_INIT(0);
    str_printf(&b, "%s-%d", "a", 1);
    for (size_t n = 254; n <= 258; n++) { /* around the size of its own buffer */
        str_clear(&b);
        str_printf(&b, "%*d", (int)n, 7);
        assert_int_equal(b.len, n);
        assert_int_equal(b.s[n - 1], '7');
    }
    str_free(&b);
}

static void test_take(void **state)
{
    (void)state;
    struct str b = STR_INIT(0);
    char *empty = str_take(&b);
    assert_string_equal(empty, "");
    free(empty);
    str_puts(&b, "x");
    char *s = str_take(&b);
    assert_string_equal(s, "x");
    assert_int_equal(b.len, 0);
    assert_string_equal(str_text(&b), "");
    free(s);
}

static void test_lists(void **state)
{
    (void)state;
    struct strvec list = {0};
    strvec_sort(&list);
    for (int i = 99; i >= 0; i--) {
        char text[16];
        (void)snprintf(text, sizeof text, "%02d", i);
        strvec_add(&list, text);
        assert_null(list.v[list.n]);
    }
    strvec_take(&list, strdup("\xff"));
    strvec_take(&list, strdup("A"));
    strvec_sort(&list);
    assert_int_equal(list.n, 102);
    assert_string_equal(list.v[0], "00");
    assert_string_equal(list.v[99], "99");
    assert_string_equal(list.v[100], "A");
    assert_string_equal(list.v[101], "\xff"); /* bytewise: above ASCII */
    strvec_free(&list);
    assert_int_equal(list.n, 0);
    strvec_free(&list);
}

static void test_quote(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *quoted;
    } CASES[] = {
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"a\nb\t\x1b\x7f", "\"a\\x0Ab\\x09\\x1B\\x7F\""},
        {"日本", "\"日本\""},
        {"\xe9", "\"\\xE9\""}, /* messages are UTF-8 */
        {"a\xe6\x97", "\"a\\xE6\\x97\""},
        {"a\"b\\", "\"a\"b\\\""},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_string_equal(QUOTED(CASES[i].text), CASES[i].quoted);
    }
}

/* Of a long text head and tail are shown, in any buffer, without cutting a character in two. */
static void test_quote_long(void **state)
{
    (void)state;
    static const char *const PIECES[] = {"a", "é", "日", "\xf0\x9f\x8d\xa3", "\n", "\xe9", "a日\n"};
    for (size_t p = 0; p < COUNT(PIECES); p++) {
        char text[1200] = "<";
        size_t end = 1;
        for (; end + strlen(PIECES[p]) + 2 < sizeof text; end += strlen(PIECES[p])) {
            memcpy(text + end, PIECES[p], strlen(PIECES[p]));
        }
        memcpy(text + end, ">", 2);
        for (size_t size = 16; size < 340; size++) {
            char *buf = malloc(size); /* of the exact size: a write beyond it is seen by ASan */
            assert_non_null(buf);
            assert_ptr_equal(quote_text(buf, size, text), buf);
            size_t n = strlen(buf);
            assert_true(n < size && n >= 2);
            assert_int_equal(buf[0], '"');
            assert_int_equal(buf[n - 1], '"');
            assert_int_equal(buf[1], '<');
            assert_contains(buf, "...");
            assert_true(utf8_valid(buf, n));
            free(buf);
        }
        assert_true(str_ends(QUOTED(text), ">\""));
    }
}

static void test_quote_at_the_limit(void **state)
{
    (void)state;
    char text[400];
    for (size_t n = 300; n < 330; n++) {
        memset(text, 'x', n);
        text[n] = '\0';
        const char *quoted = QUOTED(text);
        if (n + 3 <= 320) {
            assert_int_equal(strlen(quoted), n + 2);
            assert_lacks(quoted, "...");
        } else {
            assert_in_range(strlen(quoted), 300, 319);
            assert_contains(quoted, "...");
        }
    }
}

static void test_nearest_name(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"timezone", "time", "command", "grace", "drain"};
    static const struct {
        const char *word;
        const char *wanted;
    } CASES[] = {
        {"timezone", "timezone"},
        {"timezon", "timezone"},
        {"tiemzone", "timezone"},
        {"time_zone", "timezone"},
        {"TimeZone", "timezone"},
        {"tiem", "time"},
        {"Time", "time"},
        {"comand", "command"},
        {"commnad", "command"},
        {"dran", "drain"},
        {"elephant", NULL},
        {"", NULL},
        {"xyz", NULL},
        {"layout", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *found = nearest_name(CASES[i].word, NAMES, COUNT(NAMES));
        if (!str_same(found, CASES[i].wanted)) {
            fail_msg("%s: %s", CASES[i].word, found ? found : "none");
        }
    }
    assert_null(nearest_name("a", NAMES, 0));
}

/* Words of 64 bytes and more are near nothing, and harm nothing. */
static void test_nearest_name_of_long_words(void **state)
{
    (void)state;
    for (size_t n = 60; n < 70; n++) {
        char word[80];
        char name[80];
        memset(word, 'w', sizeof word);
        memset(name, 'w', sizeof name);
        word[n] = '\0';
        name[n - 1] = '\0';
        const char *names[] = {name};
        assert_true((nearest_name(word, names, 1) != NULL) == (n < 64));
        assert_null(nearest_name("w", names, 1));
    }
}

static void test_comparisons(void **state)
{
    (void)state;
    assert_true(str_starts("abc", "ab"));
    assert_true(str_starts("abc", ""));
    assert_false(str_starts("a", "ab"));
    assert_true(str_ends("abc", "bc"));
    assert_true(str_ends("abc", ""));
    assert_false(str_ends("c", "bc"));
    assert_true(str_same(NULL, NULL));
    assert_false(str_same(NULL, ""));
    assert_false(str_same("", NULL));
    assert_true(str_same("a", "a"));
    assert_false(str_same("a", "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),      cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_printf),       cmocka_unit_test(test_take),
        cmocka_unit_test(test_lists),        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_long),   cmocka_unit_test(test_quote_at_the_limit),
        cmocka_unit_test(test_nearest_name), cmocka_unit_test(test_nearest_name_of_long_words),
        cmocka_unit_test(test_comparisons),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
