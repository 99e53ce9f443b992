/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/journal, through rewrite_recover: states that a kill may leave, made by
 * hand, and what becomes of them.
 */
#include "unit.h"

#include "base/hidden.h"
#include "base/log.h"
#include "partition/journal.h"
#include "partition/rewrite.h"

static struct err e;
static const struct scratch *at;
static char out_path[128]; /* "p/out" in the scratch folder: nothing else lies beside it */

static int setup(void **state)
{
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    (void)snprintf(out_path, sizeof out_path, "%s/p/out", at->path);
    make_parents(at->fd, "p/out/");
    return 0;
}

static void chmod_to(const char *path, mode_t mode)
{
    assert_int_equal(fchmodat(at->fd, path, mode, 0), 0);
}

#define STALE ".procagent-00000000000000aa"

/* A row as rewrite in place makes it: b.csv goes, a.csv and c.csv move, b.csv is written anew, and
 * so is k=w/new.csv. */
static const char *const STEPS[][2] = {
    {"b.csv", STALE "/old/1"},
    {"a.csv", "k=v/a.csv"},
    {"sub/deep/c.csv", "k=v/l=w/c.csv"},
    {STALE "/new/b.csv", "b.csv"},
    {STALE "/new/k=w/new.csv", "k=w/new.csv"},
};

static int open_out(void)
{
    int out = openat(at->fd, "p/out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(out >= 0);
    return out;
}

static void rename_deep(int out, const char *from, const char *to)
{
    make_parents(out, to);
    assert_int_equal(renameat2(out, from, out, to, RENAME_NOREPLACE), 0);
}

/* The state of a kill behind `n` steps, and of a second one when `undone` of these were undone. */
static void killed_after(int out, size_t n, size_t undone)
{
    struct str row = STR_INIT(0);
    struct stat st;
    write_text(out, STALE "/new/b.csv", "new b");
    write_text(out, STALE "/new/k=w/new.csv", "new");
    make_parents(out, STALE "/old/");
    for (size_t i = 0; i < COUNT(STEPS); i++) {
        assert_int_equal(fstatat(out, STEPS[i][0], &st, AT_SYMLINK_NOFOLLOW), 0);
        journal_rename(&row, &st, STEPS[i][0], STEPS[i][1]);
    }
    int hidden = openat(out, STALE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(journal_write(hidden, &row, &e), &e);
    (void)close(hidden);
    str_free(&row);
    for (size_t i = 0; i < n; i++) {
        rename_deep(out, STEPS[i][0], STEPS[i][1]);
    }
    for (size_t i = n; i-- > n - undone;) {
        rename_deep(out, STEPS[i][1], STEPS[i][0]);
    }
}

static void fill_three(void)
{
    write_text(at->fd, "p/out/a.csv", "a");
    write_text(at->fd, "p/out/b.csv", "b");
    write_text(at->fd, "p/out/sub/deep/c.csv", "c");
}

static void test_recover_at_every_step(void **state)
{
    (void)state;
    fill_three();
    for (size_t n = 0; n <= COUNT(STEPS); n++) {
        for (size_t undone = 0; undone <= n; undone++) {
            char *before = tree_text(at->fd, "p");
            int out = open_out();
            killed_after(out, n, undone);
            (void)close(out);
            assert_ok(rewrite_recover(out_path, &e), &e);
            assert_tree(at->fd, "p", before);
            assert_ok(rewrite_recover(out_path, &e), &e); /* nothing to do */
        }
    }
}

/* The commit is the journal's new name: then nothing is undone, what was put aside goes. */
static void test_recover_behind_the_commit(void **state)
{
    (void)state;
    fill_three();
    int out = open_out();
    killed_after(out, COUNT(STEPS), 0);
    assert_int_equal(renameat(out, STALE "/journal", out, STALE "/done"), 0);
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_false(exists(out, STALE));
    assert_file(out, "k=v/a.csv", "a");
    assert_file(out, "b.csv", "new b");
    (void)close(out);
}

/* What the next transform wrote wins over what is put back, and nothing of the old stays. */
static void test_recover_files_made_anew(void **state)
{
    (void)state;
    fill_three();
    int out = open_out();
    killed_after(out, COUNT(STEPS), 0);
    write_text(out, "a.csv", "a 2");
    assert_int_equal(unlinkat(out, "b.csv", 0), 0);
    write_text(out, "b.csv", "b 2"); /* anew over what the killed run had put there */
    assert_int_equal(unlinkat(out, "sub/deep", AT_REMOVEDIR), 0);
    write_text(out, "sub/deep", "a file now");
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_file(out, "a.csv", "a 2");
    assert_file(out, "b.csv", "b 2");
    assert_file(out, "sub/deep", "a file now");
    assert_int_equal(count_entries(out, "."), 3);
    (void)close(out);
}

/* Nothing was done yet; what has the name of a target, or of something put aside, is not ours. */
static void test_recover_spares_others(void **state)
{
    (void)state;
    fill_three();
    int out = open_out();
    killed_after(out, 0, 0);
    write_text(out, "k=v/a.csv", "other");
    write_text(out, "k=w/new.csv", "other");
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_file(out, "a.csv", "a");
    assert_file(out, "b.csv", "b");
    assert_file(out, "k=v/a.csv", "other");
    assert_file(out, "k=w/new.csv", "other");
    (void)close(out);
}

/* A journal that is not ours is not followed, and not removed. */
static void test_recover_odd_journals(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } CASES[] = {
#define ODD(text) {text, sizeof(text)}
        {"", 0},
        {"end", 3},
        ODD("x"),
        ODD("R\0001\0002\000a\000end"),
        ODD("R\0001\0002\000../a\000b\000end"),
        ODD("R\0001\0002\000a\000/tmp/b\000end"),
        ODD("R\0001\0002\000a\000\000end"),
        ODD("X\0001\0002\000a\000b\000end"),
        ODD("R\0001\0002\000a\000b\000"),
        {"xend", 5},
    };
    write_text(at->fd, "p/out/a", "a");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        write_bytes(at->fd, "p/out/" STALE "/journal", CASES[i].bytes, CASES[i].n);
        assert_failed(rewrite_recover(out_path, &e), &e, ERR_OUTPUT, STALE "/journal");
        assert_true(exists(at->fd, "p/out/" STALE "/journal"));
        assert_true(exists(at->fd, "p/out/a"));
    }
    write_bytes(at->fd, "p/out/" STALE "/journal", "end", 4);
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_false(exists(at->fd, "p/out/" STALE));
}

/* Beside the folder: stale ones go, those that somebody holds stay, a journal is followed where it
 * lies. */
static void test_recover_beside_the_folder(void **state)
{
    (void)state;
    struct hidden live = HIDDEN_NONE;
    fill_three();
    int p = openat(at->fd, "p", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(hidden_make(&live, p, "p", &e), &e);
    write_text(live.fd, "file", "alive");
    write_text(p, ".procagent-1/new/.procagent-2.tmp", "stale");
    write_text(p, ".procagent-1/new/ro/x", "stale");
    chmod_to("p/.procagent-1/new/ro", 0555);
    write_text(p, ".procagent-file", "x");
    make_parents(p, ".procagent-3/old/");
    struct str row = STR_INIT(0);
    struct stat st;
    assert_int_equal(fstatat(p, "out/b.csv", &st, 0), 0);
    journal_rename(&row, &st, "out/b.csv", ".procagent-3/old/1");
    int hidden = openat(p, ".procagent-3", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(journal_write(hidden, &row, &e), &e);
    (void)close(hidden);
    str_free(&row);
    assert_int_equal(renameat(p, "out/b.csv", p, ".procagent-3/old/1"), 0);
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_file(p, "out/b.csv", "b");
    assert_file(live.fd, "file", "alive");
    assert_int_equal(count_entries(p, "."), 3); /* out, the live one, the file */
    assert_int_equal(hidden_remove(&live), 0);
    (void)close(p);
}

/* In a folder like /tmp other people's hidden folders are theirs. */
static void test_recover_in_a_sticky_folder(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip(); /* needs another owner */
    }
    write_text(at->fd, "p/" STALE "/x", "x");
    write_text(at->fd, "p/.procagent-own/x", "x");
    assert_int_equal(fchownat(at->fd, "p/" STALE, 65534, 65534, 0), 0);
    chmod_to("p", 01777);
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_true(exists(at->fd, "p/" STALE "/x"));
    assert_false(exists(at->fd, "p/.procagent-own"));
}

/* Originals on another mount: unlinked behind the commit, unless written since. */
static void test_recover_unlinks(void **state)
{
    (void)state;
    struct str row = STR_INIT(0);
    struct stat st;
    fill_three();
    int out = open_out();
    make_parents(out, STALE "/");
    assert_int_equal(fstatat(out, "a.csv", &st, 0), 0);
    journal_unlink(&row, &st, "a.csv");
    assert_int_equal(fstatat(out, "b.csv", &st, 0), 0);
    journal_unlink(&row, &st, "b.csv");
    int hidden = openat(out, STALE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(journal_write(hidden, &row, &e), &e);
    assert_int_equal(renameat(hidden, "journal", hidden, "done"), 0);
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(out, "b.csv", times, 0), 0);
    assert_ok(rewrite_recover(out_path, &e), &e);
    assert_false(exists(out, "a.csv"));
    assert_file(out, "b.csv", "b");
    assert_int_equal(count_entries(out, "."), 2);
    (void)close(hidden);
    (void)close(out);
    str_free(&row);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recover_at_every_step),      TEST(test_recover_behind_the_commit),
        TEST(test_recover_files_made_anew),    TEST(test_recover_spares_others),
        TEST(test_recover_odd_journals),       TEST(test_recover_beside_the_folder),
        TEST(test_recover_in_a_sticky_folder), TEST(test_recover_unlinks),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
