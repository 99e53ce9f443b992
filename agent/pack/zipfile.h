/* SPDX-License-Identifier: MIT
 *
 * A zip writer over libarchive, used as tarball.h is: regular files only, deflated by zlib in one
 * thread, every byte decided by names, modes, sizes, data and one time. Zip64 where sizes or counts
 * need it. Names that are UTF-8 are marked as such.
 */
#ifndef PACK_ZIPFILE_H
#define PACK_ZIPFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct zipfile;

/* Starts an archive whose members all have the time `mtime`, deflated with zlib's `level`, 1..9.
 * `sink` takes the archive's bytes; its failure is handed on as it is. */
int zipfile_open(struct zipfile **out, int64_t mtime, int level,
                 int (*sink)(void *to, const void *bytes, size_t n, struct err *e), void *to,
                 struct err *e);

/* Begins the member `name`: mode 0755 when `mode` has an x bit, else 0644. Data that is missing
 * when the next one begins is zeros. */
int zipfile_member(struct zipfile *z, const char *name, mode_t mode, uint64_t size, struct err *e);

/* Adds to the member's data; more than its size is an error. */
int zipfile_data(struct zipfile *z, const void *bytes, size_t n, struct err *e);

/* Ends the archive. Either way everything is freed and `*z` is NULL. */
int zipfile_finish(struct zipfile **z, struct err *e);

/* Frees without writing; `*z` is NULL. NULL is fine. */
void zipfile_abort(struct zipfile **z);

#endif
