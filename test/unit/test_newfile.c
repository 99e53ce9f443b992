/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/newfile: a file is complete or absent, and nothing else is left behind.
 */
#include "unit.h"

#include "base/io.h"
#include "base/newfile.h"
#include "base/scope.h"

static struct err e;

static int setup(void **state)
{
    e = (struct err){0};
    return scratch_make(state);
}

static void test_commit(void **state)
{
    const struct scratch *at = *state;
    static const unsigned FLAGS[] = {0, NEWFILE_SYNC, NEWFILE_UNIQUE,
                                     NEWFILE_SYNC | NEWFILE_UNIQUE};
    static const char *const PATHS[] = {"a", "b", "d/c", "d/d"};
    assert_int_equal(mkdirat(at->fd, "d", 0777), 0);
    for (size_t i = 0; i < COUNT(FLAGS); i++) {
        struct newfile f = NEWFILE_NONE;
        assert_ok(newfile_open(&f, at->fd, PATHS[i], 0666, &e), &e);
        assert_int_equal(io_write_all(f.fd, "text", 4), 0);
        assert_false(exists(at->fd, PATHS[i])); /* not before the commit */
        assert_ok(newfile_commit(&f, FLAGS[i], &e), &e);
        assert_int_equal(f.fd, -1);
        assert_null(f.temp);
        newfile_discard(&f); /* after a commit: nothing */
        assert_file(at->fd, PATHS[i], "text");
    }
    assert_int_equal(count_entries(at->fd, "."), 3);
    assert_int_equal(count_entries(at->fd, "d"), 2);
}

static void test_discard(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "old", "old");
    {
        SCOPE(newfile_discard) struct newfile f = NEWFILE_NONE;
        assert_ok(newfile_open(&f, at->fd, "old", 0666, &e), &e);
        assert_int_equal(io_write_all(f.fd, "new", 3), 0);
        assert_int_equal(count_entries(at->fd, "."), 2);
        errno = ENOSPC;
    }
    assert_int_equal(errno, ENOSPC); /* cleaning up keeps it */
    assert_file(at->fd, "old", "old");
    assert_int_equal(count_entries(at->fd, "."), 1);
    struct newfile never = NEWFILE_NONE;
    newfile_discard(&never);
}

static void test_replace_and_unique(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "f", "old");
    struct newfile f = NEWFILE_NONE;
    assert_ok(newfile_open(&f, at->fd, "f", 0666, &e), &e);
    assert_int_equal(io_write_all(f.fd, "new", 3), 0);
    assert_failed(newfile_commit(&f, NEWFILE_UNIQUE, &e), &e, ERR_OUTPUT,
                  "rename to f: File exists");
    assert_int_equal(e.sys, EEXIST);
    newfile_discard(&f);
    assert_file(at->fd, "f", "old");
    assert_int_equal(count_entries(at->fd, "."), 1);
    assert_ok(newfile_write(at->fd, "f", "new", 3, &e), &e);
    assert_file(at->fd, "f", "new");
    assert_int_equal(count_entries(at->fd, "."), 1);
}

/* A link under the final name is replaced, not written through. */
static void test_a_link_in_the_way(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "target", "old");
    assert_int_equal(symlinkat("target", at->fd, "f"), 0);
    assert_ok(newfile_write(at->fd, "f", "new", 3, &e), &e);
    assert_file(at->fd, "target", "old");
    assert_file(at->fd, "f", "new");
}

static void test_failures(void **state)
{
    const struct scratch *at = *state;
    struct newfile f = NEWFILE_NONE;
    assert_failed(newfile_open(&f, at->fd, "nowhere/f", 0666, &e), &e, ERR_OUTPUT,
                  "create nowhere/f: No such file or directory");
    assert_int_equal(f.fd, -1);
    assert_null(f.temp);
    assert_int_equal(mkdirat(at->fd, "folder", 0777), 0);
    assert_failed(newfile_write(at->fd, "folder", "x", 1, &e), &e, ERR_OUTPUT,
                  "rename to folder: Is a directory");
    assert_int_equal(count_entries(at->fd, "."), 1);
}

static void test_mode_and_absolute_paths(void **state)
{
    const struct scratch *at = *state;
    mode_t mask = umask(027);
    struct newfile f = NEWFILE_NONE;
    assert_ok(newfile_open(&f, at->fd, "f", 0666, &e), &e);
    assert_ok(newfile_commit(&f, 0, &e), &e);
    (void)umask(mask);
    struct stat st;
    assert_int_equal(fstatat(at->fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/absolute", at->path);
    assert_ok(newfile_write(AT_FDCWD, path, "", 0, &e), &e);
    assert_file(at->fd, "absolute", "");
}

static void test_sweep(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "d/.procagent-0123456789abcdef.tmp", "x");
    write_text(at->fd, "d/.procagent-x.tmp", "x");
    write_text(at->fd, "d/.procagent-x", "x");
    write_text(at->fd, "d/x.tmp", "x");
    write_text(at->fd, "d/sub/.procagent-y.tmp", "x");
    assert_int_equal(mkdirat(at->fd, "d/.procagent-folder.tmp", 0777), 0);
    newfile_sweep(at->fd, "d");
    assert_int_equal(count_entries(at->fd, "d"), 4);
    assert_true(exists(at->fd, "d/.procagent-x"));
    assert_true(exists(at->fd, "d/x.tmp"));
    assert_true(exists(at->fd, "d/sub/.procagent-y.tmp"));
    newfile_sweep(at->fd, "nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_discard, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_replace_and_unique, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_a_link_in_the_way, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_failures, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_mode_and_absolute_paths, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_sweep, setup, scratch_remove),
    };
    return cmocka_run_group_tests_name("newfile", tests, NULL, NULL);
}
