/* SPDX-License-Identifier: MIT
 *
 * Planning a publication. See items.h.
 */
#include "publish/items.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "publish/hosts.h"

void items_free(struct items *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        free(plan->v[i].path);
        free(plan->v[i].key);
        free(plan->v[i].bytes);
    }
    for (size_t i = 0; i < plan->n_places; i++) {
        s3_place_free(&plan->places[i]);
    }
    free(plan->v);
    free(plan->places);
    *plan = (struct items){0};
}

bool items_ours(const struct job *job, const struct output *out)
{
    return out->dir && !(out->app_managed && (!job_moves(job, out->app_managed) || !out->s3_uri));
}

int items_begin(struct items *plan, const struct job *job, const char *below, struct err *e)
{
    plan->places = xcalloc(job->n_outputs + 1, sizeof *plan->places);
    plan->n_places = job->n_outputs;
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        struct s3_place *place = &plan->places[i];
        if (!job_moves(job, out->app_managed) || !items_ours(job, out)) {
            continue;
        }
        if (!out->s3_uri) {
            return err_set(e, ERR_CONFIG, "%s: output \"%s\" has no S3Uri to publish to",
                           out->origin, out->name);
        }
        if (s3_place_parse(out->s3_uri, place, e) != 0) {
            return err_prefix(e, "%s: output \"%s\"", out->origin, out->name);
        }
        if (below) {
            char *key = *place->key ? path_join(place->key, below) : xstrdup(below);
            free(place->key);
            place->key = key;
        }
    }
    return 0;
}

static void add(struct items *plan, const struct job *job, const struct item *item)
{
    const char *top = plan->places[item->output].key;
    SCOPE_FREE char *marked = hosts_mark(job, item->path);
    plan->v = vec_room(plan->v, plan->n, &plan->cap, sizeof *plan->v);
    plan->v[plan->n] = *item;
    plan->v[plan->n].path = xstrdup(item->path);
    plan->v[plan->n++].key = *top ? path_join(top, marked) : TAKE_PTR(marked);
}

void items_add(struct items *plan, const struct job *job, size_t output, const struct dir_entry *at)
{
    struct item item = {
        .kind = ITEM_DATA, .output = output, .path = at->path, .id = identity_of(at)};
    add(plan, job, &item);
}

void items_add_ends(struct items *plan, const struct job *job, size_t output)
{
    const struct output *out = &job->outputs[output];
    struct item manifest = {.kind = ITEM_MANIFEST, .output = output, .path = out->manifest};
    struct item marker = {.kind = ITEM_MARKER, .output = output, .path = out->marker};
    bool nowhere = !plan->places[output].bucket;
    if (out->manifest && !nowhere) {
        add(plan, job, &manifest);
    }
    if (out->marker && !nowhere) {
        add(plan, job, &marker);
    }
}

/* ---- order and checks ---- */

static const char *bucket_of(const struct items *plan, const struct item *item)
{
    return plan->places[item->output].bucket;
}

static int compare(const char *bucket_a, const char *key_a, const char *bucket_b, const char *key_b)
{
    int by_bucket = strcmp(bucket_a, bucket_b);
    return by_bucket ? by_bucket : strcmp(key_a, key_b);
}

static int by_key(const void *a, const void *b, void *plan)
{
    const struct item *x = a;
    const struct item *y = b;
    return compare(bucket_of(plan, x), x->key, bucket_of(plan, y), y->key);
}

/* For messages: a file by its path, the others by what they are. */
static const char *what(const struct item *item)
{
    switch (item->kind) {
    case ITEM_DATA: return item->path;
    case ITEM_MANIFEST: return "its manifest";
    case ITEM_MARKER: return "its marker";
    }
    return "?";
}

static int check_item(const struct job *job, const struct item *at, enum err_code code,
                      struct err *e)
{
    const char *name = job->outputs[at->output].name;
    if (strlen(at->key) > S3_KEY_MAX) {
        return err_set(e, code, "output \"%s\": the key of %s has %zu bytes, S3 allows %d", name,
                       QUOTED(at->path), strlen(at->key), S3_KEY_MAX);
    }
    if (!utf8_valid(at->key, strlen(at->key))) {
        return err_set(e, code,
                       "output \"%s\": the name %s is not UTF-8, no S3 key can be made of it", name,
                       QUOTED(at->path));
    }
    if (!hosts_marked(job, at->key)) {
        return err_set(e, code,
                       "output \"%s\": the name %s would not tell that it is from host %s, and "
                       "another host could overwrite it; rename it",
                       name, QUOTED(path_base(at->key)), QUOTED(job->current_host));
    }
    return 0;
}

int items_check(struct items *plan, const struct job *job, enum err_code code, struct err *e)
{
    if (plan->n > 1) {
        qsort_r(plan->v, plan->n, sizeof *plan->v, by_key, plan);
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        int rc = check_item(job, at, code, e);
        if (rc != 0) {
            return rc;
        }
        if (i > 0 && by_key(at, &plan->v[i - 1], plan) == 0) {
            const struct item *other = &plan->v[i - 1];
            return err_set(e, code,
                           "outputs \"%s\" (%s) and \"%s\" (%s) would both become s3://%s/%s",
                           job->outputs[other->output].name, what(other),
                           job->outputs[at->output].name, what(at), bucket_of(plan, at), at->key);
        }
    }
    return 0;
}

const struct item *items_find(const struct items *plan, const char *bucket, const char *key)
{
    size_t low = 0;
    for (size_t high = plan->n; low < high;) {
        size_t mid = low + (high - low) / 2;
        const struct item *at = &plan->v[mid];
        int order = compare(bucket_of(plan, at), at->key, bucket, key);
        if (order == 0) {
            return at;
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }
    return NULL;
}

const char *items_relative(const struct items *plan, size_t output, const char *key)
{
    const char *top = plan->places[output].key;
    size_t n = strlen(top);
    if (n == 0) {
        return key;
    }
    return strncmp(key, top, n) == 0 && key[n] == '/' ? key + n + 1 : NULL;
}

struct identity identity_of(const struct dir_entry *at)
{
    return (struct identity){.size = at->size,
                             .mtime_ns = at->mtime_ns,
                             .ctime_ns = at->ctime_ns,
                             .dev = at->dev,
                             .ino = at->ino};
}

bool identity_read(const char *path, struct identity *out)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return false;
    }
    *out = (struct identity){.size = (uint64_t)st.st_size,
                             .mtime_ns = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec,
                             .ctime_ns = st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec,
                             .dev = st.st_dev,
                             .ino = st.st_ino};
    return true;
}

bool identity_same(const struct identity *a, const struct identity *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
           a->dev == b->dev && a->ino == b->ino;
}

/* ---- sending ---- */

int items_put(const struct items *plan, const struct job *job, const bool *wanted,
              struct store *store, struct progress *progress, size_t *failed, struct err *e)
{
    SCOPE(strvec_free) struct strvec paths = {0};
    SCOPE_FREE struct store_transfer *v = xcalloc(plan->n + 1, sizeof *v);
    SCOPE_FREE size_t *items = xcalloc(plan->n + 1, sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        if (!wanted[i]) {
            continue;
        }
        v[n] = (struct store_transfer){.bucket = bucket_of(plan, at), .key = at->key};
        if (at->kind == ITEM_DATA) {
            strvec_take(&paths, path_join(job->outputs[at->output].dir, at->path));
            v[n].path = paths.v[paths.n - 1];
            v[n].size = at->id.size;
        } else {
            v[n].bytes = at->bytes ? at->bytes : "";
            v[n].size = strlen(v[n].bytes);
        }
        items[n++] = i;
    }
    *failed = plan->n;
    if (n == 0) {
        return 0;
    }
    struct store_batch batch = {.v = v, .n = n, .progress = progress, .failed = n};
    int rc = store->ops->put(store->self, &batch, e);
    if (rc != 0 && batch.failed < n) {
        *failed = items[batch.failed];
        return err_is_stop(e)
                   ? rc
                   : err_prefix(e, "output \"%s\"", job->outputs[plan->v[*failed].output].name);
    }
    return rc;
}
