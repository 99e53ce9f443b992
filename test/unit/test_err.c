/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/err: codes, texts, context, and what does not fit.
 */
#include "unit.h"

#include "base/utf8.h"

static void test_set(void **state)
{
    (void)state;
    struct err e = {.signo = 9, .exec_status = 126, .sys = 5};
    assert_int_equal(err_set(&e, ERR_INPUT, "%s: %d", "a", 7), -ERR_INPUT);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(e.sys, 0);
    assert_int_equal(e.signo, 0);
    assert_int_equal(e.exec_status, 0);
    assert_string_equal(e.text, "a: 7");
}

static void test_sys(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_sys(&e, ERR_OUTPUT, ENOSPC, "write %s", "x"), -ERR_OUTPUT);
    assert_int_equal(e.sys, ENOSPC);
    assert_string_equal(e.text, "write x: No space left on device");
    (void)err_sys(&e, ERR_OUTPUT, 99999, "x");
    assert_string_equal(e.text, "x: unknown error");
    (void)err_sys(&e, ERR_OUTPUT, 0, "x");
    assert_string_equal(e.text, "x");
}

static void test_prefix(void **state)
{
    (void)state;
    struct err e = {0};
    (void)err_sys(&e, ERR_OUTPUT, ENOSPC, "write");
    assert_int_equal(err_prefix(&e, "part-%04d", 3), -ERR_OUTPUT);
    assert_int_equal(err_prefix(&e, "pack"), -ERR_OUTPUT);
    assert_string_equal(e.text, "pack: part-0003: write: No space left on device");
    assert_int_equal(e.sys, ENOSPC);
}

static void test_one_line(void **state)
{
    (void)state;
    struct err e = {0};
    (void)err_set(&e, ERR_INPUT, "a\nb\x1b[31m\x7f\t日");
    assert_string_equal(e.text, "a?b?[31m??日");
    (void)err_prefix(&e, "x\ry");
    assert_string_equal(e.text, "x?y: a?b?[31m??日");
}

/* What does not fit is cut; the text of errno is not, and no character is cut in two. */
static void test_too_long(void **state)
{
    (void)state;
    char text[3 * ERR_TEXT_MAX];
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i < sizeof text - 4; i += 3) {
            memcpy(text + i, "日", 4);
        }
        struct err e = {0};
        (void)err_set(&e, ERR_INPUT, "%s", text);
        assert_in_range(strlen(e.text), ERR_TEXT_MAX - 4, ERR_TEXT_MAX - 1);
        assert_true(utf8_valid(e.text, strlen(e.text)));
        (void)err_prefix(&e, "%.*s", (int)shift, "abc");
        assert_in_range(strlen(e.text), ERR_TEXT_MAX - 4, ERR_TEXT_MAX - 1);
        assert_true(utf8_valid(e.text, strlen(e.text)));
        (void)err_sys(&e, ERR_INPUT, EACCES, "%.*s%s", (int)shift, "abc", text);
        assert_true(utf8_valid(e.text, strlen(e.text)));
        assert_contains(e.text, ": Permission denied");
        (void)err_prefix(&e, "%s", text);
        assert_true(utf8_valid(e.text, strlen(e.text)));
    }
}

static void test_code_names(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"none", "config",   "input",  "output",
                                        "exec", "internal", "stopped"};
    for (int code = ERR_NONE; code <= ERR_STOPPED; code++) {
        assert_string_equal(err_code_name((enum err_code)code), NAMES[code]);
    }
    assert_string_equal(err_text(ENOENT), "No such file or directory");
}

static void test_is_stop(void **state)
{
    (void)state;
    for (int code = ERR_NONE; code <= ERR_TIMEOUT; code++) {
        struct err e = {.code = (enum err_code)code};
        assert_int_equal(err_is_stop(&e), code == ERR_STOPPED || code == ERR_TIMEOUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),      cmocka_unit_test(test_sys),
        cmocka_unit_test(test_prefix),   cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_code_names),
        cmocka_unit_test(test_is_stop),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
