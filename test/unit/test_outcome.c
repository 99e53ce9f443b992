/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/edit's judgement of an executed notebook.
 */
#include "unit.h"

#include "notebook/edit.h"

static struct err e;
static struct notebook_outcome o;

#define RAN(n, outputs) \
    "{\"cell_type\":\"code\",\"execution_count\":" #n ",\"source\":\"x\",\"outputs\":[" outputs "]}"
#define RAN_TAGGED(tag, outputs)                                                   \
    "{\"cell_type\":\"code\",\"execution_count\":2,\"metadata\":{\"tags\":[\"" tag \
    "\"]},\"source\":"                                                             \
    "[\"x\"],\"outputs\":[" outputs "]}"
#define NOT_RUN \
    "{\"cell_type\":\"code\",\"execution_count\":null,\"source\":[\" \",\"x\"],\"outputs\":[]}"
#define BLANK "{\"cell_type\":\"code\",\"execution_count\":null,\"source\":[\" \\n\",\"\\t\"]}"
#define NOTE "{\"cell_type\":\"markdown\",\"source\":\"x\"}"
#define MARKER                                                                            \
    "{\"cell_type\":\"markdown\",\"metadata\":{\"tags\":[\"papermill-error-cell-tag\"]}," \
    "\"source\":\"An Exception was encountered\"}"
#define ERROR                                                         \
    "{\"output_type\":\"error\",\"ename\":\"ValueError\",\"evalue\":" \
    "\"\\n \\u001b[0;31mbad\\u001b[0m \\u0001v\xc3\xa9\\nmore\",\"traceback\":[]}"
#define TEXT "{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":\"error\"}"

static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        const char *cells;
        struct notebook_outcome wanted; /* without its texts */
    } CASES[] = {
        {"", {0}},
        {NOTE "," RAN(1, TEXT) "," BLANK "," RAN(2, ""),
         {.cells = 4, .code_cells = 2, .executed = 2}},
        {RAN(1, TEXT) "," NOTE "," NOT_RUN "," NOT_RUN,
         {.cells = 4, .code_cells = 3, .executed = 1, .first_not_run = 3}},
        {MARKER "," NOTE "," MARKER "," RAN(4, TEXT "," ERROR) "," NOT_RUN,
         {.cells = 3,
          .code_cells = 2,
          .executed = 1,
          .first_not_run = 3,
          .error_cell = 2,
          .error_count = 4}},
        {RAN_TAGGED("raises-exception", ERROR) "," RAN(3, ""),
         {.cells = 2, .code_cells = 2, .executed = 2, .expected = 1}},
        {RAN_TAGGED("raises-exception", ERROR) "," RAN(3, ERROR) "," RAN(4, ERROR),
         {.cells = 3,
          .code_cells = 3,
          .executed = 3,
          .expected = 1,
          .error_cell = 2,
          .error_count = 3}},
        {"{\"cell_type\":\"code\",\"execution_count\":null,\"source\":\"x\",\"metadata\":"
         "{\"tags\":[\"skip-execution\"]}}",
         {.cells = 1}},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const struct notebook_outcome *w = &CASES[i].wanted;
        char *text;
        assert_true(asprintf(&text, "{\"nbformat\":4,\"cells\":[%s]}", CASES[i].cells) > 0);
        assert_ok(notebook_outcome(text, strlen(text), &o, &e), &e);
        assert_int_equal(o.cells, w->cells);
        assert_int_equal(o.code_cells, w->code_cells);
        assert_int_equal(o.executed, w->executed);
        assert_int_equal(o.first_not_run, w->first_not_run);
        assert_int_equal(o.error_cell, w->error_cell);
        assert_int_equal(o.error_count, w->error_count);
        assert_int_equal(o.expected, w->expected);
        if (w->error_cell) {
            assert_string_equal(o.ename, "ValueError");
            assert_string_equal(o.evalue, "bad v\xc3\xa9");
        } else {
            assert_null(o.ename);
            assert_null(o.evalue);
        }
        notebook_outcome_free(&o);
        notebook_outcome_free(&o); /* a second time: nothing */
        free(text);
    }
}

static void test_a_real_one(void **state)
{
    (void)state;
    size_t n;
    char *text = read_bytes(AT_FDCWD, "fixtures/notebook/notebook.job-step-happypath.ipynb", &n);
    assert_ok(notebook_outcome(text, n, &o, &e), &e);
    assert_int_equal(o.cells, 7);
    assert_int_equal(o.code_cells, 6); /* the last is empty */
    assert_int_equal(o.executed, 6);
    assert_int_equal(o.first_not_run + o.error_cell + o.expected, 0);
    notebook_outcome_free(&o);
    free(text);
    assert_failed(notebook_outcome("[]", 2, &o, &e), &e, ERR_INPUT, "notebook:1:1: not a notebook");
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_a_real_one),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
