/* SPDX-License-Identifier: MIT
 *
 * Compressing a tree. See gzip.h.
 *
 * A large file is compressed by all threads together (base/pargz.h), one after the other; the many
 * small ones are shared out, each compressed whole by one thread.
 */
#include "partition/gzip.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/dir.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/pargz.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/str.h"

enum { WHOLE_MAX = 2 << 20 }; /* bytes of a file that one thread compresses whole */

struct gzip_job {
    int dir_fd;
    const struct dir_listing *files;
    const char *except;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards e */
    struct err e;
};

static bool is_wanted(const struct gzip_job *job, const struct dir_entry *file)
{
    return S_ISREG(file->mode) && !str_starts(file->path, job->except);
}

static int bad(const char *what, const char *path, struct err *e)
{
    return err_sys(e, ERR_OUTPUT, errno, "%s %s", what, path);
}

/* Opens the file and the one it will be. */
static int open_both(const struct gzip_job *job, const char *path, int *from, int *to,
                     struct err *e)
{
    SCOPE_FREE char *packed = xasprintf("%s.gz", path);
    *from = openat(job->dir_fd, path, O_RDONLY | O_CLOEXEC);
    if (*from < 0) {
        return bad("open", path, e);
    }
    *to = openat(job->dir_fd, packed, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return *to < 0 ? bad("create", packed, e) : 0;
}

/* The last steps: the packed file is closed, the plain one goes. */
static int close_both(const struct gzip_job *job, const char *path, int *to, struct err *e)
{
    if (close_now(to) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "close %s.gz", path);
    }
    return unlinkat(job->dir_fd, path, 0) == 0 ? 0 : bad("remove", path, e);
}

/* ---- large files ---- */

static int pour(int from, struct pargz *z, const char *path, uint64_t size, struct err *e)
{
    SCOPE_FREE char *buf = xmalloc(PARGZ_BLOCK);
    uint64_t sum = 0;
    for (;;) {
        if (stop_check(e) != 0) {
            return -(int)e->code;
        }
        ssize_t got = io_read_some(from, buf, PARGZ_BLOCK);
        if (got < 0) {
            return bad("read", path, e);
        }
        if (got == 0) {
            break;
        }
        sum += (uint64_t)got;
        int rc = pargz_write(z, buf, (size_t)got, e);
        if (rc != 0) {
            return rc;
        }
    }
    return sum == size ? 0
                       : err_set(e, ERR_INTERNAL, "%s: %llu bytes read back of %llu", path,
                                 (unsigned long long)sum, (unsigned long long)size);
}

static int pack_large(const struct gzip_job *job, const struct dir_entry *file, struct err *e)
{
    SCOPE_FD int from = -1;
    SCOPE_FD int to = -1;
    SCOPE(pargz_abort) struct pargz *z = NULL;
    uint64_t size = 0;
    int rc = open_both(job, file->path, &from, &to, e);
    rc = rc ? rc : pargz_open(&z, to, PARGZ_LEVEL, e);
    rc = rc ? rc : pour(from, z, file->path, file->size, e);
    rc = rc ? rc : pargz_finish(&z, &size, e);
    return rc ? rc : close_both(job, file->path, &to, e);
}

/* ---- small files ---- */

struct packer {
    struct libdeflate_compressor *z; /* owned */
    unsigned char *plain;            /* owned: WHOLE_MAX */
    unsigned char *packed;           /* owned */
    size_t cap;                      /* of packed */
};

static void packer_free(struct packer *p)
{
    libdeflate_free_compressor(p->z);
    free(p->plain);
    free(p->packed);
}

static int read_whole(int from, unsigned char *to, const struct dir_entry *file, struct err *e)
{
    for (size_t at = 0; at < file->size;) {
        ssize_t got = io_read_some(from, to + at, file->size - at);
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return bad("read", file->path, e);
        }
        at += (size_t)got;
    }
    return 0;
}

static int pack_small(const struct gzip_job *job, struct packer *p, const struct dir_entry *file,
                      struct err *e)
{
    SCOPE_FD int from = -1;
    SCOPE_FD int to = -1;
    int rc = open_both(job, file->path, &from, &to, e);
    rc = rc ? rc : read_whole(from, p->plain, file, e);
    if (rc != 0) {
        return rc;
    }
    size_t n = libdeflate_gzip_compress(p->z, p->plain, file->size, p->packed, p->cap);
    if (n == 0) {
        return err_set(e, ERR_INTERNAL, "%s: the compressor's bound is wrong", file->path);
    }
    if (io_write_all(to, p->packed, n) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "write %s.gz", file->path);
    }
    return close_both(job, file->path, &to, e);
}

static void pack_some(struct gzip_job *job, bool main_thread)
{
    struct err e = {0};
    int rc = 0;
    SCOPE(packer_free) struct packer p = {.z = libdeflate_alloc_compressor(PARGZ_LEVEL)};
    if (!p.z) {
        rc = err_sys(&e, ERR_INTERNAL, ENOMEM, "compressor");
    } else {
        p.cap = libdeflate_gzip_compress_bound(p.z, WHOLE_MAX);
        p.plain = xmalloc(WHOLE_MAX);
        p.packed = xmalloc(p.cap);
    }
    while (rc == 0 && !atomic_load(&job->failed)) {
        size_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->files->n) {
            return;
        }
        const struct dir_entry *file = &job->files->v[i];
        rc = main_thread ? stop_check(&e) : 0;
        if (rc == 0 && file->size <= WHOLE_MAX && is_wanted(job, file)) {
            rc = pack_small(job, &p, file, &e);
        }
    }
    if (rc != 0) {
        (void)pthread_mutex_lock(&job->lock);
        if (!atomic_exchange(&job->failed, true)) {
            job->e = e;
        }
        (void)pthread_mutex_unlock(&job->lock);
    }
}

static void *pack_thread(void *job)
{
    pack_some(job, false);
    return NULL;
}

int gzip_tree(int dir_fd, const char *except, struct err *e)
{
    SCOPE(dir_listing_free) struct dir_listing files = {0};
    int rc = dir_list(dir_fd, ".", "", 0, ERR_OUTPUT, &files, e);
    struct gzip_job job = {.dir_fd = dir_fd, .files = &files, .except = except};
    for (size_t i = 0; rc == 0 && i < files.n; i++) {
        if (files.v[i].size > WHOLE_MAX && is_wanted(&job, &files.v[i])) {
            rc = pack_large(&job, &files.v[i], e);
        }
    }
    if (rc != 0) {
        return rc;
    }
    (void)pthread_mutex_init(&job.lock, NULL);
    pthread_t ids[PARGZ_MAX_THREADS];
    unsigned n = 0;
    while (n + 1 < cpu_count(PARGZ_MAX_THREADS) && n + 1 < files.n &&
           pthread_create(&ids[n], NULL, pack_thread, &job) == 0) {
        n++;
    }
    pack_some(&job, true);
    while (n > 0) {
        (void)pthread_join(ids[--n], NULL);
    }
    (void)pthread_mutex_destroy(&job.lock);
    if (atomic_load(&job.failed)) {
        *e = job.e;
        return -(int)e->code;
    }
    return 0;
}
