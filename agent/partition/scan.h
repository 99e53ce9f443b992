/* SPDX-License-Identifier: MIT
 *
 * The CSV scanner: record and field boundaries of RFC 4180 text in memory, found 64 bytes at a time
 * (masks.h). A field is quoted when a quote is its first byte; in it delimiters and newlines are
 * data and a doubled quote is a quote. A record ends at LF or CRLF outside quotes, or at the end of
 * the file. An empty line is no record, unless records have exactly one field.
 *
 * Everything else is a fault of its record, found exactly where it is: what comes before and after
 * stays right. libcsv, strict and with spaces kept, agrees on every boundary (test_scan,
 * fuzz_scan); it takes a bare CR for a record's end, which here is a fault.
 *
 *     struct scanner s;
 *     scanner_init(&s, &dialect);
 *     scanner_text(&s, bytes, n, true);
 *     while (scanner_next(&s, &row)) ...
 *     scanner_free(&s);
 */
#ifndef PARTITION_SCAN_H
#define PARTITION_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "partition/masks.h"

/* Bytes behind the text that must be readable (their values do not matter). */
enum { SCAN_PADDING = MASK_BLOCK };

/* Copies `n` bytes in words of COPY_WORD: up to that many less one are read, and written, behind
 * the end. Fields and rows are short: a call of memcpy costs more than the copy. */
enum { COPY_WORD = 32 };
static inline char *copy_in_words(char *to, const char *from, size_t n)
{
    for (size_t at = 0; at < n; at += COPY_WORD) {
        memcpy(to + at, from + at, COPY_WORD);
    }
    return to + n;
}

struct dialect {
    unsigned char delimiter; /* between fields */
    unsigned char quote;     /* 0: nothing is quoted */
    size_t columns;          /* fields of every record; 0 = any number */
    uint64_t max_row;        /* bytes of a record, its newline included; 0 = no limit */
};

enum row_fault {
    ROW_GOOD,
    ROW_FIELDS,      /* another number of fields than dialect.columns */
    ROW_STRAY_QUOTE, /* a quote inside a field that does not begin with one */
    ROW_AFTER_QUOTE, /* something other than a delimiter or newline behind a closing quote */
    ROW_UNCLOSED,    /* a quoted field that the end of the file cuts */
    ROW_NUL,         /* a NUL byte */
    ROW_BARE_CR,     /* a CR outside quotes that no LF follows */
    ROW_TOO_LONG,    /* more than dialect.max_row bytes */
};

/* Where in a record a byte-by-byte reader is. */
enum field_state { FIELD_BEGIN, FIELD_PLAIN, FIELD_QUOTED, FIELD_CLOSED };

/* One record; offsets from the text's begin. */
struct row_span {
    uint32_t start;             /* its first byte */
    uint32_t stop;              /* end of the last field */
    uint32_t next;              /* behind the newline */
    enum row_fault fault;       /* with any but ROW_GOOD and ROW_FIELDS `delimiters` is NULL */
    const uint32_t *delimiters; /* where they are; valid until the next call */
    size_t n_delimiters;        /* fields less one */
};

/* Where its i-th field begins and ends, quotes included; i is at most n_delimiters. */
static inline uint32_t field_begin(const struct row_span *row, size_t i)
{
    return i == 0 ? row->start : row->delimiters[i - 1] + 1;
}

static inline uint32_t field_end(const struct row_span *row, size_t i)
{
    return i == row->n_delimiters ? row->stop : row->delimiters[i];
}

struct scanner {
    struct dialect dialect;
    masks_kernel *kernel;      /* the fastest, unless a test sets another */
    struct mask_bytes bytes;   /* the dialect's, for the kernel */
    const unsigned char *text; /* borrowed */
    uint32_t n;                /* bytes of text */
    bool last;                 /* the text ends where the file ends */
    uint32_t pos;              /* where the next record begins */
    uint64_t blank_lines;      /* empty lines skipped so far */

    /* one window, from a record's begin: what was found in it and how much of that is used */
    uint32_t window; /* bytes looked at in one go */
    uint32_t *ends;  /* owned: newlines outside quotes */
    uint32_t *seps;  /* owned: delimiters outside quotes */
    size_t cap;      /* room in each */
    size_t n_ends;
    size_t n_seps;
    size_t i_end;
    size_t i_sep;
    bool faulty;    /* the record behind the last end has a fault; the window ends there */
    bool exhausted; /* the window reached the text's end */
    bool in_quotes; /* there, and the end is in a quoted field */
    bool open_cr;   /* there, and the last byte is a CR outside quotes */
};

void scanner_init(struct scanner *s, const struct dialect *dialect);
void scanner_free(struct scanner *s);

/* The text to scan, which begins at a record's begin; less than 4 GiB, SCAN_PADDING more bytes
 * readable. `last`: the file ends with it, so that a record needs no newline there. */
void scanner_text(struct scanner *s, const unsigned char *text, size_t n, bool last);

/* The next record. False at the end, where s->pos tells how far complete records go. */
bool scanner_next(struct scanner *s, struct row_span *row);

/* Where the last complete record ends in a text that begins with a record, by counting quotes:
 * right when no record before has a fault. 0 when no record is complete. */
size_t scan_cut(const struct scanner *s, const unsigned char *text, size_t n);

/* Reads on in a record whose begin is not at hand any more: *state is where in it `text` begins,
 * and then where it ends. The bytes of the record in `text`, its newline included; *ended says
 * whether that is all of it. */
size_t scan_skip(const struct dialect *dialect, enum field_state *state, const unsigned char *text,
                 size_t n, bool *ended);

/* "has a quote inside an unquoted field", ...: behind "row N". NULL for ROW_GOOD and ROW_FIELDS. */
const char *row_fault_text(enum row_fault fault);

#endif
