/* SPDX-License-Identifier: MIT
 *
 * Publishing. See publish.h.
 */
#include "publish/publish.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "base/utf8.h"
#include "store/store.h"

static const char STAGE[] = "publish";

/* One file and the key it gets. */
struct item {
    size_t output; /* index in job->outputs */
    char *path;    /* owned: below the output's folder */
    char *uri;     /* owned: bucket/key, for sorting and messages */
    size_t bucket; /* bytes of uri that are the bucket's name */
    uint64_t size;
};

struct plan {
    struct item *v;
    size_t n;
    size_t cap;
};

static void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        free(plan->v[i].path);
        free(plan->v[i].uri);
    }
    free(plan->v);
    *plan = (struct plan){0};
}

/* Is this output's data ours to look at? An app-managed one without a store belongs to the
 * transform. */
static bool is_ours(const struct job *job, const struct output *out)
{
    return out->dir && !(out->app_managed && (!job_moves(job) || !out->s3_uri));
}

int publish_check(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs && job_moves(job); i++) {
        const struct output *out = &job->outputs[i];
        if (!is_ours(job, out)) {
            continue;
        }
        if (!out->s3_uri) {
            return err_set(e, ERR_CONFIG, "%s: output \"%s\" has no S3Uri to publish to",
                           out->origin, out->name);
        }
        SCOPE(s3_place_free) struct s3_place place = {0};
        if (s3_place_parse(out->s3_uri, &place, e) != 0) {
            return err_prefix(e, "%s: output \"%s\"", out->origin, out->name);
        }
    }
    return 0;
}

/* Counts what an output holds; `plan` gets the files when they are ours to move. */
static int plan_output(struct job *job, size_t index, struct plan *plan, struct err *e)
{
    struct output *out = &job->outputs[index];
    SCOPE(dir_listing_free) struct dir_listing files = {0};
    if (!is_ours(job, out)) {
        return 0;
    }
    int rc = dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &files, e);
    if (rc != 0) {
        return err_prefix(e, "output \"%s\"", out->name);
    }
    const char *skipped = NULL;
    for (size_t i = 0; i < files.n; i++) {
        const struct dir_entry *at = &files.v[i];
        if (!S_ISREG(at->mode)) {
            skipped = skipped ? skipped : at->path;
            out->skipped++;
            continue;
        }
        out->files++;
        out->bytes += at->size;
        if (plan) {
            size_t scheme = strlen("s3://");
            plan->v = vec_room(plan->v, plan->n, &plan->cap, sizeof *plan->v);
            plan->v[plan->n++] = (struct item){.output = index,
                                               .path = xstrdup(at->path),
                                               .uri = path_join(out->s3_uri + scheme, at->path),
                                               .bucket = strcspn(out->s3_uri + scheme, "/"),
                                               .size = at->size};
        }
    }
    if (out->skipped > 0) {
        log_warn(STAGE,
                 "output \"%s\": %llu link%s or special file%s such as %s not published, ignored",
                 out->name, (unsigned long long)out->skipped, out->skipped == 1 ? "" : "s",
                 out->skipped == 1 ? "" : "s", QUOTED(skipped));
    }
    return 0;
}

static int by_uri(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->uri, ((const struct item *)b)->uri);
}

/* All keys are legal and different, before the first is written. */
static int check_plan(const struct job *job, struct plan *plan, struct err *e)
{
    if (plan->n > 1) {
        qsort(plan->v, plan->n, sizeof *plan->v, by_uri);
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        const struct output *out = &job->outputs[at->output];
        const char *key = at->uri + at->bucket + 1;
        if (strlen(key) > S3_KEY_MAX) {
            return err_set(e, ERR_OUTPUT,
                           "output \"%s\": the key of %s has %zu bytes, S3 allows %d", out->name,
                           QUOTED(at->path), strlen(key), S3_KEY_MAX);
        }
        if (!utf8_valid(key, strlen(key))) {
            return err_set(e, ERR_OUTPUT,
                           "output \"%s\": the name %s is not UTF-8, no S3 key can be made of it",
                           out->name, QUOTED(at->path));
        }
        if (i > 0 && strcmp(at->uri, plan->v[i - 1].uri) == 0) {
            const struct item *other = &plan->v[i - 1];
            return err_set(
                e, ERR_OUTPUT, "outputs \"%s\" (%s) and \"%s\" (%s) would both become s3://%s",
                job->outputs[other->output].name, other->path, out->name, at->path, at->uri);
        }
    }
    return 0;
}

static int send_all(const struct job *job, const struct plan *plan, struct store *store,
                    struct err *e)
{
    SCOPE(strvec_free) struct strvec owned = {0};
    SCOPE_FREE struct store_transfer *v = xcalloc(plan->n + 1, sizeof *v);
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        strvec_take(&owned, path_join(job->outputs[at->output].dir, at->path));
        strvec_take(&owned, xstrndup(at->uri, at->bucket));
        v[i] = (struct store_transfer){.bucket = owned.v[owned.n - 1],
                                       .key = at->uri + at->bucket + 1,
                                       .path = owned.v[owned.n - 2],
                                       .size = at->size};
    }
    struct store_batch batch = {.v = v, .n = plan->n, .failed = plan->n};
    if (plan->n == 0) {
        return 0;
    }
    if (store->ops->put(store->self, &batch, e) != 0) {
        return batch.failed == plan->n
                   ? -(int)e->code
                   : err_prefix(e, "output \"%s\"",
                                job->outputs[plan->v[batch.failed].output].name);
    }
    return store->ops->commit(store->self, NULL, e);
}

int publish_outputs(struct job *job, struct err *e)
{
    SCOPE(store_close) struct store store = {0};
    SCOPE(plan_free) struct plan plan = {0};
    int rc = store_open(&store, job, e);
    if (rc != 0) {
        return rc;
    }
    bool ours = store_moves(&store);
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        rc = plan_output(job, i, ours ? &plan : NULL, e);
    }
    rc = rc ? rc : check_plan(job, &plan, e);
    rc = rc ? rc : send_all(job, &plan, &store, e);
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        if (is_ours(job, out)) {
            log_info(STAGE, "output \"%s\": %llu file%s, %llu bytes %s %s", out->name,
                     (unsigned long long)out->files, out->files == 1 ? "" : "s",
                     (unsigned long long)out->bytes,
                     ours ? "->" : "left for the platform to upload to",
                     out->s3_uri ? out->s3_uri : "(no S3Uri)");
        }
    }
    return rc;
}
