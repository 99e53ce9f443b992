/* SPDX-License-Identifier: MIT
 *
 * Partitions, their buffers and files. See parts.h.
 */
#include "partition/parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/filename.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "partition/keys.h"

enum {
    BUDGET = 24 << 20,        /* bytes of all buffers together, as long as each ... */
    BUFFER_FAIR = 4 << 10,    /* ... can have so many; where partitions are more, ... */
    BUDGET_MOST = 96 << 20,   /* ... bytes of all buffers together */
    BUFFER_MAX = 256 << 10,   /* a larger write gains nothing, and less of it is in the cache */
    BUFFER_FIRST = 512,       /* a partition's first buffer */
    BUFFER_MIN = 64,          /* the least, when partitions are many */
    IN_FLIGHT_MAX = 32 << 20, /* above, whoever has a full buffer writes it himself */
    OWN_DESCRIPTORS = 40,     /* left for everything else */
    OPEN_MAX = 4096,
};

/* ---- the registry ---- */

static int open_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur > OPEN_MAX + OWN_DESCRIPTORS) {
        return OPEN_MAX;
    }
    return limit.rlim_cur > OWN_DESCRIPTORS ? (int)limit.rlim_cur - OWN_DESCRIPTORS : 0;
}

void parts_init(struct parts *ps, int root_fd)
{
    *ps = (struct parts){.root_fd = root_fd, .n_table = 1024, .max_open = open_limit()};
    ps->table = xcalloc(ps->n_table, sizeof *ps->table);
    ps->rejects = (struct partition){.dir = xstrdup("_rejected"), .fd = -1};
    (void)pthread_mutex_init(&ps->lock, NULL);
    for (int i = 0; i < PART_STRIPES; i++) {
        (void)pthread_mutex_init(&ps->stripes[i], NULL);
    }
}

static void part_free(struct partition *p)
{
    if (p->fd >= 0) {
        (void)close(p->fd);
    }
    free(p->buf);
    free(p->dir);
}

void parts_free(struct parts *ps)
{
    for (size_t i = 0; i < ps->n_table; i++) {
        for (struct partition *p = ps->table ? ps->table[i] : NULL; p;) {
            struct partition *next = p->same;
            part_free(p);
            free(p);
            p = next;
        }
    }
    part_free(&ps->rejects);
    while (ps->n_spare > 0) {
        free(ps->spare[--ps->n_spare].buf);
    }
    free(ps->table);
    free(ps->rolled);
    (void)pthread_mutex_destroy(&ps->lock);
    for (int i = 0; i < PART_STRIPES; i++) {
        (void)pthread_mutex_destroy(&ps->stripes[i]);
    }
    *ps = (struct parts){.root_fd = -1, .rejects = {.fd = -1}};
}

static void grow_table(struct parts *ps)
{
    size_t n = 2 * ps->n_table;
    struct partition **table = xcalloc(n, sizeof *table);
    for (size_t i = 0; i < ps->n_table; i++) {
        for (struct partition *p = ps->table[i]; p;) {
            struct partition *next = p->same;
            p->same = table[p->hash & (n - 1)];
            table[p->hash & (n - 1)] = p;
            p = next;
        }
    }
    free(ps->table);
    ps->table = table;
    ps->n_table = n;
}

struct partition *parts_find(struct parts *ps, const char *dir, size_t n, struct err *e)
{
    uint64_t hash = key_hash_text(dir, n);
    (void)pthread_mutex_lock(&ps->lock);
    struct partition *p = ps->table[hash & (ps->n_table - 1)];
    while (p && (p->hash != hash || strcmp(p->dir, dir) != 0)) {
        p = p->same;
    }
    if (!p && ps->max_partitions && ps->n >= ps->max_partitions) {
        err_set(e, ERR_OUTPUT,
                "%s would be one partition more than max_partitions = %llu; raise it, or lay the "
                "output out by something coarser",
                QUOTED(dir), (unsigned long long)ps->max_partitions);
    } else if (!p) {
        if (ps->n >= ps->n_table) {
            grow_table(ps);
        }
        p = xcalloc(1, sizeof *p);
        p->dir = xstrndup(dir, n);
        p->hash = hash;
        p->fd = -1;
        p->same = ps->table[hash & (ps->n_table - 1)];
        ps->table[hash & (ps->n_table - 1)] = p;
        ps->n++;
    }
    (void)pthread_mutex_unlock(&ps->lock);
    return p;
}

/* ---- names ---- */

size_t key_prefix(const char *s3_uri)
{
    const char *bucket = s3_uri && str_starts(s3_uri, "s3://") ? s3_uri + strlen("s3://") : "";
    const char *key = strchr(bucket, '/');
    return key && key[1] ? strlen(key + 1) + 1 : 0;
}

char *parts_path(const struct parts *ps, const struct partition *p, uint32_t ordinal)
{
    if (ordinal == 0) {
        return path_join(p->dir, ps->name);
    }
    const char *dot = filename_extension(ps->name);
    return xasprintf("%s/%.*s-%05u%s", p->dir, (int)(dot - ps->name), ps->name, ordinal, dot);
}

/* ---- buffers ---- */

void parts_begin(struct parts *ps, const char *name, struct header header,
                 struct header reject_header)
{
    ps->name = name;
    ps->header = header;
    ps->reject_header = reject_header;
}

/* What a partition's buffer may have now. */
static size_t fair_share(const struct parts *ps)
{
    size_t n = ps->n_used ? ps->n_used : 1;
    size_t share = BUDGET / n;
    if (share < BUFFER_FAIR) {
        share = BUDGET_MOST / n < BUFFER_FAIR ? BUDGET_MOST / n : BUFFER_FAIR;
    }
    return share > BUFFER_MAX ? BUFFER_MAX : share < BUFFER_MIN ? BUFFER_MIN : share;
}

/* A buffer that was written comes to use again: fresh memory would be paid for page by page. */
static char *take_spare(struct parts *ps, size_t *cap)
{
    char *buf = NULL;
    (void)pthread_mutex_lock(&ps->lock);
    if (ps->n_spare > 0 && ps->spare[ps->n_spare - 1].cap >= *cap) {
        const struct spare *s = &ps->spare[--ps->n_spare];
        buf = s->buf;
        *cap = s->cap;
    }
    (void)pthread_mutex_unlock(&ps->lock);
    return buf;
}

static void give_back(struct parts *ps, char *buf, size_t cap)
{
    (void)pthread_mutex_lock(&ps->lock);
    bool keep = ps->n_spare < SPARE_BUFFERS && cap >= BUFFER_MAX && cap <= 2 * BUFFER_MAX;
    if (keep) {
        ps->spare[ps->n_spare++] = (struct spare){.buf = buf, .cap = cap};
    }
    (void)pthread_mutex_unlock(&ps->lock);
    if (!keep) {
        atomic_fetch_sub(&ps->allocated, cap);
        free(buf);
    }
}

static void resize(struct parts *ps, struct partition *p, size_t cap)
{
    if (!p->buf && cap >= BUFFER_MAX) {
        p->buf = take_spare(ps, &cap);
        p->cap = p->buf ? cap : 0;
        if (p->buf) {
            return;
        }
    }
    p->buf = xreallocarray(p->buf, 1, cap + PART_SLACK);
    atomic_fetch_add(&ps->allocated, cap - p->cap); /* unsigned: also downwards */
    p->cap = cap;
}

/* Takes the buffer away from the partition, for writing. */
static void detach(struct parts *ps, struct partition *p, struct flushes *out)
{
    out->v = vec_room(out->v, out->n, &out->cap, sizeof *out->v);
    out->v[out->n++] = (struct flush){.part = p,
                                      .ordinal = p->ordinal,
                                      .offset = p->passed,
                                      .buf = p->buf,
                                      .len = p->len,
                                      .cap = p->cap};
    atomic_fetch_add(&ps->in_flight, p->len);
    p->passed += p->len;
    p->buf = NULL;
    p->len = p->cap = 0;
}

/* Too much memory: partitions have become many since the large buffers were made. */
static int shrink(struct parts *ps, struct err *e)
{
    size_t share = fair_share(ps);
    SCOPE(flushes_free) struct flushes list = {0};
    for (struct partition *p = ps->first_used; p; p = p->next_used) {
        if (p->cap > share && p->len > 0) {
            detach(ps, p, &list);
            int rc = parts_write(ps, &list, e);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}

static int make_room(struct parts *ps, struct partition *p, size_t n, struct flushes *out,
                     struct err *e)
{
    if (atomic_load(&ps->allocated) > BUDGET_MOST + BUDGET_MOST / 2 && shrink(ps, e) != 0) {
        return -(int)e->code;
    }
    size_t share = fair_share(ps);
    if (p->len + n > p->cap && p->len + n > share && p->len > 0) {
        size_t cap = p->cap < share ? p->cap : share;
        bool now = atomic_load(&ps->in_flight) > IN_FLIGHT_MAX;
        detach(ps, p, out);
        int rc = now ? parts_write(ps, out, e) : 0;
        if (rc != 0) {
            return rc;
        }
        resize(ps, p, cap > n ? cap : n);
    }
    if (p->len + n > p->cap) {
        size_t cap = 2 * p->cap > BUFFER_FIRST ? 2 * p->cap : BUFFER_FIRST;
        cap = cap < share ? cap : share;
        resize(ps, p, cap > p->len + n ? cap : p->len + n);
    }
    return 0;
}

void flushes_free(struct flushes *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i].buf);
    }
    free(list->v);
    *list = (struct flushes){0};
}

/* ---- files ---- */

static pthread_mutex_t *stripe_of(struct parts *ps, const struct partition *p)
{
    return &ps->stripes[p->hash % PART_STRIPES];
}

static int name_taken(const struct partition *p, const char *path, struct err *e)
{
    return err_set(e, ERR_OUTPUT,
                   "its rows of %s would go to the file %s, which another source has made; give "
                   "the sources different names",
                   p->dir, QUOTED(path));
}

static int open_file(struct parts *ps, struct partition *p, uint32_t ordinal, int *fd,
                     struct err *e)
{
    SCOPE_FREE char *path = parts_path(ps, p, ordinal);
    bool create = ordinal >= p->made;
    int how = create ? O_CREAT | O_EXCL : 0;
    *fd = openat(ps->root_fd, path, how | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd < 0 && create && errno == ENOENT) {
        if (io_mkdirs(ps->root_fd, p->dir) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "create the folder %s", p->dir);
        }
        *fd = openat(ps->root_fd, path, how | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
    }
    if (*fd < 0) {
        return errno == EEXIST && create ? name_taken(p, path, e)
                                         : err_sys(e, ERR_OUTPUT, errno, "create %s", path);
    }
    p->made = ordinal >= p->made ? ordinal + 1 : p->made;
    return 0;
}

static int close_file(struct parts *ps, struct partition *p, struct err *e)
{
    if (p->fd < 0) {
        return 0;
    }
    atomic_fetch_sub(&ps->open_files, 1);
    if (close_now(&p->fd) != 0) {
        SCOPE_FREE char *path = parts_path(ps, p, p->fd_number);
        return err_sys(e, ERR_OUTPUT, errno, "close %s", path);
    }
    return 0;
}

static int write_at(int fd, const char *buf, size_t n, uint64_t offset)
{
    while (n > 0) {
        ssize_t put = pwrite(fd, buf, n, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno;
            return -1;
        }
        buf += put;
        n -= (size_t)put;
        offset += (uint64_t)put;
    }
    return 0;
}

/* Makes the partition's open file the one of `ordinal`. The stripe is held. */
static int select_file(struct parts *ps, struct partition *p, uint32_t ordinal, struct err *e)
{
    if (p->fd >= 0 && p->fd_number == ordinal) {
        return 0;
    }
    int rc = close_file(ps, p, e);
    rc = rc ? rc : open_file(ps, p, ordinal, &p->fd, e);
    if (rc == 0) {
        p->fd_number = ordinal;
        atomic_fetch_add(&ps->open_files, 1);
    }
    return rc;
}

/* The bytes of a flush, at their place; the file stays open. The stripe is held. */
static int put_bytes(struct parts *ps, const struct flush *f, struct err *e)
{
    struct partition *p = f->part;
    int rc = select_file(ps, p, f->ordinal, e);
    if (rc == 0 && write_at(p->fd, f->buf, f->len, f->offset) != 0) {
        SCOPE_FREE char *path = parts_path(ps, p, f->ordinal);
        rc = err_sys(e, ERR_OUTPUT, errno, "write %s", path);
    }
    return rc;
}

/* A file stays open only while few do. The stripe is held. */
static int close_if_many(struct parts *ps, struct partition *p, struct err *e)
{
    return atomic_load(&ps->open_files) > ps->max_open ? close_file(ps, p, e) : 0;
}

static int write_one(struct parts *ps, const struct flush *f, struct err *e)
{
    (void)pthread_mutex_lock(stripe_of(ps, f->part));
    int rc = put_bytes(ps, f, e);
    rc = rc ? rc : close_if_many(ps, f->part, e);
    (void)pthread_mutex_unlock(stripe_of(ps, f->part));
    return rc;
}

int parts_write(struct parts *ps, struct flushes *list, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct flush *f = &list->v[i];
        rc = rc ? rc : write_one(ps, f, e);
        atomic_fetch_sub(&ps->in_flight, f->len);
        give_back(ps, f->buf, f->cap);
    }
    list->n = 0;
    return rc;
}

/* ---- rows come in ---- */

/* Bytes of the current file, the buffered included. */
static uint64_t file_bytes(const struct partition *p)
{
    return p->passed + p->len;
}

/* The current file's rows and bytes are counted in for good. */
static void end_count(struct partition *p)
{
    p->rows += p->file_rows;
    p->bytes += file_bytes(p);
    p->file_rows = 0;
}

/* A file begins: it is counted, and its header is its first bytes. */
static int begin_file(struct parts *ps, struct partition *p, struct flushes *out, struct err *e)
{
    if (!p->used) {
        p->used = true;
        p->next_used = ps->first_used;
        ps->first_used = p;
        ps->n_used++;
    }
    ps->files += p != &ps->rejects;
    p->files++;
    if (ps->max_files && ps->files + ps->other_files > ps->max_files) {
        return err_set(e, ERR_OUTPUT, "the output would have more than max_files = %llu files",
                       (unsigned long long)ps->max_files);
    }
    const struct header *h = p == &ps->rejects ? &ps->reject_header : &ps->header;
    if (ps->root_fd < 0) {
        p->passed = h->n;
        return 0;
    }
    if (h->n == 0) {
        return 0;
    }
    int rc = h->n > p->cap ? make_room(ps, p, h->n, out, e) : 0;
    if (rc == 0) {
        memcpy(p->buf, h->text, h->n);
        p->len = h->n;
    }
    return rc;
}

/* The file is as large as max_file_size lets it be. It is made now if it was not, so that files are
 * made in order: flushes of the next one may be written before its own. */
static int roll_over(struct parts *ps, struct partition *p, struct flushes *out, struct err *e)
{
    int rc = 0;
    if (ps->root_fd >= 0) {
        (void)pthread_mutex_lock(stripe_of(ps, p));
        rc = p->made > p->ordinal ? 0 : select_file(ps, p, p->ordinal, e);
        rc = rc ? rc : close_if_many(ps, p, e);
        (void)pthread_mutex_unlock(stripe_of(ps, p));
    }
    ps->rolled = vec_room(ps->rolled, ps->n_rolled, &ps->cap_rolled, sizeof *ps->rolled);
    ps->rolled[ps->n_rolled++] =
        (struct rolled){.part = p, .ordinal = p->ordinal, .size = file_bytes(p)};
    end_count(p);
    if (p->len > 0) {
        detach(ps, p, out);
    }
    p->ordinal++;
    p->passed = 0;
    return rc;
}

/* Before a row of `n` bytes: a file that is full ends, a new one begins. */
static int choose_file(struct parts *ps, struct partition *p, size_t n, struct flushes *out,
                       struct err *e)
{
    int rc = 0;
    bool may_roll = ps->max_file_size && p != &ps->rejects; /* one of those may come in pieces */
    if (may_roll && p->file_rows > 0 && file_bytes(p) + n > ps->max_file_size) {
        rc = roll_over(ps, p, out, e);
    }
    return rc || p->file_rows > 0 ? rc : begin_file(ps, p, out, e);
}

char *parts_make_room(struct parts *ps, struct partition *p, size_t n, struct flushes *out,
                      struct err *e)
{
    int rc = choose_file(ps, p, n, out, e);
    if (rc == 0 && p->len + n > p->cap) {
        rc = make_room(ps, p, n, out, e);
    }
    return rc ? NULL : part_add_row(p, n);
}

int parts_count(struct parts *ps, struct partition *p, size_t n, struct err *e)
{
    struct flushes none = {0};
    int rc = choose_file(ps, p, n, &none, e);
    p->file_rows++;
    p->passed += n;
    return rc;
}

/* ---- the source's end ---- */

struct partition **parts_used(const struct parts *ps, size_t *n)
{
    struct partition **list = xcalloc(ps->n_used + 1, sizeof *list);
    *n = 0;
    for (struct partition *p = ps->first_used; p; p = p->next_used) {
        list[(*n)++] = p;
    }
    return list;
}

static int check_size(const struct parts *ps, const struct partition *p, uint32_t ordinal,
                      uint64_t expected, uint64_t found, struct err *e)
{
    if (expected == found) {
        return 0;
    }
    SCOPE_FREE char *path = parts_path(ps, p, ordinal);
    return err_set(e, ERR_OUTPUT, "%s has %llu bytes, not the %llu that were written", path,
                   (unsigned long long)found, (unsigned long long)expected);
}

static int end_file(struct parts *ps, struct partition *p, struct err *e)
{
    struct stat st;
    const struct flush rest = {
        .part = p, .ordinal = p->ordinal, .offset = p->passed, .buf = p->buf, .len = p->len};
    (void)pthread_mutex_lock(stripe_of(ps, p));
    int rc = put_bytes(ps, &rest, e);
    if (rc == 0) {
        rc = fstat(p->fd, &st) == 0
                 ? check_size(ps, p, p->ordinal, file_bytes(p), (uint64_t)st.st_size, e)
                 : err_sys(e, ERR_OUTPUT, errno, "stat a file of %s", p->dir);
    }
    rc = rc ? rc : close_file(ps, p, e);
    (void)pthread_mutex_unlock(stripe_of(ps, p));
    atomic_fetch_sub(&ps->allocated, p->cap);
    free(TAKE_PTR(p->buf));
    p->passed += p->len;
    p->len = p->cap = 0;
    return rc;
}

int parts_end(struct parts *ps, struct partition **list, size_t n, atomic_size_t *next,
              struct err *e)
{
    int rc = 0;
    while (rc == 0 && ps->root_fd >= 0) {
        size_t i = atomic_fetch_add(next, 1);
        if (i >= n) {
            break;
        }
        rc = end_file(ps, list[i], e);
    }
    return rc;
}

int parts_reset(struct parts *ps, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ps->n_rolled && ps->root_fd >= 0; i++) {
        const struct rolled *r = &ps->rolled[i];
        SCOPE_FREE char *path = parts_path(ps, r->part, r->ordinal);
        struct stat st;
        rc = fstatat(ps->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0
                 ? check_size(ps, r->part, r->ordinal, r->size, (uint64_t)st.st_size, e)
                 : err_sys(e, ERR_OUTPUT, errno, "stat %s", path);
    }
    for (struct partition *p = ps->first_used; p; p = p->next_used) {
        end_count(p);
        p->used = false;
        p->ordinal = p->made = 0;
        p->passed = 0;
    }
    ps->first_used = NULL;
    ps->n_used = ps->n_rolled = 0;
    return rc;
}
