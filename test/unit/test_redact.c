/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/edit's redaction: which secrets go, and that nothing else changes.
 */
#include "unit.h"

#include <jansson.h>

#include "notebook/edit.h"

#define KEY40 "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY+/"
#define TOKEN80 \
    "IQoJb3JpZ2luX2VjEXAMPLE1234567890abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW=="

static struct err e;
static struct redacted counts;

static char *redact(const char *text, struct strvec *values, bool credentials)
{
    struct redaction r = {.values = values, .credentials = credentials};
    struct str out = STR_INIT(0);
    char *copy = malloc(strlen(text)); /* of the exact size */
    assert_non_null(copy);
    memcpy(copy, text, strlen(text));
    e = (struct err){0};
    assert_ok(notebook_redact(copy, strlen(text), &r, &out, &counts, &e), &e);
    free(copy);
    return str_take(&out);
}

/* A notebook whose only output is `output`. */
static char *with_output(const char *output)
{
    char *text;
    assert_true(asprintf(&text,
                         "{\"cells\": [{\"cell_type\": \"code\", \"outputs\": [%s],\n"
                         " \"source\": \"hunter22\"}], \"nbformat\": 4}",
                         output) > 0);
    return text;
}

static void check_output(const char *output, const char *expected, struct strvec *values,
                         bool credentials)
{
    char *text = with_output(output);
    char *wanted = with_output(expected);
    char *result = redact(text, values, credentials);
    assert_string_equal(result, wanted);
    free(text);
    free(wanted);
    free(result);
}

static void test_values(void **state)
{
    (void)state;
    struct strvec values = {0};
    strvec_add(&values, "PASSWORD=hunter22");
    strvec_add(&values, "LONGER=hunter22-and-more");
    strvec_add(&values, "SHORT=abc");
    strvec_add(&values, "EMPTY=");
    strvec_add(&values, "WORD=stream");
    strvec_add(&values, "OUT=stdout");
    strvec_add(&values, "ODD=p\xc3\xa4ss\"w\\rd");
    strvec_add(&values, "FISH=\xf0\x9f\x8d\xa3\xf0\x9f\x8d\xa3");
    strvec_add(&values, "BAD=\xa4\xa4\xa4\xa4\xa4\xa4\xa4");
    static const struct {
        const char *output;
        const char *expected;
        size_t n;
    } CASES[] = {
        {"{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":[\"a hunter22\\n\",\"abc\"]}",
         "{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":[\"a $PASSWORD\\n\",\"abc\"]}",
         1},
        {"{\"text\":\"\\u00e9 \\u0068unter2\\u0032hunter22-and-more\\t\"}",
         "{\"text\":\"\\u00e9 $PASSWORD$LONGER\\t\"}", 2},
        {"{\"text\":\"p\xc3\xa4ss\\\"w\\\\rd p\\u00e4ss\\u0022w\\u005crd\"}",
         "{\"text\":\"$ODD $ODD\"}", 2},
        /* as Python code and as repr: the first with \" escaped, the second without */
        {"{\"text\":\"p\\\\xe4ss\\\\\\\"w\\\\\\\\rd p\\\\xe4ss\\\"w\\\\\\\\rd\"}",
         "{\"text\":\"$ODD $ODD\"}", 2},
        {"{\"text\":\"\\ud83c\\udf63\xf0\x9f\x8d\xa3 \\ud83c\"}", "{\"text\":\"$FISH \\ud83c\"}",
         1},
        {"{\"evalue\":\"hunter22\",\"traceback\":[\"x\",\"hunter22\"],\"ename\":\"hunter22\"}",
         "{\"evalue\":\"$PASSWORD\",\"traceback\":[\"x\",\"$PASSWORD\"],\"ename\":\"$PASSWORD\"}",
         3},
        {"{\"data\":{\"text/html\":\"<hunter22>\",\"image/png\":\"hunter22\",\"application/json\":"
         "{\"hunter22\":[{\"k\":\"hunter22\"}]}}}",
         "{\"data\":{\"text/html\":\"<$PASSWORD>\",\"image/png\":\"$PASSWORD\","
         "\"application/json\":"
         "{\"$PASSWORD\":[{\"k\":\"$PASSWORD\"}]}}}",
         4},
        {"{\"text\":\"hunter2 hunter\",\"n\":[1e5,NaN,123456789012345678901]}",
         "{\"text\":\"hunter2 hunter\",\"n\":[1e5,NaN,123456789012345678901]}", 0},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check_output(CASES[i].output, CASES[i].expected, &values, true);
        assert_int_equal(counts.values, CASES[i].n);
        assert_int_equal(counts.access_key + counts.secrets, 0);
    }
    strvec_free(&values);
}

static void test_credentials(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* inside a JSON string */
        const char *expected;
        size_t ids;
        size_t secrets;
    } CASES[] = {
        {"AKIAIOSFODNN7EXAMPLE", "[redacted]", 1, 0},
        {"(ASIAIOSFODNN7EXAMPLE)", "([redacted])", 1, 0},
        {"xAKIAIOSFODNN7EXAMPLE", "xAKIAIOSFODNN7EXAMPLE", 0, 0},
        {"AKIAIOSFODNN7EXAMPLE1", "AKIAIOSFODNN7EXAMPLE1", 0, 0},
        {"AKIAIOSFODNN7EXAMPLe", "AKIAIOSFODNN7EXAMPLe", 0, 0},
        {"AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPL", 0, 0},
        {"aws_secret_access_key = " KEY40 "\\n", "aws_secret_access_key = [redacted]\\n", 0, 1},
        {"'AWS_SECRET_ACCESS_KEY': '" KEY40 "', 'HOME': '/'",
         "'AWS_SECRET_ACCESS_KEY': '[redacted]', 'HOME': '/'", 0, 1},
        {"{\\\"SecretAccessKey\\\": \\\"" KEY40 "\\\"}",
         "{\\\"SecretAccessKey\\\": \\\"[redacted]\\\"}", 0, 1},
        {"os.environ['AWS_SESSION_TOKEN'] = '" TOKEN80 "'",
         "os.environ['AWS_SESSION_TOKEN'] = '[redacted]'", 0, 1},
        {"SessionToken=" TOKEN80 " Token:" TOKEN80, "SessionToken=[redacted] Token:[redacted]", 0,
         2},
        {"secret_access_key\\u001b[38;5;241m=\\u001b[39m\\u001b[38;5;124m'" KEY40 "'",
         "secret_access_key\\u001b[38;5;241m=\\u001b[39m\\u001b[38;5;124m'[redacted]'", 0, 1},
        {"aws_secret_access_key=None", "aws_secret_access_key=None", 0, 0},
        {"the secret_access_key " KEY40, "the secret_access_key " KEY40, 0, 0},
        {"Token: " KEY40, "Token: " KEY40, 0, 0},
        {KEY40, KEY40, 0, 0},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *output;
        char *expected;
        assert_true(asprintf(&output, "{\"text\":[\"%s\"]}", CASES[i].text) > 0);
        assert_true(asprintf(&expected, "{\"text\":[\"%s\"]}", CASES[i].expected) > 0);
        check_output(output, expected, NULL, true);
        assert_int_equal(counts.access_key, CASES[i].ids);
        assert_int_equal(counts.secrets, CASES[i].secrets);
        check_output(output, output, NULL, false); /* only when asked for */
        free(output);
        free(expected);
    }
}

/* A secret as a member of JSON, and base64 of an image that looks like a key. */
static void test_credentials_in_data(void **state)
{
    (void)state;
    check_output("{\"data\":{\"application/json\":{\"Credentials\":{\"SecretAccessKey\":\"" KEY40
                 "\",\"Token\":\"" TOKEN80 "\"}},\"image/png\":\"AKIAIOSFODNN7EXAMPLE\","
                 "\"image/svg+xml\":\"AKIAIOSFODNN7EXAMPLE\"}}",
                 "{\"data\":{\"application/json\":{\"Credentials\":{\"SecretAccessKey\":"
                 "\"[redacted]\",\"Token\":\"[redacted]\"}},\"image/png\":\"AKIAIOSFODNN7EXAMPLE\","
                 "\"image/svg+xml\":\"[redacted]\"}}",
                 NULL, true);
    assert_int_equal(counts.secrets, 2);
    assert_int_equal(counts.access_key, 1);
}

/* A named value wins over a pattern at the same place, and the rest of a secret goes with it. */
static void test_both(void **state)
{
    (void)state;
    struct strvec values = {0};
    strvec_add(&values, "AWS_SECRET_ACCESS_KEY=" KEY40);
    check_output("{\"text\":\"SecretAccessKey: " KEY40 "\"}",
                 "{\"text\":\"SecretAccessKey: $AWS_SECRET_ACCESS_KEY\"}", &values, true);
    check_output("{\"text\":\"SecretAccessKey: " KEY40 "rest\"}",
                 "{\"text\":\"SecretAccessKey: $AWS_SECRET_ACCESS_KEY[redacted]\"}", &values, true);
    strvec_free(&values);
}

/* Source and metadata only where parameters were put; members that are there twice, both. */
static void test_parameters(void **state)
{
    (void)state;
    struct strvec values = {0};
    struct params p = {0};
    struct str injected = STR_INIT(0);
    bool no_tag;
    strvec_add(&values, "P\"W=h\xc3\xbcnter22\"");
    assert_ok(params_add_raw(&p, "pw", "h\xc3\xbcnter22\"", &e), &e);
    assert_ok(params_add_raw(&p, "aws_secret_access_key", KEY40, &e), &e);
    static const char TEXT[] = "{\"cells\":[{\"source\":\"h\xc3\xbcnter22\\\"\",\"outputs\":["
                               "\"h\xc3\xbcnter22\\\"\"],\"outputs\":[]}],\"nbformat\":4}";
    assert_ok(notebook_inject(TEXT, sizeof TEXT - 1, &p, &injected, &no_tag, &e), &e);
    assert_contains(injected.s, "pw = \\\"h\\\\xfcnter22\\\\\\\"\\\"\\n");
    char *result = redact(injected.s, &values, true);
    assert_contains(result, "\"pw = \\\"$P\\\"W\\\"\\n\"");
    assert_contains(result, "\"aws_secret_access_key = \\\"[redacted]\\\"\\n\"");
    assert_contains(result, "{\"pw\": \"$P\\\"W\", \"aws_secret_access_key\": \"[redacted]\"}");
    assert_contains(result, "{\"source\":\"h\xc3\xbcnter22\\\"\",\"outputs\":[\"$P\\\"W\"]");
    json_t *json = json_loads(result, 0, NULL);
    assert_non_null(json);
    assert_int_equal(counts.values, 3);
    assert_int_equal(counts.secrets, 2);
    json_decref(json);
    free(result);
    str_free(&injected);
    params_free(&p);
    strvec_free(&values);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    char *text = read_bytes(AT_FDCWD, "fixtures/notebook/notebook.job-step-happypath.ipynb", NULL);
    char *result = redact(text, NULL, true);
    assert_string_equal(result, text);
    free(result);
    free(text);
    struct redaction r = {0};
    struct str out = STR_INIT(0);
    assert_failed(notebook_redact("{", 1, &r, &out, &counts, &e), &e, ERR_INPUT, "notebook:1:2: ");
    str_free(&out);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_credentials_in_data),
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
