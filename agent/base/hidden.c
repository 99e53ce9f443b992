/* SPDX-License-Identifier: MIT
 *
 * Hidden, locked folders. See hidden.h.
 */
#include "base/hidden.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/str.h"

/* 0, or 1 when another run's sweep took the folder before it was locked. */
static int try_make(struct hidden *h, int dir_fd, const char *where, struct err *e)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        return err_sys(e, ERR_INTERNAL, errno, "getrandom");
    }
    SCOPE_FREE char *name = xasprintf(OWN_TEMP_PREFIX "%016llx", (unsigned long long)random);
    if (mkdirat(dir_fd, name, 0700) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "create %s/%s", where, name);
    }
    struct stat st;
    SCOPE_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool swept = errno == ENOENT || errno == EWOULDBLOCK;
        int rc = swept ? 1 : err_sys(e, ERR_OUTPUT, errno, "lock %s/%s", where, name);
        (void)unlinkat(dir_fd, name, AT_REMOVEDIR);
        return rc;
    }
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return 1;
    }
    *h = (struct hidden){.dir_fd = dir_fd, .name = TAKE_PTR(name), .fd = take_fd(&fd)};
    return 0;
}

int hidden_make(struct hidden *h, int dir_fd, const char *where, struct err *e)
{
    int rc = 1;
    for (int attempt = 0; rc > 0 && attempt < 100; attempt++) {
        rc = try_make(h, dir_fd, where, e);
    }
    return rc > 0 ? err_set(e, ERR_OUTPUT, "no folder for temporaries can be kept in %s", where)
                  : rc;
}

int hidden_remove(struct hidden *h)
{
    int rc = h->name ? dir_remove_tree(h->dir_fd, h->name) : 0;
    hidden_leave(h);
    return rc;
}

void hidden_leave(struct hidden *h)
{
    free(h->name);
    scope_close(&h->fd);
    *h = (struct hidden)HIDDEN_NONE;
}

/* One hidden folder; as hidden_look. */
static int sweep_one(int dir_fd, const struct stat *around, const char *where, const char *name,
                     hidden_look *look, struct err *e)
{
    struct stat st;
    SCOPE_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        bool no_folder = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
        return no_folder ? 1 : err_sys(e, ERR_OUTPUT, errno, "look into %s/%s", where, name);
    }
    bool others = (around->st_mode & S_ISVTX) && st.st_uid != geteuid();
    if (others || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return 1;
    }
    int rc = 0;
    if (look) {
        rc = look(dir_fd, where, name, fd, e);
    } else {
        rc = faccessat(fd, HIDDEN_JOURNAL, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
    if (rc == 0) {
        (void)dir_remove_tree(dir_fd, name);
    }
    return rc;
}

/* A stream over `dir_fd`, which stays open and unmoved; NULL with errno. */
static DIR *open_names(int dir_fd)
{
    SCOPE_FD int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir) {
        (void)take_fd(&fd);
    }
    return dir;
}

int hidden_sweep(int dir_fd, const char *where, hidden_look *look, struct err *e)
{
    struct stat around;
    SCOPE_DIR DIR *dir = open_names(dir_fd);
    if (!dir || fstat(dir_fd, &around) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", where);
    }
    int first = 0;
    for (;;) {
        errno = 0;
        const struct dirent *d = readdir(dir);
        if (!d) {
            break;
        }
        if (str_starts(d->d_name, OWN_TEMP_PREFIX)) {
            struct err own;
            int rc = sweep_one(dir_fd, &around, where, d->d_name, look, &own);
            if (rc < 0 && first == 0) {
                *e = own;
                first = rc;
            }
        }
    }
    return errno && first == 0 ? err_sys(e, ERR_OUTPUT, errno, "%s", where) : first;
}

bool hidden_present(int dir_fd)
{
    SCOPE_DIR DIR *dir = open_names(dir_fd);
    for (const struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        struct stat st;
        if (str_starts(d->d_name, OWN_TEMP_PREFIX) &&
            fstatat(dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
            return true;
        }
    }
    return false;
}
