/* SPDX-License-Identifier: MIT
 *
 * Unit tests of store/address: URLs of buckets and objects, and what is believed of a redirect.
 */
#include "unit.h"

#include "store/address.h"

static struct err e;

static void expect_url(const struct address *a, const char *bucket, const char *key,
                       const char *query, const char *wanted)
{
    struct str url = STR_INIT(0);
    address_url(a, bucket, key, query, &url);
    assert_string_equal(str_text(&url), wanted);
    str_free(&url);
}

static struct address make(const char *endpoint, const char *region, enum s3_addressing addressing)
{
    return (struct address){.endpoint = endpoint ? strdup(endpoint) : NULL,
                            .region = strdup(region),
                            .addressing = addressing};
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        const char *region;
        enum s3_addressing addressing;
        const char *bucket;
        const char *key;
        const char *query;
        const char *wanted;
    } CASES[] = {
        {NULL, "us-east-1", ADDRESS_AUTO, "bucket", "k", NULL,
         "https://bucket.s3.us-east-1.amazonaws.com/k"},
        {NULL, "cn-north-1", ADDRESS_AUTO, "bucket", "k", NULL,
         "https://bucket.s3.cn-north-1.amazonaws.com.cn/k"},
        {NULL, "eu-west-1", ADDRESS_AUTO, "bucket", NULL, "list-type=2&prefix=a%2F",
         "https://bucket.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=a%2F"},
        /* a dot, capitals or an underscore do not fit Amazon's certificate or a host's name */
        {NULL, "us-east-1", ADDRESS_AUTO, "my.bucket", "k", NULL,
         "https://s3.us-east-1.amazonaws.com/my.bucket/k"},
        {NULL, "us-east-1", ADDRESS_AUTO, "My_bucket", "k", NULL,
         "https://s3.us-east-1.amazonaws.com/My_bucket/k"},
        {NULL, "us-east-1", ADDRESS_PATH, "bucket", "k", NULL,
         "https://s3.us-east-1.amazonaws.com/bucket/k"},
        {"http://127.0.0.1:9000", "us-east-1", ADDRESS_AUTO, "bucket", "k", NULL,
         "http://127.0.0.1:9000/bucket/k"},
        {"http://localhost:9000", "us-east-1", ADDRESS_VIRTUAL, "bucket", "k", NULL,
         "http://bucket.localhost:9000/k"},
        /* below an address there are no hosts, and a name ends where no host's text is */
        {"http://127.0.0.1:9000", "us-east-1", ADDRESS_VIRTUAL, "bucket", "k", NULL,
         "http://127.0.0.1:9000/bucket/k"},
        {"http://[::1]", "us-east-1", ADDRESS_VIRTUAL, "bucket", "k", NULL,
         "http://[::1]/bucket/k"},
        {"http://localhost", "us-east-1", ADDRESS_VIRTUAL, "evil.test?", "k", NULL,
         "http://localhost/evil.test%3F/k"},
        {NULL, "us-east-1", ADDRESS_VIRTUAL, "u@evil.test", "k", NULL,
         "https://s3.us-east-1.amazonaws.com/u%40evil.test/k"},
        {"http://h", "r", ADDRESS_AUTO, "bucket", "a b+c%d=e&f#g?h", NULL,
         "http://h/bucket/a%20b%2Bc%25d%3De%26f%23g%3Fh"},
        {"http://h", "r", ADDRESS_AUTO, "bucket", "/a//b/./../c/", NULL,
         "http://h/bucket//a//b/./../c/"},
        {"http://h", "r", ADDRESS_AUTO, "bucket", "東京/~-._", "",
         "http://h/bucket/%E6%9D%B1%E4%BA%AC/~-._"},
        {"http://h", "r", ADDRESS_AUTO, "b/c?d", "k", NULL, "http://h/b%2Fc%3Fd/k"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct address a = make(CASES[i].endpoint, CASES[i].region, CASES[i].addressing);
        expect_url(&a, CASES[i].bucket, CASES[i].key, CASES[i].query, CASES[i].wanted);
        address_free(&a);
    }
}

static void test_another_region(void **state)
{
    (void)state;
    struct address a = make(NULL, "us-east-1", ADDRESS_AUTO);
    assert_int_equal(address_learn(&a, "bucket", "us-east-1", NULL, &e), 0); /* no news */
    assert_int_equal(address_learn(&a, "bucket", "", "", &e), 0);
    assert_int_equal(address_learn(&a, "bucket", "evil.com/", NULL, &e), 0); /* is no region */
    assert_int_equal(address_learn(&a, "bucket", "eu-west-1", NULL, &e), 1);
    assert_string_equal(address_region(&a, "bucket"), "eu-west-1");
    assert_string_equal(address_region(&a, "other"), "us-east-1");
    expect_url(&a, "bucket", "k", NULL, "https://bucket.s3.eu-west-1.amazonaws.com/k");
    expect_url(&a, "other", "k", NULL, "https://other.s3.us-east-1.amazonaws.com/k");
    assert_int_equal(address_learn(&a, "bucket", "eu-west-1", NULL, &e), 0); /* known by now */
    /* a new bucket's name is not known everywhere at once: 307 to where it is */
    assert_int_equal(
        address_learn(&a, "other", NULL, "https://other.s3-us-west-2.amazonaws.com/k?x=y", &e), 1);
    expect_url(&a, "other", "k2", NULL, "https://other.s3-us-west-2.amazonaws.com/k2");
    address_free(&a);
}

/* Requests carry signatures and maybe a session's token: they go to no stranger. */
static void test_strangers(void **state)
{
    (void)state;
    static const char *const AMAZON[] = {"https://evil.com/k",
                                         "https://amazonaws.com.evil.com/k",
                                         "https://evilamazonaws.com/k",
                                         "http://bucket.s3.amazonaws.com/k",
                                         ("https://"
                                          "u@s3.amazonaws.com/"),
                                         "ftp://x",
                                         "/k"};
    static const char *const OWN[] = {"http://127.0.0.2:9000/k",   "https://127.0.0.1:9000/k",
                                      "http://s3.amazonaws.com/k", "http://x127.0.0.1:9/k",
                                      "http://9.127.0.0.1:9000/k", "http://127.0.0.1:99999/k",
                                      "http://127.0.0.1%2e:9000/k"};
    struct address a = make(NULL, "us-east-1", ADDRESS_AUTO);
    for (size_t i = 0; i < COUNT(AMAZON); i++) {
        assert_failed(address_learn(&a, "bucket", NULL, AMAZON[i], &e), &e, ERR_INPUT,
                      "is not a host of Amazon's: not followed");
    }
    address_free(&a);
    a = make("http://127.0.0.1:9000", "us-east-1", ADDRESS_AUTO);
    for (size_t i = 0; i < COUNT(OWN); i++) {
        assert_failed(address_learn(&a, "bucket", NULL, OWN[i], &e), &e, ERR_INPUT,
                      "is not a host of http://127.0.0.1:9000: not followed");
    }
    assert_int_equal(address_learn(&a, "bucket", NULL, "http://127.0.0.1:9001/bucket/k", &e), 1);
    expect_url(&a, "bucket", "k", NULL, "http://127.0.0.1:9001/bucket/k");
    assert_int_equal(address_learn(&a, "bucket", NULL, "http://127.0.0.1:9001/bucket/k", &e), 0);
    assert_int_equal(address_learn(&a, "bucket", NULL, "http://127.0.0.1:9000/", &e), 1); /* back */
    expect_url(&a, "bucket", "k", NULL, "http://127.0.0.1:9000/bucket/k");
    address_free(&a);
}

static void test_endpoints(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool is_one;
    } CASES[] = {
        {"http://127.0.0.1:9000", true},
        {"https://s3.test", true},
        {"http://a_b-c.test:65535", true},
        {"http://[::1]:9000", true},
        {"http://[::ffff:127.0.0.1]", true},
        {"", false},
        {"http://", false},
        {"http://:9000", false},
        {"ftp://h", false},
        {"//h", false},
        {"h:9000", false},
        {"http://h/", false},
        {"http://h?x", false},
        {"http://"
         "u@h",
         false},
        {"http://h:", false},
        {"http://h:65536", false},
        {"http://h:000080", false},
        {"http://h:80x", false},
        {"http://h h", false},
        {"http://h%41", false},
        {"http://h\\h", false},
        {"http://[::1", false},
        {"http://[:::]", false},
        {"http://[127.0.0.1]", false},
        {"http://[::1]x", false},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        if (address_is_endpoint(CASES[i].url) != CASES[i].is_one) {
            fail_msg("%s", CASES[i].url);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_another_region),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
