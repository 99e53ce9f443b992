/* SPDX-License-Identifier: MIT
 *
 * Moving a tree into place. See merge.h.
 */
#include "stage/merge.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"

enum { COMPARE_BUFFER = 256 * 1024 };

void merge_free(struct merge *m)
{
    strvec_free(&m->moved);
}

/* Names in the folder `rel` of `from`, sorted, so that the first error is always the same one. */
static int read_names(const struct merge *m, const char *rel, struct strvec *names, struct err *e)
{
    int fd = openat(m->from, *rel ? rel : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || dir_names(fd, names) != 0) {
        return err_sys(e, ERR_INPUT, errno, "read the unpacked folder %s", QUOTED(rel));
    }
    strvec_sort(names);
    return 0;
}

/* Fills the buffer as far as the file goes: bytes, or -1 with errno. */
static ssize_t read_block(int fd, char *buf)
{
    size_t n = 0;
    ssize_t got = 1;
    while (n < COMPARE_BUFFER && got > 0) {
        got = io_read_some(fd, buf + n, COMPARE_BUFFER - n);
        n += got > 0 ? (size_t)got : 0;
    }
    return got < 0 ? -1 : (ssize_t)n;
}

/* Are the two files, which are of one size, the same? 1 or 0, negative for an error. */
static int same_bytes(const struct merge *m, const char *path, struct err *e)
{
    SCOPE_FD int a = openat(m->from, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    SCOPE_FD int b = openat(m->to, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    SCOPE_FREE char *one = xmalloc(COMPARE_BUFFER);
    SCOPE_FREE char *two = xmalloc(COMPARE_BUFFER);
    for (;;) {
        int rc = stop_check(e);
        if (rc != 0) {
            return rc;
        }
        ssize_t n = a < 0 ? -1 : read_block(a, one);
        ssize_t there = n < 0 || b < 0 ? -1 : read_block(b, two);
        if (there < 0) {
            return err_sys(e, ERR_INPUT, errno, "compare %s with what is in %s", QUOTED(path),
                           QUOTED(m->where));
        }
        if (n != there || memcmp(one, two, (size_t)n) != 0) {
            return 0;
        }
        if (n == 0) {
            return 1;
        }
    }
}

static int same_target(const struct merge *m, const char *path)
{
    char ours[PATH_MAX];
    char theirs[PATH_MAX];
    ssize_t n = readlinkat(m->from, path, ours, sizeof ours);
    return n > 0 && readlinkat(m->to, path, theirs, sizeof theirs) == n &&
           memcmp(ours, theirs, (size_t)n) == 0;
}

/* `path` is in both folders and is not a folder in both. */
static int check_same(const struct merge *m, const char *path, const struct stat *ours,
                      const struct stat *theirs, struct err *e)
{
    int same = 0;
    if (S_ISREG(ours->st_mode) && S_ISREG(theirs->st_mode)) {
        same = ours->st_size == theirs->st_size ? same_bytes(m, path, e) : 0;
    } else if (S_ISLNK(ours->st_mode) && S_ISLNK(theirs->st_mode)) {
        same = same_target(m, path);
    }
    if (same < 0) {
        return same;
    }
    return same ? 0
                : err_set(e, ERR_INPUT,
                          "member %s is in the way of another %s of that name in %s; rename it "
                          "in one of the two places",
                          QUOTED(path), S_ISDIR(theirs->st_mode) ? "folder" : "file",
                          QUOTED(m->where));
}

static int move_one(struct merge *m, const char *path, struct err *e)
{
    int rc = renameat2(m->from, path, m->to, path, RENAME_NOREPLACE);
    if (rc != 0 && errno == EINVAL) { /* network and FUSE file systems may not know the flag */
        rc = renameat(m->from, path, m->to, path);
    }
    if (rc != 0) {
        return err_sys(e, ERR_INPUT, errno, "move %s into %s", QUOTED(path), QUOTED(m->where));
    }
    strvec_add(&m->moved, path);
    return 0;
}

static int walk(struct merge *m, const char *rel, bool move, struct err *e)
{
    SCOPE(strvec_free) struct strvec names = {0};
    int rc = move ? 0 : stop_check(e);
    rc = rc ? rc : read_names(m, rel, &names, e);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        struct stat ours;
        struct stat theirs;
        SCOPE_FREE char *path = *rel ? path_join(rel, names.v[i]) : xstrdup(names.v[i]);
        bool there = fstatat(m->to, path, &theirs, AT_SYMLINK_NOFOLLOW) == 0;
        if (!there && errno == ENOENT) {
            rc = move ? move_one(m, path, e) : 0;
        } else if (!there || fstatat(m->from, path, &ours, AT_SYMLINK_NOFOLLOW) != 0) {
            rc = err_sys(e, ERR_INPUT, errno, "look for %s in %s", QUOTED(path), QUOTED(m->where));
        } else if (S_ISDIR(ours.st_mode) && S_ISDIR(theirs.st_mode)) {
            rc = walk(m, path, move, e);
        } else {
            rc = check_same(m, path, &ours, &theirs, e);
        }
    }
    return rc;
}

int merge_check(struct merge *m, struct err *e)
{
    return walk(m, "", false, e);
}

int merge_move(struct merge *m, struct err *e)
{
    int rc = walk(m, "", true, e);
    if (rc != 0) {
        merge_undo(m);
    }
    return rc;
}

void merge_undo(struct merge *m)
{
    for (size_t i = m->moved.n; i-- > 0;) {
        (void)renameat(m->to, m->moved.v[i], m->from, m->moved.v[i]);
    }
    strvec_free(&m->moved);
}
