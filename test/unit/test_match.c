/* SPDX-License-Identifier: MIT
 *
 * Match patterns: what they accept, which pieces they name, what is refused.
 */
#include "unit.h"

#include "partition/match.h"

/* The pieces of a path as "name=piece,name=piece", "no" when it does not fit. */
static void expect(const char *pattern, const char *path, const char *expected)
{
    struct err e = {0};
    struct match m;
    struct piece pieces[MATCH_MAX_NAMES];
    struct str found = STR_INIT(0);
    assert_ok(match_parse(pattern, &m, &e), &e);
    if (match_path(&m, path, pieces)) {
        for (size_t i = 0; i < m.names.n; i++) {
            str_printf(&found, "%s%s=%.*s", i ? "," : "", m.names.v[i], (int)pieces[i].n,
                       path + pieces[i].start);
        }
    } else {
        str_puts(&found, "no");
    }
    assert_string_equal(str_text(&found), expected);
    str_free(&found);
    match_free(&m);
}

static void test_text_and_stars(void **state)
{
    (void)state;
    expect("a.csv", "a.csv", "");
    expect("a.csv", "a.csvx", "no");
    expect("a.csv", "b/a.csv", "no");
    expect("*.csv", "a.csv", "");
    expect("*.csv", ".csv", "");
    expect("*.csv", "a.csv.gz", "no");
    expect("*.csv", "d/a.csv", "no");
    expect("a*b*c", "abc", "");
    expect("a*b*c", "a1b2bc", "");
    expect("a*b*c", "a1c", "no");
    expect("*", "anything", "");
    expect("a{{b}}", "a{b}", "");
}

static void test_names(void **state)
{
    (void)state;
    expect("{y}/{m}/{d}/*.csv", "2021/12/15/x.csv", "y=2021,m=12,d=15");
    expect("{y}/{m}/{d}/*.csv", "2021/12/x.csv", "no");
    expect("{y}/{m}/{d}/*.csv", "2021/12/15/16/x.csv", "no");
    expect("{y}/{m}/{d}/*.csv", "2021//15/x.csv", "no"); /* a piece is never empty */
    expect("sales-{region}.csv", "sales-eu.csv", "region=eu");
    expect("sales-{region}.csv", "sales-.csv", "no");
    expect("{a}-{b}.csv", "x-y-z.csv", "a=x,b=y-z"); /* earlier pieces as short as possible */
    expect("{a}*", "xyz", "a=x");
    expect("*{a}", "xyz", "a=xyz");
    expect("{dt}.{ext}", "2021-12-15.csv.gz", "dt=2021-12-15,ext=csv.gz");
    expect("{\x6e}", "\xe6\x97\xa5\xe6\x9c\xac", "n=\xe6\x97\xa5\xe6\x9c\xac");
}

static void test_folders(void **state)
{
    (void)state;
    expect("**/*.csv", "a.csv", "");
    expect("**/*.csv", "x/y/z/a.csv", "");
    expect("**/*.csv", "x/y/z/a.tsv", "no");
    expect("{y}/**/*.csv", "2021/a.csv", "y=2021");
    expect("{y}/**/*.csv", "2021/b/c/a.csv", "y=2021");
    expect("**/{d}/*.csv", "a/b/c/x.csv", "d=c");
    expect("**/v{n}/**/*", "a/v1/b/v2/c", "n=1");
}

static void refuse(const char *pattern, const char *why)
{
    struct err e = {0};
    struct match m = {.n = 77};
    assert_failed(match_parse(pattern, &m, &e), &e, ERR_CONFIG, why);
    assert_int_equal(m.n, 77); /* untouched on failure */
}

static void test_refused(void **state)
{
    (void)state;
    refuse("", "empty");
    refuse("a{b", "column 2: a { is not closed");
    refuse("a}b", "column 2: a } without {");
    refuse("{}", "letters, digits and _");
    refuse("{a-b}", "letters, digits and _");
    refuse("{a}/{a}", "column 5: this name stands in the pattern twice");
    refuse("{a}{b}", "nothing between them");
    refuse("/a", "no empty parts");
    refuse("a/", "no empty parts");
    refuse("a//b", "no empty parts");
    refuse("a**", "whole folders");
    refuse("**", "whole folders");
    refuse("a/**b", "whole folders");
    char longer[MATCH_MAX_BYTES + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    refuse(longer, "longer than 1024 bytes");
}

/* Without a memory of failed states this takes longer than the universe is old. */
static void test_many_stars_end(void **state)
{
    (void)state;
    char path[256];
    memset(path, 'a', 250);
    path[250] = '\0';
    expect("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path, "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_stars), cmocka_unit_test(test_names),
        cmocka_unit_test(test_folders),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many_stars_end),
    };
    return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
