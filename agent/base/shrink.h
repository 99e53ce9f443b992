/* SPDX-License-Identifier: MIT
 *
 * One block of bytes into one gzip member or zstd frame, which stand alone and which readers take
 * as one stream when they follow each other. What comes out depends on the bytes, the format and
 * the level alone. One thread at a time may use a struct shrink.
 */
#ifndef BASE_SHRINK_H
#define BASE_SHRINK_H

#include <stddef.h>

#include "base/err.h"

enum shrink_format { SHRINK_GZIP, SHRINK_ZSTD };

struct shrink;

/* Level: 1..12 as libdeflate counts, or 1..19 as zstd does. Gzip of level 1 leaves out the search
 * for repetition where there is next to none, as in base64. ERR_INTERNAL: no memory. */
int shrink_open(struct shrink **out, enum shrink_format format, int level, struct err *e);
void shrink_free(struct shrink *s);

/* Room that `n` bytes may need. */
size_t shrink_bound(enum shrink_format format, size_t n);

/* The bytes written to `out`, whose size `cap` is at least shrink_bound(n): never 0. */
size_t shrink_block(struct shrink *s, const void *in, size_t n, void *out, size_t cap);

#endif
