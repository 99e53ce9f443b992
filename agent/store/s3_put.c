/* SPDX-License-Identifier: MIT
 *
 * Files into objects. Large ones travel as multipart uploads before the commit and are completed by
 * it; small ones, which a request each sends whole, wait for it. So what takes long and may fail is
 * done before the first object is seen. Each body is in memory while it travels, and its CRC-32
 * goes with it, so what the server keeps is what was read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/scope.h"
#include "store/answer.h"
#include "store/digest.h"
#include "store/s3_state.h"

enum { MOST_PARTS = 10000, UPLOADS_AT_ONCE = 4 };
/* Bytes of bodies in flight; one is always let through. */
static const uint64_t BODIES_MAX = UINT64_C(32) << 20;
/* What cleaning up may take when the store does not answer. */
static const int64_t ABORT_NS = 5 * NS_PER_S;
/* What the ends of uploads may take; S3 says "several minutes" of the largest. */
static const int64_t COMPLETE_NS = 600 * NS_PER_S;

/* ---- bodies ---- */

/* What travels, and what is known of it when it is there. */
struct sending {
    struct s3 *s3;
    struct progress *progress;
    size_t first; /* of the uploads this run is about */
    size_t next;  /* upload to begin with next */
    size_t end;
    uint64_t flying; /* bytes of bodies in flight */
    size_t failed;   /* the upload that failed, or `end` */
};

struct body {
    struct sending *sending;
    size_t upload; /* its index: the list may move */
    size_t part;   /* from 0 */
    char *bytes;   /* owned */
    uint64_t size;
};

static struct s3_upload *upload_of(const struct body *body)
{
    return &body->sending->s3->v[body->upload];
}

static int read_body(const struct s3_upload *up, uint64_t first, uint64_t size, char *out,
                     struct err *e)
{
    if (!up->path) {
        memcpy(out, (const char *)up->bytes + first, size);
        return 0;
    }
    SCOPE_FD int fd = open(up->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0 || lseek(fd, (off_t)first, SEEK_SET) < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", up->path);
    }
    for (uint64_t done = 0; done < size;) {
        ssize_t got = io_read_some(fd, out + done, size - done);
        if (got < 0) {
            return err_sys(e, ERR_OUTPUT, errno, "read %s", up->path);
        }
        if (got == 0) {
            return err_set(e, ERR_INPUT, "s3://%s/%s: became shorter while it was read (%s)",
                           up->bucket, up->key, up->path);
        }
        done += (uint64_t)got;
    }
    return 0;
}

static void drop_body(struct call *call)
{
    struct body *body = call->ctx;
    body->sending->flying -= body->size;
    free(body->bytes);
    free(body);
    call_free(call);
}

static int make_body(struct sending *s, size_t upload, size_t part, struct call **out,
                     struct err *e)
{
    const struct s3_upload *up = &s->s3->v[upload];
    uint64_t first = part * up->part_size;
    uint64_t size =
        up->multipart && up->size - first > up->part_size ? up->part_size : up->size - first;
    struct body *body = xcalloc(1, sizeof *body);
    *body = (struct body){
        .sending = s, .upload = upload, .part = part, .bytes = xmalloc(size), .size = size};
    s->flying += size;
    struct call *call = call_new(up->multipart ? CALL_UPLOAD_PART : CALL_PUT, up->bucket, up->key);
    call->body = body->bytes;
    call->body_n = size;
    call->drop = drop_body;
    call->ctx = body;
    int rc = read_body(up, first, size, body->bytes, e);
    if (rc != 0) {
        s->failed = upload;
        drop_body(call);
        return rc;
    }
    digest_crc32(body->bytes, size, call->crc32);
    *out = call;
    return 0;
}

static bool has_room(const struct sending *s, uint64_t size)
{
    return s->flying == 0 || s->flying + size <= BODIES_MAX;
}

static void tell_failed(void *ctx, const struct call *call)
{
    struct sending *s = ctx;
    s->failed = ((const struct body *)call->ctx)->upload;
}

/* ---- put: multipart uploads, all but their end ---- */

static int finish_begin(struct call *call, struct err *e)
{
    struct s3_upload *up = upload_of(call->ctx);
    int rc = answer_upload_id(str_text(&call->text), call->text.len, &up->id, e);
    return rc ? err_prefix(e, "s3://%s/%s", up->bucket, up->key) : 0;
}

static int finish_part(struct call *call, struct err *e)
{
    const struct body *body = call->ctx;
    struct s3_upload *up = upload_of(body);
    struct s3_part *part = &up->v[body->part];
    if (*call->answer.etag == '\0') {
        return err_set(e, ERR_OUTPUT, "s3://%s/%s: the server gives part %zu no ETag", up->bucket,
                       up->key, body->part + 1);
    }
    part->etag = xstrdup(call->answer.etag);
    memcpy(part->crc32, call->crc32, sizeof part->crc32);
    up->done++;
    progress_add(body->sending->progress, up->done == up->n, (int64_t)body->size);
    return 0;
}

static struct call *begin_upload(struct sending *s, size_t upload)
{
    struct s3_upload *up = &s->s3->v[upload];
    struct body *body = xcalloc(1, sizeof *body);
    *body = (struct body){.sending = s, .upload = upload};
    struct call *call = call_new(CALL_UPLOAD_BEGIN, up->bucket, up->key);
    call->query = xstrdup("uploads=");
    call->done = finish_begin;
    call->drop = drop_body;
    call->ctx = body;
    up->begun = true;
    return call;
}

static int send_part(struct sending *s, size_t upload, struct call **out, struct err *e)
{
    struct s3_upload *up = &s->s3->v[upload];
    int rc = make_body(s, upload, up->sent, out, e);
    if (rc != 0) {
        return rc;
    }
    struct str query = STR_INIT(0);
    str_printf(&query, "partNumber=%zu&uploadId=", ++up->sent);
    address_encode(&query, up->id, false);
    (*out)->query = str_take(&query);
    (*out)->done = finish_part;
    return 0;
}

/* Parts of the uploads that are begun, the first ones first; a few are begun at once, so that there
 * is something to send while the next id is asked for. */
static int next_part(void *ctx, struct call **out, struct err *e)
{
    struct sending *s = ctx;
    size_t begun = 0;
    for (size_t i = s->next; i < s->end && begun < UPLOADS_AT_ONCE; i++) {
        struct s3_upload *up = &s->s3->v[i];
        if (!up->multipart || up->sent == up->n) {
            s->next += i == s->next;
            continue;
        }
        begun++;
        if (!up->begun) {
            *out = begin_upload(s, i);
            return 0;
        }
        if (up->id && has_room(s, up->part_size)) {
            return send_part(s, i, out, e);
        }
    }
    return 0;
}

static void add_upload(struct s3 *s3, const struct store_transfer *at)
{
    const uint64_t part_size = caller_settings(s3->caller)->part_size;
    struct s3_upload up = {.bucket = xstrdup(at->bucket),
                           .key = xstrdup(at->key),
                           .path = at->path ? xstrdup(at->path) : NULL,
                           .size = at->size,
                           .part_size = part_size,
                           .multipart = at->size > part_size};
    if (!at->path) {
        up.bytes = xmalloc(at->size);
        memcpy(up.bytes, at->bytes, at->size);
    }
    if (up.multipart) {
        uint64_t least = at->size / MOST_PARTS + 1;
        up.part_size = part_size > least ? part_size : least;
        up.n = (size_t)((at->size + up.part_size - 1) / up.part_size);
        up.v = xcalloc(up.n, sizeof *up.v);
    }
    s3->v = vec_room(s3->v, s3->n, &s3->cap, sizeof *s3->v);
    s3->v[s3->n++] = up;
}

/* A file that is not there fails before anything travels. */
static int check_file(const struct store_transfer *at, struct err *e)
{
    if (!at->path) {
        return 0;
    }
    SCOPE_FD int fd = open(at->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", at->path);
    }
    return (uint64_t)size >= at->size
               ? 0
               : err_set(e, ERR_INPUT, "s3://%s/%s: became shorter while it was read (%s)",
                         at->bucket, at->key, at->path);
}

int s3_put(void *self, struct store_batch *batch, struct err *e)
{
    struct s3 *s3 = self;
    struct sending s = {.s3 = s3, .progress = batch->progress, .first = s3->n};
    for (size_t i = 0; i < batch->n; i++) {
        int rc = check_file(&batch->v[i], e);
        if (rc != 0) {
            batch->failed = i;
            return rc;
        }
        add_upload(s3, &batch->v[i]);
    }
    s.next = s.first;
    s.end = s3->n;
    s.failed = s.end;
    const struct call_source source = {.next = next_part, .failed = tell_failed, .ctx = &s};
    int rc = calls_run(s3->caller, &source, e);
    if (rc != 0) {
        batch->failed = s.failed - s.first;
    }
    return rc;
}

/* ---- commit ---- */

static void count_visible(struct s3 *s3, struct s3_upload *up)
{
    up->visible = true;
    s3->committed++;
}

static int finish_put(struct call *call, struct err *e)
{
    (void)e;
    const struct body *body = call->ctx;
    struct s3_upload *up = upload_of(body);
    count_visible(body->sending->s3, up);
    progress_add(body->sending->progress, 1, (int64_t)up->size);
    return 0;
}

static int next_put(void *ctx, struct call **out, struct err *e)
{
    struct sending *s = ctx;
    while (s->next < s->end && (s->s3->v[s->next].multipart || s->s3->v[s->next].visible)) {
        s->next++;
    }
    if (s->next == s->end || !has_room(s, s->s3->v[s->next].size)) {
        return 0;
    }
    int rc = make_body(s, s->next++, 0, out, e);
    if (rc == 0) {
        (*out)->done = finish_put;
    }
    return rc;
}

static int finish_upload(struct call *call, struct err *e)
{
    struct body *body = call->ctx;
    struct s3_upload *up = upload_of(body);
    SCOPE_FREE char *etag = NULL;
    if (call->answer.status == 404) {
        up->unsure = true;
        return 0;
    }
    int rc = answer_completed(str_text(&call->text), call->text.len, &etag, e);
    if (rc != 0) {
        return rc < 0 ? err_prefix(e, "s3://%s/%s", up->bucket, up->key)
                      : err_set(e, ERR_OUTPUT, "s3://%s/%s: the upload cannot be completed",
                                up->bucket, up->key);
    }
    count_visible(body->sending->s3, up);
    return 0;
}

static char *list_parts(const struct s3_upload *up, uint64_t *n)
{
    struct str out = STR_INIT(0);
    str_puts(&out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < up->n; i++) {
        str_printf(&out,
                   "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag>"
                   "<ChecksumCRC32>%s</ChecksumCRC32></Part>",
                   i + 1, up->v[i].etag, up->v[i].crc32);
    }
    str_puts(&out, "</CompleteMultipartUpload>");
    *n = out.len;
    return str_take(&out);
}

static char *upload_query(const struct s3_upload *up)
{
    struct str query = STR_INIT(0);
    str_puts(&query, "uploadId=");
    address_encode(&query, up->id, false);
    return str_take(&query);
}

static int next_end(void *ctx, struct call **out, struct err *e)
{
    (void)e;
    struct sending *s = ctx;
    while (s->next < s->end && (!s->s3->v[s->next].multipart || s->s3->v[s->next].visible)) {
        s->next++;
    }
    if (s->next == s->end) {
        return 0;
    }
    const struct s3_upload *up = &s->s3->v[s->next];
    struct body *body = xcalloc(1, sizeof *body);
    *body = (struct body){.sending = s, .upload = s->next++};
    body->bytes = list_parts(up, &body->size);
    s->flying += body->size;
    *out = call_new(CALL_UPLOAD_END, up->bucket, up->key);
    (*out)->query = upload_query(up);
    (*out)->body = body->bytes;
    (*out)->body_n = body->size;
    (*out)->done = finish_upload;
    (*out)->drop = drop_body;
    (*out)->ctx = body;
    return 0;
}

/* Is the object what was sent in parts? Its ETag tells their number, its checksum, where the server
 * keeps one, their content. */
static bool is_upload(const struct s3_upload *up, const struct call_answer *a)
{
    char number[32];
    SCOPE_FREE struct digest_part *parts = xcalloc(up->n, sizeof *parts);
    for (size_t i = 0; i < up->n; i++) {
        uint64_t left = up->size - i * up->part_size;
        parts[i] = (struct digest_part){.crc32 = up->v[i].crc32,
                                        .size = left < up->part_size ? left : up->part_size};
    }
    (void)snprintf(number, sizeof number, "-%zu", up->n);
    return a->length == up->size && str_ends(a->etag, number) &&
           (!*a->crc32 || digest_fits_parts(a->crc32, parts, up->n));
}

static int look_at_unsure(struct s3 *s3, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s3->n; i++) {
        struct s3_upload *up = &s3->v[i];
        if (!up->unsure || up->visible) {
            continue;
        }
        struct call *call = call_new(CALL_HEAD, up->bucket, up->key);
        rc = call_run(s3->caller, call, e);
        if (rc == 0 && !is_upload(up, &call->answer)) {
            rc = err_set(e, ERR_OUTPUT, "s3://%s/%s is not what was uploaded", up->bucket, up->key);
        }
        call_free(call);
        if (rc == 0) {
            count_visible(s3, up);
        } else {
            rc = err_prefix(e, "the upload is gone");
        }
    }
    return rc;
}

int s3_commit(void *self, struct progress *progress, struct err *e)
{
    struct s3 *s3 = self;
    struct sending s = {.s3 = s3, .progress = progress, .end = s3->n, .failed = s3->n};
    struct call_source source = {.next = next_put, .failed = tell_failed, .ctx = &s};
    int rc = calls_run(s3->caller, &source, e);
    s.next = 0;
    source.next = next_end;
    /* Whether an end that was cut off happened nobody could say: a stop waits for these. */
    caller_hurry(s3->caller, COMPLETE_NS);
    rc = rc ? rc : calls_run(s3->caller, &source, e);
    rc = rc ? rc : look_at_unsure(s3, e);
    caller_hurry(s3->caller, 0);
    if (rc != 0 && s3->committed > 0) {
        return err_prefix(e, "%zu of %zu objects are already in place", s3->committed, s3->n);
    }
    return rc;
}

/* ---- the end ---- */

static int next_abort(void *ctx, struct call **out, struct err *e)
{
    (void)e;
    struct sending *s = ctx;
    while (s->next < s->end && (!s->s3->v[s->next].id || s->s3->v[s->next].visible)) {
        s->next++;
    }
    if (s->next < s->end) {
        const struct s3_upload *up = &s->s3->v[s->next++];
        *out = call_new(CALL_UPLOAD_ABORT, up->bucket, up->key);
        (*out)->query = upload_query(up);
    }
    return 0;
}

static void free_upload(struct s3_upload *up)
{
    for (size_t i = 0; i < up->n; i++) {
        free(up->v[i].etag);
    }
    free(up->v);
    free(up->bucket);
    free(up->key);
    free(up->path);
    free(up->bytes);
    free(up->id);
}

void s3_drop_uploads(struct s3 *s3)
{
    struct sending s = {.s3 = s3, .end = s3->n};
    const struct call_source source = {.next = next_abort, .ctx = &s};
    struct err e = {0};
    caller_hurry(s3->caller, ABORT_NS);
    if (calls_run(s3->caller, &source, &e) != 0) {
        log_warn("store", "%s; parts of uploads may be left, ignored", e.text);
    }
    for (size_t i = 0; i < s3->n; i++) {
        free_upload(&s3->v[i]);
    }
    free(s3->v);
    s3->v = NULL;
    s3->n = 0;
}
