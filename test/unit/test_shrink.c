/* SPDX-License-Identifier: MIT
 *
 * Compressed blocks: every kind of bytes comes back, by zlib or zstd, and none grows much.
 */
#include "unit.h"

#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/shrink.h"

enum { BLOCK = 1 << 20 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill_noise(unsigned char *p, size_t n)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < n; i++) {
        p[i] = (unsigned char)(next_random(&seed) >> 24);
    }
}

static void fill_base64(unsigned char *p, size_t n)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t seed = 9;
    for (size_t i = 0; i < n; i++) {
        p[i] = (unsigned char)DIGITS[next_random(&seed) >> 30 & 63];
    }
}

static void fill_text(unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (unsigned char)"2022-12-25,tokyo,1\n"[(i * i + i / 19) % 19];
    }
}

static void fill_zeros(unsigned char *p, size_t n)
{
    memset(p, 0, n);
}

/* Noise that repeats looks as even as any, and shrinks all the same. */
static void fill_repeated_noise(unsigned char *p, size_t n)
{
    fill_noise(p, 8192);
    for (size_t i = 8192; i < n; i++) {
        p[i] = p[i - 8192];
    }
}

/* Begins and ends as base64; most is something else. */
static void fill_mixed(unsigned char *p, size_t n)
{
    fill_text(p, n);
    fill_base64(p, n / 8);
    fill_noise(p + n / 2, n / 8);
}

static size_t unpack(enum shrink_format format, const unsigned char *in, size_t n,
                     unsigned char *out, size_t cap)
{
    if (format == SHRINK_ZSTD) {
        return ZSTD_decompress(out, cap, in, n);
    }
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)in,
                  .avail_in = (uInt)n,
                  .next_out = out,
                  .avail_out = (uInt)cap};
    assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_memory_equal(in + 4, "\0\0\0\0", 4); /* no time */
    assert_int_equal(in[9], 255);               /* no system */
    size_t got = cap - z.avail_out;
    assert_int_equal(inflateEnd(&z), Z_OK);
    return got;
}

static const struct {
    void (*fill)(unsigned char *p, size_t n);
    unsigned percent; /* of a whole block's size, at most, at any level */
} KINDS[] = {{fill_noise, 101}, {fill_base64, 77},         {fill_text, 20},
             {fill_zeros, 1},   {fill_repeated_noise, 10}, {fill_mixed, 40}};

/* One compressor for all, as a thread uses it; twice, as what came before may not matter. */
static void check(enum shrink_format format, int level)
{
    static const size_t sizes[] = {BLOCK, 0, 1, 4095, 4096, 65536, 65537, BLOCK - 1};
    struct err e = {0};
    struct shrink *s = NULL;
    size_t cap = shrink_bound(format, BLOCK);
    SCOPE_FREE unsigned char *in = xmalloc(BLOCK);
    SCOPE_FREE unsigned char *out = xmalloc(cap);
    SCOPE_FREE unsigned char *again = xmalloc(cap);
    SCOPE_FREE unsigned char *back = xmalloc(BLOCK + 1);
    assert_ok(shrink_open(&s, format, level, &e), &e);
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        KINDS[k].fill(in, BLOCK);
        for (size_t i = 0; i < COUNT(sizes); i++) {
            size_t n = shrink_block(s, in, sizes[i], out, shrink_bound(format, sizes[i]));
            assert_in_range(n, 1, shrink_bound(format, sizes[i]));
            assert_int_equal(unpack(format, out, n, back, BLOCK + 1), sizes[i]);
            assert_memory_equal(back, in, sizes[i]);
            assert_int_equal(shrink_block(s, in, sizes[i], again, cap), n);
            assert_memory_equal(again, out, n);
            if (i == 0 && n > BLOCK / 100 * KINDS[k].percent) {
                fail_msg("format %d, level %d, kind %zu: %zu bytes", format, level, k, n);
            }
        }
    }
    shrink_free(s);
}

static void test_gzip(void **state)
{
    (void)state;
    check(SHRINK_GZIP, 1);
    check(SHRINK_GZIP, 5);
    check(SHRINK_GZIP, 9);
}

static void test_zstd(void **state)
{
    (void)state;
    check(SHRINK_ZSTD, 1);
    check(SHRINK_ZSTD, 3);
    check(SHRINK_ZSTD, 12);
}

static void test_freeing_nothing(void **state)
{
    (void)state;
    shrink_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_freeing_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
