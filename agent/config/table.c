/* SPDX-License-Identifier: MIT
 *
 * The keys about rows. See table.h.
 */
#include "config/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/scope.h"
#include "base/utf8.h"

enum { MAX_COLUMNS = 16384, MAX_NULL_BYTES = 255 };

#define KIB UINT64_C(1024)
#define GIB (UINT64_C(1) << 30)

static const char SENTINEL[] = "__HIVE_DEFAULT_PARTITION__"; /* partition/hive.h has it too */

static int apply_format(struct table *t, const struct setting *at, struct err *e)
{
    static const char *const WORDS[] = {
        [FORMAT_BY_NAME] = "auto",
        [FORMAT_CSV] = "csv",
        [FORMAT_TSV] = "tsv",
        [FORMAT_JSONL] = "jsonl",
    };
    int i = 0;
    int rc = settings_word(at, WORDS, sizeof WORDS / sizeof *WORDS, &i, e);
    t->format = (enum data_format)i;
    return rc;
}

/* The byte that \x01 or 0x01 means; -1 for any other text. */
static int hex_byte(const char *text)
{
    if ((!str_starts(text, "\\x") && !str_starts(text, "0x")) || strlen(text) != 4 ||
        !isxdigit((unsigned char)text[2]) || !isxdigit((unsigned char)text[3])) {
        return -1;
    }
    return (int)strtol(text + 2, NULL, 16);
}

static int apply_delimiter(struct table *t, const struct setting *at, struct err *e)
{
    static const struct {
        const char *name;
        char c;
    } NAMES[] = {{"comma", ','}, {"tab", '\t'},  {"semicolon", ';'},
                 {"pipe", '|'},  {"space", ' '}, {"\\t", '\t'}};
    int c = strlen(at->value) == 1 ? (unsigned char)*at->value : hex_byte(at->value);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        c = strcmp(at->value, NAMES[i].name) == 0 ? NAMES[i].c : c;
    }
    if (c <= 0 || c > 0x7f || isalnum(c) || strchr("\"\r\n", c)) {
        return settings_bad_value(at,
                                  "one ASCII character (no letter, digit, \" or line end), its "
                                  "name (comma, tab, semicolon, pipe, space), or \\x01",
                                  e);
    }
    t->delimiter = (char)c;
    return 0;
}

static int apply_quote(struct table *t, const struct setting *at, struct err *e)
{
    unsigned char c = (unsigned char)*at->value;
    if (strcmp(at->value, "none") == 0) {
        t->quote = '\0';
        return 0;
    }
    if (at->value[1] || c <= ' ' || c >= 0x7f || isalnum(c)) {
        return settings_bad_value(at, "one ASCII punctuation character, or none", e);
    }
    t->quote = (char)c;
    return 0;
}

static int apply_header(struct table *t, const struct setting *at, struct err *e)
{
    return settings_switch(at, &t->header, e);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that stands twice, or NULL. */
static const char *repeated(const struct strvec *names)
{
    SCOPE_FREE const char **sorted = xcalloc(names->n + 1, sizeof *sorted);
    for (size_t i = 0; i < names->n; i++) {
        sorted[i] = names->v[i];
    }
    qsort(sorted, names->n, sizeof *sorted, by_text);
    for (size_t i = 1; i < names->n; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            return sorted[i];
        }
    }
    return NULL;
}

static int apply_columns(struct table *t, const struct setting *at, struct err *e)
{
    static const char BLANKS[] = " \t";
    strvec_free(&t->columns);
    for (const char *p = at->value; p;) {
        size_t whole = strcspn(p, ",");
        size_t lead = strspn(p, BLANKS);
        size_t n = lead < whole ? whole - lead : 0;
        while (n > 0 && strchr(BLANKS, p[lead + n - 1])) {
            n--;
        }
        if (n == 0) {
            return err_set(e, ERR_CONFIG, "%s: columns: the name of column %zu is empty",
                           at->origin, t->columns.n + 1);
        }
        if (t->columns.n == MAX_COLUMNS) {
            return err_set(e, ERR_CONFIG, "%s: columns: more than %d names", at->origin,
                           MAX_COLUMNS);
        }
        strvec_take(&t->columns, xstrndup(p + lead, n));
        p = p[whole] ? p + whole + 1 : NULL;
    }
    const char *twice = repeated(&t->columns);
    return twice
               ? err_set(e, ERR_CONFIG, "%s: columns: %s is named twice", at->origin, QUOTED(twice))
               : 0;
}

static int apply_null(struct table *t, const struct setting *at, struct err *e)
{
    free(t->null_value);
    t->null_value = NULL;
    if (strcmp(at->value, "default-partition") == 0 || strcmp(at->value, "fail") == 0) {
        t->null = *at->value == 'f' ? NULL_FAIL : NULL_PARTITION;
        return 0;
    }
    size_t n = strlen(at->value);
    if (n > MAX_NULL_BYTES || !utf8_valid(at->value, n) || strcasecmp(at->value, SENTINEL) == 0) {
        return settings_bad_value(at,
                                  "default-partition (null stays null), fail, or a value of at "
                                  "most 255 bytes of UTF-8 that stands for null",
                                  e);
    }
    t->null = NULL_VALUE;
    t->null_value = xstrdup(at->value);
    return 0;
}

/* A key that takes one of two words, of which the second says true. */
static int either(const struct setting *at, const char *no, const char *yes, bool *out,
                  struct err *e)
{
    const char *const words[] = {no, yes};
    int i = 0;
    int rc = settings_word(at, words, 2, &i, e);
    *out = i == 1;
    return rc;
}

static int apply_sentinel(struct table *t, const struct setting *at, struct err *e)
{
    return either(at, "fail", "null", &t->sentinel_is_null, e);
}

static int apply_keep_columns(struct table *t, const struct setting *at, struct err *e)
{
    return settings_switch(at, &t->keep_columns, e);
}

static int apply_on_bad_row(struct table *t, const struct setting *at, struct err *e)
{
    return either(at, "fail", "reject", &t->reject_bad_rows, e);
}

static int apply_max_row_size(struct table *t, const struct setting *at, struct err *e)
{
    uint64_t size;
    if (!number_parse_size(at->value, &size) || size < KIB || size > GIB) {
        return settings_bad_value(at, "a size from 1K to 1G, such as 32M", e);
    }
    t->max_row_size = size;
    return 0;
}

static int apply_max_partitions(struct table *t, const struct setting *at, struct err *e)
{
    uint64_t n;
    if (!number_parse(at->value, &n) || n == 0) {
        return settings_bad_value(at, "a number of partitions, at least 1", e);
    }
    t->max_partitions = n;
    return 0;
}

static int apply_max_files(struct table *t, const struct setting *at, struct err *e)
{
    return number_parse(at->value, &t->max_files)
               ? 0
               : settings_bad_value(at, "a number of files, or 0 for no limit", e);
}

static int apply_max_file_size(struct table *t, const struct setting *at, struct err *e)
{
    uint64_t size;
    if (!number_parse_size(at->value, &size) || (size > 0 && size < KIB)) {
        return settings_bad_value(at, "a size of at least 1K, such as 256M, or 0 for no limit", e);
    }
    t->max_file_size = size;
    return 0;
}

static int apply_compress(struct table *t, const struct setting *at, struct err *e)
{
    return either(at, "none", "gzip", &t->compress, e);
}

static int apply_portable(struct table *t, const struct setting *at, struct err *e)
{
    return settings_switch(at, &t->portable, e);
}

static const struct {
    enum key key;
    bool splits; /* means something only where rows are split by columns */
    int (*apply)(struct table *, const struct setting *, struct err *);
} KEYS[] = {
    {KEY_OUTPUT_FORMAT, false, apply_format},
    {KEY_OUTPUT_DELIMITER, false, apply_delimiter},
    {KEY_OUTPUT_QUOTE, false, apply_quote},
    {KEY_OUTPUT_HEADER, false, apply_header},
    {KEY_OUTPUT_COLUMNS, false, apply_columns},
    {KEY_OUTPUT_NULL, true, apply_null},
    {KEY_OUTPUT_SENTINEL, true, apply_sentinel},
    {KEY_OUTPUT_KEEP_COLUMNS, true, apply_keep_columns},
    {KEY_OUTPUT_ON_BAD_ROW, true, apply_on_bad_row},
    {KEY_OUTPUT_MAX_ROW_SIZE, false, apply_max_row_size},
    {KEY_OUTPUT_MAX_PARTITIONS, false, apply_max_partitions},
    {KEY_OUTPUT_MAX_FILES, false, apply_max_files},
    {KEY_OUTPUT_MAX_FILE_SIZE, true, apply_max_file_size},
    {KEY_OUTPUT_COMPRESS, true, apply_compress},
    {KEY_OUTPUT_PORTABLE, false, apply_portable},
};

int table_apply(struct table *table, const struct setting *at, struct err *e)
{
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (KEYS[i].key != at->key) {
            continue;
        }
        if (KEYS[i].splits && !table->split_origin) {
            table->split_origin = xstrdup(at->origin);
        }
        return KEYS[i].apply(table, at, e);
    }
    return 0;
}

/* Would a quote be taken for what stands between fields? Of files that are told by their names,
 * for either kind's. */
static bool is_delimiter(const struct table *table, char c)
{
    bool comma = table->format == FORMAT_CSV || table->format == FORMAT_BY_NAME;
    return table->delimiter ? c == table->delimiter : comma && c == ',';
}

int table_finish(struct table *table, const struct settings *list, const char *name, struct err *e)
{
    const struct setting *quote = settings_find(list, KEY_OUTPUT_QUOTE, name);
    if (table->quote && is_delimiter(table, table->quote)) {
        return err_set(e, ERR_CONFIG, "%s: quote = %s: this is what stands between fields",
                       quote->origin, QUOTED(quote->value));
    }
    if (table->columns.n == 0) {
        return 0;
    }
    const struct setting *header = settings_find(list, KEY_OUTPUT_HEADER, name);
    if (header && *header->value && table->header) {
        return err_set(e, ERR_CONFIG,
                       "%s: header = %s: columns (%s) names the fields of files without a header",
                       header->origin, header->value,
                       settings_find(list, KEY_OUTPUT_COLUMNS, name)->origin);
    }
    table->header = false;
    return 0;
}
