/* SPDX-License-Identifier: MIT
 *
 * Bytes in and out of descriptors. See io.h.
 */
#include "base/io.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/signals.h"

enum { READ_CHUNK = 64 * 1024, COPY_BUFFER = 1024 * 1024 };
/* Between two looks at the stop signals: a fraction of a second on any disk. */
static const uint64_t COPY_STEP = 16u << 20;

ssize_t io_read_some(int fd, void *buf, size_t n)
{
    ssize_t got;
    do {
        got = read(fd, buf, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

int io_read_file(int dir_fd, const char *path, struct str *out, enum err_code code, struct err *e)
{
    SCOPE_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 1 : err_sys(e, code, errno, "%s", path);
    }
    SCOPE_FREE char *chunk = xmalloc(READ_CHUNK);
    ssize_t got;
    while ((got = io_read_some(fd, chunk, READ_CHUNK)) > 0) {
        str_add(out, chunk, (size_t)got);
        if (out->overflow) {
            return err_set(e, code, "%s: larger than %zu bytes", path, out->max);
        }
    }
    if (got < 0) {
        return err_sys(e, code, errno, "%s", path);
    }
    return 0;
}

int io_write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -1;
        }
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

/* Starts writing out the step that ends at `end` and waits for the one before it. */
static void flush_step(int fd, uint64_t end)
{
    uint64_t start = end > COPY_STEP ? end - COPY_STEP : 0;
    (void)sync_file_range(fd, (off_t)start, (off_t)(end - start), SYNC_FILE_RANGE_WRITE);
    if (start > 0) {
        uint64_t before = start > COPY_STEP ? start - COPY_STEP : 0;
        (void)sync_file_range(fd, (off_t)before, (off_t)(start - before),
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
    }
}

static int copy_by_buffer(int from, int to, uint64_t done, uint64_t size, bool flush,
                          const char *what, struct err *e)
{
    SCOPE_FREE char *buf = xmalloc(COPY_BUFFER);
    while (done < size) {
        uint64_t left = size - done;
        if (stop_check(e) != 0) {
            return -(int)e->code;
        }
        ssize_t got = io_read_some(from, buf, left < COPY_BUFFER ? (size_t)left : COPY_BUFFER);
        if (got < 0) {
            return err_sys(e, ERR_INPUT, errno, "read %s", what);
        }
        if (got == 0) {
            return err_set(e, ERR_INPUT,
                           "%s: became shorter while it was read (%llu bytes missing)", what,
                           (unsigned long long)left);
        }
        if (io_write_all(to, buf, (size_t)got) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "write %s", what);
        }
        done += (uint64_t)got;
        if (flush && done % COPY_STEP < (uint64_t)got) {
            flush_step(to, done);
        }
    }
    return 0;
}

/* Errors by which a kernel or file system says "not this way", as opposed to "the copy failed". */
static bool another_way(int sys)
{
    return sys == EXDEV || sys == EINVAL || sys == EOPNOTSUPP || sys == ENOSYS || sys == EPERM ||
           sys == EBADF || sys == ETXTBSY;
}

int io_copy(int from, int to, uint64_t size, bool flush, const char *what, struct err *e)
{
    struct stat st;
    if (fstat(from, &st) != 0) {
        return err_sys(e, ERR_INPUT, errno, "stat %s", what);
    }
    if ((uint64_t)st.st_size == size && size > 0 && ioctl(to, FICLONE, from) == 0) {
        return 0;
    }
    uint64_t done = 0;
    while (done < size) {
        if (stop_check(e) != 0) {
            return -(int)e->code;
        }
        size_t step = (size_t)(size - done < COPY_STEP ? size - done : COPY_STEP);
        ssize_t put = copy_file_range(from, NULL, to, NULL, step, 0);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0 && !another_way(errno)) {
            return err_sys(e, ERR_OUTPUT, errno, "copy %s", what);
        }
        if (put <= 0) { /* 0 also comes from file systems that cannot say "unsupported" */
            return copy_by_buffer(from, to, done, size, flush, what, e);
        }
        done += (uint64_t)put;
        if (flush) {
            flush_step(to, done);
        }
    }
    return 0;
}

/* A folder that is there already, or a link to one, is as good as a new one. */
static int make_folder(int dir_fd, const char *path)
{
    struct stat st;
    if (mkdirat(dir_fd, path, 0777) == 0) {
        return 0;
    }
    if (errno != EEXIST || fstatat(dir_fd, path, &st, 0) != 0) {
        return -1;
    }
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? 0 : -1;
}

int io_mkdirs(int dir_fd, const char *path)
{
    if (make_folder(dir_fd, path) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return -1;
    }
    SCOPE_FREE char *copy = xstrdup(path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/') {
            continue;
        }
        *p = '\0';
        if (make_folder(dir_fd, copy) != 0) {
            return -1;
        }
        *p = '/';
    }
    return make_folder(dir_fd, copy);
}
