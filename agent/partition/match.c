/* SPDX-License-Identifier: MIT
 *
 * Match patterns. See match.h.
 */
#include "partition/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"

/* While parsing. */
struct reader {
    const char *text;
    const char *at;
    struct match *out;
    struct str literal; /* text collected since the last token */
    struct err *e;
};

static int bad(const struct reader *r, const char *why)
{
    return err_set(r->e, ERR_CONFIG, "match %s, column %zu: %s", QUOTED(r->text),
                   (size_t)(r->at - r->text) + 1, why);
}

static void add_token(struct match *m, enum token_kind kind, char *text, size_t name)
{
    m->tokens = vec_room(m->tokens, m->n, &m->cap, sizeof *m->tokens);
    m->tokens[m->n++] = (struct token){.kind = kind, .text = text, .name = name};
}

static void end_literal(struct reader *r)
{
    if (r->literal.len > 0) {
        add_token(r->out, TOKEN_TEXT, str_take(&r->literal), 0);
    }
}

static bool is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');
        if (!letter && !(s[i] >= '0' && s[i] <= '9') && s[i] != '_') {
            return false;
        }
    }
    return n > 0;
}

size_t match_name(const struct match *match, const char *name)
{
    size_t i = 0;
    while (i < match->names.n && strcmp(match->names.v[i], name) != 0) {
        i++;
    }
    return i;
}

static int read_name(struct reader *r)
{
    size_t n = strcspn(r->at + 1, "}");
    if (r->at[1 + n] != '}') {
        return bad(r, "a { is not closed");
    }
    if (!is_name(r->at + 1, n)) {
        return bad(r, "a name has letters, digits and _ only");
    }
    SCOPE_FREE char *name = xstrndup(r->at + 1, n);
    if (match_name(r->out, name) < r->out->names.n) {
        return bad(r, "this name stands in the pattern twice");
    }
    if (r->out->names.n == MATCH_MAX_NAMES) {
        return bad(r, "more than 32 names");
    }
    end_literal(r);
    if (r->out->n > 0 && r->out->tokens[r->out->n - 1].kind == TOKEN_NAME) {
        return bad(r, "two names with nothing between them: where does the first end?");
    }
    add_token(r->out, TOKEN_NAME, NULL, r->out->names.n);
    strvec_take(&r->out->names, TAKE_PTR(name));
    r->at += n + 2;
    return 0;
}

/* "*" or a folder's "**". */
static int read_star(struct reader *r)
{
    bool at_start = r->at == r->text || r->at[-1] == '/';
    if (r->at[1] != '*') {
        end_literal(r);
        add_token(r->out, TOKEN_STAR, NULL, 0);
        r->at++;
        return 0;
    }
    if (!at_start || r->at[2] != '/') {
        return bad(r, "** stands for whole folders: write it between slashes, as in **/*.csv");
    }
    end_literal(r);
    add_token(r->out, TOKEN_FOLDERS, NULL, 0);
    r->at += 3;
    return 0;
}

static int read_one(struct reader *r)
{
    char c = *r->at;
    if ((c == '{' || c == '}') && r->at[1] == c) {
        str_putc(&r->literal, c);
        r->at += 2;
        return 0;
    }
    if (c == '{') {
        return read_name(r);
    }
    if (c == '}') {
        return bad(r, "a } without {; write }} for the character");
    }
    if (c == '*') {
        return read_star(r);
    }
    bool doubled = c == '/' && (r->at == r->text || r->at[-1] == '/' || r->at[1] == '\0');
    if (doubled) {
        return bad(r,
                   "a path below LocalPath has no empty parts: no slash at its ends, none doubled");
    }
    str_putc(&r->literal, c);
    r->at++;
    return 0;
}

int match_parse(const char *text, struct match *out, struct err *e)
{
    struct match match = {0};
    struct reader r = {.text = text, .at = text, .out = &match, .literal = STR_INIT(0), .e = e};
    int rc = *text == '\0' ? bad(&r, "the pattern is empty") : 0;
    rc = strlen(text) > MATCH_MAX_BYTES ? bad(&r, "longer than 1024 bytes") : rc;
    while (rc == 0 && *r.at) {
        rc = read_one(&r);
    }
    if (rc == 0) {
        end_literal(&r);
    }
    str_free(&r.literal);
    if (rc != 0) {
        match_free(&match);
        return rc;
    }
    *out = match;
    return 0;
}

void match_free(struct match *match)
{
    for (size_t i = 0; i < match->n; i++) {
        free(match->tokens[i].text);
    }
    free(match->tokens);
    strvec_free(&match->names);
    *match = (struct match){0};
}

/* A state is (token, place in the path); a state that failed once fails always, so each is
 * tried once. */
struct search {
    const struct match *m;
    const char *path;
    size_t len;
    unsigned char *failed; /* (m->n + 1) x (len + 1) */
    struct piece *pieces;
};

static bool fits(struct search *s, size_t token, size_t at);

/* "*" and names: from the shortest piece on, up to the next slash. */
static bool fits_piece(struct search *s, size_t token, size_t at)
{
    const struct token *t = &s->m->tokens[token];
    size_t shortest = t->kind == TOKEN_NAME ? 1 : 0;
    for (size_t n = 0; at + n <= s->len; n++) {
        if (n >= shortest && fits(s, token + 1, at + n)) {
            if (t->kind == TOKEN_NAME) {
                s->pieces[t->name] = (struct piece){.start = at, .n = n};
            }
            return true;
        }
        if (s->path[at + n] == '/') {
            break;
        }
    }
    return false;
}

static bool fits_folders(struct search *s, size_t token, size_t at)
{
    for (;;) {
        if (fits(s, token + 1, at)) {
            return true;
        }
        const char *slash = strchr(s->path + at, '/');
        if (!slash) {
            return false;
        }
        at = (size_t)(slash - s->path) + 1;
    }
}

static bool fits(struct search *s, size_t token, size_t at)
{
    if (token == s->m->n) {
        return at == s->len;
    }
    unsigned char *failed = &s->failed[token * (s->len + 1) + at];
    if (*failed) {
        return false;
    }
    const struct token *t = &s->m->tokens[token];
    bool ok = false;
    switch (t->kind) {
    case TOKEN_TEXT: {
        size_t n = strlen(t->text);
        ok = strncmp(s->path + at, t->text, n) == 0 && fits(s, token + 1, at + n);
        break;
    }
    case TOKEN_STAR:
    case TOKEN_NAME: ok = fits_piece(s, token, at); break;
    case TOKEN_FOLDERS: ok = fits_folders(s, token, at); break;
    }
    *failed = !ok;
    return ok;
}

bool match_path(const struct match *match, const char *path, struct piece *pieces)
{
    size_t len = strlen(path);
    SCOPE_FREE unsigned char *failed = xcalloc(match->n + 1, len + 1);
    struct search s = {.m = match, .path = path, .len = len, .failed = failed, .pieces = pieces};
    return fits(&s, 0, 0);
}
