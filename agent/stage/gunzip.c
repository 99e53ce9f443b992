/* SPDX-License-Identifier: MIT
 *
 * Gzip streams. See gunzip.h.
 */
#include "stage/gunzip.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
    OUT_BYTES = 256 * 1024,
    GZIP_ONLY = 16 + MAX_WBITS, /* zlib's way of saying: a gzip header, nothing else */
    PIECE_MAX = 1 << 30,        /* zlib counts in unsigned int */
};

static int bad(const struct gunzip *g, uint64_t at, struct err *e)
{
    return err_set(e, ERR_INPUT, "bad gzip data at byte %llu: %s", (unsigned long long)at,
                   g->z.msg ? g->z.msg : "not gzip");
}

static int begin_member(struct gunzip *g, struct err *e)
{
    int z = Z_OK;
    if (!g->out) {
        z = inflateInit2(&g->z, GZIP_ONLY);
        g->out = z == Z_OK ? xmalloc(OUT_BYTES) : NULL;
    } else {
        z = inflateReset(&g->z);
    }
    if (z != Z_OK) {
        return err_set(e, ERR_INTERNAL, "zlib cannot begin: %s", zError(z));
    }
    g->inside = true;
    return 0;
}

/* One piece, not larger than zlib counts. */
static int feed(struct gunzip *g, const unsigned char *bytes, size_t n, store_sink *sink, void *ctx,
                struct err *e)
{
    const unsigned char *end = bytes + n;
    const unsigned char *at = bytes;
    bool full = false; /* zlib had more to say than the buffer took */
    while (at < end || full) {
        if (!g->inside && g->any && *at == 0) {
            at++;
            continue;
        }
        if (!g->inside && begin_member(g, e) != 0) {
            return -(int)e->code;
        }
        g->z.next_in = (Bytef *)(uintptr_t)at;
        g->z.avail_in = (uInt)(end - at);
        g->z.next_out = g->out;
        g->z.avail_out = OUT_BYTES;
        int z = inflate(&g->z, Z_NO_FLUSH);
        at = end - g->z.avail_in;
        if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR) {
            return bad(g, g->taken + (uint64_t)(at - bytes), e);
        }
        size_t out = OUT_BYTES - g->z.avail_out;
        int rc = out > 0 ? sink(ctx, g->out, out, e) : 0;
        if (rc != 0) {
            return rc;
        }
        g->inside = z != Z_STREAM_END;
        g->any = g->any || !g->inside;
        full = g->inside && g->z.avail_out == 0;
    }
    g->taken += n;
    return 0;
}

int gunzip_feed(struct gunzip *g, const void *bytes, size_t n, store_sink *sink, void *ctx,
                struct err *e)
{
    const unsigned char *at = bytes;
    int rc = 0;
    while (rc == 0 && n > 0) {
        size_t piece = n < PIECE_MAX ? n : PIECE_MAX;
        rc = feed(g, at, piece, sink, ctx, e);
        at += piece;
        n -= piece;
    }
    return rc;
}

int gunzip_end(struct gunzip *g, struct err *e)
{
    if (g->inside) {
        return err_set(e, ERR_INPUT, "the gzip data ends too early, at byte %llu",
                       (unsigned long long)g->taken);
    }
    g->any = false;
    g->taken = 0;
    return 0;
}

void gunzip_free(struct gunzip *g)
{
    if (g->out) {
        (void)inflateEnd(&g->z);
    }
    free(g->out);
    *g = (struct gunzip){0};
}
