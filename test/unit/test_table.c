/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/table: what each key about rows takes and refuses, and what only several of
 * them together say.
 */
#include "unit.h"

#include "base/mem.h"
#include "config/table.h"

static struct table table;
static struct settings list;
static struct err e;

static int clear(void **state)
{
    (void)state;
    settings_free(&list);
    strvec_free(&table.columns);
    free(table.null_value);
    free(table.split_origin);
    table_init(&table);
    e = (struct err){0};
    return 0;
}

static int teardown(void **state)
{
    (void)clear(state);
    return 0;
}

/* Sets a key of the output "o"; the origin is "at N", N counting from 1. */
static int set(enum key key, const char *value)
{
    char origin[16];
    (void)snprintf(origin, sizeof origin, "at %zu", list.n + 1);
    settings_add(&list, key, "o", value, origin);
    return table_apply(&table, &list.v[list.n - 1], &e);
}

static void refused(enum key key, const char *value, const char *piece)
{
    (void)clear(NULL);
    if (set(key, value) == 0) {
        fail_msg("%s = %s was taken", KEY_SPECS[key].name, value);
    }
    assert_int_equal(e.code, ERR_CONFIG);
    char head[64];
    (void)snprintf(head, sizeof head, "at 1: %s", KEY_SPECS[key].name);
    assert_contains(e.text, head);
    assert_contains(e.text, piece);
}

static void taken(enum key key, const char *value)
{
    (void)clear(NULL);
    assert_ok(set(key, value), &e);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(table.format, FORMAT_BY_NAME);
    assert_int_equal(table.delimiter, 0);
    assert_int_equal(table.quote, '"');
    assert_true(table.header);
    assert_int_equal(table.columns.n, 0);
    assert_int_equal(table.null, NULL_PARTITION);
    assert_null(table.null_value);
    assert_false(table.sentinel_is_null || table.keep_columns || table.reject_bad_rows);
    assert_false(table.compress || table.portable);
    assert_int_equal(table.max_row_size, 32 << 20);
    assert_int_equal(table.max_partitions, 10000);
    assert_int_equal(table.max_files, 0);
    assert_int_equal(table.max_file_size, 0);
    assert_null(table.split_origin);
    assert_ok(table_finish(&table, &list, "o", &e), &e);
    assert_true(table.header);
}

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum data_format format;
    } CASES[] = {
        {"auto", FORMAT_BY_NAME},
        {"csv", FORMAT_CSV},
        {"tsv", FORMAT_TSV},
        {"jsonl", FORMAT_JSONL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        taken(KEY_OUTPUT_FORMAT, CASES[i].text);
        assert_int_equal(table.format, CASES[i].format);
    }
    refused(KEY_OUTPUT_FORMAT, "CSV", "at 1: format = \"CSV\": expected auto, csv, tsv or jsonl");
    refused(KEY_OUTPUT_FORMAT, "parquet", "\"parquet\"");
}

static void test_delimiters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char c;
    } CASES[] = {
        {"comma", ','},  {"tab", '\t'},   {"semicolon", ';'}, {"pipe", '|'},    {"space", ' '},
        {"\\t", '\t'},   {",", ','},      {";", ';'},         {"\t", '\t'},     {" ", ' '},
        {"|", '|'},      {":", ':'},      {"^", '^'},         {"\\", '\\'},     {"0x01", '\x01'},
        {"\\x1f", 0x1f}, {"\\x1F", 0x1f}, {"0x2c", ','},      {"\x01", '\x01'}, {"0x7f", 0x7f},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        taken(KEY_OUTPUT_DELIMITER, CASES[i].text);
        assert_int_equal(table.delimiter, CASES[i].c);
    }
    static const char *const BAD[] = {
        "a",     "Z",    "0",    "9",    "\"",    "\r",  "\n",   "0x00",  "\\x00", "0x0d",
        "\\x0A", "0x22", "0x41", "0x80", "\\xff", "0x1", "0x",   "0x001", "x01",   "\\n",
        ",,",    "||",   "Tab",  "tabs", "colon", "、",  "\xff", "0xg1",  "\\x0g"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        refused(KEY_OUTPUT_DELIMITER, BAD[i], "expected one ASCII character");
    }
}

static void test_quotes(void **state)
{
    (void)state;
    taken(KEY_OUTPUT_QUOTE, "none");
    assert_int_equal(table.quote, 0);
    taken(KEY_OUTPUT_QUOTE, "'");
    assert_int_equal(table.quote, '\'');
    taken(KEY_OUTPUT_QUOTE, "\"");
    assert_int_equal(table.quote, '"');
    static const char *const BAD[] = {"a",  "5",  "\"\"", "None", " ",
                                      "\t", "\r", "\x7f", "«",    "\xff"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        refused(KEY_OUTPUT_QUOTE, BAD[i], "expected one ASCII punctuation character, or none");
    }
}

static void test_quote_and_delimiter(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        const char *delimiter; /* NULL: the format's */
        const char *quote;
        bool fine;
    } CASES[] = {
        {"csv", NULL, ",", false},      {"auto", NULL, ",", false},  {"tsv", NULL, ",", true},
        {"jsonl", NULL, ",", true},     {"csv", "pipe", "|", false}, {"csv", "pipe", ",", true},
        {"tsv", "comma", ",", false},   {"csv", "|", "'", true},     {"csv", NULL, "'", true},
        {"csv", "comma", "none", true},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        (void)clear(NULL);
        assert_ok(set(KEY_OUTPUT_QUOTE, CASES[i].quote), &e); /* before the delimiter is known */
        assert_ok(set(KEY_OUTPUT_FORMAT, CASES[i].format), &e);
        if (CASES[i].delimiter) {
            assert_ok(set(KEY_OUTPUT_DELIMITER, CASES[i].delimiter), &e);
        }
        int rc = table_finish(&table, &list, "o", &e);
        if (CASES[i].fine) {
            assert_ok(rc, &e);
        } else {
            assert_failed(rc, &e, ERR_CONFIG, "at 1: quote = ");
        }
    }
}

static void test_columns(void **state)
{
    (void)state;
    taken(KEY_OUTPUT_COLUMNS, " id , order date,\t日付 ,x");
    assert_int_equal(table.columns.n, 4);
    assert_string_equal(table.columns.v[0], "id");
    assert_string_equal(table.columns.v[1], "order date");
    assert_string_equal(table.columns.v[2], "日付");
    assert_string_equal(table.columns.v[3], "x");
    assert_ok(table_finish(&table, &list, "o", &e), &e);
    assert_false(table.header);
    taken(KEY_OUTPUT_COLUMNS, "a,A");
    assert_int_equal(table.columns.n, 2);
    refused(KEY_OUTPUT_COLUMNS, "a,,b", "at 1: columns: the name of column 2 is empty");
    refused(KEY_OUTPUT_COLUMNS, "a, ", "column 2 is empty");
    refused(KEY_OUTPUT_COLUMNS, ",a", "column 1 is empty");
    refused(KEY_OUTPUT_COLUMNS, " ", "column 1 is empty");
    refused(KEY_OUTPUT_COLUMNS, "b,a,c, a", "at 1: columns: \"a\" is named twice");
}

static void test_many_columns(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    for (int i = 0; i < 16384; i++) {
        str_printf(&text, "%sc%d", i ? "," : "", i);
    }
    taken(KEY_OUTPUT_COLUMNS, str_text(&text));
    assert_int_equal(table.columns.n, 16384);
    assert_string_equal(table.columns.v[16383], "c16383");
    str_puts(&text, ",one_more");
    refused(KEY_OUTPUT_COLUMNS, str_text(&text), "more than 16384 names");
    str_free(&text);
}

static void test_header_and_columns(void **state)
{
    (void)state;
    assert_ok(set(KEY_OUTPUT_HEADER, "no"), &e);
    assert_ok(table_finish(&table, &list, "o", &e), &e);
    assert_false(table.header);
    assert_ok(set(KEY_OUTPUT_COLUMNS, "a"), &e);
    assert_ok(table_finish(&table, &list, "o", &e), &e);
    assert_false(table.header);
    (void)clear(NULL);
    assert_ok(set(KEY_OUTPUT_HEADER, "yes"), &e);
    assert_ok(set(KEY_OUTPUT_COLUMNS, "a"), &e);
    assert_failed(table_finish(&table, &list, "o", &e), &e, ERR_CONFIG,
                  "at 1: header = yes: columns (at 2) names the fields of files without a header");
    refused(KEY_OUTPUT_HEADER, "maybe", "expected yes or no");
}

static void test_null(void **state)
{
    (void)state;
    char text[300];
    taken(KEY_OUTPUT_NULL, "fail");
    assert_int_equal(table.null, NULL_FAIL);
    assert_null(table.null_value);
    taken(KEY_OUTPUT_NULL, "default-partition");
    assert_int_equal(table.null, NULL_PARTITION);
    taken(KEY_OUTPUT_NULL, "不明 n/a");
    assert_int_equal(table.null, NULL_VALUE);
    assert_string_equal(table.null_value, "不明 n/a");
    assert_ok(set(KEY_OUTPUT_NULL, "fail"), &e); /* the one before is forgotten */
    assert_null(table.null_value);
    (void)snprintf(text, sizeof text, "%0255d", 0);
    taken(KEY_OUTPUT_NULL, text);
    (void)snprintf(text, sizeof text, "%0256d", 0);
    refused(KEY_OUTPUT_NULL, text, "at most 255 bytes");
    refused(KEY_OUTPUT_NULL, "\xff", "UTF-8");
    refused(KEY_OUTPUT_NULL, "__HIVE_DEFAULT_PARTITION__", "expected default-partition");
    refused(KEY_OUTPUT_NULL, "__hive_default_partition__", "expected default-partition");
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        enum key key;
        const char *no;
        const char *yes;
        const bool *value;
    } CASES[] = {
        {KEY_OUTPUT_SENTINEL, "fail", "null", &table.sentinel_is_null},
        {KEY_OUTPUT_KEEP_COLUMNS, "no", "yes", &table.keep_columns},
        {KEY_OUTPUT_ON_BAD_ROW, "fail", "reject", &table.reject_bad_rows},
        {KEY_OUTPUT_COMPRESS, "none", "gzip", &table.compress},
        {KEY_OUTPUT_PORTABLE, "no", "yes", &table.portable},
        {KEY_OUTPUT_HEADER, "no", "yes", &table.header},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char either[64];
        (void)snprintf(either, sizeof either, "expected %s or %s",
                       *CASES[i].no == 'n' && *CASES[i].yes == 'y' ? CASES[i].yes : CASES[i].no,
                       *CASES[i].no == 'n' && *CASES[i].yes == 'y' ? CASES[i].no : CASES[i].yes);
        taken(CASES[i].key, CASES[i].yes);
        assert_true(*CASES[i].value);
        taken(CASES[i].key, CASES[i].no);
        assert_false(*CASES[i].value);
        refused(CASES[i].key, "perhaps", either);
        refused(CASES[i].key, "Yes", either);
    }
}

static void test_budgets(void **state)
{
    (void)state;
    static const struct {
        enum key key;
        const char *text;
        const uint64_t *field;
        uint64_t value;
    } CASES[] = {
        {KEY_OUTPUT_MAX_ROW_SIZE, "1K", &table.max_row_size, 1024},
        {KEY_OUTPUT_MAX_ROW_SIZE, "1G", &table.max_row_size, 1 << 30},
        {KEY_OUTPUT_MAX_ROW_SIZE, "2MiB", &table.max_row_size, 2 << 20},
        {KEY_OUTPUT_MAX_PARTITIONS, "1", &table.max_partitions, 1},
        {KEY_OUTPUT_MAX_PARTITIONS, "123456", &table.max_partitions, 123456},
        {KEY_OUTPUT_MAX_FILES, "0", &table.max_files, 0},
        {KEY_OUTPUT_MAX_FILES, "5", &table.max_files, 5},
        {KEY_OUTPUT_MAX_FILE_SIZE, "0", &table.max_file_size, 0},
        {KEY_OUTPUT_MAX_FILE_SIZE, "1024", &table.max_file_size, 1024},
        {KEY_OUTPUT_MAX_FILE_SIZE, "300G", &table.max_file_size, UINT64_C(300) << 30},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        taken(CASES[i].key, CASES[i].text);
        assert_true(*CASES[i].field == CASES[i].value);
    }
    static const struct {
        enum key key;
        const char *text;
    } BAD[] = {
        {KEY_OUTPUT_MAX_ROW_SIZE, "1023"}, {KEY_OUTPUT_MAX_ROW_SIZE, "1073741825"},
        {KEY_OUTPUT_MAX_ROW_SIZE, "0"},    {KEY_OUTPUT_MAX_ROW_SIZE, "big"},
        {KEY_OUTPUT_MAX_PARTITIONS, "0"},  {KEY_OUTPUT_MAX_PARTITIONS, "1K"},
        {KEY_OUTPUT_MAX_PARTITIONS, "-1"}, {KEY_OUTPUT_MAX_FILES, "none"},
        {KEY_OUTPUT_MAX_FILES, "1K"},      {KEY_OUTPUT_MAX_FILE_SIZE, "1023"},
        {KEY_OUTPUT_MAX_FILE_SIZE, "1"},   {KEY_OUTPUT_MAX_FILE_SIZE, "256m"},
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        refused(BAD[i].key, BAD[i].text, "expected a ");
    }
}

/* The first of the keys that mean something only where rows are split. */
static void test_split_origin(void **state)
{
    (void)state;
    static const struct {
        enum key key;
        const char *value;
        bool splits;
    } CASES[] = {
        {KEY_OUTPUT_FORMAT, "csv", false},       {KEY_OUTPUT_DELIMITER, "pipe", false},
        {KEY_OUTPUT_QUOTE, "none", false},       {KEY_OUTPUT_HEADER, "no", false},
        {KEY_OUTPUT_COLUMNS, "a,b", false},      {KEY_OUTPUT_NULL, "fail", true},
        {KEY_OUTPUT_SENTINEL, "null", true},     {KEY_OUTPUT_KEEP_COLUMNS, "no", true},
        {KEY_OUTPUT_ON_BAD_ROW, "fail", true},   {KEY_OUTPUT_MAX_ROW_SIZE, "2M", false},
        {KEY_OUTPUT_MAX_PARTITIONS, "5", false}, {KEY_OUTPUT_MAX_FILES, "5", false},
        {KEY_OUTPUT_MAX_FILE_SIZE, "5M", true},  {KEY_OUTPUT_COMPRESS, "gzip", true},
        {KEY_OUTPUT_PORTABLE, "yes", false},
    };
    assert_int_equal(COUNT(CASES), KEY_COUNT - KEY_OUTPUT_FORMAT);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        taken(CASES[i].key, CASES[i].value);
        assert_int_equal(table.split_origin != NULL, CASES[i].splits);
    }
    (void)clear(NULL);
    assert_ok(set(KEY_OUTPUT_FORMAT, "csv"), &e);
    assert_ok(set(KEY_OUTPUT_COMPRESS, "gzip"), &e);
    assert_ok(set(KEY_OUTPUT_NULL, "fail"), &e);
    assert_string_equal(table.split_origin, "at 2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, clear, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_formats),
        TEST(test_delimiters),
        TEST(test_quotes),
        TEST(test_quote_and_delimiter),
        TEST(test_columns),
        TEST(test_many_columns),
        TEST(test_header_and_columns),
        TEST(test_null),
        TEST(test_words),
        TEST(test_budgets),
        TEST(test_split_origin),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
