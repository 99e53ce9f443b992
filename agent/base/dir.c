/* SPDX-License-Identifier: MIT
 *
 * Folder listings. See dir.h.
 */
#include "base/dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/str.h"

/* A tree of that depth must still be removable when it lies in a hidden folder of ours. */
enum { MAX_DEPTH = 128, MAX_DEPTH_OWN = MAX_DEPTH + 8 };

/* A folder on the way down: to see a loop of links, and to know where we are. */
struct level {
    const struct level *up;
    dev_t dev;
    ino_t ino;
    int depth;
};

struct walk {
    int root_fd;
    const char *root; /* for messages */
    const char *prefix;
    unsigned flags;
    enum err_code code;
    struct dir_listing *out;
    struct err *e;
};

void dir_listing_free(struct dir_listing *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i].path);
    }
    free(list->v);
    *list = (struct dir_listing){0};
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct dir_entry *)a)->path, ((const struct dir_entry *)b)->path);
}

/* Could `path` (a folder when `is_dir`) be, or hold, something that begins with the prefix? */
static bool wanted(const struct walk *w, const char *path, bool is_dir)
{
    size_t lp = strlen(path);
    size_t lx = strlen(w->prefix);
    if (lp >= lx) {
        return memcmp(path, w->prefix, lx) == 0;
    }
    return is_dir && memcmp(path, w->prefix, lp) == 0 && w->prefix[lp] == '/';
}

int dir_names(int fd, struct strvec *out)
{
    SCOPE_DIR DIR *dir = fdopendir(fd);
    if (!dir) {
        scope_close(&fd);
        return -1;
    }
    for (;;) {
        errno = 0;
        const struct dirent *d = readdir(dir);
        if (!d) {
            return errno ? -1 : 0;
        }
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0) {
            strvec_add(out, d->d_name);
        }
    }
}

static int read_names(const struct walk *w, const char *rel, struct strvec *names)
{
    int fd = openat(w->root_fd, *rel ? rel : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && dir_names(fd, names) == 0
               ? 0
               : err_sys(w->e, w->code, errno, "%s/%s", w->root, rel);
}

static bool is_loop(const struct level *at, const struct stat *st)
{
    for (; at; at = at->up) {
        if (at->dev == st->st_dev && at->ino == st->st_ino) {
            return true;
        }
    }
    return false;
}

static int64_t time_ns(const struct timespec *t)
{
    return t->tv_sec * NS_PER_S + t->tv_nsec;
}

static void add_entry(struct walk *w, const char *path, const struct stat *st)
{
    struct dir_listing *out = w->out;
    out->v = vec_room(out->v, out->n, &out->cap, sizeof *out->v);
    out->v[out->n++] = (struct dir_entry){.path = xstrdup(path),
                                          .mode = st->st_mode,
                                          .size = (uint64_t)st->st_size,
                                          .dev = st->st_dev,
                                          .ino = st->st_ino,
                                          .mtime_ns = time_ns(&st->st_mtim),
                                          .ctime_ns = time_ns(&st->st_ctim)};
}

static int walk_folder(struct walk *w, const char *rel, const struct level *at);

static int visit(struct walk *w, const char *path, const struct level *at)
{
    struct stat st;
    int nofollow = w->flags & DIR_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW;
    if (fstatat(w->root_fd, path, &st, nofollow) != 0) {
        if (errno == ENOENT || errno == ELOOP) {
            return 0; /* gone since it was listed, or a dangling link */
        }
        return err_sys(w->e, w->code, errno, "%s/%s", w->root, path);
    }
    bool is_dir = S_ISDIR(st.st_mode);
    if (!wanted(w, path, is_dir)) {
        return 0;
    }
    if (!is_dir) {
        add_entry(w, path, &st);
        return 0;
    }
    if (is_loop(at, &st)) {
        return 0;
    }
    if (at->depth >= (w->flags & DIR_WITH_OWN ? MAX_DEPTH_OWN : MAX_DEPTH)) {
        return err_set(w->e, w->code, "%s/%s: more than %d folders deep", w->root, path, MAX_DEPTH);
    }
    if ((w->flags & DIR_WITH_DIRS) && str_starts(path, w->prefix)) {
        add_entry(w, path, &st);
    }
    struct level next = {.up = at, .dev = st.st_dev, .ino = st.st_ino, .depth = at->depth + 1};
    return walk_folder(w, path, &next);
}

static int walk_folder(struct walk *w, const char *rel, const struct level *at)
{
    SCOPE(strvec_free) struct strvec names = {0};
    int rc = read_names(w, rel, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (!(w->flags & DIR_WITH_OWN) && str_starts(names.v[i], OWN_TEMP_PREFIX)) {
            continue;
        }
        SCOPE_FREE char *path = *rel ? path_join(rel, names.v[i]) : xstrdup(names.v[i]);
        rc = visit(w, path, at);
    }
    return rc;
}

int dir_list(int dir_fd, const char *root, const char *prefix, unsigned flags, enum err_code code,
             struct dir_listing *out, struct err *e)
{
    SCOPE_FD int fd = openat(dir_fd, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : err_sys(e, code, errno, "%s", root);
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_sys(e, code, errno, "%s", root);
    }
    struct walk w = {.root_fd = fd,
                     .root = root,
                     .prefix = prefix,
                     .flags = flags,
                     .code = code,
                     .out = out,
                     .e = e};
    struct level top = {.dev = st.st_dev, .ino = st.st_ino};
    int rc = walk_folder(&w, "", &top);
    if (rc != 0) {
        dir_listing_free(out);
    } else if (out->n > 1) {
        qsort(out->v, out->n, sizeof *out->v, by_path);
    }
    return rc;
}

/* Deepest first = the sorted listing backwards. */
static void remove_listed(int dir_fd, const char *root, bool files_too)
{
    struct err ignored;
    SCOPE(dir_listing_free) struct dir_listing list = {0};
    SCOPE_FD int fd = openat(dir_fd, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    unsigned flags = DIR_WITH_DIRS | (files_too ? DIR_WITH_OWN : 0);
    if (fd < 0 || dir_list(fd, ".", "", flags, ERR_OUTPUT, &list, &ignored) != 0) {
        return;
    }
    for (size_t i = 0; files_too && i < list.n; i++) {
        /* what lies in a folder that may not be written goes all the same */
        if (S_ISDIR(list.v[i].mode) && !(list.v[i].mode & S_IWUSR)) {
            (void)!fchmodat(fd, list.v[i].path, S_IRWXU, 0);
        }
    }
    for (size_t i = list.n; i-- > 0;) {
        bool is_dir = S_ISDIR(list.v[i].mode);
        if (is_dir || files_too) {
            (void)unlinkat(fd, list.v[i].path, is_dir ? AT_REMOVEDIR : 0);
        }
    }
}

void dir_prune_empty(int dir_fd, const char *root)
{
    remove_listed(dir_fd, root, false);
}

int dir_remove_tree(int dir_fd, const char *path)
{
    if (unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        return 0; /* nothing in it */
    }
    remove_listed(dir_fd, path, true);
    return unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

void dir_remove_empty_up(int dir_fd, const char *path)
{
    SCOPE_FREE char *dir = xstrdup(path);
    while (strcmp(dir, ".") != 0 && unlinkat(dir_fd, dir, AT_REMOVEDIR) == 0) {
        char *up = path_parent(dir);
        free(dir);
        dir = up;
    }
}

bool dir_holds(const char *dir, int fd)
{
    struct stat top;
    struct stat st;
    struct stat last = {0};
    if (stat(dir, &top) != 0 || fstat(fd, &st) != 0) {
        return false;
    }
    SCOPE_FD int at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0 && fstat(at, &st) == 0) {
        if (st.st_dev == top.st_dev && st.st_ino == top.st_ino) {
            return true;
        }
        if (st.st_dev == last.st_dev && st.st_ino == last.st_ino) {
            return false; /* the root is its own parent */
        }
        last = st;
        int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        scope_close(&at);
        at = up;
    }
    return false;
}
