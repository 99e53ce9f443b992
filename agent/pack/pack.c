/* SPDX-License-Identifier: MIT
 *
 * Packing outputs. See pack.h. bundle.c makes the archive; here is what goes in, and in which order
 * things happen so that at every moment either the loose files or the archive are there.
 */
#include "pack/pack.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/glob.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/parallel.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/utf8.h"
#include "pack/bundle.h"

enum { READ_SIZE = 256 * 1024 };
/* Between two looks at the stop signals. */
static const uint64_t STOP_STEP = 4u << 20;

/* One output while it is packed. */
struct archiving {
    const struct output *output;
    int64_t mtime;            /* of every member: the job's time in seconds */
    int dir_fd;               /* the output's folder */
    struct dir_listing files; /* the members-to-be, sorted */
    struct newfile archive;   /* the archive, until it is committed */
    struct bundle *bundle;    /* writes to archive.fd */
    char *buf;                /* READ_SIZE bytes */
};

/* What a name must not be, or NULL. */
static const char *bad_name(const char *name)
{
    if (strchr(name, '/')) {
        return "must be a file name without \"/\": the archive lies at the root of the output";
    }
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return "must be a file name";
    }
    if (str_starts(name, OWN_TEMP_PREFIX)) {
        return "must not begin with \"" OWN_TEMP_PREFIX "\", which is the agent's own";
    }
    if (!utf8_valid(name, strlen(name))) {
        return "must be UTF-8: it becomes part of an S3 key";
    }
    if (strlen(name) > NAME_MAX) {
        return "must have at most 255 bytes";
    }
    const char *ending;
    if (bundle_kind_of(name, &ending) == BUNDLE_NONE) {
        return "must end with .tar.gz, .tgz, .tar.zst or .zip, which says what is made";
    }
    if (strcmp(name, ending) == 0) {
        return "must have something before its ending";
    }
    return NULL;
}

static int check_output(const struct output *out, struct err *e)
{
    const char *bad = bad_name(out->pack);
    if (bad) {
        return err_set(e, ERR_CONFIG, "%s: pack = %s: the name %s", out->pack_origin,
                       QUOTED(out->pack), bad);
    }
    if (!out->dir) {
        return err_set(e, ERR_CONFIG, "%s: pack = %s: output %s has no LocalPath to pack",
                       out->pack_origin, QUOTED(out->pack), QUOTED(out->name));
    }
    if (out->upload_mode == UPLOAD_CONTINUOUS) {
        return err_set(
            e, ERR_CONFIG,
            "%s: pack = %s: output %s has S3UploadMode Continuous, which uploads files while "
            "the transform runs, before they can be packed: use S3UploadMode EndOfJob",
            out->pack_origin, QUOTED(out->pack), QUOTED(out->name));
    }
    return 0;
}

int pack_check(struct job *job, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        if (out->pack) {
            rc = check_output(out, e);
        } else if (out->packing.origin) {
            rc = err_set(e, ERR_CONFIG, "%s: output %s has no pack, say what is made: pack = NAME",
                         out->packing.origin, QUOTED(out->name));
        }
    }
    return rc;
}

static void archiving_free(struct archiving *p)
{
    free(p->buf);
    bundle_abort(&p->bundle); /* joins the pool, which writes to archive.fd */
    newfile_discard(&p->archive);
    dir_listing_free(&p->files);
    scope_close(&p->dir_fd);
}

/* Does any of the patterns fit? Each that does is noted in `used`. */
static bool any_fits(const struct strvec *patterns, const char *path, bool *used)
{
    bool fits = false;
    for (size_t i = 0; i < patterns->n; i++) {
        if (glob_fits(patterns->v[i], path)) {
            used[i] = true;
            fits = true;
        }
    }
    return fits;
}

/* A pattern that fits nothing is likely a mistake, or a file that should be there is missing. */
static void warn_unused(const struct output *out, const char *key, const struct strvec *patterns,
                        const bool *used)
{
    for (size_t i = 0; i < patterns->n; i++) {
        if (!used[i]) {
            log_warn("pack", "output %s: %s: no file fits %s: ignored", QUOTED(out->name), key,
                     QUOTED(patterns->v[i]));
        }
    }
}

/* Leaves in the listing what the output's patterns choose. */
static void choose(const struct output *out, struct dir_listing *list)
{
    const struct packing *by = &out->packing;
    SCOPE_FREE bool *included = xcalloc(by->include.n, sizeof *included);
    SCOPE_FREE bool *excluded = xcalloc(by->exclude.n, sizeof *excluded);
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct dir_entry *entry = &list->v[i];
        bool in = by->include.n == 0 || any_fits(&by->include, entry->path, included);
        bool off = any_fits(&by->exclude, entry->path, excluded);
        if (in && !off) {
            list->v[kept++] = *entry;
        } else {
            free(entry->path);
        }
    }
    list->n = kept;
    warn_unused(out, "pack_include", &by->include, included);
    warn_unused(out, "pack_exclude", &by->exclude, excluded);
}

/* Leaves in the listing what may become a member. Whatever else there is stays where it is. */
static void keep_members(struct archiving *p)
{
    const struct output *out = p->output;
    struct dir_listing *list = &p->files;
    size_t kept = 0;
    size_t odd = 0;
    char first_odd[320] = "";
    for (size_t i = 0; i < list->n; i++) {
        struct dir_entry *entry = &list->v[i];
        bool regular = S_ISREG(entry->mode);
        if (regular && strcmp(entry->path, out->pack) != 0) {
            list->v[kept++] = *entry;
            continue;
        }
        if (!regular && odd++ == 0) {
            (void)quote_text(first_odd, sizeof first_odd, entry->path);
        }
        free(entry->path);
    }
    list->n = kept;
    if (odd > 0) {
        log_warn("pack", "output %s: %zu links or special files, the first is %s: ignored",
                 QUOTED(out->name), odd, first_odd);
    }
}

/* Finds before the work what would go wrong after it: a folder where the archive goes, and folders
 * whose files could not be removed. The listing is sorted, so a folder's files mostly follow each
 * other. */
static int check_folders(const struct archiving *p, struct err *e)
{
    const struct output *out = p->output;
    struct stat st;
    if (fstatat(p->dir_fd, out->pack, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(st.st_mode)) {
            return err_set(e, ERR_OUTPUT, "%s: a folder of the archive's name is in the way",
                           QUOTED(out->pack));
        }
        log_warn("pack", "output %s: replacing the existing %s", QUOTED(out->name),
                 QUOTED(out->pack));
    }
    const char *last = NULL;
    for (size_t i = 0; i < p->files.n; i++) {
        const char *path = p->files.v[i].path;
        if (last && path_same_folder(last, path)) {
            continue;
        }
        last = path;
        SCOPE_FREE char *parent = path_parent(path);
        if (faccessat(p->dir_fd, parent, W_OK | X_OK, AT_EACCESS) != 0) {
            return err_sys(e, ERR_OUTPUT, errno,
                           "folder %s: its files could not be removed once packed", QUOTED(parent));
        }
    }
    return 0;
}

static void warn_shorter(const char *path, uint64_t missing)
{
    log_warn("pack",
             "%s became shorter while it was packed: %" PRIu64 " bytes at its end are zeros",
             QUOTED(path), missing);
}

static void warn_longer(const char *path, uint64_t size)
{
    log_warn("pack",
             "%s became longer while it was packed: only its first %" PRIu64 " bytes are packed",
             QUOTED(path), size);
}

/* The member's data. `e` names what failed: the file that was read or the archive written. */
static int pack_bytes(struct archiving *p, const char *path, int fd, uint64_t size, struct err *e)
{
    uint64_t left = size;
    uint64_t unchecked = 0;
    for (;;) {
        /* At the end one byte more than is due: a short answer says that the file has not grown. */
        size_t want = left < READ_SIZE ? (size_t)left + 1 : READ_SIZE;
        ssize_t got = read(fd, p->buf, want);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_sys(e, ERR_OUTPUT, errno, "read %s", QUOTED(path));
        }
        if (got == 0 && left > 0) {
            warn_shorter(path, left);
            return 0; /* the bundle fills up */
        }
        size_t due = (uint64_t)got > left ? (size_t)left : (size_t)got;
        if (bundle_data(p->bundle, p->buf, due, e) != 0) {
            return err_prefix(e, "%s", QUOTED(p->output->pack));
        }
        left -= due;
        if ((size_t)got > due) {
            warn_longer(path, size);
        }
        if (left == 0 && ((size_t)got > due || (size_t)got < want)) {
            return 0;
        }
        unchecked += due;
        if (unchecked >= STOP_STEP) {
            unchecked = 0;
            if (stop_check(e) != 0) {
                return -(int)e->code;
            }
        }
    }
}

static int pack_file(struct archiving *p, const struct dir_entry *entry, struct err *e)
{
    int rc = stop_check(e);
    if (rc != 0) {
        return rc;
    }
    /* Without O_NONBLOCK a FIFO put in the file's place would hold us for ever. */
    SCOPE_FD int fd =
        openat(p->dir_fd, entry->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "read %s", QUOTED(entry->path));
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(e, ERR_OUTPUT, "%s was a file and is none any more", QUOTED(entry->path));
    }
    uint64_t size = (uint64_t)st.st_size;
    rc = bundle_member(p->bundle, entry->path, st.st_mode, size, e);
    if (rc != 0) {
        return err_prefix(e, "%s", QUOTED(p->output->pack));
    }
    return pack_bytes(p, entry->path, fd, size, e);
}

static int write_archive(struct archiving *p, uint64_t *size, struct err *e)
{
    const char *name = p->output->pack;
    int rc = newfile_open(&p->archive, p->dir_fd, name, 0666, e);
    if (rc == 0) {
        rc = bundle_open(&p->bundle, p->archive.fd, bundle_kind_of(name, NULL),
                         p->output->packing.level, p->mtime, e);
    }
    p->buf = xmalloc(READ_SIZE);
    for (size_t i = 0; rc == 0 && i < p->files.n; i++) {
        rc = pack_file(p, &p->files.v[i], e);
    }
    if (rc != 0) {
        return rc;
    }
    if (bundle_finish(&p->bundle, size, e) != 0) {
        return err_prefix(e, "%s", QUOTED(name));
    }
    return newfile_commit(&p->archive, 0, e);
}

static int remove_one(void *packing, size_t i)
{
    const struct archiving *p = packing;
    return unlinkat(p->dir_fd, p->files.v[i].path, 0) == 0 || errno == ENOENT ? 0 : errno;
}

/* The archive is complete and has its name: now, and only now, its members may go. */
static int remove_members(struct archiving *p, struct err *e)
{
    struct parallel run;
    int sys = parallel_run(&run, p->files.n, remove_one, p, NULL);
    if (sys != 0) {
        return err_sys(e, ERR_OUTPUT, sys, "remove %s, which is packed",
                       QUOTED(p->files.v[run.failed].path));
    }
    dir_prune_empty(p->dir_fd, ".");
    return 0;
}

/* "1,234,567". */
static const char *grouped(char *buf, size_t size, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t at = 0;
    for (int i = 0; i < len && at + 2 < size; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            buf[at++] = ',';
        }
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}

static int pack_folder(struct archiving *p, struct output *out, struct err *e)
{
    p->dir_fd = open(out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->dir_fd < 0 && errno != ENOENT) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", out->dir);
    }
    if (p->dir_fd >= 0) {
        newfile_sweep(p->dir_fd, ".");
        int rc = dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &p->files, e);
        if (rc != 0) {
            return rc;
        }
        keep_members(p);
        choose(p->output, &p->files);
    }
    if (p->files.n == 0) {
        log_warn("pack", "output %s holds no files to pack, no %s is made: ignored",
                 QUOTED(out->name), QUOTED(out->pack));
        return 0;
    }
    uint64_t size = 0;
    int rc = check_folders(p, e);
    rc = rc ? rc : write_archive(p, &size, e);
    rc = rc ? rc : remove_members(p, e);
    if (rc != 0) {
        return rc;
    }
    out->members = p->files.n;
    out->packed_bytes = size;
    char members[32];
    char bytes[32];
    log_info("pack", "output %s: %s file%s -> %s (%s bytes)", QUOTED(out->name),
             grouped(members, sizeof members, out->members), out->members == 1 ? "" : "s",
             out->pack, grouped(bytes, sizeof bytes, size));
    return 0;
}

int pack_outputs(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        if (!out->pack) {
            continue;
        }
        /* Floor, also before 1970. */
        int64_t mtime = job->time_ns / NS_PER_S - (job->time_ns % NS_PER_S < 0);
        SCOPE(archiving_free)
        struct archiving p = {.output = out, .mtime = mtime, .dir_fd = -1, .archive = NEWFILE_NONE};
        out->members = 0;
        out->packed_bytes = 0;
        int rc = pack_folder(&p, out, e);
        if (rc != 0 && err_is_stop(e)) {
            return rc;
        }
        if (rc != 0) {
            return err_prefix(e, "output %s", QUOTED(out->name));
        }
    }
    return 0;
}
