/* SPDX-License-Identifier: MIT
 *
 * store/answer. Any body: refused in one line that leaves the output alone, or read to what the
 * header promises. A listing that was read is written anew, percent-encoded, and must read the
 * same.
 */
#include "base/str.h"
#include "fuzz.h"
#include "store/answer.h"
#include "store/store.h"

static void check_list(const struct answer_list *list)
{
    REQUIRE(list->truncated == (list->next != NULL));
    REQUIRE(!list->next || list->next[0]);
    for (size_t i = 0; i < list->n; i++) {
        const struct answer_object *object = &list->v[i];
        size_t n = strlen(object->key);
        REQUIRE(n >= 1 && n <= S3_KEY_MAX);
        REQUIRE(object->size <= INT64_MAX);
        REQUIRE(!object->etag || object->etag[0]);
    }
}

/* ASCII by number, so that no byte of it is markup. */
static void add_text(struct str *out, const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x80) {
            str_printf(out, "&#%d;", *text);
        } else {
            str_putc(out, *text);
        }
    }
}

static char *write_list(const struct answer_list *list)
{
    struct str out = STR_INIT(0);
    str_printf(&out, "<ListBucketResult><IsTruncated>%s</IsTruncated>",
               list->truncated ? "true" : "false");
    for (size_t i = 0; i < list->n; i++) {
        const struct answer_object *object = &list->v[i];
        str_puts(&out, "<Contents><Key>");
        for (const char *p = object->key; *p; p++) {
            str_printf(&out, *p == ' ' ? "+" : "%%%02x", (unsigned char)*p);
        }
        str_printf(&out, "</Key><Size>%llu</Size>", (unsigned long long)object->size);
        if (object->etag) {
            str_puts(&out, "<ETag>\"");
            add_text(&out, object->etag);
            str_puts(&out, "\"</ETag>");
        }
        str_puts(&out, "</Contents>");
    }
    str_puts(&out, "<EncodingType>url</EncodingType>");
    if (list->next) {
        str_puts(&out, "<NextContinuationToken>");
        add_text(&out, list->next);
        str_puts(&out, "</NextContinuationToken>");
    }
    str_puts(&out, "</ListBucketResult>");
    return str_take(&out);
}

static void check_again(const struct answer_list *list)
{
    struct answer_list again = {0};
    struct err e = {0};
    char *text = write_list(list);
    REQUIRE(answer_list(text, strlen(text), &again, &e) == 0);
    REQUIRE(again.n == list->n && again.truncated == list->truncated && again.url_encoded);
    REQUIRE(str_same(again.next, list->next));
    for (size_t i = 0; i < list->n; i++) {
        REQUIRE(strcmp(again.v[i].key, list->v[i].key) == 0);
        REQUIRE(again.v[i].size == list->v[i].size);
        REQUIRE(str_same(again.v[i].etag, list->v[i].etag));
    }
    answer_list_free(&again);
    free(text);
}

static void read_list(const char *xml, size_t n)
{
    struct answer_list list = {0};
    struct err e = {0};
    int rc = answer_list(xml, n, &list, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_INPUT && strncmp(e.text, "not S3's XML: ", 14) == 0);
        REQUIRE(!list.v && list.n == 0 && !list.next && !list.truncated);
    } else {
        REQUIRE(e.code == ERR_NONE);
        check_list(&list);
        check_again(&list);
        size_t once = list.n; /* a second page of the same */
        REQUIRE(answer_list(xml, n, &list, &e) == 0);
        REQUIRE(list.n == 2 * once);
    }
    answer_list_free(&list);
}

static void read_error(const char *xml, size_t n)
{
    struct answer_error found;
    memset(&found, 'x', sizeof found);
    answer_error(xml, n, &found);
    REQUIRE(memchr(found.code, '\0', sizeof found.code));
    REQUIRE(memchr(found.message, '\0', sizeof found.message));
    REQUIRE(memchr(found.request_id, '\0', sizeof found.request_id));
    REQUIRE(memchr(found.region, '\0', sizeof found.region));
    REQUIRE(memchr(found.endpoint, '\0', sizeof found.endpoint));
}

static void read_value(int (*read)(const char *, size_t, char **, struct err *), const char *xml,
                       size_t n)
{
    char *value = NULL;
    struct err e = {0};
    int rc = read(xml, n, &value, &e);
    if (rc < 0) {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_INPUT && !value);
    } else if (rc == 1) {
        REQUIRE(read == answer_completed && !value && e.code == ERR_NONE);
    } else {
        REQUIRE(rc == 0 && value && value[0] && e.code == ERR_NONE);
    }
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *xml = xmalloc(size ? size : 1); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(xml, data, size);
    }
    read_list(xml, size);
    read_error(xml, size);
    read_value(answer_upload_id, xml, size);
    read_value(answer_completed, xml, size);
    free(xml);
    return 0;
}
