/* SPDX-License-Identifier: MIT
 *
 * Unit tests of store/digest: which of an answer's sums is compared, and that other bytes are seen.
 */
#include "unit.h"

#include "store/digest.h"

static struct err e;

/* Sums of "hello world", by python3 hashlib, zlib and base64. */
#define HELLO_CRC32 "DUoRhQ=="
#define HELLO_SHA1 "Kq5sNclPz7QV2+lfQIuc6R7oRu0="
#define HELLO_SHA256 "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="
#define HELLO_MD5 "5eb63bbbe01eeed093cb22bb8f5acdc3"

static const struct {
    struct call_answer answer;
    const char *name; /* of the sum that counts, or NULL: none */
} CASES[] = {
    {{.crc32 = HELLO_CRC32, .etag = HELLO_MD5}, "CRC-32"},
    {{.sha256 = HELLO_SHA256}, "SHA-256"},
    {{.sha1 = HELLO_SHA1}, "SHA-1"},
    {{.etag = HELLO_MD5}, "MD5"},
    {{.etag = HELLO_MD5, .encryption = "AES256"}, "MD5"},
    {{.etag = HELLO_MD5, .encryption = "aws:kms"}, NULL},   /* is no MD5 then */
    {{.etag = HELLO_MD5 "-2"}, NULL},                       /* of a multipart upload */
    {{.crc32 = "DUoRhQ==-2", .sha1 = HELLO_SHA1}, "SHA-1"}, /* of parts */
    {{.etag = "5EB63BBBE01EEED093CB22BB8F5ACDC3"}, NULL},
    {{.etag = ""}, NULL},
};

static int run(const struct call_answer *answer, const char *text)
{
    const struct call call = {.bucket = "b", .key = "k"};
    struct digest *d = digest_start(answer);
    digest_add(d, text, 3); /* in pieces */
    digest_add(d, text + 3, strlen(text) - 3);
    return digest_finish(&d, &call, &e);
}

static void test_sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(run(&CASES[i].answer, "hello world"), &e);
        if (!CASES[i].name) {
            assert_ok(run(&CASES[i].answer, "hello w0rld"), &e);
            continue;
        }
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted,
                       "s3://b/k: what came is not what is stored: its %s is", CASES[i].name);
        assert_failed(run(&CASES[i].answer, "hello w0rld"), &e, ERR_INPUT, wanted);
    }
}

static void test_empty(void **state)
{
    (void)state;
    const struct call call = {.bucket = "b", .key = "k"};
    const struct call_answer answer = {.etag = "d41d8cd98f00b204e9800998ecf8427e"};
    struct digest *d = digest_start(&answer);
    assert_ok(digest_finish(&d, &call, &e), &e);
    assert_null(d);
    d = digest_start(&answer);
    digest_free(&d);
    assert_null(d);
}

static void test_crc32(void **state)
{
    (void)state;
    char out[16];
    digest_crc32("hello world", 11, out);
    assert_string_equal(out, HELLO_CRC32);
    digest_crc32("", 0, out);
    assert_string_equal(out, "AAAAAA==");
}

/* "hello " and "world"; by python3 zlib and base64. */
static void test_parts(void **state)
{
    (void)state;
    static const struct digest_part PARTS[] = {{"7YH59g==", 6}, {"OncRQw==", 5}};
    static const struct {
        const char *crc32;
        bool fits;
    } SUMS[] = {
        {"1Fu2mQ==-2", true}, /* of the parts' sums, as S3 says it */
        {"1Fu2mQ==", true},   /* as some servers do */
        {HELLO_CRC32, true},  /* of the whole */
        {"1Fu2mQ==-3", false}, {HELLO_CRC32 "-2", false}, {"AAAAAA==", false}, {"", false},
    };
    for (size_t i = 0; i < COUNT(SUMS); i++) {
        assert_int_equal(digest_fits_parts(SUMS[i].crc32, PARTS, 2), SUMS[i].fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_crc32),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
