/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/progress: the texts as a table; the thread with a pipe, then with a terminal,
 * in stderr's place.
 */
#include "unit.h"

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/scope.h"

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        struct progress_state state; /* files, of, bytes, of, rate */
        const char *text;
    } CASES[] = {
        {{120, 4000, 1200000000, 2000000000, 310000000},
         "did 120 of 4,000 files, 1.2 of 2.0 GB, 310 MB/s"},
        {{0, 1, 0, 0, 0}, "did 0 of 1 file"},
        {{1, 0, 0, 0, 0}, "did 1 file"},
        {{2, 0, 0, 0, 7}, "did 2 files"},
        {{0, 0, 0, 0, 0}, "did nothing yet"},
        {{0, 0, 1500, 0, 1}, "did 1.5 kB, 1 B/s"},
        {{999, 1000, 5, 999, 0}, "did 999 of 1,000 files, 5 of 999 B, 0 B/s"},
        {{0, 0, 999, 1000, 0}, "did 1.0 of 1.0 kB, 0 B/s"},
        {{0, 0, 0, 2000000000, 0}, "did 0.0 of 2.0 GB, 0 B/s"},
        /* at most three digits before or one behind the point, rounded into the next unit */
        {{0, 0, 99949, 0, 99950}, "did 99.9 kB, 100 kB/s"},
        {{0, 0, 999499, 0, 999500}, "did 999 kB, 1.0 MB/s"},
        {{0, 0, 12345678, 123456789, 0}, "did 12 of 123 MB, 0 B/s"},
        {{1234567, 12345678, 0, 0, 0}, "did 1,234,567 of 12,345,678 files"},
        /* more than was announced */
        {{3, 2, 30, 20, 0}, "did 3 of 2 files, 30 of 20 B, 0 B/s"},
        {{UINT64_MAX, 0, UINT64_MAX, UINT64_MAX, UINT64_MAX},
         "did 18,446,744,073,709,551,615 files, 18447 of 18447 PB, 18447 PB/s"},
    };
    char buf[256];
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_string_equal(progress_text(buf, sizeof buf, "did", &CASES[i].state), CASES[i].text);
        char *small = malloc(12); /* of the exact size: a write beyond it is seen by ASan */
        assert_non_null(small);
        (void)progress_text(small, 12, "did", &CASES[i].state);
        assert_int_equal(strncmp(small, CASES[i].text, 11), 0);
        free(small);
    }
}

static void test_bars(void **state)
{
    (void)state;
    static const struct {
        size_t width;
        struct progress_state state;
        const char *bar;
    } CASES[] = {
        {60, {0, 0, 25, 100, 5}, "s: did 25 of 100 B, 5 B/s [########------------------------]"},
        {80,
         {0, 0, 0, 100, 0},
         "s: did 0 of 100 B, 0 B/s [----------------------------------------]"},
        {80,
         {0, 0, 101, 100, 0},
         "s: did 101 of 100 B, 0 B/s [########################################]"},
        {37, {0, 0, 50, 100, 0}, "s: did 50 of 100 B, 0 B/s"},
        {38, {0, 0, 50, 100, 0}, "s: did 50 of 100 B, 0 B/s [#####-----]"},
        {44, {1, 2, 50, 0, 0}, "s: did 1 of 2 files, 50 B, 0 B/s"},
        {32, {1, 2, 0, 0, 0}, "s: did 1 of 2 files [#####-----]"},
        {80, {2, 0, 50, 0, 0}, "s: did 2 files, 50 B, 0 B/s"}, /* of how many: unknown */
        {10, {0, 0, 50, 100, 0}, "s: did 50 "},
        {1, {0, 0, 50, 100, 0}, "s"},
        {0, {0, 0, 50, 100, 0}, ""},
    };
    char buf[256];
    for (size_t i = 0; i < COUNT(CASES); i++) {
        (void)progress_bar(buf, sizeof buf, CASES[i].width, "s", "did", &CASES[i].state);
        assert_string_equal(buf, CASES[i].bar);
        assert_true(strlen(buf) <= CASES[i].width);
    }
    struct progress_state all = {0, 0, UINT64_MAX / 2, UINT64_MAX, 0};
    (void)progress_bar(buf, sizeof buf, 80, "s", "did", &all);
    assert_contains(buf, " [####################--------------------]");
    (void)progress_bar(buf, 9, 80, "s", "did", &all);
    assert_string_equal(buf, "s: did 9");
}

/* ---- the thread ---- */

static int old_stderr;
static int from; /* what was written to stderr comes out here */

static void put_in_place(int writer)
{
    old_stderr = dup(STDERR_FILENO);
    assert_true(old_stderr >= 0);
    assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
    (void)close(writer);
}

static void use_pipe(void)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    from = ends[0];
    put_in_place(ends[1]);
}

static void use_terminal(unsigned short columns)
{
    int terminal;
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    assert_int_equal(openpty(&from, &terminal, NULL, NULL, &size), 0);
    put_in_place(terminal);
}

static void give_back(void)
{
    if (old_stderr >= 0) {
        (void)dup2(old_stderr, STDERR_FILENO);
        (void)close(old_stderr);
        (void)close(from);
        old_stderr = -1;
    }
}

static int setup(void **state)
{
    (void)state;
    old_stderr = -1;
    log_set_level(LOG_INFO);
    progress_configure(10 * NS_PER_S);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    give_back();
    return 0;
}

/* What comes until `piece` has come, or within `ms`; into `seen`, which holds what came before. */
static void await(struct str *seen, const char *piece, int ms)
{
    int64_t end = clock_monotonic_ns() + ms * NS_PER_MS;
    while (!piece || !strstr(str_text(seen), piece)) {
        int64_t left = (end - clock_monotonic_ns()) / NS_PER_MS;
        struct pollfd p = {.fd = from, .events = POLLIN};
        if (left < 0 || poll(&p, 1, (int)left) <= 0) {
            break;
        }
        char bytes[1024];
        ssize_t n = read(from, bytes, sizeof bytes);
        assert_true(n > 0);
        str_add(seen, bytes, (size_t)n);
    }
}

static void test_lines(void **state)
{
    (void)state;
    SCOPE(str_free) struct str seen = STR_INIT(0);
    struct progress p;
    use_pipe();
    progress_configure(50 * NS_PER_MS);
    progress_begin(&p, "stage", "fetched", 4, 2000000);
    progress_add(&p, 1, 1500000);
    await(&seen, " 1.5 of 2.0 MB", 10000);
    progress_add(&p, 0, -1000000); /* that part is done again */
    await(&seen, " 0.5 of 2.0 MB", 10000);
    progress_add(&p, 3, 1500000);
    await(&seen, "4 of 4 files, 2.0 of 2.0 MB", 10000);
    progress_end(&p);
    progress_end(&p); /* a second time: nothing */
    give_back();
    assert_contains(str_text(&seen), "procagent: stage: fetched 1 of 4 files, 1.5 of 2.0 MB, ");
    assert_contains(str_text(&seen),
                    "procagent: stage: fetched 1 of 4 files, 0.5 of 2.0 MB, 0 B/s\n");
    assert_contains(str_text(&seen), "procagent: stage: fetched 4 of 4 files, 2.0 of 2.0 MB, ");
    assert_lacks(str_text(&seen), "\r");
}

/* Less counted than taken back: none, not very many. */
static void test_negative_is_none(void **state)
{
    (void)state;
    SCOPE(str_free) struct str seen = STR_INIT(0);
    struct progress p;
    use_pipe();
    progress_configure(20 * NS_PER_MS);
    progress_begin(&p, "stage", "fetched", 0, 1000);
    progress_add(&p, 0, -5);
    await(&seen, "\n", 10000);
    progress_end(&p);
    give_back();
    assert_contains(str_text(&seen), "procagent: stage: fetched 0.0 of 1.0 kB, 0 B/s\n");
}

static void silent(int64_t interval, enum log_level level)
{
    SCOPE(str_free) struct str seen = STR_INIT(0);
    struct progress p;
    progress_configure(interval);
    log_set_level(level);
    progress_begin(&p, "stage", "fetched", 10, 10);
    progress_add(&p, 1, 1);
    await(&seen, NULL, 300);
    int64_t begin = clock_monotonic_ns();
    progress_end(&p);
    assert_true(clock_monotonic_ns() - begin < 5 * NS_PER_S); /* no interval is waited for */
    await(&seen, NULL, 10);
    assert_string_equal(str_text(&seen), "");
}

static void test_quick_or_quiet_work_shows_nothing(void **state)
{
    (void)state;
    use_pipe();
    silent(10 * NS_PER_S, LOG_INFO);
    silent(0, LOG_INFO);
    silent(10 * NS_PER_MS, LOG_WARN);
    give_back();
    use_terminal(80);
    silent(10 * NS_PER_S, LOG_INFO); /* the first second of a bar */
    give_back();
}

static void *add_many(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        progress_add(arg, 1, 3);
        progress_add(arg, 0, -1);
    }
    return NULL;
}

static void test_several_threads(void **state)
{
    (void)state;
    SCOPE(str_free) struct str seen = STR_INIT(0);
    struct progress p;
    pthread_t threads[4];
    use_pipe();
    progress_configure(1 * NS_PER_MS);
    progress_begin(&p, "stage", "fetched", 0, 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &p), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        (void)pthread_join(threads[i], NULL);
    }
    await(&seen, "fetched 40,000 files, 80.0 kB, ", 10000);
    progress_end(&p);
    give_back();
    assert_contains(str_text(&seen), "fetched 40,000 files, 80.0 kB, ");
}

/* Drawn after a second, in the terminal's width; a log line has a line of its own; gone at the
 * end. */
static void test_a_bar(void **state)
{
    (void)state;
    static const char BAR[] = "\rstage: fetched 1 of 4 files [##--------]\033[K";
    SCOPE(str_free) struct str seen = STR_INIT(0);
    struct progress p;
    use_terminal(41); /* of which the last stays free */
    int64_t begin = clock_monotonic_ns();
    progress_begin(&p, "stage", "fetched", 4, 0);
    progress_add(&p, 1, 0);
    await(&seen, "\033[K", 10000);
    assert_true(clock_monotonic_ns() - begin >= NS_PER_S);
    assert_string_equal(str_text(&seen), BAR);
    str_clear(&seen);
    await(&seen, "\033[K", 10000); /* again, in place */
    assert_string_equal(str_text(&seen), BAR);
    str_clear(&seen);
    log_info("other", "a line");
    await(&seen, "line\r\n", 10000);
    await(&seen, "\n\rstage: ", 10000);
    /* the bar may have been drawn once more before the line */
    assert_contains(str_text(&seen), "\r\033[Kprocagent: other: a line\r\n\rstage: fetched ");
    str_clear(&seen);
    progress_end(&p);
    await(&seen, NULL, 50);
    assert_true(str_ends(str_text(&seen), "\r\033[K"));
    log_info("other", "after");
    str_clear(&seen);
    await(&seen, "\n", 10000);
    assert_string_equal(str_text(&seen), "procagent: other: after\r\n");
    give_back();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_bars),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_negative_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quick_or_quiet_work_shows_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_bar, setup, teardown),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
