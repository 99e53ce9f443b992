/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/member: which names and link targets of an archive are harmless.
 */
#include "unit.h"

#include <limits.h>

#include "stage/member.h"

/* `why` is a piece of the refusal, or NULL. */
static void assert_why(const char *of, const char *found, const char *why)
{
    if (!found != !why || (why && !strstr(found, why))) {
        fail_msg("%s: %s, expected %s", of, found ? found : "fine", why ? why : "fine");
    }
}

static void test_path(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path, *why;
    } CASES[] = {
        {"a", "a", NULL},
        {"a/b/c.csv", "a/b/c.csv", NULL},
        {"./a", "a", NULL},
        {"././a//b/./c/", "a/b/c", NULL},
        {".", "", NULL},
        {"./", "", NULL},
        {"", "", NULL},
        {"..a/b../...", "..a/b../...", NULL},
        {"._x", "._x", NULL},
        {"__MACOSX/._x", "__MACOSX/._x", NULL},
        {"\xe6\x97\xa5 \n\xff", "\xe6\x97\xa5 \n\xff", NULL},
        {"C:\\x", "C:\\x", NULL},
        {"procagent-1", "procagent-1", NULL},
        {"/a", NULL, "absolute"},
        {"//", NULL, "absolute"},
        {"..", NULL, "\"..\""},
        {"../a", NULL, "\"..\""},
        {"./../a", NULL, "\"..\""},
        {"a/..", NULL, "\"..\""},
        {"a/../../b", NULL, "\"..\""},
        {".procagent-0123456789abcdef", NULL, "own files"},
        {"a/.procagent-x/b", NULL, "own files"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str out = STR_INIT(PATH_MAX - 1);
        assert_why(CASES[i].name, member_path(CASES[i].name, &out), CASES[i].why);
        if (!CASES[i].why) {
            assert_string_equal(str_text(&out), CASES[i].path);
        }
        str_free(&out);
    }
}

/* A name of `parts` parts of `n` bytes each. */
static char *long_name(size_t parts, size_t n)
{
    struct str name = STR_INIT(0);
    for (size_t i = 0; i < parts; i++) {
        str_puts(&name, i ? "/" : "");
        for (size_t k = 0; k < n; k++) {
            str_putc(&name, 'x');
        }
    }
    return str_take(&name);
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t parts, n;
        const char *why;
    } CASES[] = {
        {1, 255, NULL},          {1, 256, "255 bytes"}, {100, 1, NULL},
        {101, 1, "100"},         {15, 255, NULL},       {16, 255, NULL}, /* 4095 bytes */
        {17, 255, "4095 bytes"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str out = STR_INIT(PATH_MAX - 1);
        char *name = long_name(CASES[i].parts, CASES[i].n);
        assert_why(name, member_path(name, &out), CASES[i].why);
        free(name);
        str_free(&out);
    }
}

static void test_target(void **state)
{
    (void)state;
    static const struct {
        const char *path, *target, *why;
    } CASES[] = {
        {"l", "a", NULL},
        {"l", "./a/b", NULL},
        {"l", ".", NULL},
        {"d/l", "../a", NULL},
        {"d/l", "..", NULL},
        {"d/e/l", ".././../a", NULL},
        {"l", "..a", NULL},
        {"l", "", "no path"},
        {"l", "/etc/passwd", "no path"},
        {"l", "..", "out of"},
        {"l", "../a", "out of"},
        {"d/l", "../../a", "out of"},
        {"d/l", "..//./../a", "out of"},
        {"l", "a/..", "behind a name"},
        {"d/l", "a/../b", "behind a name"},
        {"p/s", "q/r/../..", "behind a name"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_why(CASES[i].target, member_target(CASES[i].path, CASES[i].target), CASES[i].why);
    }
    char *far = long_name(16, 255); /* one byte less than the kernel takes with its NUL */
    assert_why("4095 bytes", member_target("l", far), NULL);
    free(far);
    far = long_name(17, 255);
    assert_why("4351 bytes", member_target("l", far), "no path");
    free(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_target),
    };
    return cmocka_run_group_tests_name("member", tests, NULL, NULL);
}
