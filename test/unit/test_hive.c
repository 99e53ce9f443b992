/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/hive: the vectors of the Hive family, written and read, which values are
 * portable, and which names are legal.
 */
#include "unit.h"

#include "base/utf8.h"
#include "job.h"
#include "partition/hive.h"
#include "partition/layout.h"

/* ---- fixtures/hive-escape-vectors.tsv ---- */

/* Undoes the file's notation: \\ \t \n \r, and \xNN, the character U+00NN. Answers the bytes;
 * `out` holds as many as `text`. */
static size_t plain_bytes(const char *text, size_t n, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\\') {
            out[len++] = text[i];
            continue;
        }
        i++;
        switch (text[i]) {
        case 't': out[len++] = '\t'; break;
        case 'n': out[len++] = '\n'; break;
        case 'r': out[len++] = '\r'; break;
        case 'x': {
            char hex[3] = {text[i + 1], text[i + 2], '\0'};
            unsigned long c = strtoul(hex, NULL, 16);
            if (c >= 0x80) {
                out[len++] = (char)(0xc0 | c >> 6);
                c = 0x80 | (c & 0x3f);
            }
            out[len++] = (char)c;
            i += 2;
            break;
        }
        default: out[len++] = text[i];
        }
    }
    return len;
}

struct row {
    const char *field[5]; /* system, key, value, directory, source */
    size_t length[5];
};

static const char *next_row(const char *line, struct row *row)
{
    for (int i = 0; i < 5; i++) {
        row->field[i] = line;
        row->length[i] = strcspn(line, "\t\n");
        line += row->length[i];
        line += *line == '\t';
    }
    return line + (*line == '\n');
}

static bool field_is(const struct row *row, int i, const char *text)
{
    return row->length[i] == strlen(text) && memcmp(row->field[i], text, row->length[i]) == 0;
}

static char *vectors(void)
{
    return read_bytes(AT_FDCWD, "fixtures/hive-escape-vectors.tsv", NULL);
}

enum { FIELD_MAX = 512 };

/* Key (1), value (2) or directory (3) of a row. */
static size_t field_bytes(const struct row *row, int i, char out[FIELD_MAX])
{
    assert_true(row->length[i] < FIELD_MAX);
    return plain_bytes(row->field[i], row->length[i], out);
}

/* What the agent makes of key and value is what the row's system makes of it. It writes keys in
 * lower case, as Hive does (layout_parse sees to that); Spark keeps their case. */
static void check_write(const struct row *row)
{
    char key[FIELD_MAX];
    char value[FIELD_MAX];
    char wanted[FIELD_MAX];
    size_t nk = field_bytes(row, 1, key);
    size_t nv = field_bytes(row, 2, value);
    size_t nw = field_bytes(row, 3, wanted);
    if (field_is(row, 1, "Year")) {
        key[0] = 'y';
    }
    struct str found = STR_INIT(0);
    hive_escape(&found, key, nk);
    str_putc(&found, '=');
    hive_escape(&found, value, nv);
    if (found.len != nw || memcmp(str_text(&found), wanted, nw) != 0) {
        fail_msg("%.*s: found %s", (int)row->length[3], row->field[3], str_text(&found));
    }
    if (hive_key_legal(key, nk)) {
        const char *problem = hive_name_problem(str_text(&found), found.len);
        if (problem) {
            fail_msg("%s: %s", str_text(&found), problem);
        }
    }
    str_free(&found);
}

/* Null and empty: what a layout makes of a column that is. */
static void check_null(const struct row *row)
{
    static const struct table PLAIN = {.null = NULL_PARTITION};
    struct tz utc = {0};
    struct job job = {.tz = utc};
    const struct value_rules rules = {.tz = &utc, .table = &PLAIN};
    const struct field_text nothing = {.s = field_is(row, 2, "<EMPTY>") ? "" : NULL};
    struct layout layout = {0};
    struct layout bound = {0};
    struct str out = STR_INIT(0);
    struct err e = {0};
    char text[FIELD_MAX + 16];
    char wanted[FIELD_MAX];
    (void)snprintf(text, sizeof text, "%.*s={column.1}", (int)row->length[1], row->field[1]);
    assert_ok(layout_parse(text, &layout, &e), &e);
    assert_ok(layout_bind(&layout, &job, NULL, ERR_CONFIG, &bound, &e), &e);
    assert_ok(layout_fill(&bound, &rules, &nothing, ERR_OUTPUT, &out, &e), &e);
    wanted[field_bytes(row, 3, wanted)] = '\0';
    assert_string_equal(str_text(&out), wanted);
    layout_free(&layout);
    layout_free(&bound);
    str_free(&out);
}

/* What a reader makes of a folder's name; the outcomes in <> are our name_problem's, shape's and
 * hidden's part. */
static void check_read(const struct row *row)
{
    char name[FIELD_MAX];
    char key[FIELD_MAX];
    char wanted[FIELD_MAX];
    size_t n = field_bytes(row, 3, name);
    name[n] = '\0';
    if (field_is(row, 2, "<IGNORED>")) {
        assert_true(hive_hidden(name));
        return;
    }
    if (field_is(row, 2, "<ERROR Empty partition column name>")) {
        assert_false(hive_name_shape(name, n));
        return;
    }
    if (field_is(row, 2, "<ERROR Empty partition column value>") ||
        field_is(row, 2, "<NOT-A-PARTITION>")) {
        assert_contains(hive_name_problem(name, n), "empty value");
        return;
    }
    assert_true(hive_name_shape(name, n));
    const char *equals = memchr(name, '=', n);
    const char *last = memrchr(name, '=', n);
    assert_ptr_equal(equals, last); /* no row asks at which of several = a reader splits */
    size_t nk = (size_t)(equals - name);
    assert_int_equal(nk, field_bytes(row, 1, key));
    assert_memory_equal(name, key, nk);
    const char *value = equals + 1;
    size_t nv = n - nk - 1;
    if (field_is(row, 2, "<NULL>")) {
        assert_string_equal(value, HIVE_NULL);
        return;
    }
    size_t nw = field_is(row, 2, "<EMPTY>") ? 0 : field_bytes(row, 2, wanted);
    struct str found = STR_INIT(0);
    hive_unescape(&found, value, nv);
    if (found.len != nw || memcmp(str_text(&found), wanted, nw) != 0) {
        fail_msg("%s: read %s", name, str_text(&found));
    }
    str_free(&found);
}

static bool is_null(const struct row *row)
{
    return field_is(row, 2, "<NULL>") || field_is(row, 2, "<EMPTY>");
}

/* Why a row is not checked, or NULL. */
static const char *skipped(const struct row *row)
{
    return field_is(row, 0, "spark") && field_is(row, 1, "MyKey")
               ? "Spark keeps a key's case, Hive and this program write it in lower case"
               : NULL;
}

/* Every row of the systems that follow Hive's rule, both ways. The counts are the file's: a row
 * that is not found, or not checked, is a failure. */
static void test_vectors(void **state)
{
    (void)state;
    struct tally {
        const char *system;
        bool read;      /* folder to value */
        size_t rows;    /* of the file, checked or not */
        size_t nulls;   /* of these null or empty: through a layout */
        size_t skipped; /* of these not checked, with a reason */
    };
    static const struct tally WANTED[] = {
        {"hive", false, 163, 2, 0},     {"trino", false, 15, 2, 0},
        {"spark", false, 61, 2, 1},     {"delta-kernel", false, 23, 2, 0},
        {"velox", false, 3, 1, 0},      {"hive:read", true, 17, 0, 0},
        {"trino:read", true, 14, 0, 0}, {"spark:read", true, 19, 0, 0},
    };
    size_t rows[COUNT(WANTED)] = {0};
    size_t nulls[COUNT(WANTED)] = {0};
    size_t skips[COUNT(WANTED)] = {0};
    char *text = vectors();
    struct row row;
    for (const char *p = text; *p;) {
        p = next_row(p, &row);
        for (size_t i = 0; i < COUNT(WANTED); i++) {
            if (!field_is(&row, 0, WANTED[i].system)) {
                continue;
            }
            rows[i]++;
            if (skipped(&row)) {
                skips[i]++;
            } else if (WANTED[i].read) {
                check_read(&row);
            } else if (is_null(&row)) {
                check_null(&row);
                nulls[i]++;
            } else {
                check_write(&row);
            }
        }
    }
    free(text);
    for (size_t i = 0; i < COUNT(WANTED); i++) {
        print_message("# %s: %zu rows, %zu null, %zu skipped\n", WANTED[i].system, rows[i],
                      nulls[i], skips[i]);
        assert_int_equal(rows[i], WANTED[i].rows);
        assert_int_equal(nulls[i], WANTED[i].nulls);
        assert_int_equal(skips[i], WANTED[i].skipped);
    }
}

/* The URL family's rows with one ASCII character between two letters, k=aXb: portable are those
 * that all three spell as Hive does. */
static void test_portable_vectors(void **state)
{
    (void)state;
    static const char *const FAMILY[] = {"duckdb-1.5.6", "arrow", "polars"};
    size_t seen[128] = {0};
    size_t alike[128] = {0};
    char *text = vectors();
    struct row row;
    for (const char *p = text; *p;) {
        p = next_row(p, &row);
        char value[FIELD_MAX];
        char name[FIELD_MAX];
        bool family = false;
        for (size_t i = 0; i < COUNT(FAMILY); i++) {
            family = family || field_is(&row, 0, FAMILY[i]);
        }
        if (!family || !field_is(&row, 1, "k") || row.length[2] >= FIELD_MAX ||
            field_bytes(&row, 2, value) != 3 || value[0] != 'a' || value[2] != 'b') {
            continue;
        }
        struct str hive = STR_INIT(0);
        str_puts(&hive, "k=");
        hive_escape(&hive, value, 3);
        size_t n = field_bytes(&row, 3, name);
        unsigned char c = (unsigned char)value[1];
        assert_true(c < 128);
        seen[c]++;
        alike[c] += n == hive.len && memcmp(name, str_text(&hive), n) == 0;
        str_free(&hive);
    }
    free(text);
    size_t portable = 0;
    for (int c = 0; c < 128; c++) {
        char value[3] = {'a', (char)c, 'b'};
        assert_true(seen[c] >= COUNT(FAMILY));
        if (hive_value_portable(value, 3) != (seen[c] == alike[c])) {
            fail_msg("byte %d: %zu rows, %zu as Hive's", c, seen[c], alike[c]);
        }
        portable += hive_value_portable(value, 3);
    }
    assert_int_equal(portable, 33 + 66 + 4); /* controls, letters to ~, / = % : */
}

static void test_portable(void **state)
{
    (void)state;
    static const char *const PORTABLE[] = {"", "2021-12-15", "a_b.c~D", "10:30", "a/b=c%\t\x7f"};
    /* The list of hive-glue.md 1.8, point 4; then what Polars leaves as it is. */
    static const char APART[] = " +&,;@!$()}|<>`"
                                "\"#'*?[\\]^{";
    for (size_t i = 0; i < COUNT(PORTABLE); i++) {
        assert_true(hive_value_portable(PORTABLE[i], strlen(PORTABLE[i])));
    }
    for (size_t i = 0; i < strlen(APART); i++) {
        assert_false(hive_value_portable(APART + i, 1));
    }
    assert_false(hive_value_portable("日", 3));
    assert_false(hive_value_portable("2021-12-15\xff", 11));
    assert_true(hive_value_portable("2021-12-15\xff", 10));
}

static void test_unescape(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } CASES[] = {
        {"", ""},
        {"a%2Fb%2fc", "a/b/c"},
        {"%", "%"},
        {"%4", "%4"},
        {"a%3", "a%3"},
        {"%4g%g4", "%4g%g4"},
        {"%%41", "%A"},
        {"%2541", "%41"},
        {"%7f%80", "\x7f"
                   "\xc2\x80"},
        {"%E9", "é"},
        {"%ff", "ÿ"},
        {"日%", "日%"},
        {"%e6%97%a5", "\xc3\xa6\xc2\x97\xc2\xa5"},
        {"% 1%+1%-1", "% 1%+1%-1"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        size_t n = strlen(CASES[i].name);
        char *copy = malloc(n + !n); /* of the exact size: a read beyond it is seen by ASan */
        assert_non_null(copy);
        memcpy(copy, CASES[i].name, n);
        struct str found = STR_INIT(0);
        hive_unescape(&found, copy, n);
        assert_string_equal(str_text(&found), CASES[i].value);
        str_free(&found);
        free(copy);
    }
}

static void check_round_trip(const char *value, size_t n)
{
    struct str escaped = STR_INIT(0);
    struct str again = STR_INIT(0);
    hive_escape(&escaped, value, n);
    hive_unescape(&again, str_text(&escaped), escaped.len);
    if (again.len != n || memcmp(str_text(&again), value, n) != 0) {
        fail_msg("%s came back as %s", value, str_text(&again));
    }
    str_free(&escaped);
    str_free(&again);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* A well-formed sequence; answers its bytes. */
static size_t random_character(uint64_t *seed, char out[4])
{
    for (;;) {
        uint64_t bits = next_random(seed);
        out[0] = (char)(bits >> 32 & 1 ? bits & 0x7f : bits);
        for (int i = 1; i < 4; i++) {
            out[i] = (char)(0x80 | (bits >> (8 * i) & 0x3f));
        }
        size_t n = utf8_sequence(out, 4);
        if (n) {
            return n;
        }
    }
}

/* What is escaped and read back is what it was: ASCII, all pairs of it, and any UTF-8. */
static void test_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 128 * 128; i++) {
        char pair[3] = {(char)(i / 128), (char)(i % 128), '\0'};
        check_round_trip(pair, 2);
    }
    uint64_t seed = 47;
    size_t longest = 0;
    for (int i = 0; i < 20000; i++) {
        char value[128];
        size_t n = 0;
        size_t characters = next_random(&seed) % 24;
        for (size_t k = 0; k < characters; k++) {
            size_t len = random_character(&seed, value + n);
            longest = len > longest ? len : longest;
            n += len;
        }
        value[n] = '\0';
        assert_true(utf8_valid(value, n));
        check_round_trip(value, n);
    }
    assert_int_equal(longest, 4);
}

/* The list of hive-glue.md 1.1, byte by byte and apart from the vectors. */
static void test_every_byte(void **state)
{
    (void)state;
    size_t escaped = 0;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        char hex[4];
        (void)snprintf(hex, sizeof hex, "%%%02X", (unsigned)c);
        bool special =
            c < 0x20 || c == 0x7f || (c != 0 && c < 0x80 && strchr("\"#%'*/:=?[\\]^{", c) != NULL);
        struct str found = STR_INIT(0);
        hive_escape(&found, &byte, 1);
        assert_int_equal(found.len, special ? 3 : 1);
        assert_memory_equal(str_text(&found), special ? hex : &byte, found.len);
        escaped += special;
        str_free(&found);
    }
    assert_int_equal(escaped, 47);
}

static void test_keys(void **state)
{
    (void)state;
    static const char *const LEGAL[] = {"a", "z9", "process_date_jst", "0", "a_", "9a"};
    static const char *const ILLEGAL[] = {"",    "_a",   "A",  "aB",  "a-b", "a b",
                                          "a.b", "a%3A", "日", "a\n", "a="};
    for (size_t i = 0; i < COUNT(LEGAL); i++) {
        assert_true(hive_key_legal(LEGAL[i], strlen(LEGAL[i])));
    }
    for (size_t i = 0; i < COUNT(ILLEGAL); i++) {
        assert_false(hive_key_legal(ILLEGAL[i], strlen(ILLEGAL[i])));
    }
    assert_true(hive_key_legal("ab-", 2));
}

static void test_name_problems(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *problem; /* NULL: none */
    } CASES[] = {
        {"k=v", NULL},
        {"k=" HIVE_NULL, NULL},
        {"k=a%3Ab%20", NULL},
        {"k=日本 }~", NULL},
        {"", "is not key=value"},
        {"k", "is not key=value"},
        {"=v", "is not key=value"},
        {"K=v", "has a key with other characters"},
        {"_k=v", "has a key with other characters"},
        {"a%3Ab=v", "has a key with other characters"},
        {"k=", "has an empty value"},
        {"k=a\xff", "is not UTF-8"},
        {"k=\xc0\xaf", "is not UTF-8"},
        {"k=%", "has a % that begins no escape"},
        {"k=%4", "has a % that begins no escape"},
        {"k=%4g", "has a % that begins no escape"},
        {"k=a%3", "has a % that begins no escape"},
        {"k=a\"", "must be escaped"},
        {"k=a\x01", "must be escaped"},
        {"k=a\x7f", "must be escaped"},
        {"k=a{", "must be escaped"},
        {"k==", "must be escaped"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        size_t n = strlen(CASES[i].name);
        char *copy = malloc(n + !n); /* of the exact size: a read beyond it is seen by ASan */
        assert_non_null(copy);
        memcpy(copy, CASES[i].name, n);
        const char *found = hive_name_problem(copy, n);
        if (!found != !CASES[i].problem) {
            fail_msg("%s: %s", CASES[i].name, found ? found : "no problem found");
        }
        if (found && CASES[i].problem) {
            assert_contains(found, CASES[i].problem);
        }
        free(copy);
    }
}

static void test_shape_and_hidden(void **state)
{
    (void)state;
    assert_true(hive_name_shape("k=", 2));
    assert_true(hive_name_shape("A-b=c", 5));
    assert_false(hive_name_shape("=c", 2));
    assert_false(hive_name_shape("k", 1));
    assert_false(hive_name_shape("k=v", 1));
    assert_true(hive_hidden("_SUCCESS"));
    assert_true(hive_hidden(".crc"));
    assert_false(hive_hidden("a_"));
    assert_false(hive_hidden(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_portable_vectors),
        cmocka_unit_test(test_portable),
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_name_problems),
        cmocka_unit_test(test_shape_and_hidden),
    };
    return cmocka_run_group_tests_name("hive", tests, NULL, NULL);
}
