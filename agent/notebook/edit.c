/* SPDX-License-Identifier: MIT
 *
 * What a notebook is, and parameters put into one. See edit.h; redact.c and outcome.c are its other
 * halves.
 */
#include "notebook/edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"
#include "notebook/cells.h"

enum { INDENT_MAX = 64, IDS_SINCE = 5 };

#define CELL_ID "procagent-parameters"

void notebook_facts_free(struct notebook_facts *f)
{
    free(f->kernel);
    free(f->language);
    *f = (struct notebook_facts){0};
}

int notebook_read(const char *file, const char *text, size_t n, struct notebook_facts *out,
                  struct err *e)
{
    SCOPE(notebook_close) struct notebook b = {0};
    int rc = notebook_open(file, text, n, &b, e);
    if (rc != 0) {
        return rc;
    }
    struct notebook_facts f = {.nbformat = 4, .nbformat_minor = b.minor};
    uint32_t spec = b.metadata ? jsontext_member(&b.j, b.metadata, "kernelspec") : 0;
    uint32_t info = b.metadata ? jsontext_member(&b.j, b.metadata, "language_info") : 0;
    f.kernel = spec ? member_text(&b, spec, "name") : NULL;
    f.language = spec ? member_text(&b, spec, "language") : NULL;
    if (!f.language && info) {
        f.language = member_text(&b, info, "name");
    }
    for (uint32_t i = b.cells + 1; i < b.j.v[b.cells].next; i = b.j.v[i].next) {
        f.cells++;
        f.code_cells += cell_is(&b, i, "code");
    }
    f.has_parameters = cell_find(&b, TAG_PARAMETERS) != 0;
    f.has_injected = cell_find(&b, TAG_INJECTED) != 0;
    *out = f;
    return 0;
}

/* ---- parameters ---- */

/* How the text around an insertion is laid out. */
struct shape {
    char base[INDENT_MAX + 1]; /* blanks before the new value's own line */
    char step[INDENT_MAX + 1]; /* what each level adds to it */
    bool lines;                /* each member on a line of its own; else all on one line */
};

/* The blanks between the last line break before an offset and that offset, if there is nothing
 * else. */
static bool indent_at(const struct jsontext *j, size_t at, char out[INDENT_MAX + 1])
{
    size_t from = at;
    while (from > 0 && (j->text[from - 1] == ' ' || j->text[from - 1] == '\t')) {
        from--;
    }
    if (from == 0 || j->text[from - 1] != '\n' || at - from > INDENT_MAX) {
        return false;
    }
    memcpy(out, j->text + from, at - from);
    out[at - from] = '\0';
    return true;
}

/* The layout for a value `levels` deep in the text, seen at the whole's first member. */
static struct shape shape_of(const struct jsontext *j, int levels)
{
    struct shape s = {.lines = j->v[0].next > 1};
    s.lines = s.lines && indent_at(j, j->v[1].key, s.step);
    for (int i = 0; s.lines && i < levels && strlen(s.base) + strlen(s.step) <= INDENT_MAX; i++) {
        memcpy(s.base + strlen(s.base), s.step, strlen(s.step) + 1);
    }
    return s;
}

/* A line break and the indent of `level` levels further in, or what stands for it on one line. */
static void new_line(struct str *out, const struct shape *s, int level, const char *else_text)
{
    if (!s->lines) {
        str_puts(out, else_text);
        return;
    }
    str_putc(out, '\n');
    str_puts(out, s->base);
    for (int i = 0; i < level; i++) {
        str_puts(out, s->step);
    }
}

static void add_source(struct str *out, const struct shape *s, const char *source)
{
    str_puts(out, "\"source\": [");
    for (const char *line = source; *line;) {
        size_t n = strcspn(line, "\n");
        n += line[n] == '\n';
        new_line(out, s, 2, "");
        jsontext_quote(out, line, n);
        line += n;
        str_puts(out, *line ? s->lines ? "," : ", " : "");
    }
    new_line(out, s, 1, "");
    str_putc(out, ']');
}

static bool has_id(const struct notebook *b, uint32_t except, const char *id)
{
    for (uint32_t i = b->cells + 1; i < b->j.v[b->cells].next; i = b->j.v[i].next) {
        uint32_t own = jsontext_member(&b->j, i, "id");
        if (i != except && own && jsontext_is(&b->j, own, id)) {
            return true;
        }
    }
    return false;
}

/* An id that no other cell has; the same in each run, so that the result is too. */
static char *free_id(const struct notebook *b, uint32_t except)
{
    char *id = xstrdup(CELL_ID);
    for (size_t i = 2; has_id(b, except, id); i++) {
        free(id);
        id = xasprintf(CELL_ID "-%zu", i);
    }
    return id;
}

/* The new cell, its members in the order in which nbformat sorts them. */
static void add_cell(struct str *out, const struct notebook *b, uint32_t replaced,
                     const struct params *p)
{
    struct shape s = shape_of(&b->j, 2);
    SCOPE(str_free) struct str source = STR_INIT(0);
    params_python(p, &source);
    const char *comma = s.lines ? "," : ", ";
    str_putc(out, '{');
    new_line(out, &s, 1, "");
    str_printf(out, "\"cell_type\": \"code\"%s", comma);
    new_line(out, &s, 1, "");
    str_printf(out, "\"execution_count\": null%s", comma);
    if (b->minor >= IDS_SINCE) { /* before that an id is no part of the format */
        SCOPE_FREE char *id = free_id(b, replaced);
        new_line(out, &s, 1, "");
        str_printf(out, "\"id\": \"%s\"%s", id, comma);
    }
    new_line(out, &s, 1, "");
    str_puts(out, "\"metadata\": {");
    new_line(out, &s, 2, "");
    str_puts(out, "\"tags\": [");
    new_line(out, &s, 3, "");
    str_puts(out, "\"" TAG_INJECTED "\"");
    new_line(out, &s, 2, "");
    str_putc(out, ']');
    new_line(out, &s, 1, "");
    str_printf(out, "}%s", comma);
    new_line(out, &s, 1, "");
    str_printf(out, "\"outputs\": []%s", comma);
    new_line(out, &s, 1, "");
    add_source(out, &s, source.s);
    new_line(out, &s, 0, "");
    str_putc(out, '}');
}

/* One edit: the bytes [begin, end) become `text`. */
struct splice {
    size_t begin;
    size_t end;
    struct str text; /* owned */
};

static void splice_free(struct splice *s)
{
    str_free(&s->text);
}

/* Where the parameters go among the cells. */
static bool splice_cell(const struct notebook *b, const struct params *p, struct splice *s)
{
    const struct json_node *v = b->j.v;
    uint32_t old = cell_find(b, TAG_INJECTED);
    uint32_t tagged = cell_find(b, TAG_PARAMETERS);
    uint32_t first = v[b->cells].next > b->cells + 1 ? b->cells + 1 : 0;
    struct shape around = shape_of(&b->j, 2);
    if (old) {
        s->begin = v[old].begin;
        s->end = v[old].end;
        add_cell(&s->text, b, old, p);
    } else if (tagged) {
        s->begin = s->end = v[tagged].end;
        str_putc(&s->text, ',');
        new_line(&s->text, &around, 0, " ");
        add_cell(&s->text, b, 0, p);
    } else if (first) {
        s->begin = s->end = v[first].begin;
        add_cell(&s->text, b, 0, p);
        str_putc(&s->text, ',');
        new_line(&s->text, &around, 0, " ");
    } else { /* an empty list, with whatever blanks it has */
        struct shape list = shape_of(&b->j, 1);
        s->begin = v[b->cells].begin + 1;
        s->end = v[b->cells].end - 1;
        new_line(&s->text, &around, 0, "");
        add_cell(&s->text, b, 0, p);
        new_line(&s->text, &list, 0, "");
    }
    return old || tagged;
}

/* Makes `json` the member `name` of an object, in the place of one that is there, else as its last;
 * `level` is how deep the members of the object are. */
static void splice_member(const struct notebook *b, uint32_t object, const char *name,
                          const char *json, int level, struct splice *s)
{
    const struct json_node *v = b->j.v;
    uint32_t old = jsontext_member(&b->j, object, name);
    if (old) {
        s->begin = v[old].begin;
        s->end = v[old].end;
        str_puts(&s->text, json);
        return;
    }
    uint32_t last = 0;
    for (uint32_t i = object + 1; i < v[object].next; i = v[i].next) {
        last = i;
    }
    struct shape inside = shape_of(&b->j, level);
    struct shape outside = shape_of(&b->j, level - 1);
    s->begin = last ? v[last].end : v[object].begin + 1;
    s->end = last ? s->begin : v[object].end - 1;
    str_puts(&s->text, last ? "," : "");
    new_line(&s->text, &inside, 0, last ? " " : "");
    str_printf(&s->text, "\"%s\": %s", name, json);
    if (!last) {
        new_line(&s->text, &outside, 0, "");
    }
}

/* Records the parameters in metadata.papermill.parameters, making what is missing on the way. */
static void splice_metadata(const struct notebook *b, const struct params *p, struct splice *s)
{
    SCOPE(str_free) struct str values = STR_INIT(0);
    params_json(p, &values);
    uint32_t papermill =
        b->metadata ? jsontext_member_of(&b->j, b->metadata, "papermill", SHAPE_OBJECT) : 0;
    if (papermill) {
        splice_member(b, papermill, "parameters", values.s, 3, s);
        return;
    }
    SCOPE_FREE char *inner = xasprintf("{\"parameters\": %s}", values.s);
    if (b->metadata) {
        splice_member(b, b->metadata, "papermill", inner, 2, s);
        return;
    }
    SCOPE_FREE char *whole = xasprintf("{\"papermill\": %s}", inner);
    splice_member(b, 0, "metadata", whole, 1, s);
}

int notebook_inject(const char *text, size_t n, const struct params *p, struct str *out,
                    bool *no_tag, struct err *e)
{
    SCOPE(notebook_close) struct notebook b = {0};
    int rc = notebook_open("notebook", text, n, &b, e);
    if (rc != 0) {
        return rc;
    }
    *no_tag = false;
    if (p->n == 0) {
        str_add(out, text, n);
        return 0;
    }
    SCOPE(splice_free) struct splice cell = {.text = STR_INIT(0)};
    SCOPE(splice_free) struct splice metadata = {.text = STR_INIT(0)};
    *no_tag = !splice_cell(&b, p, &cell);
    splice_metadata(&b, p, &metadata);
    const struct splice *a = cell.begin < metadata.begin ? &cell : &metadata;
    const struct splice *z = a == &cell ? &metadata : &cell;
    str_add(out, text, a->begin);
    str_add(out, a->text.s, a->text.len);
    str_add(out, text + a->end, z->begin - a->end);
    str_add(out, z->text.s, z->text.len);
    str_add(out, text + z->end, n - z->end);
    return 0;
}
