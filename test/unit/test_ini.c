/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/ini: what agent.ini may look like, and that nothing in it is cut silently.
 */
#include "unit.h"

#include "config/ini.h"

static struct settings settings;
static struct ini_sections sections;
static struct err e;

static int clear(void **state)
{
    (void)state;
    settings_free(&settings);
    ini_sections_free(&sections);
    e = (struct err){0};
    return 0;
}

static int parse_bytes(const char *text, size_t n)
{
    (void)clear(NULL);
    char *copy = malloc(n ? n : 1); /* of the exact size: a read beyond it is seen by ASan */
    assert_non_null(copy);
    memcpy(copy, text, n);
    int rc = ini_parse_text("agent.ini", copy, n, &settings, &sections, &e);
    free(copy);
    return rc;
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

/* The only setting of a text is this value, from this line. */
static void expect(const char *text, enum key key, const char *name, const char *value,
                   const char *origin)
{
    assert_ok(parse(text), &e);
    const struct setting *at = settings_find(&settings, key, name);
    if (!at) {
        fail_msg("no setting found in: %s", text);
        return;
    }
    assert_string_equal(at->value, value);
    assert_string_equal(at->origin, origin);
}

static void expect_error(const char *text, const char *piece)
{
    assert_failed(parse(text), &e, ERR_CONFIG, piece);
}

static void test_sections_and_keys(void **state)
{
    (void)state;
    static const char TEXT[] = "; a comment\n"
                               "[job]\n"
                               "timezone = Asia/Tokyo\n"
                               "\n"
                               "time=2021-12-14T15:30:00Z\n"
                               "# another\n"
                               "[run]\n"
                               "command : python3 x.py\n"
                               "grace= 5s\n"
                               "[store]\n"
                               "kind =folder\n"
                               "root =   /mnt/s3   \n"
                               "[input \"extract\"]\n"
                               "local_path = /opt/ml/processing/a\n"
                               "[output \"t\"]\n"
                               "layout = d={time:%Y-%m-%d}\n"
                               "pack = x.tar.gz\n";
    static const struct {
        enum key key;
        const char *name;
        const char *value;
        const char *origin;
    } WANTED[] = {
        {KEY_JOB_TIMEZONE, NULL, "Asia/Tokyo", "agent.ini:3"},
        {KEY_JOB_TIME, NULL, "2021-12-14T15:30:00Z", "agent.ini:5"},
        {KEY_RUN_COMMAND, NULL, "python3 x.py", "agent.ini:8"},
        {KEY_RUN_GRACE, NULL, "5s", "agent.ini:9"},
        {KEY_STORE_KIND, NULL, "folder", "agent.ini:11"},
        {KEY_STORE_ROOT, NULL, "/mnt/s3", "agent.ini:12"},
        {KEY_INPUT_LOCAL_PATH, "extract", "/opt/ml/processing/a", "agent.ini:14"},
        {KEY_OUTPUT_LAYOUT, "t", "d={time:%Y-%m-%d}", "agent.ini:16"},
        {KEY_OUTPUT_PACK, "t", "x.tar.gz", "agent.ini:17"},
    };
    assert_ok(parse(TEXT), &e);
    assert_int_equal(settings.n, COUNT(WANTED));
    for (size_t i = 0; i < COUNT(WANTED); i++) {
        assert_int_equal(settings.v[i].key, WANTED[i].key);
        assert_true(str_same(settings.v[i].name, WANTED[i].name));
        assert_string_equal(settings.v[i].value, WANTED[i].value);
        assert_string_equal(settings.v[i].origin, WANTED[i].origin);
    }
    assert_int_equal(sections.n, 2);
    assert_int_equal(sections.v[0].section, SECTION_INPUT);
    assert_string_equal(sections.v[0].name, "extract");
    assert_string_equal(sections.v[0].origin, "agent.ini:13");
    assert_string_equal(sections.v[1].name, "t");
}

static void test_every_known_key(void **state)
{
    (void)state;
    for (int i = 0; i < KEY_COUNT; i++) {
        const struct section_spec *section = &SECTION_SPECS[KEY_SPECS[i].section];
        char text[256];
        (void)snprintf(text, sizeof text, "[%s%s]\n%s = value\n", section->name,
                       section->named ? " \"n\"" : "", KEY_SPECS[i].name);
        bool open = i == KEY_RUN_ENV || i == KEY_NOTEBOOK_PARAMETERS;
        const char *name = section->named ? "n" : open ? "NAME" : NULL;
        expect(text, (enum key)i, name, "value", "agent.ini:2");
    }
}

static void test_empty_texts(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",      "\n",        "\n\n  \n\t\n",           "; only a comment", "\xef\xbb\xbf",
        "[job]", "[job]\r\n", "\xef\xbb\xbf\r\n# c\r\n"};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        assert_ok(parse(TEXTS[i]), &e);
        assert_int_equal(settings.n, 0);
    }
}

static void test_bom_crlf_and_no_final_newline(void **state)
{
    (void)state;
    expect("\xef\xbb\xbf[job]\ntimezone = UTC\n", KEY_JOB_TIMEZONE, NULL, "UTC", "agent.ini:2");
    expect("[job]\r\n\r\ntimezone = UTC\r\n", KEY_JOB_TIMEZONE, NULL, "UTC", "agent.ini:3");
    expect("[job]\r\ntimezone = UTC", KEY_JOB_TIMEZONE, NULL, "UTC", "agent.ini:2");
    expect("[run]\r\ncommand = a\r\n  b\r\n", KEY_RUN_COMMAND, NULL, "a b", "agent.ini:2");
    expect("[output \"x\"]\r\npack = a.tar.gz\r", KEY_OUTPUT_PACK, "x", "a.tar.gz", "agent.ini:2");
    expect_error("[job]\n\xef\xbb\xbftimezone = UTC\n", "agent.ini:2: unknown key");
}

static void test_continuation_lines(void **state)
{
    (void)state;
    expect("[run]\ncommand = sh -c\n  'a'\n\t'b'\n", KEY_RUN_COMMAND, NULL, "sh -c 'a' 'b'",
           "agent.ini:2");
    expect("[run]\ncommand =\n  a\n", KEY_RUN_COMMAND, NULL, "a", "agent.ini:2");
    expect("[run]\ncommand = a\n\n  b\n", KEY_RUN_COMMAND, NULL, "a b", "agent.ini:2");
    expect("[run]\ncommand = a\n# c\n  b\n", KEY_RUN_COMMAND, NULL, "a b", "agent.ini:2");
    expect("[run]\ncommand = a\n  ; c\n  b\n", KEY_RUN_COMMAND, NULL, "a b", "agent.ini:2");
    expect("[run]\ncommand = a\n  b ; c\n  d\n", KEY_RUN_COMMAND, NULL, "a b d", "agent.ini:2");
    expect("[run]\ncommand = a\n  [x]\n  k=v\n", KEY_RUN_COMMAND, NULL, "a [x] k=v", "agent.ini:2");
    expect("[run]\ngrace = 1s\n[job]\n  timezone = UTC\n", KEY_JOB_TIMEZONE, NULL, "UTC",
           "agent.ini:4");
    /* an indented first key belongs to nothing before it */
    expect("[run]\n  command = a\n", KEY_RUN_COMMAND, NULL, "a", "agent.ini:2");
}

static void test_a_long_value_over_many_lines(void **state)
{
    (void)state;
    char text[8192] = "[run]\ncommand = x\n";
    char wanted[8192] = "x";
    for (int i = 0; i < 30; i++) {
        char line[201];
        memset(line, 'a' + i % 26, 190);
        line[190] = '\0';
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "  %s\n", line);
        (void)snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), " %s", line);
    }
    expect(text, KEY_RUN_COMMAND, NULL, wanted, "agent.ini:2");
}

static void test_comments(void **state)
{
    (void)state;
    expect("[run]\ngrace = 5s ; five\n", KEY_RUN_GRACE, NULL, "5s", "agent.ini:2");
    expect("[run]\ngrace = 5s\t;\n", KEY_RUN_GRACE, NULL, "5s", "agent.ini:2");
    expect("[run]\ncommand = a;b\n", KEY_RUN_COMMAND, NULL, "a;b", "agent.ini:2");
    expect("[run]\ncommand = a # b\n", KEY_RUN_COMMAND, NULL, "a # b", "agent.ini:2");
    expect("[run]\ncommand = 'a;b' ; c 'd\n", KEY_RUN_COMMAND, NULL, "'a;b'", "agent.ini:2");
    expect("[run] ; about this section\ngrace = 1s\n", KEY_RUN_GRACE, NULL, "1s", "agent.ini:2");
    expect("[run] # about this section\ngrace = 1s\n", KEY_RUN_GRACE, NULL, "1s", "agent.ini:2");
}

/* A value that is a ; alone would be read as an empty comment. */
static void test_a_lone_semicolon(void **state)
{
    (void)state;
    expect_error("[output \"o\"]\nformat = csv\ndelimiter = ;\n",
                 "agent.ini:3: a ; behind a blank starts a comment and is no value");
    expect_error("[output \"o\"]\ndelimiter =\t; \r\n", "agent.ini:2: a ; behind a blank");
    expect("[output \"o\"]\ndelimiter =;\n", KEY_OUTPUT_DELIMITER, "o", ";", "agent.ini:2");
    expect("[output \"o\"]\ndelimiter = semicolon ;\n", KEY_OUTPUT_DELIMITER, "o", "semicolon",
           "agent.ini:2");
    expect("[output \"o\"]\ndelimiter = | ; x\nquote = \"\nnull = a b\n", KEY_OUTPUT_QUOTE, "o",
           "\"", "agent.ini:3");
    expect("[run]\ncommand = ; c\n  a\n", KEY_RUN_COMMAND, NULL, "a", "agent.ini:2");
}

static void test_a_cut_inside_quotes_or_brackets_is_refused(void **state)
{
    (void)state;
    static const char *const VALUES[] = {
        "sh -c 'a ; b'", "sh -c \"a ; b\"", "[\"sh\", \"-c\", \"a ;b\"]",
        "d={time ;x}",   "f (a ; b)",       "sh -c \"x\\\" ; y\"",
        "[\"a\", ;",     "'\\' 'x ; y'",    "a 'b\t;c'",
    };
    for (size_t i = 0; i < COUNT(VALUES); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "[job]\ntimezone = UTC\n[run]\ncommand = %s\n",
                       VALUES[i]);
        expect_error(text,
                     "agent.ini:4: a blank followed by ; starts a comment, here inside quotes");
    }
    /* the quote opened on the line before */
    expect_error("[run]\ncommand = sh -c 'a\n  b ; c'\n", "agent.ini:3: a blank followed by ;");
    expect_error("[run]\ncommand = [\"a\",\n  \"b\" ; c\n  ]\n",
                 "agent.ini:3: a blank followed by ;");
    /* closed again: a comment as any other */
    expect("[run]\ncommand = sh -c \"a;b\" [c] ; d\n", KEY_RUN_COMMAND, NULL, "sh -c \"a;b\" [c]",
           "agent.ini:2");
    expect("[run]\ncommand = sh -c 'a\n  b' ; c\n", KEY_RUN_COMMAND, NULL, "sh -c 'a b'",
           "agent.ini:2");
    /* a quote of one value does not reach into the next */
    expect("[run]\ncommand = it's\ngrace = 5s ; c\n", KEY_RUN_GRACE, NULL, "5s", "agent.ini:3");
}

/* inih's own buffer has 200 bytes: every length works whole or is refused. */
static void test_line_lengths(void **state)
{
    (void)state;
    for (size_t len = 150; len < 450; len++) {
        char text[512] = "[run]\ncommand = ";
        size_t head = strlen("command = ");
        memset(text + 6 + head, 'x', len - head);
        memcpy(text + 6 + len, "\n", 2);
        int rc = parse(text);
        if (len <= 198) {
            assert_ok(rc, &e);
            assert_int_equal(settings.n, 1);
            assert_int_equal(strlen(settings.v[0].value), len - head);
        } else {
            assert_failed(rc, &e, ERR_CONFIG, "agent.ini:2: the line has ");
            assert_contains(e.text, "limit");
        }
    }
}

static void test_long_section_names(void **state)
{
    (void)state;
    static const char NAME[] = "raw-labeled-split-balanced-header-validation";
    expect("[output \"raw-labeled-split-balanced-header-validation\"]\npack = a.tar.gz\n",
           KEY_OUTPUT_PACK, NAME, "a.tar.gz", "agent.ini:2");
    assert_string_equal(sections.v[0].name, NAME);
    /* names that are equal in their first 50 bytes are two sections */
    expect("[output \"raw-labeled-split-balanced-header-validation-one\"]\npack = 1.tar.gz\n"
           "[output \"raw-labeled-split-balanced-header-validation-two\"]\npack = 2.tar.gz\n",
           KEY_OUTPUT_PACK, "raw-labeled-split-balanced-header-validation-two", "2.tar.gz",
           "agent.ini:4");
    assert_int_equal(sections.n, 2);
}

/* inih keeps 50 bytes of a key's name; a longer one must not become another. */
static void test_long_key_names(void **state)
{
    (void)state;
    expect_error("[run]\ncommandcommandcommandcommandcommandcommandcommandcommandcommand = a\n",
                 "agent.ini:2: unknown key");
}

static void test_twice_set(void **state)
{
    (void)state;
    expect_error("[run]\ngrace = 1s\ndrain = 1s\ngrace = 2s\n",
                 "agent.ini:4: \"grace\" is set twice, first at agent.ini:2");
    expect_error("[run]\ngrace = 1s\n[job]\n[run]\ngrace = 1s\n",
                 "set twice, first at agent.ini:2");
    expect_error("[output \"a\"]\npack = a\n[output \"a\"]\npack = b\n",
                 "agent.ini:4: \"pack\" is set twice");
    expect("[output \"a\"]\npack = a\n[output \"b\"]\npack = b\n", KEY_OUTPUT_PACK, "b", "b",
           "agent.ini:4");
}

static void test_unknown_names(void **state)
{
    (void)state;
    expect_error("[job]\ntimezon = UTC\n",
                 "agent.ini:2: unknown key \"timezon\" in [job], did you mean \"timezone\"?");
    expect_error("[job]\nwhatever = UTC\n", "known are timezone, time");
    expect_error("[jobs]\n", "agent.ini:1: unknown section \"jobs\"; did you mean [job]?");
    expect_error("\n\n[elephant]\n",
                 "agent.ini:3: unknown section \"elephant\"; known are job, run");
    expect_error("[outptu \"a\"]\n", "did you mean [output]?");
    expect_error("[job]\ncommand = x\n", "unknown key \"command\" in [job]");
    expect_error("[Job]\n", "did you mean [job]?");
    expect_error("[run]\nGrace = 1s\n", "did you mean \"grace\"?");
}

static void test_lines_that_are_neither(void **state)
{
    (void)state;
    expect_error("timezone = UTC\n", "agent.ini:1: a key before the first [section]");
    expect_error("  timezone = UTC\n", "agent.ini:1: a key before the first [section]");
    expect_error("[job]\ntimezone\n", "agent.ini:2: neither [section] nor key = value");
    expect_error("[job\ntimezone = UTC\n", "agent.ini:1: a section line ends in ]");
    expect_error("[job] timezone = UTC\n", "agent.ini:1: text behind the section's ]");
    expect_error("[job x]\n", "agent.ini:1: section [job] takes no name");
    expect_error("[job \"x\"]\n", "agent.ini:1: section [job] takes no name");
    expect_error("[output]\n", "agent.ini:1: write this section as [output \"NAME\"]");
    expect_error("[output x]\n", "agent.ini:1: write this section as [output \"NAME\"]");
    expect_error("[input \"\"]\n",
                 "agent.ini:1: write this section as [input \"NAME\"], with the InputName");
    expect_error("[output \"a\" \"b\"]\n", "agent.ini:1: write this section as");
    expect_error("[]\n", "agent.ini:1: unknown section \"\"");
    expect_error("[run]\n= 5s\n", "agent.ini:2: ");
}

/* inih sees a comment where a key's name has a blank and ;, so must we. */
static void test_comment_before_the_equals_sign(void **state)
{
    (void)state;
    expect_error("[run]\ngrace ; = 8s\n", "agent.ini:2: ");
    expect_error("[run]\ngrace ; = 8s\n  more = 5\n", "agent.ini:2: ");
    expect_error("[run]\ndrain = 1s\ngrace ; = 8s\n  more = 5\n", "agent.ini:3: ");
    expect_error("[run]\n; x\n\ngrace ;\n", "agent.ini:4: ");
    expect_error("[output \"a ;b\"]\n", "agent.ini:1: ");
    expect_error("[output \"a ;b\"]\n  pack = x\n", "agent.ini:1: ");
}

static void test_nul_bytes(void **state)
{
    (void)state;
    static const char TEXT[] = "[run]\ngrace = 5s\0x\n";
    assert_failed(parse_bytes(TEXT, sizeof TEXT - 1), &e, ERR_CONFIG, "agent.ini:2: a NUL byte");
    assert_failed(parse_bytes("\0", 1), &e, ERR_CONFIG, "agent.ini:1: a NUL byte");
    assert_failed(parse_bytes("[job]\n\0\n", 8), &e, ERR_CONFIG, "agent.ini:2: a NUL byte");
}

/* The first error is the one reported. */
static void test_first_error_wins(void **state)
{
    (void)state;
    expect_error("[job]\nwrong = 1\n[nowhere]\n", "agent.ini:2: unknown key \"wrong\"");
    expect_error("[job]\nno equals sign\nwrong = 1\n", "agent.ini:2: neither");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sections_and_keys, clear),
        cmocka_unit_test_teardown(test_every_known_key, clear),
        cmocka_unit_test_teardown(test_empty_texts, clear),
        cmocka_unit_test_teardown(test_bom_crlf_and_no_final_newline, clear),
        cmocka_unit_test_teardown(test_continuation_lines, clear),
        cmocka_unit_test_teardown(test_a_long_value_over_many_lines, clear),
        cmocka_unit_test_teardown(test_comments, clear),
        cmocka_unit_test_teardown(test_a_lone_semicolon, clear),
        cmocka_unit_test_teardown(test_a_cut_inside_quotes_or_brackets_is_refused, clear),
        cmocka_unit_test_teardown(test_line_lengths, clear),
        cmocka_unit_test_teardown(test_long_section_names, clear),
        cmocka_unit_test_teardown(test_long_key_names, clear),
        cmocka_unit_test_teardown(test_twice_set, clear),
        cmocka_unit_test_teardown(test_unknown_names, clear),
        cmocka_unit_test_teardown(test_lines_that_are_neither, clear),
        cmocka_unit_test_teardown(test_comment_before_the_equals_sign, clear),
        cmocka_unit_test_teardown(test_nul_bytes, clear),
        cmocka_unit_test_teardown(test_first_error_wins, clear),
    };
    return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
