/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/number: numbers and sizes, and what is neither.
 */
#include "unit.h"

#include <inttypes.h>

#include "base/number.h"

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } CASES[] = {
        {"0", 0}, {"7", 7}, {"10000", 10000}, {"007", 7}, {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        uint64_t value = 42;
        uint64_t size = 42;
        if (!number_parse(CASES[i].text, &value) || value != CASES[i].value) {
            fail_msg("%s: %" PRIu64, CASES[i].text, value);
        }
        assert_true(number_parse_size(CASES[i].text, &size));
        assert_true(size == value);
    }
}

static void test_no_numbers(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"",
                                        " ",
                                        "-1",
                                        "+1",
                                        "1 ",
                                        " 1",
                                        "1.5",
                                        "0x10",
                                        "1K",
                                        "1e3",
                                        "a",
                                        "1a",
                                        "18446744073709551616",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        uint64_t value = 42;
        if (number_parse(TEXTS[i], &value)) {
            fail_msg("%s was read as %" PRIu64, TEXTS[i], value);
        }
        assert_int_equal(value, 42);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } CASES[] = {
        {"500B", 500},
        {"1K", 1024},
        {"64K", 65536},
        {"64KB", 65536},
        {"64KiB", 65536},
        {"32M", 33554432},
        {"32 MB", 33554432},
        {"1G", 1073741824},
        {"1GiB", 1073741824},
        {"17179869183G", UINT64_C(17179869183) << 30},
        {"5 ", 5},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        uint64_t bytes = 42;
        if (!number_parse_size(CASES[i].text, &bytes) || bytes != CASES[i].bytes) {
            fail_msg("%s: %" PRIu64, CASES[i].text, bytes);
        }
    }
}

static void test_no_sizes(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",   " ",     "K",    "MB",   "-1K",  "1k",  "1m",           "1T",
        "1P", "1.5G",  "1 K ", "1KK",  "1Ki",  "1iB", "1KM",          "1K 5",
        "1b", "1MiBs", " 1K",  "0x1K", "1,5K", "K1",  "17179869184G", "18446744073709551616"};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        uint64_t bytes = 42;
        if (number_parse_size(TEXTS[i], &bytes)) {
            fail_msg("%s was read as %" PRIu64, TEXTS[i], bytes);
        }
        assert_int_equal(bytes, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_sizes),
    };
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
