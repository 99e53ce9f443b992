/* SPDX-License-Identifier: MIT */
/*
 * Build-time generator of the embedded time zone table: tzgen [ZONEINFO_DIR] OUT.c
 * Reads the compiled zones (TZif, RFC 8536, 'fat' or 'slim') below ZONEINFO_DIR, keeps what holds
 * from 1970 on, drops listed transitions that the yearly rule repeats, shares equal histories and
 * writes the tables of base/tz.h as C. The same input gives the same bytes. Linked with tz.c,
 * whose rule arithmetic it uses; with TZGEN_TEST defined it has no main, for test_tz.c to include.
 */
#include "base/tz.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX = 65536,
    PATH_SIZE = 4096,
    NAME_SIZE = 64,
    ABBR_SIZE = 16,
    TZIF_HEADER = 44,
    TURNS_MAX = 4096,  /* in one zone; a zone without a yearly rule may list 400 years */
    TEXT_MAX = 65535,  /* so that an uint16_t reaches all of it */
    NAMES_MAX = 4096,
    TYPES_MAX = 4096,
    RULES_MAX = 2048,
    ALL_TURNS_MAX = 1 << 20
};

/* Compared with memcmp to share equal ones, so padding would spoil them. */
static_assert(sizeof(struct tz_type) == 8, "tz_type has padding");
static_assert(sizeof(struct tz_change) == 12, "tz_change has padding");
static_assert(sizeof(struct tz_rule) == 44, "tz_rule has padding");

/* A parsed POSIX TZ string; the abbr members of rule's types are not set. */
struct footer {
    char std[ABBR_SIZE];
    char dst[ABBR_SIZE];
    struct tz_rule rule;
};

/* The unread rest of some input. */
struct cursor {
    const char *p;
    const char *end;
};

/* A 64-bit data block of a TZif file, as pointers into the file's bytes. */
struct block {
    const unsigned char *times;
    const unsigned char *kinds;
    const unsigned char *types;
    const unsigned char *abbrs;
    size_t time_count;
    size_t type_count;
    size_t abbr_size;
    struct cursor footer;
};

/* One zone while it is worked on. */
struct history {
    uint16_t before;
    size_t count;
    int64_t when[TURNS_MAX];
    uint16_t what[TURNS_MAX];
    struct tz_rule rule;
};

/* Everything gathered so far: what will be written, plus the names found. */
struct gen {
    char names[NAMES_MAX][NAME_SIZE];
    size_t name_count;
    char version[32];
    char text[TEXT_MAX];
    size_t text_size;
    struct tz_row rows[NAMES_MAX];
    struct tz_zone zones[NAMES_MAX];
    size_t zone_count;
    struct tz_rule rules[RULES_MAX];
    size_t rule_count;
    struct tz_type types[TYPES_MAX];
    size_t type_count;
    uint32_t when[ALL_TURNS_MAX];
    uint16_t what[ALL_TURNS_MAX];
    size_t turn_count;
    struct history history;
    unsigned char file[FILE_MAX];
    size_t file_size;
};

/* --- the POSIX TZ string, as extended by RFC 8536 --- */

static bool take_char(struct cursor *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

static bool take_number(struct cursor *c, int min, int max, int *out)
{
    int value = 0;
    int digits = 0;

    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && digits < 3) {
        value = value * 10 + (*c->p++ - '0');
        digits++;
    }
    if (digits == 0 || value < min || value > max)
        return false;
    *out = value;
    return true;
}

/* [+-]h[:mm[:ss]] */
static bool take_time(struct cursor *c, int max_hours, int32_t *out)
{
    bool negative = take_char(c, '-');
    int hours = 0;
    int minutes = 0;
    int seconds = 0;

    if (!negative)
        take_char(c, '+');
    if (!take_number(c, 0, max_hours, &hours))
        return false;
    if (take_char(c, ':')) {
        if (!take_number(c, 0, 59, &minutes))
            return false;
        if (take_char(c, ':') && !take_number(c, 0, 59, &seconds))
            return false;
    }
    *out = hours * 3600 + minutes * 60 + seconds;
    if (negative)
        *out = -*out;
    return true;
}

static bool is_alpha(char ch)
{
    return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

static bool is_abbr_char(char ch)
{
    return is_alpha(ch) || (ch >= '0' && ch <= '9') || ch == '+' || ch == '-';
}

/* ABC, or <+03> where digits and signs are allowed; at least three characters. */
static bool take_abbr(struct cursor *c, char out[ABBR_SIZE])
{
    bool quoted = take_char(c, '<');
    size_t len = 0;

    while (c->p < c->end && (quoted ? is_abbr_char(*c->p) : is_alpha(*c->p))) {
        if (len == ABBR_SIZE - 1)
            return false;
        out[len++] = *c->p++;
    }
    out[len] = '\0';
    return len >= 3 && (!quoted || take_char(c, '>'));
}

/* ,Mm.w.d or ,Jn or ,n and then an optional /time */
static bool take_change(struct cursor *c, struct tz_change *out)
{
    int day = 0;
    int month = 0;
    int week = 0;
    enum tz_day_kind kind = TZ_DAY_OF_YEAR;

    if (!take_char(c, ','))
        return false;
    if (take_char(c, 'M')) {
        kind = TZ_DAY_OF_MONTH;
        if (!take_number(c, 1, 12, &month) || !take_char(c, '.') ||
            !take_number(c, 1, 5, &week) || !take_char(c, '.') || !take_number(c, 0, 6, &day))
            return false;
    } else if (take_char(c, 'J')) {
        kind = TZ_DAY_NO_LEAP;
        if (!take_number(c, 1, 365, &day))
            return false;
    } else if (!take_number(c, 0, 365, &day)) {
        return false;
    }
    out->kind = (uint16_t)kind;
    out->day = (uint16_t)day;
    out->month = (uint16_t)month;
    out->week = (uint16_t)week;
    out->seconds = 2 * 3600;
    return !take_char(c, '/') || take_time(c, 167, &out->seconds);
}

/* POSIX leaves the dates of "EST5EDT" to the implementation; a TZif file must state them. */
static bool footer_parse(struct cursor c, struct footer *out)
{
    int32_t west = 0;

    *out = (struct footer){ .std = "" };
    if (!take_abbr(&c, out->std) || !take_time(&c, 24, &west))
        return false;
    out->rule.std.offset = -west;
    if (c.p == c.end)
        return true;

    out->rule.has_dst = 1;
    out->rule.dst.is_dst = 1;
    out->rule.dst.offset = out->rule.std.offset + 3600;
    if (!take_abbr(&c, out->dst))
        return false;
    if (c.p < c.end && *c.p != ',') {
        if (!take_time(&c, 24, &west))
            return false;
        out->rule.dst.offset = -west;
    }
    return take_change(&c, &out->rule.start) && take_change(&c, &out->rule.end) && c.p == c.end;
}

/* --- shared parts --- */

static bool intern_text(struct gen *g, const char *s, uint16_t *out)
{
    size_t size = strlen(s) + 1;

    for (size_t at = 0; at < g->text_size; at += strlen(g->text + at) + 1) {
        if (strcmp(g->text + at, s) == 0) {
            *out = (uint16_t)at;
            return true;
        }
    }
    if (size > TEXT_MAX - g->text_size)
        return false;
    memcpy(g->text + g->text_size, s, size);
    *out = (uint16_t)g->text_size;
    g->text_size += size;
    return true;
}

static bool same_type(const struct tz_type *a, const struct tz_type *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Finds or appends an item in an array of items of the same size. */
static bool intern_item(void *array, size_t *count, size_t max, const void *item, size_t size,
                        uint16_t *out)
{
    unsigned char *items = array;
    size_t i = 0;

    while (i < *count && memcmp(items + i * size, item, size) != 0)
        i++;
    if (i == max)
        return false;
    if (i == *count)
        memcpy(items + size * (*count)++, item, size);
    *out = (uint16_t)i;
    return true;
}

static bool same_history(const struct gen *g, const struct tz_zone *z, const struct tz_zone *new)
{
    if (z->count != new->count || z->before != new->before || z->rule != new->rule)
        return false;
    for (size_t i = 0; i < z->count; i++) {
        if (g->when[z->first + i] != g->history.when[i] ||
            g->what[z->first + i] != g->history.what[i])
            return false;
    }
    return true;
}

/* Stores the current history, or finds the equal one stored before. */
static bool intern_history(struct gen *g, uint16_t *out)
{
    const struct history *h = &g->history;
    struct tz_zone zone = { .first = (uint32_t)g->turn_count, .count = (uint16_t)h->count };
    size_t i = 0;

    zone.before = h->before;
    if (!intern_item(g->rules, &g->rule_count, RULES_MAX, &h->rule, sizeof(h->rule), &zone.rule))
        return false;
    while (i < g->zone_count && !same_history(g, &g->zones[i], &zone))
        i++;
    *out = (uint16_t)i;
    if (i < g->zone_count)
        return true;
    if (i == NAMES_MAX || h->count > ALL_TURNS_MAX - g->turn_count)
        return false;
    for (size_t k = 0; k < h->count; k++) {
        g->when[g->turn_count] = (uint32_t)h->when[k];
        g->what[g->turn_count++] = h->what[k];
    }
    g->zones[g->zone_count++] = zone;
    return true;
}

/* --- the TZif file --- */

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Two's complement without a conversion that C leaves to the implementation. */
static int64_t be_signed(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    uint64_t top = UINT64_C(1) << (bytes * 8 - 1);

    for (int i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    if (!(value & top))
        return (int64_t)value;
    return -(int64_t)((top - 1) - (value & (top - 1))) - 1;
}

/* Size of the data after the header at p, with times of the given width; 0 for a bad header. */
static size_t block_size(const unsigned char *p, size_t width)
{
    size_t n[6]; /* UT flags, standard flags, leap seconds, times, types, abbreviation bytes */

    if (memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return 0;
    for (size_t i = 0; i < 6; i++) {
        n[i] = be32(p + 20 + 4 * i);
        if (n[i] > FILE_MAX)
            return 0;
    }
    return n[0] + n[1] + n[2] * (width + 4) + n[3] * (width + 1) + n[4] * 6 + n[5];
}

/* Finds the 64-bit block and the footer; returns NULL or what is wrong. */
static const char *block_find(const unsigned char *p, size_t size, struct block *out)
{
    const unsigned char *end = p + size;

    if (size < TZIF_HEADER || block_size(p, 4) == 0)
        return "not a TZif file of version 2 or later";
    if (block_size(p, 4) > (size_t)(end - p) - TZIF_HEADER)
        return "truncated";
    p += TZIF_HEADER + block_size(p, 4);
    if (end - p < TZIF_HEADER || block_size(p, 8) == 0 ||
        block_size(p, 8) > (size_t)(end - p) - TZIF_HEADER)
        return "truncated before the end of its 64-bit data";
    if (be32(p + 28) != 0)
        return "counts leap seconds, which Unix time does not";

    out->time_count = be32(p + 32);
    out->type_count = be32(p + 36);
    out->abbr_size = be32(p + 40);
    out->times = p + TZIF_HEADER;
    out->kinds = out->times + out->time_count * 8;
    out->types = out->kinds + out->time_count;
    out->abbrs = out->types + out->type_count * 6;
    p += TZIF_HEADER + block_size(p, 8);
    if (end - p < 2 || p[0] != '\n' || end[-1] != '\n')
        return "has no footer";
    out->footer.p = (const char *)p + 1;
    out->footer.end = (const char *)end - 1;
    return NULL;
}

static const char *block_type(struct gen *g, const struct block *b, size_t index, uint16_t *out)
{
    char abbr[ABBR_SIZE];
    size_t len = 0;
    struct tz_type type = { .offset = 0 };

    if (index >= b->type_count)
        return "refers to a type it does not have";
    const unsigned char *p = b->types + index * 6;
    int64_t offset = be_signed(p, 4);
    if (offset < -90000 || offset > 93600 || p[4] > 1)
        return "has a type out of range";
    for (size_t at = p[5]; at < b->abbr_size && b->abbrs[at] != '\0'; at++) {
        if (len == ABBR_SIZE - 1 || !is_abbr_char((char)b->abbrs[at]))
            return "has a bad abbreviation";
        abbr[len++] = (char)b->abbrs[at];
    }
    if (p[5] + len >= b->abbr_size)
        return "has an abbreviation without end";
    abbr[len] = '\0';
    type.offset = (int32_t)offset;
    type.is_dst = p[4];
    if (!intern_text(g, abbr, &type.abbr) ||
        !intern_item(g->types, &g->type_count, TYPES_MAX, &type, sizeof(type), out))
        return "makes the table too large";
    return NULL;
}

static int64_t block_time(const struct block *b, size_t index)
{
    return be_signed(b->times + index * 8, 8);
}

/* Takes the transitions after the start of 1970. */
static const char *history_read(struct gen *g, const struct block *b)
{
    struct history *h = &g->history;
    const char *why = NULL;
    size_t i = 0;

    for (size_t k = 1; k < b->time_count; k++) {
        if (block_time(b, k) <= block_time(b, k - 1))
            return "has transitions out of order";
    }
    if (b->time_count && block_time(b, b->time_count - 1) > UINT32_MAX)
        return "has a transition after 2106";

    while (i < b->time_count && block_time(b, i) <= 0)
        i++;
    h->count = 0;
    why = block_type(g, b, i ? b->kinds[i - 1] : 0, &h->before);
    for (; !why && i < b->time_count; i++) {
        if (h->count == TURNS_MAX)
            return "has too many transitions";
        h->when[h->count] = block_time(b, i);
        why = block_type(g, b, b->kinds[i], &h->what[h->count++]);
    }
    return why;
}

/* Parses the footer into the history; an empty one means that the last type stays. */
static const char *history_rule(struct gen *g, const struct block *b)
{
    struct history *h = &g->history;
    uint16_t last = h->count ? h->what[h->count - 1] : h->before;
    int64_t since = h->count ? h->when[h->count - 1] : 0;
    struct footer f;

    if (b->footer.p == b->footer.end) {
        h->rule = (struct tz_rule){ .std = g->types[last] };
        return NULL;
    }
    if (!footer_parse(b->footer, &f))
        return "has a footer that is no POSIX TZ string with dates";
    h->rule = f.rule;
    if (!intern_text(g, f.std, &h->rule.std.abbr) ||
        (f.rule.has_dst && !intern_text(g, f.dst, &h->rule.dst.abbr)))
        return "makes the table too large";
    /* Without transitions a yearly rule holds from before 1970, whatever was listed before. */
    if ((h->count || !f.rule.has_dst) &&
        !same_type(tz_rule_type(&h->rule, since), &g->types[last]))
        return "has a footer that contradicts its last transition";
    return NULL;
}

static int64_t utc_year(int64_t t)
{
    struct tz utc = { 0 };
    struct tm tm;

    tz_localtime(&utc, t, &tm);
    return tm.tm_year + 1900;
}

/* Whether the rule yields *want all the time from one moment until before another. */
static bool rule_holds(const struct tz_rule *r, const struct tz_type *want, int64_t from,
                       int64_t until)
{
    if (!same_type(tz_rule_type(r, from), want))
        return false;
    if (!r->has_dst)
        return true;
    for (int64_t year = utc_year(from) - 1; year <= utc_year(until) + 1; year++) {
        int64_t turns[2] = { tz_change_time(&r->start, year, r->std.offset),
                             tz_change_time(&r->end, year, r->dst.offset) };

        for (size_t i = 0; i < 2; i++) {
            if (turns[i] > from && turns[i] < until &&
                !same_type(tz_rule_type(r, turns[i]), want))
                return false;
        }
    }
    return true;
}

/*
 * 'Fat' files list to 2037 what the rule says anyway: the rule may start earlier. Transitions
 * that change nothing go too, save for the last, which may be there to say when the rule starts.
 */
static void history_trim(struct gen *g)
{
    struct history *h = &g->history;
    uint16_t current = h->before;
    size_t kept = 0;

    while (h->count > 1 && rule_holds(&h->rule, &g->types[h->what[h->count - 2]],
                                      h->when[h->count - 2], h->when[h->count - 1]))
        h->count--;
    if (h->count == 1 && !h->rule.has_dst && h->what[0] == h->before)
        h->count = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (h->what[i] == current && i + 1 < h->count)
            continue;
        current = h->what[i];
        h->when[kept] = h->when[i];
        h->what[kept++] = current;
    }
    h->count = kept;
}

/* Adds the zone whose file is in g->file; returns NULL or what is wrong with it. */
static const char *add_zone(struct gen *g, size_t index)
{
    struct block b;
    struct tz_row *row = &g->rows[index];
    const char *why = block_find(g->file, g->file_size, &b);

    if (!why)
        why = history_read(g, &b);
    if (!why)
        why = history_rule(g, &b);
    if (why)
        return why;
    history_trim(g);
    if (!intern_text(g, g->names[index], &row->name) || !intern_history(g, &row->zone))
        return "makes the table too large";
    return NULL;
}

/* --- the directory --- */

/* Reads at most FILE_MAX bytes: compiled zones are far smaller, and of tzdata.zi we want a line. */
static bool read_file(struct gen *g, const char *path)
{
    FILE *f = fopen(path, "rbe");
    bool ok = false;

    if (!f)
        return false;
    g->file_size = fread(g->file, 1, FILE_MAX, f);
    ok = !ferror(f);
    fclose(f);
    return ok;
}

static bool is_zone_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!is_abbr_char(*p) && *p != '_' && *p != '/')
            return false;
    }
    return strlen(name) < NAME_SIZE;
}

/* Other representations of the same zones, and the zone of this machine. */
static bool is_excluded(const char *name)
{
    static const char *const excluded[] = { "posix", "right", "localtime", "posixrules" };

    for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++) {
        if (strcmp(name, excluded[i]) == 0)
            return true;
    }
    return name[0] == '+';
}

static bool join(char *out, const char *dir, const char *name)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s", dir, name);

    if (n >= 0 && n < PATH_SIZE)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* Takes a file as a zone by its first bytes; others, like zone.tab, are passed over. */
static bool take_file(struct gen *g, const char *path, const char *name)
{
    if (!read_file(g, path)) {
        warn("%s", path);
        return false;
    }
    if (g->file_size < 4 || memcmp(g->file, "TZif", 4) != 0)
        return true;
    if (!is_zone_name(name) || g->name_count == NAMES_MAX) {
        warnx("%s: name too long, odd, or one too many", path);
        return false;
    }
    memcpy(g->names[g->name_count++], name, strlen(name) + 1);
    return true;
}

static bool find_names(struct gen *g, char *root)
{
    char *const roots[] = { root, NULL };
    FTS *fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;
    bool ok = fts != NULL;

    while (ok && (entry = fts_read(fts)) != NULL) {
        const char *name = entry->fts_path + strlen(root);
        name += strspn(name, "/");
        if (entry->fts_level == 1 && is_excluded(name)) {
            fts_set(fts, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_F) {
            ok = take_file(g, entry->fts_path, name);
        } else if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP) {
            errno = entry->fts_errno;
            warn("%s: neither file nor directory, or not readable", entry->fts_path);
            ok = false;
        }
    }
    if (fts)
        fts_close(fts);
    return ok;
}

/* The release stands in the first line of tzdata.zi, or alone in +VERSION. */
static void find_version(struct gen *g, const char *root)
{
    static const struct {
        const char *name;
        const char *prefix;
    } sources[] = { { "tzdata.zi", "# version " }, { "+VERSION", "" } };
    char path[PATH_SIZE];

    memcpy(g->version, "unknown", sizeof("unknown"));
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        size_t skip = strlen(sources[i].prefix);
        size_t len = 0;
        if (!join(path, root, sources[i].name) || !read_file(g, path) ||
            g->file_size < skip || memcmp(g->file, sources[i].prefix, skip) != 0)
            continue;
        while (skip + len < g->file_size && len < sizeof(g->version) - 1 &&
               is_abbr_char((char)g->file[skip + len]))
            len++;
        if (len == 0)
            continue;
        memcpy(g->version, g->file + skip, len);
        g->version[len] = '\0';
        return;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool gather(struct gen *g, char *root)
{
    if (!find_names(g, root))
        return false;
    if (g->name_count == 0) {
        warnx("%s: no time zones found; is tzdata installed?", root);
        return false;
    }
    /* Directory order differs between machines; all that follows goes by name. */
    qsort(g->names, g->name_count, NAME_SIZE, compare_names);
    for (size_t i = 0; i < g->name_count; i++) {
        char path[PATH_SIZE];
        const char *why = NULL;
        if (!join(path, root, g->names[i]) || !read_file(g, path)) {
            warn("%s", g->names[i]);
            return false;
        }
        why = add_zone(g, i);
        if (why) {
            warnx("%s %s", path, why);
            return false;
        }
    }
    find_version(g, root);
    return true;
}

/* --- the C file --- */

static void write_numbers(FILE *f, const char *head, size_t count, const uint32_t *wide,
                          const uint16_t *narrow)
{
    fprintf(f, "\nstatic const %s[] = {", head);
    for (size_t i = 0; i < count; i++) {
        uint32_t value = wide ? wide[i] : narrow[i];
        fprintf(f, "%s%u,", i % 8 ? " " : "\n    ", (unsigned)value);
    }
    /* An empty initializer list is not C11. */
    fprintf(f, "%s\n};\n", count ? "" : "\n    0");
}

static void write_change(FILE *f, const struct tz_change *c)
{
    fprintf(f, ", { %d, %u, %u, %u, %u }", (int)c->seconds, c->kind, c->day, c->month, c->week);
}

static void write_rules(FILE *f, const struct gen *g)
{
    fputs("\nstatic const struct tz_rule rules[] = {\n", f);
    for (size_t i = 0; i < g->rule_count; i++) {
        const struct tz_rule *r = &g->rules[i];
        fprintf(f, "    { { %d, %u, %u }, { %d, %u, %u }", (int)r->std.offset, r->std.abbr,
                r->std.is_dst, (int)r->dst.offset, r->dst.abbr, r->dst.is_dst);
        write_change(f, &r->start);
        write_change(f, &r->end);
        fprintf(f, ", %u },\n", (unsigned)r->has_dst);
    }
    fputs("};\n", f);
}

static void write_text(FILE *f, const struct gen *g)
{
    fputs("\nstatic const char text[] =", f);
    for (size_t at = 0; at < g->text_size; at += strlen(g->text + at) + 1)
        fprintf(f, "\n    \"%s\\0\"", g->text + at);
    fputs(";\n", f);
}

static void write_table(FILE *f, const struct gen *g)
{
    fputs("/* SPDX-License-Identifier: MIT */\n"
          "/* Made by scripts/tzgen.c from the public-domain tz database. Do not edit. */\n"
          "#include \"base/tz.h\"\n", f);
    write_text(f, g);
    fputs("\nstatic const struct tz_row rows[] = {\n", f);
    for (size_t i = 0; i < g->name_count; i++)
        fprintf(f, "    { %u, %u }, /* %s */\n", g->rows[i].name, g->rows[i].zone, g->names[i]);
    fputs("};\n\nstatic const struct tz_zone zones[] = {\n", f);
    for (size_t i = 0; i < g->zone_count; i++) {
        const struct tz_zone *z = &g->zones[i];
        fprintf(f, "    { %u, %u, %u, %u },\n", (unsigned)z->first, z->count, z->before, z->rule);
    }
    fputs("};\n", f);
    write_rules(f, g);
    fputs("\nstatic const struct tz_type types[] = {\n", f);
    for (size_t i = 0; i < g->type_count; i++) {
        const struct tz_type *t = &g->types[i];
        fprintf(f, "    { %d, %u, %u },\n", (int)t->offset, t->abbr, t->is_dst);
    }
    fputs("};\n", f);
    write_numbers(f, "uint32_t when", g->turn_count, g->when, NULL);
    write_numbers(f, "uint16_t what", g->turn_count, NULL, g->what);
    fprintf(f, "\nconst struct tz_table tz_table = {\n"
               "    \"%s\", text, rows, %zu, zones, rules, types, when, what\n};\n",
            g->version, g->name_count);
}

/* Writes beside the target and renames, so that make never sees half a file. */
static bool write_file(const struct gen *g, const char *target)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s.tmp", target);
    FILE *f = n >= 0 && (size_t)n < sizeof(path) ? fopen(path, "we") : NULL;

    if (!f) {
        warn("%s", target);
        return false;
    }
    write_table(f, g);
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed || rename(path, target) != 0) {
        warn("%s", target);
        remove(path);
        return false;
    }
    return true;
}

static int tzgen_run(char *root, const char *target)
{
    struct gen *g = calloc(1, sizeof(*g));
    bool ok = false;

    if (!g)
        err(EXIT_FAILURE, "calloc");
    ok = gather(g, root) && write_file(g, target);
    free(g);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

#ifndef TZGEN_TEST

/* tz.c refers to the table this program is about to write. */
const struct tz_table tz_table = { .version = "none" };

int main(int argc, char **argv)
{
    char standard[] = "/usr/share/zoneinfo";

    if (argc < 2 || argc > 3)
        errx(EXIT_FAILURE, "usage: tzgen [ZONEINFO_DIR] OUT.c");
    return tzgen_run(argc == 3 ? argv[1] : standard, argv[argc - 1]);
}

#endif
