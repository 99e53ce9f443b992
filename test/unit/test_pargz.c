/* SPDX-License-Identifier: MIT
 *
 * Unit tests of base/pargz, which is included so that threads can be refused.
 */
#include <pthread.h>

static unsigned threads_allowed = 1000;
static int create_thread(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
                         void *arg);
#define pthread_create(id, attr, run, arg) create_thread(id, attr, run, arg)
#include "../../agent/base/pargz.c"
#undef pthread_create

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/scope.h"

static int create_thread(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    if (threads_allowed == 0) {
        return EAGAIN;
    }
    threads_allowed--;
    return pthread_create(id, attr, run, arg);
}

/* A file without a name. */
static int scratch_fd(void)
{
    const char *tmp = getenv("TMPDIR");
    int fd = open(tmp ? tmp : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* not every file system has O_TMPFILE */
        char name[] = "/tmp/pargz-XXXXXX";
        fd = mkstemp(name);
        assert_true(fd >= 0);
        (void)unlink(name);
    }
    return fd;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill_noise(unsigned char *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (unsigned char)(next_random(&seed) >> 24);
    }
}

static void fill_text(unsigned char *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n;) {
        char line[64];
        int len =
            snprintf(line, sizeof line, "%u,tokyo,%u\n", (unsigned)(next_random(&seed) % 100000),
                     (unsigned)(next_random(&seed) % 1000));
        size_t part = n - i < (size_t)len ? n - i : (size_t)len;
        memcpy(p + i, line, part);
        i += part;
    }
}

/* Compresses in pieces of odd sizes; the gzip file's bytes, for the caller to free. */
static unsigned char *compress_all(const unsigned char *in, size_t n, unsigned threads,
                                   uint64_t *size)
{
    SCOPE_FD int fd = scratch_fd();
    struct err e = {0};
    SCOPE(pargz_abort) struct pargz *z = NULL;
    int rc = threads ? pargz_open_threads(&z, fd, SHRINK_GZIP, PARGZ_LEVEL, threads, &e)
                     : pargz_open(&z, fd, PARGZ_LEVEL, &e);
    assert_int_equal(rc, 0);
    size_t piece = 1;
    for (size_t at = 0; at < n; at += piece, piece = piece * 3 % 300007 + 1) {
        piece = piece < n - at ? piece : n - at;
        assert_int_equal(pargz_write(z, in + at, piece, &e), 0);
    }
    assert_int_equal(pargz_finish(&z, size, &e), 0);
    assert_null(z);
    assert_int_equal(e.code, ERR_NONE);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, *size);
    unsigned char *out = xmalloc((size_t)*size);
    assert_int_equal(pread(fd, out, (size_t)*size, 0), *size);
    return out;
}

/* zlib reads the file back as the same bytes, in the members we mean. */
static void assert_unpacks(const unsigned char *gz, uint64_t gz_n, const unsigned char *want,
                           size_t n)
{
    z_stream s = {0};
    unsigned char *got = xmalloc(n + 1);
    size_t members = 0;
    s.next_in = (unsigned char *)(uintptr_t)gz;
    s.avail_in = (uInt)gz_n;
    s.next_out = got;
    s.avail_out = (uInt)n + 1;
    while (s.avail_in > 0) {
        static const unsigned char start[4] = {0x1f, 0x8b, 8, 0};
        assert_memory_equal(s.next_in, start, 4);
        assert_memory_equal(s.next_in + 4, "\0\0\0\0", 4); /* no time */
        assert_int_equal(s.next_in[9], 255);               /* no system */
        assert_int_equal(inflateInit2(&s, 16 + 15), Z_OK);
        assert_int_equal(inflate(&s, Z_FINISH), Z_STREAM_END);
        (void)inflateEnd(&s);
        members++;
    }
    assert_int_equal(n + 1 - s.avail_out, n);
    assert_memory_equal(got, want, n);
    assert_int_equal(members, n == 0 ? 1 : (n + PARGZ_BLOCK - 1) / PARGZ_BLOCK);
    free(got);
}

static void test_any_size_comes_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,
                                   1,
                                   4096,
                                   65536,
                                   PARGZ_BLOCK - 1,
                                   PARGZ_BLOCK,
                                   PARGZ_BLOCK + 1,
                                   2 * PARGZ_BLOCK,
                                   7 * PARGZ_BLOCK + 12345};
    unsigned char *in = xmalloc(8 * PARGZ_BLOCK);
    fill_text(in, 3 * PARGZ_BLOCK, 1);
    fill_noise(in + 3 * PARGZ_BLOCK, 2 * PARGZ_BLOCK, 2);
    fill_text(in + 5 * PARGZ_BLOCK, 3 * PARGZ_BLOCK, 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t size = 0;
        unsigned char *gz = compress_all(in, sizes[i], 0, &size);
        assert_unpacks(gz, size, in, sizes[i]);
        free(gz);
    }
    free(in);
}

/* The frames of a zstd file are one stream, whoever made them in whatever order. */
static void test_zstd(void **state)
{
    (void)state;
    const size_t n = 5 * PARGZ_BLOCK + 77;
    unsigned char *in = xmalloc(n);
    unsigned char *back = xmalloc(n);
    unsigned char *first = NULL;
    uint64_t first_n = 0;
    fill_text(in, n, 4);
    fill_noise(in + PARGZ_BLOCK, PARGZ_BLOCK, 5);
    for (unsigned threads = 1; threads <= 4; threads++) {
        SCOPE_FD int fd = scratch_fd();
        struct err e = {0};
        SCOPE(pargz_abort) struct pargz *z = NULL;
        uint64_t size = 0;
        assert_int_equal(pargz_open_threads(&z, fd, SHRINK_ZSTD, 3, threads, &e), 0);
        assert_int_equal(pargz_write(z, in, n, &e), 0);
        assert_int_equal(pargz_finish(&z, &size, &e), 0);
        unsigned char *zst = xmalloc((size_t)size);
        assert_int_equal(pread(fd, zst, (size_t)size, 0), size);
        assert_int_equal(ZSTD_decompress(back, n, zst, (size_t)size), n);
        assert_memory_equal(back, in, n);
        if (first) {
            assert_int_equal(size, first_n);
            assert_memory_equal(zst, first, (size_t)size);
            free(zst);
        } else {
            first = zst;
            first_n = size;
        }
    }
    free(first);
    free(in);
    free(back);
}

static void test_bytes_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const unsigned counts[] = {1, 2, 3, 5, PARGZ_MAX_THREADS, 0};
    const size_t n = 12 * PARGZ_BLOCK + 77;
    unsigned char *in = xmalloc(n);
    fill_text(in, n, 5);
    fill_noise(in + 4 * PARGZ_BLOCK, 3 * PARGZ_BLOCK, 6); /* quick blocks overtake slow ones */
    uint64_t want_n = 0;
    unsigned char *want = compress_all(in, n, 1, &want_n);
    assert_unpacks(want, want_n, in, n);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint64_t size = 0;
        unsigned char *gz = compress_all(in, n, counts[i], &size);
        assert_int_equal(size, want_n);
        assert_memory_equal(gz, want, want_n);
        free(gz);
    }
    free(want);
    free(in);
}

static void test_threads_that_cannot_be_had(void **state)
{
    (void)state;
    const size_t n = 9 * PARGZ_BLOCK + 5;
    unsigned char *in = xmalloc(n);
    fill_text(in, n, 8);
    uint64_t want_n = 0;
    unsigned char *want = compress_all(in, n, 2, &want_n);
    for (unsigned allowed = 0; allowed < 3; allowed++) {
        threads_allowed = allowed;
        uint64_t size = 0;
        unsigned char *gz = compress_all(in, n, 4, &size);
        threads_allowed = 1000;
        assert_int_equal(size, want_n);
        assert_memory_equal(gz, want, want_n);
        free(gz);
    }
    free(want);
    free(in);
}

static uint64_t compressed_size(const unsigned char *in, size_t n)
{
    uint64_t size = 0;
    unsigned char *gz = compress_all(in, n, 2, &size);
    assert_unpacks(gz, size, in, n);
    free(gz);
    return size;
}

static void test_noise_is_stored_and_nothing_else(void **state)
{
    (void)state;
    const size_t n = 4 * PARGZ_BLOCK;
    unsigned char *in = xmalloc(n);
    fill_noise(in, n, 11);
    uint64_t size = compressed_size(in, n);
    assert_in_range(size, n, n + n / 8000);

    /* Even byte counts alone are no noise: the same 16 KiB over and over shrink. */
    for (size_t at = 16384; at < n; at += 16384) {
        memcpy(in + at, in, 16384);
    }
    assert_in_range(compressed_size(in, n), 1, n / 10);

    /* 200 KB of text in a block of noise, at either end, are not given up. */
    for (int end = 0; end < 2; end++) {
        fill_noise(in, PARGZ_BLOCK, 12);
        fill_text(in + (end ? PARGZ_BLOCK - 200000 : 0), 200000, 13);
        assert_in_range(compressed_size(in, PARGZ_BLOCK), 1, PARGZ_BLOCK - 100000);
    }
    free(in);
}

static void test_full_disk(void **state)
{
    (void)state;
    unsigned char *in = xmalloc(PARGZ_BLOCK);
    fill_noise(in, PARGZ_BLOCK, 21);
    for (unsigned blocks = 0; blocks < 40; blocks += 13) {
        SCOPE_FD int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        struct err e = {0};
        struct pargz *z = NULL;
        uint64_t size = 42;
        assert_int_equal(pargz_open_threads(&z, fd, SHRINK_GZIP, PARGZ_LEVEL, 3, &e), 0);
        int rc = 0;
        for (unsigned i = 0; rc == 0 && i < blocks; i++) {
            rc = pargz_write(z, in, PARGZ_BLOCK, &e);
        }
        assert_true(blocks < 20 || rc != 0); /* it is told long before the end */
        rc = rc ? rc : pargz_finish(&z, &size, &e);
        assert_int_equal(rc, -ERR_OUTPUT);
        assert_int_equal(e.code, ERR_OUTPUT);
        assert_int_equal(e.sys, ENOSPC);
        assert_int_equal(size, 42);
        pargz_abort(&z);
        assert_null(z);
    }
    free(in);
}

static void test_finish_after_failure(void **state)
{
    (void)state;
    unsigned char *in = xcalloc(1, PARGZ_BLOCK);
    SCOPE_FD int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct err e = {0};
    struct pargz *z = NULL;
    uint64_t size = 0;
    assert_int_equal(pargz_open_threads(&z, fd, SHRINK_GZIP, PARGZ_LEVEL, 1, &e), 0);
    while (pargz_write(z, in, PARGZ_BLOCK, &e) == 0) {
    }
    assert_int_equal(pargz_finish(&z, &size, &e), -ERR_OUTPUT);
    assert_null(z);
    free(in);
}

static void test_abort_at_any_time(void **state)
{
    (void)state;
    unsigned char *in = xmalloc(PARGZ_BLOCK);
    fill_text(in, PARGZ_BLOCK, 31);
    for (unsigned blocks = 0; blocks < 12; blocks++) {
        SCOPE_FD int fd = scratch_fd();
        struct err e = {0};
        struct pargz *z = NULL;
        assert_int_equal(pargz_open_threads(&z, fd, SHRINK_GZIP, PARGZ_LEVEL, 3, &e), 0);
        for (unsigned i = 0; i < blocks; i++) {
            assert_int_equal(pargz_write(z, in, PARGZ_BLOCK - (i == 3), &e), 0);
        }
        pargz_abort(&z);
        assert_null(z);
        pargz_abort(&z);
    }
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_size_comes_back),
        cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_bytes_do_not_depend_on_threads),
        cmocka_unit_test(test_threads_that_cannot_be_had),
        cmocka_unit_test(test_noise_is_stored_and_nothing_else),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_finish_after_failure),
        cmocka_unit_test(test_abort_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
