/* SPDX-License-Identifier: MIT
 *
 * append, replace, fail. See modes.h.
 */
#include "publish/modes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "publish/hosts.h"

void modes_free(struct modes *modes)
{
    for (size_t i = 0; i < modes->n; i++) {
        strvec_free(&modes->v[i].ends);
        strvec_free(&modes->v[i].data);
    }
    free(modes->v);
    *modes = (struct modes){0};
}

/* ---- paths ---- */

size_t modes_partition(const char *path)
{
    size_t end = 0;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *folder = end ? path + end + 1 : path;
        const char *equals = memchr(folder, '=', (size_t)(slash - folder));
        if (!equals || equals == folder) {
            break;
        }
        end = (size_t)(slash - path);
    }
    return end;
}

bool modes_hidden(const char *path)
{
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (*p == '_' || *p == '.') {
            return true;
        }
    }
    return false;
}

/* ---- what a run replaces ---- */

/* Where an output's new data goes. */
struct target {
    struct strvec partitions; /* sorted */
    bool whole;               /* no file lies in a partition: it is the whole output */
};

static void target_free(struct target *t)
{
    strvec_free(&t->partitions);
}

/* Hidden files are no data: they replace nothing. */
static void target_read(struct target *t, const struct items *plan, size_t output)
{
    bool loose = false;
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        if (at->output != output || at->kind != ITEM_DATA || modes_hidden(at->path)) {
            continue;
        }
        size_t n = modes_partition(at->path);
        const char *last = t->partitions.n ? t->partitions.v[t->partitions.n - 1] : "";
        loose = loose || n == 0;
        if (n > 0 && (strlen(last) != n || strncmp(last, at->path, n) != 0)) {
            strvec_take(&t->partitions, xstrndup(at->path, n));
        }
    }
    strvec_sort(&t->partitions);
    t->whole = loose && t->partitions.n == 0;
}

static int by_text(const void *key, const void *entry)
{
    return strcmp(key, *(char *const *)entry);
}

/* Is the object at `rel` below the output in a place that gets new data? */
static bool target_has(const struct target *t, const char *rel)
{
    if (*rel == '\0' || str_ends(rel, "/") || modes_hidden(rel)) {
        return false; /* a key that ends in a slash is a folder's marker, and no file */
    }
    if (t->whole) {
        return true;
    }
    SCOPE_FREE char *partition = xstrndup(rel, modes_partition(rel));
    return t->partitions.n > 0 && bsearch(partition, t->partitions.v, t->partitions.n,
                                          sizeof *t->partitions.v, by_text) != NULL;
}

/* ---- looking ---- */

/* All objects below the output's S3Uri; none when the store has yet to make the bucket. */
static int list_output(const struct s3_place *place, struct store *store,
                       struct store_listing *list, struct err *e)
{
    struct err found = {0};
    SCOPE_FREE char *prefix = *place->key ? xasprintf("%s/", place->key) : xstrdup("");
    int rc = store->ops->list(store->self, place->bucket, prefix, list, &found);
    return rc == 0 || found.sys == ENOENT ? 0 : err_take(e, &found);
}

/* The output's own manifest or marker, also as a run with one host named it: that is the first
 * host's. */
static bool is_end(const struct job *job, const struct output *out, const char *rel)
{
    const char *const names[] = {out->manifest, out->marker};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        SCOPE_FREE char *marked = names[i] ? hosts_mark(job, names[i]) : NULL;
        if (str_same(rel, marked) || (job->host_index == 0 && str_same(rel, names[i]))) {
            return true;
        }
    }
    return false;
}

static int refuse(const struct output *out, const char *bucket, const struct strvec *there,
                  struct err *e)
{
    return err_set(e, ERR_OUTPUT,
                   "output \"%s\": %zu object%s already where this run would publish, the first is "
                   "s3://%s/%s, and %s says mode = fail; remove %s, choose another S3Uri, or use "
                   "mode = append or replace",
                   out->name, there->n, there->n == 1 ? " is" : "s are", bucket, there->v[0],
                   out->mode_origin, there->n == 1 ? "it" : "them");
}

static int look_at(struct replaced *r, const struct items *plan, const struct job *job,
                   size_t output, struct store *store, struct err *e)
{
    const struct output *out = &job->outputs[output];
    const struct s3_place *place = &plan->places[output];
    SCOPE(target_free) struct target target = {0};
    SCOPE(store_listing_free) struct store_listing list = {0};
    target_read(&target, plan, output);
    if (!target.whole && target.partitions.n == 0) {
        return 0;
    }
    int rc = list_output(place, store, &list, e);
    if (rc != 0) {
        return err_is_stop(e) ? rc
                              : err_prefix(e, "output \"%s\"", out->name);
    }
    SCOPE(strvec_free) struct strvec there = {0}; /* for mode = fail */
    for (size_t i = 0; i < list.n; i++) {
        const char *key = list.v[i].key;
        const char *rel = items_relative(plan, output, key);
        bool end = rel && is_end(job, out, rel);
        bool data = rel && !end && target_has(&target, rel) && hosts_may_replace(job, rel);
        if (data || (end && target.whole)) {
            strvec_add(&there, key);
        }
        if (end) {
            strvec_add(&r->ends, key);
        } else if (data && !items_find(plan, place->bucket, key)) {
            strvec_add(&r->data, key);
        }
    }
    if (out->mode == PUBLISH_FAIL) {
        strvec_free(&r->ends);
        strvec_free(&r->data);
        return there.n > 0 ? refuse(out, place->bucket, &there, e) : 0;
    }
    return 0;
}

int modes_look(struct modes *modes, const struct items *plan, const struct job *job,
               struct store *store, struct err *e)
{
    modes->v = xcalloc(job->n_outputs + 1, sizeof *modes->v);
    modes->n = job->n_outputs;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        if (plan->places[i].bucket && job->outputs[i].mode != PUBLISH_APPEND) {
            rc = look_at(&modes->v[i], plan, job, i, store, e);
        }
    }
    return rc;
}

/* ---- removing ---- */

int modes_begin(const struct modes *modes, const struct items *plan, struct store *store,
                bool *removed, struct err *e)
{
    int rc = 0;
    *removed = false;
    for (size_t i = 0; rc == 0 && i < modes->n; i++) {
        const struct strvec *keys = &modes->v[i].ends;
        if (keys->n > 0) {
            *removed = true;
            rc = store->ops->remove(store->self, plan->places[i].bucket, keys, e);
        }
    }
    return rc;
}

/* How many of `keys` are still there, and the first of them; -1 when that cannot be seen. */
static ptrdiff_t count_left(const struct s3_place *place, const struct strvec *keys,
                            struct store *store, char **first)
{
    struct err ignored = {0};
    SCOPE(store_listing_free) struct store_listing list = {0};
    if (list_output(place, store, &list, &ignored) != 0) {
        return -1;
    }
    ptrdiff_t left = 0;
    for (size_t i = 0; i < list.n; i++) {
        if (bsearch(list.v[i].key, keys->v, keys->n, sizeof *keys->v, by_text)) {
            *first = left++ == 0 ? xstrdup(list.v[i].key) : *first;
        }
    }
    return left;
}

static int tell_left(const struct output *out, const struct s3_place *place,
                     const struct strvec *keys, struct store *store, struct err *e)
{
    SCOPE_FREE char *first = NULL;
    ptrdiff_t left = count_left(place, keys, store, &first);
    if (left < 0) {
        return err_prefix(e,
                          "output \"%s\": the new data is complete, but up to %zu old objects "
                          "remain beside it below %s",
                          out->name, keys->n, out->s3_uri);
    }
    return err_prefix(e,
                      "output \"%s\": the new data is complete, but %td of %zu old objects remain "
                      "beside it%s%s%s%s",
                      out->name, left, keys->n, first ? ", the first is s3://" : "",
                      first ? place->bucket : "", first ? "/" : "", first ? first : "");
}

int modes_end(const struct modes *modes, const struct items *plan, struct job *job,
              struct store *store, struct err *e)
{
    for (size_t i = 0; i < modes->n; i++) {
        const struct strvec *keys = &modes->v[i].data;
        if (keys->n == 0) {
            continue;
        }
        if (store->ops->remove(store->self, plan->places[i].bucket, keys, e) != 0) {
            return tell_left(&job->outputs[i], &plan->places[i], keys, store, e);
        }
        job->outputs[i].replaced = keys->n;
    }
    return 0;
}
