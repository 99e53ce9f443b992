/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/nbname: names as SageMaker's notebook jobs and sagemaker-run-notebook
 * write them.
 */
#include "unit.h"

#include "base/clock.h"
#include "notebook/nbname.h"

static int64_t at(const char *text)
{
    int64_t ns = 0;
    assert_true(clock_parse_rfc3339(text, &ns));
    return ns;
}

static void check(char *name, const char *expected)
{
    assert_string_equal(name, expected);
    free(name);
}

static void test_job(void **state)
{
    (void)state;
    static const struct {
        const char *job;
        const char *notebook;
        const char *time;
        const char *name;
    } CASES[] = {
        {"qiita_sample", "qiita_sample.ipynb", "2022-12-25T15:23:04.640Z",
         "qiitasampl-qiitasampl-2022-12-25T15-23-04-640Z.ipynb"},
        {"01-idea-development", "01-idea-development.ipynb", "2024-03-02T12:10:12.993Z",
         "01ideadeve-01ideadeve-2024-03-02T12-10-12-993Z.ipynb"},
        {"j", "/opt/ml/a.b/my.note.ipynb", "2024-03-02T12:10:12Z",
         "j-mynote-2024-03-02T12-10-12-000Z.ipynb"},
        {"日本", "売上.ipynb", "2024-03-02T21:10:12.9999+09:00",
         "job-notebook-2024-03-02T12-10-12-999Z.ipynb"},
        {"", ".ipynb", "1970-01-01T00:00:00Z", "job-ipynb-1970-01-01T00-00-00-000Z.ipynb"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check(nbname_job(CASES[i].job, CASES[i].notebook, at(CASES[i].time)), CASES[i].name);
    }
}

/* Each of these was given to sed 's|\.|-|g; s|:|-|g; s|-*ipynb$|.ipynb|'. */
static void test_normalise(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"X-2024-03-28T20:55:03.123Z-.ipynb", "X-2024-03-28T20-55-03-123Z.ipynb"},
        {"plain.ipynb", "plain.ipynb"},
        {"a.b:c", "a-b-c"},
        {"a.ipynb.html", "a-ipynb-html"},
        {"xipynb", "x.ipynb"},
        {"ipynb", ".ipynb"},
        {"--.ipynb", ".ipynb"},
        {"ipynb.ipynb", "ipynb.ipynb"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check(nbname_normalise(CASES[i][0]), CASES[i][1]);
    }
}

static void test_plain(void **state)
{
    (void)state;
    check(nbname_plain("powers.ipynb", at("2020-06-15T09:05:07.9Z")),
          "powers-2020-06-15-09-05-07.ipynb");
    check(nbname_plain("/in/Total.v1.ipynb", at("2020-06-15T00:05:07+09:00")),
          "Total.v1-2020-06-14-15-05-07.ipynb");
    check(nbname_plain("noext", at("1969-12-31T23:59:59Z")), "noext-1969-12-31-23-59-59.ipynb");
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
