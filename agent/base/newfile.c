/* SPDX-License-Identifier: MIT
 *
 * Complete-or-absent files. See newfile.h.
 */
#include "base/newfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/str.h"

int newfile_open(struct newfile *f, int dir_fd, const char *path, mode_t mode, struct err *e)
{
    SCOPE_FREE char *parent = path_parent(path);
    for (int attempt = 0; attempt < 16; attempt++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
            return err_sys(e, ERR_INTERNAL, errno, "getrandom");
        }
        char *temp =
            xasprintf("%s/%s%016llx.tmp", parent, OWN_TEMP_PREFIX, (unsigned long long)random);
        int fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd >= 0) {
            *f = (struct newfile){.fd = fd, .dir_fd = dir_fd, .temp = temp, .final = xstrdup(path)};
            return 0;
        }
        free(temp);
        if (errno != EEXIST) {
            break;
        }
    }
    return err_sys(e, ERR_OUTPUT, errno, "create %s", path);
}

int newfile_open_path(struct newfile *f, const char *path, struct err *e)
{
    struct err first; /* the folder is there for all but the first file in it */
    if (newfile_open(f, AT_FDCWD, path, 0666, &first) == 0) {
        return 0;
    }
    if (first.sys != ENOENT) {
        return err_take(e, &first);
    }
    SCOPE_FREE char *parent = path_parent(path);
    return io_mkdirs(AT_FDCWD, parent) == 0
               ? newfile_open(f, AT_FDCWD, path, 0666, e)
               : err_sys(e, ERR_OUTPUT, errno, "create folder %s", parent);
}

static int sync_parent(const struct newfile *f)
{
    SCOPE_FREE char *parent = path_parent(f->final);
    SCOPE_FD int fd = openat(f->dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

int newfile_commit(struct newfile *f, unsigned flags, struct err *e)
{
    if ((flags & NEWFILE_SYNC) && fsync(f->fd) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "sync %s", f->final);
    }
    if (close_now(&f->fd) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "close %s", f->final);
    }
    unsigned how = flags & NEWFILE_UNIQUE ? RENAME_NOREPLACE : 0;
    if (renameat2(f->dir_fd, f->temp, f->dir_fd, f->final, how) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "rename to %s", f->final);
    }
    free(TAKE_PTR(f->temp));
    if ((flags & NEWFILE_SYNC) && sync_parent(f) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "sync the folder of %s", f->final);
    }
    newfile_discard(f);
    return 0;
}

void newfile_discard(struct newfile *f)
{
    int saved = errno;
    if (f->fd >= 0) {
        (void)close_now(&f->fd);
    }
    if (f->temp) {
        (void)unlinkat(f->dir_fd, f->temp, 0);
    }
    free(f->temp);
    free(f->final);
    *f = (struct newfile)NEWFILE_NONE;
    errno = saved;
}

int newfile_write(int dir_fd, const char *path, const char *bytes, size_t n, struct err *e)
{
    SCOPE(newfile_discard) struct newfile f = NEWFILE_NONE;
    int rc = newfile_open(&f, dir_fd, path, 0666, e);
    if (rc != 0) {
        return rc;
    }
    if (io_write_all(f.fd, bytes, n) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "write %s", path);
    }
    return newfile_commit(&f, 0, e);
}

void newfile_sweep(int dir_fd, const char *dir)
{
    SCOPE_FD int fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        return;
    }
    int own = take_fd(&fd);
    for (const struct dirent *item = readdir(d); item; item = readdir(d)) {
        if (str_starts(item->d_name, OWN_TEMP_PREFIX) && str_ends(item->d_name, ".tmp")) {
            (void)unlinkat(own, item->d_name, 0);
        }
    }
}
