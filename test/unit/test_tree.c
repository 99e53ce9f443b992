/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/tree: which trees are Hive trees, and which are broken ones.
 */
#include "unit.h"

#include "partition/tree.h"

static struct dir_listing files;
static struct tree tree;
static struct err e;

static int clear(void **state)
{
    (void)state;
    dir_listing_free(&files);
    tree_free(&tree);
    e = (struct err){0};
    return 0;
}

/* Reads a tree of these paths, which are given sorted, as a listing is; "" ends them. A path that
 * ends in "@" is a link. `keys` is NULL or the wanted ones, separated by blanks. */
static int read_tree(const char *const *paths, const char *keys)
{
    (void)clear(NULL);
    for (size_t i = 0; *paths[i]; i++) {
        size_t n = strlen(paths[i]);
        bool link = paths[i][n - 1] == '@';
        files.v = realloc(files.v, (files.n + 1) * sizeof *files.v);
        assert_non_null(files.v);
        files.v[files.n++] = (struct dir_entry){.path = strndup(paths[i], link ? n - 1 : n),
                                                .mode = link ? S_IFLNK | 0777 : S_IFREG | 0644};
    }
    struct strvec wanted = {0};
    for (const char *p = keys ? keys : ""; *p;) {
        size_t n = strcspn(p, " ");
        strvec_take(&wanted, strndup(p, n));
        p += n + (p[n] == ' ');
    }
    int rc = tree_read(&files, keys ? &wanted : NULL, &tree, &e);
    strvec_free(&wanted);
    return rc;
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, ""})

static void test_recognised(void **state)
{
    (void)state;
    assert_ok(read_tree(PATHS("process_date_jst=2021-12-15/partition.csv"), NULL), &e);
    assert_int_equal(tree.placed, 1);
    assert_int_equal(tree.loose, 0);
    assert_int_equal(tree.partitions, 1);
    assert_int_equal(tree.keys.n, 1);
    assert_string_equal(tree.keys.v[0], "process_date_jst");
    assert_int_equal(tree.places[0], FILE_PLACED);
    assert_null(tree.first_loose);

    assert_ok(read_tree(PATHS("year=2021/month=12/day=15/a.csv", "year=2021/month=12/day=15/b.csv",
                              "year=2021/month=12/day=16/a.csv", "year=2022/month=12/day=15/a.csv"),
                        NULL),
              &e);
    assert_int_equal(tree.placed, 4);
    assert_int_equal(tree.partitions, 3);
    assert_int_equal(tree.keys.n, 3);
    assert_string_equal(tree.keys.v[2], "day");
}

static void test_loose_files(void **state)
{
    (void)state;
    assert_ok(read_tree(PATHS("a.csv", "b/c.csv", "x=y.csv"), NULL), &e);
    assert_int_equal(tree.loose, 3); /* a file's own name makes no partition */
    assert_int_equal(tree.placed, 0);
    assert_int_equal(tree.partitions, 0);
    assert_int_equal(tree.keys.n, 0);
    assert_string_equal(tree.first_loose, "a.csv");
    assert_ok(read_tree(PATHS(""), NULL), &e);
    assert_int_equal(tree.loose + tree.placed, 0);
}

/* Mixed trees are the caller's to judge; the first loose file is named. */
static void test_mixed(void **state)
{
    (void)state;
    assert_ok(read_tree(PATHS("k=1/a.csv", "other/b.csv", "z.csv"), NULL), &e);
    assert_int_equal(tree.placed, 1);
    assert_int_equal(tree.loose, 2);
    assert_string_equal(tree.first_loose, "other/b.csv");
    assert_int_equal(tree.places[0], FILE_PLACED);
    assert_int_equal(tree.places[1], FILE_LOOSE);
}

static void test_data_on_an_inner_level(void **state)
{
    (void)state;
    assert_failed(read_tree(PATHS("y=1/a.csv", "y=1/m=2/b.csv"), NULL), &e, ERR_OUTPUT,
                  "\"y=1/m=2/b.csv\": its folders are y=/m=, other files have y=");
    assert_failed(read_tree(PATHS("y=1/m=2/b.csv", "y=1/z.csv"), NULL), &e, ERR_OUTPUT,
                  "\"y=1/z.csv\": its folders are y=, other files have y=/m=");
}

static void test_other_keys_or_orders(void **state)
{
    (void)state;
    assert_failed(read_tree(PATHS("m=1/y=2/a.csv", "y=2/m=1/a.csv"), NULL), &e, ERR_OUTPUT,
                  "\"y=2/m=1/a.csv\": its folders are y=/m=, other files have m=/y=");
    assert_failed(read_tree(PATHS("a=1/f", "b=1/f"), NULL), &e, ERR_OUTPUT,
                  "\"b=1/f\": its folders are b=, other files have a=");
}

static void test_wanted_keys(void **state)
{
    (void)state;
    assert_ok(read_tree(PATHS("y=1/m=2/b.csv"), "y m"), &e);
    assert_int_equal(tree.partitions, 1);
    assert_failed(read_tree(PATHS("m=1/y=2/b.csv"), "y m"), &e, ERR_OUTPUT,
                  "its folders are m=/y=, the layout says y=/m=");
    assert_failed(read_tree(PATHS("y=1/b.csv"), "y m"), &e, ERR_OUTPUT, "the layout says y=/m=");
    assert_failed(read_tree(PATHS("y=1/m=1/d=1/b.csv"), "y m"), &e, ERR_OUTPUT,
                  "the layout says y=/m=");
    assert_ok(read_tree(PATHS("b.csv"), "y m"), &e);
    assert_int_equal(tree.loose, 1);
}

static void test_hidden_files_and_links(void **state)
{
    (void)state;
    assert_ok(read_tree(PATHS("_SUCCESS", "_tmp/k=1/a", ".x/a", "k=1/.crc", "k=1/_metadata",
                              "k=1/a.csv", "k=1/l@", "l@"),
                        NULL),
              &e);
    assert_int_equal(tree.placed, 1);
    assert_int_equal(tree.loose, 0);
    for (size_t i = 0; i < files.n; i++) {
        assert_int_equal(tree.places[i], i == 5 ? FILE_PLACED : FILE_IGNORED);
    }
    /* hidden files have no say in the keys, even on an inner level */
    assert_ok(read_tree(PATHS("y=1/_SUCCESS", "y=1/m=1/a", "y=2/m=1/.a", "y=2/m=1/b"), NULL), &e);
    assert_int_equal(tree.placed, 2);
    assert_int_equal(tree.partitions, 2);
}

static void test_illegal_names(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *piece;
    } CASES[] = {
        {"Year=2021/a", "the folder \"Year=2021\" has a key with other characters"},
        {"a-b=1/a", "has a key with other characters"},
        {"k=/a", "the folder \"k=\" has an empty value"},
        {"k=a:b/a", "has a character in its value that must be escaped"},
        {"k=a=b/a", "has a character in its value that must be escaped"},
        {"k=100%/a", "has a % that begins no escape"},
        {"k=%4/a", "has a % that begins no escape"},
        {"k=%zz/a", "has a % that begins no escape"},
        {"k=\xe9/a", "has a value that is not UTF-8"},
        {"k=1/sub/a", "the folder \"sub\" is not key=value"},
        {"sub/k=1/a", "the folder \"sub\" is not key=value"},
        {"k=1/j=2/k=3/a", "the key k stands in the path twice"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(read_tree(PATHS(CASES[i].path), NULL), &e, ERR_OUTPUT, CASES[i].piece);
    }
}

static void test_legal_names(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "k=a%3Ab/f",   "k=a b/f", "k=日本/f", "k=%41/f", "k=__HIVE_DEFAULT_PARTITION__/f",
        "k_1=a+b,c/f", "1k=x/f",  "k=%E9/f",  "k=%2f/f"};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        assert_ok(read_tree(PATHS(NAMES[i]), NULL), &e);
        assert_int_equal(tree.placed, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_recognised, clear),
        cmocka_unit_test_teardown(test_loose_files, clear),
        cmocka_unit_test_teardown(test_mixed, clear),
        cmocka_unit_test_teardown(test_data_on_an_inner_level, clear),
        cmocka_unit_test_teardown(test_other_keys_or_orders, clear),
        cmocka_unit_test_teardown(test_wanted_keys, clear),
        cmocka_unit_test_teardown(test_hidden_files_and_links, clear),
        cmocka_unit_test_teardown(test_illegal_names, clear),
        cmocka_unit_test_teardown(test_legal_names, clear),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
