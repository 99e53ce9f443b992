/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/dir: listings, links and loops, pruning and removing.
 */
#include "unit.h"

#include "base/dir.h"

static struct dir_listing found;
static struct err e;

static int setup(void **state)
{
    e = (struct err){0};
    return scratch_make(state);
}

static int teardown(void **state)
{
    dir_listing_free(&found);
    return scratch_remove(state);
}

/* The listing is exactly these paths, separated by blanks. */
static void expect(void *const *state, const char *root, const char *prefix, unsigned flags,
                   const char *paths)
{
    const struct scratch *at = *state;
    dir_listing_free(&found);
    assert_ok(dir_list(at->fd, root, prefix, flags, ERR_INPUT, &found, &e), &e);
    char text[8192] = "";
    for (size_t i = 0; i < found.n; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
                       found.v[i].path);
    }
    assert_string_equal(text, paths);
}

static void test_sorted(void **state)
{
    const struct scratch *at = *state;
    static const char *const PATHS[] = {"b/z",    "b/a/y",  "a",   "b-c", "B",
                                        "c/日本", "c/\x7f", "a.b", "10",  "9"};
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        write_text(at->fd, PATHS[i], PATHS[i]);
    }
    assert_int_equal(mkdirat(at->fd, "empty", 0777), 0);
    expect(state, ".", "", 0, "10 9 B a a.b b-c b/a/y b/z c/\x7f c/日本");
    assert_int_equal(found.v[6].size, strlen("b/a/y"));
    assert_true(S_ISREG(found.v[6].mode));
    struct stat st;
    assert_int_equal(fstatat(at->fd, "b/a/y", &st, 0), 0);
    assert_true(found.v[6].ino == st.st_ino && found.v[6].dev == st.st_dev);
    expect(state, ".", "", DIR_WITH_DIRS, "10 9 B a a.b b b-c b/a b/a/y b/z c c/\x7f c/日本 empty");
    expect(state, "b", "", 0, "a/y z");
}

static void test_prefix(void **state)
{
    const struct scratch *at = *state;
    static const char *const PATHS[] = {"data/train/a", "data/train-data.csv", "data/test/b",
                                        "other/c", "data.csv"};
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        write_text(at->fd, PATHS[i], "x");
    }
    expect(state, ".", "data/", 0, "data/test/b data/train-data.csv data/train/a");
    expect(state, ".", "data", 0, "data.csv data/test/b data/train-data.csv data/train/a");
    expect(state, ".", "data/train", 0, "data/train-data.csv data/train/a");
    expect(state, ".", "data/train/", 0, "data/train/a");
    expect(state, ".", "data/train/a", 0, "data/train/a");
    expect(state, ".", "data/train/a/", 0, "");
    expect(state, ".", "data/train/ab", 0, "");
    expect(state, ".", "/data", 0, "");
    expect(state, ".", "dat/", 0, "");
    expect(state, ".", "data/t", DIR_WITH_DIRS,
           "data/test data/test/b data/train data/train-data.csv data/train/a");
}

/* Only the folders that can hold such paths are read. */
static void test_prefix_reads_no_other_folder(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "a/x", "x");
    write_text(at->fd, "b/x", "x");
    assert_int_equal(fchmodat(at->fd, "b", 0, 0), 0);
    expect(state, ".", "a/", 0, "a/x");
    dir_listing_free(&found);
    if (geteuid() != 0) {
        assert_failed(dir_list(at->fd, ".", "", 0, ERR_OUTPUT, &found, &e), &e, ERR_OUTPUT,
                      "Permission denied");
        assert_int_equal(found.n, 0);
    }
    assert_int_equal(fchmodat(at->fd, "b", 0700, 0), 0);
}

static void test_own_temporaries_are_left_out(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, ".procagent-1.tmp", "x");
    write_text(at->fd, "a/.procagent-2/x", "x");
    write_text(at->fd, "a/.hidden", "x");
    write_text(at->fd, "a/x.procagent-", "x");
    write_text(at->fd, ".procagent", "x");
    expect(state, ".", "", DIR_WITH_DIRS, ".procagent a a/.hidden a/x.procagent-");
    expect(state, ".", ".procagent-", 0, "");
}

static void test_links(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "real/f", "four");
    assert_int_equal(symlinkat("real", at->fd, "dir"), 0);
    assert_int_equal(symlinkat("real/f", at->fd, "file"), 0);
    assert_int_equal(symlinkat("nowhere", at->fd, "dangling"), 0);
    assert_int_equal(mkfifoat(at->fd, "fifo", 0600), 0);
    expect(state, ".", "", 0, "dangling dir fifo file real/f");
    assert_true(S_ISLNK(found.v[0].mode));
    assert_true(S_ISLNK(found.v[1].mode));
    assert_true(S_ISFIFO(found.v[2].mode));
    expect(state, ".", "", DIR_FOLLOW, "dir/f fifo file real/f");
    assert_true(S_ISREG(found.v[2].mode));
    assert_int_equal(found.v[2].size, 4);
    expect(state, "dir", "", 0, "f"); /* the root itself may be a link */
}

static void test_loops(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "a/b/f", "x");
    assert_int_equal(symlinkat("..", at->fd, "a/b/up"), 0);
    assert_int_equal(symlinkat(".", at->fd, "a/self"), 0);
    assert_int_equal(symlinkat("eternal", at->fd, "a/eternal"), 0);
    assert_int_equal(symlinkat("../..", at->fd, "a/b/root"), 0);
    expect(state, ".", "", DIR_FOLLOW, "a/b/f");
    expect(state, ".", "", 0, "a/b/f a/b/root a/b/up a/eternal a/self");
    expect(state, "a", "", DIR_FOLLOW, "b/f"); /* root leads back to a */
}

static void test_missing_and_other_roots(void **state)
{
    const struct scratch *at = *state;
    expect(state, "nowhere", "", 0, "");
    write_text(at->fd, "file", "x");
    dir_listing_free(&found);
    assert_failed(dir_list(at->fd, "file", "", 0, ERR_INPUT, &found, &e), &e, ERR_INPUT,
                  "file: Not a directory");
    assert_failed(dir_list(at->fd, "file/x", "", 0, ERR_OUTPUT, &found, &e), &e, ERR_OUTPUT,
                  "Not a directory");
}

static void make_deep(int fd, int depth)
{
    char path[1024] = "";
    for (int i = 0; i < depth; i++) {
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "d/");
    }
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "f");
    write_text(fd, path, "x");
}

static void test_depth(void **state)
{
    const struct scratch *at = *state;
    make_deep(at->fd, 128);
    assert_ok(dir_list(at->fd, ".", "", 0, ERR_INPUT, &found, &e), &e);
    assert_int_equal(found.n, 1);
    make_deep(at->fd, 129);
    dir_listing_free(&found);
    assert_failed(dir_list(at->fd, ".", "", 0, ERR_INPUT, &found, &e), &e, ERR_INPUT,
                  "more than 128 folders deep");
    assert_int_equal(found.n, 0);
}

static void test_prune(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "r/keep/f", "x");
    write_text(at->fd, "r/own/.procagent-1.tmp", "x");
    make_parents(at->fd, "r/a/b/c/");
    make_parents(at->fd, "r/keep/e/");
    assert_int_equal(symlinkat("a", at->fd, "r/link"), 0);
    dir_prune_empty(at->fd, "r");
    expect(state, "r", "", DIR_WITH_DIRS, "keep keep/f link own");
    assert_int_equal(unlinkat(at->fd, "r/keep/f", 0), 0);
    assert_int_equal(unlinkat(at->fd, "r/link", 0), 0);
    assert_int_equal(unlinkat(at->fd, "r/own/.procagent-1.tmp", 0), 0);
    dir_prune_empty(at->fd, "r");
    assert_true(exists(at->fd, "r"));
    assert_int_equal(count_entries(at->fd, "r"), 0);
    dir_prune_empty(at->fd, "nowhere");
}

static void test_remove_tree(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, ".procagent-x/0", "x");
    write_text(at->fd, ".procagent-x/a/b", "x");
    write_text(at->fd, "outside/f", "x");
    assert_int_equal(symlinkat("../outside", at->fd, ".procagent-x/link"), 0);
    assert_int_equal(dir_remove_tree(at->fd, ".procagent-x"), 0);
    assert_false(exists(at->fd, ".procagent-x"));
    assert_true(exists(at->fd, "outside/f"));
    assert_int_equal(dir_remove_tree(at->fd, ".procagent-x"), 0);
    write_text(at->fd, "file", "x");
    assert_int_equal(dir_remove_tree(at->fd, "file"), -1);
    assert_true(exists(at->fd, "file"));
}

/* A whole output in a hidden folder: with our own names in it, as deep as outputs may be, and with
 * folders that may not be written. */
static void test_remove_odd_trees(void **state)
{
    const struct scratch *at = *state;
    char path[512] = ".procagent-x/new/";
    for (int i = 0; i < 128; i++) {
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "d/");
    }
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "f");
    write_text(at->fd, path, "x");
    write_text(at->fd, ".procagent-x/new/.procagent-1.tmp", "x");
    write_text(at->fd, ".procagent-x/new/ro/f", "x");
    assert_int_equal(fchmodat(at->fd, ".procagent-x/new/ro", 0555, 0), 0);
    assert_int_equal(dir_remove_tree(at->fd, ".procagent-x"), 0);
    assert_false(exists(at->fd, ".procagent-x"));
}

static void test_remove_empty_up(void **state)
{
    const struct scratch *at = *state;
    make_parents(at->fd, "a/b/c/d/");
    write_text(at->fd, "a/f", "x");
    dir_remove_empty_up(at->fd, "a/b/c/d");
    assert_false(exists(at->fd, "a/b"));
    assert_true(exists(at->fd, "a/f"));
    dir_remove_empty_up(at->fd, "a");
    dir_remove_empty_up(at->fd, ".");
    assert_true(exists(at->fd, "a/f"));
}

static void test_holds(void **state)
{
    const struct scratch *at = *state;
    char dir[128];
    make_parents(at->fd, "a/b/c/");
    make_parents(at->fd, "ab/");
    assert_int_equal(symlinkat("a/b", at->fd, "link"), 0);
    int c = openat(at->fd, "a/b/c", O_PATH | O_DIRECTORY | O_CLOEXEC);
    static const char *const HOLD[] = {"a", "a/b", "a/b/c", "link", "."};
    for (size_t i = 0; i < COUNT(HOLD); i++) {
        (void)snprintf(dir, sizeof dir, "%s/%s", at->path, HOLD[i]);
        assert_true(dir_holds(dir, c));
    }
    assert_true(dir_holds("/", c));
    (void)snprintf(dir, sizeof dir, "%s/ab", at->path);
    assert_false(dir_holds(dir, c));
    assert_false(dir_holds("/nowhere", c));
    assert_false(dir_holds(dir, at->fd));
    (void)close(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sorted),
        TEST(test_prefix),
        TEST(test_prefix_reads_no_other_folder),
        TEST(test_own_temporaries_are_left_out),
        TEST(test_links),
        TEST(test_loops),
        TEST(test_missing_and_other_roots),
        TEST(test_depth),
        TEST(test_prune),
        TEST(test_remove_tree),
        TEST(test_remove_odd_trees),
        TEST(test_remove_empty_up),
        TEST(test_holds),
    };
    return cmocka_run_group_tests_name("dir", tests, NULL, NULL);
}
