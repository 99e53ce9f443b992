/* SPDX-License-Identifier: MIT
 *
 * A match pattern: [output X] match, which names pieces of the paths that a transform wrote, for a
 * layout's {path.NAME}. Relative to LocalPath: text, * (any characters but /), {NAME} (the same,
 * at least one, and named), and ** as a whole folder name (any number of folders). {{ and }} stand
 * for braces. Where several readings fit, earlier pieces are as short as possible.
 */
#ifndef PARTITION_MATCH_H
#define PARTITION_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum token_kind { TOKEN_TEXT, TOKEN_STAR, TOKEN_NAME, TOKEN_FOLDERS };

struct token {
    enum token_kind kind; /* which of text and name counts */
    char *text;           /* owned: the literal text; NULL otherwise */
    size_t name;          /* with TOKEN_NAME: index in match.names */
};

struct match {
    struct token *tokens; /* owned */
    size_t n;             /* number of tokens */
    size_t cap;           /* slots allocated */
    struct strvec names;  /* as they come in the pattern, each once */
};

/* Where a name's piece lies in a path. */
struct piece {
    size_t start; /* bytes from the path's begin */
    size_t n;     /* bytes */
};

enum { MATCH_MAX_BYTES = 1024, MATCH_MAX_NAMES = 32 };

/* Reads a pattern. ERR_CONFIG that says what is wrong and where (column). */
int match_parse(const char *text, struct match *out, struct err *e);
void match_free(struct match *match);

/* The index of a name in match->names; their count when it is not there. */
size_t match_name(const struct match *match, const char *name);

/* Does the whole of `path` fit? Then pieces[i] (match->names.n of them) is where names.v[i]
 * lies. The time is bounded by the product of the two lengths. */
bool match_path(const struct match *match, const char *path, struct piece *pieces);

#endif
