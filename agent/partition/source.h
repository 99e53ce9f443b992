/* SPDX-License-Identifier: MIT
 *
 * A file on its way into partitions: plain or gzip, read once, front to back, handed out as chunks
 * of whole records. A UTF-8 byte order mark and the header are taken off first.
 *
 * One thread at a time may call source_next; the chunks it fills are the callers' own.
 */
#ifndef PARTITION_SOURCE_H
#define PARTITION_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/err.h"
#include "partition/scan.h"

enum chunk_kind {
    CHUNK_RECORDS, /* whole records */
    CHUNK_CUT,     /* a record that is too long, or has a fault that hides its end: no more comes */
    CHUNK_PIECE,   /* a piece of a record that is too long and set aside */
};

struct chunk {
    unsigned char *text; /* owned: cap bytes and SCAN_PADDING more */
    size_t n;            /* bytes in it */
    size_t cap;          /* bytes that fit */
    uint64_t number;     /* 0, 1, ... in the file's order */
    bool last;           /* the file ends with it */
    enum chunk_kind kind;
    bool continues; /* a piece that is not its record's first */
};

struct source_file {
    const char *path; /* borrowed: for messages */
    int fd;
    bool gzip;
    bool lines; /* records are lines, nothing is quoted: JSON Lines */
    bool exact; /* find records by scanning, not by counting quotes: faults are set aside */
    struct dialect dialect; /* columns: of the header or the first record, after source_open */
    struct scanner scanner; /* for cutting */
    char *header;           /* owned: the header record with its newline; NULL without one */
    size_t n_header;
    struct row_span header_row; /* where its fields are, in `header`; delimiters owned */
    uint64_t blank_lines;       /* empty lines before the header */
    size_t columns;             /* fields of every record; 0: no record that tells it */

    z_stream z;            /* with `gzip` */
    unsigned char *packed; /* owned: what z reads from */
    bool member_done;      /* z is between two gzip members */
    bool any_member;       /* a gzip member was read */
    unsigned char *carry;  /* owned: the begin of the next chunk */
    size_t n_carry;
    size_t cap_carry;
    size_t step;            /* bytes read for a chunk */
    bool ended;             /* nothing is left to read */
    bool over;              /* the last chunk was handed out */
    bool skipping;          /* inside a record that is too long */
    enum field_state state; /* where in it */
    uint64_t next_number;
};

#define SOURCE_NONE \
    {               \
        .fd = -1    \
    }

/* Opens `path` (below dir_fd) and reads its begin. `dialect` as scan.h says; its `columns` may be
 * 0: the header tells it, or the first row (with `exact` the first that has no fault). With `lines`
 * a record is a line. With `exact` faulty records do not shift the ones behind them. A first record
 * that has a fault is ERR_OUTPUT when it is the header. */
int source_open(struct source_file *s, int dir_fd, const char *path, const struct dialect *dialect,
                bool gzip, bool lines, bool header, bool exact, struct err *e);
void source_close(struct source_file *s);

/* 1 when `c` has the next chunk, 0 at the end, negative on failure (ERR_OUTPUT). */
int source_next(struct source_file *s, struct chunk *c, struct err *e);

void chunk_free(struct chunk *c);

#endif
