/* SPDX-License-Identifier: MIT
 *
 * config/ini: no value is cut without a word, every error names its line, and what was read can be
 * written and read again.
 */
#include <ctype.h>

#include "base/str.h"
#include "config/ini.h"
#include "fuzz.h"

static const char FILE_NAME[] = "f.ini";
enum { LINE_MAX_READ = 198 };

struct parsed {
    struct settings settings;
    struct ini_sections sections;
};

static int parse(const char *text, size_t n, struct parsed *out, struct err *e)
{
    return ini_parse_text(FILE_NAME, text, n, &out->settings, &out->sections, e);
}

static void parsed_free(struct parsed *p)
{
    settings_free(&p->settings);
    ini_sections_free(&p->sections);
}

/* The number in "f.ini:NUMBER", which is between 1 and the text's lines. */
static size_t line_in(const char *origin, size_t lines)
{
    size_t n = sizeof FILE_NAME - 1;
    REQUIRE(strncmp(origin, FILE_NAME, n) == 0 && origin[n] == ':');
    unsigned long line = strtoul(origin + n + 1, NULL, 10);
    REQUIRE(line >= 1 && line <= lines);
    return line;
}

static const char *nth_line(const char *text, size_t number)
{
    for (; number > 1; number--) {
        text = strchr(text, '\n') + 1;
    }
    return text;
}

/* The line has, behind the key, the value and then at most a comment set off by a blank. The value
 * may go on in further lines: then only its start is looked at. */
static void check_not_cut(const char *line, const char *value)
{
    size_t n = strcspn(line, "\n");
    const char *at = line + strcspn(line, "=:") + 1;
    REQUIRE(at <= line + n);
    while (at < line + n && isspace((unsigned char)*at)) {
        at++;
    }
    size_t same = 0;
    while (at + same < line + n && value[same] && at[same] == value[same]) {
        same++;
    }
    while (value[same] && same > 0 && at[same - 1] == ' ') {
        same--; /* the blank that joins a further line may look like the one before a comment */
    }
    const char *rest = at + same;
    bool blank = same == 0 || rest == line + n || isspace((unsigned char)*rest);
    while (rest < line + n && isspace((unsigned char)*rest)) {
        blank = true;
        rest++;
    }
    REQUIRE(rest == line + n || (*rest == ';' && blank));
    REQUIRE(value[same] == '\0' || value[same] == ' ' || same == 0);
}

static void check_setting(const struct setting *s, const char *text, size_t lines)
{
    REQUIRE((int)s->key >= 0 && (int)s->key < KEY_COUNT);
    bool named = SECTION_SPECS[KEY_SPECS[s->key].section].named || s->key == KEY_RUN_ENV;
    REQUIRE((s->name != NULL) == named);
    REQUIRE(!s->name || s->name[0]);
    REQUIRE(!strchr(s->value, '\n'));
    size_t n = strlen(s->value);
    REQUIRE(n == 0 ||
            !(isspace((unsigned char)s->value[0]) || isspace((unsigned char)s->value[n - 1])));
    check_not_cut(nth_line(text, line_in(s->origin, lines)), s->value);
}

/* Written out plainly, the same settings come back; unless a joined value no longer fits a line. */
static void check_again(const struct settings *list)
{
    struct str text = STR_INIT(0);
    for (size_t i = 0; i < list->n; i++) {
        const struct setting *s = &list->v[i];
        const struct section_spec *section = &SECTION_SPECS[KEY_SPECS[s->key].section];
        bool variable = s->key == KEY_RUN_ENV;
        char *key = xasprintf("%s%s", variable ? "env." : KEY_SPECS[s->key].name,
                              variable ? s->name : "");
        if (strlen(key) + 2 + strlen(s->value) > LINE_MAX_READ) {
            free(key);
            str_free(&text);
            return;
        }
        str_printf(&text, section->named ? "[%s \"%s\"]\n" : "[%s]\n", section->name, s->name);
        str_printf(&text, "%s =%s\n", key, s->value); /* a value may begin with ; */
        free(key);
    }
    struct parsed again = {0};
    struct err e = {0};
    REQUIRE(parse(str_text(&text), text.len, &again, &e) == 0);
    REQUIRE(again.settings.n == list->n);
    for (size_t i = 0; i < list->n; i++) {
        const struct setting *a = &list->v[i];
        const struct setting *b = &again.settings.v[i];
        REQUIRE(a->key == b->key && str_same(a->name, b->name) && str_same(a->value, b->value));
    }
    parsed_free(&again);
    str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parsed p = {0};
    struct err e = {0};
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    char *text = xmalloc(size + 1); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    int rc = parse((const char *)data, size, &p, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_CONFIG);
        (void)line_in(e.text, lines);
    } else {
        REQUIRE(strlen(text) == size); /* a NUL is refused */
        for (size_t i = 0; i < p.settings.n; i++) {
            check_setting(&p.settings.v[i], text, lines);
        }
        for (size_t i = 0; i < p.sections.n; i++) {
            (void)line_in(p.sections.v[i].origin, lines);
        }
        check_again(&p.settings);
    }
    parsed_free(&p);
    free(text);
    return 0;
}
