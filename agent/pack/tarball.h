/* SPDX-License-Identifier: MIT
 *
 * A tar writer over libarchive: regular files only, every byte decided by names, modes, sizes and
 * one time. The format is pax where a member needs it (a long name, a name beyond ASCII, 8 GiB and
 * more) and plain ustar where it does not. What comes out goes to a function.
 *
 *     SCOPE(tarball_abort) struct tarball *t = NULL;
 *     tarball_open(&t, mtime, sink, to, e)
 *     per file: tarball_member(t, name, mode, size, e), then tarball_data until `size` bytes are in
 *     tarball_finish(&t, e)
 */
#ifndef PACK_TARBALL_H
#define PACK_TARBALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct tarball;

/* Starts an archive whose members all have the time `mtime` (seconds since the epoch). `sink` takes
 * the archive's bytes; its failure is handed on as it is. */
int tarball_open(struct tarball **out, int64_t mtime,
                 int (*sink)(void *to, const void *bytes, size_t n, struct err *e), void *to,
                 struct err *e);

/* Begins the member `name`, a relative path of any bytes: owner 0, mode 0755 when `mode` has an x
 * bit, else 0644. Data that is missing when the next one begins is zeros. */
int tarball_member(struct tarball *t, const char *name, mode_t mode, uint64_t size, struct err *e);

/* Adds to the member's data; more than its size is an error. */
int tarball_data(struct tarball *t, const void *bytes, size_t n, struct err *e);

/* Ends the archive. Either way everything is freed and `*t` is NULL. */
int tarball_finish(struct tarball **t, struct err *e);

/* Frees without writing; `*t` is NULL. NULL is fine. */
void tarball_abort(struct tarball **t);

#endif
