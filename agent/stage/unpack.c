/* SPDX-License-Identifier: MIT
 *
 * Unpacking. See unpack.h.
 *
 * libarchive reads, this file writes: into a hidden folder that nobody else can enter, in which no
 * symbolic link exists until every file was written, so that no path can lead out of it. Then
 * stage/merge moves all of it into place. That folder is also the record of the names seen: a
 * million of them need no memory of ours.
 */
#include "stage/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hidden.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/str.h"
#include "stage/member.h"
#include "stage/merge.h"
#include "stage/packed.h"

enum {
    STOP_STEP = 4 << 20,    /* bytes between two looks at the stop signals */
    ENTRY_COST = 16 * 1024, /* what a member, however small, counts as there */
    ZIP_BLOCK = 64 * 1024,
};
static const uint64_t RATIO_FROM = 16u << 20;
static const char TREE[] = "tree"; /* in the hidden folder, whose own names have a meaning */

enum format { FORMAT_TAR, FORMAT_ZIP, FORMAT_FILE };

static const struct kind {
    const char *suffix;
    enum format format;
    enum packing packing;
} KINDS[] = {
    {".tar.gz", FORMAT_TAR, PACKED_GZIP},  {".tgz", FORMAT_TAR, PACKED_GZIP},
    {".tar.zst", FORMAT_TAR, PACKED_ZSTD}, {".tar", FORMAT_TAR, PACKED_NOT},
    {".zip", FORMAT_ZIP, PACKED_NOT},      {".gz", FORMAT_FILE, PACKED_GZIP},
};

struct link {
    char *path;   /* owned */
    char *target; /* owned */
};

struct unpack {
    const char *path; /* the archive's */
    const char *name; /* its last part */
    const struct kind *kind;
    const struct unpack_limits *limits;
    uint64_t ratio_bytes; /* what max_ratio allows for this archive */
    int fd;               /* borrowed: the archive */
    int tree;             /* borrowed: the folder that is written to */
    struct packed packed;
    struct archive *a;  /* not with FORMAT_FILE */
    struct link *links; /* owned; made when all else is there */
    size_t n_links;
    size_t cap_links;
    uint64_t entries;
    uint64_t files;
    uint64_t bytes;
    uint64_t since_stop; /* since the last look at the stop signals */
    int read_rc;         /* why on_read failed, else 0; `read_e` says it */
    struct err read_e;
};

/* libarchive asks it which charset names are wanted in. A static program has the "C" locale only,
 * in which a zip's UTF-8 names are refused and come out as NULL, so the answer is UTF-8, in which
 * they are passed through. Nothing else in the program asks. */
char *nl_langinfo(nl_item item)
{
    return (char *)(uintptr_t)(item == CODESET ? "UTF-8" : "");
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (str_ends(name, KINDS[i].suffix)) {
            return strlen(name) > strlen(KINDS[i].suffix) ? &KINDS[i] : NULL;
        }
    }
    return NULL;
}

bool unpack_wanted(const char *name)
{
    return find_kind(path_base(name)) != NULL;
}

/* ---- refusals ---- */

static int refuse(const char *member, const char *why, struct err *e)
{
    return err_set(e, ERR_INPUT, "member %s %s; pack the archive again without that",
                   QUOTED(member), why);
}

/* libarchive failed, or our reader below it. `member` may be NULL. */
static int failed(const struct unpack *u, const char *member, struct err *e)
{
    if (u->read_rc != 0) {
        *e = u->read_e;
        return u->read_rc;
    }
    const char *text = archive_error_string(u->a);
    text = text ? text : "cut short";
    if (archive_errno(u->a) == ENOMEM) {
        return err_set(e, ERR_INTERNAL, "%s", text);
    }
    return member ? err_set(e, ERR_INPUT, "member %s is damaged (%s); fetch the archive again",
                            QUOTED(member), text)
                  : err_set(e, ERR_INPUT, "is damaged or no %s (%s); fetch it again",
                            u->kind->format == FORMAT_ZIP ? "zip" : "tar", text);
}

/* Work of that size was done: is it time to look for a stop? */
static int tick(struct unpack *u, uint64_t n, struct err *e)
{
    u->since_stop += n;
    if (u->since_stop < STOP_STEP) {
        return 0;
    }
    u->since_stop = 0;
    return stop_check(e);
}

static int count_entry(struct unpack *u, struct err *e)
{
    u->entries++;
    if (u->limits->max_entries != 0 && u->entries > u->limits->max_entries) {
        return err_set(e, ERR_INPUT,
                       "has more than %llu members; raise unpack_max_entries if it is right so",
                       (unsigned long long)u->limits->max_entries);
    }
    return tick(u, ENTRY_COST, e);
}

/* `more` bytes are about to be written. */
static int count_bytes(struct unpack *u, const char *member, uint64_t more, struct err *e)
{
    uint64_t sum = 0;
    bool over = __builtin_add_overflow(u->bytes, more, &sum);
    if (u->limits->max_bytes != 0 && (over || sum > u->limits->max_bytes)) {
        return err_set(e, ERR_INPUT,
                       "holds more than %llu bytes (in member %s); raise unpack_max_size if it is "
                       "right so",
                       (unsigned long long)u->limits->max_bytes, QUOTED(member));
    }
    if (over || sum > u->ratio_bytes) {
        return err_set(e, ERR_INPUT,
                       "holds more than %llu times its size (in member %s); raise "
                       "unpack_max_ratio if it is right so",
                       (unsigned long long)u->limits->max_ratio, QUOTED(member));
    }
    u->bytes = sum;
    return 0;
}

/* ---- writing ---- */

static bool is_folder(const struct unpack *u, const char *path)
{
    struct stat st;
    return fstatat(u->tree, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Something cannot be made at `path` in the tree. */
static int no_room(const struct unpack *u, const char *path, int sys, struct err *e)
{
    if (sys == EEXIST) {
        return refuse(path,
                      is_folder(u, path) ? "is a folder, and also a file or link"
                                         : "is there twice, or is a file and a folder",
                      e);
    }
    if (sys == ENOTDIR) {
        return refuse(path, "lies below another one that is a file", e);
    }
    return err_sys(e, ERR_INPUT, sys, "create member %s after %llu bytes of all", QUOTED(path),
                   (unsigned long long)u->bytes);
}

/* Makes the first `n` bytes of `path` a folder, and those above it. */
static int make_folders(struct unpack *u, const char *path, size_t n, struct err *e)
{
    SCOPE_FREE char *at = xstrndup(path, n);
    for (size_t i = 1; i <= n; i++) {
        if (at[i] != '/' && at[i] != '\0') {
            continue;
        }
        char end = at[i];
        at[i] = '\0';
        if (mkdirat(u->tree, at, 0755) == 0) {
            int rc = count_entry(u, e);
            if (rc != 0) {
                return rc;
            }
        } else {
            int sys = errno;
            if (sys != EEXIST || !is_folder(u, at)) {
                return no_room(u, at, sys, e);
            }
        }
        at[i] = end;
    }
    return 0;
}

static int make_parents(struct unpack *u, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    return slash ? make_folders(u, path, (size_t)(slash - path), e) : 0;
}

static int create_new(const struct unpack *u, const char *path, mode_t mode)
{
    return openat(u->tree, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

/* A new file below the tree, and the folders above it. */
static int create(struct unpack *u, const char *path, mode_t mode, int *out, struct err *e)
{
    int fd = create_new(u, path, mode);
    if (fd < 0 && errno == ENOENT) {
        int rc = make_parents(u, path, e);
        if (rc != 0) {
            return rc;
        }
        fd = create_new(u, path, mode);
    }
    *out = fd;
    return fd < 0 ? no_room(u, path, errno, e) : 0;
}

static int cannot_write(const struct unpack *u, const char *path, struct err *e)
{
    return err_sys(e, ERR_INPUT, errno,
                   "write member %s, %llu bytes into the archive; make room or unpack elsewhere",
                   QUOTED(path), (unsigned long long)u->bytes);
}

/* Bytes go to their place; `*end` is where the file ends so far. */
static int write_at(struct unpack *u, int fd, const char *path, const char *bytes, size_t n,
                    uint64_t offset, uint64_t *end, struct err *e)
{
    uint64_t stop = 0;
    if (__builtin_add_overflow(offset, n, &stop) || stop > INT64_MAX) {
        return refuse(path, "has bytes beyond what a file can hold", e);
    }
    int rc = stop > *end ? count_bytes(u, path, stop - *end, e) : 0;
    while (rc == 0 && n > 0) {
        ssize_t put = pwrite(fd, bytes, n, (off_t)offset);
        if (put < 0 && errno != EINTR) {
            return cannot_write(u, path, e);
        }
        put = put < 0 ? 0 : put;
        bytes += put;
        n -= (size_t)put;
        offset += (uint64_t)put;
        rc = tick(u, (uint64_t)put, e);
    }
    *end = stop > *end ? stop : *end;
    return rc;
}

/* ---- members ---- */

static int take_data(struct unpack *u, struct archive_entry *entry, int fd, const char *path,
                     struct err *e)
{
    uint64_t end = 0;
    for (;;) {
        const void *bytes = NULL;
        size_t n = 0;
        la_int64_t offset = 0;
        int status = archive_read_data_block(u->a, &bytes, &n, &offset);
        if (status == ARCHIVE_EOF) {
            break;
        }
        if (status != ARCHIVE_OK || offset < 0) {
            return failed(u, path, e);
        }
        int rc = write_at(u, fd, path, bytes, n, (uint64_t)offset, &end, e);
        if (rc != 0) {
            return rc;
        }
    }
    la_int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    if (size <= 0 || (uint64_t)size <= end) {
        return 0;
    }
    if (u->kind->format == FORMAT_ZIP) {
        return refuse(path, "is shorter than the archive says", e);
    }
    /* a sparse file that ends in a hole */
    int rc = count_bytes(u, path, (uint64_t)size - end, e);
    return rc == 0 && ftruncate(fd, size) != 0 ? cannot_write(u, path, e) : rc;
}

static int take_file(struct unpack *u, struct archive_entry *entry, const char *path, struct err *e)
{
    SCOPE_FD int fd = -1;
    int rc = create(u, path, archive_entry_perm(entry) & 0111 ? 0755 : 0644, &fd, e);
    rc = rc ? rc : take_data(u, entry, fd, path, e);
    if (rc == 0 && close_now(&fd) != 0) {
        rc = cannot_write(u, path, e);
    }
    u->files += rc == 0;
    return rc;
}

static int take_hard_link(struct unpack *u, const char *path, const char *to, struct err *e)
{
    struct stat st;
    SCOPE(str_free) struct str target = STR_INIT(PATH_MAX - 1);
    const char *why = member_path(to, &target);
    if (why || fstatat(u->tree, str_text(&target), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(st.st_mode)) {
        return err_set(e, ERR_INPUT,
                       "member %s is a hard link to %s, which is no earlier file of the archive; "
                       "pack the archive again without that",
                       QUOTED(path), QUOTED(to));
    }
    int rc = make_parents(u, path, e);
    if (rc == 0 && linkat(u->tree, target.s, u->tree, path, 0) != 0) {
        rc = no_room(u, path, errno, e);
    }
    u->files += rc == 0;
    return rc;
}

/* The folders above a link are made at once, while no link is there that could be one of them. */
static int keep_link(struct unpack *u, const char *path, const char *target, struct err *e)
{
    const char *why = member_target(path, target ? target : "");
    int rc = why ? refuse(path, why, e) : make_parents(u, path, e);
    if (rc == 0) {
        u->links = vec_room(u->links, u->n_links, &u->cap_links, sizeof *u->links);
        u->links[u->n_links++] = (struct link){.path = xstrdup(path), .target = xstrdup(target)};
    }
    return rc;
}

static int make_links(struct unpack *u, struct err *e)
{
    for (size_t i = 0; i < u->n_links; i++) {
        const struct link *l = &u->links[i];
        if (symlinkat(l->target, u->tree, l->path) != 0) {
            return no_room(u, l->path, errno, e);
        }
        u->files++;
        int rc = tick(u, ENTRY_COST, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int take_member(struct unpack *u, struct archive_entry *entry, struct err *e)
{
    const char *name = archive_entry_pathname(entry);
    const char *hard = archive_entry_hardlink(entry);
    SCOPE(str_free) struct str path = STR_INIT(PATH_MAX - 1);
    int rc = count_entry(u, e);
    if (rc != 0) {
        return rc;
    }
    if (!name) {
        return err_set(e, ERR_INPUT,
                       "member %llu has a name that is not UTF-8 though it is marked so; pack the "
                       "archive again",
                       (unsigned long long)u->entries);
    }
    const char *why = member_path(name, &path);
    size_t whole = strlen(u->path) - strlen(u->name) + path.len;
    mode_t type = archive_entry_filetype(entry);
    bool folder = type == AE_IFDIR || (type == AE_IFREG && str_ends(name, "/"));
    if (!why && whole >= PATH_MAX) {
        why = "would have a path of more than 4095 bytes in its folder";
    }
    if (!why && path.len == 0 && !folder) {
        why = "has no name";
    }
    if (!why && str_same(path.s, u->name)) {
        why = "has the name of the archive itself";
    }
    if (!why && (archive_entry_is_encrypted(entry) || archive_entry_is_metadata_encrypted(entry))) {
        why = "is encrypted, and there is no password";
    }
    if (why) {
        return refuse(name, why, e);
    }
    if (hard) {
        return take_hard_link(u, path.s, hard, e);
    }
    if (folder) {
        u->entries--; /* counted where it is made */
        return path.len == 0 ? 0 : make_folders(u, path.s, path.len, e);
    }
    if (type == AE_IFREG) {
        return take_file(u, entry, path.s, e);
    }
    if (type == AE_IFLNK) {
        return keep_link(u, path.s, archive_entry_symlink(entry), e);
    }
    return refuse(name, "is neither file, folder nor link", e);
}

/* ---- archives ---- */

static la_ssize_t on_read(struct archive *a, void *data, const void **bytes)
{
    struct unpack *u = data;
    ssize_t n = packed_next(&u->packed, bytes, &u->read_e);
    u->read_rc = n < 0 ? (int)n : tick(u, (uint64_t)n, &u->read_e);
    if (u->read_rc != 0) {
        archive_set_error(a, EIO, "read");
        return ARCHIVE_FATAL;
    }
    return n;
}

/* A zip without members is its end record alone, where libarchive does not look for one. */
static bool is_empty_zip(const struct unpack *u)
{
    char end[23];
    return u->kind->format == FORMAT_ZIP && pread(u->fd, end, sizeof end, 0) == 22 &&
           memcmp(end, "PK\5\6", 4) == 0;
}

/* A zip is read by its directory only: its end is where truncation shows. */
static int open_archive(struct unpack *u, struct err *e)
{
    int status = ARCHIVE_FATAL;
    u->a = archive_read_new();
    if (!u->a) {
        return err_sys(e, ERR_INTERNAL, ENOMEM, "libarchive");
    }
    if (u->kind->format == FORMAT_ZIP) {
        status = archive_read_support_format_zip_seekable(u->a);
        status = status == ARCHIVE_OK ? archive_read_open_fd(u->a, u->fd, ZIP_BLOCK) : status;
    } else {
        status = archive_read_support_format_tar(u->a);
        status = status == ARCHIVE_OK ? archive_read_open(u->a, u, NULL, on_read, NULL) : status;
    }
    return status == ARCHIVE_OK ? 0 : failed(u, NULL, e);
}

/* What lies behind the last member is read, too, for the checksum that stands at its end. */
static int read_rest(struct unpack *u, struct err *e)
{
    const void *bytes = NULL;
    ssize_t n = 1;
    int rc = 0;
    while (rc == 0 && u->kind->format == FORMAT_TAR && n > 0) {
        n = packed_next(&u->packed, &bytes, e);
        rc = n < 0 ? (int)n : tick(u, (uint64_t)n, e);
    }
    return rc;
}

static int unpack_members(struct unpack *u, struct err *e)
{
    if (is_empty_zip(u)) {
        return 0;
    }
    int rc = open_archive(u, e);
    while (rc == 0) {
        struct archive_entry *entry = NULL;
        int status = archive_read_next_header(u->a, &entry);
        if (status == ARCHIVE_EOF) {
            rc = u->read_rc ? failed(u, NULL, e) : 0;
            break;
        }
        /* warnings are about what we ignore, owners and times, or leave the name NULL */
        rc = status == ARCHIVE_OK || status == ARCHIVE_WARN ? take_member(u, entry, e)
                                                            : failed(u, NULL, e);
    }
    rc = rc ? rc : read_rest(u, e);
    return rc ? rc : make_links(u, e);
}

/* The file NAME.gz. */
static int unpack_plain(struct unpack *u, struct err *e)
{
    SCOPE_FREE char *name = xstrndup(u->name, strlen(u->name) - strlen(u->kind->suffix));
    SCOPE_FD int fd = -1;
    uint64_t end = 0;
    ssize_t n = 1;
    int rc = create(u, name, 0644, &fd, e);
    while (rc == 0 && n > 0) {
        const void *bytes = NULL;
        n = packed_next(&u->packed, &bytes, e);
        rc = n < 0 ? (int)n : write_at(u, fd, name, bytes, (size_t)n, end, &end, e);
    }
    if (rc == 0 && close_now(&fd) != 0) {
        rc = cannot_write(u, name, e);
    }
    u->files = 1;
    return rc;
}

static void unpack_free(struct unpack *u)
{
    for (size_t i = 0; i < u->n_links; i++) {
        free(u->links[i].path);
        free(u->links[i].target);
    }
    free(u->links);
    (void)archive_read_free(u->a);
    packed_close(&u->packed);
}

/* ---- all of it ---- */

/* How large what comes out of an archive of that size may be. */
static uint64_t ratio_bytes(uint64_t size, uint64_t max_ratio)
{
    uint64_t most = 0;
    if (max_ratio == 0 || __builtin_mul_overflow(size, max_ratio, &most)) {
        return UINT64_MAX;
    }
    return most < RATIO_FROM ? RATIO_FROM : most;
}

/* Opens the archive and says what it may become. */
static int open_file(struct unpack *u, int dir_fd, int *fd, struct err *e)
{
    struct stat st;
    /* O_NONBLOCK: should it be a FIFO, nobody waits for its writer */
    *fd = openat(dir_fd, u->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0) {
        return err_sys(e, ERR_INPUT, errno, "open");
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        return err_set(e, ERR_INPUT, "is %s; fetch it again or set unpack = no",
                       S_ISREG(st.st_mode) ? "empty" : "no regular file");
    }
    u->fd = *fd;
    u->ratio_bytes = ratio_bytes((uint64_t)st.st_size, u->limits->max_ratio);
    return packed_open(&u->packed, u->fd, u->kind->packing, e);
}

/* Everything is in `from`: into the archive's folder with it, and away with the archive. */
static int into_place(const struct unpack *u, int dir_fd, const char *where, struct err *e)
{
    SCOPE(merge_free) struct merge m = {.from = u->tree, .to = dir_fd, .where = where};
    int rc = merge_check(&m, e);
    rc = rc ? rc : merge_move(&m, e);
    if (rc == 0 && unlinkat(dir_fd, u->name, 0) != 0) {
        rc = err_sys(e, ERR_INPUT, errno, "remove it, now that it is unpacked");
        merge_undo(&m);
    }
    return rc;
}

static void drop_hidden(struct hidden *h)
{
    (void)hidden_remove(h);
}

static int unpack_in(struct unpack *u, int dir_fd, const char *where, struct err *e)
{
    struct err ignored;
    SCOPE(drop_hidden) struct hidden hidden = HIDDEN_NONE;
    SCOPE_FD int fd = -1;
    SCOPE_FD int tree = -1;
    int rc = open_file(u, dir_fd, &fd, e);
    if (rc != 0) {
        return rc;
    }
    (void)hidden_sweep(dir_fd, where, NULL, &ignored);
    if (hidden_make(&hidden, dir_fd, where, e) != 0) {
        e->code = ERR_INPUT;
        return -(int)e->code;
    }
    if (mkdirat(hidden.fd, TREE, 0700) == 0) {
        tree = openat(hidden.fd, TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (tree < 0) {
        return err_sys(e, ERR_INPUT, errno, "create a folder in %s", where);
    }
    u->tree = tree;
    rc = u->kind->format == FORMAT_FILE ? unpack_plain(u, e) : unpack_members(u, e);
    return rc ? rc : into_place(u, dir_fd, where, e);
}

int unpack_file(const char *path, const struct unpack_limits *limits, uint64_t *files,
                uint64_t *bytes, struct err *e)
{
    SCOPE_FREE char *where = path_parent(path);
    SCOPE_FD int dir_fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE(unpack_free)
    struct unpack u = {
        .path = path, .name = path_base(path), .limits = limits, .packed = PACKED_NONE};
    u.kind = find_kind(u.name);
    int rc = 0;
    if (!u.kind) {
        rc = err_set(e, ERR_INTERNAL, "is no archive by its name");
    } else if (dir_fd < 0) {
        rc = err_sys(e, ERR_INPUT, errno, "open its folder");
    } else {
        rc = unpack_in(&u, dir_fd, where, e);
    }
    if (rc != 0) {
        return err_is_stop(e) ? rc : err_prefix(e, "unpack %s", QUOTED(path));
    }
    *files = u.files;
    *bytes = u.bytes;
    return 0;
}
