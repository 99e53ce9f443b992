/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/filename: extensions, and pieces in names.
 */
#include "unit.h"

#include "base/filename.h"

static void test_extension(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"a.csv", ".csv"}, {"a.csv.gz", ".csv.gz"},   {"a", ""},        {".hidden", ""},
        {"a.gz", ".gz"},   {"a.b.c", ".c"},           {".a.gz", ".gz"}, {"a.", "."},
        {"_SUCCESS", ""},  {"a.tar.zst", ".tar.zst"}, {"", ""},         {"日本.csv", ".csv"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_string_equal(filename_extension(CASES[i][0]), CASES[i][1]);
    }
}

static void test_insert(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"part.csv", "part-algo-1.csv"},           {"part.csv.gz", "part-algo-1.csv.gz"},
        {"_SUCCESS", "_SUCCESS-algo-1"},           {".done", ".done-algo-1"},
        {"manifest.json", "manifest-algo-1.json"}, {"日本.csv", "日本-algo-1.csv"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *found = filename_insert(CASES[i][0], "algo-1");
        assert_string_equal(found, CASES[i][1]);
        free(found);
    }
}

static void test_piece(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        ptrdiff_t end; /* behind the piece; -1 = not there */
    } CASES[] = {
        {"algo-1", 6},
        {"part-algo-1.csv", 11},
        {"part_algo-1_2.csv", 11},
        {"algo-1.csv", 6},
        {"algo-1-algo-1", 13},     /* the last one counts */
        {"algo-1-algo-10.csv", 6}, /* algo-10 is another */
        {"part-algo-10.csv", -1},  /* goes on with a digit */
        {"myalgo-1.csv", -1},      /* a letter before */
        {"part-algo-1東.csv", -1}, /* a letter of another script */
        {"part.csv", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *end = filename_piece(CASES[i].name, "algo-1");
        ptrdiff_t found = end ? end - CASES[i].name : -1;
        if (found != CASES[i].end) {
            fail_msg("%s: %td", CASES[i].name, found);
        }
    }
    assert_null(filename_piece("part.csv", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extension),
        cmocka_unit_test(test_insert),
        cmocka_unit_test(test_piece),
    };
    return cmocka_run_group_tests_name("filename", tests, NULL, NULL);
}
