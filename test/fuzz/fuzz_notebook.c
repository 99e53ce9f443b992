/* SPDX-License-Identifier: MIT
 *
 * notebook/edit. Any text: an error with its place, or a notebook. What parameters were put into is
 * read again and is, without the cell and the record, what it was; what secrets were taken out of
 * is read again, has none left where they are looked for, and is the same elsewhere.
 */
#include "notebook/edit.h"

#include "fuzz.h"
#include "notebook/cells.h"

#define SECRET "hunter22"

/* "n.ipynb:LINE:COLUMN: what". */
static void check_place(const char *text)
{
    static const char NAME[] = "n.ipynb:";
    REQUIRE(strncmp(text, NAME, sizeof NAME - 1) == 0);
    char *end;
    REQUIRE(strtoul(text + sizeof NAME - 1, &end, 10) >= 1 && *end == ':');
    REQUIRE(strtoul(end + 1, &end, 10) >= 1 && *end == ':');
}

static uint32_t next_cell(const struct notebook *b, uint32_t cell)
{
    return b->j.v[cell].next;
}

static bool same_bytes(const struct notebook *a, uint32_t x, const struct notebook *b, uint32_t y)
{
    const struct json_node *v = &a->j.v[x];
    const struct json_node *w = &b->j.v[y];
    return v->end - v->begin == w->end - w->begin &&
           memcmp(a->j.text + v->begin, b->j.text + w->begin, v->end - v->begin) == 0;
}

static size_t count_injected(const struct notebook *b)
{
    size_t n = 0;
    for (uint32_t i = b->cells + 1; i < b->j.v[b->cells].next; i = next_cell(b, i)) {
        n += cell_tagged(b, i, TAG_INJECTED);
    }
    return n;
}

/* The cells of `now` are those of `then`, but for one that came in or took another's place. */
static void check_cells(const struct notebook *then, const struct notebook *now)
{
    uint32_t old = cell_find(then, TAG_INJECTED);
    uint32_t new = cell_find(now, TAG_INJECTED);
    uint32_t x = then->cells + 1;
    uint32_t y = now->cells + 1;
    size_t before = count_injected(then);
    REQUIRE(new &&count_injected(now) == (before ? before : 1));
    while (y < now->j.v[now->cells].next) {
        if (y == new) {
            x = old ? next_cell(then, x) : x;
        } else {
            REQUIRE(x < then->j.v[then->cells].next && same_bytes(then, x, now, y));
            x = next_cell(then, x);
        }
        y = next_cell(now, y);
    }
    REQUIRE(x == then->j.v[then->cells].next);
}

/* All members of the whole but cells and metadata are what they were. */
static void check_members(const struct notebook *then, const struct notebook *now)
{
    uint32_t y = 1;
    for (uint32_t x = 1; x < then->j.v[0].next; x = then->j.v[x].next, y = now->j.v[y].next) {
        REQUIRE(y < now->j.v[0].next);
        REQUIRE(x == then->cells || x == then->metadata || same_bytes(then, x, now, y));
    }
    REQUIRE(y == now->j.v[0].next || (!then->metadata && y == now->metadata));
}

static void check_inject(const struct notebook *then)
{
    struct params p = {0};
    struct err e = {0};
    struct str out = STR_INIT(0);
    struct str twice = STR_INIT(0);
    struct str record = STR_INIT(0);
    struct notebook now;
    bool no_tag;
    REQUIRE(params_add_typed(&p, "n", "5", &e) == 0 && params_add_raw(&p, "s", "\"\n", &e) == 0);
    REQUIRE(notebook_inject(then->j.text, then->j.n, &p, &out, &no_tag, &e) == 0);
    REQUIRE(notebook_open("n.ipynb", out.s, out.len, &now, &e) == 0);
    REQUIRE(no_tag == !(cell_find(then, TAG_INJECTED) || cell_find(then, TAG_PARAMETERS)));
    check_cells(then, &now);
    check_members(then, &now);
    uint32_t papermill = jsontext_member(&now.j, now.metadata, "papermill");
    const struct json_node *v = &now.j.v[jsontext_member(&now.j, papermill, "parameters")];
    params_json(&p, &record);
    REQUIRE(v->end - v->begin == record.len && !memcmp(out.s + v->begin, record.s, record.len));
    REQUIRE(notebook_inject(out.s, out.len, &p, &twice, &no_tag, &e) == 0);
    REQUIRE(twice.len == out.len && memcmp(twice.s, out.s, out.len) == 0 && !no_tag);
    notebook_close(&now);
    str_free(&record);
    str_free(&twice);
    str_free(&out);
    params_free(&p);
}

/* Strings in outputs say nothing secret; output_type and the like are not looked at, nor are the
 * names of an output's own members. */
static void check_output(const struct notebook *b, uint32_t output)
{
    struct str plain = STR_INIT(0);
    for (uint32_t i = output + 1; i < b->j.v[output].next; i = b->j.v[i].next) {
        if (jsontext_named(&b->j, i, "output_type")) {
            continue;
        }
        for (uint32_t k = i; k < b->j.v[i].next; k++) {
            if (b->j.v[k].shape == SHAPE_STRING) {
                str_clear(&plain);
                jsontext_unescape(&b->j, b->j.v[k].begin, b->j.v[k].end, &plain);
                REQUIRE(!plain.len || !memmem(plain.s, plain.len, SECRET, sizeof SECRET - 1));
            }
        }
    }
    str_free(&plain);
}

static void check_outputs(const struct notebook *b)
{
    for (uint32_t c = b->cells + 1; c < b->j.v[b->cells].next; c = next_cell(b, c)) {
        uint32_t outputs = jsontext_member(&b->j, c, "outputs");
        for (uint32_t i = outputs + 1; outputs && i < b->j.v[outputs].next; i = b->j.v[i].next) {
            if (b->j.v[i].shape == SHAPE_OBJECT) {
                check_output(b, i);
            }
        }
    }
}

static void check_redact(const struct notebook *then)
{
    struct err e = {0};
    struct strvec values = {0};
    struct str out = STR_INIT(0);
    struct str twice = STR_INIT(0);
    struct redacted counts = {0};
    struct redacted again = {0};
    struct notebook now;
    strvec_add(&values, "PW=" SECRET);
    struct redaction r = {.values = &values, .credentials = true};
    REQUIRE(notebook_redact(then->j.text, then->j.n, &r, &out, &counts, &e) == 0);
    REQUIRE(notebook_open("n.ipynb", out.s, out.len, &now, &e) == 0);
    REQUIRE(now.j.n_nodes == then->j.n_nodes);
    for (size_t i = 0; i < now.j.n_nodes; i++) { /* only strings change */
        REQUIRE(now.j.v[i].shape == then->j.v[i].shape && now.j.v[i].next == then->j.v[i].next);
        REQUIRE(now.j.v[i].shape >= SHAPE_STRING ||
                same_bytes(then, (uint32_t)i, &now, (uint32_t)i));
    }
    check_outputs(&now);
    REQUIRE(counts.values + counts.access_key + counts.secrets > 0 ||
            (out.len == then->j.n && memcmp(out.s, then->j.text, out.len) == 0));
    REQUIRE(notebook_redact(out.s, out.len, &r, &twice, &again, &e) == 0);
    REQUIRE(again.values == 0 && again.secrets == 0);
    notebook_close(&now);
    strvec_free(&values);
    str_free(&twice);
    str_free(&out);
}

static void check_outcome(const struct notebook *b, const struct notebook_facts *f)
{
    struct err e = {0};
    struct notebook_outcome o;
    REQUIRE(notebook_outcome(b->j.text, b->j.n, &o, &e) == 0);
    REQUIRE(o.cells <= f->cells && o.code_cells <= f->code_cells && o.executed <= o.code_cells);
    REQUIRE((o.executed == o.code_cells) == (o.first_not_run == 0));
    REQUIRE(o.first_not_run <= o.cells && o.error_cell <= o.cells);
    REQUIRE((o.error_cell != 0) == (o.ename != NULL) && !o.ename == !o.evalue);
    REQUIRE(!o.evalue || (!strpbrk(o.evalue, "\n\x1b") && !strpbrk(o.ename, "\n\x1b")));
    notebook_outcome_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmalloc(size); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(text, data, size);
    }
    struct notebook_facts facts = {0};
    struct notebook b;
    struct err e = {0};
    int rc = notebook_read("n.ipynb", text, size, &facts, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_INPUT && !facts.kernel && !facts.language);
        check_place(e.text);
    } else {
        REQUIRE(notebook_open("n.ipynb", text, size, &b, &e) == 0);
        check_inject(&b);
        check_redact(&b);
        check_outcome(&b, &facts);
        notebook_close(&b);
    }
    notebook_facts_free(&facts);
    free(text);
    return 0;
}
