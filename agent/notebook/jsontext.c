/* SPDX-License-Identifier: MIT
 *
 * JSON as text. See jsontext.h.
 */
#include "notebook/jsontext.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum {
    KEEP_DEPTH = 3, /* the whole, the list of cells, a cell: all their values have nodes */
    SURROGATE_LOW = 0xdc00,
    SURROGATE_HIGH = 0xd800,
};

/* A text while it is read. */
struct scanner {
    struct jsontext *j;
    size_t at;     /* the next byte */
    size_t name;   /* the name that the next value gets, with its end; 0 = none */
    size_t behind; /* its end */
    size_t depth;
    uint32_t open[JSONTEXT_MAX_DEPTH]; /* the arrays and objects around */
    const char *why;                   /* what is wrong at `at` */
};

void jsontext_free(struct jsontext *j)
{
    free(j->v);
    *j = (struct jsontext){0};
}

int jsontext_wrong(const char *file, const struct jsontext *j, size_t at, enum err_code code,
                   struct err *e, const char *fmt, ...)
{
    char what[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at && i < j->n; i++) {
        if (j->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return err_set(e, code, "%s:%zu:%zu: %s", file, line, at - start + 1, what);
}

static void skip_blanks(struct scanner *s)
{
    const char *text = s->j->text;
    while (s->at < s->j->n && text[s->at] != '\0' && strchr(" \t\r\n", text[s->at])) {
        s->at++;
    }
}

/* The next byte, 0 at the end. */
static char peek(const struct scanner *s)
{
    return s->at < s->j->n ? s->j->text[s->at] : '\0';
}

static bool fails(struct scanner *s, const char *why)
{
    s->why = why;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* From the opening quote to behind the closing one. */
static bool scan_string(struct scanner *s)
{
    const char *text = s->j->text;
    size_t n = s->j->n;
    for (s->at++; s->at < n && text[s->at] != '"'; s->at++) {
        if ((unsigned char)text[s->at] < 0x20) {
            return fails(s, "a control character in a string; write it as an escape");
        }
        if (text[s->at] != '\\') {
            continue;
        }
        s->at++;
        if (peek(s) == '\0' || !strchr("\"\\/bfnrtu", peek(s))) {
            return fails(s, "an unknown escape in a string");
        }
        if (text[s->at] == 'u') {
            for (int i = 0; i < 4; i++) {
                s->at++;
                if (hex_value(peek(s)) < 0) {
                    return fails(s, "\\u wants four hexadecimal digits");
                }
            }
        }
    }
    if (s->at >= n) {
        return fails(s, "the text ends inside a string");
    }
    s->at++;
    return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
    size_t n = strlen(word);
    if (s->j->n - s->at < n || memcmp(s->j->text + s->at, word, n) != 0) {
        return false;
    }
    s->at += n;
    return true;
}

static bool scan_digits(struct scanner *s)
{
    if (!is_digit(peek(s))) {
        return fails(s, "a digit is missing");
    }
    while (is_digit(peek(s))) {
        s->at++;
    }
    return true;
}

static bool scan_number(struct scanner *s)
{
    s->at += peek(s) == '-';
    if (scan_word(s, "Infinity")) {
        return true;
    }
    if (peek(s) == '0') {
        s->at++;
    } else if (!scan_digits(s)) {
        return false;
    }
    if (peek(s) == '.') {
        s->at++;
        if (!scan_digits(s)) {
            return false;
        }
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        s->at += peek(s) == '+' || peek(s) == '-';
        return scan_digits(s);
    }
    return true;
}

static bool scan_scalar(struct scanner *s, enum json_shape *shape)
{
    char c = peek(s);
    if (c == '"') {
        *shape = SHAPE_STRING;
        return scan_string(s);
    }
    if (scan_word(s, "true") || scan_word(s, "false")) {
        *shape = SHAPE_BOOL;
        return true;
    }
    if (scan_word(s, "null")) {
        *shape = SHAPE_NULL;
        return true;
    }
    *shape = SHAPE_NUMBER;
    if (c == '-' || c == 'I' || is_digit(c)) {
        return scan_number(s);
    }
    return scan_word(s, "NaN") ||
           fails(s, s->at < s->j->n ? "a value is missing" : "the text ends too early");
}

/* Only the outermost levels and strings are asked for. */
static bool keeps(const struct scanner *s, enum json_shape shape)
{
    return shape >= SHAPE_STRING || s->behind || s->depth <= KEEP_DEPTH;
}

static bool add_node(struct scanner *s, size_t begin, enum json_shape shape)
{
    struct jsontext *j = s->j;
    if (j->n_nodes >= JSONTEXT_MAX_NODES) {
        return fails(s, "too many values");
    }
    j->v = vec_room(j->v, j->n_nodes, &j->cap, sizeof *j->v);
    j->v[j->n_nodes] = (struct json_node){.begin = (uint32_t)begin,
                                          .end = (uint32_t)s->at,
                                          .key = (uint32_t)s->name,
                                          .key_end = (uint32_t)s->behind,
                                          .next = (uint32_t)j->n_nodes + 1,
                                          .shape = shape};
    j->n_nodes++;
    s->name = s->behind = 0;
    return true;
}

/* One value's beginning: all of a scalar, the bracket of an array or object, which is open then. */
static bool scan_begin(struct scanner *s)
{
    size_t begin = s->at;
    enum json_shape shape = peek(s) == '{' ? SHAPE_OBJECT : SHAPE_ARRAY;
    if (peek(s) != '{' && peek(s) != '[') {
        return scan_scalar(s, &shape) && (!keeps(s, shape) || add_node(s, begin, shape));
    }
    if (s->depth == JSONTEXT_MAX_DEPTH) {
        return fails(s, "nested too deeply");
    }
    s->open[s->depth] = (uint32_t)s->j->n_nodes;
    if (!add_node(s, begin, shape)) {
        return false;
    }
    s->depth++;
    s->at++;
    return true;
}

static bool scan_name(struct scanner *s)
{
    if (peek(s) != '"') {
        return fails(s, "a name in double quotes is missing");
    }
    s->name = s->at;
    if (!scan_string(s)) {
        return false;
    }
    s->behind = s->at;
    skip_blanks(s);
    if (peek(s) != ':') {
        return fails(s, "a colon is missing");
    }
    s->at++;
    skip_blanks(s);
    return true;
}

/* What stands between two values: closing brackets, a comma, a name. `*first` when the innermost
 * array or object was just opened. */
static bool scan_between(struct scanner *s, bool first)
{
    while (s->depth > 0) {
        struct json_node *around = &s->j->v[s->open[s->depth - 1]];
        bool object = around->shape == SHAPE_OBJECT;
        skip_blanks(s);
        if (peek(s) == (object ? '}' : ']')) {
            s->at++;
            s->depth--;
            around->end = (uint32_t)s->at;
            around->next = (uint32_t)s->j->n_nodes;
            first = false;
            continue;
        }
        if (!first) {
            if (peek(s) != ',') {
                return fails(s, s->at < s->j->n ? "a comma or a closing bracket is missing"
                                                : "the text ends too early");
            }
            s->at++;
            skip_blanks(s);
        }
        return !object || scan_name(s);
    }
    return true;
}

static bool scan_all(struct scanner *s)
{
    if (s->j->n >= 3 && memcmp(s->j->text, "\xef\xbb\xbf", 3) == 0) {
        return fails(s, "begins with a byte order mark; save it as UTF-8 without one");
    }
    skip_blanks(s);
    if (s->at == s->j->n) {
        return fails(s, "the file is empty");
    }
    do {
        size_t depth = s->depth;
        if (!scan_begin(s) || !scan_between(s, s->depth > depth)) {
            return false;
        }
    } while (s->depth > 0);
    skip_blanks(s);
    return s->at == s->j->n || fails(s, "something stands behind the end");
}

/* The first byte that is not UTF-8; n when all is. */
static size_t find_ill_formed(const char *text, size_t n)
{
    size_t at = 0;
    while (at < n) {
        size_t len = utf8_sequence(text + at, n - at);
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

int jsontext_scan(const char *file, const char *text, size_t n, enum err_code code,
                  struct jsontext *out, struct err *e)
{
    struct jsontext j = {.text = text, .n = n};
    if (n > JSONTEXT_MAX_BYTES) {
        return err_set(e, code, "%s:1:1: %zu bytes; at most %d are read", file, n,
                       JSONTEXT_MAX_BYTES);
    }
    struct scanner s = {.j = &j};
    bool good = scan_all(&s);
    size_t ill = find_ill_formed(text, good ? n : s.at);
    if (good && ill == n) {
        *out = j;
        return 0;
    }
    if (ill < (good ? n : s.at)) {
        s.at = ill;
        s.why = "a byte that is not UTF-8";
    }
    int rc = jsontext_wrong(file, &j, s.at, code, e, "not JSON: %s", s.why);
    jsontext_free(&j);
    return rc;
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value = value << 4 | (uint32_t)hex_value(p[i]);
    }
    return value;
}

/* The code point at an offset inside a checked string, and how many bytes spell it. A high
 * surrogate takes the low one behind it. */
static uint32_t code_point(const struct jsontext *j, size_t at, size_t *used)
{
    const char *p = j->text + at;
    static const char LETTERS[] = "\"\\/bfnrt";
    static const char MEANT[] = "\"\\/\b\f\n\r\t";
    if (p[1] != 'u') {
        *used = 2;
        return (uint32_t)MEANT[strchr(LETTERS, p[1]) - LETTERS];
    }
    uint32_t c = hex4(p + 2);
    *used = 6;
    if (c >= SURROGATE_HIGH && c < SURROGATE_LOW && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = hex4(p + 8);
        if (low >= SURROGATE_LOW && low < 0xe000) {
            *used = 12;
            c = 0x10000 + ((c - SURROGATE_HIGH) << 10) + (low - SURROGATE_LOW);
        }
    }
    return c;
}

static size_t utf8_size(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

size_t jsontext_step(const struct jsontext *j, size_t *at)
{
    if (j->text[*at] != '\\') {
        ++*at;
        return 1;
    }
    size_t used;
    size_t size = utf8_size(code_point(j, *at, &used));
    *at += used;
    return size;
}

static void add_utf8(struct str *out, uint32_t c)
{
    static const unsigned char LEADS[] = {0, 0, 0xc0, 0xe0, 0xf0};
    char bytes[4];
    size_t n = utf8_size(c);
    for (size_t i = n; i-- > 1; c >>= 6) {
        bytes[i] = (char)(0x80 | (c & 0x3f));
    }
    bytes[0] = (char)(LEADS[n] | c);
    str_add(out, bytes, n);
}

void jsontext_unescape(const struct jsontext *j, uint32_t begin, uint32_t end, struct str *out)
{
    size_t at = begin + 1;
    size_t stop = end - 1;
    while (at < stop) {
        const char *escape = memchr(j->text + at, '\\', stop - at);
        size_t plain = escape ? (size_t)(escape - j->text) : stop;
        str_add(out, j->text + at, plain - at);
        at = plain;
        if (escape) {
            size_t used;
            add_utf8(out, code_point(j, at, &used));
            at += used;
        }
    }
}

/* Does the string at [begin, end), quotes included, say `text`? */
static bool says(const struct jsontext *j, uint32_t begin, uint32_t end, const char *text)
{
    size_t n = strlen(text);
    size_t inside = end - begin - 2;
    if (!memchr(j->text + begin, '\\', end - begin)) {
        return inside == n && memcmp(j->text + begin + 1, text, n) == 0;
    }
    if (inside > 6 * n) { /* no escape is longer than six bytes a byte */
        return false;
    }
    struct str plain = STR_INIT(0);
    jsontext_unescape(j, begin, end, &plain);
    bool same = plain.len == n && memcmp(plain.s, text, n) == 0;
    str_free(&plain);
    return same;
}

bool jsontext_is(const struct jsontext *j, uint32_t node, const char *text)
{
    const struct json_node *v = &j->v[node];
    return v->shape == SHAPE_STRING && says(j, v->begin, v->end, text);
}

bool jsontext_named(const struct jsontext *j, uint32_t node, const char *name)
{
    const struct json_node *v = &j->v[node];
    return v->key_end && says(j, v->key, v->key_end, name);
}

uint32_t jsontext_member(const struct jsontext *j, uint32_t object, const char *name)
{
    uint32_t found = 0;
    if (j->v[object].shape == SHAPE_OBJECT) {
        for (uint32_t i = object + 1; i < j->v[object].next; i = j->v[i].next) {
            found = jsontext_named(j, i, name) ? i : found;
        }
    }
    return found;
}

uint32_t jsontext_member_of(const struct jsontext *j, uint32_t object, const char *name,
                            enum json_shape shape)
{
    uint32_t found = jsontext_member(j, object, name);
    return found && j->v[found].shape == shape ? found : 0;
}

void jsontext_quote(struct str *out, const char *s, size_t n)
{
    str_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\') {
            str_putc(out, '\\');
            str_putc(out, s[i]);
        } else if (c == '\n') {
            str_puts(out, "\\n");
        } else if (c < 0x20) {
            str_printf(out, "\\u%04x", c);
        } else {
            str_putc(out, s[i]);
        }
    }
    str_putc(out, '"');
}
