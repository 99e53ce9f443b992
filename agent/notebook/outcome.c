/* SPDX-License-Identifier: MIT
 *
 * How an executed notebook ended: by execution_count and error outputs, for papermill's own
 * metadata says "completed" of cells that never ran. See edit.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"
#include "notebook/cells.h"
#include "notebook/edit.h"

enum { LINE_MAX_BYTES = 4096 };

#define TAG_MARKER "papermill-error-cell-tag"
#define TAG_RAISES "raises-exception"
#define TAG_SKIP "skip-execution" /* nbclient's */

void notebook_outcome_free(struct notebook_outcome *o)
{
    free(o->ename);
    free(o->evalue);
    *o = (struct notebook_outcome){0};
}

/* Is there nothing but blanks in a string or in a list of strings? Such cells are not run. */
static bool is_blank(const struct notebook *b, uint32_t source)
{
    struct str text = STR_INIT(0);
    for (uint32_t i = source; i < b->j.v[source].next; i++) {
        if (b->j.v[i].shape == SHAPE_STRING) {
            jsontext_unescape(&b->j, b->j.v[i].begin, b->j.v[i].end, &text);
        }
    }
    size_t blanks = strspn(str_text(&text), " \t\r\n\v\f");
    bool blank = blanks == text.len;
    str_free(&text);
    return blank;
}

/* The number of the run; 0 = not run. */
static int64_t count_of(const struct notebook *b, uint32_t cell)
{
    uint32_t count = jsontext_member_of(&b->j, cell, "execution_count", SHAPE_NUMBER);
    return count ? (int64_t)strtoll(b->j.text + b->j.v[count].begin, NULL, 10) : 0;
}

/* The cell's first error output; 0 = none. */
static uint32_t error_of(const struct notebook *b, uint32_t cell)
{
    uint32_t outputs = jsontext_member_of(&b->j, cell, "outputs", SHAPE_ARRAY);
    if (!outputs) {
        return 0;
    }
    for (uint32_t i = outputs + 1; i < b->j.v[outputs].next; i = b->j.v[i].next) {
        uint32_t type = jsontext_member(&b->j, i, "output_type");
        if (type && jsontext_is(&b->j, type, "error")) {
            return i;
        }
    }
    return 0;
}

/* The first line of a text that is not blank, without colours and other control characters. */
static char *first_line(const char *text)
{
    struct str line = STR_INIT(LINE_MAX_BYTES);
    for (const char *p = text; *p; p++) {
        if (*p == '\n' && line.len > 0) {
            break;
        }
        if (p[0] == '\x1b' && p[1] == '[') {
            p += 2 + strspn(p + 2, "0123456789;:?");
            if (*p == '\0') {
                break;
            }
        } else if ((unsigned char)*p >= 0x20 && *p != 0x7f && (line.len > 0 || *p != ' ')) {
            str_putc(&line, *p);
        }
    }
    return str_take(&line);
}

static char *line_of(const struct notebook *b, uint32_t object, const char *name)
{
    SCOPE_FREE char *text = member_text(b, object, name);
    return first_line(text ? text : "");
}

static void look_at(const struct notebook *b, uint32_t cell, struct notebook_outcome *o)
{
    uint32_t source = jsontext_member(&b->j, cell, "source");
    uint32_t error = error_of(b, cell);
    if (!cell_is(b, cell, "code")) {
        return;
    }
    if (source && !is_blank(b, source) && !cell_tagged(b, cell, TAG_SKIP)) {
        uint32_t count = jsontext_member_of(&b->j, cell, "execution_count", SHAPE_NUMBER);
        o->code_cells++;
        o->executed += count != 0;
        if (!count && !o->first_not_run) {
            o->first_not_run = o->cells;
        }
    }
    if (error && cell_tagged(b, cell, TAG_RAISES)) {
        o->expected++;
    } else if (error && !o->error_cell) {
        o->error_cell = o->cells;
        o->error_count = count_of(b, cell);
        o->ename = line_of(b, error, "ename");
        o->evalue = line_of(b, error, "evalue");
    }
}

int notebook_outcome(const char *text, size_t n, struct notebook_outcome *out, struct err *e)
{
    SCOPE(notebook_close) struct notebook b = {0};
    int rc = notebook_open("notebook", text, n, &b, e);
    if (rc != 0) {
        return rc;
    }
    struct notebook_outcome o = {0};
    for (uint32_t i = b.cells + 1; i < b.j.v[b.cells].next; i = b.j.v[i].next) {
        if (!cell_tagged(&b, i, TAG_MARKER)) {
            o.cells++;
            look_at(&b, i, &o);
        }
    }
    *out = o;
    return 0;
}
