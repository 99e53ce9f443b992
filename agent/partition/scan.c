/* SPDX-License-Identifier: MIT
 *
 * The CSV scanner. See scan.h.
 *
 * A window of text is turned into two lists, the newlines and the delimiters outside quotes.
 * Whether a byte is inside quotes is the parity of the quotes before it: a running XOR over the
 * mask of quotes. The same masks show every fault; the record that has one is then read byte by
 * byte, which says which fault it is and where the record ends, and the next window begins behind
 * it.
 */
#include "partition/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { WINDOW = 64 * 1024, BATCH = 64 };

void scanner_init(struct scanner *s, const struct dialect *dialect)
{
    *s = (struct scanner){
        .dialect = *dialect,
        .kernel = masks_best(),
        .bytes = {.quote = dialect->quote,
                  .delimiter = dialect->delimiter,
                  .has_quote = dialect->quote ? ~UINT64_C(0) : 0},
        .window = WINDOW,
    };
}

void scanner_free(struct scanner *s)
{
    free(s->ends);
    free(s->seps);
    *s = (struct scanner){0};
}

void scanner_text(struct scanner *s, const unsigned char *text, size_t n, bool last)
{
    s->text = text;
    s->n = (uint32_t)n;
    s->last = last;
    s->pos = 0;
    s->n_ends = s->n_seps = s->i_end = s->i_sep = 0;
    s->faulty = s->exhausted = false;
    s->blank_lines = 0;
}

/* ---- a window ---- */

/* What one block hands to the next. */
struct carry {
    uint64_t inside;   /* all ones: inside quotes */
    uint64_t boundary; /* 1: the byte before was a delimiter or newline, or there is none */
    uint64_t closed;   /* 1: the byte before was a closing quote */
    uint64_t cr;       /* 1: the byte before was a CR outside quotes */
};

/* Bit i of the answer: an odd number of bits 0 to i are set. */
static uint64_t running_xor(uint64_t m)
{
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        m ^= m << shift;
    }
    return m;
}

static uint32_t *list_bits(uint32_t *out, uint64_t mask, uint32_t base)
{
    while (mask) {
        *out++ = base + (uint32_t)__builtin_ctzll(mask);
        mask &= mask - 1;
    }
    return out;
}

/* One block at `base`, of which the bytes of `valid` are text: lists what is structural; false when
 * the block shows a fault, with only what comes before it listed. */
static bool take_block(struct scanner *s, const struct masks *m, struct carry *c, uint32_t base,
                       uint64_t valid)
{
    uint64_t inside = c->inside;
    if (m->quote) {
        inside ^= running_xor(m->quote);
    }
    uint64_t seps = m->delimiter & ~inside;
    uint64_t ends = m->newline & ~inside;
    uint64_t faults = m->nul;
    if (m->quote | c->closed) {
        uint64_t opens = m->quote & inside;
        uint64_t closes = m->quote & ~inside;
        uint64_t at_boundary = (seps | ends) << 1 | c->boundary;
        uint64_t behind_close = closes << 1 | c->closed;
        /* a quote right behind a closing one makes both a quote character */
        faults |= opens & ~(at_boundary | behind_close);
        faults |= behind_close & ~(m->delimiter | m->newline | m->cr | m->quote);
        c->closed = closes >> 63;
    }
    if (m->cr | c->cr) {
        uint64_t outside = m->cr & ~inside;
        faults |= (outside << 1 | c->cr) & ~m->newline;
        c->cr = outside >> 63;
    }
    c->boundary = (seps | ends) >> 63;
    c->inside = (uint64_t)0 - (inside >> 63);
    faults &= valid;
    if (faults) {
        uint64_t before = (faults & -faults) - 1;
        seps &= before;
        ends &= before;
    }
    s->n_seps = (size_t)(list_bits(s->seps + s->n_seps, seps, base) - s->seps);
    s->n_ends = (size_t)(list_bits(s->ends + s->n_ends, ends, base) - s->ends);
    return faults == 0;
}

static void make_room(struct scanner *s)
{
    size_t need = (size_t)s->window + MASK_BLOCK;
    if (s->cap < need) {
        free(s->ends);
        free(s->seps);
        s->ends = xmalloc(need * sizeof *s->ends);
        s->seps = xmalloc(need * sizeof *s->seps);
        s->cap = need;
    }
}

/* The text's last bytes, fewer than a block. */
static void take_rest(struct scanner *s, struct masks *m, struct carry *c, uint32_t at)
{
    uint32_t n = s->n - at;
    uint64_t valid = (UINT64_C(1) << n) - 1;
    *m = (struct masks){m->quote & valid, m->delimiter & valid, m->newline & valid, m->cr & valid,
                        m->nul & valid};
    s->faulty = !take_block(s, m, c, at, valid);
    c->cr = (m->cr >> (n - 1) & 1) & ~c->inside;
}

static void fill_window(struct scanner *s)
{
    make_room(s);
    s->n_ends = s->n_seps = s->i_end = s->i_sep = 0;
    s->faulty = s->exhausted = false;
    struct masks masks[BATCH];
    struct carry c = {.boundary = 1};
    uint32_t at = s->pos;
    uint32_t stop = s->n - at > s->window ? at + s->window : s->n;
    while (at < stop && !s->faulty) {
        size_t blocks = (stop - at + MASK_BLOCK - 1) / MASK_BLOCK;
        blocks = blocks < BATCH ? blocks : BATCH;
        s->kernel(s->text + at, blocks, &s->bytes, masks);
        for (size_t i = 0; i < blocks && !s->faulty; i++, at += MASK_BLOCK) {
            if (s->n - at < MASK_BLOCK) {
                take_rest(s, &masks[i], &c, at);
            } else {
                s->faulty = !take_block(s, &masks[i], &c, at, ~UINT64_C(0));
            }
        }
    }
    s->exhausted = !s->faulty && at >= s->n;
    s->in_quotes = c.inside != 0;
    s->open_cr = c.cr != 0;
    /* a record longer than the window wants a longer one */
    s->window = s->n_ends > 0 || s->faulty ? WINDOW : 2 * s->window;
}

/* ---- a record with a fault, byte by byte ---- */

/* One step inside a record; says which fault the byte is, if any. After a stray quote or text
 * behind a closing one the field goes on as a plain one, so that one bad row does not take the rest
 * of the file with it. */
static enum row_fault step(const struct dialect *d, enum field_state *state, unsigned char c)
{
    bool quote = d->quote && c == d->quote;
    enum row_fault fault = c == '\0' ? ROW_NUL : ROW_GOOD;
    switch (*state) {
    case FIELD_QUOTED:
        if (quote) {
            *state = FIELD_CLOSED;
        }
        return fault;
    case FIELD_CLOSED:
        if (quote) {
            *state = FIELD_QUOTED;
            return fault;
        }
        if (c != d->delimiter) {
            *state = FIELD_PLAIN;
            return fault || c == '\r' ? fault : ROW_AFTER_QUOTE;
        }
        break;
    case FIELD_BEGIN:
        if (quote) {
            *state = FIELD_QUOTED;
            return fault;
        }
        break;
    case FIELD_PLAIN:
        if (quote) {
            return ROW_STRAY_QUOTE;
        }
        break;
    }
    *state = c == d->delimiter ? FIELD_BEGIN : FIELD_PLAIN;
    return fault;
}

/* The record at s->pos, which has a fault; false when the text ends before it does. */
static bool read_faulty(struct scanner *s, struct row_span *row)
{
    const unsigned char *t = s->text;
    enum field_state state = FIELD_BEGIN;
    enum row_fault fault = ROW_GOOD;
    uint32_t at = s->pos;
    while (at < s->n && (t[at] != '\n' || state == FIELD_QUOTED)) {
        enum row_fault found = step(&s->dialect, &state, t[at]);
        bool bare = t[at] == '\r' && state != FIELD_QUOTED &&
                    (at + 1 == s->n ? s->last : t[at + 1] != '\n');
        found = found == ROW_GOOD && bare ? ROW_BARE_CR : found;
        fault = fault == ROW_GOOD ? found : fault;
        at++;
    }
    bool ended = at < s->n;
    if (!ended && !s->last) {
        return false;
    }
    if (!ended && state == FIELD_QUOTED) {
        fault = fault == ROW_GOOD ? ROW_UNCLOSED : fault;
    }
    *row = (struct row_span){.start = s->pos, .stop = at, .next = at + ended, .fault = fault};
    return true;
}

/* ---- records ---- */

static bool too_long(const struct scanner *s, const struct row_span *row)
{
    return s->dialect.max_row && row->next - row->start > s->dialect.max_row;
}

/* The next record ends with the newline at `end`, or at the text's end. */
static void take_record(struct scanner *s, struct row_span *row, uint32_t end, bool newline)
{
    const uint32_t *seps = s->seps + s->i_sep;
    size_t left = s->n_seps - s->i_sep;
    size_t n = s->dialect.columns ? s->dialect.columns - 1 : 0;
    /* the usual case: the right number of delimiters lie before the end */
    bool as_expected = s->dialect.columns && n <= left && (n == 0 || seps[n - 1] < end) &&
                       (n == left || seps[n] > end);
    if (!as_expected) {
        for (n = 0; n < left && seps[n] < end; n++) {
        }
    }
    *row = (struct row_span){.start = s->pos,
                             .stop = end,
                             .next = end + newline,
                             .delimiters = seps,
                             .n_delimiters = n,
                             .fault = as_expected || !s->dialect.columns ? ROW_GOOD : ROW_FIELDS};
    if (newline && end > s->pos && s->text[end - 1] == '\r') {
        row->stop--;
    }
    if (too_long(s, row)) {
        row->fault = ROW_TOO_LONG;
    }
    s->i_sep += n;
    s->pos = row->next;
}

/* The window holds no further newline: 1 when `row` was filled all the same, -1 at the end, 0 after
 * another window was filled. */
static int beyond_window(struct scanner *s, struct row_span *row)
{
    if (s->pos >= s->n) {
        return -1;
    }
    if (s->faulty || (s->exhausted && s->last && (s->in_quotes || s->open_cr))) {
        if (!read_faulty(s, row)) {
            return -1;
        }
        if (too_long(s, row)) {
            row->fault = ROW_TOO_LONG;
        }
        s->pos = row->next;
        s->n_ends = s->i_end = 0;
        s->faulty = s->exhausted = false;
        return 1;
    }
    if (s->exhausted) {
        if (!s->last) {
            return -1;
        }
        take_record(s, row, s->n, false);
        return 1;
    }
    fill_window(s);
    return 0;
}

bool scanner_next(struct scanner *s, struct row_span *row)
{
    for (;;) {
        if (s->i_end == s->n_ends) {
            int rc = beyond_window(s, row);
            if (rc < 0) {
                return false;
            }
            if (rc == 0) {
                continue;
            }
        } else {
            take_record(s, row, s->ends[s->i_end++], true);
        }
        if (row->stop > row->start || row->fault == ROW_TOO_LONG || s->dialect.columns == 1) {
            return true;
        }
        s->blank_lines++;
    }
}

size_t scan_cut(const struct scanner *s, const unsigned char *text, size_t n)
{
    struct masks masks[BATCH];
    uint64_t parity = 0;
    for (size_t at = 0; s->dialect.quote && at < n;) {
        size_t blocks = (n - at + MASK_BLOCK - 1) / MASK_BLOCK;
        blocks = blocks < BATCH ? blocks : BATCH;
        s->kernel(text + at, blocks, &s->bytes, masks);
        for (size_t i = 0; i < blocks; i++, at += MASK_BLOCK) {
            uint64_t valid = n - at < MASK_BLOCK ? (UINT64_C(1) << (n - at)) - 1 : ~UINT64_C(0);
            parity ^= masks[i].quote & valid;
        }
    }
    bool inside = __builtin_parityll(parity);
    while (n > 0) {
        unsigned char c = text[n - 1];
        if (c == '\n' && !inside) {
            return n;
        }
        inside ^= s->dialect.quote && c == s->dialect.quote;
        n--;
    }
    return 0;
}

size_t scan_skip(const struct dialect *dialect, enum field_state *state, const unsigned char *text,
                 size_t n, bool *ended)
{
    size_t at = 0;
    while (at < n && (text[at] != '\n' || *state == FIELD_QUOTED)) {
        (void)step(dialect, state, text[at++]);
    }
    *ended = at < n;
    return at + *ended;
}

const char *row_fault_text(enum row_fault fault)
{
    switch (fault) {
    case ROW_STRAY_QUOTE: return "has a quote inside a field that does not begin with one";
    case ROW_AFTER_QUOTE: return "has text between a closing quote and the next delimiter";
    case ROW_UNCLOSED: return "begins a quoted field that never ends";
    case ROW_NUL: return "holds a NUL byte";
    case ROW_BARE_CR: return "holds a carriage return that is neither quoted nor part of CRLF";
    case ROW_TOO_LONG: return "is longer than max_row_size";
    case ROW_GOOD:
    case ROW_FIELDS: break;
    }
    return NULL;
}
