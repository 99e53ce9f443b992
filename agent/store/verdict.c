/* SPDX-License-Identifier: MIT
 *
 * What the end of a try means. See verdict.h.
 */
#include "store/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/scope.h"
#include "store/answer.h"
#include "store/request.h"

/* Sent on this often, a bucket is nowhere. */
enum { MOST_MOVES = 4 };

char *call_name(const struct call *call)
{
    static const char *const WORDS[] = {
        [CALL_LIST] = "list",
        [CALL_HEAD] = "look",
        [CALL_GET] = "get",
        [CALL_PUT] = "put",
        [CALL_DELETE] = "remove",
        [CALL_UPLOAD_BEGIN] = "begin of the upload",
        [CALL_UPLOAD_PART] = "upload",
        [CALL_UPLOAD_END] = "end of the upload",
        [CALL_UPLOAD_ABORT] = "abort of the upload",
    };
    const char *what = call->key ? call->key : call->prefix;
    return xasprintf("s3://%s/%s: %s", call->bucket, what ? what : "", WORDS[call->kind]);
}

int verdict_headers(const struct call *call, struct err *e)
{
    const struct call_answer *a = &call->answer;
    if (call->kind != CALL_GET) {
        return 0;
    }
    if (call->etag && *a->etag && strcmp(call->etag, a->etag) != 0) {
        return err_set(e, call_code(call),
                       "s3://%s/%s was changed while it was read (ETag %s, now %s)", call->bucket,
                       call->key, QUOTED(call->etag), QUOTED(a->etag));
    }
    if (call->ranged && a->status != 206) {
        return err_set(e, call_code(call),
                       "s3://%s/%s: the server does not answer ranges (HTTP %ld)", call->bucket,
                       call->key, a->status);
    }
    if (call->size != UINT64_MAX && a->length != UINT64_MAX && a->length != call->size) {
        return err_set(e, call_code(call), "s3://%s/%s: %llu bytes were expected, %llu are sent",
                       call->bucket, call->key, (unsigned long long)call->size,
                       (unsigned long long)a->length);
    }
    return 0;
}

/* ---- no answer ---- */

static bool network_may_mend(CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what came back is no HTTP/1.1; URLs are checked */
    case CURLE_WEIRD_SERVER_REPLY: return true;
    default: return false;
    }
}

static enum verdict of_network(const struct slot *slot, const struct call *call, CURLcode code,
                               struct err *e)
{
    SCOPE_FREE char *name = call_name(call);
    if (slot->failure.code) { /* whoever takes the data stopped it */
        (void)err_take(e, &slot->failure);
        return VERDICT_BAD;
    }
    if (code == CURLE_WRITE_ERROR && call->text.overflow) {
        (void)err_set(e, call_code(call), "%s: the answer has more than %zu bytes", name,
                      call->text.max);
        return VERDICT_BAD;
    }
    const char *why = *slot->why ? slot->why : curl_easy_strerror(code);
    bool unknown_ca = code == CURLE_PEER_FAILED_VERIFICATION &&
                      str_starts(why, "SSL certificate problem"); /* not just another host's */
    (void)err_set(e, call_code(call), "%s: %s%s", name, why,
                  unknown_ca ? "; a CA of your own is trusted by [store] ca_bundle or AWS_CA_BUNDLE"
                             : "");
    return network_may_mend(code) ? VERDICT_AGAIN : VERDICT_BAD;
}

/* ---- an answer that is an error ---- */

static bool is_one_of(const char *code, const char *const *codes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool service_may_mend(long status, const char *code)
{
    static const char *const CODES[] = {
        "SlowDown",       "InternalError",       "ServiceUnavailable",   "Throttling",
        "RequestTimeout", "ThrottlingException", "RequestLimitExceeded", "OperationAborted",
        "BadDigest",      "IncompleteBody",
    };
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504 || is_one_of(code, CODES, sizeof CODES / sizeof *CODES);
}

/* A HEAD's errors have no body. */
static const char *word_of_status(long status)
{
    switch (status) {
    case 301: return "PermanentRedirect";
    case 400: return "BadRequest";
    case 403: return "AccessDenied";
    case 404: return "NotFound";
    case 412: return "PreconditionFailed";
    default: return "";
    }
}

/* Expired keys of a container are renewed; those of the environment are the user's to renew. */
static bool renew(struct caller *c, const struct answer_error *body)
{
    static const char *const CODES[] = {"ExpiredToken", "ExpiredTokenException",
                                        "TokenRefreshRequired"};
    if (!is_one_of(body->code, CODES, sizeof CODES / sizeof *CODES) ||
        c->credentials.refresh_ns == 0) {
        return false;
    }
    struct err ignored = {0};
    return credentials_refresh(&c->credentials, c->environment, caller_fetch, c,
                               clock_realtime_ns(), &ignored) == 0;
}

/* Does the answer say that the bucket is elsewhere? 1 yes, 0 no, negative: at a stranger's. */
static int sent_on(struct caller *c, const struct call *call, const struct answer_error *body,
                   struct err *e)
{
    const struct call_answer *a = &call->answer;
    bool moved = a->status == 301 || a->status == 302 || a->status == 307 || a->status == 308 ||
                 strcmp(body->code, "AuthorizationHeaderMalformed") == 0 ||
                 (a->status == 400 && *a->region);
    if (!moved) {
        return 0;
    }
    const char *region = *a->region ? a->region : body->region;
    return address_learn(&c->address, call->bucket, region, a->location, e);
}

/* One line: bucket, key, what S3 says, the request's id, and what can be done. */
static void describe(const struct caller *c, const struct call *call,
                     const struct answer_error *body, struct err *e)
{
    const struct call_answer *a = &call->answer;
    SCOPE_FREE char *name = call_name(call);
    const char *code = *body->code ? body->code : word_of_status(a->status);
    const char *id = *body->request_id ? body->request_id : a->request_id;
    const char *hint = "";
    if (strcmp(code, "NoSuchBucket") == 0) {
        hint = "; is the bucket's name right?";
    } else if (a->status == 412) {
        hint = "; it was changed while it was read";
    } else if (strcmp(code, "RequestTimeTooSkewed") == 0) {
        hint = "; this machine's clock is wrong";
    }
    SCOPE_FREE char *who = a->status == 403 || a->status == 400
                               ? xasprintf(" (credentials from %s)", c->credentials.source)
                               : xstrdup("");
    (void)err_set(e, call_code(call), "%s: HTTP %ld%s%s%s%s%s%s%s%s%s", name, a->status,
                  *code ? " " : "", code, *body->message ? ": " : "", body->message,
                  *id ? " (request " : "", id, *id ? ")" : "", who, hint);
}

/* What is to be removed may be gone. An upload that is to end may have ended by a try whose answer
 * was lost (libcurl too sends a request again, when a kept connection turns out to be dead): who
 * asked looks at the status. */
static bool is_gone_as_wanted(const struct call *call)
{
    return call->answer.status == 404 &&
           (call->kind == CALL_DELETE || call->kind == CALL_UPLOAD_ABORT ||
            call->kind == CALL_UPLOAD_END);
}

static enum verdict of_status(struct caller *c, struct call *call, struct err *e)
{
    struct answer_error body;
    answer_error(str_text(&call->text), call->text.len, &body);
    struct err stranger = {0};
    int moved = sent_on(c, call, &body, &stranger);
    if ((moved > 0 || renew(c, &body)) && call->moves < MOST_MOVES) {
        call->moves++;
        return VERDICT_ELSEWHERE;
    }
    describe(c, call, &body, e);
    if (moved < 0) {
        (void)err_prefix(&stranger, "s3://%s", call->bucket);
        (void)err_take(e, &stranger);
        return VERDICT_BAD;
    }
    if (is_gone_as_wanted(call) && strcmp(body.code, "NoSuchBucket") != 0) {
        return VERDICT_GOOD;
    }
    return service_may_mend(call->answer.status, body.code) ? VERDICT_AGAIN : VERDICT_BAD;
}

/* The end of a multipart upload may fail with status 200 (contract of CompleteMultipartUpload). */
static bool hides_an_error(const struct call *call)
{
    if (call->kind != CALL_UPLOAD_END) {
        return false;
    }
    struct answer_error body;
    answer_error(str_text(&call->text), call->text.len, &body);
    return *body.code != '\0';
}

enum verdict verdict_of(struct caller *c, struct slot *slot, struct call *call, CURLcode code,
                        struct err *e)
{
    const struct call_answer *a = &call->answer;
    if (code != CURLE_OK) {
        return of_network(slot, call, code, e);
    }
    if (a->status / 100 != 2) {
        return of_status(c, call, e);
    }
    if (hides_an_error(call)) {
        return of_status(c, call, e);
    }
    if (call->got == 0 && verdict_headers(call, e) != 0) {
        return VERDICT_BAD;
    }
    if (call->kind == CALL_GET && call->size != UINT64_MAX && call->got != call->size) {
        (void)err_set(e, call_code(call), "s3://%s/%s: %llu of %llu bytes came", call->bucket,
                      call->key, (unsigned long long)call->got, (unsigned long long)call->size);
        return VERDICT_AGAIN;
    }
    return call->check && call->check(call, e) != 0 ? VERDICT_AGAIN : VERDICT_GOOD;
}
