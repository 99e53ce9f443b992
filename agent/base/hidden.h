/* SPDX-License-Identifier: MIT
 *
 * Hidden folders ".procagent-<random>" for temporaries, beside what they will become. A folder is
 * locked (flock) while its maker lives; one that nobody holds was left by a killed run, whoever
 * made it, and is swept by the next. Kill and crash release the lock, so it needs no other care.
 */
#ifndef BASE_HIDDEN_H
#define BASE_HIDDEN_H

#include <stdbool.h>

#include "base/err.h"

/* A file of this name in a hidden folder says that the folder around it is half changed: such a
 * hidden folder is removed only by who can read the journal, that is with a `look` below. */
#define HIDDEN_JOURNAL "journal"

struct hidden {
    int dir_fd; /* borrowed: the folder that it lies in */
    char *name; /* owned: its name there; NULL = there is none */
    int fd;     /* open and locked while `name` is not NULL, else -1 */
};

#define HIDDEN_NONE                          \
    {                                        \
        .dir_fd = -1, .name = NULL, .fd = -1 \
    }

/* Makes one in `dir_fd`, mode 0700, locked. `where` names that folder in errors (ERR_OUTPUT). */
int hidden_make(struct hidden *h, int dir_fd, const char *where, struct err *e);

/* Removes it and all it holds; best effort, 0 when it is gone. Nothing to do when there is none. */
int hidden_remove(struct hidden *h);

/* Lets go of it; it stays for the next sweep. */
void hidden_leave(struct hidden *h);

/* Asked before the unheld hidden folder `fd`, named `name` in `dir_fd`, is removed, with its lock
 * held: 0 = remove it, 1 = leave it, negative = leave it, `e` says why. */
typedef int hidden_look(int dir_fd, const char *where, const char *name, int fd, struct err *e);

/* Removes the hidden folders in `dir_fd` that nobody holds; `look` may be NULL. In a folder that
 * many may write but only owners may clear (the sticky bit, as of /tmp) only our own. The first
 * error is returned, the others are swept all the same; what cannot be removed is no error. */
int hidden_sweep(int dir_fd, const char *where, hidden_look *look, struct err *e);

/* Is there a hidden folder in `dir_fd`? After a sweep: one that somebody holds. */
bool hidden_present(int dir_fd);

#endif
