/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/parts: buffers and files of many partitions, limits, names.
 */
#include "unit.h"

#include <sys/resource.h>

#include "partition/parts.h"

static struct parts ps;
static struct flushes flushes;
static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    flushes = (struct flushes){0};
    parts_init(&ps, at->fd);
    return 0;
}

static int teardown(void **state)
{
    flushes_free(&flushes);
    parts_free(&ps);
    return scratch_remove(state);
}

static struct partition *part(const char *dir)
{
    struct partition *p = parts_find(&ps, dir, strlen(dir), &e);
    if (!p) {
        fail_msg("%s: %s", dir, e.text);
    }
    return p;
}

/* Appends one row. */
static int row_n(struct partition *p, const char *text, size_t n)
{
    if (ps.root_fd < 0) {
        return parts_count(&ps, p, n, &e);
    }
    char *to = parts_room(&ps, p, n, &flushes, &e);
    if (to) {
        memcpy(to, text, n);
        memset(to + n, 'X', PART_SLACK); /* must not matter */
    }
    return to ? 0 : -(int)e.code;
}

static int row(const char *dir, const char *text)
{
    return row_n(part(dir), text, strlen(text));
}

static void begin(const char *name, const char *header)
{
    parts_begin(&ps, name, (struct header){.text = header, .n = strlen(header)},
                (struct header){.text = "all\n", .n = 4});
}

/* Ends a source. */
static int end(void)
{
    size_t n = 0;
    atomic_size_t next = 0;
    struct partition **list = parts_used(&ps, &n);
    int rc = parts_write(&ps, &flushes, &e);
    rc = rc ? rc : parts_end(&ps, list, n, &next, &e);
    free(list);
    return rc ? rc : parts_reset(&ps, &e);
}

static void test_find(void **state)
{
    (void)state;
    assert_ptr_equal(part("k=a"), part("k=a"));
    assert_ptr_not_equal(part("k=a"), part("k=b"));
    char dir[32];
    struct partition *first = part("k=0");
    for (unsigned i = 0; i < 5000; i++) { /* the table grows */
        (void)snprintf(dir, sizeof dir, "k=%u", i);
        struct partition *p = part(dir);
        assert_string_equal(p->dir, dir);
        assert_ptr_equal(part(dir), p);
    }
    assert_ptr_equal(part("k=0"), first);
    assert_int_equal(ps.n, 5002);
    ps.max_partitions = 5003;
    (void)part("k=c");
    (void)part("k=c");
    assert_null(parts_find(&ps, "k=d", 3, &e));
    assert_failed(-(int)e.code, &e, ERR_OUTPUT,
                  "\"k=d\" would be one partition more than "
                  "max_partitions = 5003");
}

static void test_files(void **state)
{
    (void)state;
    begin("a.csv", "h\n");
    assert_ok(row("k=1", "x\n"), &e);
    assert_ok(row("k=2/j=3", "y\n"), &e);
    assert_ok(row("k=1", "z\n"), &e);
    assert_ok(row_n(&ps.rejects, "bad\n", 4), &e);
    assert_ok(end(), &e);
    begin("b.csv", "");
    assert_ok(row("k=1", "w"), &e);
    assert_ok(end(), &e);
    assert_file(at->fd, "k=1/a.csv", "h\nx\nz\n");
    assert_file(at->fd, "k=2/j=3/a.csv", "h\ny\n");
    assert_file(at->fd, "k=1/b.csv", "w");
    assert_file(at->fd, "_rejected/a.csv", "all\nbad\n");
    assert_int_equal(part("k=1")->rows, 3);
    assert_int_equal(part("k=1")->files, 2);
    assert_int_equal(part("k=1")->bytes, 7);
    assert_int_equal(part("k=2/j=3")->rows, 1);
    assert_int_equal(ps.rejects.rows, 1);
    assert_int_equal(ps.files, 3);
    assert_int_equal(atomic_load(&ps.open_files), 0);
    assert_int_equal(atomic_load(&ps.in_flight), 0);
}

static void test_name_taken(void **state)
{
    (void)state;
    begin("a.csv", "");
    assert_ok(row("k=1", "x\n"), &e);
    assert_ok(end(), &e);
    begin("a.csv", "");
    assert_ok(row("k=2", "x\n"), &e);
    assert_ok(row("k=1", "y\n"), &e);
    assert_failed(end(), &e, ERR_OUTPUT,
                  "its rows of k=1 would go to the file \"k=1/a.csv\", which "
                  "another source has made");
    assert_file(at->fd, "k=1/a.csv", "x\n");
}

static void test_bad_folder(void **state)
{
    (void)state;
    write_text(at->fd, "k=1", "a file");
    begin("a.csv", "");
    assert_ok(row("k=1", "x\n"), &e);
    assert_failed(end(), &e, ERR_OUTPUT, "k=1");
}

/* Large rows and small ones: buffers grow, are handed over and come back. */
static void test_buffers(void **state)
{
    (void)state;
    begin("a", "head\n");
    struct str want[3] = {STR_INIT(0), STR_INIT(0), STR_INIT(0)};
    char *text = malloc(2 << 20);
    assert_non_null(text);
    for (size_t i = 0; i < 3; i++) {
        str_puts(&want[i], "head\n");
    }
    for (size_t i = 0; i < 3000; i++) {
        size_t n = i % 500 == 499 ? (2 << 20) - i : 1 + i * 7919 % 3000;
        memset(text, (int)('a' + i % 26), n);
        text[n - 1] = '\n';
        char dir[8];
        (void)snprintf(dir, sizeof dir, "k=%zu", i % 3);
        assert_ok(row_n(part(dir), text, n), &e);
        str_add(&want[i % 3], text, n);
        if (i % 700 == 0) {
            assert_ok(parts_write(&ps, &flushes, &e), &e);
        }
    }
    assert_ok(end(), &e);
    for (size_t i = 0; i < 3; i++) {
        char path[16];
        size_t n = 0;
        (void)snprintf(path, sizeof path, "k=%zu/a", i);
        char *found = read_bytes(at->fd, path, &n);
        assert_int_equal(n, want[i].len);
        assert_memory_equal(found, want[i].s, n);
        free(found);
        str_free(&want[i]);
    }
    free(text);
}

/* Many partitions at once: memory stays bounded though each has a buffer. */
static void test_budget(void **state)
{
    (void)state;
    enum { PARTS = 1500, ROUNDS = 60, ROW = 1000, BOUND = 160 << 20 };
    static char text[ROW];
    memset(text, 'r', sizeof text);
    text[ROW - 1] = '\n';
    struct partition *p[PARTS];
    size_t most = 0;
    begin("a", "h\n");
    for (unsigned i = 0; i < PARTS; i++) {
        char dir[16];
        (void)snprintf(dir, sizeof dir, "k=%u", i);
        p[i] = part(dir);
    }
    /* the first four hundred get large buffers before the others come */
    for (unsigned i = 0; i < 400 * 280; i++) {
        assert_ok(row_n(p[i % 400], text, ROW), &e);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < PARTS; i++) {
            assert_ok(row_n(p[i], text, ROW), &e);
            size_t now = atomic_load(&ps.allocated);
            most = now > most ? now : most;
        }
        assert_ok(parts_write(&ps, &flushes, &e), &e);
    }
    assert_in_range(most, 1 << 20, BOUND);
    assert_ok(end(), &e);
    for (unsigned i = 0; i < PARTS; i++) {
        assert_int_equal(p[i]->bytes, 2 + ROW * (ROUNDS + (i < 400 ? 280 : 0)));
        assert_null(p[i]->buf);
    }
    /* what is left are spare buffers */
    size_t spare = 0;
    for (size_t i = 0; i < ps.n_spare; i++) {
        spare += ps.spare[i].cap;
    }
    assert_int_equal(atomic_load(&ps.allocated), spare);
}

static void test_roll_over(void **state)
{
    (void)state;
    ps.max_file_size = 10;
    begin("part.csv.gz", "h\n");
    for (unsigned i = 0; i < 7; i++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%u..\n", i);
        assert_ok(row("k=1", text), &e);
    }
    assert_ok(row("k=2", "a row that is longer than any file may be\n"), &e);
    assert_ok(row("k=2", "x\n"), &e);
    assert_ok(row("k=3", "12345678"), &e); /* full to the byte */
    assert_ok(end(), &e);
    assert_file(at->fd, "k=1/part.csv.gz", "h\n0..\n1..\n");
    assert_file(at->fd, "k=1/part-00001.csv.gz", "h\n2..\n3..\n");
    assert_file(at->fd, "k=1/part-00002.csv.gz", "h\n4..\n5..\n");
    assert_file(at->fd, "k=1/part-00003.csv.gz", "h\n6..\n");
    assert_file(at->fd, "k=2/part.csv.gz", "h\na row that is longer than any file may be\n");
    assert_file(at->fd, "k=2/part-00001.csv.gz", "h\nx\n");
    assert_file(at->fd, "k=3/part.csv.gz", "h\n12345678");
    assert_int_equal(count_entries(at->fd, "k=3"), 1);
    assert_int_equal(part("k=1")->files, 4);
    assert_int_equal(part("k=1")->rows, 7);
    /* the next source begins with its plain name */
    begin("b", "");
    assert_ok(row("k=1", "1234567\n"), &e);
    assert_ok(row("k=1", "1234567\n"), &e);
    assert_ok(end(), &e);
    assert_file(at->fd, "k=1/b", "1234567\n");
    assert_file(at->fd, "k=1/b-00001", "1234567\n");
    /* a roll-over's name may be taken, too */
    write_text(at->fd, "k=1/c-00001", "");
    begin("c", "");
    assert_ok(row("k=1", "1234567\n"), &e);
    assert_ok(row("k=1", "1234567\n"), &e);
    assert_failed(end(), &e, ERR_OUTPUT, "\"k=1/c-00001\"");
}

/* A file of a source that somebody else made shorter is noticed. */
static void test_sizes_are_checked(void **state)
{
    (void)state;
    ps.max_file_size = 4;
    begin("a", "");
    assert_ok(row("k=1", "123\n"), &e);
    assert_ok(row("k=1", "456\n"), &e);
    size_t n = 0;
    atomic_size_t next = 0;
    struct partition **list = parts_used(&ps, &n);
    assert_ok(parts_write(&ps, &flushes, &e), &e);
    assert_ok(parts_end(&ps, list, n, &next, &e), &e);
    free(list);
    write_text(at->fd, "k=1/a", "12");
    assert_failed(parts_reset(&ps, &e), &e, ERR_OUTPUT, "k=1/a has 2 bytes, not the 4");
}

static void test_max_files(void **state)
{
    (void)state;
    ps.max_files = 5;
    ps.other_files = 2;
    ps.max_file_size = 4;
    begin("a", "");
    assert_ok(row("k=1", "123\n"), &e);
    assert_ok(row("k=1", "123\n"), &e);
    assert_ok(row_n(&ps.rejects, "bad\n", 4), &e);
    assert_ok(row("k=2", "123\n"), &e);
    assert_failed(row("k=3", "123\n"), &e, ERR_OUTPUT, "more than max_files = 5 files");
}

static void test_dry_run(void **state)
{
    (void)state;
    ps.root_fd = -1;
    ps.max_file_size = 10;
    begin("a", "h\n");
    for (unsigned i = 0; i < 5; i++) {
        assert_ok(row("k=1", "abc\n"), &e);
    }
    assert_ok(end(), &e);
    assert_int_equal(part("k=1")->rows, 5);
    assert_int_equal(part("k=1")->files, 3);
    assert_int_equal(part("k=1")->bytes, 26);
    assert_int_equal(ps.files, 3);
    assert_int_equal(count_entries(at->fd, "."), 0);
}

/* With few descriptors files are opened again and again, roll-overs too. */
static void test_few_descriptors(void **state)
{
    (void)state;
    enum { PARTS = 60, ROUNDS = 40 };
    struct rlimit old;
    struct rlimit few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = (struct rlimit){.rlim_cur = 48, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    parts_free(&ps);
    parts_init(&ps, at->fd);
    assert_int_equal(ps.max_open, 8);
    ps.max_file_size = 600;
    begin("a", "h\n");
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < PARTS; i++) {
            char dir[16];
            char text[64];
            (void)snprintf(dir, sizeof dir, "k=%u", i);
            (void)snprintf(text, sizeof text, "%u %038u\n", round % 10, i);
            assert_ok(row(dir, text), &e);
            assert_true(atomic_load(&ps.open_files) <= 9);
        }
    }
    assert_ok(end(), &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (unsigned i = 0; i < PARTS; i++) {
        char path[32];
        size_t n = 0;
        (void)snprintf(path, sizeof path, "k=%u", i);
        assert_int_equal(count_entries(at->fd, path), 3);
        (void)snprintf(path, sizeof path, "k=%u/a-00002", i);
        char *text = read_bytes(at->fd, path, &n);
        assert_int_equal(n, 2 + 41 * (ROUNDS - 28));
        free(text);
    }
    assert_int_equal(atomic_load(&ps.open_files), 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(key_prefix(NULL), 0);
    assert_int_equal(key_prefix("s3://bucket"), 0);
    assert_int_equal(key_prefix("s3://bucket/"), 0);
    assert_int_equal(key_prefix("s3://bucket/a/b"), 4);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        test(test_find),
        test(test_files),
        test(test_name_taken),
        test(test_bad_folder),
        test(test_buffers),
        test(test_budget),
        test(test_roll_over),
        test(test_sizes_are_checked),
        test(test_max_files),
        test(test_dry_run),
        test(test_few_descriptors),
        test(test_names),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
