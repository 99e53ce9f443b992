/* SPDX-License-Identifier: MIT
 *
 * Recursive, sorted listing of a folder. Links are reported, never followed, unless asked for.
 * Names that begin with ".procagent-" are the agent's own temporaries and are left out. One
 * descriptor is open at a time, whatever the depth.
 */
#ifndef BASE_DIR_H
#define BASE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

#define OWN_TEMP_PREFIX ".procagent-"

struct dir_entry {
    char *path;    /* relative to the walked folder; owned by the listing */
    mode_t mode;   /* file type and permission bits */
    uint64_t size; /* bytes, for regular files */
    dev_t dev;     /* with ino: which file it is */
    ino_t ino;
    int64_t mtime_ns; /* when its bytes changed last; nanoseconds since the epoch */
    int64_t ctime_ns; /* the same of its bytes, names and modes */
};

struct dir_listing {
    struct dir_entry *v; /* sorted by path, bytewise */
    size_t n;
    size_t cap;
};

enum dir_flags {
    DIR_FOLLOW = 1u << 0,    /* links are seen as what they point to; dangling ones are left out */
    DIR_WITH_DIRS = 1u << 1, /* directories are listed too, before what they hold */
    DIR_WITH_OWN = 1u << 2,  /* the agent's own temporaries are listed too */
};

/* Lists what lies below `root` (opened relative to dir_fd). `prefix` (may be "") limits the listing
 * to paths that begin with it, and only the folders that can hold such are read. Errors have code
 * `code` and name the path; a missing root is an empty listing. Depth is limited to 128. */
int dir_list(int dir_fd, const char *root, const char *prefix, unsigned flags, enum err_code code,
             struct dir_listing *out, struct err *e);

/* The names in the open folder `fd`, without "." and "..", as they come; `fd` is taken. 0, or -1
 * with errno. */
int dir_names(int fd, struct strvec *out);

void dir_listing_free(struct dir_listing *list);

/* Removes the empty directories below `root`, deepest first; `root` itself stays. Best effort. */
void dir_prune_empty(int dir_fd, const char *root);

/* Removes the tree `path`, which is ours. Best effort; 0 when it is gone. */
int dir_remove_tree(int dir_fd, const char *path);

/* Removes the folder `path` and those above it, as far up as they are empty. */
void dir_remove_empty_up(int dir_fd, const char *path);

/* Is the open folder `fd` the folder `dir`, or does it lie in it? */
bool dir_holds(const char *dir, int fd);

#endif
