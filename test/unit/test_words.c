/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/words: a command line split as sh would, without a shell.
 */
#include "unit.h"

#include "config/words.h"

static struct err e;

enum { MAX_WORDS = 8 };

/* What Python's shlex.split makes of the text; dash agrees where it expands nothing. */
static const struct {
    const char *text;
    const char *words[MAX_WORDS];
} SHLEX[] = {
    {"", {NULL}},
    {"   ", {NULL}},
    {"a", {"a"}},
    {"a b", {"a", "b"}},
    {"  a  b  ", {"a", "b"}},
    {"a\tb", {"a", "b"}},
    {"a\nb", {"a", "b"}},
    {"a\r\nb", {"a", "b"}},
    {"a b c d e", {"a", "b", "c", "d", "e"}},
    {"python3 /opt/ml/processing/input/code/transform.py",
     {"python3", "/opt/ml/processing/input/code/transform.py"}},
    {"'a b'", {"a b"}},
    {"'a' 'b'", {"a", "b"}},
    {"a'b'c", {"abc"}},
    {"''", {""}},
    {"'' ''", {"", ""}},
    {"a '' b", {"a", "", "b"}},
    {"'a\\b'", {"a\\b"}},
    {"'a\"b'", {"a\"b"}},
    {"'$HOME'", {"$HOME"}},
    {"'a\nb'", {"a\nb"}},
    {"\"a b\"", {"a b"}},
    {"\"\"", {""}},
    {"\"\" x", {"", "x"}},
    {"a\"\"b", {"ab"}},
    {"\"a'b\"", {"a'b"}},
    {"\"a\\\"b\"", {"a\"b"}},
    {"\"a\\\\b\"", {"a\\b"}},
    {"\"a\\bc\"", {"a\\bc"}},
    {"\"a\\nb\"", {"a\\nb"}},
    {"\"  \"", {"  "}},
    {"\"a\"'b'c", {"abc"}},
    {"a\\ b", {"a b"}},
    {"a\\\\b", {"a\\b"}},
    {"a\\'b", {"a'b"}},
    {"a\\\"b", {"a\"b"}},
    {"\\a", {"a"}},
    {"\\ ", {" "}},
    {"a\\$b", {"a$b"}},
    {"\\''x y'", {"'x y"}},
    {"\"\\\\\"", {"\\"}},
    {"'it'\\''s'", {"it's"}},
    {"$HOME ${X} $(id) `id`", {"$HOME", "${X}", "$(id)", "`id`"}},
    {"*.csv ?[ab]", {"*.csv", "?[ab]"}},
    {"~ ~/x", {"~", "~/x"}},
    {"# not a comment", {"#", "not", "a", "comment"}},
    {"a #b", {"a", "#b"}},
    {"a|b && c > d", {"a|b", "&&", "c", ">", "d"}},
    {"a;b", {"a;b"}},
    {"x=1 y", {"x=1", "y"}},
    {"{a,b}", {"{a,b}"}},
    {"!x", {"!x"}},
    {"--flag=a\\ b", {"--flag=a b"}},
    {"'日本語' 日本", {"日本語", "日本"}},
    {"sh -c 'cut -d, -f1 in.csv > out.csv'", {"sh", "-c", "cut -d, -f1 in.csv > out.csv"}},
    {"jq \".a | .b\" f", {"jq", ".a | .b", "f"}},
    {"a'b c'd\"e f\"g", {"ab cde fg"}},
    {"'a''b'", {"ab"}},
    {"\"a\"\"b\"", {"ab"}},
    {"-- -x", {"--", "-x"}},
    {"a \"b c\" 'd e' f\\ g", {"a", "b c", "d e", "f g"}},
    {"\"\"a", {"a"}},
    {"''a''", {"a"}},
    {"\"'\"", {"'"}},
    {"'\"'", {"\""}},
    {"\"#\"", {"#"}},
    {"a\vb", {"a\vb"}},
    {"a\fb", {"a\fb"}},
    {"&", {"&"}},
    {"\"\\'\"", {"\\'"}},
    {"%Y-%m-%d", {"%Y-%m-%d"}},
    {"'%{a}'", {"%{a}"}},
    {"a\\\tb", {"a\tb"}},
};

/* Where sh and shlex differ, sh is right: in double quotes a backslash also escapes $ and `, and a
 * backslash before a newline joins the lines. */
static const struct {
    const char *text;
    const char *words[MAX_WORDS];
} AS_SH[] = {
    {"\"\\$HOME\"", {"$HOME"}}, {"\"\\`id\\`\"", {"`id`"}}, {"a\\\nb", {"ab"}},
    {"a \\\n  b", {"a", "b"}},  {"a \\\n", {"a"}},          {"\\\n", {NULL}},
    {"\"a\\\nb\"", {"ab"}},     {"'a\\\nb'", {"a\\\nb"}},
};

static void expect(const char *text, const char *const *words)
{
    struct strvec found = {0};
    assert_ok(words_split(text, &found, &e), &e);
    size_t n = 0;
    while (n < MAX_WORDS && words[n]) {
        n++;
    }
    if (found.n != n) {
        fail_msg("%s: %zu words, expected %zu", text, found.n, n);
    }
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(found.v[i], words[i]);
    }
    strvec_free(&found);
}

static void test_as_shlex(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(SHLEX); i++) {
        expect(SHLEX[i].text, SHLEX[i].words);
    }
}

static void test_as_sh(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(AS_SH); i++) {
        expect(AS_SH[i].text, AS_SH[i].words);
    }
}

static void test_json_arrays(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words[MAX_WORDS];
    } CASES[] = {
        {"[]", {NULL}},
        {"[\"a\"]", {"a"}},
        {"  [ \"sh\" , \"-c\" , \"echo 'a b'; exit 3\" ]  ", {"sh", "-c", "echo 'a b'; exit 3"}},
        {"[\"\", \"a\\nb\", \"\\u65e5\\\\\"]", {"", "a\nb", "日\\"}},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        expect(CASES[i].text, CASES[i].words);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"a 'b", "a ' quote is not closed"},
        {"\"", "a \" quote is not closed"},
        {"a \"b'", "a \" quote is not closed"},
        {"a \\", "ends in a backslash"},
        {"\"a\\", "ends in a backslash"},
        {"'a\\", "a ' quote is not closed"},
        {"[\"a\"", "not a JSON array of strings: "},
        {"[\"a\",]", "not a JSON array of strings: "},
        {"['a']", "not a JSON array of strings: "},
        {"[\"a\"] b", "not a JSON array of strings: "},
        {"[\"a\", 1]", "element 2 of the JSON array is not a string"},
        {"[null]", "element 1 of the JSON array is not a string"},
        {"[[\"a\"]]", "element 1 of the JSON array is not a string"},
        {"[\"a\\u0000b\"]", "not a JSON array of strings: "},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct strvec found = {0};
        e = (struct err){0};
        assert_failed(words_split(CASES[i].text, &found, &e), &e, ERR_CONFIG, CASES[i].piece);
        strvec_free(&found);
    }
}

static void test_shell_operator(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *wanted;
    } CASES[] = {
        {"a | b", "|"},          {"a && b", "&&"}, {"a > b", ">"},  {"a 2>&1", "2>&1"},
        {"a ; b", ";"},          {"a '|' b", "|"}, {"a b|c", NULL}, {"", NULL},
        {"sh -c 'a | b'", NULL}, {"a -> b", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct strvec words = {0};
        assert_ok(words_split(CASES[i].text, &words, &e), &e);
        const char *found = words_shell_operator(&words);
        assert_true(str_same(found, CASES[i].wanted));
        strvec_free(&words);
    }
}

/* What words_join writes, words_split and sh read back. */
static void test_join(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"a",   "",     "a b",  "it's", "\"", "\\",    "$HOME",
                                        "*",   "日本", "a\nb", "~",    "#x", "--k=v", "!",
                                        "a;b", "[",    "'",    "''",   "\t"};
    struct strvec words = {0};
    for (size_t i = 0; i < COUNT(WORDS); i++) {
        strvec_add(&words, WORDS[i]);
    }
    char *joined = words_join(&words);
    struct strvec again = {0};
    assert_ok(words_split(joined, &again, &e), &e);
    assert_int_equal(again.n, words.n);
    for (size_t i = 0; i < words.n; i++) {
        assert_string_equal(again.v[i], words.v[i]);
    }
    free(joined);
    strvec_free(&words);
    strvec_free(&again);
    strvec_add(&words, "sh");
    strvec_add(&words, "-c");
    strvec_add(&words, "it's; x");
    joined = words_join(&words);
    assert_string_equal(joined, "sh -c 'it'\\''s; x'");
    free(joined);
    strvec_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_shlex),       cmocka_unit_test(test_as_sh),
        cmocka_unit_test(test_json_arrays),    cmocka_unit_test(test_errors),
        cmocka_unit_test(test_shell_operator), cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
