/* SPDX-License-Identifier: MIT
 *
 * What the unit tests share: cmocka with the headers it wants, a scratch folder per test, small
 * files, and checks of error texts. Tests run from the repository's root, where fixtures/ is.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/err.h"
#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A scratch folder that a test's setup makes and its teardown removes; the test has it open. */
struct scratch {
    char path[64];
    int fd;
};

static inline int scratch_make(void **state)
{
    struct scratch *s = malloc(sizeof *s);
    assert_non_null(s);
    (void)snprintf(s->path, sizeof s->path, "/tmp/procagent-unit-XXXXXX");
    assert_non_null(mkdtemp(s->path));
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->fd >= 0);
    *state = s;
    return 0;
}

static inline int scratch_unlink(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline int scratch_remove(void **state)
{
    struct scratch *s = *state;
    (void)close(s->fd);
    (void)nftw(s->path, scratch_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
    return 0;
}

#define unit_test_scratch(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

/* Makes the folders above `path` (relative to fd). */
static inline void make_parents(int fd, const char *path)
{
    char copy[4096];
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *p = copy + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdirat(fd, copy, 0777);
            *p = '/';
        }
    }
}

static inline void write_bytes(int fd, const char *path, const char *bytes, size_t n)
{
    make_parents(fd, path);
    int file = openat(fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, n), n);
    assert_int_equal(close(file), 0);
}

static inline void write_text(int fd, const char *path, const char *text)
{
    write_bytes(fd, path, text, strlen(text));
}

/* The bytes of a small file, NUL-terminated; freed by the caller. `n` may be NULL. */
static inline char *read_bytes(int fd, const char *path, size_t *n)
{
    int file = openat(fd, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        fail_msg("cannot open %s", path);
    }
    struct stat st;
    assert_int_equal(fstat(file, &st), 0);
    size_t size = (size_t)st.st_size;
    char *text = malloc(size + 1);
    assert_non_null(text);
    assert_int_equal(read(file, text, size), size);
    text[size] = '\0';
    (void)close(file);
    if (n) {
        *n = size;
    }
    return text;
}

static inline void assert_file(int fd, const char *path, const char *text)
{
    char *found = read_bytes(fd, path, NULL);
    assert_string_equal(found, text);
    free(found);
}

static inline int exists(int fd, const char *path)
{
    struct stat st;
    return fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Names in a folder, "." and ".." not counted. */
static inline size_t count_entries(int fd, const char *path)
{
    DIR *dir = fdopendir(openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(dir);
    size_t n = 0;
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        n += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    }
    (void)closedir(dir);
    return n;
}

static inline void assert_contains(const char *text, const char *piece)
{
    if (!strstr(text, piece)) {
        fail_msg("\"%s\" does not contain \"%s\"", text, piece);
    }
}

static inline void assert_lacks(const char *text, const char *piece)
{
    if (strstr(text, piece)) {
        fail_msg("\"%s\" contains \"%s\"", text, piece);
    }
}

/* A call failed with this code, and its text holds this piece. */
static inline void assert_failed(int rc, const struct err *e, enum err_code code, const char *piece)
{
    if (rc != -(int)code || e->code != code) {
        fail_msg("rc %d, code %d (%s), expected code %d: %s", rc, (int)e->code, e->text, (int)code,
                 piece);
    }
    assert_contains(e->text, piece);
}

/* A call succeeded; says the error's text when not. */
static inline void assert_ok(int rc, const struct err *e)
{
    if (rc != 0) {
        fail_msg("rc %d: %s", rc, e->text);
    }
}

/* All below a folder, the agent's own names too, a line each: "mode path=content", "mode link->to".
 * Freed by the caller. */
static inline char *tree_text(int fd, const char *dir)
{
    struct err e;
    struct str text = STR_INIT(0);
    struct dir_listing all = {0};
    int root = openat(fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(dir_list(root, ".", "", DIR_WITH_DIRS | DIR_WITH_OWN, ERR_OUTPUT, &all, &e), &e);
    for (size_t i = 0; i < all.n; i++) {
        char link[64] = "";
        const char *path = all.v[i].path;
        str_printf(&text, "%06o %s", (unsigned)all.v[i].mode, path);
        if (S_ISREG(all.v[i].mode)) {
            char *bytes = read_bytes(root, path, NULL);
            str_printf(&text, "=%s", bytes);
            free(bytes);
        } else if (S_ISLNK(all.v[i].mode)) {
            assert_true(readlinkat(root, path, link, sizeof link - 1) > 0);
            str_printf(&text, "->%s", link);
        }
        str_putc(&text, '\n');
    }
    dir_listing_free(&all);
    (void)close(root);
    return str_take(&text);
}

/* The folder is as `text`, which is freed. */
static inline void assert_tree(int fd, const char *dir, char *text)
{
    char *now = tree_text(fd, dir);
    assert_string_equal(now, text);
    free(now);
    free(text);
}

#endif
