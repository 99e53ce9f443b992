/* SPDX-License-Identifier: MIT
 *
 * File patterns: which paths they choose, which patterns are refused, and that none takes long.
 */
#include "unit.h"

#include "base/glob.h"

#define KANJI "\xe6\x97\xa5" /* one character of three bytes */

static const struct {
    const char *pattern;
    const char *path;
    bool fits;
} CASES[] = {
    /* without a slash: the name, in any folder */
    {"a.csv", "a.csv", true},
    {"a.csv", "sub/deep/a.csv", true},
    {"a.csv", "a.csv/b", false},
    {"a.csv", "xa.csv", false},
    {"a.csv", "a.csvx", false},
    {"*.csv", "sub/.csv", true},
    {"*.csv", "a.csv.gz", false},
    {"*", "sub/anything", true},
    {"**", "sub/anything", true},
    {"a*b*c", "a1b2bc", true},
    {"a*b*c", "a1c", false},
    {"*ab", "aab", true},
    {"*a?", "aab", true},
    {"*a?", "ba", false},
    {"a*", "a", true},
    {"[ab]", "a", false},
    {"[ab]", "[ab]", true},
    {"\\*", "\\x", true},
    /* characters, not bytes */
    {"?.csv", KANJI ".csv", true},
    {"??.csv", KANJI ".csv", false},
    {"*??.csv", KANJI ".csv", false},
    {"?", "\xff", true},
    {"??",
     "\xff"
     "a",
     true},
    /* with a slash: the whole path */
    {"/a.csv", "a.csv", true},
    {"/a.csv", "sub/a.csv", false},
    {"sub/*.csv", "sub/a.csv", true},
    {"sub/*.csv", "x/sub/a.csv", false},
    {"sub/*.csv", "sub/deep/a.csv", false},
    {"*/a", "sub/a", true},
    {"*/a", "a", false},
    {"s?b/a", "s/b/a", false},
    {"**/a", "a", true},
    {"**/a", "x/y/a", true},
    {"**/a", "x/y/ba", false},
    {"sub/**", "sub/a", true},
    {"sub/**", "sub/deep/er/a", true},
    {"sub/**", "sub", false},
    {"sub/**", "subs/a", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/b/x", false},
    {"a/**/b", "a/b/b", true},
    {"a/**/b/*", "a/b/b/c", true},
    {"**/a/**/*.csv", "x/a/y/z.csv", true},
    {"**/a/**/*.csv", "x/b/y/z.csv", false},
    {"**/**/a", "a", true},
    {"a*/**/b*", "a1/x/c/b2", true},
    {"**/a*c/d", "abd/abc/d", true},
};

static void test_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_null(glob_bad(CASES[i].pattern));
        if (glob_fits(CASES[i].pattern, CASES[i].path) != CASES[i].fits) {
            fail_msg("%s and %s: not %d", CASES[i].pattern, CASES[i].path, CASES[i].fits);
        }
    }
}

static void test_refused(void **state)
{
    (void)state;
    static char longest[GLOB_MAX_BYTES + 2];
    memset(longest, 'a', sizeof longest - 1);
    static const struct {
        const char *pattern;
        const char *part; /* of what is said */
    } cases[] = {
        {"", "empty"},           {"/", "empty"},         {"a//b", "doubled"},
        {"//a", "doubled"},      {"sub/", "sub"},        {"a**", "between"},
        {"**.csv", "between"},   {"a/x**/b", "between"}, {"***", "between"},
        {"./a", "LocalPath"},    {"a/../b", "\"..\""},   {"..", "\"..\""},
        {longest, "1024 bytes"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *bad = glob_bad(cases[i].pattern);
        assert_non_null(bad);
        assert_true(str_starts(bad, "must "));
        assert_true(i == 4 || strstr(bad, cases[i].part));
    }
    assert_null(glob_bad(longest + 1));
    assert_null(glob_bad("...")); /* an odd name, but one */
}

/* What makes matchers that try all ways take for ever. */
static void test_stars_take_no_time(void **state)
{
    (void)state;
    struct str pattern = STR_INIT(0);
    struct str path = STR_INIT(0);
    for (int i = 0; i < 200; i++) {
        str_puts(&pattern, "**/*a*/");
        str_puts(&path, "aaaaaaaaa/");
    }
    str_puts(&pattern, "b");
    str_puts(&path, "a");
    assert_false(glob_fits(str_text(&pattern), str_text(&path)));
    str_clear(&path);
    str_clear(&pattern);
    for (int i = 0; i < 500; i++) {
        str_puts(&pattern, "*a");
        str_puts(&path, "aaaaaaaa");
    }
    str_puts(&pattern, "b");
    assert_false(glob_fits(str_text(&pattern), str_text(&path)));
    str_free(&path);
    str_free(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stars_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
