/* SPDX-License-Identifier: MIT
 *
 * The folder store. See folder.h.
 */
#include "store/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crew.h"
#include "base/dir.h"
#include "base/hidden.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/str.h"

/* An object that was put and waits for the commit. */
struct pending {
    char *temp;  /* below root: ".procagent-<random>/0/17" */
    char *final; /* below root: "bucket/key" */
};

struct folder {
    int root_fd;
    char *root;          /* for messages */
    struct hidden stage; /* what was put waits there; none before the first put */
    struct pending *v;
    size_t n;
    size_t cap;
    size_t committed; /* of these, in front */
    size_t made;      /* temporary names used up */
};

/* Up to this many files are synced one by one; above, the whole file system once is cheaper. */
enum { SYNC_EACH_MAX = 16, READ_BUFFER = 256 * 1024 };
/* Smaller files are left to the sync at the end: each flushed by itself is a request of its own. */
enum { FLUSH_MIN = 1024 * 1024 };
/* Temporaries in one folder: threads wait for each other in it, and a large one is slow. */
enum { STAGE_FOLDER = 64 };

/* A key becomes a path only when no component is empty, "." or "..", and none is over 255 bytes. */
static int key_path(const char *bucket, const char *key, enum err_code code, char **out,
                    struct err *e)
{
    for (const char *p = key;; p++) {
        size_t n = strcspn(p, "/");
        bool dots = (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
        if (n == 0 || n > 255 || dots) {
            return err_set(e, code,
                           "s3://%s/%s cannot be a file of a folder store: a part between "
                           "slashes is empty, \".\", \"..\" or longer than 255 bytes",
                           bucket, key);
        }
        p += n;
        if (*p == '\0') {
            break;
        }
    }
    *out = path_join(bucket, key);
    return 0;
}

static int folder_list(void *self, const char *bucket, const char *prefix,
                       struct store_listing *out, struct err *e)
{
    const struct folder *f = self;
    SCOPE(dir_listing_free) struct dir_listing files = {0};
    struct stat st;
    int missing = fstatat(f->root_fd, bucket, &st, 0) != 0 ? errno : 0;
    if (missing || !S_ISDIR(st.st_mode)) {
        int none = err_set(e, ERR_INPUT, "no bucket %s: there is no folder %s/%s", QUOTED(bucket),
                           f->root, bucket);
        e->sys = missing;
        return none;
    }
    int rc = dir_list(f->root_fd, bucket, prefix, DIR_FOLLOW, ERR_INPUT, &files, e);
    for (size_t i = 0; rc == 0 && i < files.n; i++) {
        if (S_ISREG(files.v[i].mode)) {
            store_listing_add(out, files.v[i].path, files.v[i].size, NULL);
        }
    }
    return rc;
}

/* Opens an object for reading. */
static int open_object(const struct folder *f, const char *bucket, const char *key, int *out,
                       struct err *e)
{
    SCOPE_FREE char *path = NULL;
    int rc = key_path(bucket, key, ERR_INPUT, &path, e);
    if (rc != 0) {
        return rc;
    }
    *out = openat(f->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return *out >= 0
               ? 0
               : err_sys(e, ERR_INPUT, errno, "s3://%s/%s (%s/%s)", bucket, key, f->root, path);
}

static int folder_look(void *self, const char *bucket, struct store_listing *objects, struct err *e)
{
    const struct folder *f = self;
    for (size_t i = 0; i < objects->n; i++) {
        struct store_object *at = &objects->v[i];
        SCOPE_FD int fd = -1;
        struct stat st;
        int rc = open_object(f, bucket, at->key, &fd, e);
        if (rc != 0) {
            return rc;
        }
        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
            return err_set(e, ERR_INPUT, "s3://%s/%s is no file in %s", bucket, at->key, f->root);
        }
        at->size = (uint64_t)st.st_size;
    }
    return 0;
}

/* A batch on its way, for the threads that copy it. */
struct copying {
    struct folder *f;
    struct store_batch *batch;
    struct pending *v; /* put: where each object goes */
};

static int get_one(void *ctx, size_t i, struct err *e)
{
    const struct copying *all = ctx;
    const struct store_transfer *at = &all->batch->v[i];
    SCOPE_FD int fd = -1;
    SCOPE(newfile_discard) struct newfile to = NEWFILE_NONE;
    SCOPE_FREE char *what = xasprintf("s3://%s/%s", at->bucket, at->key);
    int rc = stop_check(e);
    rc = rc ? rc : open_object(all->f, at->bucket, at->key, &fd, e);
    rc = rc ? rc : newfile_open_path(&to, at->path, e);
    rc = rc ? rc : io_copy(fd, to.fd, at->size, false, what, e);
    rc = rc ? rc : newfile_commit(&to, 0, e);
    if (rc == 0) {
        progress_add(all->batch->progress, 1, (int64_t)at->size);
    }
    return rc;
}

static int folder_get(void *self, struct store_batch *batch, struct err *e)
{
    struct copying all = {.f = self, .batch = batch};
    return crew_run(batch->n, get_one, &all, &batch->failed, e);
}

static int folder_read(void *self, const struct store_transfer *from, store_sink *sink, void *ctx,
                       struct err *e)
{
    SCOPE_FD int fd = -1;
    SCOPE_FREE char *buf = xmalloc(READ_BUFFER);
    int rc = open_object(self, from->bucket, from->key, &fd, e);
    while (rc == 0) {
        ssize_t got = io_read_some(fd, buf, READ_BUFFER);
        if (got < 0) {
            return err_sys(e, ERR_INPUT, errno, "read s3://%s/%s", from->bucket, from->key);
        }
        if (got == 0) {
            return 0;
        }
        rc = sink(ctx, buf, (size_t)got, e);
    }
    return rc;
}

static int make_stage_dir(struct folder *f, struct err *e)
{
    struct err ignored; /* what a killed run left and cannot be removed is in nobody's way */
    (void)hidden_sweep(f->root_fd, f->root, NULL, &ignored);
    return hidden_make(&f->stage, f->root_fd, f->root, e);
}

static void forget_pending(struct folder *f, size_t first)
{
    for (size_t i = first; i < f->n; i++) {
        free(f->v[i].temp);
        free(f->v[i].final);
    }
    f->n = first;
}

/* The bytes of an object under its temporary name. */
static int fill(const struct store_transfer *at, int to, const char *what, struct err *e)
{
    if (!at->path) {
        return io_write_all(to, at->bytes, at->size) == 0
                   ? 0
                   : err_sys(e, ERR_OUTPUT, errno, "write %s", what);
    }
    SCOPE_FD int from = open(at->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    return from < 0 ? err_sys(e, ERR_OUTPUT, errno, "%s", at->path)
                    : io_copy(from, to, at->size, at->size >= FLUSH_MIN, what, e);
}

static int put_one(void *ctx, size_t i, struct err *e)
{
    const struct copying *all = ctx;
    const struct store_transfer *at = &all->batch->v[i];
    const char *temp = all->v[i].temp;
    int rc = stop_check(e);
    if (rc != 0) {
        return rc;
    }
    SCOPE_FD int fd = openat(all->f->root_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "create %s/%s", all->f->root, temp);
    }
    SCOPE_FREE char *what = xasprintf("s3://%s/%s", at->bucket, at->key);
    rc = fill(at, fd, what, e);
    if (rc == 0 && close_now(&fd) != 0) {
        rc = err_sys(e, ERR_OUTPUT, errno, "close %s", what);
    }
    if (rc == 0) {
        progress_add(all->batch->progress, 1, (int64_t)at->size);
    }
    return rc;
}

/* Adds an object to what waits for the commit. */
static int plan_put(struct folder *f, const struct store_transfer *at, struct err *e)
{
    SCOPE_FREE char *final = NULL;
    int rc = key_path(at->bucket, at->key, ERR_OUTPUT, &final, e);
    if (rc != 0) {
        return rc;
    }
    SCOPE_FREE char *dir = xasprintf("%s/%zu", f->stage.name, f->made / STAGE_FOLDER);
    if (f->made % STAGE_FOLDER == 0 && mkdirat(f->root_fd, dir, 0700) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "create folder %s/%s", f->root, dir);
    }
    f->v = vec_room(f->v, f->n, &f->cap, sizeof *f->v);
    f->v[f->n++] =
        (struct pending){.temp = xasprintf("%s/%zu", dir, f->made++), .final = TAKE_PTR(final)};
    return 0;
}

/* All keys are good ones before the first byte is written. What fails on the way stays out of the
 * commit: its temporaries go with the store. */
static int folder_put(void *self, struct store_batch *batch, struct err *e)
{
    struct folder *f = self;
    const size_t first = f->n;
    if (batch->n == 0) {
        return 0;
    }
    int rc = f->stage.name ? 0 : make_stage_dir(f, e);
    for (size_t i = 0; rc == 0 && i < batch->n; i++) {
        rc = plan_put(f, &batch->v[i], e);
        batch->failed = rc ? i : batch->failed;
    }
    if (rc == 0) {
        struct copying all = {.f = f, .batch = batch, .v = f->v + first};
        rc = crew_run(batch->n, put_one, &all, &batch->failed, e);
    }
    if (rc != 0) {
        forget_pending(f, first);
    }
    return rc;
}

static int sync_path(const struct folder *f, const char *path, struct err *e)
{
    SCOPE_FD int fd = openat(f->root_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "sync %s/%s", f->root, path);
    }
    return 0;
}

/* What was published must outlive a power cut: bytes before names, then the names. */
static int sync_bytes(const struct folder *f, size_t first, struct err *e)
{
    if (f->n - first > SYNC_EACH_MAX) {
        return syncfs(f->root_fd) == 0 ? 0 : err_sys(e, ERR_OUTPUT, errno, "sync %s", f->root);
    }
    int rc = 0;
    for (size_t i = first; rc == 0 && i < f->n; i++) {
        rc = sync_path(f, f->v[i].temp, e);
    }
    return rc;
}

static int sync_names(const struct folder *f, size_t first, struct err *e)
{
    if (f->n - first > SYNC_EACH_MAX) {
        return syncfs(f->root_fd) == 0 ? 0 : err_sys(e, ERR_OUTPUT, errno, "sync %s", f->root);
    }
    int rc = 0;
    for (size_t i = first; rc == 0 && i < f->n; i++) {
        SCOPE_FREE char *dir = path_parent(f->v[i].final);
        rc = sync_path(f, dir, e);
    }
    return rc;
}

/* The bucket may be another mount than ROOT: then the bytes are copied beside the final name. */
static int move_across(const struct folder *f, const struct pending *p, struct err *e)
{
    SCOPE_FD int from = openat(f->root_fd, p->temp, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (from < 0 || fstat(from, &st) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "open %s/%s", f->root, p->temp);
    }
    SCOPE(newfile_discard) struct newfile to = NEWFILE_NONE;
    int rc = newfile_open(&to, f->root_fd, p->final, 0666, e);
    rc = rc ? rc : io_copy(from, to.fd, (uint64_t)st.st_size, true, p->final, e);
    rc = rc ? rc : newfile_commit(&to, NEWFILE_SYNC, e);
    if (rc == 0) {
        (void)unlinkat(f->root_fd, p->temp, 0);
    }
    return rc;
}

static int commit_one(const struct folder *f, const struct pending *p, struct err *e)
{
    if (renameat(f->root_fd, p->temp, f->root_fd, p->final) == 0) {
        return 0;
    }
    if (errno == ENOENT) { /* only the first object of a folder has to make it */
        SCOPE_FREE char *dir = path_parent(p->final);
        if (io_mkdirs(f->root_fd, dir) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "create folder %s/%s", f->root, dir);
        }
        if (renameat(f->root_fd, p->temp, f->root_fd, p->final) == 0) {
            return 0;
        }
    }
    if (errno != EXDEV) {
        return err_sys(e, ERR_OUTPUT, errno, "rename to %s/%s", f->root, p->final);
    }
    return move_across(f, p, e);
}

/* From here on a stop signal waits: renames take no time, and half a publication helps nobody. */
static int folder_commit(void *self, struct progress *progress, struct err *e)
{
    (void)progress; /* the bytes are there */
    struct folder *f = self;
    const size_t first = f->committed; /* what an earlier commit moved is done with */
    int rc = sync_bytes(f, first, e);
    for (; rc == 0 && f->committed < f->n; f->committed++) {
        rc = commit_one(f, &f->v[f->committed], e);
        if (rc != 0) {
            break;
        }
    }
    if (rc != 0 && f->committed > 0) {
        return err_prefix(e, "%zu of %zu objects are already in place", f->committed, f->n);
    }
    return rc ? rc : sync_names(f, first, e);
}

/* Removes the folder `dir` of a bucket and those above it, as far up as they are empty. */
static void remove_empty(const struct folder *f, const char *bucket, const char *dir)
{
    SCOPE_FREE char *at = xstrdup(dir);
    while (strlen(at) > strlen(bucket) && unlinkat(f->root_fd, at, AT_REMOVEDIR) == 0) {
        *strrchr(at, '/') = '\0';
    }
}

static int folder_remove(void *self, const char *bucket, const struct strvec *keys, struct err *e)
{
    const struct folder *f = self;
    for (size_t i = 0; i < keys->n; i++) {
        SCOPE_FREE char *path = NULL;
        int rc = key_path(bucket, keys->v[i], ERR_OUTPUT, &path, e);
        if (!path) {
            return rc;
        }
        if (unlinkat(f->root_fd, path, 0) != 0 && errno != ENOENT) {
            return err_sys(e, ERR_OUTPUT, errno, "remove s3://%s/%s (%s/%s)", bucket, keys->v[i],
                           f->root, path);
        }
        SCOPE_FREE char *dir = path_parent(path);
        remove_empty(f, bucket, dir); /* a folder without files is none to S3 */
    }
    return 0;
}

static void folder_close(void *self)
{
    struct folder *f = self;
    (void)hidden_remove(&f->stage);
    forget_pending(f, 0);
    free(f->v);
    free(f->root);
    scope_close(&f->root_fd);
    free(f);
}

int folder_open(struct store *store, const char *root, struct err *e)
{
    static const struct store_ops OPS = {.list = folder_list,
                                         .look = folder_look,
                                         .get = folder_get,
                                         .read = folder_read,
                                         .put = folder_put,
                                         .commit = folder_commit,
                                         .remove = folder_remove,
                                         .close = folder_close};
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(e, ERR_CONFIG, errno, "the store's root %s", QUOTED(root));
    }
    struct folder *f = xcalloc(1, sizeof *f);
    *f = (struct folder){.root_fd = fd, .root = xstrdup(root), .stage = HIDDEN_NONE};
    *store = (struct store){.ops = &OPS, .self = f};
    return 0;
}
