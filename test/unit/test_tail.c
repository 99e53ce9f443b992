/* SPDX-License-Identifier: MIT
 *
 * The last line of stderr, from a file and through the relay. The tests stand in for the transform:
 * they put a file or a pipe on descriptor 2 and write what it would.
 */
#include "unit.h"

#include <poll.h>

#include "run/tail.h"

static int saved_stderr = -1;

static void put_on_stderr(int fd)
{
    (void)fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(saved_stderr >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
}

static void restore_stderr(void)
{
    assert_int_equal(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved_stderr);
}

/* The last line when the file held `before` at the start and `added` came. */
static void expect_from_file(struct scratch *s, const char *before, const char *added,
                             const char *expected)
{
    char line[256];
    struct err e = {0};
    write_text(s->fd, "stderr", before);
    int fd = openat(s->fd, "stderr", O_WRONLY | O_APPEND | O_CLOEXEC);
    put_on_stderr(fd);
    struct tail tail = TAIL_NONE;
    int rc = tail_open(&tail, true, &e);
    int child = tail_child_fd(&tail);
    ssize_t put = write(STDERR_FILENO, added, strlen(added));
    tail_finish(&tail, line, sizeof line);
    tail_close(&tail);
    restore_stderr();
    (void)close(fd);
    assert_ok(rc, &e);
    assert_int_equal(child, -1); /* a file is not relayed */
    assert_int_equal(put, strlen(added));
    assert_string_equal(line, expected);
}

static void test_file(void **state)
{
    struct scratch *s = *state;
    expect_from_file(s, "", "", "");
    expect_from_file(s, "old\n", "", "");
    expect_from_file(s, "old\n", "new\n", "new");
    expect_from_file(s, "", "first\nlast", "last");
    expect_from_file(s, "", "first\nlast\n\n \t \n", "last");
    expect_from_file(s, "", "bar 10%\rbar 99%\r", "bar 99%");
    expect_from_file(s, "", "\n\n", "");
    expect_from_file(s, "", "bad \xff byte\n", "bad ? byte");
}

static void test_file_long(void **state)
{
    char *text = malloc(20001);
    memset(text, 'x', 20000);
    memcpy(text + 19989, "\nthe end\n\n", 10);
    text[19999] = '\0';
    expect_from_file(*state, "old\n", text, "the end");
    free(text);
}

/* All that comes through the relay, while `n` bytes of a pattern are written to it. */
static void relay(size_t n, const char *last)
{
    int out[2];
    char line[256];
    struct err e = {0};
    struct tail tail = TAIL_NONE;
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    put_on_stderr(out[1]);
    int rc = tail_open(&tail, true, &e);
    int child = dup(tail_child_fd(&tail));
    tail_started(&tail);
    (void)fcntl(child, F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    size_t seen = 0;
    bool same = true;
    for (int idle = 0; seen < n && idle < 1000; idle++) {
        char piece[3000];
        for (size_t i = 0; i < sizeof piece; i++) {
            piece[i] = (char)('a' + (sent + i) % 23);
        }
        size_t want = n - sent < sizeof piece ? n - sent : sizeof piece;
        ssize_t put = want ? write(child, piece, want) : 0;
        sent += put > 0 ? (size_t)put : 0;
        int fd;
        short events;
        (void)tail_pump(&tail, &fd, &events);
        char got[5000];
        ssize_t k = read(out[0], got, sizeof got);
        for (ssize_t i = 0; i < k; i++) {
            same = same && got[i] == (char)('a' + (seen + (size_t)i) % 23);
        }
        seen += k > 0 ? (size_t)k : 0;
        idle = put > 0 || k > 0 ? 0 : idle;
    }
    (void)!write(child, last, strlen(last)); /* `child` stays open, as a leftover's would */
    tail_finish(&tail, line, sizeof line);
    tail_close(&tail);
    restore_stderr();
    (void)close(child);
    (void)close(out[0]);
    (void)close(out[1]);
    assert_ok(rc, &e);
    assert_int_equal(seen, n);
    assert_true(same);
    assert_string_equal(line, "why it failed");
}

static void test_relay(void **state)
{
    (void)state;
    relay(0, "why it failed\n");
    relay(10, "\nwhy it failed");
    relay(300000, "\nsome\nwhy it failed\n\n");
}

/* A reader that does not read: the relay holds one piece, takes no more, and gives up after a
 * second. */
static void test_relay_full(void **state)
{
    (void)state;
    int out[2];
    char line[256];
    char piece[4096];
    struct err e = {0};
    struct tail tail = TAIL_NONE;
    memset(piece, 'x', sizeof piece);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    (void)fcntl(out[1], F_SETFL, O_NONBLOCK);
    while (write(out[1], piece, sizeof piece) > 0) {
    }
    put_on_stderr(out[1]);
    int rc = tail_open(&tail, true, &e);
    (void)!write(tail_child_fd(&tail), "stuck\n", 6);
    int fd = -1;
    short events = 0;
    bool wait = tail_pump(&tail, &fd, &events);
    tail_finish(&tail, line, sizeof line);
    tail_close(&tail);
    restore_stderr();
    (void)close(out[0]);
    (void)close(out[1]);
    assert_ok(rc, &e);
    assert_true(wait);
    assert_int_equal(fd, STDERR_FILENO);
    assert_int_equal(events, POLLOUT);
    assert_string_equal(line, "stuck");
}

static void test_no_relay_unless_asked(void **state)
{
    (void)state;
    int out[2];
    struct err e = {0};
    struct tail tail = TAIL_NONE;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    put_on_stderr(out[1]);
    int rc = tail_open(&tail, false, &e);
    int child = tail_child_fd(&tail);
    int fd;
    short events;
    bool wait = tail_pump(&tail, &fd, &events);
    char line[16];
    tail_finish(&tail, line, sizeof line);
    restore_stderr();
    (void)close(out[0]);
    (void)close(out[1]);
    assert_ok(rc, &e);
    assert_int_equal(child, -1);
    assert_false(wait);
    assert_string_equal(line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_scratch(test_file),
        unit_test_scratch(test_file_long),
        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_relay_full),
        cmocka_unit_test(test_no_relay_unless_asked),
    };
    return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
