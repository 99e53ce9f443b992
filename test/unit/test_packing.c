/* SPDX-License-Identifier: MIT
 *
 * The keys about archives: lists of patterns and the level.
 */
#include "unit.h"

#include "config/packing.h"

static struct packing packing;
static struct err e;

static int apply(enum key key, const char *value)
{
    struct setting at = {.key = key,
                         .name = (char *)(uintptr_t) "o",
                         .value = (char *)(uintptr_t)value,
                         .origin = (char *)(uintptr_t) "agent.ini:7"};
    e = (struct err){0};
    return packing_apply(&packing, &at, &e);
}

static int clear(void **state)
{
    (void)state;
    strvec_free(&packing.include);
    strvec_free(&packing.exclude);
    free(packing.origin);
    packing = (struct packing){0};
    return 0;
}

static void test_patterns(void **state)
{
    (void)state;
    assert_ok(apply(KEY_OUTPUT_PACK_INCLUDE, "old"), &e);
    assert_ok(apply(KEY_OUTPUT_PACK_INCLUDE, " *.csv ,a b/**\t,x"), &e);
    assert_int_equal(packing.include.n, 3);
    assert_string_equal(packing.include.v[0], "*.csv");
    assert_string_equal(packing.include.v[1], "a b/**");
    assert_string_equal(packing.include.v[2], "x");
    assert_ok(apply(KEY_OUTPUT_PACK_EXCLUDE, "*.tmp"), &e);
    assert_int_equal(packing.exclude.n, 1);
    assert_string_equal(packing.origin, "agent.ini:7: pack_include");
}

static void test_bad_patterns(void **state)
{
    (void)state;
    static char many[2 * (PACKING_MAX_PATTERNS + 1)];
    for (size_t i = 0; i < sizeof many - 1; i++) {
        many[i] = i % 2 ? ',' : 'a';
    }
    static const struct {
        const char *value;
        const char *part;
    } cases[] = {{",", "\"\" must not be empty"}, {"a,,b", "must not be empty"},
                 {"a, ", "must not be empty"},    {"sub/", "\"sub/\" must name files"},
                 {"a**", "must have **"},         {many, "one too many"}};
    assert_ok(apply(KEY_OUTPUT_PACK_EXCLUDE, "kept"), &e);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(apply(KEY_OUTPUT_PACK_EXCLUDE, cases[i].value), -ERR_CONFIG);
        assert_true(str_starts(e.text, "agent.ini:7: pack_exclude: the pattern \""));
        assert_non_null(strstr(e.text, cases[i].part));
        assert_int_equal(packing.exclude.n, 1);
    }
    many[sizeof many - 3] = '\0'; /* as many as there may be */
    assert_ok(apply(KEY_OUTPUT_PACK_EXCLUDE, many), &e);
    assert_int_equal(packing.exclude.n, PACKING_MAX_PATTERNS);
}

static void test_level(void **state)
{
    (void)state;
    assert_ok(apply(KEY_OUTPUT_PACK_LEVEL, "fast"), &e);
    assert_int_equal(packing.level, PACK_FAST);
    assert_ok(apply(KEY_OUTPUT_PACK_LEVEL, "best"), &e);
    assert_int_equal(packing.level, PACK_BEST);
    assert_ok(apply(KEY_OUTPUT_PACK_LEVEL, "normal"), &e);
    assert_int_equal(packing.level, PACK_NORMAL);
    assert_int_equal(apply(KEY_OUTPUT_PACK_LEVEL, "9"), -ERR_CONFIG);
    assert_non_null(strstr(e.text, "fast, normal or best"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_patterns, clear),
        cmocka_unit_test_teardown(test_bad_patterns, clear),
        cmocka_unit_test_teardown(test_level, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
