/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/program: what a short program says, how it ends, and what ends it.
 */
#include "unit.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/program.h"
#include "base/signals.h"

static struct err e;

static int run(const char *script, const char *cwd, int64_t limit_ns, struct str *out, int *status)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)script, NULL};
    char *const envp[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", (char *)(uintptr_t) "X=env",
                          NULL};
    const struct program p = {.argv = argv, .envp = envp, .cwd = cwd, .limit_ns = limit_ns};
    return program_run(&p, out, status, &e);
}

static void test_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *says;
        int status;
    } CASES[] = {
        {"echo $X; pwd", "env\n/usr\n", 0},
        {"exit 3", "", 3},
        {"printf a; kill -9 $$", "a", 137},
        {"cat; echo end", "end\n", 0}, /* nothing on stdin */
        {"exec >&-; sleep 0.1; exit 4", "", 4},
        {"trap '' TERM; kill -TERM $$; echo on", "on\n", 0},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str out = STR_INIT(100);
        int status = -1;
        assert_ok(run(CASES[i].script, "/usr", 0, &out, &status), &e);
        assert_string_equal(str_text(&out), CASES[i].says);
        assert_int_equal(status, CASES[i].status);
        str_free(&out);
    }
}

static void test_too_much_is_dropped(void **state)
{
    (void)state;
    struct str out = STR_INIT(10);
    int status = -1;
    assert_ok(run("head -c 300000 /dev/zero | tr '\\0' x; exit 1", NULL, 0, &out, &status), &e);
    assert_int_equal(status, 1);
    assert_int_equal(out.len, 10);
    assert_true(out.overflow);
    str_free(&out);
}

static void test_it_cannot_be_run(void **state)
{
    (void)state;
    char *const argv[] = {(char *)(uintptr_t) "/nowhere/python", NULL};
    char *const envp[] = {NULL};
    struct program p = {.argv = argv, .envp = envp};
    int status = -1;
    assert_failed(program_run(&p, NULL, &status, &e), &e, ERR_INTERNAL,
                  "cannot run \"/nowhere/python\": No such file");
    assert_failed(run("true", "/nowhere", 0, NULL, &status), &e, ERR_INTERNAL, "No such file");
}

static void test_its_time_is_over(void **state)
{
    (void)state;
    struct str out = STR_INIT(100);
    int status = -1;
    int64_t before = clock_monotonic_ns();
    assert_failed(run("sleep 60 & echo x; sleep 60", NULL, 300 * NS_PER_MS, &out, &status), &e,
                  ERR_INTERNAL, "does not come to its end");
    assert_true(clock_monotonic_ns() - before < 20 * NS_PER_S);
    assert_string_equal(str_text(&out), "x\n");
    str_free(&out);
}

/* A stop ends it; whoever asks next is told too. */
static void test_a_stop(void **state)
{
    (void)state;
    int status = -1;
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_failed(run("sleep 60", NULL, 0, NULL, &status), &e, ERR_STOPPED, "SIGTERM");
    stop_settle();
    assert_ok(run("true", NULL, 0, NULL, &status), &e);
    assert_int_equal(status, 0);
}

int main(void)
{
    if (signals_init(&e) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says),     cmocka_unit_test(test_too_much_is_dropped),
        cmocka_unit_test(test_it_cannot_be_run), cmocka_unit_test(test_its_time_is_over),
        cmocka_unit_test(test_a_stop),
    };
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
