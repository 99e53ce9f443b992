/* SPDX-License-Identifier: MIT
 *
 * From a chunk of text to rows: which partition each belongs to and which of its bytes are kept.
 * One `struct rows` is one thread's; the plan is shared by all and only read.
 */
#ifndef PARTITION_ROWS_H
#define PARTITION_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "partition/keys.h"
#include "partition/layout.h"
#include "partition/parts.h"
#include "partition/source.h"

enum { ROWS_MAX = 64 * 1024, PLAN_MAX_KEYS = 64 };

/* Neighbouring fields that stay in the row. */
struct run {
    size_t first; /* index of a field, from 0 */
    size_t last;
};

/* What is done with each row of one source. */
struct row_plan {
    const struct layout *bound; /* borrowed; layout.h */
    struct value_rules rules;
    struct parts *parts;             /* borrowed */
    const char *name;                /* borrowed: the file's name in a partition */
    struct dialect dialect;          /* with `columns` set */
    const char *columns_of;          /* what has so many: "the header has" */
    bool lines;                      /* JSON Lines: keys are top-level fields, rows stay whole */
    bool reject;                     /* bad rows are set aside */
    size_t n_keys;                   /* columns of the layout */
    size_t key_field[PLAN_MAX_KEYS]; /* their fields, from 0 */
    bool formatted[PLAN_MAX_KEYS];   /* the layout has this one through a format only */
    bool whole;                      /* rows are kept as they are */
    size_t n_runs;                   /* otherwise: these fields stay */
    struct run runs[PLAN_MAX_KEYS + 1];
    bool tail;   /* the newline is a piece of its own: the last field is left out */
    bool single; /* one field stays: when it is empty, "" is written */
};

/* One row: its pieces are in rows.pieces. */
struct row {
    struct partition *part; /* borrowed */
    uint32_t bytes;         /* of all pieces, and 2 more with `quotes` */
    bool quotes;            /* "" is written first */
};

struct piece_of_row {
    uint32_t start; /* offset in the chunk */
    uint32_t n;
};

struct rows {
    struct scanner scanner;
    struct keys keys;
    struct str key; /* the keys of a row that has several */
    struct str dir;
    struct str text;             /* decoded values */
    struct row *v;               /* owned; ROWS_MAX */
    struct piece_of_row *pieces; /* owned; rows_stride() for each row */
    size_t n;                    /* rows of this batch */
    uint64_t begun;              /* rows of the chunk so far, this batch's included */
    uint64_t blank_lines;        /* of the chunk so far */
    uint32_t line;               /* JSON Lines: where the next begins */
    bool failed;                 /* the row behind the batch ends the split, as `e` says */
    bool bad_row;                /* because of the row itself: on_bad_row could set it aside */
    struct err e;
    size_t lossy; /* a key of which the folder's name did not tell all, counted from 1 */
};

void rows_init(struct rows *r, const struct row_plan *plan, size_t max_keys);
void rows_free(struct rows *r);

/* Pieces of every row. */
size_t rows_stride(const struct row_plan *plan);

/* Begins a chunk. */
void rows_begin(struct rows *r, const struct row_plan *plan, const struct chunk *c);

/* The next batch of its rows; true when the chunk has more. */
bool rows_batch(struct rows *r, const struct row_plan *plan, const struct chunk *c);

/* The header without the fields that are left out; both with and without a newline at its end.
 * Appends to `out`. */
void rows_header(const struct row_plan *plan, const struct source_file *s, struct str *out);

/* A field's value: without its quotes, doubled ones made single. Either borrowed from `text` or
 * appended to `room`, which must not move: has space for n bytes. */
struct field_text field_decode(unsigned char quote, const char *text, size_t n, struct str *room);

#endif
