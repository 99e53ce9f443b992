/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/locate: places of values in JSON texts.
 */
#include "unit.h"

#include "base/locate.h"

static void expect(const char *text, const char *path, size_t line, size_t column)
{
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1); /* of the exact size: a read beyond it is seen by ASan */
    assert_non_null(copy);
    memcpy(copy, text, n);
    struct json_place at = json_locate(copy, n, path);
    free(copy);
    if (at.line != line || at.column != column) {
        fail_msg("%s in %s: found %zu:%zu, expected %zu:%zu", path, text, at.line, at.column, line,
                 column);
    }
}

static void test_members_and_elements(void **state)
{
    (void)state;
    static const char TEXT[] = "{\n"
                               "  \"a\": 1,\n"
                               "  \"b\" : { \"c\" : [ 10, \"x\", { \"d\": null } ] },\n"
                               "\t\"e\":\"}],\\\"{\", \"f\": true\n"
                               "}\n";
    expect(TEXT, "", 1, 1);
    expect(TEXT, "a", 2, 8);
    expect(TEXT, "b", 3, 9);
    expect(TEXT, "b.c", 3, 17);
    expect(TEXT, "b.c.0", 3, 19);
    expect(TEXT, "b.c.1", 3, 23);
    expect(TEXT, "b.c.2", 3, 28);
    expect(TEXT, "b.c.2.d", 3, 35);
    expect(TEXT, "e", 4, 6);
    expect(TEXT, "f", 4, 21);
}

static void test_nearest_parent(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"a\": {\"b\": [1, {}]}, \"s\": \"x\"}";
    expect(TEXT, "nope", 1, 1);
    expect(TEXT, "a.nope", 1, 7);
    expect(TEXT, "a.b.2", 1, 13);
    expect(TEXT, "a.b.1.c", 1, 17);
    expect(TEXT, "a.b.x", 1, 13);
    expect(TEXT, "a.0", 1, 7);
    expect(TEXT, "s.x", 1, 28);
    expect(TEXT, "a.b.99999999999999999999999", 1, 13);
    expect("{}", "a", 1, 1);
    expect("[]", "0", 1, 1);
    expect("[ ]", "0", 1, 1);
    expect("  [ 1 ]", "0", 1, 5);
}

static void test_spaces_before_the_document(void **state)
{
    (void)state;
    expect("\n\n  {\"a\":1}", "", 3, 3);
    expect("\n\n  {\"a\":1}", "a", 3, 8);
    expect("\r\n{\"a\"\r\n:\r\n1}", "a", 4, 1);
}

/* A key's prefix or a longer key is another key, and a key inside a string is none. */
static void test_exact_keys(void **state)
{
    (void)state;
    expect("{\"ab\":1,\"a\":2}", "a", 1, 13);
    expect("{\"a\":1,\"ab\":2}", "ab", 1, 13);
    expect("{\"x\":\"\\\"a\\\":9\",\"a\":2}", "a", 1, 20);
    expect("{\"x\":{\"a\":9},\"a\":2}", "a", 1, 18);
    expect("{\"x\\\\\":1,\"a\":2}", "a", 1, 14);
}

static void test_columns_are_bytes(void **state)
{
    (void)state;
    expect("{\"日本\":1,\"a\":2}", "a", 1, 17);
    expect("{\"日本\":1}", "日本", 1, 11);
}

/* Texts that jansson would not have accepted: no crash, no place outside. */
static void test_broken_texts_stay_inside(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"a\": {\"b\": [1, \"x\\\"\", {\"c\": tru}]}, \"d\": \"e\\";
    static const char *const PATHS[] = {"",  "a",   "a.b.0", "a.b.1", "a.b.2.c",
                                        "d", "zzz", "a.b.5", "..",    "."};
    for (size_t n = 0; n <= sizeof TEXT - 1; n++) {
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, TEXT, n);
        for (size_t i = 0; i < COUNT(PATHS); i++) {
            struct json_place at = json_locate(copy, n, PATHS[i]);
            assert_int_equal(at.line, 1);
            assert_in_range(at.column, 1, n + 1);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_and_elements),
        cmocka_unit_test(test_nearest_parent),
        cmocka_unit_test(test_spaces_before_the_document),
        cmocka_unit_test(test_exact_keys),
        cmocka_unit_test(test_columns_are_bytes),
        cmocka_unit_test(test_broken_texts_stay_inside),
    };
    return cmocka_run_group_tests_name("locate", tests, NULL, NULL);
}
