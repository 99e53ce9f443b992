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

enum { COMPONENT_MAX = 255, VALUE_MAX = 1024 };

static const struct source_spec {
    const char *name;
    enum source source;
    bool takes_name; /* written SOURCE.NAME */
} SOURCES[] = {
    {"time", SOURCE_TIME, false}, {"env", SOURCE_ENV, true},   {"host", SOURCE_HOST, false},
    {"job", SOURCE_JOB, false},   {"path", SOURCE_PATH, true},
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

static int check_format(const struct reader *r, const char *format)
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
    }
    return 0;
}

static int unknown_source(const struct reader *r, const char *word)
{
    const char *names[SOURCE_COUNT];
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        names[i] = SOURCES[i].name;
    }
    const char *near = nearest_name(word, names, SOURCE_COUNT);
    SCOPE_FREE char *why = xasprintf(
        "unknown source %s%s%s%s; this version knows {time:%%Y-%%m-%%d}, {path.NAME}, {env.NAME}, "
        "{host} and {job}",
        QUOTED(word), near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return bad(r, why);
}

/* What stands between braces: SOURCE[.NAME][:FORMAT]. */
static int read_source(const struct reader *r, const char *inside, struct level *level)
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
        return bad(r, spec->takes_name ? "this source needs a name: {env.NAME}, {path.NAME}"
                                       : "this source takes no name");
    }
    if (spec->takes_name) {
        if (rest[1] == '\0' || strchr(rest, ':')) {
            return bad(r, "write {env.NAME} or {path.NAME}, without a format");
        }
        part_add(level, spec->source, xstrdup(rest + 1));
        return 0;
    }
    if (*rest == ':' && spec->source != SOURCE_TIME) {
        return bad(r, "only time takes a format");
    }
    const char *format = *rest == ':' ? rest + 1 : "%Y-%m-%d";
    if (*format == '\0') {
        return bad(r, "the format is empty");
    }
    int rc = spec->source == SOURCE_TIME ? check_format(r, format) : 0;
    if (rc == 0) {
        part_add(level, spec->source, xstrdup(format));
    }
    return rc;
}

static int read_braces(struct reader *r, struct level *level)
{
    const char *end = strchr(r->at, '}');
    if (!end) {
        return bad(r, "a { is not closed");
    }
    SCOPE_FREE char *inside = xstrndup(r->at + 1, (size_t)(end - r->at) - 1);
    int rc = read_source(r, inside, level);
    if (rc == 0) {
        r->at = end + 1;
    }
    return rc;
}

/* A template up to the next "/" outside braces. */
static int read_template(struct reader *r, struct level *level)
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
            rc = read_braces(r, level);
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
        rc = rc ? rc : read_template(&r, level);
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

/* What all parts of an expansion share. */
struct expansion {
    const struct job *job;
    const struct path_values *path;
    enum err_code code;
    struct err *e;
};

static int expand_time(const struct expansion *x, const char *format, struct str *out)
{
    const struct job *job = x->job;
    int64_t seconds = job->time_ns / NS_PER_S - (job->time_ns % NS_PER_S < 0);
    struct tm tm;
    tz_localtime(&job->tz, seconds, &tm);
    char text[VALUE_MAX];
    /* The format was checked against CONVERSIONS by check_format, which is why it may vary. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(text, sizeof text, format, &tm);
#pragma GCC diagnostic pop
    if (n == 0) {
        return err_set(x->e, x->code, "time format %s makes an empty or too long value",
                       QUOTED(format));
    }
    str_add(out, text, n);
    return 0;
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

static int expand_part(const struct expansion *x, const struct part *part, struct str *out)
{
    const char *value = part->text;
    switch (part->source) {
    case SOURCE_TIME: return expand_time(x, part->text, out);
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
    case SOURCE_TEXT: break;
    }
    str_puts(out, value);
    return 0;
}

static int expand_level(const struct expansion *x, const struct level *level, struct str *out)
{
    struct err *e = x->e;
    SCOPE(str_free) struct str value = STR_INIT(VALUE_MAX);
    for (size_t i = 0; i < level->n; i++) {
        int rc = expand_part(x, &level->parts[i], &value);
        if (rc != 0) {
            return err_prefix(e, "partition key %s", level->key);
        }
    }
    const char *text = str_text(&value);
    if (value.len == 0 || value.overflow) {
        return err_set(e, x->code, "partition key %s: the value is %s", level->key,
                       value.overflow ? "longer than 1024 bytes" : "empty");
    }
    if (strcasecmp(text, HIVE_NULL) == 0) {
        return err_set(e, x->code, "partition key %s: the value %s means null to every reader",
                       level->key, HIVE_NULL);
    }
    if (!utf8_valid(text, value.len)) {
        return err_set(e, x->code, "partition key %s: the value %s is not UTF-8", level->key,
                       QUOTED(text));
    }
    size_t start = out->len;
    str_printf(out, "%s=", level->key);
    hive_escape(out, text, value.len);
    if (out->len - start > COMPONENT_MAX) {
        return err_set(e, x->code,
                       "partition key %s: the folder name %s has %zu bytes, at most %d fit",
                       level->key, QUOTED(str_text(out) + start), out->len - start, COMPONENT_MAX);
    }
    return 0;
}

int layout_expand(const struct layout *layout, const struct job *job,
                  const struct path_values *path, enum err_code code, char **out, struct err *e)
{
    const struct expansion x = {.job = job, .path = path, .code = code, .e = e};
    SCOPE(str_free) struct str text = STR_INIT(0);
    for (size_t i = 0; i < layout->n; i++) {
        if (i > 0) {
            str_putc(&text, '/');
        }
        int rc = expand_level(&x, &layout->levels[i], &text);
        if (rc != 0) {
            return rc;
        }
    }
    *out = str_take(&text);
    return 0;
}
