/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/params: papermill's typing, Python literals, the API's limits, and where
 * mistakes are.
 */
#include "unit.h"

#include "notebook/params.h"

static struct params p;
static struct err e;

static void check(const char *python, const char *json)
{
    struct str out = STR_INIT(0);
    params_python(&p, &out);
    assert_true(str_starts(out.s, "# Parameters\n"));
    assert_string_equal(out.s + strlen("# Parameters\n"), python);
    str_clear(&out);
    params_json(&p, &out);
    assert_string_equal(out.s, json);
    str_free(&out);
    params_free(&p);
}

static int add_json(const char *text)
{
    e = (struct err){0};
    return params_add_json(&p, "p.json", text, strlen(text), &e);
}

static int add_hyper(const char *text)
{
    e = (struct err){0};
    return params_add_hyperparameters(&p, "h.json", text, strlen(text), &e);
}

static void test_typed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *python;
        const char *json;
    } CASES[] = {
        {"True", "True", "true"},
        {"False", "False", "false"},
        {"None", "None", "null"},
        {"true", "\"true\"", "\"true\""},
        {"007", "7", "7"},
        {"1_000", "1000", "1000"},
        {" -5\t", "-5", "-5"},
        {"+5", "5", "5"},
        {"-0", "0", "0"},
        {"1__0", "\"1__0\"", "\"1__0\""},
        {"_1", "\"_1\"", "\"_1\""},
        {"1_", "\"1_\"", "\"1_\""},
        {"9223372036854775807", "9223372036854775807", "9223372036854775807"},
        {"-09223372036854775809", "-9223372036854775809", "-9223372036854775809"},
        {"0.10", "0.1", "0.1"},
        {"1.", "1.0", "1.0"},
        {".5", "0.5", "0.5"},
        {".", "\".\"", "\".\""},
        {"1e3", "1000.0", "1000.0"},
        {"1_0.2_5e0_1", "102.5", "102.5"},
        {"1e16", "1e+16", "1e+16"},
        {"123456789012345680.0", "1.2345678901234568e+17", "1.2345678901234568e+17"},
        {"0.0001", "0.0001", "0.0001"},
        {"0.00001", "1e-05", "1e-05"},
        {"3.141592653589793", "3.141592653589793", "3.141592653589793"},
        {"-0.0", "-0.0", "-0.0"},
        {"5e-324", "5e-324", "5e-324"},
        {"nan", "float('nan')", "NaN"},
        {"-NaN", "float('nan')", "NaN"},
        {"Infinity", "float('inf')", "Infinity"},
        {"-inf", "float('-inf')", "-Infinity"},
        {"1e999", "float('inf')", "Infinity"},
        {"0x10", "\"0x10\"", "\"0x10\""},
        {"1e", "\"1e\"", "\"1e\""},
        {"", "\"\"", "\"\""},
        {" a", "\" a\"", "\" a\""},
        {"caf\xc3\xa9 \"q\" \\ \t\x01\n", "\"caf\\xe9 \\\"q\\\" \\\\ \\t\\x01\\n\"",
         "\"caf\xc3\xa9 \\\"q\\\" \\\\ \\u0009\\u0001\\n\""},
        {"日\xf0\x9f\x8d\xa3", "\"\\u65e5\\U0001f363\"", "\"日\xf0\x9f\x8d\xa3\""},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(params_add_typed(&p, "x", CASES[i].text, &e), &e);
        char *python = NULL;
        char *json = NULL;
        assert_true(asprintf(&python, "x = %s\n", CASES[i].python) > 0);
        assert_true(asprintf(&json, "{\"x\": %s}", CASES[i].json) > 0);
        check(python, json);
        free(python);
        free(json);
    }
}

static void test_later_ones_win_in_place(void **state)
{
    (void)state;
    assert_ok(params_add_typed(&p, "a", "1", &e), &e);
    assert_ok(params_add_raw(&p, "b", "2", &e), &e);
    assert_ok(add_json("{\"c\": 3, \"a\": [1, {\"k\": null, \"é\": -0.5}, \"x\", true]}"), &e);
    assert_ok(params_add_typed(&p, "c", "nan", &e), &e);
    check("a = [1, {\"k\": None, \"\\xe9\": -0.5}, \"x\", True]\nb = \"2\"\nc = float('nan')\n",
          "{\"a\": [1, {\"k\": null, \"é\": -0.5}, \"x\", true], \"b\": \"2\", \"c\": NaN}");
    check("", "{}");
}

static void test_names(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",     "1a",    "a-b",    "a b", "a.b", "a\nimport os", "日\xe2\x80\x93本",
        "\xff", "a\xc3", "lambda", "None"};
    static const char *const GOOD[] = {"a", "_", "A1_", "日付", "caf\xc3\xa9", "none", "match"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        e = (struct err){0};
        assert_failed(params_add_typed(&p, BAD[i], "1", &e), &e, ERR_CONFIG, "Python");
        assert_failed(params_add_raw(&p, BAD[i], "1", &e), &e, ERR_CONFIG, "parameter ");
        assert_int_equal(p.n, 0);
    }
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        assert_ok(params_add_typed(&p, GOOD[i], "1", &e), &e);
    }
    assert_int_equal(p.n, COUNT(GOOD));
    params_free(&p);
    assert_failed(params_add_raw(&p, "a", "x\xff", &e), &e, ERR_CONFIG, "not UTF-8");
}

static void test_json_mistakes(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "p.json:1:1: not JSON: the file is empty"},
        {"[1]", "p.json:1:1: parameters are an object"},
        {"{\"a\": 1,\n \"b-c\": 2}", "p.json:2:2: parameter \"b-c\": the name is no Python"},
        {"{\"class\": 1}", "p.json:1:2: parameter \"class\": the name is a Python keyword"},
        {"{\"a\": 1, \"a\": 2}", "duplicate"},
        {"{\"a\": 99999999999999999999}", "too big integer"},
        {"{\"a\": }", "p.json:1:7: not JSON: a value is missing"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(params_add_raw(&p, "kept", "1", &e), &e);
        assert_failed(add_json(CASES[i][0]), &e, ERR_CONFIG, CASES[i][1]);
        check("kept = \"1\"\n", "{\"kept\": \"1\"}"); /* a failure adds nothing */
    }
}

/* An object with `n` members, the first with a name and a value of so many characters. */
static char *many(size_t n, size_t key, size_t value)
{
    struct str s = STR_INIT(0);
    str_puts(&s, "{\"");
    for (size_t i = 0; i < key; i++) {
        str_putc(&s, 'k');
    }
    str_puts(&s, "\": \"");
    for (size_t i = 0; i < value; i++) {
        str_puts(&s, "é"); /* two bytes, one character */
    }
    str_putc(&s, '"');
    for (size_t i = 1; i < n; i++) {
        str_printf(&s, ", \"p%zu\": \"\"", i);
    }
    str_putc(&s, '}');
    return str_take(&s);
}

static void test_hyperparameters(void **state)
{
    (void)state;
    assert_ok(add_hyper("{\"n\": \"5\", \"flag\": \"true\", \"p\": \" /opt/ml\"}"), &e);
    check("n = \"5\"\nflag = \"true\"\np = \" /opt/ml\"\n",
          "{\"n\": \"5\", \"flag\": \"true\", \"p\": \" /opt/ml\"}");
    assert_ok(add_hyper("{}"), &e);
    assert_failed(add_hyper("{\"a\": \"x\",\n\"n\": 5}"), &e, ERR_CONFIG,
                  "h.json:2:6: parameter \"n\": the value is no string");
    static const struct {
        size_t n;
        size_t key;
        size_t value;
        const char *error; /* NULL: fine */
    } CASES[] = {
        {100, 256, 2500, NULL},
        {101, 1, 1, "101 parameters; there may be 100"},
        {1, 257, 1, "the name has 257 characters, at most 256"},
        {1, 1, 2501, "parameter \"k\": the value has 2501 characters, at most 2500"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *text = many(CASES[i].n, CASES[i].key, CASES[i].value);
        if (CASES[i].error) {
            assert_failed(add_hyper(text), &e, ERR_CONFIG, CASES[i].error);
            assert_int_equal(p.n, 0);
        } else {
            assert_ok(add_hyper(text), &e);
            assert_int_equal(p.n, CASES[i].n);
        }
        params_free(&p);
        free(text);
    }
}

static void test_languages(void **state)
{
    (void)state;
    assert_ok(params_supported("python", &e), &e);
    assert_ok(params_supported("Python", &e), &e);
    assert_ok(params_supported(NULL, &e), &e);
    assert_ok(params_supported("", &e), &e);
    assert_failed(params_supported("R", &e), &e, ERR_CONFIG, "Python notebooks only");
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_typed),           cmocka_unit_test(test_later_ones_win_in_place),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_json_mistakes),
        cmocka_unit_test(test_hyperparameters), cmocka_unit_test(test_languages),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
