/* SPDX-License-Identifier: MIT
 *
 * Rows. See rows.h.
 */
#include "partition/rows.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ORDINAL_BYTES = 6 }; /* "-00001" */

size_t rows_stride(const struct row_plan *plan)
{
    return plan->whole ? 1 : plan->n_runs + plan->tail;
}

void rows_init(struct rows *r, const struct row_plan *plan, size_t max_keys)
{
    *r = (struct rows){.key = STR_INIT(0), .dir = STR_INIT(0), .text = STR_INIT(0)};
    scanner_init(&r->scanner, &plan->dialect);
    keys_init(&r->keys, max_keys);
    r->v = xcalloc(ROWS_MAX, sizeof *r->v);
    r->pieces = xcalloc(ROWS_MAX * rows_stride(plan), sizeof *r->pieces);
}

void rows_free(struct rows *r)
{
    scanner_free(&r->scanner);
    keys_free(&r->keys);
    str_free(&r->key);
    str_free(&r->dir);
    str_free(&r->text);
    free(r->v);
    free(r->pieces);
    *r = (struct rows){0};
}

void rows_begin(struct rows *r, const struct row_plan *plan, const struct chunk *c)
{
    r->begun = r->blank_lines = 0;
    r->line = 0;
    r->failed = false;
    if (!plan->lines) {
        /* the chunk ends with a record: one that does not end there has a fault, and hides none */
        scanner_text(&r->scanner, c->text, c->n, c->kind != CHUNK_CUT);
    }
}

/* ---- fields ---- */

struct field_text field_decode(unsigned char quote, const char *text, size_t n, struct str *room)
{
    if (n < 2 || quote == 0 || (unsigned char)text[0] != quote) {
        return (struct field_text){.s = text, .n = n};
    }
    text++;
    n -= 2;
    if (!memchr(text, quote, n)) {
        return (struct field_text){.s = text, .n = n};
    }
    size_t from = room->len;
    for (size_t i = 0; i < n; i++) {
        str_putc(room, text[i]);
        i += (unsigned char)text[i] == quote; /* the second of two */
    }
    return (struct field_text){.s = room->s + from, .n = room->len - from};
}

/* ---- rows ---- */

static struct row *add_row(struct rows *r, struct partition *part)
{
    struct row *row = &r->v[r->n++];
    *row = (struct row){.part = part};
    return row;
}

static struct piece_of_row *pieces_of(struct rows *r, const struct row_plan *plan)
{
    return r->pieces + (r->n - 1) * rows_stride(plan);
}

static void add_whole(struct rows *r, const struct row_plan *plan, struct partition *part,
                      uint32_t start, uint32_t next)
{
    add_row(r, part)->bytes = next - start;
    struct piece_of_row *piece = pieces_of(r, plan);
    memset(piece, 0, rows_stride(plan) * sizeof *piece);
    *piece = (struct piece_of_row){.start = start, .n = next - start};
}

static void add_pieces(struct rows *r, const struct row_plan *plan, struct partition *part,
                       const struct row_span *span)
{
    struct row *row = add_row(r, part);
    struct piece_of_row *piece = pieces_of(r, plan);
    uint32_t bytes = 0;
    for (size_t i = 0; i < plan->n_runs; i++) {
        const struct run *run = &plan->runs[i];
        uint32_t start = field_begin(span, run->first);
        uint32_t end = field_end(span, run->last);
        if (i + 1 < plan->n_runs) {
            end++; /* the delimiter behind it goes with it */
        } else if (!plan->tail) {
            end = span->next;
        }
        piece[i] = (struct piece_of_row){.start = start, .n = end - start};
        bytes += end - start;
    }
    if (plan->tail) {
        piece[plan->n_runs] =
            (struct piece_of_row){.start = span->stop, .n = span->next - span->stop};
        bytes += span->next - span->stop;
    }
    row->quotes = plan->single && plan->dialect.quote &&
                  field_end(span, plan->runs[0].first) == field_begin(span, plan->runs[0].first);
    row->bytes = bytes + (row->quotes ? 2 : 0);
}

/* A row that cannot be placed, as r->e says: set aside, or the end. False at the end. */
static bool bad_row(struct rows *r, const struct row_plan *plan, uint32_t start, uint32_t next)
{
    if (plan->reject) {
        add_whole(r, plan, &plan->parts->rejects, start, next);
        return true;
    }
    r->failed = r->bad_row = true;
    return false;
}

/* What no row can mend: the split ends here. */
static bool give_up(struct rows *r)
{
    r->failed = true;
    r->bad_row = false;
    return false;
}

/* The row that a CHUNK_CUT ends in: no more of it comes. */
static void end_cut(struct rows *r)
{
    err_set(&r->e, ERR_OUTPUT, "%s", row_fault_text(ROW_TOO_LONG));
    r->failed = r->bad_row = true;
}

static int check_name(const struct row_plan *plan, const struct str *dir, struct err *e)
{
    size_t name = strlen(plan->name) + (plan->parts->max_file_size ? ORDINAL_BYTES : 0);
    size_t n = plan->parts->key_prefix + dir->len + 1 + name;
    return n <= S3_KEY_BYTES ? 0
                             : err_set(e, ERR_OUTPUT,
                                       "the object's key would end in %s/%s and have %zu bytes, at "
                                       "most %d fit",
                                       QUOTED(str_text(dir)), plan->name, n, S3_KEY_BYTES);
}

enum placing { PLACED, PLACE_BAD, PLACE_NEVER };

/* The partition of the values; remembered under the key. */
static enum placing place(struct rows *r, const struct row_plan *plan,
                          const struct field_text *values, uint64_t hash, const char *key,
                          size_t n_key, struct partition **part)
{
    str_clear(&r->dir);
    if (layout_fill(plan->bound, &plan->rules, values, ERR_OUTPUT, &r->dir, &r->e) != 0 ||
        check_name(plan, &r->dir, &r->e) != 0) {
        (void)err_prefix(&r->e, "cannot be placed");
        return PLACE_BAD;
    }
    for (size_t i = 0; !plan->whole && i < plan->n_keys; i++) {
        if (plan->formatted[i] && !memmem(r->dir.s, r->dir.len, values[i].s, values[i].n)) {
            r->lossy = i + 1;
        }
    }
    *part = parts_find(plan->parts, str_text(&r->dir), r->dir.len, &r->e);
    if (!*part) {
        return PLACE_NEVER;
    }
    keys_add(&r->keys, hash, key, n_key, *part);
    return PLACED;
}

/* What a message shows of a row: its first bytes, as a text without newline. */
enum { ROW_BEGIN = 80 };
static const char *begin_of(char *out, const char *row, size_t n)
{
    while (n > 0 && (row[n - 1] == '\n' || row[n - 1] == '\r')) {
        n--;
    }
    n = n < ROW_BEGIN ? n : ROW_BEGIN;
    for (size_t i = 0; i < n; i++) {
        out[i] = row[i] ? row[i] : '?';
    }
    out[n] = '\0';
    return out;
}

/* ---- CSV ---- */

/* Bytes of all its key fields. */
static size_t keys_size(const struct row_plan *plan, const struct row_span *span)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_keys; i++) {
        n += field_end(span, plan->key_field[i]) - field_begin(span, plan->key_field[i]);
    }
    return n;
}

/* The row's key as bytes: its one field as it is, or all of them, each behind its length. */
static const char *key_of(struct rows *r, const struct row_plan *plan, const char *text,
                          const struct row_span *span, size_t *n)
{
    if (plan->n_keys == 1) {
        uint32_t begin = field_begin(span, plan->key_field[0]);
        *n = field_end(span, plan->key_field[0]) - begin;
        return text + begin;
    }
    str_clear(&r->key);
    str_reserve(&r->key, plan->n_keys * sizeof(uint32_t) + keys_size(plan, span) + SCAN_PADDING +
                             KEY_PADDING);
    char *to = r->key.s;
    for (size_t i = 0; i < plan->n_keys; i++) {
        uint32_t begin = field_begin(span, plan->key_field[i]);
        uint32_t len = field_end(span, plan->key_field[i]) - begin;
        memcpy(to, &len, sizeof len);
        to = copy_in_words(to + sizeof len, text + begin, len);
    }
    memset(to, 0, KEY_PADDING);
    *n = (size_t)(to - r->key.s);
    return r->key.s;
}

static enum placing place_csv(struct rows *r, const struct row_plan *plan, const char *text,
                              const struct row_span *span, struct partition **part)
{
    size_t n = 0;
    const char *key = key_of(r, plan, text, span, &n);
    uint64_t hash = key_hash(key, n);
    *part = keys_find(&r->keys, hash, key, n);
    if (*part) {
        return PLACED;
    }
    struct field_text values[PLAN_MAX_KEYS];
    str_clear(&r->text);
    str_reserve(&r->text, keys_size(plan, span));
    for (size_t i = 0; i < plan->n_keys; i++) {
        uint32_t begin = field_begin(span, plan->key_field[i]);
        uint32_t end = field_end(span, plan->key_field[i]);
        values[i] = field_decode(plan->dialect.quote, text + begin, end - begin, &r->text);
    }
    return place(r, plan, values, hash, key, n, part);
}

static void say_fault(struct rows *r, const struct row_plan *plan, const char *text,
                      const struct row_span *span)
{
    char begin[ROW_BEGIN + 1];
    const char *row = begin_of(begin, text + span->start, span->stop - span->start);
    const char *fault = row_fault_text(span->fault);
    if (fault) {
        err_set(&r->e, ERR_OUTPUT, "%s: %s", fault, QUOTED(row));
    } else {
        size_t n = span->n_delimiters + 1;
        err_set(&r->e, ERR_OUTPUT, "has %zu field%s, %s %zu: %s", n, n == 1 ? "" : "s",
                plan->columns_of, plan->dialect.columns, QUOTED(row));
    }
}

/* One record; false when the batch must end. */
static bool take_csv(struct rows *r, const struct row_plan *plan, const char *text,
                     const struct row_span *span)
{
    r->begun++;
    if (span->fault != ROW_GOOD) {
        say_fault(r, plan, text, span);
        return bad_row(r, plan, span->start, span->next);
    }
    struct partition *part = NULL;
    switch (place_csv(r, plan, text, span, &part)) {
    case PLACED: break;
    case PLACE_BAD: return bad_row(r, plan, span->start, span->next);
    case PLACE_NEVER: return give_up(r);
    }
    if (plan->whole) {
        add_whole(r, plan, part, span->start, span->next);
    } else {
        add_pieces(r, plan, part, span);
    }
    return true;
}

static bool csv_batch(struct rows *r, const struct row_plan *plan, const struct chunk *c)
{
    struct row_span span;
    while (r->n < ROWS_MAX) {
        if (!scanner_next(&r->scanner, &span)) {
            r->blank_lines = r->scanner.blank_lines;
            if (c->kind == CHUNK_CUT) {
                r->begun++;
                end_cut(r);
            }
            return false;
        }
        if (!take_csv(r, plan, (const char *)c->text, &span)) {
            return false;
        }
    }
    return true;
}

/* ---- JSON Lines ---- */

/* A top-level field as text in `room`; false when it has none. */
static bool json_value(const json_t *value, struct str *room)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL: return true;
    case JSON_STRING:
        str_add(room, json_string_value(value), json_string_length(value));
        return true;
    case JSON_INTEGER:
        str_printf(room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return true;
    case JSON_TRUE: str_puts(room, "true"); return true;
    case JSON_FALSE: str_puts(room, "false"); return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_REAL: break;
    }
    return false;
}

static enum placing place_json(struct rows *r, const struct row_plan *plan, const json_t *object,
                               struct partition **part)
{
    const struct strvec *names = &plan->bound->columns;
    size_t at[PLAN_MAX_KEYS + 1] = {0};
    str_clear(&r->key);
    for (size_t i = 0; i < plan->n_keys; i++) {
        if (!json_value(json_object_get(object, names->v[i]), &r->key)) {
            err_set(
                &r->e, ERR_OUTPUT,
                "cannot be placed: the field %s is a fraction, an object or an array; a partition"
                "'s value is a string, an integer, true or false",
                QUOTED(names->v[i]));
            return PLACE_BAD;
        }
        at[i + 1] = r->key.len;
    }
    struct field_text values[PLAN_MAX_KEYS];
    /* where each ends is part of the key */
    str_add(&r->key, (const char *)at, (plan->n_keys + 1) * sizeof *at);
    size_t n = r->key.len;
    static const char ZEROS[KEY_PADDING] = {0};
    str_add(&r->key, ZEROS, sizeof ZEROS);
    for (size_t i = 0; i < plan->n_keys; i++) {
        values[i] = (struct field_text){.s = r->key.s + at[i], .n = at[i + 1] - at[i]};
    }
    uint64_t hash = key_hash(r->key.s, n);
    *part = keys_find(&r->keys, hash, r->key.s, n);
    return *part ? PLACED : place(r, plan, values, hash, r->key.s, n, part);
}

static enum placing place_line(struct rows *r, const struct row_plan *plan, const char *line,
                               size_t n, struct partition **part)
{
    if (plan->dialect.max_row && n > plan->dialect.max_row) {
        err_set(&r->e, ERR_OUTPUT, "%s", row_fault_text(ROW_TOO_LONG));
        return PLACE_BAD;
    }
    json_error_t why;
    char begin[ROW_BEGIN + 1];
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    enum placing placing = PLACE_BAD;
    if (!object) {
        err_set(&r->e, ERR_OUTPUT, "is no JSON (column %d: %s): %s", why.column, why.text,
                QUOTED(begin_of(begin, line, n)));
    } else if (!json_is_object(object)) {
        err_set(&r->e, ERR_OUTPUT, "is no JSON object: %s", QUOTED(begin_of(begin, line, n)));
    } else {
        placing = place_json(r, plan, object, part);
    }
    json_decref(object);
    return placing;
}

static bool is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strchr(" \t\r\n", line[i]) || line[i] == '\0') {
            return false;
        }
    }
    return true;
}

static bool json_batch(struct rows *r, const struct row_plan *plan, const struct chunk *c)
{
    const char *text = (const char *)c->text;
    while (r->n < ROWS_MAX) {
        uint32_t start = r->line;
        if (start >= c->n) {
            return false;
        }
        const char *newline = memchr(text + start, '\n', c->n - start);
        uint32_t next = newline ? (uint32_t)(newline - text) + 1 : (uint32_t)c->n;
        r->line = next;
        if (is_blank(text + start, next - start)) {
            r->blank_lines++;
            continue;
        }
        r->begun++;
        if (c->kind == CHUNK_CUT && !newline) {
            end_cut(r);
            return false;
        }
        struct partition *part = NULL;
        enum placing placing = place_line(r, plan, text + start, next - start, &part);
        if (placing == PLACED) {
            add_whole(r, plan, part, start, next);
        } else if (placing == PLACE_NEVER ? !give_up(r) : !bad_row(r, plan, start, next)) {
            return false;
        }
    }
    return true;
}

bool rows_batch(struct rows *r, const struct row_plan *plan, const struct chunk *c)
{
    r->n = 0;
    return plan->lines ? json_batch(r, plan, c) : csv_batch(r, plan, c);
}

/* ---- the header ---- */

void rows_header(const struct row_plan *plan, const struct source_file *s, struct str *out)
{
    const struct row_span *span = &s->header_row;
    if (!s->header) {
        return;
    }
    if (plan->whole) {
        str_add(out, s->header, s->n_header);
        return;
    }
    size_t before = out->len;
    for (size_t i = 0; i < plan->n_runs; i++) {
        uint32_t start = field_begin(span, plan->runs[i].first);
        uint32_t end = field_end(span, plan->runs[i].last) + (i + 1 < plan->n_runs);
        str_add(out, s->header + start, end - start);
    }
    if (out->len == before && plan->dialect.quote) { /* as in rows: no empty line */
        str_putc(out, (char)plan->dialect.quote);
        str_putc(out, (char)plan->dialect.quote);
    }
    str_add(out, s->header + span->stop, span->next - span->stop);
}
