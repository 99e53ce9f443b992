/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/crew: every call once; of several failures the first in order, with its own
 * text; stops.
 */
#include "unit.h"

#include <sched.h>
#include <signal.h>

#include "base/crew.h"
#include "base/signals.h"

enum { MOST = 1000 };

struct calls {
    unsigned char n[MOST]; /* how often each was called */
    bool fails[MOST];      /* which fail */
    size_t slow;           /* waits until another call failed, when there is another thread */
    _Atomic size_t failures;
};

static int call(void *ctx, size_t i, struct err *e)
{
    struct calls *calls = ctx;
    calls->n[i]++;
    for (int turn = 0; i == calls->slow && calls->failures == 0 && turn < 100000; turn++) {
        (void)sched_yield();
    }
    if (!calls->fails[i]) {
        return stop_check(e);
    }
    calls->failures++;
    return err_set(e, ERR_OUTPUT, "thing %zu", i);
}

static void test_every_call_once(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {0, 1, 2, 3, 17, 255, 256, 257, MOST};
    for (size_t k = 0; k < COUNT(COUNTS); k++) {
        struct calls calls = {.slow = MOST};
        struct err e = {0};
        size_t failed = 4711;
        assert_int_equal(crew_run(COUNTS[k], call, &calls, &failed, &e), 0);
        assert_int_equal(failed, 4711);
        assert_int_equal(e.code, ERR_NONE);
        for (size_t i = 0; i < MOST; i++) {
            assert_int_equal(calls.n[i], i < COUNTS[k]);
        }
    }
}

/* Also when the first to fail is the last to say so. */
static void test_first_failure(void **state)
{
    (void)state;
    static const struct {
        size_t first;
        size_t second;
    } CASES[] = {{0, 1}, {0, 40}, {5, 6}, {31, 32}, {100, 140}, {500, 999}, {999, 999}};
    for (size_t k = 0; k < COUNT(CASES); k++) {
        for (int slow = 0; slow < 2; slow++) {
            struct calls calls = {.slow = slow ? CASES[k].first : MOST};
            struct err e = {0};
            size_t failed = 4711;
            char text[32];
            calls.fails[CASES[k].first] = calls.fails[CASES[k].second] = true;
            (void)snprintf(text, sizeof text, "thing %zu", CASES[k].first);
            assert_int_equal(crew_run(MOST, call, &calls, &failed, &e), -ERR_OUTPUT);
            assert_int_equal(failed, CASES[k].first);
            assert_string_equal(e.text, text);
            for (size_t i = 0; i <= failed; i++) { /* what is in front of it was done */
                assert_int_equal(calls.n[i], 1);
            }
            for (size_t i = 0; i < MOST; i++) {
                assert_in_range(calls.n[i], 0, 1);
            }
        }
    }
}

static void test_stop(void **state)
{
    (void)state;
    struct calls calls = {.slow = MOST};
    struct err e = {0};
    size_t failed = 4711;
    stop_set_deadline(1);
    assert_failed(crew_run(MOST, call, &calls, &failed, &e), &e, ERR_TIMEOUT, "time is over");
    assert_int_equal(failed, 0);
    stop_set_deadline(0);
}

/* Whichever thread reads the signal, all of them end, and the number is told. */
static void test_signal(void **state)
{
    (void)state;
    struct calls calls = {.slow = MOST};
    struct err e = {0};
    size_t failed = 4711;
    assert_int_equal(signals_init(&e), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_failed(crew_run(MOST, call, &calls, &failed, &e), &e, ERR_STOPPED, "stopped by SIGTERM");
    assert_int_equal(e.signo, SIGTERM);
    assert_in_range(failed, 0, MOST - 1);
    signals_restore();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_once),
        cmocka_unit_test(test_first_failure),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_signal),
    };
    return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
