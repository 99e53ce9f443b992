/* SPDX-License-Identifier: MIT
 *
 * Unit tests of store/answer: bodies as Amazon, moto 5.2 and s3rver 3.7 shape them, and every way
 * in which one can be wrong.
 */
#include "unit.h"

#include "store/answer.h"
#include "store/store.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define S3_NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define NOT_TRUNCATED "<IsTruncated>false</IsTruncated>"
#define LIST(inside) XML "<ListBucketResult" S3_NS ">" inside "</ListBucketResult>"
#define OBJECT(inside) LIST(NOT_TRUNCATED "<Contents>" inside "</Contents>")
#define A_KEY "<Key>a</Key>"
#define A_SIZE "<Size>3</Size>"

static struct answer_list list;
static struct err e;

static int setup(void **state)
{
    (void)state;
    e = (struct err){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    answer_list_free(&list);
    return 0;
}

/* A buffer of the exact size: a read beyond it is seen by ASan. */
static char *exact(const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    return copy;
}

static int read_list_n(const char *text, size_t n)
{
    char *copy = exact(text, n);
    int rc = answer_list(copy, n, &list, &e);
    free(copy);
    return rc;
}

static int read_list(const char *text)
{
    return read_list_n(text, strlen(text));
}

static void assert_object(size_t i, const char *key, uint64_t size, const char *etag)
{
    assert_true(i < list.n);
    assert_string_equal(list.v[i].key, key);
    assert_int_equal(list.v[i].size, size);
    if (etag) {
        assert_string_equal(list.v[i].etag, etag);
    } else {
        assert_null(list.v[i].etag);
    }
}

/* Two pages in one list. The first is encoded, and says so only behind some of its keys. */
static void test_pages_of_amazon(void **state)
{
    (void)state;
    assert_ok(
        read_list(
            LIST("<Name>bucket</Name><Prefix>in%2F</Prefix>"
                 "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</"
                 "NextContinuationToken>"
                 "<Contents><Key>in/</Key><LastModified>2021-12-15T15:04:05.000Z</LastModified>"
                 "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size>"
                 "<Owner><ID>75aa57f09aa0</ID><DisplayName>me</DisplayName></Owner>"
                 "<StorageClass>STANDARD</StorageClass></Contents>"
                 "<KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><EncodingType>url</EncodingType>"
                 "<IsTruncated>true</IsTruncated>"
                 "<Contents><Key>in/a+b%2Bc%E6%97%a5.csv</Key><ETag>&quot;9af-1&quot;</ETag>"
                 "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>5497558138880</Size></Contents>"
                 "<CommonPrefixes><Prefix>in/x/</Prefix></CommonPrefixes>")),
        &e);
    assert_int_equal(list.n, 2);
    assert_object(0, "in/", 0, "d41d8cd98f00b204e9800998ecf8427e");
    assert_object(1, "in/a b+c\xe6\x97\xa5.csv", UINT64_C(5497558138880), "9af-1");
    assert_true(list.truncated && list.url_encoded);
    assert_string_equal(list.next, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=");

    assert_ok(read_list(LIST("<IsTruncated>false</IsTruncated>"
                             "<Contents><Key>a+b%2B</Key><Size>1</Size></Contents>")),
              &e);
    assert_int_equal(list.n, 3);
    assert_object(0, "in/", 0, "d41d8cd98f00b204e9800998ecf8427e");
    assert_object(2, "a+b%2B", 1, NULL); /* this page is not encoded */
    assert_false(list.truncated || list.url_encoded);
    assert_null(list.next);
}

static void test_page_of_moto(void **state)
{
    (void)state;
    assert_ok(read_list("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                        "<ListBucketResult" S3_NS "><IsTruncated>true</IsTruncated>"
                        "<Contents><Key>a/%C3%B6%20%26%2Bb.csv</Key>"
                        "<LastModified>2026-11-27T06:43:58.000Z</LastModified>"
                        "<ETag>\"900150983cd24fb0d6963f7d28e17f72\"</ETag>"
                        "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>3</Size>"
                        "<StorageClass>STANDARD</StorageClass></Contents><Name>bucket</Name>"
                        "<Prefix/><MaxKeys>2</MaxKeys><EncodingType>url</EncodingType>"
                        "<KeyCount>2</KeyCount>"
                        "<NextContinuationToken>736928e65d4b</NextContinuationToken>"
                        "</ListBucketResult>"),
              &e);
    assert_int_equal(list.n, 1);
    assert_object(0, "a/\xc3\xb6 &+b.csv", 3, "900150983cd24fb0d6963f7d28e17f72");
    assert_string_equal(list.next, "736928e65d4b");
}

static void test_page_of_s3rver(void **state)
{
    (void)state;
    assert_ok(read_list(XML "<ListBucketResult xmlns=\"http://doc.s3.amazonaws.com/2006-03-01/\">"
                            "<Name>bucket</Name><Prefix></Prefix><KeyCount>1</KeyCount>"
                            "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents>"
                            "<Key>year=2021/&#x65E5;&#26412; &apos;&quot;&lt;%41+.csv</Key>"
                            "<LastModified>2021-12-15T15:04:05.000Z</LastModified>"
                            "<ETag>&quot;900150983cd24fb0d6963f7d28e17f72&quot;</ETag>"
                            "<Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>"
                            "</ListBucketResult>"),
              &e);
    assert_int_equal(list.n, 1);
    assert_object(0, "year=2021/\xe6\x97\xa5\xe6\x9c\xac '\"<%41+.csv", 3,
                  "900150983cd24fb0d6963f7d28e17f72");
    assert_false(list.truncated || list.url_encoded);
}

/* Legal, if not what the servers above send. */
static void test_shapes(void **state)
{
    (void)state;
    static const char *const SAME[] = {
        OBJECT(A_KEY A_SIZE),
        "\r\n \t" OBJECT(A_KEY A_SIZE) " \n", /* blanks before the declaration */
        "\xef\xbb\xbf" OBJECT(A_KEY A_SIZE),  /* a byte order mark */
        "<ListBucketResult><Contents>" A_SIZE A_KEY "</Contents>" NOT_TRUNCATED
        "</ListBucketResult>",
        /* a prefix, not even declared */
        "<s3:ListBucketResult><s3:Contents><s3:Key>a</s3:Key><s3:Size>3</s3:Size></s3:Contents>"
        "<s3:IsTruncated>false</s3:IsTruncated></s3:ListBucketResult>",
        OBJECT("<Key><![CDATA[a]]></Key><Size><!-- no -->3</Size>"),
        OBJECT("<ETag>\"\"</ETag>" A_KEY A_SIZE),
        OBJECT("<ETag/>" A_KEY A_SIZE),
        OBJECT("<?pi x?>" A_KEY A_SIZE) "<!-- end -->",
        LIST("<EncodingType/>" NOT_TRUNCATED "<Contents>" A_KEY A_SIZE "</Contents>"),
        LIST("<NextContinuationToken>x</NextContinuationToken>" NOT_TRUNCATED
             "<Contents>" A_KEY A_SIZE "</Contents>"),
        /* names that are wanted, in places that are not */
        OBJECT(A_KEY A_SIZE "<Owner><Key>b</Key><Size>x</Size><ETag>y</ETag></Owner>"),
        LIST("<Key>b</Key><Size>9</Size><ETag>y</ETag>" NOT_TRUNCATED "<Contents>" A_KEY A_SIZE
             "<IsTruncated>x</IsTruncated></Contents><CommonPrefixes><Contents><Key/></Contents>"
             "<EncodingType>url</EncodingType></CommonPrefixes>"),
        LIST("<x><ListBucketResult><Contents>" A_KEY A_SIZE "</Contents></ListBucketResult></x>"
             "<Contents>" A_KEY A_SIZE "</Contents>" NOT_TRUNCATED),
    };
    for (size_t i = 0; i < COUNT(SAME); i++) {
        assert_ok(read_list(SAME[i]), &e);
        assert_int_equal(list.n, 1);
        assert_object(0, "a", 3, NULL);
        assert_false(list.truncated || list.url_encoded || list.next);
        answer_list_free(&list);
    }
    /* an empty bucket; half a pair of quotes; bytes that are no UTF-8 */
    assert_ok(read_list(LIST(NOT_TRUNCATED)), &e);
    assert_int_equal(list.n, 0);
    assert_ok(read_list(OBJECT(A_KEY A_SIZE "<ETag>\"a</ETag>")), &e);
    assert_object(0, "a", 3, "\"a");
    assert_ok(read_list(LIST("<EncodingType>url</EncodingType>" NOT_TRUNCATED
                             "<Contents><Key>%ff%0A</Key>" A_SIZE "</Contents>")),
              &e);
    assert_object(1, "\xff\n", 3, NULL);
    /* an encoding that the parser turns into UTF-8 */
    assert_ok(read_list("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><ListBucketResult>"
                        "<Contents><Key>\xf6</Key>" A_SIZE "</Contents>" NOT_TRUNCATED
                        "</ListBucketResult>"),
              &e);
    assert_object(2, "\xc3\xb6", 3, NULL);
}

static void test_wrong_lists(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *text; /* what the error ends with */
    } CASES[] = {
        {OBJECT("<Size>3</Size>"), "line 2: <Contents> without <Key>"},
        {OBJECT(A_KEY), "line 2: <Contents> without <Size>"},
        {LIST(NOT_TRUNCATED "<Contents>" A_KEY A_SIZE "</Contents>\n<Contents>" A_KEY
                            "\n</Contents>"),
         "line 4: <Contents> without <Size>"},
        {OBJECT(A_SIZE "<Owner>" A_KEY "</Owner>"), "<Contents> without <Key>"},
        {OBJECT("<Key></Key>" A_SIZE), "an empty <Key>"},
        {OBJECT(A_KEY "<Size/>"), "an empty <Size>"},
        {OBJECT(A_KEY A_KEY A_SIZE), "a second <Key>"},
        {OBJECT(A_KEY A_SIZE A_SIZE), "a second <Size>"},
        {OBJECT(A_KEY "<Size>-1</Size>"), "<Size> \"-1\" is not a number of bytes"},
        {OBJECT(A_KEY "<Size>3 </Size>"), "<Size> \"3 \" is not a number of bytes"},
        {OBJECT(A_KEY "<Size>0x3</Size>"), "<Size> \"0x3\" is not a number of bytes"},
        {OBJECT(A_KEY "<Size>9223372036854775808</Size>"), "is not a number of bytes"},
        {OBJECT(A_KEY "<Size>18446744073709551616</Size>"), "is not a number of bytes"},
        {OBJECT("<Key>a<b/>c</Key>" A_SIZE), "<b> in <Key>, which holds text only"},
        {LIST(""), "<ListBucketResult> without <IsTruncated>"},
        {LIST("<IsTruncated/>"), "an empty <IsTruncated>"},
        {LIST("<IsTruncated>True</IsTruncated>"),
         "<IsTruncated> \"True\" is neither true nor false"},
        {LIST(NOT_TRUNCATED NOT_TRUNCATED), "a second <IsTruncated>"},
        {LIST("<IsTruncated>true</IsTruncated>"),
         "a truncated list without <NextContinuationToken>"},
        {LIST("<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
         "a truncated list without <NextContinuationToken>"},
        {LIST("<EncodingType>base64</EncodingType>" NOT_TRUNCATED),
         "<EncodingType> \"base64\" is not url"},
        /* not XML, or not this XML */
        {"", "the body is empty"},
        {" \n", "the body is empty"},
        {"\n\n503 Slow Down\n", "line 3: syntax error; it begins with \"503 Slow Down\\x0A\""},
        {"{\"a\": 1}", "line 1: not well-formed (invalid token); it begins with \"{\"a\": 1}\""},
        {"<html><body>Bad gateway</body></html>",
         "line 1: <html> where <ListBucketResult> belongs; it begins with "
         "\"<html><body>Bad gateway</body></html>\""},
        {"<!DOCTYPE html>\n<html lang=en>",
         "line 1: a document type, which S3 never sends; it begins with \"<!DOCTYPE html>"},
        {"<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">"
         "<!ENTITY c \"&b;&b;&b;&b;\">]><ListBucketResult>" NOT_TRUNCATED
         "<Contents><Key>&c;</Key>" A_SIZE "</Contents></ListBucketResult>",
         "line 1: a document type, which S3 never sends"},
        {"<?xml version=\"1.0\"?><!DOCTYPE l SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
         "a document type, which S3 never sends"},
        {XML "<Error><Code>AccessDenied</Code></Error>",
         "line 2: <Error> where <ListBucketResult> belongs; it begins with \"<?xml"},
        {XML "<ListBucketResult>\n<Contents></Content></ListBucketResult>",
         "line 3: mismatched tag"},
        {LIST(NOT_TRUNCATED) "<a/>", "line 2: junk after document element"},
        {LIST(NOT_TRUNCATED) "x", "line 2: junk after document element"},
        {OBJECT("<Key>&nbsp;</Key>" A_SIZE), "line 2: undefined entity"},
        {OBJECT("<Key>&#0;</Key>" A_SIZE), "line 2: reference to invalid character number"},
        {OBJECT("<Key>\xff</Key>" A_SIZE), "line 2: not well-formed (invalid token)"},
        {"<?xml version=\"1.0\" encoding=\"EBCDIC\"?><ListBucketResult/>", "unknown encoding"},
        {"<:/>", "<> where <ListBucketResult> belongs"},
    };
    assert_ok(read_list(OBJECT("<Key>before</Key><Size>1</Size>")), &e);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(read_list(CASES[i].body), &e, ERR_INPUT, CASES[i].text);
        assert_true(str_starts(e.text, "not S3's XML: "));
        /* what was there is as it was */
        assert_int_equal(list.n, 1);
        assert_object(0, "before", 1, NULL);
    }
}

static void test_wrong_encoding(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"a%zz", "<Key> \"a%zz\" holds a % without two hexadecimal digits"},
        {"a%4", "<Key> \"a%4\" holds a % without"},
        {"%", "<Key> \"%\" holds a % without"},
        {"%4%41", "holds a % without"},
        {"a%00b", "<Key> \"a%00b\" holds a NUL"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char body[512];
        (void)snprintf(body, sizeof body,
                       "<ListBucketResult><Contents><Key>%s</Key>" A_SIZE "</Contents>%s"
                       "<EncodingType>url</EncodingType></ListBucketResult>",
                       CASES[i][0], NOT_TRUNCATED);
        assert_failed(read_list(body), &e, ERR_INPUT, CASES[i][1]);
        assert_int_equal(list.n, 0);
    }
}

/* Every prefix of a body is an error: a cut connection is never a short list. */
static void test_cut(void **state)
{
    (void)state;
    static const char BODY[] = OBJECT(A_KEY A_SIZE "<ETag>&quot;a&quot;</ETag>");
    for (size_t n = 0; n < sizeof BODY - 1; n++) {
        assert_failed(read_list_n(BODY, n), &e, ERR_INPUT, "not S3's XML: ");
    }
    assert_ok(read_list(BODY), &e);
    assert_int_equal(list.n, 1);
}

/* `head`, `n` times `piece`, `tail`. */
static char *repeated(const char *head, const char *piece, size_t n, const char *tail)
{
    struct str text = STR_INIT(0);
    str_puts(&text, head);
    for (size_t i = 0; i < n; i++) {
        str_puts(&text, piece);
    }
    str_puts(&text, tail);
    return str_take(&text);
}

static void test_limits(void **state)
{
    (void)state;
    static const char KEY[] = "<ListBucketResult>" NOT_TRUNCATED "<Contents><Key>";
    static const char KEY_END[] = "</Key>" A_SIZE "</Contents></ListBucketResult>";
    static const char END[] = NOT_TRUNCATED "</ListBucketResult>";
    static const struct {
        const char *head;
        const char *piece;
        size_t n;
        const char *tail;
        const char *error; /* NULL: it is read */
    } CASES[] = {
        {KEY, "k", S3_KEY_MAX, KEY_END, NULL},
        {KEY, "k", S3_KEY_MAX + 1, KEY_END, "has 1025 bytes, more than 1024"},
        {KEY, "k", 65536, KEY_END, "has 65536 bytes, more than 1024"},
        {KEY, "k", 65537, KEY_END, "more than 64 KiB of text in one element"},
        {"<ListBucketResult><EncodingType>url</EncodingType>" NOT_TRUNCATED "<Contents><Key>",
         "%6b", S3_KEY_MAX, KEY_END, NULL},
        {"<ListBucketResult><x>", "&#x78;", 70000, "</x></ListBucketResult>",
         "more than 64 KiB of text"},
        {"<ListBucketResult><x", " ", 1 << 20, "/>" NOT_TRUNCATED "</ListBucketResult>", NULL},
        {"<ListBucketResult>", "<a>", 31, "", "no element found"},
        {"<ListBucketResult>", "<a>", 32, "", "elements more than 32 deep"},
        {"<ListBucketResult>", "<a>", 1 << 20, "", "elements more than 32 deep"},
        {"", "<ListBucketResult>", 1 << 19, "", "elements more than 32 deep"},
        {"<ListBucketResult>", "\n", (16 << 20) - 18 - sizeof END + 1, END,
         "more than 64 KiB of text"},
        {"", "\n", (16 << 20) - 18 - sizeof END + 1,
         "<ListBucketResult><IsTruncated>false"
         "</IsTruncated></ListBucketResult>",
         NULL},
        {"", "\n", (16 << 20) - 18 - sizeof END + 2,
         "<ListBucketResult><IsTruncated>false"
         "</IsTruncated></ListBucketResult>",
         "not S3's XML: more than 16 MiB"},
        {"<", "L", 1 << 20, "", "unclosed token"},
        {"<", "L", 1 << 20, ">", "> where <ListBucketResult> belongs"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *body = repeated(CASES[i].head, CASES[i].piece, CASES[i].n, CASES[i].tail);
        int rc = read_list(body);
        free(body);
        if (CASES[i].error) {
            assert_failed(rc, &e, ERR_INPUT, CASES[i].error);
        } else {
            assert_ok(rc, &e);
        }
    }
    assert_int_equal(list.n, 2);
    assert_int_equal(strlen(list.v[0].key), S3_KEY_MAX);
    assert_int_equal(strlen(list.v[1].key), S3_KEY_MAX);
}

static void test_many_objects(void **state)
{
    (void)state;
    char *body = repeated("<ListBucketResult>" NOT_TRUNCATED,
                          "<Contents>" A_KEY A_SIZE "<ETag>\"e\"</ETag></Contents>", 1000,
                          "</ListBucketResult>");
    assert_ok(read_list(body), &e);
    assert_ok(read_list(body), &e);
    assert_int_equal(list.n, 2000);
    assert_object(1999, "a", 3, "e");
    free(body);
}

static struct answer_error read_error(const char *text)
{
    struct answer_error found;
    memset(&found, 'x', sizeof found); /* what was there before does not matter */
    char *copy = exact(text, strlen(text));
    answer_error(copy, strlen(text), &found);
    free(copy);
    return found;
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        struct answer_error is;
    } CASES[] = {
        {XML "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
             "<Key>none</Key><RequestId>656c76696e6727732072657175657374</RequestId>"
             "<HostId>Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==</HostId></Error>",
         {.code = "NoSuchKey",
          .message = "The specified key does not exist.",
          .request_id = "656c76696e6727732072657175657374"}},
        {XML "<Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting 'eu-west-1'"
             "</Message><Region>eu-west-1</Region></Error>",
         {.code = "AuthorizationHeaderMalformed",
          .message = "expecting 'eu-west-1'",
          .region = "eu-west-1"}},
        {XML "<Error><Code>PermanentRedirect</Code><Bucket>b</Bucket>"
             "<Endpoint>b.s3-eu-west-1.amazonaws.com</Endpoint></Error>",
         {.code = "PermanentRedirect", .endpoint = "b.s3-eu-west-1.amazonaws.com"}},
        /* in a namespace, with elements of these names elsewhere, and with one twice */
        {"<Error" S3_NS "><x><Code>no</Code></x><Code>yes</Code></Error>", {.code = "yes"}},
        {"<Error><Code>one</Code><Code>two</Code><Message>m</Message></Error>", {.code = "one"}},
        {"<Error><Code/><Message></Message></Error>", {.code = ""}},
        /* cut: what is whole is there */
        {"<Error><Code>SlowDown</Code><Message>Please red", {.code = "SlowDown"}},
        {"", {.code = ""}},
        {"<html><Code>a</Code></html>", {.code = ""}},
        {"<ErrorResponse><Error><Code>a</Code></Error></ErrorResponse>", {.code = ""}},
        {"<!DOCTYPE Error [<!ENTITY a 'b'>]><Error><Code>&a;</Code></Error>", {.code = ""}},
        {"Service Unavailable", {.code = ""}},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct answer_error found = read_error(CASES[i].body);
        assert_string_equal(found.code, CASES[i].is.code);
        assert_string_equal(found.message, CASES[i].is.message);
        assert_string_equal(found.request_id, CASES[i].is.request_id);
        assert_string_equal(found.region, CASES[i].is.region);
        assert_string_equal(found.endpoint, CASES[i].is.endpoint);
    }
}

/* Half a host's name is another host; half a message is still one. */
static void test_long_errors(void **state)
{
    (void)state;
    static const size_t FITS[] = {63, 255, 127, 63, 255};
    static const char *const NAMES[] = {"Code", "Message", "RequestId", "Region", "Endpoint"};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        for (size_t n = FITS[i]; n <= FITS[i] + 1; n++) {
            char head[64];
            char tail[64];
            (void)snprintf(head, sizeof head, "<Error><%s>", NAMES[i]);
            (void)snprintf(tail, sizeof tail, "</%s></Error>", NAMES[i]);
            char *body = repeated(head, "v", n, tail);
            struct answer_error found = read_error(body);
            const char *fields[] = {found.code, found.message, found.request_id, found.region,
                                    found.endpoint};
            bool whole = n == FITS[i] || i == 1;
            assert_int_equal(strlen(fields[i]), whole ? FITS[i] : 0);
            free(body);
        }
    }
    char *body = repeated("<Error><Message>.", "\xe6\x97\xa5", 100, "</Message></Error>");
    struct answer_error found = read_error(body);
    assert_int_equal(strlen(found.message), 1 + 84 * 3); /* whole characters */
    free(body);
}

static int read_value(int (*read)(const char *, size_t, char **, struct err *), const char *text,
                      char **out)
{
    char *copy = exact(text, strlen(text));
    *out = NULL;
    int rc = read(copy, strlen(text), out, &e);
    free(copy);
    return rc;
}

static void test_upload_id(void **state)
{
    (void)state;
    char *id;
    assert_ok(read_value(answer_upload_id,
                         XML "<InitiateMultipartUploadResult" S3_NS "><Bucket>bucket</Bucket>"
                             "<Key>m</Key><UploadId>krL2EZ7n.ATFq--</UploadId>"
                             "</InitiateMultipartUploadResult>",
                         &id),
              &e);
    assert_string_equal(id, "krL2EZ7n.ATFq--");
    free(id);
    static const char *const CASES[][2] = {
        {"<InitiateMultipartUploadResult/>", "<InitiateMultipartUploadResult> without <UploadId>"},
        {"<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>",
         "an empty <UploadId>"},
        {"<InitiateMultipartUploadResult><x><UploadId>a</UploadId></x>"
         "</InitiateMultipartUploadResult>",
         "without <UploadId>"},
        {"<InitiateMultipartUploadResult><UploadId>a</UploadId>", "no element found"},
        {"<Error><Code>InternalError</Code></Error>",
         "<Error> where <InitiateMultipartUploadResult> belongs"},
        {"", "the body is empty"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int rc = read_value(answer_upload_id, CASES[i][0], &id);
        assert_failed(rc, &e, ERR_INPUT, CASES[i][1]);
        assert_null(id);
    }
}

static void test_completed(void **state)
{
    (void)state;
    static const char *const GOOD[] = {
        /* Amazon's, with the blanks that keep the connection open */
        XML " \n \n<CompleteMultipartUploadResult" S3_NS "><Location>http://b/m</Location>"
            "<Bucket>b</Bucket><Key>m</Key><ETag>&quot;9aff-1&quot;</ETag>"
            "</CompleteMultipartUploadResult>",
        " \n" XML "<CompleteMultipartUploadResult><ETag>\"9aff-1\"</ETag>"
        "</CompleteMultipartUploadResult>",
        /* moto's */
        XML "<CompleteMultipartUploadResponse" S3_NS "><Key>m</Key><ETag>\"9aff-1\"</ETag>"
            "</CompleteMultipartUploadResponse>",
        "<CompleteMultipartUploadResult><ETag>9aff-1</ETag></CompleteMultipartUploadResult>",
    };
    char *etag;
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        assert_ok(read_value(answer_completed, GOOD[i], &etag), &e);
        assert_string_equal(etag, "9aff-1");
        free(etag);
    }
    static const char *const FAILURES[] = {
        XML " \n<Error><Code>InternalError</Code><Message>m</Message></Error>",
        "<Error/>",
        "<Error><Code>Inter", /* cut: still no success */
        "<Error><ETag>a</ETag></Error>",
    };
    for (size_t i = 0; i < COUNT(FAILURES); i++) {
        e = (struct err){0};
        assert_int_equal(read_value(answer_completed, FAILURES[i], &etag), 1);
        assert_null(etag);
        assert_int_equal(e.code, ERR_NONE);
    }
    static const char *const BAD[][2] = {
        {"<CompleteMultipartUploadResult/>", "<CompleteMultipartUploadResult> without <ETag>"},
        {"<CompleteMultipartUploadResult><ETag>\"\"</ETag></CompleteMultipartUploadResult>",
         "an empty <ETag>"},
        {"<CompleteMultipartUploadResult><ETag>a</ETag><ETag>b</ETag>"
         "</CompleteMultipartUploadResult>",
         "a second <ETag>"},
        {"<CompleteMultipartUploadResult><ETag>a</ETag>", "no element found"},
        {"<CompleteMultipartUploadResult><Error/></CompleteMultipartUploadResult>",
         "without <ETag>"},
        {" \n ", "the body is empty"},
        {"OK", "line 1: syntax error; it begins with \"OK\""},
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        int rc = read_value(answer_completed, BAD[i][0], &etag);
        assert_failed(rc, &e, ERR_INPUT, BAD[i][1]);
        assert_null(etag);
    }
}

static void test_free_twice(void **state)
{
    (void)state;
    answer_list_free(NULL);
    answer_list_free(&list);
    answer_list_free(&list);
    assert_null(list.v);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        TEST(test_pages_of_amazon),
        TEST(test_page_of_moto),
        TEST(test_page_of_s3rver),
        TEST(test_shapes),
        TEST(test_wrong_lists),
        TEST(test_wrong_encoding),
        TEST(test_cut),
        TEST(test_limits),
        TEST(test_many_objects),
        TEST(test_errors),
        TEST(test_long_errors),
        TEST(test_upload_id),
        TEST(test_completed),
        TEST(test_free_twice),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
