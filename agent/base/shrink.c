/* SPDX-License-Identifier: MIT
 *
 * Compressed blocks. See shrink.h.
 *
 * A look at the bytes comes first. Noise (PNG, gzip, random bytes) would cost as much time as text
 * and gain nothing: it is stored. Base64, which notebooks are full of, is noise of 64 values: only
 * Huffman coding gains on it, and zlib does that alone at twice the speed of the fastest search.
 */
#include "base/shrink.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum { SLICE = 4096, STRIDE = 64 * 1024, TRIAL = 64 * 1024, SHORT_TRIAL = 16 * 1024, FASTEST = 1 };

struct shrink {
    enum shrink_format format;
    struct libdeflate_compressor *full;   /* of the level asked for */
    struct libdeflate_compressor *stored; /* level 0 */
    ZSTD_CCtx *zstd;
    z_stream huffman; /* zlib without any search */
    bool has_huffman; /* that was set up: level FASTEST */
};

static int no_memory(struct shrink *s, struct err *e)
{
    shrink_free(s);
    return err_sys(e, ERR_INTERNAL, ENOMEM, "compressor");
}

int shrink_open(struct shrink **out, enum shrink_format format, int level, struct err *e)
{
    struct shrink *s = xcalloc(1, sizeof *s);
    s->format = format;
    if (format == SHRINK_ZSTD) {
        s->zstd = ZSTD_createCCtx();
        if (!s->zstd ||
            ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, level)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1))) {
            return no_memory(s, e);
        }
        *out = s;
        return 0;
    }
    s->full = libdeflate_alloc_compressor(level);
    s->stored = libdeflate_alloc_compressor(0);
    if (!s->full || !s->stored) {
        return no_memory(s, e);
    }
    if (level == FASTEST) {
        /* 16 + 15: gzip, the usual window */
        if (deflateInit2(&s->huffman, 1, Z_DEFLATED, 16 + 15, 9, Z_HUFFMAN_ONLY) != Z_OK) {
            return no_memory(s, e);
        }
        s->has_huffman = true;
    }
    *out = s;
    return 0;
}

void shrink_free(struct shrink *s)
{
    if (!s) {
        return;
    }
    if (s->has_huffman) {
        (void)deflateEnd(&s->huffman);
    }
    libdeflate_free_compressor(s->full);
    libdeflate_free_compressor(s->stored);
    (void)ZSTD_freeCCtx(s->zstd);
    free(s);
}

size_t shrink_bound(enum shrink_format format, size_t n)
{
    if (format == SHRINK_ZSTD) {
        return ZSTD_compressBound(n);
    }
    /* libdeflate's bound is the tighter one; zlib's Huffman codes are used where they gain. */
    return libdeflate_gzip_compress_bound(NULL, n);
}

/* The sum of the squares of how often each value is in a slice. With so many values, as even as
 * noise has them, it is SLICE * SLICE / values + SLICE, give or take 1 %; in text far more. */
static uint64_t unevenness(const unsigned char *slice)
{
    uint32_t count[256] = {0};
    uint64_t squares = 0;
    for (size_t i = 0; i < SLICE; i++) {
        count[slice[i]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        squares += (uint64_t)count[i] * count[i];
    }
    return squares;
}

/* Does a run of `trial` bytes in the middle, which sees repetition too, come to `most` or more? */
static bool gains_little(struct shrink *s, const unsigned char *in, size_t n, size_t trial,
                         unsigned char *out, size_t most)
{
    return libdeflate_deflate_compress(s->full, in + (n - trial) / 2, trial, out, most) == 0;
}

/* True when compressing would gain nothing. */
static bool is_noise(struct shrink *s, const unsigned char *in, size_t n, unsigned char *out)
{
    if (n < TRIAL) {
        return false;
    }
    for (size_t at = 0; at + SLICE <= n; at += STRIDE) {
        if (unevenness(in + at) > 74000) { /* 256 values: 69,632 */
            return false;
        }
    }
    return gains_little(s, in, n, TRIAL, out, TRIAL - TRIAL / 512);
}

/* True when three of four slices have 64 values as noise has them, and a search gains little. */
static bool is_base64(struct shrink *s, const unsigned char *in, size_t n, unsigned char *out)
{
    size_t slices = 0;
    size_t even = 0;
    for (size_t at = 0; at + SLICE <= n; at += STRIDE) {
        uint64_t squares = unevenness(in + at); /* 64 values: 266,240 */
        slices++;
        even += squares > 250000 && squares < 277000;
    }
    return n >= TRIAL && even * 4 >= slices * 3 &&
           gains_little(s, in, n, SHORT_TRIAL, out, SHORT_TRIAL / 10 * 7);
}

/* 0 when it would not fit. */
static size_t huffman_only(struct shrink *s, const void *in, size_t n, void *out, size_t cap)
{
    s->huffman.next_in = (Bytef *)(uintptr_t)in;
    s->huffman.avail_in = (uInt)n;
    s->huffman.next_out = out;
    s->huffman.avail_out = (uInt)cap;
    int status = deflate(&s->huffman, Z_FINISH);
    size_t size = cap - s->huffman.avail_out;
    (void)deflateReset(&s->huffman);
    return status == Z_STREAM_END ? size : 0;
}

static size_t gzip_block(struct shrink *s, const unsigned char *in, size_t n, unsigned char *out,
                         size_t cap)
{
    if (is_noise(s, in, n, out)) {
        return libdeflate_gzip_compress(s->stored, in, n, out, cap);
    }
    size_t size = s->has_huffman && is_base64(s, in, n, out) ? huffman_only(s, in, n, out, cap) : 0;
    if (size > 0) {
        out[9] = 255; /* the system: unknown, as libdeflate says too */
        return size;
    }
    return libdeflate_gzip_compress(s->full, in, n, out, cap);
}

size_t shrink_block(struct shrink *s, const void *in, size_t n, void *out, size_t cap)
{
    size_t size = s->format == SHRINK_ZSTD ? ZSTD_compress2(s->zstd, out, cap, in, n)
                                           : gzip_block(s, in, n, out, cap);
    assert(size > 0 && (s->format != SHRINK_ZSTD || !ZSTD_isError(size)));
    return size;
}
