/* SPDX-License-Identifier: MIT
 *
 * The bytes of a file as they were before it was compressed. gzip is read by zlib and not by
 * libarchive, whose reader looks neither at a member's checksum nor at its length; zstd likewise,
 * so that what lies behind an archive's last member is checked, too.
 *
 *     SCOPE(packed_close) struct packed p = PACKED_NONE;
 *     packed_open(&p, fd, PACKED_GZIP, e) ... while ((n = packed_next(&p, &bytes, e)) > 0) ...
 */
#ifndef STAGE_PACKED_H
#define STAGE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

enum packing {
    PACKED_NOT,
    PACKED_GZIP, /* all members, one behind the other; what follows the last is ignored */
    PACKED_ZSTD, /* all frames */
};

struct packed {
    int fd; /* borrowed; read from where it stands */
    enum packing how;
    bool begun;               /* a member or frame was seen */
    bool inside;              /* and its end was not */
    bool eof;                 /* the file has no more bytes than those in `in` */
    unsigned char *in;        /* owned */
    size_t at;                /* first byte in `in` that was not used */
    size_t n;                 /* bytes in `in` */
    unsigned char *out;       /* owned */
    struct z_stream_s *z;     /* owned; with PACKED_GZIP */
    struct ZSTD_DCtx_s *zstd; /* owned; with PACKED_ZSTD */
};

#define PACKED_NONE \
    {               \
        .fd = -1    \
    }

/* 0, or ERR_INTERNAL when memory is out. */
int packed_open(struct packed *p, int fd, enum packing how, struct err *e);
void packed_close(struct packed *p);

/* The next bytes, valid until the next call: their number, 0 at the end, or ERR_INPUT: no gzip or
 * zstd file, damaged, cut short. The text begins with a verb; the caller names the file. */
ssize_t packed_next(struct packed *p, const void **bytes, struct err *e);

#endif
