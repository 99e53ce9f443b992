/* SPDX-License-Identifier: MIT
 *
 * agent.ini. See ini.h. inih does the line grammar; the reader that feeds it counts lines (Debian's
 * build passes no line numbers to the handler) and sees each line before inih can cut it.
 */
#include "config/ini.h"

#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"

/* inih copies a line into a buffer of INI_MAX_LINE = 200 bytes: text, newline, terminator. */
enum { LINE_LIMIT = 198 };

struct reader {
    const char *file;
    const char *text;
    size_t n;
    size_t at;         /* next byte */
    int line;          /* number of the line handed out last */
    bool in_section;   /* a section line was seen */
    bool has_key;      /* a key line was seen since: an indented line continues it */
    bool continuation; /* the last line handed out was such a line */
    char quote;        /* quote and bracket state of the value so far, for " ;" */
    int depth;
    enum section section;
    char *name; /* owned: the section's name */
    struct settings *settings;
    struct ini_sections *sections;
    struct err *e;
    int rc;
};

void ini_sections_free(struct ini_sections *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i].name);
        free(list->v[i].origin);
    }
    free(list->v);
    *list = (struct ini_sections){0};
}

static char *origin_of(const struct reader *r)
{
    return xasprintf("%s:%d", r->file, r->line);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r'); /* as inih: isspace in the C locale */
}

/* A comment starts at a ';' behind a blank: inih's rule. Answers its place, or the line's
 * length. */
static size_t comment_start(const char *line)
{
    size_t i = 0;
    for (; line[i]; i++) {
        if (i > 0 && line[i] == ';' && strchr(" \t\r\v\f", line[i - 1])) {
            break;
        }
    }
    return i;
}

/* Follows quotes and brackets through a piece of value; true when a comment would start inside
 * them. */
static bool comment_inside_value(struct reader *r, const char *value)
{
    size_t cut = comment_start(value);
    for (size_t i = 0; i < cut; i++) {
        char c = value[i];
        if (c == '\\' && r->quote != '\'' && value[i + 1]) {
            i++;
        } else if (r->quote) {
            r->quote = c == r->quote ? '\0' : r->quote;
        } else if (c == '"' || c == '\'') {
            r->quote = c;
        } else if (strchr("[{(", c)) {
            r->depth++;
        } else if (strchr("]})", c)) {
            r->depth--;
        }
    }
    return value[cut] == ';' && (r->quote || r->depth > 0);
}

/* "key = ;": meant as a value, read as an empty comment. */
static bool is_lone_semicolon(const char *value)
{
    size_t cut = comment_start(value);
    size_t n = 0;
    for (const char *p = value; *p; p++) {
        n += !is_blank(*p);
    }
    return value[cut] == ';' && n == 1;
}

static int refuse(struct reader *r, const char *text)
{
    return err_set(r->e, ERR_CONFIG, "%s:%d: %s", r->file, r->line, text);
}

static int see_section(struct reader *r, char *line)
{
    char *end = strchr(line, ']');
    if (!end || comment_start(line) < (size_t)(end - line)) {
        return refuse(r, "a section line ends in ]");
    }
    const char *rest = end + 1 + strspn(end + 1, " \t\r");
    if (*rest && *rest != ';' && *rest != '#') {
        return refuse(r, "text behind the section's ]");
    }
    *end = '\0';
    SCOPE_FREE char *origin = origin_of(r);
    SCOPE_FREE char *name = NULL;
    int rc = settings_section(line + 1, &r->section, &name, origin, r->e);
    *end = ']';
    if (rc != 0) {
        return rc;
    }
    r->in_section = true;
    r->has_key = false;
    free(r->name);
    r->name = NULL;
    if (name) {
        r->name = xstrdup(name);
        struct ini_sections *list = r->sections;
        list->v = vec_room(list->v, list->n, &list->cap, sizeof *list->v);
        list->v[list->n++] = (struct ini_section){
            .section = r->section, .name = TAKE_PTR(name), .origin = TAKE_PTR(origin)};
    }
    return 0;
}

/* Looks at a line (no newline) as inih will: comment, continuation, section or key. */
static int see_line(struct reader *r, char *line)
{
    static const char BOM[] = "\xef\xbb\xbf";
    char *start = r->line == 1 && str_starts(line, BOM) ? line + 3 : line;
    start += strspn(start, " \t\r\v\f");
    r->continuation = false;
    if (strchr(";#", *start)) { /* also the empty line */
        return 0;
    }
    const char *value = start;
    if (r->has_key && start > line) {
        r->continuation = true;
    } else if (*start == '[') {
        return see_section(r, start);
    } else {
        size_t name = strcspn(start, "=:");
        if (start[name] == '\0' || comment_start(start) < name) {
            return refuse(r, "neither [section] nor key = value");
        }
        value = start + name + 1;
        r->has_key = true;
        r->quote = '\0';
        r->depth = 0;
    }
    if (!r->in_section) {
        return refuse(r, "a key before the first [section]");
    }
    if (is_lone_semicolon(value)) {
        return refuse(r, "a ; behind a blank starts a comment and is no value (delimiter = "
                         "semicolon)");
    }
    if (comment_inside_value(r, value)) {
        return refuse(r,
                      "a blank followed by ; starts a comment, here inside quotes or brackets: the "
                      "value would be cut; leave out the blank before ;");
    }
    return 0;
}

/* inih's fgets: hands out one line, or NULL at the end or at the first error. */
static char *next_line(char *buf, int size, void *stream)
{
    struct reader *r = stream;
    if (r->rc != 0 || r->at >= r->n) {
        return NULL;
    }
    const char *start = r->text + r->at;
    const char *newline = memchr(start, '\n', r->n - r->at);
    size_t len = newline ? (size_t)(newline - start) : r->n - r->at;
    r->at += len + (newline ? 1 : 0);
    r->line++;
    if (len > LINE_LIMIT || len + 2 > (size_t)size) {
        r->rc = err_set(r->e, ERR_CONFIG,
                        "%s:%d: the line has %zu bytes, the limit is %d: continue the value on the "
                        "next line, indented",
                        r->file, r->line, len, LINE_LIMIT);
        return NULL;
    }
    if (memchr(start, '\0', len)) {
        r->rc = refuse(r, "a NUL byte");
        return NULL;
    }
    memcpy(buf, start, len);
    buf[len] = '\0';
    r->rc = see_line(r, buf);
    if (r->rc != 0) {
        return NULL;
    }
    buf[len] = '\n';
    buf[len + 1] = '\0';
    return buf;
}

static int continue_value(struct reader *r, const char *value)
{
    struct setting *last = &r->settings->v[r->settings->n - 1];
    size_t n = comment_start(value);
    while (n > 0 && is_blank(value[n - 1])) {
        n--;
    }
    char *joined = xasprintf("%s%s%.*s", last->value, *last->value ? " " : "", (int)n, value);
    free(last->value);
    last->value = joined;
    return 1;
}

/* inih's handler: 1 = fine, 0 = error. Section and line come from the reader, which knows them
 * whole. */
static int see_value(void *user, const char *section, const char *name, const char *value)
{
    (void)section;
    struct reader *r = user;
    if (r->rc != 0) {
        return 0;
    }
    if (r->continuation) {
        return continue_value(r, value);
    }
    SCOPE_FREE char *origin = origin_of(r);
    enum key key;
    const char *variable;
    r->rc = settings_key(r->section, name, &key, &variable, origin, r->e);
    if (r->rc != 0) {
        return 0;
    }
    const char *owner = variable ? variable : r->name;
    const struct setting *before = settings_find(r->settings, key, owner);
    if (before) {
        r->rc = err_set(r->e, ERR_CONFIG, "%s: \"%s\" is set twice, first at %s", origin, name,
                        before->origin);
        return 0;
    }
    settings_add(r->settings, key, owner, value, origin);
    return 1;
}

int ini_parse_text(const char *file, const char *text, size_t n, struct settings *settings,
                   struct ini_sections *sections, struct err *e)
{
    struct reader r = {
        .file = file, .text = text, .n = n, .settings = settings, .sections = sections, .e = e};
    /* inih has no user pointer apart from the stream for its reader: both get the reader. */
    int bad_line = ini_parse_stream(next_line, &r, see_value, &r);
    free(r.name);
    if (r.rc != 0) {
        return r.rc;
    }
    if (bad_line != 0) {
        return err_set(e, ERR_CONFIG, "%s:%d: cannot be read as [section] or key = value", file,
                       bad_line);
    }
    return 0;
}
