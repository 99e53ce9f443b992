/* SPDX-License-Identifier: MIT
 *
 * An archive of any of the kinds there are, written to a descriptor: what tarball.h or zipfile.h
 * makes, compressed as the name says. Used as tarball.h is.
 */
#ifndef PACK_BUNDLE_H
#define PACK_BUNDLE_H

#include <sys/types.h>

#include "job.h"

enum bundle_kind { BUNDLE_NONE, BUNDLE_TAR_GZ, BUNDLE_TAR_ZST, BUNDLE_ZIP };

/* The kind that an archive's name asks for, and in *ending, unless that is NULL, which of the known
 * endings it has; BUNDLE_NONE for a name without any of them. */
enum bundle_kind bundle_kind_of(const char *name, const char **ending);

struct bundle;

/* Starts an archive to `fd`, which stays the caller's; all members have the time `mtime`. */
int bundle_open(struct bundle **out, int fd, enum bundle_kind kind, enum pack_level level,
                int64_t mtime, struct err *e);

/* See tarball_member and tarball_data. */
int bundle_member(struct bundle *b, const char *name, mode_t mode, uint64_t size, struct err *e);
int bundle_data(struct bundle *b, const void *bytes, size_t n, struct err *e);

/* Ends the archive, whose bytes are in *size. Either way everything is freed, `*b` is NULL. */
int bundle_finish(struct bundle **b, uint64_t *size, struct err *e);

/* Frees, joins the threads, writes no more; `*b` is NULL. NULL is fine. */
void bundle_abort(struct bundle **b);

#endif
