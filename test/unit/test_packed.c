/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/packed: gzip and zstd files, whole, in several members, damaged and cut.
 */
#include "unit.h"

#include <zlib.h>
#include <zstd.h>

#include "stage/packed.h"

static struct err e;

/* `text` as one gzip member or zstd frame, appended. */
static void pack(struct str *out, enum packing how, const char *text, size_t n)
{
    size_t cap = n + n / 100 + 1024;
    char *to = malloc(cap);
    assert_non_null(to);
    if (how == PACKED_GZIP) {
        z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                      .avail_in = (uInt)n,
                      .next_out = (Bytef *)to,
                      .avail_out = (uInt)cap};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        str_add(out, to, cap - z.avail_out);
        (void)deflateEnd(&z);
    } else if (how == PACKED_ZSTD) {
        ZSTD_CCtx *z = ZSTD_createCCtx();
        (void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
        size_t got = ZSTD_compress2(z, to, cap, text, n);
        assert_false(ZSTD_isError(got));
        str_add(out, to, got);
        (void)ZSTD_freeCCtx(z);
    } else {
        str_add(out, text, n);
    }
    free(to);
}

/* Reads what the file `bytes` holds into `out`: 0 or the error. */
static int unpack_bytes(const struct scratch *at, enum packing how, const struct str *bytes,
                        struct str *out)
{
    struct packed p = PACKED_NONE;
    write_bytes(at->fd, "in", str_text(bytes), bytes->len);
    int fd = openat(at->fd, "in", O_RDONLY | O_CLOEXEC);
    const void *piece = NULL;
    str_clear(out);
    assert_ok(packed_open(&p, fd, how, &e), &e);
    ssize_t n;
    while ((n = packed_next(&p, &piece, &e)) > 0) {
        str_add(out, piece, (size_t)n);
    }
    packed_close(&p);
    (void)close(fd);
    return (int)n;
}

static const enum packing HOW[] = {PACKED_NOT, PACKED_GZIP, PACKED_ZSTD};

/* Larger than every buffer, and compressible only in part. */
static char *make_text(size_t n)
{
    char *text = malloc(n);
    assert_non_null(text);
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (char)(x >> 28);
    }
    return text;
}

static void test_members(void **state)
{
    const struct scratch *at = *state;
    enum { SIZE = 1000 * 1000 };
    char *text = make_text(SIZE);
    struct str in = STR_INIT(0);
    struct str out = STR_INIT(0);
    for (size_t i = 0; i < COUNT(HOW); i++) {
        /* several members, an empty one among them */
        str_clear(&in);
        pack(&in, HOW[i], text, 700 * 1000);
        pack(&in, HOW[i], "", 0);
        pack(&in, HOW[i], text + 700 * 1000, SIZE - 700 * 1000);
        assert_ok(unpack_bytes(at, HOW[i], &in, &out), &e);
        assert_int_equal(out.len, SIZE);
        assert_memory_equal(out.s, text, SIZE);
        /* nothing at all in one */
        str_clear(&in);
        pack(&in, HOW[i], "", 0);
        assert_ok(unpack_bytes(at, HOW[i], &in, &out), &e);
        assert_int_equal(out.len, 0);
    }
    free(text);
    str_free(&in);
    str_free(&out);
}

/* Members so small that heads and ends of many fall on the edges of the input buffer. */
static void test_many_members(void **state)
{
    const struct scratch *at = *state;
    enum { MEMBERS = 20000 };
    struct str in = STR_INIT(0);
    struct str out = STR_INIT(0);
    for (size_t i = 1; i < COUNT(HOW); i++) {
        struct str one = STR_INIT(0);
        pack(&one, HOW[i], "abc", 3);
        str_clear(&in);
        for (size_t k = 0; k < MEMBERS; k++) {
            str_add(&in, one.s, one.len);
        }
        assert_ok(unpack_bytes(at, HOW[i], &in, &out), &e);
        assert_int_equal(out.len, 3 * MEMBERS);
        assert_memory_equal(out.s + 3 * (MEMBERS - 1), "abc", 3);
        str_free(&one);
    }
    str_free(&in);
    str_free(&out);
}

/* A file that ends anywhere but at a member's end is an error, and so is any changed byte that
 * matters: libarchive's own gzip reader sees neither checksum nor length. */
static void test_cut_and_damaged(void **state)
{
    const struct scratch *at = *state;
    struct str in = STR_INIT(0);
    struct str cut = STR_INIT(0);
    struct str out = STR_INIT(0);
    char *text = make_text(3000);
    for (size_t i = 1; i < COUNT(HOW); i++) {
        str_clear(&in);
        pack(&in, HOW[i], text, 2000);
        size_t first = in.len;
        pack(&in, HOW[i], text + 2000, 1000);
        for (size_t n = 1; n < in.len; n++) {
            str_clear(&cut);
            str_add(&cut, in.s, n);
            int rc = unpack_bytes(at, HOW[i], &cut, &out);
            /* a lone byte behind a gzip member is no member */
            if (n == first || (HOW[i] == PACKED_GZIP && n == first + 1)) {
                assert_ok(rc, &e);
            } else {
                assert_failed(rc, &e, ERR_INPUT, n < 2 ? "" : "is cut short");
            }
        }
        size_t unseen = 0;
        for (size_t n = 10; n < first; n++) {
            str_clear(&cut);
            str_add(&cut, in.s, first);
            cut.s[n] ^= 0x10;
            if (unpack_bytes(at, HOW[i], &cut, &out) == 0) {
                unseen++; /* a bit that nobody uses, behind the last code */
                assert_int_equal(out.len, 2000);
                assert_memory_equal(out.s, text, 2000);
            } else {
                assert_failed(-(int)e.code, &e, ERR_INPUT, "is ");
            }
        }
        assert_true(unseen <= 1);
    }
    free(text);
    str_free(&in);
    str_free(&cut);
    str_free(&out);
}

static void test_other_files(void **state)
{
    const struct scratch *at = *state;
    struct str in = STR_INIT(0);
    struct str out = STR_INIT(0);
    str_puts(&in, "year,amount\n2021,5\n");
    assert_failed(unpack_bytes(at, PACKED_GZIP, &in, &out), &e, ERR_INPUT, "is no gzip file");
    assert_failed(unpack_bytes(at, PACKED_ZSTD, &in, &out), &e, ERR_INPUT, "is damaged (");
    str_clear(&in);
    assert_failed(unpack_bytes(at, PACKED_GZIP, &in, &out), &e, ERR_INPUT, "is no gzip file");
    assert_failed(unpack_bytes(at, PACKED_ZSTD, &in, &out), &e, ERR_INPUT, "is cut short");
    /* padding behind the last member */
    pack(&in, PACKED_GZIP, "abc", 3);
    str_add(&in, "\0\0\0\0", 4);
    assert_ok(unpack_bytes(at, PACKED_GZIP, &in, &out), &e);
    assert_string_equal(out.s, "abc");
    /* a skippable frame is none of the data */
    str_clear(&in);
    str_add(&in, "\x50\x2a\x4d\x18\x02\x00\x00\x00xy", 10);
    pack(&in, PACKED_ZSTD, "abc", 3);
    assert_ok(unpack_bytes(at, PACKED_ZSTD, &in, &out), &e);
    assert_string_equal(out.s, "abc");
    str_free(&in);
    str_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_scratch(test_members),
        unit_test_scratch(test_many_members),
        unit_test_scratch(test_cut_and_damaged),
        unit_test_scratch(test_other_files),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
