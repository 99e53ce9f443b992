/* SPDX-License-Identifier: MIT
 *
 * partition/layout and partition/hive: what a layout makes of hostile values is a legal path of as
 * many folders as it has levels. Lines: $FUZZ_VALUE (its pieces between commas are the columns of a
 * row), host, job name, instant, zone; the rest is the layout. The host's length says what becomes
 * of nulls.
 */
#include "base/clock.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "job.h"
#include "partition/hive.h"
#include "partition/layout.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    return 0;
}

static int hex(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Taking the escapes out and putting them in again changes nothing. */
static void check_escapes(const char *value, size_t n)
{
    struct str plain = STR_INIT(0);
    struct str again = STR_INIT(0);
    for (size_t i = 0; i < n; i++) {
        if (value[i] == '%') {
            REQUIRE(i + 2 < n);
            str_putc(&plain, (char)(hex(value[i + 1]) * 16 + hex(value[i + 2])));
            i += 2;
        } else {
            str_putc(&plain, value[i]);
        }
    }
    hive_escape(&again, str_text(&plain), plain.len);
    REQUIRE(again.len == n && memcmp(str_text(&again), value, n) == 0);
    str_free(&plain);
    str_free(&again);
}

static void check_folder(const struct layout *layout, const char *path)
{
    size_t level = 0;
    for (const char *p = path;; level++) {
        size_t n = strcspn(p, "/");
        REQUIRE(level < layout->n && n <= 255);
        REQUIRE(hive_name_shape(p, n) && !hive_name_problem(p, n));
        size_t key = strlen(layout->levels[level].key);
        REQUIRE(hive_key_legal(p, key) && p[key] == '=');
        REQUIRE(memcmp(p, layout->levels[level].key, key) == 0);
        check_escapes(p + key + 1, n - key - 1);
        for (const char *c = p; c < p + n; c++) {
            REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7f);
        }
        if (p[n] == '\0') {
            break;
        }
        p += n + 1;
    }
    REQUIRE(level + 1 == layout->n);
    REQUIRE(utf8_valid(path, strlen(path)));
}

static void expand(const struct layout *layout, const struct job *job)
{
    struct err e = {0};
    char *path = NULL;
    REQUIRE(layout->n >= 1 && layout->n <= LAYOUT_MAX_LEVELS);
    int rc = layout_expand(layout, job, NULL, ERR_CONFIG, &path, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(e.code == (layout->columns.n ? ERR_INTERNAL : ERR_CONFIG) && !path);
        return;
    }
    check_folder(layout, path);
    free(path);
}

/* What a bound layout may hold, and no more. */
static void check_bound(const struct layout *layout, const struct layout *bound)
{
    REQUIRE(bound->n == layout->n && bound->columns.n == layout->columns.n);
    for (size_t i = 0; i < bound->n; i++) {
        const struct level *level = &bound->levels[i];
        REQUIRE(level->n > 0 && strcmp(level->key, layout->levels[i].key) == 0);
        bool text = false;
        for (size_t k = 0; k < level->n; k++) {
            const struct part *part = &level->parts[k];
            bool was_text = text;
            text = part->source == SOURCE_TEXT;
            REQUIRE(text ? *part->text && !was_text : part->source == SOURCE_COLUMN);
            REQUIRE(text || part->column < bound->columns.n);
        }
    }
}

/* One row: the pieces of `value`, over and over. */
static void fill(const struct layout *bound, const struct value_rules *rules, const char *value)
{
    struct field_text *columns = xcalloc(bound->columns.n + 1, sizeof *columns);
    const char *p = value;
    for (size_t i = 0; i < bound->columns.n; i++) {
        columns[i] = (struct field_text){.s = p, .n = strcspn(p, ",")};
        p += columns[i].n;
        p = *p ? p + 1 : value;
    }
    struct err e = {0};
    struct str out = STR_INIT(0);
    int rc = layout_fill(bound, rules, columns, ERR_OUTPUT, &out, &e);
    if (rc == 0) {
        REQUIRE(strlen(str_text(&out)) == out.len);
        check_folder(bound, str_text(&out));
    } else {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_OUTPUT && out.len == 0);
    }
    str_free(&out);
    free(columns);
}

static void bind_and_fill(const struct layout *layout, const struct job *job, const char *value)
{
    static const enum null_policy POLICIES[] = {NULL_PARTITION, NULL_FAIL, NULL_VALUE};
    size_t choice = strlen(job->current_host);
    struct table table = {
        .null = POLICIES[choice % 3], .null_value = job->name, .sentinel_is_null = choice % 2 == 1};
    struct value_rules rules = {.tz = &job->tz, .table = &table};
    struct layout bound = {0};
    struct err e = {0};
    int rc = layout_bind(layout, job, NULL, ERR_CONFIG, &bound, &e);
    if (rc == 0) {
        check_bound(layout, &bound);
        fill(&bound, &rules, value);
    } else {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_CONFIG && !bound.levels && bound.columns.n == 0);
    }
    layout_free(&bound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *value = fuzz_line(&data, &size);
    struct job job = {.current_host = fuzz_line(&data, &size), .name = fuzz_line(&data, &size)};
    char *instant = fuzz_line(&data, &size);
    char *zone = fuzz_line(&data, &size);
    char *text = fuzz_text(data, size);
    (void)clock_parse_rfc3339(instant, &job.time_ns);
    (void)tz_lookup(zone, &job.tz);
    (void)setenv("FUZZ_VALUE", value, 1);
    struct layout layout = {0};
    struct err e = {0};
    int rc = layout_parse(text, &layout, &e);
    if (rc == 0) {
        expand(&layout, &job);
        bind_and_fill(&layout, &job, value);
    } else {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_CONFIG && !layout.levels && layout.n == 0);
    }
    layout_free(&layout);
    free(value);
    free(job.current_host);
    free(job.name);
    free(instant);
    free(zone);
    free(text);
    return 0;
}
