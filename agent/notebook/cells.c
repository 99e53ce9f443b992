/* SPDX-License-Identifier: MIT
 *
 * A notebook's cells. See cells.h.
 */
#include "notebook/cells.h"

#include <stdlib.h>

enum { VERSION = 4, VERSION_DIGITS = 6 };

void notebook_close(struct notebook *b)
{
    jsontext_free(&b->j);
    *b = (struct notebook){0};
}

/* The whole number at a node; -1 when it is none, or one that no version has. */
static int small_number(const struct jsontext *j, uint32_t node)
{
    const struct json_node *v = &j->v[node];
    int value = 0;
    if (v->shape != SHAPE_NUMBER || v->end - v->begin > VERSION_DIGITS) {
        return -1;
    }
    for (uint32_t i = v->begin; i < v->end; i++) {
        if (j->text[i] < '0' || j->text[i] > '9') {
            return -1;
        }
        value = 10 * value + (j->text[i] - '0');
    }
    return value;
}

static int check_version(const char *file, struct notebook *b, struct err *e)
{
    uint32_t format = jsontext_member(&b->j, 0, "nbformat");
    uint32_t minor = jsontext_member(&b->j, 0, "nbformat_minor");
    if (!format) {
        return jsontext_wrong(file, &b->j, b->j.v[0].begin, ERR_INPUT, e,
                              "not a notebook: there is no member nbformat");
    }
    size_t at = b->j.v[format].begin;
    int version = small_number(&b->j, format);
    if (version < 1) {
        return jsontext_wrong(file, &b->j, at, ERR_INPUT, e,
                              "not a notebook: nbformat is no version number");
    }
    if (version < VERSION) {
        return jsontext_wrong(file, &b->j, at, ERR_INPUT, e,
                              "nbformat %d is too old; convert it with: jupyter nbconvert --to "
                              "notebook FILE",
                              version);
    }
    if (version > VERSION) {
        return jsontext_wrong(file, &b->j, at, ERR_INPUT, e,
                              "nbformat %d is newer than %d, the newest that can be run; save it "
                              "as version %d",
                              version, VERSION, VERSION);
    }
    b->minor = minor ? small_number(&b->j, minor) : 0;
    if (b->minor < 0) {
        return jsontext_wrong(file, &b->j, b->j.v[minor].begin, ERR_INPUT, e,
                              "not a notebook: nbformat_minor is no version number");
    }
    return 0;
}

static int check_parts(const char *file, struct notebook *b, struct err *e)
{
    b->cells = jsontext_member(&b->j, 0, "cells");
    b->metadata = jsontext_member(&b->j, 0, "metadata");
    if (!b->cells || b->j.v[b->cells].shape != SHAPE_ARRAY) {
        return jsontext_wrong(file, &b->j, b->j.v[b->cells].begin, ERR_INPUT, e,
                              "not a notebook: there is no list of cells");
    }
    if (b->metadata && b->j.v[b->metadata].shape != SHAPE_OBJECT) {
        return jsontext_wrong(file, &b->j, b->j.v[b->metadata].begin, ERR_INPUT, e,
                              "not a notebook: metadata is no object");
    }
    const struct json_node *v = b->j.v;
    for (uint32_t i = b->cells + 1; i < v[b->cells].next; i = v[i].next) {
        if (v[i].shape != SHAPE_OBJECT) {
            return jsontext_wrong(file, &b->j, v[i].begin, ERR_INPUT, e,
                                  "not a notebook: this cell is no object");
        }
    }
    return 0;
}

int notebook_open(const char *file, const char *text, size_t n, struct notebook *out, struct err *e)
{
    struct notebook b = {0};
    int rc = jsontext_scan(file, text, n, ERR_INPUT, &b.j, e);
    if (rc != 0) {
        return rc;
    }
    if (b.j.v[0].shape != SHAPE_OBJECT) {
        rc = jsontext_wrong(file, &b.j, b.j.v[0].begin, ERR_INPUT, e,
                            "not a notebook: it is no JSON object");
    }
    rc = rc ? rc : check_version(file, &b, e);
    rc = rc ? rc : check_parts(file, &b, e);
    if (rc != 0) {
        notebook_close(&b);
        return rc;
    }
    *out = b;
    return 0;
}

bool cell_is(const struct notebook *b, uint32_t cell, const char *type)
{
    uint32_t kind = jsontext_member(&b->j, cell, "cell_type");
    return kind && jsontext_is(&b->j, kind, type);
}

bool cell_tagged(const struct notebook *b, uint32_t cell, const char *tag)
{
    uint32_t metadata = jsontext_member_of(&b->j, cell, "metadata", SHAPE_OBJECT);
    uint32_t tags = metadata ? jsontext_member_of(&b->j, metadata, "tags", SHAPE_ARRAY) : 0;
    if (!tags) {
        return false;
    }
    for (uint32_t i = tags + 1; i < b->j.v[tags].next; i = b->j.v[i].next) {
        if (jsontext_is(&b->j, i, tag)) {
            return true;
        }
    }
    return false;
}

uint32_t cell_find(const struct notebook *b, const char *tag)
{
    for (uint32_t i = b->cells + 1; i < b->j.v[b->cells].next; i = b->j.v[i].next) {
        if (cell_tagged(b, i, tag)) {
            return i;
        }
    }
    return 0;
}

char *member_text(const struct notebook *b, uint32_t object, const char *name)
{
    uint32_t node = jsontext_member_of(&b->j, object, name, SHAPE_STRING);
    if (!node) {
        return NULL;
    }
    struct str text = STR_INIT(0);
    jsontext_unescape(&b->j, b->j.v[node].begin, b->j.v[node].end, &text);
    return str_take(&text);
}
