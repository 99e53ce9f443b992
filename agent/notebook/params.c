/* SPDX-License-Identifier: MIT
 *
 * Parameters. See params.h.
 */
#include "notebook/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "notebook/jsontext.h"

enum {
    INT_DIGITS_MAX = 4300, /* Python's int() refuses more, and papermill's -p then tries float() */
    REAL_DIGITS = 17,      /* enough to tell any two doubles apart */
};

/* ---- the list ---- */

static void param_clear(struct param *one)
{
    free(one->name);
    free(one->number);
    json_decref(one->value);
    *one = (struct param){0};
}

void params_free(struct params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        param_clear(&p->v[i]);
    }
    free(p->v);
    *p = (struct params){0};
}

/* Takes what `one` owns. */
static void put(struct params *p, struct param *one)
{
    for (size_t i = 0; i < p->n; i++) {
        struct param *old = &p->v[i];
        if (strcmp(old->name, one->name) == 0) {
            struct param gone = {.value = old->value, .number = old->number};
            old->value = TAKE_PTR(one->value);
            old->number = TAKE_PTR(one->number);
            param_clear(&gone);
            param_clear(one);
            return;
        }
    }
    p->v = vec_room(p->v, p->n, &p->cap, sizeof *p->v);
    p->v[p->n++] = *one;
    *one = (struct param){0};
}

/* ---- names ---- */

/* Letters of the scripts that names are written in, beside ASCII. Python takes more; what is not
 * here is refused, which is safer than code that does not run. */
static bool is_letter(uint32_t c)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } LETTERS[] = {
        {0xc0, 0xd6},     {0xd8, 0xf6},     {0xf8, 0x17f},    {0x391, 0x3a1},
        {0x3a3, 0x3c9},   {0x410, 0x44f},   {0x3041, 0x3096}, {0x30a1, 0x30fa},
        {0x30fc, 0x30fe}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3},
    };
    for (size_t i = 0; i < sizeof LETTERS / sizeof *LETTERS; i++) {
        if (c >= LETTERS[i].first && c <= LETTERS[i].last) {
            return true;
        }
    }
    return c < 0x80 && (c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

/* The code point of a well-formed sequence of `len` bytes. */
static uint32_t decode(const char *s, size_t len)
{
    static const unsigned char MASKS[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)s[0] & MASKS[len];
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | ((unsigned char)s[i] & 0x3f);
    }
    return c;
}

static bool is_identifier(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n;) {
        size_t len = utf8_sequence(name + i, n - i);
        bool digit = i > 0 && name[i] >= '0' && name[i] <= '9';
        if (len == 0 || (!digit && !is_letter(decode(name + i, len)))) {
            return false;
        }
        i += len;
    }
    return n > 0;
}

static bool is_keyword(const char *name)
{
    static const char *const KEYWORDS[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
    };
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof *KEYWORDS; i++) {
        if (strcmp(name, KEYWORDS[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What is wrong with a name; NULL when nothing is. */
static const char *name_fault(const char *name)
{
    return !is_identifier(name) ? "is no Python identifier; use letters, digits and _, and begin "
                                  "with no digit"
           : is_keyword(name)   ? "is a Python keyword; choose another name"
                                : NULL;
}

/* ---- values from the command line ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with single underscores between them, at *at: appended without those. False, and nothing
 * appended, when there is none or an underscore is misplaced. */
static bool take_digits(const char *s, size_t n, size_t *at, struct str *out)
{
    size_t i = *at;
    size_t start = out->len;
    while (i < n && (is_digit(s[i]) || (s[i] == '_' && i > *at && is_digit(s[i - 1]) && i + 1 < n &&
                                        is_digit(s[i + 1])))) {
        if (s[i] != '_') {
            str_putc(out, s[i]);
        }
        i++;
    }
    *at = i;
    return out->len > start;
}

/* What int() reads. */
static bool read_int(const char *s, size_t n, struct param *one)
{
    SCOPE(str_free) struct str digits = STR_INIT(0);
    size_t at = n > 0 && (s[0] == '-' || s[0] == '+');
    bool negative = at && s[0] == '-';
    if (!take_digits(s, n, &at, &digits) || at != n || digits.len > INT_DIGITS_MAX) {
        return false;
    }
    const char *p = digits.s;
    while (p[0] == '0' && p[1] != '\0') {
        p++;
    }
    char *text = xasprintf("%s%s", negative && strcmp(p, "0") != 0 ? "-" : "", p);
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        one->number = text;
    } else {
        free(text);
        one->value = json_integer(value);
    }
    return true;
}

static void set_real(struct param *one, double value)
{
    if (isfinite(value)) {
        one->value = json_real(value);
    } else {
        one->number = xstrdup(isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
    }
}

/* What float() reads; int() was asked before. */
static bool read_float(const char *s, size_t n, struct param *one)
{
    SCOPE(str_free) struct str plain = STR_INIT(0);
    size_t at = n > 0 && (s[0] == '-' || s[0] == '+');
    str_add(&plain, s, at);
    SCOPE_FREE char *word = xstrndup(s + at, n - at);
    if (strcasecmp(word, "nan") == 0 || strcasecmp(word, "inf") == 0 ||
        strcasecmp(word, "infinity") == 0) {
        set_real(one, strtod(word, NULL) * (at && s[0] == '-' ? -1 : 1));
        return true;
    }
    bool digits = take_digits(s, n, &at, &plain);
    if (at < n && s[at] == '.') {
        str_putc(&plain, s[at++]);
        digits = take_digits(s, n, &at, &plain) || digits;
    }
    if (!digits) {
        return false;
    }
    if (at < n && (s[at] == 'e' || s[at] == 'E')) {
        str_putc(&plain, s[at++]);
        if (at < n && (s[at] == '-' || s[at] == '+')) {
            str_putc(&plain, s[at++]);
        }
        if (!take_digits(s, n, &at, &plain)) {
            return false;
        }
    }
    if (at == n) {
        set_real(one, strtod(plain.s, NULL));
    }
    return at == n;
}

/* Typed as papermill's -p types it. */
static void read_typed(const char *text, struct param *one)
{
    if (strcmp(text, "None") == 0) {
        one->value = json_null();
        return;
    }
    if (strcmp(text, "True") == 0 || strcmp(text, "False") == 0) {
        one->value = json_boolean(text[0] == 'T');
        return;
    }
    size_t n = strlen(text);
    size_t from = 0;
    while (from < n && is_blank(text[from])) {
        from++;
    }
    while (n > from && is_blank(text[n - 1])) {
        n--;
    }
    if (!read_int(text + from, n - from, one) && !read_float(text + from, n - from, one)) {
        one->value = json_string(text);
    }
}

static int add(struct params *p, const char *name, const char *text, bool typed, struct err *e)
{
    const char *fault = name_fault(name);
    size_t n = strlen(text);
    if (fault) {
        return err_set(e, ERR_CONFIG, "parameter %s: the name %s", QUOTED(name), fault);
    }
    if (n > PARAMS_MAX_BYTES) {
        return err_set(e, ERR_CONFIG, "parameter %s: the value has %zu bytes, at most %d are taken",
                       name, n, PARAMS_MAX_BYTES);
    }
    if (!utf8_valid(text, n)) {
        return err_set(e, ERR_CONFIG, "parameter %s: the value %s is not UTF-8", name,
                       QUOTED(text));
    }
    struct param one = {.name = xstrdup(name)};
    if (typed) {
        read_typed(text, &one);
    } else {
        one.value = json_string(text);
    }
    put(p, &one);
    return 0;
}

int params_add_typed(struct params *p, const char *name, const char *text, struct err *e)
{
    return add(p, name, text, true, e);
}

int params_add_raw(struct params *p, const char *name, const char *text, struct err *e)
{
    return add(p, name, text, false, e);
}

/* ---- values from JSON ---- */

/* A JSON text while its members are taken. */
struct reader {
    const char *file;
    bool strings; /* hyperparameters.json: strings within limits only */
    struct jsontext places;
    json_t *root; /* owned */
    struct err *e;
};

static void reader_close(struct reader *r)
{
    jsontext_free(&r->places);
    json_decref(r->root);
}

static int open_text(struct reader *r, const char *text, size_t n)
{
    json_error_t why;
    if (n > PARAMS_MAX_BYTES) {
        return err_set(r->e, ERR_CONFIG, "%s:1:1: %zu bytes; at most %d are read", r->file, n,
                       PARAMS_MAX_BYTES);
    }
    int rc = jsontext_scan(r->file, text, n, ERR_CONFIG, &r->places, r->e);
    if (rc != 0) {
        return rc;
    }
    if (r->places.v[0].shape != SHAPE_OBJECT) {
        return jsontext_wrong(r->file, &r->places, r->places.v[0].begin, ERR_CONFIG, r->e,
                              "parameters are an object, {\"NAME\": VALUE, ...}");
    }
    /* What is left for jansson to refuse: names given twice, NUL characters, huge numbers, NaN. */
    r->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!r->root) {
        return err_set(r->e, ERR_CONFIG, "%s:%d:%d: %s", r->file, why.line > 0 ? why.line : 1,
                       why.column > 0 ? why.column : 1, why.text);
    }
    size_t limit = r->strings ? HYPERPARAMETERS_MAX : PARAMS_MAX_ENTRIES;
    if (json_object_size(r->root) > limit) {
        return jsontext_wrong(r->file, &r->places, r->places.v[0].begin, ERR_CONFIG, r->e,
                              "%zu parameters; there may be %zu", json_object_size(r->root), limit);
    }
    return 0;
}

static size_t count_characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

/* An error at a member's value, or at its name. */
static int wrong(const struct reader *r, const char *name, bool at_name, const char *what)
{
    uint32_t node = jsontext_member(&r->places, 0, name);
    const struct json_node *v = r->places.v ? &r->places.v[node] : NULL;
    size_t at = !v ? 0 : at_name ? v->key : v->begin;
    return jsontext_wrong(r->file, &r->places, at, ERR_CONFIG, r->e, "parameter %s: %s",
                          QUOTED(name), what);
}

static int check_member(const struct reader *r, const char *name, const json_t *value)
{
    char what[160];
    const char *fault = name_fault(name);
    if (r->strings && count_characters(name) > HYPERPARAMETER_KEY_MAX) {
        (void)snprintf(what, sizeof what, "the name has %zu characters, at most %d are allowed",
                       count_characters(name), HYPERPARAMETER_KEY_MAX);
        return wrong(r, name, true, what);
    }
    if (fault) {
        (void)snprintf(what, sizeof what, "the name %s", fault);
        return wrong(r, name, true, what);
    }
    if (!r->strings) {
        return 0;
    }
    if (!json_is_string(value)) {
        return wrong(r, name, false, "the value is no string; hyperparameters are, write \"...\"");
    }
    size_t n = count_characters(json_string_value(value));
    if (n > HYPERPARAMETER_VALUE_MAX) {
        (void)snprintf(what, sizeof what,
                       "the value has %zu characters, at most %d are allowed; put it in a file", n,
                       HYPERPARAMETER_VALUE_MAX);
        return wrong(r, name, false, what);
    }
    return 0;
}

static int add_text(struct params *p, const char *file, const char *text, size_t n, bool strings,
                    struct err *e)
{
    SCOPE(reader_close) struct reader r = {.file = file, .strings = strings, .e = e};
    int rc = open_text(&r, text, n);
    const char *name;
    json_t *value;
    if (rc != 0) {
        return rc;
    }
    json_object_foreach(r.root, name, value)
    {
        if ((rc = check_member(&r, name, value)) != 0) {
            return rc;
        }
    }
    json_object_foreach(r.root, name, value)
    {
        struct param one = {.name = xstrdup(name), .value = json_incref(value)};
        put(p, &one);
    }
    return 0;
}

int params_add_json(struct params *p, const char *file, const char *text, size_t n, struct err *e)
{
    return add_text(p, file, text, n, false, e);
}

int params_add_hyperparameters(struct params *p, const char *file, const char *text, size_t n,
                               struct err *e)
{
    return add_text(p, file, text, n, true, e);
}

/* ---- Python and JSON ---- */

int params_supported(const char *language, struct err *e)
{
    if (!language || !*language || strcasecmp(language, "python") == 0) {
        return 0;
    }
    return err_set(e, ERR_CONFIG,
                   "the notebook's language is %s; procagent's own engine gives parameters to "
                   "Python notebooks only, install papermill for others",
                   QUOTED(language));
}

void params_python_escape(const char *s, size_t n, struct str *out)
{
    static const char NAMED[] = "\t\n\r\\\"";
    static const char LETTERS[] = "tnr\\\"";
    for (size_t i = 0; i < n;) {
        size_t len = utf8_sequence(s + i, n - i);
        uint32_t c = len ? decode(s + i, len) : (unsigned char)s[i];
        const char *named = c && c < 0x80 ? strchr(NAMED, (int)c) : NULL;
        if (named) {
            str_printf(out, "\\%c", LETTERS[named - NAMED]);
        } else if (c >= 0x20 && c < 0x7f) {
            str_putc(out, (char)c);
        } else if (c < 0x100) {
            str_printf(out, "\\x%02x", c);
        } else {
            str_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        }
        i += len ? len : 1;
    }
}

/* As Python's repr: the shortest digits that read back as the same number, plain from 1e-4 up to
 * below 1e16. */
static void write_real(double value, struct str *out)
{
    char text[64];
    for (int digits = 0; digits < REAL_DIGITS; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    char *mark = strchr(text, 'e');
    long exponent = strtol(mark + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        str_puts(out, text);
        return;
    }
    long digits = mark - text - (text[0] == '-') - 1; /* behind the first; one is the dot */
    long decimals = (digits > 0 ? digits - 1 : 0) - exponent;
    str_printf(out, "%.*f", decimals > 1 ? (int)decimals : 1, value);
}

static void write_text(const json_t *value, bool python, struct str *out)
{
    const char *s = json_string_value(value);
    size_t n = json_string_length(value);
    if (!python) {
        jsontext_quote(out, s, n);
        return;
    }
    str_putc(out, '"');
    params_python_escape(s, n, out);
    str_putc(out, '"');
}

static void write_name(const char *name, bool python, struct str *out)
{
    json_t *text = json_string(name);
    write_text(text, python, out);
    json_decref(text);
    str_puts(out, ": ");
}

/* The depth is limited by jsontext_scan. */
static void write_value(const json_t *value, bool python,
                        struct str *out) // NOLINT(misc-no-recursion)
{
    const char *comma = "";
    size_t i;
    const char *name;
    const json_t *item;
    switch (json_typeof(value)) {
    case JSON_NULL: str_puts(out, python ? "None" : "null"); return;
    case JSON_TRUE: str_puts(out, python ? "True" : "true"); return;
    case JSON_FALSE: str_puts(out, python ? "False" : "false"); return;
    case JSON_INTEGER: str_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); return;
    case JSON_REAL: write_real(json_real_value(value), out); return;
    case JSON_STRING: write_text(value, python, out); return;
    case JSON_ARRAY:
        str_putc(out, '[');
        json_array_foreach(value, i, item)
        {
            str_puts(out, comma);
            write_value(item, python, out);
            comma = ", ";
        }
        str_putc(out, ']');
        return;
    case JSON_OBJECT:
        str_putc(out, '{');
        json_object_foreach((json_t *)(uintptr_t)value, name, item)
        {
            str_puts(out, comma);
            write_name(name, python, out);
            write_value(item, python, out);
            comma = ", ";
        }
        str_putc(out, '}');
        return;
    }
}

/* Python's words for what JSON spells NaN, Infinity and -Infinity; NULL for an integer. */
static const char *python_number(const char *number)
{
    return strcmp(number, "NaN") == 0         ? "float('nan')"
           : strcmp(number, "Infinity") == 0  ? "float('inf')"
           : strcmp(number, "-Infinity") == 0 ? "float('-inf')"
                                              : number;
}

static void write_param(const struct param *one, bool python, struct str *out)
{
    if (one->value) {
        write_value(one->value, python, out);
    } else {
        str_puts(out, python ? python_number(one->number) : one->number);
    }
}

void params_python(const struct params *p, struct str *out)
{
    str_puts(out, "# Parameters\n");
    for (size_t i = 0; i < p->n; i++) {
        str_printf(out, "%s = ", p->v[i].name);
        write_param(&p->v[i], true, out);
        str_putc(out, '\n');
    }
}

void params_json(const struct params *p, struct str *out)
{
    str_putc(out, '{');
    for (size_t i = 0; i < p->n; i++) {
        str_puts(out, i ? ", " : "");
        write_name(p->v[i].name, false, out);
        write_param(&p->v[i], false, out);
    }
    str_putc(out, '}');
}
