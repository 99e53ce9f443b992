/* SPDX-License-Identifier: MIT
 *
 * A row of renames in a folder that is done as a whole or undone. The row is written down, complete
 * or not at all, before the first rename; its file lies in a hidden folder (base/hidden.h) of the
 * folder that it is about, and all paths are relative to that folder:
 *
 *     journal_rename(&row, &st, "a.csv", "k=v/a.csv"), ...
 *     journal_write(hidden_fd, &row, e)
 *     journal_run(dir_fd, &row, &failed, e)      undone by itself when one fails
 *     journal_commit(dir_fd, hidden_fd, &row, e) the file gets another name: done
 *
 * After a kill, journal_recover undoes a row that was not committed and finishes one that was. It
 * can be killed in turn: undoing what is undone does nothing.
 */
#ifndef PARTITION_JOURNAL_H
#define PARTITION_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* One line of the row; the texts are borrowed from it. */
struct journal_step {
    char kind;        /* 'R' rename from -> to, 'U' unlink `from` after the commit */
    ino_t ino;        /* of the file; with mtime_ns it tells whether a file is the one meant */
    int64_t mtime_ns; /* when it was last written */
    const char *from; /* its name now */
    const char *to;   /* with 'R': its name then */
};

/* Appends to a row. `row` starts as STR_INIT(0), `st` is the file's. */
void journal_rename(struct str *row, const struct stat *st, const char *from, const char *to);
void journal_unlink(struct str *row, const struct stat *st, const char *path);

/* Writes the row, complete or not at all. Nothing may be appended afterwards. */
int journal_write(int hidden_fd, struct str *row, struct err *e);

/* Does the renames, with the folders that are wanted; none replaces a file. When one fails, or a
 * stop signal comes, those before it are undone and the journal's file is removed. `failed` is the
 * step that failed, and e->sys tells why: EEXIST when `to` is there already. When the undoing fails
 * too, `*stuck` is set: the journal's file is still there, for the next run. */
int journal_run(int dir_fd, int hidden_fd, const struct str *row, struct journal_step *failed,
                bool *stuck, struct err *e);

/* From here on the row is done. What is to be unlinked is, and folders that are empty go; best
 * effort. Fails as journal_run. */
int journal_commit(int dir_fd, int hidden_fd, const struct str *row, bool *stuck, struct err *e);

/* What a killed run left in a hidden folder of `dir_fd`: nothing to do when it holds no journal.
 * Undone means: every file is back under its name, unless a file of that name was made anew, which
 * then wins: the old one is discarded wherever it is. A hidden_look (base/hidden.h). */
int journal_recover(int dir_fd, const char *where, const char *name, int hidden_fd, struct err *e);

#endif
