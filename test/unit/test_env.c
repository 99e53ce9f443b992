/* SPDX-License-Identifier: MIT
 *
 * Environments: setting, merging, hiding values.
 */
#include "unit.h"

#include "base/env.h"

static void test_get(void **state)
{
    (void)state;
    struct strvec list = {0};
    strvec_add(&list, "AB=1");
    strvec_add(&list, "A=2=3");
    strvec_add(&list, "EMPTY=");
    strvec_add(&list, "NONE");
    assert_string_equal(env_get(list.v, "A"), "2=3");
    assert_string_equal(env_get(list.v, "AB"), "1");
    assert_string_equal(env_get(list.v, "EMPTY"), "");
    assert_null(env_get(list.v, "NONE"));
    assert_null(env_get(list.v, "B"));
    strvec_free(&list);
}

static void test_set_replaces_in_place(void **state)
{
    (void)state;
    struct strvec list = {0};
    env_set(&list, "A", "1");
    env_set(&list, "AB", "2");
    env_set(&list, "A", "3=4");
    env_set(&list, "EMPTY", "");
    assert_int_equal(list.n, 3);
    assert_string_equal(list.v[0], "A=3=4");
    assert_string_equal(list.v[1], "AB=2");
    assert_string_equal(list.v[2], "EMPTY=");
    strvec_free(&list);
}

static void test_merge(void **state)
{
    (void)state;
    struct strvec list = {0};
    struct strvec more = {0};
    env_set(&list, "A", "1");
    env_set(&list, "B", "2");
    env_set(&more, "B", "x=y");
    env_set(&more, "C", "z");
    strvec_add(&more, "no variable");
    env_merge(&list, &more);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.v[1], "B=x=y");
    assert_string_equal(list.v[2], "C=z");
    strvec_free(&list);
    strvec_free(&more);
}

static void hide(const char *text, const char *expected)
{
    struct strvec list = {0};
    char out[128];
    env_set(&list, "SHORT", "12345");
    env_set(&list, "SECRET", "hunter2");
    env_set(&list, "LONGER", "hunter2-and-more");
    env_hide_values(&list, text, out, sizeof out);
    assert_string_equal(out, expected);
    strvec_free(&list);
}

static void test_hide(void **state)
{
    (void)state;
    hide("", "");
    hide("nothing here", "nothing here");
    hide("hunter2", "$SECRET");
    hide("ahunter2b hunter2", "a$SECRETb $SECRET");
    hide("hunter2-and-more", "$LONGER");
    hide("hunter2-and-les", "$SECRET-and-les");
    hide("12345", "12345"); /* too short to be a secret */
    hide("bad \xff byte", "bad ? byte");
}

static void test_hide_cuts_at_a_character(void **state)
{
    (void)state;
    struct strvec list = {0};
    char out[5];
    env_hide_values(&list, "abc\xc3\xa9z", out, sizeof out);
    assert_string_equal(out, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_set_replaces_in_place),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_hide),
        cmocka_unit_test(test_hide_cuts_at_a_character),
    };
    return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
