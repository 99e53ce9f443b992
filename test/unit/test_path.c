/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/path.
 */
#include "unit.h"

#include "base/path.h"

static void test_join(void **state)
{
    (void)state;
    static const char *const CASES[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"},      {"a", "/b", "a/b"},  {"a///", "///b", "a/b"},
        {"/", "b", "/b"},  {"/a", "b/c", "/a/b/c"}, {"a", "b/", "a/b/"}, {"a", "", "a/"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *found = path_join(CASES[i][0], CASES[i][1]);
        assert_string_equal(found, CASES[i][2]);
        free(found);
    }
}

static void test_clean(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b"},
        {"//a///b//", "/a/b"},
        {"/a/./b/.", "/a/b"},
        {"./a", "a"},
        {"a", "a"},
        {"/", "/"},
        {"///", "/"},
        {"", "."},
        {".", "."},
        {"./", "."},
        {"/.", "/"},
        {"/a..b/c", "/a..b/c"},
        {"/...", "/..."},
        {"a/.b", "a/.b"},
        {"/a\n/日本/", "/a\n/日本"},
        {"..", NULL},
        {"/..", NULL},
        {"a/..", NULL},
        {"../a", NULL},
        {"/a/../b", NULL},
        {"/a/b/../", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *found = path_clean(CASES[i][0]);
        if (!CASES[i][1]) {
            assert_null(found);
        } else {
            assert_string_equal(found, CASES[i][1]);
        }
        free(found);
    }
}

static void test_within(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *dir;
        int wanted;
    } CASES[] = {
        {"/a/b", "/a", 1}, {"/a", "/a", 1},   {"/ab", "/a", 0},  {"/a", "/a/b", 0}, {"/a", "/", 1},
        {"/", "/", 1},     {"/a-b", "/a", 0}, {"/b/a", "/a", 0}, {"a/b", "a", 1},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(path_within(CASES[i].path, CASES[i].dir), CASES[i].wanted);
    }
}

static void test_base_and_absolute(void **state)
{
    (void)state;
    assert_string_equal(path_base("/a/b"), "b");
    assert_string_equal(path_base("b"), "b");
    assert_string_equal(path_base("a/"), "");
    assert_string_equal(path_base(""), "");
    static const char *const CASES[][3] = {{"/cwd", "/a", "/a"},
                                           {"/cwd", "a", "/cwd/a"},
                                           {"/", "a", "/a"},
                                           {"/cwd", "./a", "/cwd/./a"}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *found = path_absolute(CASES[i][0], CASES[i][1]);
        assert_string_equal(found, CASES[i][2]);
        free(found);
    }
}

static void test_parent(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {{"a", "."},     {"a/b", "a"},     {"/a", "/"},
                                           {"/a/b", "/a"}, {"a/b/c", "a/b"}, {"", "."},
                                           {"a/b/", "a/b"}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *parent = path_parent(CASES[i][0]);
        assert_string_equal(parent, CASES[i][1]);
        free(parent);
    }
}

static void test_same_folder(void **state)
{
    (void)state;
    assert_true(path_same_folder("a", "b"));
    assert_true(path_same_folder("d/a", "d/b"));
    assert_true(path_same_folder("/a", "/b"));
    assert_false(path_same_folder("d/a", "e/b"));
    assert_false(path_same_folder("d/a", "d/e/b"));
    assert_false(path_same_folder("d/a", "d"));
    assert_false(path_same_folder("d/a", "dd/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),   cmocka_unit_test(test_clean),
        cmocka_unit_test(test_within), cmocka_unit_test(test_base_and_absolute),
        cmocka_unit_test(test_parent), cmocka_unit_test(test_same_folder),
    };
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
