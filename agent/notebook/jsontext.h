/* SPDX-License-Identifier: MIT
 *
 * JSON as text: where each value stands, so that one can be replaced and every other byte stays as
 * it was. Not a tree of values (that is jansson's, which refuses numbers that notebooks hold: NaN,
 * integers of more than 64 bits) and not a writer.
 */
#ifndef NOTEBOOK_JSONTEXT_H
#define NOTEBOOK_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
    JSONTEXT_MAX_BYTES = 256 << 20,
    JSONTEXT_MAX_DEPTH = 200,
    JSONTEXT_MAX_NODES = 16 << 20,
};

enum json_shape { SHAPE_NULL, SHAPE_BOOL, SHAPE_NUMBER, SHAPE_STRING, SHAPE_ARRAY, SHAPE_OBJECT };

/* A value. Its children follow it: the first at its own index + 1, each next one at `next` of the
 * one before, as long as that is below the parent's `next`. */
struct json_node {
    uint32_t begin;        /* offset of its first byte: the quote of a string */
    uint32_t end;          /* offset behind its last byte */
    uint32_t key;          /* of an object's member: offset of the name's quote; else 0 */
    uint32_t key_end;      /* behind the name's closing quote; 0 = no member */
    uint32_t next;         /* index of the first node that is not inside it */
    enum json_shape shape; /* what it is */
};

struct jsontext {
    const char *text;    /* borrowed */
    size_t n;            /* bytes of text */
    struct json_node *v; /* owned, in the text's order; v[0] is the whole */
    size_t n_nodes;
    size_t cap;
};

/* Reads a whole text: RFC 8259 in UTF-8, and NaN, Infinity and -Infinity, which Python writes.
 * A text that breaks a rule or a limit is an error of `code`, "FILE:LINE:COLUMN: what". Numbers and
 * words in arrays below the fourth level get no node: a plot has millions, and nobody asks. */
int jsontext_scan(const char *file, const char *text, size_t n, enum err_code code,
                  struct jsontext *out, struct err *e);
void jsontext_free(struct jsontext *j);

/* The member of `object` (any node) with this name, the last one when it is there twice, as for
 * Python; 0 = none. */
uint32_t jsontext_member(const struct jsontext *j, uint32_t object, const char *name);

/* As jsontext_member, but 0 also when it has another shape. */
uint32_t jsontext_member_of(const struct jsontext *j, uint32_t object, const char *name,
                            enum json_shape shape);

/* Is the node a string, or is its name as a member, this text? */
bool jsontext_is(const struct jsontext *j, uint32_t node, const char *text);
bool jsontext_named(const struct jsontext *j, uint32_t node, const char *name);

/* Appends what the string with its quotes at [begin, end) says, as UTF-8. A lone surrogate becomes
 * three bytes, which are not UTF-8 then. */
void jsontext_unescape(const struct jsontext *j, uint32_t begin, uint32_t end, struct str *out);

/* Moves over one character or escape of a string: `*at` is an offset in the text, answers how many
 * bytes jsontext_unescape makes of it. */
size_t jsontext_step(const struct jsontext *j, size_t *at);

/* Appends a text in quotes, escaped as JSON wants it and no further. */
void jsontext_quote(struct str *out, const char *s, size_t n);

/* An error at an offset: "FILE:LINE:COLUMN: what". */
__attribute__((format(printf, 6, 7))) int jsontext_wrong(const char *file, const struct jsontext *j,
                                                         size_t at, enum err_code code,
                                                         struct err *e, const char *fmt, ...);

#endif
