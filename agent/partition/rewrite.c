/* SPDX-License-Identifier: MIT
 *
 * Rewriting a folder as a whole. See rewrite.h.
 *
 * By exchange: PARENT/.procagent-<random>/new/ becomes the new tree: the caller's files are written
 * there, all that stays or moves is linked there (hard links: a link costs what a rename costs, and
 * two threads make them, and remove the old names, in half the time). Then new/ and the folder
 * change places, and the hidden folder goes with the old tree in it.
 *
 * In place: the hidden folder is in the folder itself, what is dropped is put aside into its old/,
 * and a journal (journal.h) says which renames are to be done or undone. When a file system turns
 * out to allow no exchange or links, the hidden folder with the caller's files moves into the
 * folder and the rewrite goes on in place.
 */
#include "partition/rewrite.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/hidden.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mount.h"
#include "base/parallel.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/str.h"
#include "partition/journal.h"

static const char STAGE[] = "partition";
static const char NEW[] = "new"; /* names in the hidden folder */
static const char OLD[] = "old";
enum { STOP_STRIDE = 64 };

struct rewrite {
    char *where;                     /* the folder as the caller calls it: for messages */
    char *path;                      /* the same, absolute and without links */
    const struct dir_listing *files; /* borrowed: what it holds */
    char **to;                       /* owned; a path for each file that moves, else NULL */
    bool *dropped;                   /* for each file: it will be gone */
    int dir_fd;                      /* the folder; after the exchange the old one */
    dev_t dev;                       /* its device */
    int parent_fd;                   /* the folder it lies in, or -1 at the root */
    struct strvec mounts;            /* mount points below the folder, relative to it */
    bool in_place;
    struct hidden hidden; /* in the parent, or in the folder itself */
    int new_fd;           /* hidden/new */
};

/* ---- open and close ---- */

static void rewrite_free(struct rewrite *r)
{
    for (size_t i = 0; i < r->files->n; i++) {
        free(r->to[i]);
    }
    free(r->to);
    free(r->dropped);
    free(r->where);
    free(r->path);
    strvec_free(&r->mounts);
    scope_close(&r->new_fd);
    scope_close(&r->dir_fd);
    scope_close(&r->parent_fd);
    free(r);
}

void rewrite_abort(struct rewrite **r)
{
    if (*r) {
        if (hidden_remove(&(*r)->hidden) != 0) {
            log_warn(STAGE, "%s: temporaries could not be removed; the next run will try again",
                     (*r)->where);
        }
        rewrite_free(TAKE_PTR(*r));
    }
}

/* Is the file on another mount than the folder? A file's own device tells nothing on an overlay:
 * its folder's does. */
static bool is_foreign(const struct rewrite *r, size_t i)
{
    const struct dir_entry *file = &r->files->v[i];
    for (size_t m = 0; m < r->mounts.n; m++) {
        if (path_within(file->path, r->mounts.v[m])) {
            return true;
        }
    }
    if (file->dev == r->dev) {
        return false;
    }
    struct stat st;
    SCOPE_FREE char *folder = path_parent(file->path);
    return fstatat(r->dir_fd, folder, &st, 0) == 0 && st.st_dev != r->dev;
}

/* Can the folder be exchanged, as far as is known before trying it? */
static bool exchangeable(const struct rewrite *r)
{
    struct stat st;
    if (r->parent_fd < 0 || fstat(r->parent_fd, &st) != 0 || st.st_dev != r->dev ||
        mount_is_root(r->dir_fd, r->path) || r->mounts.n > 0 || hidden_present(r->dir_fd)) {
        return false;
    }
    for (size_t i = 0; i < r->files->n; i++) {
        if (is_foreign(r, i)) {
            return false;
        }
    }
    return true;
}

/* Owner, access lists and mode; best effort, for a folder of somebody else's that we may write. */
static void copy_attributes(int from, int to)
{
    static const char *const LISTS[] = {"system.posix_acl_access", "system.posix_acl_default"};
    char value[4096];
    struct stat st;
    if (fstat(from, &st) != 0) {
        return;
    }
    (void)!fchown(to, (uid_t)-1, st.st_gid);
    (void)!fchown(to, st.st_uid, (gid_t)-1);
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        ssize_t n = fgetxattr(from, LISTS[i], value, sizeof value);
        if (n > 0) {
            (void)fsetxattr(to, LISTS[i], value, (size_t)n, 0);
        }
    }
    (void)fchmod(to, st.st_mode & 07777);
}

static int make_hidden(struct rewrite *r, struct err *e)
{
    int rc = r->in_place ? -1 : hidden_make(&r->hidden, r->parent_fd, r->where, e);
    if (rc != 0) { /* also when the parent may not be written */
        r->in_place = true;
        rc = hidden_make(&r->hidden, r->dir_fd, r->where, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (mkdirat(r->hidden.fd, NEW, 0700) == 0) {
        r->new_fd = openat(r->hidden.fd, NEW, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (r->new_fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "create a folder for temporaries of %s", r->where);
    }
    copy_attributes(r->dir_fd, r->new_fd);
    return 0;
}

int rewrite_open(struct rewrite **out, const char *dir, const struct dir_listing *files,
                 unsigned flags, struct err *e)
{
    SCOPE(rewrite_abort) struct rewrite *r = xcalloc(1, sizeof *r);
    struct stat st;
    *r = (struct rewrite){.where = xstrdup(dir),
                          .path = realpath(dir, NULL),
                          .files = files,
                          .to = xcalloc(files->n, sizeof *r->to),
                          .dropped = xcalloc(files->n, sizeof *r->dropped),
                          .dir_fd = -1,
                          .parent_fd = -1,
                          .hidden = HIDDEN_NONE,
                          .new_fd = -1};
    if (r->path) {
        r->dir_fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (r->dir_fd < 0 || fstat(r->dir_fd, &st) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", dir);
    }
    r->dev = st.st_dev;
    if (strcmp(r->path, "/") != 0) {
        SCOPE_FREE char *parent = path_parent(r->path);
        r->parent_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    mounts_below(r->path, &r->mounts);
    r->in_place = (flags & REWRITE_IN_PLACE) || !exchangeable(r);
    int rc = make_hidden(r, e);
    if (rc == 0) {
        *out = TAKE_PTR(r);
    }
    return rc;
}

int rewrite_fd(const struct rewrite *r)
{
    return r->new_fd;
}

void rewrite_move(struct rewrite *r, size_t i, const char *to)
{
    free(r->to[i]);
    r->to[i] = xstrdup(to);
}

void rewrite_drop(struct rewrite *r, size_t i)
{
    r->dropped[i] = true;
}

/* ---- names that two would have ---- */

/* Where the file will be; NULL: nowhere. */
static const char *target(const struct rewrite *r, size_t i)
{
    return r->dropped[i] ? NULL : r->to[i] ? r->to[i] : r->files->v[i].path;
}

static int by_name(const void *key, const void *entry)
{
    return strcmp(key, ((const struct dir_entry *)entry)->path);
}

/* The listed file of that name; files->n when there is none. */
static size_t find_file(const struct rewrite *r, const char *path)
{
    const struct dir_listing *files = r->files;
    const struct dir_entry *found =
        files->n ? bsearch(path, files->v, files->n, sizeof *files->v, by_name) : NULL;
    return found ? (size_t)(found - files->v) : files->n;
}

/* Says which two want `name`, one of them as a folder or not. */
static int name_taken(const struct rewrite *r, const char *name, bool folder, struct err *e)
{
    const char *moved[2] = {NULL, NULL};
    size_t n = 0;
    for (size_t k = 0; k < r->files->n && n < 2; k++) {
        if (!r->dropped[k] && r->to[k] && strcmp(r->to[k], name) == 0) {
            moved[n++] = r->files->v[k].path;
        }
    }
    if (n == 2) {
        return err_set(e, ERR_OUTPUT, "%s and %s would both become %s; give them different names",
                       QUOTED(moved[0]), QUOTED(moved[1]), QUOTED(name));
    }
    if (n == 1) {
        return err_set(e, ERR_OUTPUT, "%s would become %s, which is there already",
                       QUOTED(moved[0]), QUOTED(name));
    }
    if (folder) {
        return err_sys(e, ERR_OUTPUT, EEXIST, "create the folder %s/%s", r->where, name);
    }
    return err_set(e, ERR_OUTPUT, "%s would be written, but is there already", QUOTED(name));
}

/* A folder that `path` needs in the new tree is a file there. */
static int folder_taken(const struct rewrite *r, const char *path, struct err *e)
{
    SCOPE_FREE char *above = path_parent(path);
    struct stat st;
    while (strcmp(above, ".") != 0 && fstatat(r->new_fd, above, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        char *up = path_parent(above);
        free(above);
        above = up;
    }
    return name_taken(r, above, true, e);
}

/* ---- by exchange ---- */

/* Errors by which a file system says "not this way": no hard links, no exchange, a folder that must
 * stay, no room for more names. In place less is needed. */
static bool another_way(int sys)
{
    return sys == EXDEV || sys == EPERM || sys == EACCES || sys == EMLINK || sys == EOPNOTSUPP ||
           sys == EINVAL || sys == ENOSYS || sys == EBUSY || sys == EROFS || sys == ENOSPC ||
           sys == EDQUOT;
}

/* Links one file to its place in the new tree; 0 or errno. */
static int link_file(const struct rewrite *r, size_t i)
{
    const char *to = target(r, i);
    if (!to || linkat(r->dir_fd, r->files->v[i].path, r->new_fd, to, 0) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return errno;
    }
    SCOPE_FREE char *folder = path_parent(to);
    bool linked = io_mkdirs(r->new_fd, folder) == 0 &&
                  linkat(r->dir_fd, r->files->v[i].path, r->new_fd, to, 0) == 0;
    return linked ? 0 : errno;
}

/* Links come last: a folder of the new tree must not be made through one. */
static bool is_link(const struct rewrite *r, size_t i)
{
    return S_ISLNK(r->files->v[i].mode);
}

static int link_one(void *ctx, size_t i)
{
    const struct rewrite *r = ctx;
    return is_link(r, i) ? 0 : link_file(r, i);
}

/* What was linked so far, to be taken away again. */
struct linked {
    const struct rewrite *r;
    size_t first; /* of a range of files that are not links */
    size_t links; /* links among the files before this one are there */
};

static int unlink_new(void *ctx, size_t k)
{
    const struct linked *linked = ctx;
    const struct rewrite *r = linked->r;
    size_t i = linked->first + k;
    const char *to = target(r, i);
    if (to && (!is_link(r, i) || i < linked->links)) {
        (void)unlinkat(r->new_fd, to, 0);
    }
    return 0;
}

static void unlink_all_new(const struct rewrite *r, const struct parallel *p, size_t links)
{
    for (unsigned k = 0; k < p->n; k++) {
        struct parallel ignored;
        struct linked linked = {.r = r, .first = p->first[k], .links = links};
        (void)parallel_run(&ignored, p->done[k] - p->first[k], unlink_new, &linked, NULL);
    }
}

/* A folder of both trees has the mode and owner that it had. 0 or errno. */
static int keep_folder(const struct rewrite *r, const char *folder)
{
    struct stat old;
    struct stat now;
    if (fstatat(r->new_fd, folder, &now, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    }
    if (!S_ISDIR(now.st_mode) || fstatat(r->dir_fd, folder, &old, AT_SYMLINK_NOFOLLOW) != 0) {
        return 0;
    }
    if (old.st_uid != now.st_uid || old.st_gid != now.st_gid) {
        (void)!fchownat(r->new_fd, folder, old.st_uid, old.st_gid, AT_SYMLINK_NOFOLLOW);
    }
    if (old.st_mode != now.st_mode) {
        (void)!fchmodat(r->new_fd, folder, old.st_mode & 07777, 0);
    }
    return 0;
}

/* Calls for every folder of the listing once, behind all that it holds: the listing is sorted, so
 * what a folder holds is in one piece. The first errno, or 0. */
static int each_folder(const struct rewrite *r, int (*call)(const struct rewrite *, const char *))
{
    for (size_t i = r->files->n; i-- > 0;) {
        const char *path = r->files->v[i].path;
        const char *next = i > 0 ? r->files->v[i - 1].path : "";
        size_t shared = 0; /* the folders that the next file lies in too */
        for (size_t n = 0; path[n] && path[n] == next[n]; n++) {
            shared = path[n] == '/' ? n + 1 : shared;
        }
        for (size_t n = strlen(path); n-- > shared;) {
            if (path[n] == '/') {
                SCOPE_FREE char *folder = xstrndup(path, n);
                int sys = call(r, folder);
                if (sys != 0) {
                    return sys;
                }
            }
        }
    }
    return 0;
}

static int unlink_old(void *ctx, size_t i)
{
    const struct rewrite *r = ctx;
    (void)unlinkat(r->dir_fd, r->files->v[i].path, 0);
    return 0;
}

static int remove_folder(const struct rewrite *r, const char *folder)
{
    (void)unlinkat(r->dir_fd, folder, AT_REMOVEDIR);
    return 0;
}

/* The old tree, by what is known of it; whatever else it holds goes with the hidden folder. */
static void remove_old(const struct rewrite *r)
{
    struct parallel ignored;
    (void)parallel_run(&ignored, r->files->n, unlink_old, (void *)(uintptr_t)r, NULL);
    (void)each_folder(r, remove_folder);
}

static int link_failed(const struct rewrite *r, size_t i, int sys, struct err *e)
{
    const char *path = r->files->v[i].path;
    const char *to = target(r, i);
    struct stat st;
    if (sys == EEXIST) {
        bool folder = fstatat(r->new_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
        return name_taken(r, to, folder, e);
    }
    if (sys == ENOTDIR) {
        return folder_taken(r, to, e);
    }
    return to == path ? err_sys(e, ERR_OUTPUT, sys, "link %s/%s", r->where, path)
                      : err_sys(e, ERR_OUTPUT, sys, "move %s/%s to %s", r->where, path, to);
}

/* 0; 1 when the file system says "not this way" and all is as before; negative on failure. */
static int exchange(const struct rewrite *r, struct err *e)
{
    struct parallel p;
    size_t links = 0;
    int rc = parallel_run(&p, r->files->n, link_one, (void *)(uintptr_t)r, e);
    size_t failed = p.failed;
    for (; rc == 0 && links < r->files->n; links += rc == 0) {
        rc = is_link(r, links) ? link_file(r, links) : 0;
        failed = links;
    }
    bool linked = rc == 0;
    rc = rc ? rc : each_folder(r, keep_folder);
    rc = rc ? rc : stop_check(e);
    if (rc == 0 &&
        renameat2(r->parent_fd, path_base(r->path), r->hidden.fd, NEW, RENAME_EXCHANGE) != 0) {
        rc = errno;
    }
    if (rc == 0) {
        return 0;
    }
    if (another_way(rc)) {
        rc = 1;
    } else if (rc > 0) {
        rc = linked ? err_sys(e, ERR_OUTPUT, rc, "replace %s", r->where)
                    : link_failed(r, failed, rc, e);
    }
    unlink_all_new(r, &p, links);
    return rc;
}

/* ---- in place ---- */

/* The hidden folder, when it is still beside the folder. */
static int move_hidden_inside(struct rewrite *r, struct err *e)
{
    if (r->hidden.dir_fd == r->dir_fd) {
        return 0;
    }
    if (renameat2(r->hidden.dir_fd, r->hidden.name, r->dir_fd, r->hidden.name, RENAME_NOREPLACE) !=
        0) {
        return err_sys(e, ERR_OUTPUT, errno, "move the temporaries into %s", r->where);
    }
    r->hidden.dir_fd = r->dir_fd;
    return 0;
}

/* A file of another mount cannot be renamed: a copy takes its way, and the original is unlinked
 * after the commit. A kill before leaves the original, one after leaves both until the next run. */
static int copy_foreign(const struct rewrite *r, size_t i, struct err *e)
{
    const char *path = r->files->v[i].path;
    const char *to = r->to[i];
    struct stat st;
    SCOPE_FREE char *folder = path_parent(to);
    SCOPE_FD int from = openat(r->dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (from < 0 || fstat(from, &st) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "open %s/%s", r->where, path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_sys(e, ERR_OUTPUT, EXDEV, "move %s/%s to %s", r->where, path, to);
    }
    if (io_mkdirs(r->new_fd, folder) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "create %s/%s", r->where, folder);
    }
    SCOPE_FD int fd = openat(r->new_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? name_taken(r, to, false, e)
                               : err_sys(e, ERR_OUTPUT, errno, "create %s/%s", r->where, to);
    }
    int rc = io_copy(from, fd, (uint64_t)st.st_size, false, path, e);
    if (rc != 0) {
        return rc;
    }
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    (void)!fchown(fd, st.st_uid, st.st_gid);
    (void)fchmod(fd, st.st_mode & 07777);
    (void)futimens(fd, times);
    return close_now(&fd) == 0 ? 0 : err_sys(e, ERR_OUTPUT, errno, "close %s/%s", r->where, to);
}

/* Files that must make room first: each is dropped, or its name is to be another's. */
static int mark_aside(const struct rewrite *r, const struct dir_listing *written, bool *aside,
                      struct err *e)
{
    for (size_t i = 0; i < r->files->n + written->n; i++) {
        bool is_new = i >= r->files->n;
        const char *name = is_new ? written->v[i - r->files->n].path : r->to[i];
        size_t there = name && (is_new || !r->dropped[i]) ? find_file(r, name) : r->files->n;
        if (there < r->files->n && target(r, there) == r->files->v[there].path) {
            return name_taken(r, name, false, e);
        }
        if (there < r->files->n) {
            aside[there] = true;
        }
        if (!is_new && r->dropped[i]) {
            aside[i] = true;
        }
    }
    return 0;
}

static int add_rename(const struct rewrite *r, const char *now, const char *from, const char *to,
                      struct str *row, struct err *e)
{
    struct stat st;
    if (fstatat(r->dir_fd, now, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s/%s", r->where, now);
    }
    journal_rename(row, &st, from, to);
    return 0;
}

/* The renames: first what is put aside, then the moves, then the caller's files. */
static int fill_row(const struct rewrite *r, const struct dir_listing *written, const bool *aside,
                    struct str *row, struct err *e)
{
    int rc = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; rc == 0 && i < r->files->n; i++) {
            const char *path = r->files->v[i].path;
            bool moves = target(r, i) != path;
            if (!moves || (pass == 0 && !aside[i]) || (pass == 1 && r->dropped[i]) ||
                is_foreign(r, i)) {
                continue;
            }
            SCOPE_FREE char *old = aside[i] ? xasprintf("%s/%s/%zu", r->hidden.name, OLD, i) : NULL;
            rc = i % STOP_STRIDE == 0 ? stop_check(e) : 0;
            rc = rc          ? rc
                 : pass == 0 ? add_rename(r, path, path, old, row, e)
                             : add_rename(r, path, old ? old : path, r->to[i], row, e);
        }
    }
    for (size_t i = 0; rc == 0 && i < written->n; i++) {
        const char *to = written->v[i].path;
        SCOPE_FREE char *from = xasprintf("%s/%s/%s", r->hidden.name, NEW, to);
        rc = add_rename(r, from, from, to, row, e);
    }
    return rc;
}

/* Copies what cannot be renamed and notes that the originals are to go. */
static int take_foreign(const struct rewrite *r, struct str *row, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->files->n; i++) {
        struct stat st;
        const char *path = r->files->v[i].path;
        if (target(r, i) == path || !is_foreign(r, i)) {
            continue;
        }
        if (fstatat(r->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "%s/%s", r->where, path);
        }
        rc = r->dropped[i] ? 0 : copy_foreign(r, i, e);
        journal_unlink(row, &st, path);
    }
    return rc;
}

/* Names the files, not our temporaries. */
static int step_failed(const struct rewrite *r, const struct journal_step *step, struct err *e)
{
    if (err_is_stop(e)) {
        return -(int)e->code;
    }
    if (e->sys != EEXIST) {
        return err_prefix(e, "%s", r->where);
    }
    return name_taken(r, step->to, false, e);
}

static int plan_row(const struct rewrite *r, struct str *row, struct err *e)
{
    SCOPE(dir_listing_free) struct dir_listing written = {0};
    SCOPE_FREE bool *aside = xcalloc(r->files->n, sizeof *aside);
    int rc = take_foreign(r, row, e);
    rc = rc ? rc : dir_list(r->new_fd, ".", "", 0, ERR_OUTPUT, &written, e);
    rc = rc ? rc : mark_aside(r, &written, aside, e);
    if (rc == 0 && mkdirat(r->hidden.fd, OLD, 0700) != 0) {
        rc = err_sys(e, ERR_OUTPUT, errno, "create a folder for temporaries in %s", r->where);
    }
    return rc ? rc : fill_row(r, &written, aside, row, e);
}

static int in_place(struct rewrite *r, struct err *e)
{
    SCOPE(str_free) struct str row = STR_INIT(0);
    struct journal_step step = {0};
    bool stuck = false;
    int rc = move_hidden_inside(r, e);
    rc = rc ? rc : plan_row(r, &row, e);
    rc = rc ? rc : journal_write(r->hidden.fd, &row, e);
    if (rc == 0) {
        rc = journal_run(r->dir_fd, r->hidden.fd, &row, &step, &stuck, e);
        rc = rc ? step_failed(r, &step, e)
                : journal_commit(r->dir_fd, r->hidden.fd, &row, &stuck, e);
    }
    if (stuck) {
        hidden_leave(&r->hidden); /* it holds what is needed to undo the rest */
    }
    return rc;
}

int rewrite_commit(struct rewrite **rp, struct err *e)
{
    struct rewrite *r = *rp;
    int rc = r->in_place ? 1 : exchange(r, e);
    if (rc == 0) {
        remove_old(r);
    } else if (rc > 0) {
        r->in_place = true;
        rc = in_place(r, e);
    }
    rewrite_abort(rp); /* the hidden folder goes: what the commit left in it is the old tree */
    return rc;
}

/* ---- after a kill ---- */

int rewrite_recover(const char *dir, struct err *e)
{
    SCOPE_FREE char *path = realpath(dir, NULL);
    if (!path) {
        return errno == ENOENT ? 0 : err_sys(e, ERR_OUTPUT, errno, "%s", dir);
    }
    SCOPE_FREE char *parent = path_parent(path);
    SCOPE_FD int parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent_fd >= 0 && strcmp(path, "/") != 0) {
        struct err ignored; /* other people's: theirs to mend */
        (void)hidden_sweep(parent_fd, parent, journal_recover, &ignored);
    }
    SCOPE_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", dir);
    }
    return hidden_sweep(fd, dir, journal_recover, e);
}
