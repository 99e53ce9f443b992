/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/merge: all moves, or none.
 */
#include "unit.h"

#include "base/scope.h"
#include "stage/merge.h"

static struct err e;

static int open_folder(const struct scratch *at, const char *name)
{
    (void)mkdirat(at->fd, name, 0777);
    int fd = openat(at->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_move_and_undo(void **state)
{
    const struct scratch *at = *state;
    SCOPE_FD int from = open_folder(at, "from");
    SCOPE_FD int to = open_folder(at, "to");
    write_text(from, "a", "a");
    write_text(from, "d/e/b", "b");
    write_text(from, "d/same", "same");
    write_text(from, "new/c", "c");
    assert_int_equal(symlinkat("b", from, "d/e/l"), 0);
    assert_int_equal(symlinkat("same", from, "d/l"), 0);
    write_text(to, "old", "old");
    write_text(to, "d/same", "same");
    write_text(to, "d/e/old", "old");
    assert_int_equal(symlinkat("same", to, "d/l"), 0);
    char *before = tree_text(at->fd, ".");
    SCOPE(merge_free) struct merge m = {.from = from, .to = to, .where = "to"};
    assert_ok(merge_check(&m, &e), &e);
    assert_ok(merge_move(&m, &e), &e);
    assert_int_equal(m.moved.n, 4); /* a, d/e/b, d/e/l, new */
    assert_file(to, "a", "a");
    assert_file(to, "d/e/l", "b");
    assert_file(to, "d/e/old", "old");
    assert_file(to, "new/c", "c");
    assert_false(exists(from, "new"));
    assert_true(exists(from, "d/same"));
    merge_undo(&m);
    assert_tree(at->fd, ".", before);
}

static void test_in_the_way(void **state)
{
    const struct scratch *at = *state;
    static const struct {
        const char *ours, *theirs; /* "@x": a link to x, "/": a folder, else a file's text */
        const char *piece;         /* of the error */
    } CASES[] = {
        {"text", "other", "member \"d/x\" is in the way of another file of that name in \"to\""},
        {"text", "texts", "another file"},
        {"text", "@d", "another file"},
        {"text", "/", "another folder"},
        {"/", "text", "another file"},
        {"/", "@d", "another file"},
        {"@a", "@b", "another file"},
        {"@a", "@aa", "another file"},
        {"@a", "a", "another file"},
    };
    SCOPE_FD int from = open_folder(at, "from");
    SCOPE_FD int to = open_folder(at, "to");
    write_text(from, "a", "a");
    write_text(from, "d/z", "z");
    write_text(to, "d/y", "y");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const int fds[] = {from, to};
        const char *const what[] = {CASES[i].ours, CASES[i].theirs};
        for (size_t k = 0; k < 2; k++) {
            (void)dir_remove_tree(fds[k], "d/x");
            (void)unlinkat(fds[k], "d/x", 0);
            if (what[k][0] == '/') {
                assert_int_equal(mkdirat(fds[k], "d/x", 0777), 0);
            } else if (what[k][0] == '@') {
                assert_int_equal(symlinkat(what[k] + 1, fds[k], "d/x"), 0);
            } else {
                write_text(fds[k], "d/x", what[k]);
            }
        }
        char *before = tree_text(at->fd, ".");
        SCOPE(merge_free) struct merge m = {.from = from, .to = to, .where = "to"};
        assert_failed(merge_check(&m, &e), &e, ERR_INPUT, CASES[i].piece);
        /* and when it comes between check and move: what was moved goes back */
        assert_failed(merge_move(&m, &e), &e, ERR_INPUT, CASES[i].piece);
        assert_tree(at->fd, ".", before);
    }
}

/* Large files are compared to their last byte. */
static void test_comparison(void **state)
{
    const struct scratch *at = *state;
    enum { SIZE = 600 * 1000 };
    SCOPE_FD int from = open_folder(at, "from");
    SCOPE_FD int to = open_folder(at, "to");
    char *text = calloc(1, SIZE);
    assert_non_null(text);
    write_bytes(from, "x", text, SIZE);
    write_bytes(to, "x", text, SIZE);
    SCOPE(merge_free) struct merge m = {.from = from, .to = to, .where = "to"};
    assert_ok(merge_check(&m, &e), &e);
    text[SIZE - 1] = 1;
    write_bytes(to, "x", text, SIZE);
    assert_failed(merge_check(&m, &e), &e, ERR_INPUT, "another file");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_scratch(test_move_and_undo),
        unit_test_scratch(test_in_the_way),
        unit_test_scratch(test_comparison),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
