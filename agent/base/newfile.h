/* SPDX-License-Identifier: MIT
 *
 * A file that is complete or absent: written under a temporary name beside its final one, then
 * renamed.
 *
 *     SCOPE(newfile_discard) struct newfile f = NEWFILE_NONE;
 *     newfile_open(&f, dir_fd, "a/b.csv", 0666, e) ... write to f.fd ... newfile_commit(&f, 0, e)
 *
 * Leaving the scope before the commit removes the temporary. The folder must exist. `dir_fd` stays
 * the caller's and must outlive the newfile.
 */
#ifndef BASE_NEWFILE_H
#define BASE_NEWFILE_H

#include <sys/types.h>

#include "base/err.h"

struct newfile {
    int fd;      /* open for writing, or -1 */
    int dir_fd;  /* borrowed */
    char *temp;  /* owned: path of the temporary below dir_fd, or NULL */
    char *final; /* owned: path it will have */
};

#define NEWFILE_NONE           \
    {                          \
        .fd = -1, .dir_fd = -1 \
    }

enum newfile_flags {
    NEWFILE_SYNC = 1u << 0,   /* fsync the file and its folder: it must outlive a power cut */
    NEWFILE_UNIQUE = 1u << 1, /* fail with EEXIST when the final name is taken */
};

/* 0, or ERR_OUTPUT naming the path. Mode is less the umask. */
int newfile_open(struct newfile *f, int dir_fd, const char *path, mode_t mode, struct err *e);
/* The same for an absolute path whose folder is made when it is not there. */
int newfile_open_path(struct newfile *f, const char *path, struct err *e);
int newfile_commit(struct newfile *f, unsigned flags, struct err *e);
void newfile_discard(struct newfile *f);

/* The whole of a small file at once. */
int newfile_write(int dir_fd, const char *path, const char *bytes, size_t n, struct err *e);

/* Removes temporaries in the folder `dir` that a killed run left; best effort. */
void newfile_sweep(int dir_fd, const char *dir);

#endif
