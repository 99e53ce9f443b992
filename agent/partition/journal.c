/* SPDX-License-Identifier: MIT
 *
 * A row of renames, undone or done. See journal.h.
 *
 * The row is a text of NUL-terminated fields, five a step: kind, inode, time of the last write,
 * from, to; and "end" behind the last. It is walked forwards to do it and backwards to undo it.
 */
#include "partition/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/hidden.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"

static const char STAGE[] = "partition";
static const char DONE[] = "done"; /* the journal's name after the commit */
static const char END[] = "end";   /* sizeof END bytes: with its NUL */
enum { FIELDS = 5, STOP_STRIDE = 32 };

/* ---- the row ---- */

static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static void add_step(struct str *row, char kind, const struct stat *st, const char *from,
                     const char *to)
{
    str_printf(row, "%c%c%llu%c%lld%c", kind, 0, (unsigned long long)st->st_ino, 0,
               (long long)mtime_ns(st), 0);
    str_add(row, from, strlen(from) + 1);
    str_add(row, to, strlen(to) + 1);
}

void journal_rename(struct str *row, const struct stat *st, const char *from, const char *to)
{
    add_step(row, 'R', st, from, to);
}

void journal_unlink(struct str *row, const struct stat *st, const char *path)
{
    add_step(row, 'U', st, path, "");
}

int journal_write(int hidden_fd, struct str *row, struct err *e)
{
    str_add(row, END, sizeof END);
    return newfile_write(hidden_fd, HIDDEN_JOURNAL, row->s, row->len, e);
}

static struct journal_step step_of(const char *const fields[FIELDS])
{
    return (struct journal_step){.kind = fields[0][0],
                                 .ino = (ino_t)strtoull(fields[1], NULL, 10),
                                 .mtime_ns = strtoll(fields[2], NULL, 10),
                                 .from = fields[3],
                                 .to = fields[4]};
}

/* The step at `*at`, which is moved behind it; false at the end. */
static bool step_forward(const struct str *row, size_t *at, struct journal_step *step)
{
    const char *fields[FIELDS];
    if (*at + sizeof END >= row->len) {
        return false;
    }
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = row->s + *at;
        *at += strlen(fields[i]) + 1;
    }
    *step = step_of(fields);
    return true;
}

/* The step that ends at `*at`, which is moved to its start; false at the start. */
static bool step_backward(const struct str *row, size_t *at, struct journal_step *step)
{
    const char *fields[FIELDS];
    if (*at == 0) {
        return false;
    }
    for (int i = FIELDS; i-- > 0;) {
        const char *nul = *at > 1 ? memrchr(row->s, '\0', *at - 1) : NULL;
        *at = nul ? (size_t)(nul - row->s) + 1 : 0;
        fields[i] = row->s + *at;
    }
    *step = step_of(fields);
    return true;
}

/* Behind the last step. */
static size_t row_end(const struct str *row)
{
    return row->len - sizeof END;
}

static bool is_below(const char *path)
{
    SCOPE_FREE char *clean = path_clean(path);
    return clean && *path != '/' && *path && strcmp(clean, path) == 0;
}

/* Is it what journal_write wrote? A power cut may leave anything, and paths that climb out of the
 * folder are nobody's. */
static bool row_is_sound(const struct str *row)
{
    if (row->len < sizeof END || memcmp(row->s + row_end(row), END, sizeof END) != 0 ||
        (row_end(row) > 0 && row->s[row_end(row) - 1] != '\0')) {
        return false;
    }
    size_t fields = 0;
    for (size_t at = 0; at < row_end(row); at += strlen(row->s + at) + 1) {
        fields++;
    }
    if (fields % FIELDS != 0) {
        return false;
    }
    struct journal_step step;
    for (size_t at = 0; step_forward(row, &at, &step);) {
        bool rename = step.kind == 'R' && is_below(step.to);
        if (!(rename || step.kind == 'U') || !is_below(step.from)) {
            return false;
        }
    }
    return true;
}

/* ---- renames ---- */

/* Renames, never over a file. 0, or -1 with errno. */
static int rename_new(int dir_fd, const char *from, const char *to)
{
    if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }
    /* NFS and some FUSE know plain renames only; nobody else is at work here but we. */
    struct stat st;
    if (fstatat(dir_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(dir_fd, from, dir_fd, to);
}

/* As rename_new, with the folders above `to` when there are none yet; -2 when they cannot be
 * made. */
static int rename_deep(int dir_fd, const char *from, const char *to)
{
    if (rename_new(dir_fd, from, to) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return -1;
    }
    SCOPE_FREE char *above = path_parent(to);
    return io_mkdirs(dir_fd, above) == 0 ? rename_new(dir_fd, from, to) : -2;
}

static bool is_gone(int dir_fd, const char *path)
{
    struct stat st;
    return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

/* Is the file at `path` the step's, not written since? */
static bool is_same(int dir_fd, const char *path, const struct journal_step *step)
{
    struct stat st;
    return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == step->ino &&
           mtime_ns(&st) == step->mtime_ns;
}

/* One file back. After a kill nobody knows whether the step was done, nor what was written since: a
 * file at `to` that is not the step's was there before or is newer, and one at `from` was made
 * anew; both win. What was put aside into the hidden folder can only be ours. */
static int undo_step(int dir_fd, const struct journal_step *step, bool known, struct err *e)
{
    bool aside = str_starts(step->to, OWN_TEMP_PREFIX);
    if (!known && (is_gone(dir_fd, step->to) || !(aside || is_same(dir_fd, step->to, step)))) {
        return 0;
    }
    if (rename_deep(dir_fd, step->to, step->from) == 0) {
        return 0;
    }
    int sys = errno;
    if (!known && (sys == EEXIST || sys == ENOTDIR) && unlinkat(dir_fd, step->to, 0) == 0) {
        return 0;
    }
    return err_sys(e, ERR_OUTPUT, sys, "%s could not be moved back to %s", QUOTED(step->to),
                   QUOTED(step->from));
}

/* Undoes the steps before `at` (which are `known` to be done, or not), tries them all, then removes
 * the folders that were made for them and the journal. The first error. */
static int undo(int dir_fd, int hidden_fd, const struct str *row, size_t at, bool known,
                struct err *e)
{
    struct journal_step step;
    int first = 0;
    for (size_t back = at; step_backward(row, &back, &step);) {
        struct err own;
        if (step.kind == 'R' && undo_step(dir_fd, &step, known, &own) != 0 && first == 0) {
            *e = own;
            first = -(int)own.code;
        }
    }
    if (first != 0) {
        return first;
    }
    const char *last = NULL;
    /* all of them: the step that failed may have made its folders */
    for (size_t forth = 0; step_forward(row, &forth, &step);) {
        if (step.kind == 'R' && !str_starts(step.to, OWN_TEMP_PREFIX) &&
            !(last && path_same_folder(last, step.to))) {
            SCOPE_FREE char *above = path_parent(step.to);
            dir_remove_empty_up(dir_fd, above);
            last = step.to;
        }
    }
    if (unlinkat(hidden_fd, HIDDEN_JOURNAL, 0) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "remove the journal of the moves");
    }
    return 0;
}

/* After a failure that `e` tells. */
static void undo_or_warn(int dir_fd, int hidden_fd, const struct str *row, size_t at, bool *stuck)
{
    struct err own;
    *stuck = undo(dir_fd, hidden_fd, row, at, true, &own) != 0;
    if (*stuck) {
        log_warn(STAGE, "%s; the next run will try again", own.text);
    }
}

int journal_run(int dir_fd, int hidden_fd, const struct str *row, struct journal_step *failed,
                bool *stuck, struct err *e)
{
    int rc = 0;
    size_t at = 0;
    size_t before = 0;
    unsigned until_look = 0;
    *stuck = false;
    while (rc == 0 && step_forward(row, &at, failed)) {
        if (until_look-- == 0) {
            until_look = STOP_STRIDE;
            rc = stop_check(e);
        }
        int renamed = rc || failed->kind != 'R' ? 0 : rename_deep(dir_fd, failed->from, failed->to);
        if (renamed == -2) {
            rc = err_sys(e, ERR_OUTPUT, errno, "create the folder of %s", failed->to);
        } else if (renamed != 0) {
            bool hidden = str_starts(failed->from, OWN_TEMP_PREFIX);
            rc = err_sys(e, ERR_OUTPUT, errno, "move %s to %s",
                         hidden ? "a new file" : failed->from, failed->to);
        }
        before = rc == 0 ? at : before;
    }
    rc = rc ? rc : stop_check(e);
    if (rc != 0) {
        undo_or_warn(dir_fd, hidden_fd, row, before, stuck);
    }
    return rc;
}

/* What the commit leaves to do; best effort. */
static void finish(int dir_fd, const struct str *row)
{
    struct journal_step step;
    for (size_t at = 0; step_forward(row, &at, &step);) {
        if (step.kind == 'U' && is_same(dir_fd, step.from, &step) &&
            unlinkat(dir_fd, step.from, 0) != 0) {
            log_warn(STAGE, "%s was copied to its partition, but cannot be removed: %s",
                     QUOTED(step.from), err_text(errno));
        }
    }
    dir_prune_empty(dir_fd, ".");
}

int journal_commit(int dir_fd, int hidden_fd, const struct str *row, bool *stuck, struct err *e)
{
    *stuck = false;
    if (renameat(hidden_fd, HIDDEN_JOURNAL, hidden_fd, DONE) != 0) {
        int rc = err_sys(e, ERR_OUTPUT, errno, "rename the journal of the moves");
        undo_or_warn(dir_fd, hidden_fd, row, row_end(row), stuck);
        return rc;
    }
    finish(dir_fd, row);
    return 0;
}

/* ---- after a kill ---- */

/* 0, 1 when there is no such file, or the error. */
static int read_row(int hidden_fd, const char *file, const char *where, const char *name,
                    struct str *row, struct err *e)
{
    int rc = io_read_file(hidden_fd, file, row, ERR_OUTPUT, e);
    if (rc == 0 && !row_is_sound(row)) {
        rc = err_set(e, ERR_OUTPUT, "not what procagent writes");
    }
    return rc < 0 ? err_prefix(e, "%s/%s/%s, which a killed run left", where, name, file) : rc;
}

int journal_recover(int dir_fd, const char *where, const char *name, int hidden_fd, struct err *e)
{
    SCOPE(str_free) struct str row = STR_INIT(0);
    int rc = read_row(hidden_fd, HIDDEN_JOURNAL, where, name, &row, e);
    if (rc == 0) {
        rc = undo(dir_fd, hidden_fd, &row, row_end(&row), false, e);
        return rc ? err_prefix(e, "%s: undoing what a killed run left in %s", where, name) : 0;
    }
    if (rc > 0) {
        rc = read_row(hidden_fd, DONE, where, name, &row, e);
        if (rc == 0) {
            finish(dir_fd, &row);
        }
    }
    return rc < 0 ? rc : 0;
}
