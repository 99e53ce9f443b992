/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/edit: what a notebook is, and parameters put into one, every other byte
 * kept.
 */
#include "unit.h"

#include <jansson.h>

#include "notebook/edit.h"

#define SIMPLE "{\"cells\": [], \"nbformat\": 4, \"nbformat_minor\": 4}"

static struct err e;
static struct notebook_facts facts;

static int read_text(const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1); /* of the exact size: a read beyond it is seen by ASan */
    assert_non_null(copy);
    memcpy(copy, text, n);
    e = (struct err){0};
    int rc = notebook_read("n.ipynb", copy, n, &facts, &e);
    free(copy);
    return rc;
}

static void test_facts_of_real_ones(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int minor;
        const char *kernel;
        size_t cells;
        size_t code;
        bool parameters;
    } CASES[] = {
        {"powers", 4, "python3", 14, 8, true},
        {"side-effects", 5, "python3", 2, 2, false},
        {"job-step-happypath", 4,
         "python3__SAGEMAKER_INTERNAL__arn:aws:sagemaker:us-west-2:236514542706:image/"
         "sagemaker-data-science-310-v1",
         7, 7, true},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char path[128];
        size_t n;
        (void)snprintf(path, sizeof path, "fixtures/notebook/notebook.%s.ipynb", CASES[i].file);
        char *text = read_bytes(AT_FDCWD, path, &n);
        assert_ok(read_text(text, n), &e);
        assert_int_equal(facts.nbformat, 4);
        assert_int_equal(facts.nbformat_minor, CASES[i].minor);
        assert_string_equal(facts.kernel, CASES[i].kernel);
        assert_string_equal(facts.language, "python");
        assert_int_equal(facts.cells, CASES[i].cells);
        assert_int_equal(facts.code_cells, CASES[i].code);
        assert_int_equal(facts.has_parameters, CASES[i].parameters);
        assert_false(facts.has_injected);
        notebook_facts_free(&facts);
        free(text);
    }
}

static void test_what_is_no_notebook(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "n.ipynb:1:1: not JSON: the file is empty"},
        {" \n", "n.ipynb:2:1: not JSON: the file is empty"},
        {"\xef\xbb\xbf{}", "n.ipynb:1:1: not JSON: begins with a byte order mark"},
        {"{\n \"a\": 01}", "n.ipynb:2:8: not JSON: a comma or a closing bracket"},
        {"{\"a\": \"\xff\"}", "n.ipynb:1:8: not JSON: a byte that is not UTF-8"},
        {"{\"a\": \"\\x\"}", "n.ipynb:1:9: not JSON: an unknown escape"},
        {"{\"a\": \"\n\"}", "n.ipynb:1:8: not JSON: a control character"},
        {"{\"a\": [1, 2", "n.ipynb:1:12: not JSON: the text ends too early"},
        {"{\"a\": 1}}", "n.ipynb:1:9: not JSON: something stands behind the end"},
        {"{\"a\": 1,}", "n.ipynb:1:9: not JSON: a name in double quotes"},
        {"[1]", "n.ipynb:1:1: not a notebook: it is no JSON object"},
        {"{}", "n.ipynb:1:1: not a notebook: there is no member nbformat"},
        {"{\"nbformat\": \"4\"}", "n.ipynb:1:14: not a notebook: nbformat is no version"},
        {"{\"nbformat\": 4}", "not a notebook: there is no list of cells"},
        {"{\"nbformat\": 4, \"cells\": [{}, 7]}", "n.ipynb:1:31: not a notebook: this cell"},
        {"{\"nbformat\": 3, \"worksheets\": []}", "jupyter nbconvert --to notebook"},
        {"{\"nbformat\": 5, \"cells\": []}", "n.ipynb:1:14: nbformat 5 is newer than 4"},
        {"{\"nbformat\": 4, \"cells\": [], \"metadata\": []}", "metadata is no object"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(read_text(CASES[i][0], strlen(CASES[i][0])), &e, ERR_INPUT, CASES[i][1]);
    }
    assert_failed(read_text("{\"a\0\": 1}", 9), &e, ERR_INPUT, "n.ipynb:1:4: not JSON: a control");
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = 199; depth <= 200; depth++) {
        struct str s = STR_INIT(0);
        str_puts(&s, "{\"nbformat\": 4, \"cells\": [], \"x\": ");
        for (size_t i = 0; i < 2 * depth; i++) {
            str_putc(&s, i < depth ? '[' : ']');
        }
        str_putc(&s, '}');
        if (depth == 199) {
            assert_ok(read_text(s.s, s.len), &e);
            notebook_facts_free(&facts);
        } else {
            assert_failed(read_text(s.s, s.len), &e, ERR_INPUT, "nested too deeply");
        }
        str_free(&s);
    }
}

/* Numbers that jansson refuses stay, and the last of two members counts, as for Python. */
static void test_what_notebooks_hold(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"nbformat\": 3, \"x\": [NaN, -Infinity, 123456789012345678901234567890, 1e999],"
        " \"nbformat\": 4, \"c\\u0065lls\": [{\"cell_type\": \"c\\u006fde\"}], "
        "\"metadata\": {\"language_info\": {\"name\": \"R\"}, \"kernelspec\": {\"name\": "
        "\"\\ud83c\\udf63\"}}}";
    assert_ok(read_text(TEXT, sizeof TEXT - 1), &e);
    assert_int_equal(facts.code_cells, 1);
    assert_string_equal(facts.language, "R");
    assert_string_equal(facts.kernel, "\xf0\x9f\x8d\xa3");
    notebook_facts_free(&facts);
}

/* ---- parameters ---- */

static char *inject(const char *text, bool *no_tag)
{
    struct params p = {0};
    struct str out = STR_INIT(0);
    e = (struct err){0};
    assert_ok(params_add_typed(&p, "n", "5", &e), &e);
    assert_ok(params_add_raw(&p, "s", "a\"b", &e), &e);
    assert_ok(notebook_inject(text, strlen(text), &p, &out, no_tag, &e), &e);
    params_free(&p);
    return str_take(&out);
}

#define VALUES "{\"n\": 5, \"s\": \"a\\\"b\"}"
#define SOURCE "\"source\": [\"# Parameters\\n\", \"n = 5\\n\", \"s = \\\"a\\\\\\\"b\\\"\\n\"]}"
#define CELL4                                                                        \
    "{\"cell_type\": \"code\", \"execution_count\": null, \"metadata\": {\"tags\": " \
    "[\"injected-parameters\"]}, \"outputs\": [], " SOURCE
#define CELL5(id)                                                        \
    "{\"cell_type\": \"code\", \"execution_count\": null, \"id\": \"" id \
    "\", \"metadata\": {\"tags\": [\"injected-parameters\"]}, \"outputs\": [], " SOURCE
#define TAGGED(tag) "{\"metadata\":{\"tags\":[\"x\",\"" tag "\"]},\"source\":[\"old\"]}"

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *result;
        bool no_tag;
    } CASES[] = {
        {"{\"cells\":[ ],\"nbformat\":4}",
         "{\"cells\":[" CELL4
         "],\"nbformat\":4, \"metadata\": {\"papermill\": {\"parameters\": " VALUES "}}}",
         true},
        {"{\"nbformat\":4,\"metadata\":{ },\"cells\":[{}]}",
         "{\"nbformat\":4,\"metadata\":{\"papermill\": {\"parameters\": " VALUES
         "}},\"cells\":[" CELL4 ", {}]}",
         true},
        {"{\"nbformat\":4,\"metadata\":{\"b\":1e0 },\"cells\":[{}," TAGGED("parameters") ",{}]}",
         "{\"nbformat\":4,\"metadata\":{\"b\":1e0, \"papermill\": {\"parameters\": " VALUES
         "} },\"cells\":[{}," TAGGED("parameters") ", " CELL4 ",{}]}",
         false},
        {"{\"nbformat\":4,\"metadata\":{\"papermill\":{\"z\":1,\"parameters\":{\"o\":1}}},"
         "\"cells\":[" TAGGED("parameters") ",{}," TAGGED("injected-parameters") ",{}]}",
         "{\"nbformat\":4,\"metadata\":{\"papermill\":{\"z\":1,\"parameters\":" VALUES "}},"
         "\"cells\":[" TAGGED("parameters") ",{}," CELL4 ",{}]}",
         false},
        {"{\"nbformat\":4,\"metadata\":{\"papermill\":{}},\"cells\":[],\"nbformat_minor\":5}",
         "{\"nbformat\":4,\"metadata\":{\"papermill\":{\"parameters\": " VALUES
         "}},\"cells\":[" CELL5("procagent-parameters") "],\"nbformat_minor\":5}",
         true},
        {"{\"nbformat\":4,\"metadata\":{\"papermill\":null},\"cells\":[{\"id\":"
         "\"procagent-parameters\"},{\"id\":\"procagent-parameters-2\"}],\"nbformat_minor\":5}",
         "{\"nbformat\":4,\"metadata\":{\"papermill\":{\"parameters\": " VALUES
         "}},\"cells\":[" CELL5("procagent-parameters-3") ", {\"id\":\"procagent-parameters\"},"
                                                          "{\"id\":\"procagent-parameters-2\"}],"
                                                          "\"nbformat_minor\":5}",
         true},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        bool no_tag = !CASES[i].no_tag;
        char *result = inject(CASES[i].text, &no_tag);
        assert_string_equal(result, CASES[i].result);
        assert_int_equal(no_tag, CASES[i].no_tag);
        free(result);
    }
}

/* An indented file stays one. */
static void test_layout(void **state)
{
    (void)state;
    bool no_tag;
    char *result = inject("{\n \"cells\": [\n  {\n   \"cell_type\": \"raw\"\n  }\n ],\n"
                          " \"metadata\": {},\n \"nbformat\": 4\n}\n",
                          &no_tag);
    assert_string_equal(result, "{\n \"cells\": [\n  {\n   \"cell_type\": \"code\",\n"
                                "   \"execution_count\": null,\n   \"metadata\": {\n"
                                "    \"tags\": [\n     \"injected-parameters\"\n    ]\n   },\n"
                                "   \"outputs\": [],\n   \"source\": [\n"
                                "    \"# Parameters\\n\",\n    \"n = 5\\n\",\n"
                                "    \"s = \\\"a\\\\\\\"b\\\"\\n\"\n   ]\n  },\n"
                                "  {\n   \"cell_type\": \"raw\"\n  }\n ],\n"
                                " \"metadata\": {\n  \"papermill\": {\"parameters\": " VALUES
                                "}\n },\n \"nbformat\": 4\n}\n");
    free(result);
}

static void test_again_is_the_same(void **state)
{
    (void)state;
    static const char *const FILES[] = {"powers", "side-effects", "job-step-happypath"};
    for (size_t i = 0; i < COUNT(FILES); i++) {
        char path[128];
        bool no_tag;
        (void)snprintf(path, sizeof path, "fixtures/notebook/notebook.%s.ipynb", FILES[i]);
        char *text = read_bytes(AT_FDCWD, path, NULL);
        char *once = inject(text, &no_tag);
        char *twice = inject(once, &no_tag);
        json_t *before = json_loads(text, 0, NULL);
        json_t *after = json_loads(once, 0, NULL);
        assert_non_null(before);
        assert_non_null(after);
        assert_string_equal(once, twice);
        assert_false(no_tag);
        /* Without what was put in it is the same notebook. */
        size_t at = i == 1 ? 0 : 1; /* behind the cell tagged parameters, which is the first */
        json_t *cells = json_object_get(after, "cells");
        if (strcmp(FILES[i], "powers") == 0) {
            while (!json_object_get(json_object_get(json_array_get(cells, at - 1), "metadata"),
                                    "tags")) {
                at++;
            }
        }
        const json_t *source = json_object_get(json_array_get(cells, at), "source");
        assert_string_equal(json_string_value(json_array_get(source, 0)), "# Parameters\n");
        assert_int_equal(json_array_remove(cells, at), 0);
        assert_int_equal(json_object_del(json_object_get(after, "metadata"), "papermill"), 0);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        free(text);
        free(once);
        free(twice);
    }
}

static void test_no_parameters(void **state)
{
    (void)state;
    struct params none = {0};
    struct str out = STR_INIT(0);
    bool no_tag = true;
    assert_ok(notebook_inject(SIMPLE, strlen(SIMPLE), &none, &out, &no_tag, &e), &e);
    assert_string_equal(out.s, SIMPLE);
    assert_false(no_tag);
    str_clear(&out);
    assert_failed(notebook_inject("{}", 2, &none, &out, &no_tag, &e), &e, ERR_INPUT,
                  "notebook:1:1: not a notebook");
    assert_int_equal(out.len, 0);
    str_free(&out);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_facts_of_real_ones),
        cmocka_unit_test(test_what_is_no_notebook),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_what_notebooks_hold),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_again_is_the_same),
        cmocka_unit_test(test_no_parameters),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
