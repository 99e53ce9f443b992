/* SPDX-License-Identifier: MIT
 *
 * Layouts. See layout.h.
 */
#include "partition/layout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "partition/hive.h"
#include "partition/isotime.h"

/* Bytes of a folder's name; characters of a value (hive-glue.md 1.5), and the bytes these take. */
enum { COMPONENT_MAX = 255, VALUE_MAX = 1024, VALUE_BYTES = 4 * VALUE_MAX };

static const struct source_spec {
    const char *name;
    enum source source;
    bool takes_name; /* written SOURCE.NAME */
} SOURCES[] = {
    {"time", SOURCE_TIME, false}, {"env", SOURCE_ENV, true},   {"host", SOURCE_HOST, false},
    {"job", SOURCE_JOB, false},   {"path", SOURCE_PATH, true}, {"column", SOURCE_COLUMN, true},
};
enum { SOURCE_COUNT = sizeof SOURCES / sizeof *SOURCES };

/* The conversions whose result depends neither on a locale nor (as %s, which goes through mktime)
 * on the process's own time zone, and makes sense in a name. */
static const char CONVERSIONS[] = "YymdHIMSjuwVGgUWCFTRZzbBaAp%";

/* While parsing. */
struct reader {
    const char *text;
    const char *at;
    struct err *e;
};

static int bad(const struct reader *r, const char *why)
{
    return err_set(r->e, ERR_CONFIG, "layout %s, column %zu: %s", QUOTED(r->text),
                   (size_t)(r->at - r->text) + 1, why);
}

static void part_add(struct level *level, enum source source, char *text)
{
    level->parts = vec_room(level->parts, level->n, &level->cap, sizeof *level->parts);
    level->parts[level->n++] = (struct part){.source = source, .text = text};
}

static int check_format(const struct reader *r, enum source source, const char *format)
{
    for (const char *p = format; *p; p++) {
        if (*p == '/') {
            return bad(r, "a format cannot make levels: write one key=... per level");
        }
        if (*p != '%') {
            continue;
        }
        p++;
        if (*p == '\0' || !strchr(CONVERSIONS, *p)) {
            return bad(r,
                       "unknown strftime conversion; known are %Y %m %d %H %M %S %j %F %T %z and "
                       "their like");
        }
        if (source == SOURCE_COLUMN && !isotime_shows(*p)) {
            return bad(r, "a column's times have no %z and %Z: without an offset in the data "
                          "there is none to show");
        }
    }
    return 0;
}

/* {column.N}: takes the leading zeros away, so that one field has one name. */
static int check_field_number(const struct reader *r, char *digits)
{
    enum { DIGITS_MAX = 6 };
    size_t zeros = strspn(digits, "0");
    size_t n = strlen(digits) - zeros;
    if (n == 0 || n > DIGITS_MAX) {
        return bad(r, "columns are counted from 1, up to 999999");
    }
    memmove(digits, digits + zeros, n + 1);
    return 0;
}

static size_t column_index(struct layout *layout, const char *name)
{
    struct strvec *columns = &layout->columns;
    for (size_t i = 0; i < columns->n; i++) {
        if (strcmp(columns->v[i], name) == 0) {
            return i;
        }
    }
    strvec_add(columns, name);
    return columns->n - 1;
}

/* NAME[:FORMAT] of a column: the format begins at the first ":" that a "%" follows, since names
 * hold colons more often than ":%". */
static int read_column(const struct reader *r, const char *text, struct layout *layout,
                       struct level *level)
{
    const char *colon = strstr(text, ":%");
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n == 0) {
        return bad(r, "write {column.NAME} or {column.N}, with a format {column.NAME:%Y-%m-%d}");
    }
    SCOPE_FREE char *name = xstrndup(text, n);
    int rc = colon ? check_format(r, SOURCE_COLUMN, colon + 1) : 0;
    if (rc == 0 && strspn(name, "0123456789") == n) {
        rc = check_field_number(r, name);
    }
    if (rc == 0) {
        part_add(level, SOURCE_COLUMN, colon ? xstrdup(colon + 1) : NULL);
        level->parts[level->n - 1].column = column_index(layout, name);
    }
    return rc;
}

static int unknown_source(const struct reader *r, const char *word)
{
    const char *names[SOURCE_COUNT];
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        names[i] = SOURCES[i].name;
    }
    const char *near = nearest_name(word, names, SOURCE_COUNT);
    SCOPE_FREE char *why = xasprintf(
        "unknown source %s%s%s%s; this version knows {time:%%Y-%%m-%%d}, {column.NAME}, "
        "{path.NAME}, {env.NAME}, {host} and {job}",
        QUOTED(word), near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return bad(r, why);
}

/* What stands between braces: SOURCE[.NAME][:FORMAT]. */
static int read_source(const struct reader *r, const char *inside, struct layout *layout,
                       struct level *level)
{
    size_t n = strcspn(inside, ".:");
    SCOPE_FREE char *word = xstrndup(inside, n);
    const struct source_spec *spec = NULL;
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        spec = strcmp(word, SOURCES[i].name) == 0 ? &SOURCES[i] : spec;
    }
    if (!spec) {
        return unknown_source(r, word);
    }
    const char *rest = inside + n;
    if (spec->takes_name != (*rest == '.')) {
        return bad(r, spec->takes_name
                          ? "this source needs a name: {column.NAME}, {path.NAME}, {env.NAME}"
                          : "this source takes no name");
    }
    if (spec->source == SOURCE_COLUMN) {
        return read_column(r, rest + 1, layout, level);
    }
    if (spec->takes_name) {
        if (rest[1] == '\0' || strchr(rest, ':')) {
            return bad(r, "write {env.NAME} or {path.NAME}, without a format");
        }
        part_add(level, spec->source, xstrdup(rest + 1));
        return 0;
    }
    if (*rest == ':' && spec->source != SOURCE_TIME) {
        return bad(r, "only time and columns take a format");
    }
    const char *format = *rest == ':' ? rest + 1 : "%Y-%m-%d";
    if (*format == '\0') {
        return bad(r, "the format is empty");
    }
    int rc = spec->source == SOURCE_TIME ? check_format(r, SOURCE_TIME, format) : 0;
    if (rc == 0) {
        part_add(level, spec->source, xstrdup(format));
    }
    return rc;
}

static int read_braces(struct reader *r, struct layout *layout, struct level *level)
{
    const char *end = strchr(r->at, '}');
    if (!end) {
        return bad(r, "a { is not closed");
    }
    SCOPE_FREE char *inside = xstrndup(r->at + 1, (size_t)(end - r->at) - 1);
    int rc = read_source(r, inside, layout, level);
    if (rc == 0) {
        r->at = end + 1;
    }
    return rc;
}

/* A template up to the next "/" outside braces. */
static int read_template(struct reader *r, struct layout *layout, struct level *level)
{
    struct str text = STR_INIT(0);
    int rc = 0;
    while (rc == 0 && *r->at && *r->at != '/') {
        char c = *r->at;
        if ((c == '{' || c == '}') && r->at[1] == c) {
            str_putc(&text, c);
            r->at += 2;
        } else if (c == '{') {
            if (text.len) {
                part_add(level, SOURCE_TEXT, str_take(&text));
            }
            rc = read_braces(r, layout, level);
        } else if (c == '}') {
            rc = bad(r, "a } without {; write }} for the character");
        } else {
            str_putc(&text, c);
            r->at++;
        }
    }
    if (rc == 0 && text.len) {
        part_add(level, SOURCE_TEXT, str_take(&text));
    }
    str_free(&text);
    if (rc == 0 && level->n == 0) {
        rc = bad(r, "the value is empty: key= names no partition");
    }
    return rc;
}

static int read_key(struct reader *r, struct layout *layout, struct level *level)
{
    size_t n = strcspn(r->at, "=/{}");
    if (r->at[n] != '=') {
        return bad(r, "expected key=template");
    }
    level->key = xstrndup(r->at, n);
    for (char *p = level->key; *p; p++) {
        *p = (char)tolower((unsigned char)*p); /* Hive writes keys in lower case */
    }
    if (!hive_key_legal(level->key, n)) {
        return bad(r, "a key has letters, digits and _ only, and does not begin with _");
    }
    for (size_t i = 0; i + 1 < layout->n; i++) {
        if (strcmp(layout->levels[i].key, level->key) == 0) {
            return bad(r, "this key stands in the layout twice");
        }
    }
    r->at += n + 1;
    return 0;
}

int layout_parse(const char *text, struct layout *out, struct err *e)
{
    struct reader r = {.text = text, .at = text, .e = e};
    struct layout layout = {0};
    int rc = strlen(text) > LAYOUT_MAX_BYTES ? bad(&r, "longer than 4096 bytes") : 0;
    while (rc == 0) {
        if (layout.n == LAYOUT_MAX_LEVELS) {
            rc = bad(&r, "more than 32 levels");
            break;
        }
        layout.levels = vec_room(layout.levels, layout.n, &layout.cap, sizeof *layout.levels);
        struct level *level = &layout.levels[layout.n++];
        *level = (struct level){0};
        rc = read_key(&r, &layout, level);
        rc = rc ? rc : read_template(&r, &layout, level);
        if (*r.at != '/') {
            break;
        }
        r.at++;
    }
    if (rc != 0) {
        layout_free(&layout);
        return rc;
    }
    *out = layout;
    return 0;
}

void layout_free(struct layout *layout)
{
    for (size_t i = 0; i < layout->n; i++) {
        struct level *level = &layout->levels[i];
        for (size_t k = 0; k < level->n; k++) {
            free(level->parts[k].text);
        }
        free(level->parts);
        free(level->key);
    }
    free(layout->levels);
    strvec_free(&layout->columns);
    *layout = (struct layout){0};
}

bool layout_uses_path(const struct layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->n; i++) {
        for (size_t k = 0; k < layout->levels[i].n; k++) {
            const struct part *part = &layout->levels[i].parts[k];
            if (part->source == SOURCE_PATH && (!name || strcmp(part->text, name) == 0)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- times ---- */

/* Appends `value` with so many digits, zeros in front. */
static void add_digits(struct str *out, int value, int digits)
{
    char text[8];
    for (int i = digits; i-- > 0; value /= 10) {
        text[i] = (char)('0' + value % 10);
    }
    str_add(out, text, (size_t)digits);
}

static void add_time(struct str *out, const char *format, const struct tm *tm);

/* What strftime makes of "%c"; the usual conversions without it, for it takes a lock each time, and
 * writes years before 1000 with fewer than four digits. */
static void add_conversion(struct str *out, char c, const struct tm *tm)
{
    switch (c) {
    case 'Y': add_digits(out, tm->tm_year + 1900, 4); return;
    case 'm': add_digits(out, tm->tm_mon + 1, 2); return;
    case 'd': add_digits(out, tm->tm_mday, 2); return;
    case 'H': add_digits(out, tm->tm_hour, 2); return;
    case 'M': add_digits(out, tm->tm_min, 2); return;
    case 'S': add_digits(out, tm->tm_sec, 2); return;
    case 'j': add_digits(out, tm->tm_yday + 1, 3); return;
    case 'F': add_time(out, "%Y-%m-%d", tm); return;
    case 'T': add_time(out, "%H:%M:%S", tm); return;
    case '%': str_putc(out, '%'); return;
    default: break;
    }
    char text[64];
    const char format[] = {'%', c, '\0'};
    /* c is one of CONVERSIONS, see check_format: that is why the format may vary. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    str_add(out, text, strftime(text, sizeof text, format, tm));
#pragma GCC diagnostic pop
}

/* Appends what strftime makes of a checked format. */
static void add_time(struct str *out, const char *format, const struct tm *tm)
{
    for (const char *p = format; *p; p++) {
        if (*p == '%') {
            p++;
            add_conversion(out, *p, tm);
        } else {
            str_putc(out, *p);
        }
    }
}

/* ---- one folder's name ---- */

/* A string on the stack: it never grows, since its maximum is what `buf` holds. */
static struct str on_stack(char *buf, size_t size)
{
    buf[0] = '\0';
    return (struct str){.s = buf, .cap = size, .max = size - 1};
}

static bool is_sentinel(const char *s, size_t n)
{
    return n == strlen(HIVE_NULL) && strncasecmp(s, HIVE_NULL, n) == 0;
}

/* An error about a value: both texts go around it, quoted and shortened. */
static int bad_value(struct err *e, enum err_code code, const struct level *level, const char *s,
                     size_t n, const char *problem)
{
    char text[VALUE_BYTES];
    size_t len = n < sizeof text - 1 ? n : sizeof text - 1;
    for (size_t i = 0; i < len; i++) {
        text[i] = s[i] ? s[i] : '?'; /* QUOTED would end at a NUL */
    }
    text[len] = '\0';
    return err_set(e, code, "partition key %s: the value %s %s", level->key, QUOTED(text), problem);
}

/* Is this text fit to be a value, apart from its escaped length? */
static int check_text(const struct level *level, const char *s, size_t n, enum err_code code,
                      struct err *e)
{
    if (memchr(s, '\0', n)) {
        return bad_value(e, code, level, s, n, "holds a NUL byte (shown as ?), which no name can");
    }
    if (!utf8_valid(s, n)) {
        return bad_value(e, code, level, s, n, "is not UTF-8, as all names must be: convert it");
    }
    size_t characters = 0;
    for (size_t i = 0; i < n; i++) {
        characters += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    if (characters > VALUE_MAX) {
        return bad_value(e, code, level, s, n,
                         "has more than 1024 characters, the most that a catalog takes");
    }
    return 0;
}

/* Appends "key=value", escaped, when that is not too long for a folder. */
static int add_component(const struct level *level, const char *s, size_t n, enum err_code code,
                         struct str *out, struct err *e)
{
    size_t start = out->len;
    str_puts(out, level->key);
    str_putc(out, '=');
    hive_escape(out, s, n);
    if (out->len - start > COMPONENT_MAX) {
        return err_set(e, code,
                       "partition key %s: the folder name %s has %zu bytes, at most %d fit; "
                       "choose a shorter value",
                       level->key, QUOTED(str_text(out) + start), out->len - start, COMPONENT_MAX);
    }
    return 0;
}

/* The same for a value that is not null, checked. */
static int add_name(const struct level *level, const char *s, size_t n, enum err_code code,
                    struct str *out, struct err *e)
{
    if (n == 0) {
        return err_set(e, code, "partition key %s: the value is empty", level->key);
    }
    if (is_sentinel(s, n)) {
        return err_set(e, code, "partition key %s: the value %.*s means null to every reader",
                       level->key, (int)n, s);
    }
    int rc = check_text(level, s, n, code, e);
    return rc ? rc : add_component(level, s, n, code, out, e);
}

/* ---- binding: all but the columns ---- */

/* What all parts of an expansion share. */
struct expansion {
    const struct job *job;
    const struct path_values *path;
    enum err_code code;
    struct err *e;
};

static void expand_time(const struct expansion *x, const char *format, struct str *out)
{
    const struct job *job = x->job;
    int64_t seconds = job->time_ns / NS_PER_S - (job->time_ns % NS_PER_S < 0);
    struct tm tm;
    tz_localtime(&job->tz, seconds, &tm);
    add_time(out, format, &tm);
}

static int expand_path(const struct expansion *x, const char *name, struct str *out)
{
    size_t i = x->path ? match_name(x->path->match, name) : 0;
    if (!x->path || i == x->path->match->names.n) {
        return err_set(x->e, x->code, "{path.%s}: match has no {%s}", name, name);
    }
    str_add(out, x->path->path + x->path->pieces[i].start, x->path->pieces[i].n);
    return 0;
}

/* Appends the value of any part but a column. */
static int expand_part(const struct expansion *x, const struct part *part, struct str *out)
{
    const char *value = part->text;
    switch (part->source) {
    case SOURCE_TIME: expand_time(x, part->text, out); return 0;
    case SOURCE_PATH: return expand_path(x, part->text, out);
    case SOURCE_ENV:
        value = getenv(part->text);
        if (!value) {
            return err_set(x->e, x->code, "environment variable %s is not set", QUOTED(part->text));
        }
        break;
    case SOURCE_HOST: value = x->job->current_host; break;
    case SOURCE_JOB:
        value = x->job->name;
        if (*value == '\0') {
            return err_set(x->e, x->code,
                           "{job}: the job has no name (no processingjobconfig.json)");
        }
        break;
    case SOURCE_TEXT:
    case SOURCE_COLUMN: break;
    }
    str_puts(out, value);
    return 0;
}

static void end_text(struct level *to, struct str *text)
{
    if (text->len) {
        part_add(to, SOURCE_TEXT, str_take(text));
    }
}

/* What can be said before any row is read: a level without columns is a whole value, any other
 * holds a part of one. */
static int check_bound(const struct level *level, enum err_code code, struct err *e)
{
    SCOPE(str_free) struct str text = STR_INIT(0);
    SCOPE(str_free) struct str name = STR_INIT(0);
    bool whole = true;
    for (size_t i = 0; i < level->n; i++) {
        const struct part *part = &level->parts[i];
        whole = whole && part->source == SOURCE_TEXT;
        if (part->source == SOURCE_TEXT) {
            int rc = check_text(level, part->text, strlen(part->text), code, e);
            if (rc != 0) {
                return rc;
            }
            str_puts(&text, part->text);
        }
    }
    return whole ? add_name(level, str_text(&text), text.len, code, &name, e)
                 : add_component(level, str_text(&text), text.len, code, &name, e);
}

static int bind_level(const struct expansion *x, const struct level *from, struct level *to)
{
    SCOPE(str_free) struct str text = STR_INIT(0);
    to->key = xstrdup(from->key);
    for (size_t i = 0; i < from->n; i++) {
        const struct part *part = &from->parts[i];
        if (part->source == SOURCE_COLUMN) {
            end_text(to, &text);
            part_add(to, SOURCE_COLUMN, part->text ? xstrdup(part->text) : NULL);
            to->parts[to->n - 1].column = part->column;
        } else if (expand_part(x, part, &text) != 0) {
            return err_prefix(x->e, "partition key %s", from->key);
        }
    }
    end_text(to, &text);
    return check_bound(to, x->code, x->e);
}

int layout_bind(const struct layout *layout, const struct job *job, const struct path_values *path,
                enum err_code code, struct layout *bound, struct err *e)
{
    const struct expansion x = {.job = job, .path = path, .code = code, .e = e};
    SCOPE(layout_free) struct layout made = {0};
    for (size_t i = 0; i < layout->columns.n; i++) {
        strvec_add(&made.columns, layout->columns.v[i]);
    }
    for (size_t i = 0; i < layout->n; i++) {
        made.levels = vec_room(made.levels, made.n, &made.cap, sizeof *made.levels);
        struct level *level = &made.levels[made.n++];
        *level = (struct level){0};
        int rc = bind_level(&x, &layout->levels[i], level);
        if (rc != 0) {
            return rc;
        }
    }
    *bound = made;
    made = (struct layout){0};
    return 0;
}

/* ---- filling: one row's columns ---- */

/* What the levels of one row share. */
struct row {
    const struct layout *bound;
    const struct value_rules *rules;
    const struct field_text *columns;
    enum err_code code;
    struct err *e;
};

/* Appends a column's value to that of its level. `*null` is set when the level is null for it. */
static int fill_column(const struct row *row, const struct level *level, const struct part *part,
                       struct str *value, bool *null)
{
    const struct field_text *field = &row->columns[part->column];
    const struct table *table = row->rules->table;
    const char *name = row->bound->columns.v[part->column];
    if (field->n == 0) {
        switch (table->null) {
        case NULL_PARTITION: *null = true; return 0;
        case NULL_VALUE: str_puts(value, table->null_value); return 0;
        case NULL_FAIL: break;
        }
        return err_set(row->e, row->code,
                       "partition key %s: column %s is null or empty in this row, and null = fail",
                       level->key, QUOTED(name));
    }
    if (is_sentinel(field->s, field->n)) {
        *null = true;
        return table->sentinel_is_null
                   ? 0
                   : err_set(row->e, row->code,
                             "partition key %s: the value %.*s of column %s means null to every "
                             "reader; leave the field empty if that is meant",
                             level->key, (int)field->n, field->s, QUOTED(name));
    }
    if (!part->text) {
        str_add(value, field->s, field->n);
        return 0;
    }
    struct tm tm;
    if (!isotime_read(field->s, field->n, row->rules->tz, &tm)) {
        return bad_value(row->e, row->code, level, field->s, field->n,
                         "is no ISO date or timestamp, such as 2021-12-15 or "
                         "2021-12-15T01:02:03+09:00, which a column with a format must have");
    }
    add_time(value, part->text, &tm);
    return 0;
}

static int fill_level(const struct row *row, const struct level *level, struct str *out)
{
    char buf[VALUE_BYTES + 1];
    struct str value = on_stack(buf, sizeof buf);
    bool null = false;
    for (size_t i = 0; i < level->n; i++) {
        const struct part *part = &level->parts[i];
        if (part->source != SOURCE_COLUMN) {
            str_puts(&value, part->text);
            continue;
        }
        int rc = fill_column(row, level, part, &value, &null);
        if (rc != 0) {
            return rc;
        }
    }
    const struct table *table = row->rules->table;
    if (null || (table->sentinel_is_null && is_sentinel(value.s, value.len))) {
        return add_component(level, HIVE_NULL, strlen(HIVE_NULL), row->code, out, row->e);
    }
    if (value.overflow) {
        return bad_value(row->e, row->code, level, value.s, value.len,
                         "has more than 1024 characters, the most that a catalog takes");
    }
    return add_name(level, value.s, value.len, row->code, out, row->e);
}

/* Back to the length it had. */
static void cut(struct str *out, size_t len)
{
    if (out->len > len) {
        out->len = len;
        out->s[len] = '\0';
    }
}

int layout_fill(const struct layout *bound, const struct value_rules *rules,
                const struct field_text *columns, enum err_code code, struct str *out,
                struct err *e)
{
    const struct row row = {
        .bound = bound, .rules = rules, .columns = columns, .code = code, .e = e};
    size_t start = out->len;
    for (size_t i = 0; i < bound->n; i++) {
        if (i > 0) {
            str_putc(out, '/');
        }
        int rc = fill_level(&row, &bound->levels[i], out);
        if (rc != 0) {
            cut(out, start);
            return rc;
        }
    }
    return 0;
}

int layout_expand(const struct layout *layout, const struct job *job,
                  const struct path_values *path, enum err_code code, char **out, struct err *e)
{
    static const struct table NO_TABLE = {.null = NULL_FAIL};
    const struct value_rules rules = {.tz = &job->tz, .table = &NO_TABLE};
    if (layout->columns.n > 0) {
        return err_set(e, ERR_INTERNAL,
                       "a layout with {column.%s} has a folder for each row, not one for all",
                       layout->columns.v[0]);
    }
    SCOPE(layout_free) struct layout bound = {0};
    SCOPE(str_free) struct str text = STR_INIT(0);
    int rc = layout_bind(layout, job, path, code, &bound, e);
    rc = rc ? rc : layout_fill(&bound, &rules, NULL, code, &text, e);
    if (rc == 0) {
        *out = str_take(&text);
    }
    return rc;
}
