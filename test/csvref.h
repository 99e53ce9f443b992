/* SPDX-License-Identifier: MIT
 *
 * What the CSV scanner is compared with, by the unit tests and the fuzz targets: libcsv, fed byte
 * by byte so that positions are known, and a model of the rules that reads one field after the
 * other. Both answer what differs, or NULL.
 *
 * libcsv (strict, also at the end; spaces kept) agrees on every boundary and value up to the first
 * fault, and on where that is, but for these:
 *   - a bare CR outside quotes ends libcsv's record, here it is a fault: the comparison ends before
 *     that record;
 *   - NUL is data for libcsv, here a fault: the same;
 *   - libcsv has no records without fields: with dialect.columns = 1 an empty line is one here,
 *     which the comparison passes over;
 *   - libcsv always has a quote character: with dialect.quote = 0 it gets one the text has not.
 * It knows neither `columns` nor `max_row`, and stops at the first fault; what comes behind is
 * compared with the model alone.
 */
#ifndef CSVREF_H
#define CSVREF_H

#include <csv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/str.h"
#include "partition/rows.h"
#include "partition/scan.h"

/* ---- a text with hostile bytes behind it ---- */

/* A copy whose padding looks like more CSV; owned by the caller. */
static inline unsigned char *ref_text(const struct dialect *d, const void *text, size_t n)
{
    unsigned char *copy = xmalloc(n + SCAN_PADDING);
    const unsigned char junk[] = {d->quote, '\n', d->delimiter, '\r', 0, d->quote, 'x'};
    if (n > 0) {
        memcpy(copy, text, n);
    }
    for (size_t i = 0; i < SCAN_PADDING; i++) {
        copy[n + i] = junk[(i + n) % sizeof junk];
    }
    return copy;
}

/* Readies a scanner that may have been in use: its lists, which are large, are kept. */
static inline void ref_scanner(struct scanner *s, const struct dialect *d, masks_kernel *kernel)
{
    struct scanner fresh;
    scanner_init(&fresh, d);
    fresh.kernel = kernel;
    fresh.ends = s->ends;
    fresh.seps = s->seps;
    fresh.cap = s->cap;
    *s = fresh;
}

/* ---- libcsv ---- */

struct ref_field {
    size_t end;  /* where the byte behind it is */
    size_t from; /* its value in ref.values */
    size_t n;
    bool ends_row; /* it is its record's last */
};

/* All that libcsv says of a text. */
struct ref {
    struct ref_field *v; /* owned */
    size_t n;
    size_t cap;
    struct str values;
    size_t at;     /* the byte it looks at */
    size_t failed; /* where it found a fault; SIZE_MAX: nowhere */
};

static inline void ref_free(struct ref *r)
{
    free(r->v);
    str_free(&r->values);
}

static inline void ref_on_field(void *s, size_t n, void *ref)
{
    struct ref *r = ref;
    r->v = vec_room(r->v, r->n, &r->cap, sizeof *r->v);
    r->v[r->n++] = (struct ref_field){.end = r->at, .from = r->values.len, .n = n};
    if (n > 0) {
        str_add(&r->values, s, n);
    }
}

static inline void ref_on_row(int c, void *ref)
{
    struct ref *r = ref;
    (void)c;
    r->v[r->n - 1].ends_row = true;
}

static inline int ref_no_space(unsigned char c)
{
    (void)c;
    return 0;
}

/* A byte that is not in the text, or the delimiter when all are. */
static inline unsigned char ref_absent(const struct dialect *d, const unsigned char *text, size_t n)
{
    for (unsigned c = 1; c < 256; c++) {
        if (c != '\n' && c != '\r' && c != d->delimiter && (n == 0 || !memchr(text, (int)c, n))) {
            return (unsigned char)c;
        }
    }
    return d->delimiter;
}

static inline void ref_read(struct ref *r, const struct dialect *d, const unsigned char *text,
                            size_t n)
{
    struct csv_parser p;
    *r = (struct ref){.values = STR_INIT(0), .failed = SIZE_MAX};
    (void)csv_init(&p, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_delim(&p, d->delimiter);
    csv_set_quote(&p, d->quote ? d->quote : ref_absent(d, text, n));
    csv_set_space_func(&p, ref_no_space);
    for (r->at = 0; r->at < n && r->failed == SIZE_MAX; r->at++) {
        if (csv_parse(&p, text + r->at, 1, ref_on_field, ref_on_row, r) != 1) {
            r->failed = r->at;
        }
    }
    if (r->failed == SIZE_MAX && csv_fini(&p, ref_on_field, ref_on_row, r) != 0) {
        r->failed = n;
    }
    csv_free(&p);
}

/* One good record against libcsv's fields from *i on. */
static inline const char *ref_check_row(const struct ref *r, size_t *i, const struct dialect *d,
                                        const unsigned char *text, const struct row_span *row,
                                        struct str *room)
{
    for (size_t k = 0; k <= row->n_delimiters; k++, ++*i) {
        bool last = k == row->n_delimiters;
        size_t begin = k == 0 ? row->start : row->delimiters[k - 1] + 1;
        size_t end = last ? row->stop : row->delimiters[k];
        if (*i >= r->n) {
            return "libcsv has fewer fields";
        }
        const struct ref_field *f = &r->v[*i];
        if (f->end != end) {
            return "a field ends elsewhere";
        }
        if (f->ends_row != last) {
            return "a record ends elsewhere";
        }
        str_clear(room);
        str_reserve(room, end - begin);
        struct field_text value =
            field_decode(d->quote, (const char *)text + begin, end - begin, room);
        if (value.n != f->n || (f->n > 0 && memcmp(value.s, r->values.s + f->from, f->n) != 0)) {
            return "a value is another one";
        }
    }
    return NULL;
}

/* All fields libcsv found, and no fault, or its fault in this record. */
static inline const char *ref_check_end(const struct ref *r, size_t i, const struct row_span *row)
{
    bool complete = false;
    for (size_t k = i; k < r->n; k++) {
        complete = complete || r->v[k].ends_row;
    }
    if (!row) {
        return i != r->n              ? "libcsv has more fields"
               : r->failed < SIZE_MAX ? "libcsv has a fault"
                                      : NULL;
    }
    if (row->fault == ROW_NUL || row->fault == ROW_BARE_CR) {
        return r->failed < row->start ? "libcsv has a fault before" : NULL;
    }
    if (complete) {
        return "libcsv has another record";
    }
    return r->failed < row->start || r->failed > row->next ? "libcsv has no fault there" : NULL;
}

/* The scanner against libcsv, up to the first fault. `text` as of ref_text. */
static inline const char *ref_compare(const struct dialect *d, masks_kernel *kernel,
                                      const unsigned char *text, size_t n)
{
    static struct scanner s;
    SCOPE(ref_free) struct ref r;
    SCOPE(str_free) struct str room = STR_INIT(0);
    struct row_span row;
    size_t i = 0;
    ref_read(&r, d, text, n);
    ref_scanner(&s, d, kernel);
    scanner_text(&s, text, n, true);
    while (scanner_next(&s, &row)) {
        if (row.fault != ROW_GOOD && row.fault != ROW_FIELDS) {
            return ref_check_end(&r, i, &row);
        }
        const char *differs =
            row.stop == row.start ? NULL : ref_check_row(&r, &i, d, text, &row, &room);
        if (differs) {
            return differs;
        }
    }
    return s.pos != n ? "the text is not used up" : ref_check_end(&r, i, NULL);
}

/* ---- the model ---- */

/* One record as the rules have it. */
struct model_row {
    size_t start;
    size_t stop; /* the newline, or the text's end */
    size_t next;
    bool ended; /* by a newline */
    size_t n_delimiters;
    enum row_fault fault; /* the first; neither ROW_FIELDS nor ROW_TOO_LONG */
    size_t where;         /* it is; SIZE_MAX: nowhere */
};

static inline void model_blame(struct model_row *row, size_t where, enum row_fault fault)
{
    if (where < row->where) {
        row->where = where;
        row->fault = fault;
    }
}

/* Behind the closing quote of the field that begins at `at`. */
static inline size_t model_quoted(struct model_row *row, const struct dialect *d,
                                  const unsigned char *t, size_t n, size_t at)
{
    for (at++; at < n; at++) {
        bool quote = t[at] == d->quote;
        if (quote && at + 1 < n && t[at + 1] == d->quote) {
            at++;
        } else if (quote) {
            unsigned char c = at + 1 < n ? t[at + 1] : '\n';
            if (c != d->delimiter && c != '\n' && c != '\r' && c != '\0') {
                model_blame(row, at + 1, ROW_AFTER_QUOTE);
            }
            return at + 1;
        }
    }
    model_blame(row, n, ROW_UNCLOSED);
    return n;
}

/* The record at `at`: field by field, each quoted when it begins with a quote; what is behind a
 * closing quote, and a quote elsewhere, is a fault and plain text. */
static inline struct model_row model_record(const struct dialect *d, const unsigned char *t,
                                            size_t n, size_t at)
{
    struct model_row row = {.start = at, .where = SIZE_MAX};
    for (;; at++, row.n_delimiters++) {
        if (at < n && d->quote && t[at] == d->quote) {
            at = model_quoted(&row, d, t, n, at);
        }
        for (; at < n && t[at] != d->delimiter && t[at] != '\n'; at++) {
            if (d->quote && t[at] == d->quote) {
                model_blame(&row, at, ROW_STRAY_QUOTE);
            }
            if (t[at] == '\r' && (at + 1 == n || t[at + 1] != '\n')) {
                model_blame(&row, at, ROW_BARE_CR);
            }
        }
        if (at == n || t[at] == '\n') {
            break;
        }
    }
    row.stop = at;
    row.ended = at < n;
    row.next = at + row.ended;
    const unsigned char *nul = at > row.start ? memchr(t + row.start, 0, at - row.start) : NULL;
    if (nul) {
        model_blame(&row, (size_t)(nul - t), ROW_NUL);
    }
    return row;
}

static inline bool model_blank(const struct dialect *d, const struct model_row *row,
                               const unsigned char *t)
{
    size_t n = row->stop - row->start;
    bool empty = n == 0 || (n == 1 && t[row->start] == '\r' && row->ended);
    return empty && d->columns != 1;
}

static inline const char *model_check(const struct dialect *d, const struct model_row *want,
                                      const unsigned char *t, const struct row_span *row,
                                      size_t shift)
{
    if (row->start + shift != want->start || row->next + shift != want->next) {
        return "the record's bounds";
    }
    bool long_row = d->max_row && want->next - want->start > d->max_row;
    bool fields = d->columns && want->n_delimiters + 1 != d->columns;
    enum row_fault fault = long_row                  ? ROW_TOO_LONG
                           : want->fault != ROW_GOOD ? want->fault
                           : fields                  ? ROW_FIELDS
                                                     : ROW_GOOD;
    if (row->fault != fault) {
        return "the fault";
    }
    if (want->fault != ROW_GOOD) {
        return long_row || !row->delimiters ? NULL : "a faulty record has delimiters";
    }
    if (row->n_delimiters != want->n_delimiters) {
        return "the number of fields";
    }
    bool cr = want->ended && want->stop > want->start && t[want->stop - 1] == '\r';
    return row->stop + shift == want->stop - cr ? NULL : "where the last field ends";
}

/* Scans [from, n) against the model; *from is then where the scanner stopped. */
static inline const char *model_part(struct scanner *s, const unsigned char *text, size_t *from,
                                     size_t n, bool last)
{
    const struct dialect *d = &s->dialect;
    struct row_span row;
    size_t at = *from;
    uint64_t blank = 0;
    scanner_text(s, text + *from, n - *from, last);
    for (;;) {
        struct model_row want = {.start = at};
        bool some = false;
        while (!some && at < n) {
            want = model_record(d, text, n, at);
            if (!want.ended && !last) {
                break;
            }
            at = want.next;
            some =
                !model_blank(d, &want, text) || (d->max_row && want.next - want.start > d->max_row);
            blank += !some;
        }
        if (scanner_next(s, &row) != some) {
            return some ? "a record is missing" : "a record too many";
        }
        if (!some) {
            break;
        }
        const char *differs = model_check(d, &want, text, &row, *from);
        if (differs) {
            return differs;
        }
    }
    if (s->blank_lines != blank) {
        return "the number of blank lines";
    }
    *from += s->pos;
    return *from == at ? NULL : "where the scanner stops";
}

/* The scanner against the model, the text given in two pieces: up to `cut`, then what was left. */
static inline const char *model_compare(const struct dialect *d, masks_kernel *kernel,
                                        const unsigned char *text, size_t n, size_t cut)
{
    static struct scanner s;
    size_t from = 0;
    ref_scanner(&s, d, kernel);
    const char *differs = model_part(&s, text, &from, cut, false);
    return differs ? differs : model_part(&s, text, &from, n, true);
}

/* Has no record a fault? ROW_FIELDS is none. */
static inline bool model_clean(const struct dialect *d, const unsigned char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        struct model_row row = model_record(d, text, n, at);
        if (row.fault != ROW_GOOD) {
            return false;
        }
        at = row.next;
    }
    return true;
}

/* Where the last whole record in a text of `n` bytes ends. */
static inline size_t model_cut(const struct dialect *d, const unsigned char *text, size_t n)
{
    size_t at = 0;
    while (at < n) {
        struct model_row row = model_record(d, text, n, at);
        if (!row.ended) {
            break;
        }
        at = row.next;
    }
    return at;
}

#endif
