/* SPDX-License-Identifier: MIT
 *
 * Secrets taken out of a notebook. See edit.h. A string is unescaped to be searched, and what was
 * found is cut out of the text it was written as, so that all else keeps its spelling.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "notebook/cells.h"
#include "notebook/edit.h"

enum {
    VALUE_MIN = 6,    /* shorter ones would be found everywhere */
    KEY_ID = 20,      /* AKIA or ASIA and sixteen more */
    SECRET_MIN = 16,  /* characters of a secret key (AWS's have 40) or session token */
    TOKEN_MIN = 64,   /* the same after a mere "Token"; AWS's have hundreds */
    BETWEEN_MAX = 64, /* from a name to its value: quotes, blanks, colours */
};

#define REDACTED "[redacted]"

/* A text to look for. */
struct needle {
    const char *name; /* borrowed, `name_n` bytes: what to call it */
    size_t name_n;
    char *text; /* owned */
    size_t n;
};

/* A run over a notebook. */
struct redactor {
    const struct notebook *b;
    struct needle *v; /* owned; longest first, so that one within another is not found before it */
    size_t n;
    size_t cap;
    bool starts[256]; /* bytes that something to look for begins with */
    bool credentials;
    size_t copied;    /* the text is in `out` up to here */
    struct str *out;  /* borrowed */
    struct str plain; /* the string at hand, unescaped */
    struct redacted counts;
};

static void redactor_free(struct redactor *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].text);
    }
    free(r->v);
    str_free(&r->plain);
}

/* What is to go: bytes [begin, end) of the unescaped string. */
struct found {
    size_t begin;
    size_t end;
    const struct needle *needle; /* NULL: a credential */
    size_t *count;               /* which counter it belongs to */
};

/* ---- what to look for ---- */

static void add_needle(struct redactor *r, const char *name, size_t name_n, const char *text,
                       size_t n)
{
    r->v = vec_room(r->v, r->n, &r->cap, sizeof *r->v);
    r->v[r->n++] =
        (struct needle){.name = name, .name_n = name_n, .text = xstrndup(text, n), .n = n};
    r->starts[(unsigned char)text[0]] = true;
}

static int longest_first(const void *a, const void *b)
{
    const struct needle *x = a;
    const struct needle *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->text, y->text);
}

/* A value, and how it looks in Python code and in what repr prints. */
static void add_value(struct redactor *r, const char *entry)
{
    const char *equals = strchr(entry, '=');
    size_t n = equals ? strlen(equals + 1) : 0;
    /* A value that is not UTF-8 can be in no notebook, and could match half a character. */
    if (n < VALUE_MIN || !utf8_valid(equals + 1, n)) {
        return;
    }
    size_t name_n = (size_t)(equals - entry);
    add_needle(r, entry, name_n, equals + 1, n);
    SCOPE(str_free) struct str spelled = STR_INIT(0);
    params_python_escape(equals + 1, n, &spelled);
    if (spelled.len != n) {
        add_needle(r, entry, name_n, spelled.s, spelled.len);
        SCOPE(str_free) struct str repr = STR_INIT(0); /* in single quotes \" is just " */
        for (size_t i = 0; i < spelled.len; i++) {
            if (spelled.s[i] == '\\' && spelled.s[i + 1] == '"') {
                continue;
            }
            if (spelled.s[i] == '\\') {
                str_putc(&repr, spelled.s[i++]);
            }
            str_putc(&repr, spelled.s[i]);
        }
        add_needle(r, entry, name_n, repr.s, repr.len);
    }
}

static void look_for(struct redactor *r, const struct redaction *what)
{
    for (size_t i = 0; what->values && i < what->values->n; i++) {
        add_value(r, what->values->v[i]);
    }
    if (r->n > 0) {
        qsort(r->v, r->n, sizeof *r->v, longest_first);
    }
    r->credentials = what->credentials;
}

/* ---- finding ---- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* Characters of base64, in both alphabets, as keys and tokens have them. */
static bool is_secret(char c)
{
    return is_word(c) || c == '+' || c == '/' || c == '=' || c == '-';
}

static size_t secret_length(const char *s, size_t n)
{
    size_t len = 0;
    while (len < n && is_secret(s[len])) {
        len++;
    }
    return len;
}

static bool is_key_id(const char *s, size_t n, size_t at)
{
    if (n - at < KEY_ID || (at > 0 && is_word(s[at - 1])) ||
        (n - at > KEY_ID && is_word(s[at + KEY_ID])) ||
        (memcmp(s + at, "AKIA", 4) != 0 && memcmp(s + at, "ASIA", 4) != 0)) {
        return false;
    }
    for (size_t i = 4; i < KEY_ID; i++) {
        char c = s[at + i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))) {
            return false;
        }
    }
    return true;
}

/* Names that tell that a secret follows, in any case, and how long what follows must be. Returns
 * the name's length at `at`; 0 = none. */
static size_t telling_name(const char *s, size_t n, size_t at, size_t *min)
{
    static const struct {
        const char *name;
        size_t min;
    } NAMES[] = {
        {"secret_access_key", SECRET_MIN},
        {"secretaccesskey", SECRET_MIN},
        {"session_token", SECRET_MIN},
        {"sessiontoken", SECRET_MIN},
        {"security_token", SECRET_MIN},
        {"securitytoken", SECRET_MIN},
        {"token", TOKEN_MIN},
    };
    if (!strchr("sStT", s[at]) || s[at] == '\0') {
        return 0;
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        size_t len = strlen(NAMES[i].name);
        if (n - at >= len && strncasecmp(s + at, NAMES[i].name, len) == 0 &&
            (n - at == len || !is_word(s[at + len]))) {
            *min = NAMES[i].min;
            return len;
        }
    }
    return 0;
}

/* From behind a name to its value: quotes, blanks and brackets round a : or =, and the colours that
 * tracebacks have. False when nothing is assigned. */
static bool skip_assignment(const char *s, size_t n, size_t *at)
{
    bool assigned = false;
    size_t i = *at;
    size_t stop = n - i > BETWEEN_MAX ? i + BETWEEN_MAX : n;
    while (i < stop) {
        if (s[i] == '\x1b' && i + 1 < stop && s[i + 1] == '[') {
            for (i += 2; i < stop && !is_word(s[i]);) {
                i++;
            }
            while (i < stop && ((s[i] >= '0' && s[i] <= '9') || s[i] == ';')) {
                i++;
            }
            i += i < stop;
        } else if (s[i] == ':' || s[i] == '=') {
            assigned = true;
            i++;
        } else if (s[i] != '\0' && strchr("\"'\\ \t\r\n]>,(b", s[i]) &&
                   (s[i] != 'b' || (i + 1 < n && (s[i + 1] == '\'' || s[i + 1] == '"')))) {
            i++;
        } else {
            break;
        }
    }
    *at = i;
    return assigned;
}

/* The secret that a name at `at` announces. */
static bool announced(const char *s, size_t n, size_t at, struct found *f)
{
    size_t min = 0;
    size_t len = telling_name(s, n, at, &min);
    size_t value = at + len;
    if (len == 0 || !skip_assignment(s, n, &value)) {
        return false;
    }
    size_t long_ = secret_length(s + value, n - value);
    f->begin = value;
    f->end = value + long_;
    return long_ >= min;
}

static const struct needle *needle_at(const struct redactor *r, size_t at)
{
    const char *s = r->plain.s + at;
    size_t left = r->plain.len - at;
    for (size_t i = 0; i < r->n; i++) {
        if (r->v[i].n <= left && memcmp(s, r->v[i].text, r->v[i].n) == 0) {
            return &r->v[i];
        }
    }
    return NULL;
}

/* The first thing to go at or behind *at. `told` is the secret that a name announced before. */
static bool find_next(struct redactor *r, size_t *at, bool patterns, struct found *told,
                      struct found *out)
{
    const char *s = r->plain.s;
    size_t n = r->plain.len;
    for (size_t i = *at; i < n; i++) {
        const struct needle *needle = r->starts[(unsigned char)s[i]] ? needle_at(r, i) : NULL;
        if (needle) {
            *out = (struct found){i, i + needle->n, needle, &r->counts.values};
            return true;
        }
        if (i >= told->begin && i < told->end) {
            *out = (struct found){i, told->end, NULL, &r->counts.secrets};
            return true;
        }
        if (patterns && is_key_id(s, n, i)) {
            *out = (struct found){i, i + KEY_ID, NULL, &r->counts.access_key};
            return true;
        }
        struct found next = {0};
        if (patterns && announced(s, n, i, &next)) {
            *told = next;
        }
    }
    return false;
}

/* ---- cutting ---- */

/* The spelling of what was found, from its offset in the text on, becomes its name. `plain` and
 * `at` are the same place in the unescaped string and in the text. */
static void cut(struct redactor *r, const struct found *f, size_t *plain, size_t *at)
{
    const struct jsontext *j = &r->b->j;
    while (*plain < f->begin) {
        *plain += jsontext_step(j, at);
    }
    str_add(r->out, j->text + r->copied, *at - r->copied);
    while (*plain < f->end) {
        *plain += jsontext_step(j, at);
    }
    r->copied = *at;
    if (f->needle) {
        struct str name = STR_INIT(0);
        str_putc(&name, '$');
        str_add(&name, f->needle->name, f->needle->name_n);
        struct str quoted = STR_INIT(0);
        jsontext_quote(&quoted, name.s, name.len);
        str_add(r->out, quoted.s + 1, quoted.len - 2);
        str_free(&quoted);
        str_free(&name);
    } else {
        str_puts(r->out, REDACTED);
    }
    ++*f->count;
}

/* The string with its quotes at [begin, end). `secret`: the member's name says that all of it is
 * one. */
static void redact_string(struct redactor *r, uint32_t begin, uint32_t end, bool patterns,
                          size_t secret_min)
{
    str_clear(&r->plain);
    jsontext_unescape(&r->b->j, begin, end, &r->plain);
    struct found told = {0};
    struct found f;
    size_t next = 0;
    size_t plain = 0;
    size_t at = begin + 1;
    size_t n = r->plain.len;
    if (secret_min > 0 && n >= secret_min && secret_length(r->plain.s, n) == n) {
        told.end = n;
    }
    while (n > 0 && find_next(r, &next, patterns, &told, &f)) {
        cut(r, &f, &plain, &at);
        next = f.end;
    }
}

/* How long a string must be to be a secret by its member's name; 0 = the name tells nothing. */
static size_t secret_by_name(const struct redactor *r, const struct json_node *v)
{
    size_t min = 0;
    if (!r->credentials || !v->key_end) {
        return 0;
    }
    struct str name = STR_INIT(0);
    jsontext_unescape(&r->b->j, v->key, v->key_end, &name);
    for (size_t i = 0; min == 0 && i < name.len; i++) {
        size_t len = telling_name(name.s, name.len, i, &min);
        min = len && i + len == name.len ? min : 0;
    }
    str_free(&name);
    return min;
}

/* All strings in a value, and the names of members in it. */
static void redact_all(struct redactor *r, uint32_t node, bool patterns)
{
    const struct json_node *v = r->b->j.v;
    patterns = patterns && r->credentials;
    for (uint32_t i = node; i < v[node].next; i++) {
        if (v[i].key_end && i != node) {
            redact_string(r, v[i].key, v[i].key_end, patterns, 0);
        }
        if (v[i].shape == SHAPE_STRING) {
            redact_string(r, v[i].begin, v[i].end, patterns,
                          patterns ? secret_by_name(r, &v[i]) : 0);
        }
    }
}

/* data: one value per MIME type. Base64 of images would show keys that are none. */
static void redact_data(struct redactor *r, uint32_t data)
{
    const struct json_node *v = r->b->j.v;
    for (uint32_t i = data + 1; i < v[data].next; i = v[i].next) {
        const char *name = v[i].key_end ? r->b->j.text + v[i].key : "";
        bool image = v[i].key_end - v[i].key >= sizeof "image/" &&
                     strncmp(name, "\"image/", sizeof "image/") == 0 &&
                     !jsontext_named(&r->b->j, i, "image/svg+xml");
        redact_all(r, i, !image);
    }
}

/* An output's own members keep their names, and output_type and a stream's name are words of the
 * format, which a value must not turn into something else. */
static void redact_output(struct redactor *r, uint32_t output)
{
    const struct jsontext *j = &r->b->j;
    for (uint32_t i = output + 1; i < j->v[output].next; i = j->v[i].next) {
        bool word = jsontext_named(j, i, "output_type") || jsontext_is(j, i, "stdout") ||
                    jsontext_is(j, i, "stderr");
        if (j->v[i].shape == SHAPE_OBJECT && jsontext_named(j, i, "data")) {
            redact_data(r, i);
        } else if (!word) {
            redact_all(r, i, true);
        }
    }
}

/* Members that are there twice are looked at twice: the text must not keep what Python skips. */
static void redact_cell(struct redactor *r, uint32_t cell)
{
    const struct jsontext *j = &r->b->j;
    bool injected = cell_tagged(r->b, cell, TAG_INJECTED);
    for (uint32_t m = cell + 1; m < j->v[cell].next; m = j->v[m].next) {
        if (injected && jsontext_named(j, m, "source")) {
            redact_all(r, m, true);
        }
        if (!jsontext_named(j, m, "outputs")) {
            continue;
        }
        for (uint32_t i = m + 1; i < j->v[m].next; i = j->v[i].next) {
            if (j->v[i].shape == SHAPE_OBJECT) {
                redact_output(r, i);
            } else {
                redact_all(r, i, true);
            }
        }
    }
}

static void redact_metadata(struct redactor *r, uint32_t metadata)
{
    const struct jsontext *j = &r->b->j;
    for (uint32_t i = metadata + 1; i < j->v[metadata].next; i = j->v[i].next) {
        for (uint32_t k = i + 1; jsontext_named(j, i, "papermill") && k < j->v[i].next;
             k = j->v[k].next) {
            if (jsontext_named(j, k, "parameters")) {
                redact_all(r, k, true);
            }
        }
    }
}

int notebook_redact(const char *text, size_t n, const struct redaction *r, struct str *out,
                    struct redacted *counts, struct err *e)
{
    SCOPE(notebook_close) struct notebook b = {0};
    int rc = notebook_open("notebook", text, n, &b, e);
    if (rc != 0) {
        return rc;
    }
    SCOPE(redactor_free) struct redactor run = {.b = &b, .out = out, .plain = STR_INIT(0)};
    look_for(&run, r);
    for (uint32_t m = 1; m < b.j.v[0].next; m = b.j.v[m].next) {
        for (uint32_t i = m + 1; jsontext_named(&b.j, m, "cells") && i < b.j.v[m].next;
             i = b.j.v[i].next) {
            redact_cell(&run, i);
        }
        if (jsontext_named(&b.j, m, "metadata")) {
            redact_metadata(&run, m);
        }
    }
    str_add(out, text + run.copied, n - run.copied);
    *counts = run.counts;
    return 0;
}
