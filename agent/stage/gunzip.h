/* SPDX-License-Identifier: MIT
 *
 * Gzip data that comes in pieces, handed on as what it holds, as it comes: for S3CompressionType
 * Gzip. Members may follow each other, and zeros may fill up the end (tapes do that); anything else
 * behind a member is an error. Memory is one buffer, whatever the ratio.
 *
 *     struct gunzip g = {0};
 *     gunzip_feed(...) for each piece, gunzip_end(...), the same for the next object, gunzip_free
 */
#ifndef STAGE_GUNZIP_H
#define STAGE_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/err.h"
#include "store/store.h"

struct gunzip {
    z_stream z;         /* made by the first piece */
    unsigned char *out; /* owned: what zlib fills; NULL before the first piece */
    bool inside;        /* a member has begun and not ended */
    bool any;           /* one has ended: zeros may follow */
    uint64_t taken;     /* packed bytes of this object so far */
};

/* Hands on to `sink` what comes out of the next piece. ERR_INPUT with the byte at which the data
 * went wrong, or what the sink says. After a failure only gunzip_free may be called. */
int gunzip_feed(struct gunzip *g, const void *bytes, size_t n, store_sink *sink, void *ctx,
                struct err *e);

/* The object is over: ERR_INPUT when a member is not. No bytes at all are fine. */
int gunzip_end(struct gunzip *g, struct err *e);

void gunzip_free(struct gunzip *g);

#endif
