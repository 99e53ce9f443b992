/* SPDX-License-Identifier: MIT
 *
 * A notebook's text with its cells found: what reading and editing one have in common. Only the
 * modules of this folder use it; edit.h is for all others.
 */
#ifndef NOTEBOOK_CELLS_H
#define NOTEBOOK_CELLS_H

#include "notebook/jsontext.h"

#define TAG_PARAMETERS "parameters"
#define TAG_INJECTED "injected-parameters"

struct notebook {
    struct jsontext j; /* its root is an object */
    uint32_t cells;    /* the array of cells, all of which are objects */
    uint32_t metadata; /* an object; 0 = there is none */
    int minor;         /* nbformat_minor */
};

/* Scans and checks a text: JSON, nbformat 4, cells that are objects. */
int notebook_open(const char *file, const char *text, size_t n, struct notebook *out,
                  struct err *e);
void notebook_close(struct notebook *b);

/* Is this the cell's cell_type? */
bool cell_is(const struct notebook *b, uint32_t cell, const char *type);

/* Is the cell tagged so? */
bool cell_tagged(const struct notebook *b, uint32_t cell, const char *tag);

/* The first cell tagged so; 0 = none. */
uint32_t cell_find(const struct notebook *b, const char *tag);

/* The decoded string member of an object, owned by the caller; NULL when there is none. It ends at
 * a NUL in it. */
char *member_text(const struct notebook *b, uint32_t object, const char *name);

#endif
