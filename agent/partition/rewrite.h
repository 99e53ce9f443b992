/* SPDX-License-Identifier: MIT
 *
 * Rewriting a folder as a whole: the new tree is built aside, hidden, on the same file system, and
 * takes the folder's place at once. Until rewrite_commit the folder is as it was; after a kill at
 * any point it is either as it was or completely rewritten, where the file system can exchange two
 * folders in one call. Where it cannot (the folder is a mount point, its parent cannot be written,
 * the caller's working folder lies in it), the commit is a row of renames that a journal lists: a
 * kill in between is undone by the next rewrite_recover. Files on a file system that is mounted
 * below the folder are copied when they move, and their originals go last.
 *
 *     rewrite_recover(dir, e)
 *     ... list the folder ...
 *     SCOPE(rewrite_abort) struct rewrite *r = NULL;
 *     rewrite_open(&r, dir, &files, 0, e)
 *     write new files below rewrite_fd(r), under their final names
 *     rewrite_move(r, i, "k=v/a.csv"), rewrite_drop(r, j) for entries of `files`; the rest stays
 *     rewrite_commit(&r, e)
 */
#ifndef PARTITION_REWRITE_H
#define PARTITION_REWRITE_H

#include <stddef.h>

#include "base/dir.h"
#include "base/err.h"

struct rewrite;

/* Undoes what a killed rewrite of `dir` left: hidden folders nobody holds are removed, a journal is
 * rolled back (a file that has been made anew meanwhile wins over the one put aside). No work when
 * there is nothing. ERR_OUTPUT when it cannot be undone. */
int rewrite_recover(const char *dir, struct err *e);

enum rewrite_flags {
    REWRITE_IN_PLACE = 1u << 0, /* `dir` must stay the same folder: somebody's working folder */
};

/* Begins. `files` is the listing of all of `dir`, without folders, in its order (base/dir.h);
 * borrowed until the end. */
int rewrite_open(struct rewrite **out, const char *dir, const struct dir_listing *files,
                 unsigned flags, struct err *e);

/* A folder in which new files are written under their final relative paths (the caller makes the
 * folders between); stays the rewrite's. What is made in it inherits as if made in `dir` (group,
 * default ACL). */
int rewrite_fd(const struct rewrite *r);

/* files->v[i] will be at `to` (copied), or gone. */
void rewrite_move(struct rewrite *r, size_t i, const char *to);
void rewrite_drop(struct rewrite *r, size_t i);

/* All at once; `*r` is NULL afterwards. On failure (ERR_OUTPUT, or a stop) the folder is as it was.
 * A name that two would have is an error that names both. Empty folders do not stay. Files keep
 * all they have (they are linked or renamed), folders that are made anew mode and owner. */
int rewrite_commit(struct rewrite **r, struct err *e);

/* Removes what was built. NULL is fine. */
void rewrite_abort(struct rewrite **r);

#endif
