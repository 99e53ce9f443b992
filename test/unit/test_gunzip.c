/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/gunzip: pieces of every size, members, padding, and where data goes wrong.
 */
#include "unit.h"

#include "stage/gunzip.h"

static struct err e;

static int collect(void *ctx, const void *bytes, size_t n, struct err *why)
{
    (void)why;
    str_add(ctx, bytes, n);
    return 0;
}

static int refuse(void *ctx, const void *bytes, size_t n, struct err *why)
{
    (void)ctx;
    (void)bytes;
    (void)n;
    return err_set(why, ERR_OUTPUT, "no more");
}

/* Appends `text` as a gzip member. */
static void add_member(struct str *out, const char *text, size_t n)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, n) + 64;
    unsigned char *packed = malloc(room);
    assert_non_null(packed);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = packed;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    str_add(out, (const char *)packed, z.total_out);
    (void)deflateEnd(&z);
    free(packed);
}

/* Feeds it in pieces of `step` bytes. */
static int unpack(struct gunzip *g, const struct str *packed, size_t step, struct str *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < packed->len; i += step) {
        size_t n = packed->len - i < step ? packed->len - i : step;
        rc = gunzip_feed(g, packed->s + i, n, collect, out, &e);
    }
    return rc ? rc : gunzip_end(g, &e);
}

static void test_members_in_pieces(void **state)
{
    (void)state;
    struct gunzip g = {0};
    struct str packed = STR_INIT(0);
    struct str out = STR_INIT(0);
    add_member(&packed, "hello ", 6);
    add_member(&packed, "", 0);
    add_member(&packed, "world", 5);
    str_add(&packed, "\0\0\0\0\0", 5); /* a tape's padding */
    for (size_t step = 1; step <= packed.len; step++) {
        str_clear(&out);
        assert_ok(unpack(&g, &packed, step, &out), &e); /* one state for many objects */
        assert_string_equal(str_text(&out), "hello world");
    }
    str_free(&packed);
    str_free(&out);
    gunzip_free(&g);
}

/* More comes out than fits the buffer, from one piece. */
static void test_much_from_little(void **state)
{
    (void)state;
    enum { SIZE = 5000000 };
    struct gunzip g = {0};
    struct str packed = STR_INIT(0);
    struct str out = STR_INIT(0);
    char *zeros = calloc(1, SIZE);
    assert_non_null(zeros);
    add_member(&packed, zeros, SIZE);
    assert_true(packed.len < 10000);
    assert_ok(unpack(&g, &packed, packed.len, &out), &e);
    assert_int_equal(out.len, SIZE);
    assert_memory_equal(out.s, zeros, SIZE);
    free(zeros);
    str_free(&packed);
    str_free(&out);
    gunzip_free(&g);
}

static void test_nothing(void **state)
{
    (void)state;
    struct gunzip g = {0};
    assert_ok(gunzip_end(&g, &e), &e);
    assert_ok(gunzip_feed(&g, "", 0, collect, NULL, &e), &e);
    assert_ok(gunzip_end(&g, &e), &e);
    gunzip_free(&g);
}

static void test_bad_data(void **state)
{
    (void)state;
    struct str good = STR_INIT(0);
    add_member(&good, "hello world", 11);
    for (size_t step = 1; step < 40; step++) {
        struct str out = STR_INIT(0);
        struct str bad = STR_INIT(0);
        struct gunzip g = {0};
        str_puts(&bad, "no gzip at all");
        assert_failed(unpack(&g, &bad, step, &out), &e, ERR_INPUT, "bad gzip data at byte ");
        gunzip_free(&g);
        str_clear(&bad);
        str_add(&bad, good.s, good.len);
        bad.s[good.len - 8] ^= 1; /* the checksum */
        assert_failed(unpack(&g, &bad, step, &out), &e, ERR_INPUT, ": incorrect data check");
        gunzip_free(&g);
        str_clear(&bad);
        str_add(&bad, good.s, good.len - 1);
        assert_failed(unpack(&g, &bad, step, &out), &e, ERR_INPUT,
                      "the gzip data ends too early, at byte 30");
        gunzip_free(&g);
        str_clear(&bad);
        str_add(&bad, good.s, good.len);
        str_add(&bad, "\0\0garbage", 9);
        str_clear(&out);
        assert_failed(unpack(&g, &bad, step, &out), &e, ERR_INPUT, ": incorrect header check");
        assert_string_equal(str_text(&out), "hello world");
        gunzip_free(&g);
        str_free(&bad);
        str_free(&out);
    }
    str_free(&good);
}

static void test_the_sink_has_its_say(void **state)
{
    (void)state;
    struct gunzip g = {0};
    struct str good = STR_INIT(0);
    add_member(&good, "hello world", 11);
    assert_failed(gunzip_feed(&g, good.s, good.len, refuse, NULL, &e), &e, ERR_OUTPUT, "no more");
    str_free(&good);
    gunzip_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_in_pieces),
        cmocka_unit_test(test_much_from_little),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_bad_data),
        cmocka_unit_test(test_the_sink_has_its_say),
    };
    return cmocka_run_group_tests_name("gunzip", tests, NULL, NULL);
}
