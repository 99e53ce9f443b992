/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/io: whole files, copies, and folders.
 */
#include "unit.h"

#include "base/io.h"

static struct err e;

static int setup(void **state)
{
    e = (struct err){0};
    return scratch_make(state);
}

static void test_read_file(void **state)
{
    const struct scratch *at = *state;
    struct str text = STR_INIT(100);
    write_bytes(at->fd, "f", "a\0b\n", 4);
    assert_int_equal(io_read_file(at->fd, "f", &text, ERR_CONFIG, &e), 0);
    assert_int_equal(text.len, 4);
    assert_memory_equal(text.s, "a\0b\n", 5);
    str_clear(&text);
    write_text(at->fd, "empty", "");
    assert_int_equal(io_read_file(at->fd, "empty", &text, ERR_CONFIG, &e), 0);
    assert_int_equal(text.len, 0);
    e.code = ERR_EXEC; /* `e` stays untouched when there is no such file */
    assert_int_equal(io_read_file(at->fd, "nowhere", &text, ERR_CONFIG, &e), 1);
    assert_int_equal(io_read_file(at->fd, "f/x", &text, ERR_CONFIG, &e), 1);
    assert_int_equal(e.code, ERR_EXEC);
    assert_failed(io_read_file(at->fd, ".", &text, ERR_INPUT, &e), &e, ERR_INPUT,
                  ".: Is a directory");
    str_free(&text);
}

static void test_read_file_limits(void **state)
{
    const struct scratch *at = *state;
    enum { SIZE = 200000 }; /* several reads */
    char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * 7);
    }
    write_bytes(at->fd, "f", bytes, SIZE);
    struct str exact = STR_INIT(SIZE);
    assert_ok(io_read_file(at->fd, "f", &exact, ERR_CONFIG, &e), &e);
    assert_int_equal(exact.len, SIZE);
    assert_memory_equal(exact.s, bytes, SIZE);
    struct str small = STR_INIT(SIZE - 1);
    assert_failed(io_read_file(at->fd, "f", &small, ERR_CONFIG, &e), &e, ERR_CONFIG,
                  "f: larger than 199999 bytes");
    struct str endless = STR_INIT(1000); /* a file without an end is no trouble */
    assert_failed(io_read_file(AT_FDCWD, "/dev/zero", &endless, ERR_INPUT, &e), &e, ERR_INPUT,
                  "larger than");
    str_free(&exact);
    str_free(&small);
    str_free(&endless);
    free(bytes);
}

static int copy(int fd, const char *from, const char *to, uint64_t size)
{
    int in = openat(fd, from, O_RDONLY | O_CLOEXEC);
    int out = openat(fd, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(in >= 0 && out >= 0);
    int rc = io_copy(in, out, size, false, "the copy", &e);
    (void)close(in);
    (void)close(out);
    return rc;
}

static void test_copy(void **state)
{
    const struct scratch *at = *state;
    static const size_t SIZES[] = {0, 1, 4095, 4096, 65537, (1u << 20) + 1, (16u << 20) + 5};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        char *bytes = malloc(SIZES[i] + 1);
        assert_non_null(bytes);
        for (size_t k = 0; k < SIZES[i]; k++) {
            bytes[k] = (char)(k * 31 + (k >> 12));
        }
        write_bytes(at->fd, "from", bytes, SIZES[i]);
        assert_ok(copy(at->fd, "from", "to", SIZES[i]), &e);
        size_t n = 0;
        char *found = read_bytes(at->fd, "to", &n);
        assert_int_equal(n, SIZES[i]);
        assert_memory_equal(found, bytes, n);
        free(found);
        free(bytes);
    }
}

/* A source that grew is copied as far as it was known; one that shrank is an error. */
static void test_copy_of_changed_sources(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "from", "0123456789");
    assert_ok(copy(at->fd, "from", "to", 4), &e);
    assert_file(at->fd, "to", "0123");
    assert_failed(copy(at->fd, "from", "to", 15), &e, ERR_INPUT,
                  "the copy: became shorter while it was read (5 bytes missing)");
    assert_failed(copy(at->fd, "from", "to", UINT64_MAX), &e, ERR_INPUT, "became shorter");
    write_text(at->fd, "from", "");
    assert_failed(copy(at->fd, "from", "to", 1), &e, ERR_INPUT, "became shorter");
}

/* A pipe knows no copy_file_range: read and write do it. */
static void test_copy_by_buffer(void **state)
{
    const struct scratch *at = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "0123456789", 10), 10);
    (void)close(ends[1]);
    int out = openat(at->fd, "to", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_ok(io_copy(ends[0], out, 6, false, "x", &e), &e);
    assert_failed(io_copy(ends[0], out, 6, false, "x", &e), &e, ERR_INPUT, "(2 bytes missing)");
    (void)close(ends[0]);
    (void)close(out);
    assert_file(at->fd, "to", "0123456789");
}

/* Who failed decides the code: the reader's side is input, the writer's is output. */
static void test_copy_failures(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "from", "0123456789");
    int in = openat(at->fd, "from", O_RDONLY | O_CLOEXEC);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(in >= 0 && full >= 0);
    assert_failed(io_copy(in, full, 10, false, "x", &e), &e, ERR_OUTPUT,
                  "write x: No space left on device");
    assert_int_equal(e.sys, ENOSPC);
    int write_only = openat(at->fd, "w", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    int out = openat(at->fd, "to", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_failed(io_copy(write_only, out, 10, false, "x", &e), &e, ERR_INPUT,
                  "read x: Bad file descriptor");
    assert_failed(io_copy(-1, out, 10, false, "x", &e), &e, ERR_INPUT,
                  "stat x: Bad file descriptor");
    (void)close(in);
    (void)close(full);
    (void)close(write_only);
    (void)close(out);
}

static void test_write_all(void **state)
{
    const struct scratch *at = *state;
    int out = openat(at->fd, "to", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(io_write_all(out, "abc", 3), 0);
    assert_int_equal(io_write_all(out, "", 0), 0);
    (void)close(out);
    assert_file(at->fd, "to", "abc");
    assert_int_equal(io_write_all(-1, "abc", 3), -1);
    assert_int_equal(errno, EBADF);
}

static void test_mkdirs(void **state)
{
    const struct scratch *at = *state;
    static const char *const PATHS[] = {"a", "a/b/c", "a/b/c", "d/e/", "d//f/./g", "d/e/../h"};
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        assert_int_equal(io_mkdirs(at->fd, PATHS[i]), 0);
        struct stat st;
        assert_int_equal(fstatat(at->fd, PATHS[i], &st, 0), 0);
        assert_true(S_ISDIR(st.st_mode));
    }
    char absolute[128];
    (void)snprintf(absolute, sizeof absolute, "%s/x/y", at->path);
    assert_int_equal(io_mkdirs(-1, absolute), 0);
    assert_true(exists(at->fd, "x/y"));
    assert_int_equal(symlinkat("x", at->fd, "link"), 0); /* a link to a folder is one */
    assert_int_equal(io_mkdirs(at->fd, "link"), 0);
    assert_int_equal(io_mkdirs(at->fd, "link/z"), 0);
    assert_int_equal(io_mkdirs(-1, "/"), 0);
}

static void test_mkdirs_in_the_way(void **state)
{
    const struct scratch *at = *state;
    static const char *const PATHS[] = {"file",     "file/",    "file/a",
                                        "file/a/b", "dangling", "dangling/a"};
    write_text(at->fd, "file", "x");
    assert_int_equal(symlinkat("nowhere", at->fd, "dangling"), 0);
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        errno = 0;
        assert_int_equal(io_mkdirs(at->fd, PATHS[i]), -1);
        assert_int_not_equal(errno, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_file, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_read_file_limits, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_copy, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_copy_of_changed_sources, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_copy_by_buffer, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_copy_failures, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_write_all, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_mkdirs, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_mkdirs_in_the_way, setup, scratch_remove),
    };
    return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
