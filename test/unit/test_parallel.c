/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/parallel: every call once, whatever the number; failures and stops.
 */
#include "unit.h"

#include <errno.h>

#include "base/parallel.h"
#include "base/signals.h"

enum { MOST = 10007 };

struct calls {
    unsigned char n[MOST]; /* how often each was called; each byte is one thread's */
    size_t fails;          /* the call that fails */
};

static int call(void *ctx, size_t i)
{
    struct calls *calls = ctx;
    calls->n[i]++;
    return i == calls->fails ? ENOSPC : 0;
}

static void test_every_call_once(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {0, 1, 1999, 2000, 2001, MOST};
    for (size_t k = 0; k < COUNT(COUNTS); k++) {
        struct calls calls = {.fails = MOST};
        struct parallel p;
        struct err e;
        assert_int_equal(parallel_run(&p, COUNTS[k], call, &calls, k % 2 ? &e : NULL), 0);
        size_t covered = 0;
        for (unsigned i = 0; i < p.n; i++) {
            assert_int_equal(p.first[i], covered);
            covered = p.done[i];
        }
        assert_int_equal(covered, COUNTS[k]);
        for (size_t i = 0; i < MOST; i++) {
            assert_int_equal(calls.n[i], i < COUNTS[k]);
        }
    }
}

static void test_failures(void **state)
{
    (void)state;
    static const size_t FAILS[] = {0, 17, MOST / 2, MOST - 1};
    for (size_t k = 0; k < COUNT(FAILS); k++) {
        struct calls calls = {.fails = FAILS[k]};
        struct parallel p;
        assert_int_equal(parallel_run(&p, MOST, call, &calls, NULL), ENOSPC);
        assert_int_equal(p.failed, FAILS[k]);
        for (unsigned i = 0; i < p.n; i++) { /* what it says was done is what was called */
            size_t end = i + 1 < p.n ? p.first[i + 1] : MOST;
            for (size_t c = p.first[i]; c < end; c++) {
                assert_int_equal(calls.n[c], c < p.done[i] || c == FAILS[k]);
            }
        }
    }
}

static void test_stop(void **state)
{
    (void)state;
    struct calls calls = {.fails = MOST};
    struct parallel p;
    struct err e = {0};
    stop_set_deadline(1);
    assert_failed(parallel_run(&p, MOST, call, &calls, &e), &e, ERR_TIMEOUT, "time is over");
    assert_int_equal(p.done[0], 0);
    assert_int_equal(parallel_run(&p, MOST, call, &calls, NULL), 0);
    stop_set_deadline(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_once),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests_name("parallel", tests, NULL, NULL);
}
