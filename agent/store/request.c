/* SPDX-License-Identifier: MIT
 *
 * One try on the wire. See request.h.
 */
#include "store/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/scope.h"
#include "store/roots.h"
#include "store/verdict.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    BUFFER_SMALL = 32 * 1024,
    BUFFER_LARGE = 256 * 1024,
    UPLOAD_BUFFER = 512 * 1024,
};

/* By enum call_kind. */
static const struct {
    const char *method;
    bool writes; /* what fails is an output */
} KINDS[] = {
    [CALL_LIST] = {"GET", false},
    [CALL_HEAD] = {"HEAD", false},
    [CALL_GET] = {"GET", false},
    [CALL_PUT] = {"PUT", true},
    [CALL_DELETE] = {"DELETE", true},
    [CALL_UPLOAD_BEGIN] = {"POST", true},
    [CALL_UPLOAD_PART] = {"PUT", true},
    [CALL_UPLOAD_END] = {"POST", true},
    [CALL_UPLOAD_ABORT] = {"DELETE", true},
};

enum err_code call_code(const struct call *call)
{
    return KINDS[call->kind].writes ? ERR_OUTPUT : ERR_INPUT;
}

/* ---- the answer ---- */

/* The value of a header line when it is `name`'s, with its end in *n; NULL else. */
static const char *value_of(const char *line, size_t len, const char *name, size_t *n)
{
    size_t m = strlen(name);
    if (len <= m || strncasecmp(line, name, m) != 0 || line[m] != ':') {
        return NULL;
    }
    const char *from = line + m + 1;
    const char *end = line + len;
    while (from < end && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (end > from && strchr(" \t\r\n", end[-1])) {
        end--;
    }
    *n = (size_t)(end - from);
    return from;
}

/* Copies a header's value when it fits; one that does not says nothing. */
static bool take(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t n = 0;
    const char *value = value_of(line, len, name, &n);
    if (!value) {
        return false;
    }
    if (n < size && !memchr(value, '\0', n)) {
        memcpy(out, value, n);
        out[n] = '\0';
    }
    return true;
}

static void strip_quotes(char *etag)
{
    size_t n = strlen(etag);
    if (n >= 2 && etag[0] == '"' && etag[n - 1] == '"') {
        memmove(etag, etag + 1, n - 2);
        etag[n - 2] = '\0';
    }
}

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
    (void)one;
    struct call_answer *a = &((struct slot *)arg)->call->answer;
    char number[32] = "";
    if (len > 9 && strncasecmp(line, "HTTP/", 5) == 0) { /* also after a 100 Continue */
        *a = (struct call_answer){.length = UINT64_MAX};
        const char *code = memchr(line, ' ', len);
        for (int i = 1; code && code + i < line + len && i <= 3; i++) {
            a->status = a->status * 10 + (code[i] - '0');
        }
    } else if (take(line, len, "Content-Length", number, sizeof number)) {
        (void)number_parse(number, &a->length);
    } else if (take(line, len, "ETag", a->etag, sizeof a->etag)) {
        strip_quotes(a->etag);
    } else {
        (void)(take(line, len, "x-amz-request-id", a->request_id, sizeof a->request_id) ||
               take(line, len, "x-amz-bucket-region", a->region, sizeof a->region) ||
               take(line, len, "Location", a->location, sizeof a->location) ||
               take(line, len, "x-amz-checksum-crc32", a->crc32, sizeof a->crc32) ||
               take(line, len, "x-amz-checksum-sha1", a->sha1, sizeof a->sha1) ||
               take(line, len, "x-amz-checksum-sha256", a->sha256, sizeof a->sha256) ||
               take(line, len, "x-amz-server-side-encryption", a->encryption,
                    sizeof a->encryption));
    }
    return len;
}

static size_t on_data(char *bytes, size_t one, size_t n, void *arg)
{
    (void)one;
    struct slot *slot = arg;
    struct call *call = slot->call;
    bool good = call->answer.status / 100 == 2;
    if (good && call->data) {
        int rc = call->got == 0 ? verdict_headers(call, &slot->failure) : 0;
        call->got += n;
        if (rc == 0 && call->got > call->size) {
            rc = err_set(&slot->failure, call_code(call), "s3://%s/%s: more bytes than announced",
                         call->bucket, call->key);
        }
        rc = rc ? rc : call->data(call, bytes, n, &slot->failure);
        return rc == 0 ? n : 0;
    }
    call->got += n;
    str_add(&call->text, bytes, n);
    return good && call->text.overflow ? 0 : n;
}

/* ---- the request ---- */

static void add_header(struct slot *slot, const char *name, const char *value)
{
    SCOPE_FREE char *line = xasprintf("%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(slot->headers, line);
    slot->headers = more ? more : slot->headers; /* a missing one fails the signature: seen */
}

static void add_headers(const struct caller *c, struct slot *slot)
{
    const struct call *call = slot->call;
    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    /* The body's hash is not part of the signature: TLS and the checksum look after it. */
    add_header(slot, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    if (c->credentials.token) {
        add_header(slot, "x-amz-security-token", c->credentials.token);
    }
    if (call->kind == CALL_GET && call->ranged) {
        SCOPE_FREE char *range =
            call->size == UINT64_MAX
                ? xasprintf("bytes=%llu-", (unsigned long long)call->first)
                : xasprintf("bytes=%llu-%llu", (unsigned long long)call->first,
                            (unsigned long long)(call->first + call->size - 1));
        add_header(slot, "Range", range);
    } else if (call->kind == CALL_GET || call->kind == CALL_HEAD) {
        add_header(slot, "x-amz-checksum-mode", "ENABLED");
    }
    if (call->etag) {
        SCOPE_FREE char *quoted = xasprintf("\"%s\"", call->etag);
        add_header(slot, "If-Match", quoted);
    }
    bool creates = call->kind == CALL_PUT || call->kind == CALL_UPLOAD_BEGIN;
    if (creates && c->settings->kms_key_id) {
        add_header(slot, "x-amz-server-side-encryption", "aws:kms");
        add_header(slot, "x-amz-server-side-encryption-aws-kms-key-id", c->settings->kms_key_id);
    }
    if (call->kind == CALL_UPLOAD_BEGIN) {
        add_header(slot, "x-amz-checksum-algorithm", "CRC32");
    }
    if (*call->crc32) {
        add_header(slot, "x-amz-checksum-crc32", call->crc32);
    }
    if (KINDS[call->kind].writes && call->kind != CALL_DELETE && call->kind != CALL_UPLOAD_ABORT) {
        add_header(slot, "Content-Type",
                   call->kind == CALL_UPLOAD_END ? "application/xml" : "application/octet-stream");
    }
}

/* What is the same for all requests. libcurl's defaults verify certificate and host name, and
 * nothing here or in a configuration turns that off. */
static void set_always(const struct caller *c, struct slot *slot)
{
    CURL *easy = slot->easy;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* a key may hold ".." */
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "procagent/" PROCAGENT_VERSION);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->why);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                           (long)(c->settings->timeout_ns / NS_PER_S));
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    if (c->ca_file) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file);
    } else {
        struct curl_blob roots = {.data = (char *)(uintptr_t)ROOTS_PEM,
                                  .len = strlen(ROOTS_PEM),
                                  .flags = CURL_BLOB_NOCOPY};
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &roots);
    }
}

static void set_body(struct slot *slot)
{
    const struct call *call = slot->call;
    const char *method = KINDS[call->kind].method;
    CURL *easy = slot->easy;
    if (call->kind == CALL_HEAD) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_n);
        if (call->body_n > UPLOAD_BUFFER) {
            (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
        }
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    bool large = call->kind == CALL_GET && call->size > (uint64_t)BUFFER_LARGE;
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)(large ? BUFFER_LARGE : BUFFER_SMALL));
}

static int renew_credentials(struct caller *c, struct err *e)
{
    int64_t now = clock_realtime_ns();
    if (!credentials_expiring(&c->credentials, now)) {
        return 0;
    }
    struct err why = {0};
    int rc = credentials_refresh(&c->credentials, c->environment, caller_fetch, c, now, &why);
    return rc < 0 ? err_take(e, &why) : 0;
}

int request_prepare(struct caller *c, struct slot *slot, struct err *e)
{
    struct call *call = slot->call;
    struct str url = STR_INIT(0);
    int rc = renew_credentials(c, e);
    if (rc != 0) {
        return rc;
    }
    SCOPE_FREE char *provider =
        xasprintf("aws:amz:%s:s3", address_region(&c->address, call->bucket));
    curl_easy_reset(slot->easy);
    slot->failure = (struct err){0};
    slot->why[0] = '\0';
    call->answer = (struct call_answer){.length = UINT64_MAX};
    call->got = 0;
    str_clear(&call->text);
    add_headers(c, slot);
    set_always(c, slot);
    set_body(slot);
    address_url(&c->address, call->bucket, call->key, call->query, &url);
    CURLcode bad = curl_easy_setopt(slot->easy, CURLOPT_URL, str_text(&url));
    bad = bad ? bad : curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
    bad = bad ? bad : curl_easy_setopt(slot->easy, CURLOPT_AWS_SIGV4, provider);
    bad = bad ? bad : curl_easy_setopt(slot->easy, CURLOPT_USERNAME, c->credentials.access_key);
    bad = bad ? bad : curl_easy_setopt(slot->easy, CURLOPT_PASSWORD, c->credentials.secret_key);
    str_free(&url);
    return bad ? err_set(e, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(bad)) : 0;
}
