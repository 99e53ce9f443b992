/* SPDX-License-Identifier: MIT
 *
 * Compressed files, streamed. See packed.h.
 */
#include "stage/packed.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/scope.h"

enum { IN_BYTES = 128 * 1024, OUT_BYTES = 256 * 1024, GZIP_ONLY = 15 + 16 };

int packed_open(struct packed *p, int fd, enum packing how, struct err *e)
{
    *p = (struct packed){.fd = fd, .how = how};
    p->in = xmalloc(IN_BYTES);
    p->out = xmalloc(OUT_BYTES);
    if (how == PACKED_GZIP) {
        p->z = xcalloc(1, sizeof *p->z);
        if (inflateInit2(p->z, GZIP_ONLY) != Z_OK) {
            return err_sys(e, ERR_INTERNAL, ENOMEM, "gzip");
        }
    } else if (how == PACKED_ZSTD) {
        p->zstd = ZSTD_createDCtx();
        if (!p->zstd) {
            return err_sys(e, ERR_INTERNAL, ENOMEM, "zstd");
        }
    }
    return 0;
}

void packed_close(struct packed *p)
{
    if (p->z) {
        (void)inflateEnd(p->z);
        free(p->z);
    }
    (void)ZSTD_freeDCtx(p->zstd);
    free(p->in);
    free(p->out);
    *p = (struct packed)PACKED_NONE;
}

/* At least `want` bytes are in `in`, or the file has no more. */
static int fill(struct packed *p, size_t want, struct err *e)
{
    if (p->n - p->at >= want) {
        return 0;
    }
    memmove(p->in, p->in + p->at, p->n - p->at);
    p->n -= p->at;
    p->at = 0;
    while (p->n < want && !p->eof) {
        ssize_t got = io_read_some(p->fd, p->in + p->n, IN_BYTES - p->n);
        if (got < 0) {
            return err_sys(e, ERR_INPUT, errno, "cannot be read");
        }
        p->eof = got == 0;
        p->n += (size_t)got;
    }
    return 0;
}

static bool used_up(const struct packed *p)
{
    return p->eof && p->at == p->n;
}

static int cut_short(struct err *e)
{
    return err_set(e, ERR_INPUT, "is cut short; fetch it again");
}

static int damaged(const char *text, struct err *e)
{
    return err_set(e, ERR_INPUT, "is damaged (%s); fetch it again", text ? text : "bad data");
}

static ssize_t next_plain(struct packed *p, const void **bytes, struct err *e)
{
    int rc = fill(p, 1, e);
    if (rc != 0) {
        return rc;
    }
    size_t n = p->n - p->at;
    *bytes = p->in + p->at;
    p->at = p->n;
    return (ssize_t)n;
}

/* 1 when a gzip member begins here, 0 when the file is over. Bytes behind the last member that do
 * not look like one are ignored, as everybody does: tapes and some tools pad with zeros. */
static int begin_member(struct packed *p, struct err *e)
{
    int rc = fill(p, 2, e);
    if (rc != 0) {
        return rc;
    }
    if (p->n - p->at < 2 || p->in[p->at] != 0x1f || p->in[p->at + 1] != 0x8b) {
        return p->begun ? 0 : err_set(e, ERR_INPUT, "is no gzip file, as its name says it is");
    }
    (void)inflateReset(p->z);
    p->begun = true;
    p->inside = true;
    return 1;
}

static ssize_t next_gzip(struct packed *p, const void **bytes, struct err *e)
{
    for (;;) {
        int rc = p->inside ? 1 : begin_member(p, e);
        if (rc <= 0) {
            return rc;
        }
        rc = fill(p, 1, e);
        if (rc != 0) {
            return rc;
        }
        p->z->next_in = p->in + p->at;
        p->z->avail_in = (uInt)(p->n - p->at);
        p->z->next_out = p->out;
        p->z->avail_out = OUT_BYTES;
        int status = inflate(p->z, Z_NO_FLUSH);
        p->at = p->n - p->z->avail_in;
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
            return damaged(p->z->msg, e);
        }
        p->inside = status != Z_STREAM_END;
        size_t got = OUT_BYTES - p->z->avail_out;
        if (got > 0) {
            *bytes = p->out;
            return (ssize_t)got;
        }
        if (p->inside && used_up(p)) {
            return cut_short(e);
        }
    }
}

static ssize_t next_zstd(struct packed *p, const void **bytes, struct err *e)
{
    for (;;) {
        int rc = fill(p, 1, e);
        if (rc != 0) {
            return rc;
        }
        if (!p->inside && used_up(p)) {
            return p->begun ? 0 : cut_short(e);
        }
        ZSTD_inBuffer in = {.src = p->in + p->at, .size = p->n - p->at};
        ZSTD_outBuffer out = {.dst = p->out, .size = OUT_BYTES};
        size_t left = ZSTD_decompressStream(p->zstd, &out, &in);
        if (ZSTD_isError(left)) {
            return damaged(ZSTD_getErrorName(left), e);
        }
        p->at += in.pos;
        p->begun = true;
        p->inside = left != 0;
        if (out.pos > 0) {
            *bytes = p->out;
            return (ssize_t)out.pos;
        }
        if (p->inside && used_up(p)) {
            return cut_short(e);
        }
    }
}

ssize_t packed_next(struct packed *p, const void **bytes, struct err *e)
{
    switch (p->how) {
    case PACKED_GZIP: return next_gzip(p, bytes, e);
    case PACKED_ZSTD: return next_zstd(p, bytes, e);
    case PACKED_NOT: break;
    }
    return next_plain(p, bytes, e);
}
