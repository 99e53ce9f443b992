/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/signals. What changes the process runs in a child, whose exit status is the
 * line of the first check that failed.
 */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/signals.h"

static void dispose(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    (void)sigaction(signo, &action, NULL);
}

static int in_child(int (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(body());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define CHECK(condition)                                \
    do {                                                \
        if (!(condition)) {                             \
            return __LINE__ % 256 ? __LINE__ % 256 : 1; \
        }                                               \
    } while (0)

static void test_what_is_a_stop(void **state)
{
    (void)state;
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        bool stop = signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGQUIT;
        assert_int_equal(signal_is_stop(signo), stop);
    }
}

static void test_what_is_forwarded(void **state)
{
    (void)state;
    static const int ALWAYS[] = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT, SIGUSR1, SIGUSR2,
                                 SIGCONT, SIGTSTP, SIGWINCH, SIGALRM, SIGPIPE};
    static const int NEVER[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP,
                                SIGSYS,  SIGABRT, SIGCHLD, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < COUNT(ALWAYS); i++) {
        assert_true(signal_is_forwarded(ALWAYS[i]));
    }
    for (size_t i = 0; i < COUNT(NEVER); i++) {
        assert_false(signal_is_forwarded(NEVER[i]));
    }
    assert_true(signal_is_forwarded(SIGRTMIN));
    assert_true(signal_is_forwarded(SIGRTMAX));
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        int signo;
        const char *name;
    } CASES[] = {
        {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"},    {SIGKILL, "SIGKILL"}, {SIGCHLD, "SIGCHLD"},
        {SIGSYS, "SIGSYS"},   {0, "signal 0"},       {-1, "signal -1"},    {32, "signal 32"},
        {65, "signal 65"},    {1000, "signal 1000"},
    };
    char buf[16];
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_string_equal(signal_name(buf, sizeof buf, CASES[i].signo), CASES[i].name);
    }
    assert_string_equal(signal_name(buf, sizeof buf, SIGRTMIN), "SIGRTMIN+0");
    assert_string_equal(signal_name(buf, sizeof buf, SIGRTMIN + 3), "SIGRTMIN+3");
    assert_string_equal(signal_name(buf, sizeof buf, SIGRTMAX), "SIGRTMIN+30");
}

static void test_before_init(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(signals_next(), 0);
    assert_int_equal(stop_signal(), 0);
    assert_int_equal(stop_check(&e), 0);
}

static int deadline_body(void)
{
    struct err e = {0};
    CHECK(signals_init(&e) == 0);
    CHECK(stop_deadline_ns() == 0 && stop_check(&e) == 0);
    stop_set_deadline(clock_monotonic_ns() + 3600 * NS_PER_S);
    CHECK(stop_check(&e) == 0);
    stop_set_deadline(clock_monotonic_ns() - 1);
    CHECK(stop_check(&e) == -ERR_TIMEOUT && e.code == ERR_TIMEOUT);
    CHECK(raise(SIGTERM) == 0); /* somebody's request comes before the clock's */
    CHECK(stop_check(&e) == -ERR_STOPPED && e.signo == SIGTERM);
    return 0;
}

static int stop_body(void)
{
    struct err e = {0};
    CHECK(signals_init(&e) == 0);
    CHECK(signals_fd() > 2);
    CHECK(stop_check(&e) == 0);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(raise(SIGWINCH) == 0);
    CHECK(stop_check(&e) == 0); /* reads on, finds none */
    CHECK(raise(SIGTERM) == 0);
    CHECK(raise(SIGINT) == 0); /* SIGINT has the lower number: it is read first */
    CHECK(stop_check(&e) == -ERR_STOPPED);
    CHECK(e.code == ERR_STOPPED && e.signo == SIGINT);
    CHECK(strcmp(e.text, "stopped by SIGINT") == 0);
    CHECK(signals_next() == SIGTERM); /* a later one changes nothing */
    CHECK(stop_signal() == SIGINT);
    CHECK(signals_next() == 0);
    return 0;
}

/* What another thread's stop_check says, in `arg`: 0 or the error's code. */
static void *look(void *arg)
{
    struct err e = {0};
    *(int *)arg = stop_check(&e) == 0 ? 0 : (int)e.code;
    return NULL;
}

static int look_from_thread(void)
{
    pthread_t thread;
    int code = -1;
    if (pthread_create(&thread, NULL, look, &code) == 0) {
        (void)pthread_join(thread, NULL);
    }
    return code;
}

/* A thread must not take a signal away from the supervisor, which has to pass it on. */
static int thread_body(void)
{
    struct err e = {0};
    CHECK(signals_init(&e) == 0);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(kill(getpid(), SIGTERM) == 0);
    CHECK(look_from_thread() == 0); /* waiting, not seen yet */
    CHECK(signals_next() == SIGUSR1);
    CHECK(look_from_thread() == 0);
    CHECK(signals_next() == SIGTERM); /* still there for the first thread */
    CHECK(look_from_thread() == ERR_STOPPED);
    CHECK(stop_check(&e) == -ERR_STOPPED && e.signo == SIGTERM);
    return 0;
}

static int thread_deadline_body(void)
{
    struct err e = {0};
    CHECK(signals_init(&e) == 0);
    stop_set_deadline(clock_monotonic_ns() - 1);
    CHECK(look_from_thread() == ERR_TIMEOUT);
    return 0;
}

static int ignored_at_entry_body(void)
{
    struct err e = {0};
    dispose(SIGHUP, SIG_IGN); /* as nohup does */
    dispose(SIGINT, SIG_IGN); /* as a shell's & does */
    dispose(SIGCHLD, SIG_IGN);
    CHECK(signals_init(&e) == 0);
    CHECK(!signal_is_stop(SIGHUP));
    CHECK(signal_is_stop(SIGINT));
    CHECK(raise(SIGHUP) == 0);
    CHECK(stop_check(&e) == 0);
    CHECK(raise(SIGINT) == 0);
    CHECK(stop_signal() == SIGINT);
    struct sigaction now;
    CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_IGN);
    return 0;
}

static int restore_body(void)
{
    struct err e = {0};
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR2);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    dispose(SIGHUP, SIG_IGN);
    dispose(SIGCHLD, SIG_IGN);
    dispose(SIGPIPE, SIG_DFL);
    CHECK(signals_init(&e) == 0);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGTERM) == 1);
    CHECK(sigismember(&mask, SIGSEGV) == 0);
    signals_restore();
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
    CHECK(sigismember(&mask, SIGUSR2) == 1);
    CHECK(sigismember(&mask, SIGTERM) == 0);
    struct sigaction now;
    CHECK(sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN);
    CHECK(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    return 0;
}

static int closed_fds_body(void)
{
    struct err e = {0};
    (void)close(0);
    (void)close(2);
    CHECK(signals_init(&e) == 0);
    struct stat null;
    struct stat st;
    CHECK(stat("/dev/null", &null) == 0);
    for (int fd = 0; fd <= 2; fd += 2) {
        CHECK(fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev);
    }
    CHECK(signals_fd() > 2);
    return 0;
}

static void test_stop(void **state)
{
    (void)state;
    assert_int_equal(in_child(stop_body), 0);
    assert_int_equal(in_child(deadline_body), 0);
}

static void test_stop_in_a_thread(void **state)
{
    (void)state;
    assert_int_equal(in_child(thread_body), 0);
    assert_int_equal(in_child(thread_deadline_body), 0);
}

static void test_ignored_at_entry(void **state)
{
    (void)state;
    assert_int_equal(in_child(ignored_at_entry_body), 0);
}

static void test_restore(void **state)
{
    (void)state;
    assert_int_equal(in_child(restore_body), 0);
}

static void test_closed_fds(void **state)
{
    (void)state;
    assert_int_equal(in_child(closed_fds_body), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_stop),
        cmocka_unit_test(test_what_is_forwarded),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_before_init),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_ignored_at_entry),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_closed_fds),
        cmocka_unit_test(test_stop_in_a_thread),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
