/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/hive: the escaping vectors of the Hive family, and which names are legal.
 */
#include "unit.h"

#include "partition/hive.h"

/* ---- fixtures/hive-escape-vectors.tsv ---- */

/* Undoes the file's notation: \\ \t \n \r \xNN. Answers the bytes; `out` is as long as `text`. */
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
            out[len++] = (char)strtoul(hex, NULL, 16);
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

/* What the agent makes of key and value. It writes keys in lower case (layout_parse does that). */
static void check_row(const struct row *row)
{
    char key[512];
    char value[512];
    char wanted[512];
    size_t nk = plain_bytes(row->field[1], row->length[1], key);
    size_t nv = plain_bytes(row->field[2], row->length[2], value);
    size_t nw = plain_bytes(row->field[3], row->length[3], wanted);
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

static void test_vectors(void **state)
{
    (void)state;
    char *text = read_bytes(AT_FDCWD, "fixtures/hive-escape-vectors.tsv", NULL);
    size_t hive = 0;
    size_t trino = 0;
    size_t nulls = 0; /* null and empty have no bytes to escape: layouts refuse them */
    struct row row;
    for (const char *p = text; *p;) {
        p = next_row(p, &row);
        bool is_hive = field_is(&row, 0, "hive");
        if (!is_hive && !field_is(&row, 0, "trino")) {
            continue;
        }
        if (field_is(&row, 2, "<NULL>") || field_is(&row, 2, "<EMPTY>")) {
            assert_true(field_is(&row, 3, "k=" HIVE_NULL));
            nulls++;
            continue;
        }
        check_row(&row);
        hive += is_hive;
        trino += !is_hive;
    }
    free(text);
    print_message("# %zu hive and %zu trino rows; %zu skipped: null policies\n", hive, trino,
                  nulls);
    assert_int_equal(hive, 161);
    assert_int_equal(trino, 13);
    assert_int_equal(nulls, 4);
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
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_name_problems),
        cmocka_unit_test(test_shape_and_hidden),
    };
    return cmocka_run_group_tests_name("hive", tests, NULL, NULL);
}
