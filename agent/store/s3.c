/* SPDX-License-Identifier: MIT
 *
 * The S3 store: listing, looking, reading, removing. See s3.h; files are s3_get.c's and s3_put.c's.
 */
#include "store/s3.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"
#include "store/answer.h"
#include "store/s3_state.h"

/* ---- list ---- */

/* Canonical: sorted by name, values encoded. */
static char *list_query(const char *prefix, const char *token)
{
    struct str out = STR_INIT(0);
    if (token) {
        str_puts(&out, "continuation-token=");
        address_encode(&out, token, false);
        str_putc(&out, '&');
    }
    str_puts(&out, "encoding-type=url&list-type=2&prefix=");
    address_encode(&out, prefix, false);
    return str_take(&out);
}

static int list_page(struct s3 *s3, const char *bucket, const char *prefix,
                     struct answer_list *list, struct err *e)
{
    struct call *call = call_new(CALL_LIST, bucket, NULL);
    SCOPE_FREE char *token = list->next ? xstrdup(list->next) : NULL;
    call->prefix = prefix;
    call->query = list_query(prefix, token);
    int rc = call_run(s3->caller, call, e);
    if (rc == 0) {
        rc = answer_list(str_text(&call->text), call->text.len, list, e);
        rc = rc == 0 && token && str_same(token, list->next)
                 ? err_set(e, ERR_INPUT, "the server begins the same page again")
                 : rc;
        rc = rc ? err_prefix(e, "s3://%s/%s: list", bucket, prefix) : 0;
    }
    call_free(call);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct store_object *)a)->key, ((const struct store_object *)b)->key);
}

static int s3_list(void *self, const char *bucket, const char *prefix, struct store_listing *out,
                   struct err *e)
{
    SCOPE(answer_list_free) struct answer_list list = {0};
    do {
        int rc = list_page(self, bucket, prefix, &list, e);
        if (rc != 0) {
            return rc;
        }
    } while (list.truncated);
    for (size_t i = 0; i < list.n; i++) {
        const struct answer_object *at = &list.v[i];
        if (!str_starts(at->key, prefix)) {
            return err_set(e, ERR_INPUT,
                           "list of s3://%s/%s: the server lists %s, which is not "
                           "below it",
                           bucket, prefix, QUOTED(at->key));
        }
        store_listing_add(out, at->key, at->size, at->etag);
    }
    if (out->n > 1) { /* not every server sorts as S3 does */
        qsort(out->v, out->n, sizeof *out->v, by_key);
    }
    return 0;
}

/* ---- look ---- */

struct look {
    const char *bucket;
    struct store_listing *objects;
    size_t next;
};

static int take_look(struct call *call, struct err *e)
{
    struct store_object *at = call->ctx;
    const struct call_answer *a = &call->answer;
    if (a->length == UINT64_MAX) {
        return err_set(e, ERR_INPUT, "s3://%s/%s: the server does not tell its size", call->bucket,
                       call->key);
    }
    at->size = a->length;
    free(at->etag);
    at->etag = *a->etag ? xstrdup(a->etag) : NULL;
    return 0;
}

static int next_look(void *ctx, struct call **out, struct err *e)
{
    (void)e;
    struct look *look = ctx;
    if (look->next < look->objects->n) {
        struct store_object *at = &look->objects->v[look->next++];
        *out = call_new(CALL_HEAD, look->bucket, at->key);
        (*out)->done = take_look;
        (*out)->ctx = at;
    }
    return 0;
}

static int s3_look(void *self, const char *bucket, struct store_listing *objects, struct err *e)
{
    struct s3 *s3 = self;
    struct look look = {.bucket = bucket, .objects = objects};
    const struct call_source source = {.next = next_look, .ctx = &look};
    return calls_run(s3->caller, &source, e);
}

/* ---- read ---- */

/* An object that is handed on in order: what came is not asked for again. */
struct reading {
    store_sink *sink;
    void *ctx;
    uint64_t done;  /* bytes handed on */
    uint64_t size;  /* of the whole object; UINT64_MAX: not known yet */
    char etag[128]; /* of the first answer: the rest must be of the same content */
};

static int take_reading(struct call *call, const void *bytes, size_t n, struct err *e)
{
    struct reading *r = call->ctx;
    if (r->size == UINT64_MAX) {
        r->size = call->answer.length;
    }
    memcpy(r->etag, call->answer.etag, sizeof r->etag);
    r->done += n;
    return r->sink(r->ctx, bytes, n, e);
}

static void read_the_rest(struct call *call)
{
    struct reading *r = call->ctx;
    if (r->done == 0 || r->size == UINT64_MAX) {
        return;
    }
    call->ranged = true;
    call->first = r->done;
    call->size = r->size - r->done;
    call->etag = *r->etag ? r->etag : call->etag;
}

static int s3_read(void *self, const struct store_transfer *from, store_sink *sink, void *ctx,
                   struct err *e)
{
    struct s3 *s3 = self;
    struct reading reading = {.sink = sink, .ctx = ctx, .size = UINT64_MAX};
    struct call *call = call_new(CALL_GET, from->bucket, from->key);
    call->etag = from->etag;
    call->data = take_reading;
    call->again = read_the_rest;
    call->resumes = true;
    call->ctx = &reading;
    int rc = call_run(s3->caller, call, e);
    call_free(call);
    return rc;
}

/* ---- remove ---- */

struct removal {
    const char *bucket;
    const struct strvec *keys;
    size_t next;
};

static int next_removal(void *ctx, struct call **out, struct err *e)
{
    (void)e;
    struct removal *r = ctx;
    if (r->next < r->keys->n) {
        *out = call_new(CALL_DELETE, r->bucket, r->keys->v[r->next++]);
    }
    return 0;
}

static int s3_remove(void *self, const char *bucket, const struct strvec *keys, struct err *e)
{
    struct s3 *s3 = self;
    struct removal removal = {.bucket = bucket, .keys = keys};
    const struct call_source source = {.next = next_removal, .ctx = &removal};
    return calls_run(s3->caller, &source, e);
}

/* ---- open and close ---- */

static void s3_close(void *self)
{
    struct s3 *s3 = self;
    s3_drop_uploads(s3);
    caller_close(s3->caller);
    free(s3);
}

int s3_open(struct store *store, const struct s3_settings *settings, char *const *environment,
            struct err *e)
{
    static const struct store_ops OPS = {.list = s3_list,
                                         .look = s3_look,
                                         .get = s3_get,
                                         .read = s3_read,
                                         .put = s3_put,
                                         .commit = s3_commit,
                                         .remove = s3_remove,
                                         .close = s3_close};
    struct s3 *s3 = xcalloc(1, sizeof *s3);
    int rc = caller_open(&s3->caller, settings, environment, e);
    if (rc != 0) {
        free(s3);
        return rc;
    }
    *store = (struct store){.ops = &OPS, .self = s3};
    return 0;
}
