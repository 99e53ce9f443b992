/* SPDX-License-Identifier: MIT
 *
 * Unit tests of run/status: what waitpid says, made by real processes.
 */
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "run/status.h"

static int wait_for(pid_t pid, int flags)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, flags), pid);
    return status;
}

static void test_every_exit_status(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        struct transform t = {.signo = 9, .dumped = true};
        pid_t pid = fork();
        if (pid == 0) {
            _exit(i);
        }
        assert_true(status_decode(wait_for(pid, 0), &t));
        assert_int_equal(t.status, i);
        assert_int_equal(t.signo, 0);
        assert_false(t.dumped);
    }
}

static void test_signals(void **state)
{
    (void)state;
    static const int SIGNALS[] = {SIGHUP, SIGINT, SIGKILL, SIGSEGV, SIGPIPE, SIGTERM, SIGUSR1};
    for (size_t i = 0; i < COUNT(SIGNALS); i++) {
        struct transform t = {0};
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit none = {0, 0};
            (void)setrlimit(RLIMIT_CORE, &none);
            struct sigaction plain = {.sa_handler = SIG_DFL};
            (void)sigaction(SIGNALS[i], &plain, NULL);
            (void)raise(SIGNALS[i]);
            _exit(0);
        }
        assert_true(status_decode(wait_for(pid, 0), &t));
        assert_int_equal(t.signo, SIGNALS[i]);
        assert_int_equal(t.status, 128 + SIGNALS[i]);
        assert_false(t.dumped);
    }
}

/* Linux's encoding: the signal in the low seven bits, the core flag above. No test can rely on a
 * dump. */
static void test_core_flag(void **state)
{
    (void)state;
    struct transform t = {0};
    assert_true(status_decode(SIGSEGV | 0x80, &t));
    assert_int_equal(t.status, 139);
    assert_true(t.dumped);
}

static void test_stopped_and_continued(void **state)
{
    (void)state;
    struct transform t = {.status = 77, .signo = 5};
    pid_t pid = fork();
    if (pid == 0) {
        (void)raise(SIGSTOP);
        _exit(0);
    }
    assert_false(status_decode(wait_for(pid, WUNTRACED), &t));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_false(status_decode(wait_for(pid, WCONTINUED), &t));
    assert_int_equal(t.status, 77);
    assert_int_equal(t.signo, 5);
    assert_true(status_decode(wait_for(pid, 0), &t));
    assert_int_equal(t.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_exit_status),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_core_flag),
        cmocka_unit_test(test_stopped_and_continued),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
