/* SPDX-License-Identifier: MIT
 *
 * The shared files of AWS tools. See profile.h. Not read with inih, as agent.ini is: its lines end
 * at 200 bytes in the distribution's build and session tokens have up to some thousands, it cuts
 * values at " ;", and it hands out nested lines as if they were settings. The rules here are those
 * of the AWS CLI (Python's RawConfigParser): no comments behind values, and a line that is indented
 * deeper than the setting above it belongs to that setting.
 */
#include "store/profile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/str.h"

enum { FILE_LIMIT = 1 << 20, VALUE_LIMIT = 16 << 10 };

/* A piece of the text. */
struct span {
    const char *s;
    size_t n;
};

struct reader {
    const char *file;
    enum profile_kind kind;
    const char *name;
    int line;            /* number of the line being read */
    bool ours;           /* inside a section of the profile */
    bool full_name_seen; /* [profile default] was there: [default] no longer counts */
    bool has_key;        /* a setting was seen in this section */
    size_t indent;       /* blanks before the last setting or section */
    struct profile *out;
    struct err *e;
};

/* Keys whose value is kept, and where. */
static const struct {
    const char *key;
    size_t at;
} KEPT[] = {
    {"aws_access_key_id", offsetof(struct profile, access_key)},
    {"aws_secret_access_key", offsetof(struct profile, secret_key)},
    {"aws_session_token", offsetof(struct profile, token)},
    {"region", offsetof(struct profile, region)},
    {"endpoint_url", offsetof(struct profile, endpoint)},
    {"ca_bundle", offsetof(struct profile, ca_bundle)},
};

/* Keys by which other tools get keys. A role's profile may hold keys too, but those only ask for
 * the role: to use them as they are would be to act as somebody else. */
static const struct {
    const char *key;
    bool wins;
} NEEDS[] = {
    {"role_arn", true},       {"credential_process", false}, {"sso_session", false},
    {"sso_start_url", false}, {"sso_account_id", false},     {"login_session", false},
};

void profile_free(struct profile *p)
{
    if (!p) {
        return;
    }
    free(p->access_key);
    free(p->secret_key);
    free(p->token);
    free(p->region);
    free(p->endpoint);
    free(p->ca_bundle);
    free(p->needs);
    free(p->name);
    free(p->places);
    *p = (struct profile){0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct span trim(struct span t)
{
    while (t.n > 0 && is_blank(t.s[0])) {
        t.s++;
        t.n--;
    }
    while (t.n > 0 && is_blank(t.s[t.n - 1])) {
        t.n--;
    }
    return t;
}

static bool span_is(struct span t, const char *text)
{
    return t.n == strlen(text) && memcmp(t.s, text, t.n) == 0;
}

/* What is wrong, without the line's text: it may hold a piece of a secret. */
static int refuse(const struct reader *r, const char *why)
{
    return err_set(r->e, ERR_CONFIG, "%s:%d: %s", r->file, r->line, why);
}

/* "profile NAME" and "profile 'NAME'" -> NAME; false for other sections. */
static bool profile_section(struct span *header)
{
    static const char WORD[] = "profile";
    const size_t n = sizeof WORD - 1;
    if (header->n <= n || memcmp(header->s, WORD, n) != 0 || !is_blank(header->s[n])) {
        return false;
    }
    *header = trim((struct span){header->s + n, header->n - n});
    char quote = header->s[0];
    if (header->n >= 2 && (quote == '"' || quote == '\'') && header->s[header->n - 1] == quote) {
        *header = (struct span){header->s + 1, header->n - 2};
    }
    return true;
}

static int see_section(struct reader *r, struct span line)
{
    const char *end = memchr(line.s, ']', line.n);
    if (!end) {
        return refuse(r, "a section line ends in ]");
    }
    struct span header = trim((struct span){line.s + 1, (size_t)(end - line.s) - 1});
    r->has_key = false;
    if (r->kind == PROFILE_CREDENTIALS) {
        r->ours = span_is(header, r->name);
    } else if (profile_section(&header)) {
        r->ours = span_is(header, r->name);
        if (r->ours && !r->full_name_seen) {
            profile_free(r->out); /* what a mere [default] said */
            r->full_name_seen = true;
        }
    } else {
        r->ours = span_is(header, r->name) && span_is(header, "default") && !r->full_name_seen;
    }
    r->out->found |= r->ours;
    return 0;
}

static int keep(struct reader *r, const char *key, char **slot, struct span value)
{
    if (value.n > VALUE_LIMIT) {
        return err_set(r->e, ERR_CONFIG, "%s:%d: %s has %zu bytes, the limit is %d", r->file,
                       r->line, key, value.n, VALUE_LIMIT);
    }
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.s[i] < 0x20 || value.s[i] == 0x7f) {
            return err_set(r->e, ERR_CONFIG, "%s:%d: %s holds a control character", r->file,
                           r->line, key);
        }
    }
    free(*slot);
    *slot = value.n > 0 ? xstrndup(value.s, value.n) : NULL;
    return 0;
}

static bool same_key(struct span key, const char *name)
{
    return key.n == strlen(name) && strncasecmp(key.s, name, key.n) == 0;
}

static int see_setting(struct reader *r, struct span key, struct span value)
{
    for (size_t i = 0; i < sizeof KEPT / sizeof *KEPT; i++) {
        if (same_key(key, KEPT[i].key)) {
            return keep(r, KEPT[i].key, (char **)((char *)r->out + KEPT[i].at), value);
        }
    }
    for (size_t i = 0; i < sizeof NEEDS / sizeof *NEEDS; i++) {
        bool first = !r->out->needs || (NEEDS[i].wins && !r->out->needs_wins);
        if (first && value.n > 0 && same_key(key, NEEDS[i].key)) {
            free(r->out->needs);
            r->out->needs = xasprintf("%s (%s:%d)", NEEDS[i].key, r->file, r->line);
            r->out->needs_wins = NEEDS[i].wins;
        }
    }
    return 0;
}

static int see_line(struct reader *r, struct span raw)
{
    struct span line = trim(raw);
    size_t indent = (size_t)(line.s - raw.s);
    if (line.n == 0 || line.s[0] == '#' || line.s[0] == ';') {
        return 0;
    }
    if (r->has_key && indent > r->indent) {
        return 0; /* the nested part of a setting that is none of ours */
    }
    r->indent = indent;
    if (line.s[0] == '[') {
        return see_section(r, line);
    }
    r->has_key = true;
    if (!r->ours) {
        return 0;
    }
    const char *equals = memchr(line.s, '=', line.n);
    if (!equals || equals == line.s) {
        return refuse(r, "neither [section] nor key = value");
    }
    size_t n = (size_t)(equals - line.s);
    return see_setting(r, trim((struct span){line.s, n}),
                       trim((struct span){equals + 1, line.n - n - 1}));
}

int profile_parse(const char *file, enum profile_kind kind, const char *name, const char *text,
                  size_t n, struct profile *out, struct err *e)
{
    static const char BOM[] = "\xef\xbb\xbf";
    SCOPE(profile_free) struct profile p = {0};
    struct reader r = {.file = file, .kind = kind, .name = name, .out = &p, .e = e};
    size_t at = n >= 3 && memcmp(text, BOM, 3) == 0 ? 3 : 0;
    while (at < n) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t len = newline ? (size_t)(newline - text) - at : n - at;
        r.line++;
        int rc = see_line(&r, (struct span){text + at, len});
        if (rc != 0) {
            return rc;
        }
        at += len + 1;
    }
    *out = p;
    p = (struct profile){0};
    return 0;
}

/* The variable's path, or the file of that name in ~/.aws; NULL without HOME. Owned. */
static char *file_path(char *const *environment, const char *variable, const char *name)
{
    const char *path = env_get(environment, variable);
    const char *home = env_get(environment, "HOME");
    bool below_home = path && str_starts(path, "~/");
    if (path && *path && !below_home) {
        return xstrdup(path);
    }
    if (!home || !*home) {
        return NULL;
    }
    SCOPE_FREE char *below = below_home ? xstrdup(path + 2) : xasprintf(".aws/%s", name);
    return path_join(home, below);
}

static void add_place(struct profile *p, const char *path, const char *note)
{
    const char *before = p->places ? p->places : "";
    char *all = xasprintf("%s%s%s%s", before, *before ? ", " : "", path, note);
    free(p->places);
    p->places = all;
}

/* Reads one file into `part`. A file in the usual place that we may not even look for is one that
 * nobody meant for us: images run as a user whose HOME is still root's. */
static int load_file(char *const *environment, enum profile_kind kind, struct profile *all,
                     struct profile *part, struct err *e)
{
    bool config = kind == PROFILE_CONFIG;
    const char *variable = config ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE";
    const char *given = env_get(environment, variable);
    SCOPE_FREE char *path = file_path(environment, variable, config ? "config" : "credentials");
    if (!path) {
        return 0;
    }
    SCOPE(str_free) struct str text = STR_INIT(FILE_LIMIT);
    struct err why;
    int rc = io_read_file(AT_FDCWD, path, &text, ERR_CONFIG, &why);
    if (rc < 0 && (why.sys != EACCES || (given && *given))) {
        *e = why;
        return rc;
    }
    add_place(all, path, rc == 0 ? "" : rc == 1 ? " (not there)" : " (may not be read)");
    return rc != 0 ? 0 : profile_parse(path, kind, all->name, str_text(&text), text.len, part, e);
}

/* Takes what `into` does not say from `from`. */
static void merge(struct profile *into, struct profile *from)
{
    if (!into->access_key && !into->secret_key) {
        free(into->token); /* a token without its keys is another's */
        into->access_key = TAKE_PTR(from->access_key);
        into->secret_key = TAKE_PTR(from->secret_key);
        into->token = TAKE_PTR(from->token);
    }
    char **const slots[][2] = {{&into->region, &from->region},
                               {&into->endpoint, &from->endpoint},
                               {&into->ca_bundle, &from->ca_bundle}};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (!*slots[i][0]) {
            *slots[i][0] = TAKE_PTR(*slots[i][1]);
        }
    }
    if (from->needs && (!into->needs || (from->needs_wins && !into->needs_wins))) {
        free(into->needs);
        into->needs = TAKE_PTR(from->needs);
        into->needs_wins = from->needs_wins;
    }
    into->found |= from->found;
}

int profile_load(char *const *environment, struct profile *out, struct err *e)
{
    SCOPE(profile_free) struct profile all = {0};
    static const char *const VARIABLES[] = {"AWS_DEFAULT_PROFILE", "AWS_PROFILE"};
    const char *name = "default";
    for (size_t i = 0; i < sizeof VARIABLES / sizeof *VARIABLES; i++) { /* the last one wins */
        const char *value = env_get(environment, VARIABLES[i]);
        if (value && *value) {
            name = value;
            all.chosen_by = VARIABLES[i];
        }
    }
    all.name = xstrdup(name);
    for (enum profile_kind kind = PROFILE_CREDENTIALS; kind <= PROFILE_CONFIG; kind++) {
        SCOPE(profile_free) struct profile part = {0};
        int rc = load_file(environment, kind, &all, &part, e);
        if (rc != 0) {
            return rc;
        }
        merge(&all, &part);
    }
    if (!all.places) {
        all.places = xstrdup("no file: HOME is not set");
    }
    *out = all;
    all = (struct profile){0};
    return 0;
}
