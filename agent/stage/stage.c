/* SPDX-License-Identifier: MIT
 *
 * Staging. See stage.h.
 */
#include "stage/stage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "store/store.h"

static const char STAGE[] = "stage";

/* One object and where it goes. */
struct item {
    size_t input;  /* index in job->inputs */
    char *key;     /* owned */
    char *bucket;  /* owned */
    char *path;    /* owned: absolute */
    char *etag;    /* owned: as listed, or NULL */
    uint64_t size; /* bytes when listed */
};

struct plan {
    struct item *v;
    size_t n;
    size_t cap;
};

static void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        free(plan->v[i].key);
        free(plan->v[i].etag);
        free(plan->v[i].bucket);
        free(plan->v[i].path);
    }
    free(plan->v);
    *plan = (struct plan){0};
}

static int unsupported(const struct input *in, const char *what, const char *instead, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: input \"%s\": %s cannot be staged from a folder store; %s",
                   in->origin, in->name, what, instead);
}

int stage_check(struct job *job, struct err *e)
{
    if (!job_moves(job)) {
        return 0;
    }
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        if (in->dataset) {
            return unsupported(in, "a DatasetDefinition",
                               "put the query's result into the store and use S3Input", e);
        }
        if (in->app_managed && (!in->dir || !in->s3_uri)) {
            continue;
        }
        if (!in->s3_uri) {
            return err_set(e, ERR_CONFIG, "%s: input \"%s\" has no S3Uri", in->origin, in->name);
        }
        if (in->odd) {
            return unsupported(in, in->odd,
                               "use S3Prefix, File and FullyReplicated or ShardedByS3Key", e);
        }
        if (in->data_type != S3_PREFIX) {
            return unsupported(in, "S3DataType ManifestFile", "use S3Prefix", e);
        }
        if (in->mode != INPUT_FILE || in->gzip) {
            return unsupported(in, "S3InputMode Pipe (and Gzip with it)", "use File", e);
        }
        SCOPE(s3_place_free) struct s3_place place = {0};
        if (s3_place_parse(in->s3_uri, &place, e) != 0) {
            return err_prefix(e, "%s: input \"%s\"", in->origin, in->name);
        }
    }
    return 0;
}

const char *stage_relative(const char *prefix, const char *key)
{
    size_t n = strlen(prefix);
    if (str_ends(key, "/")) {
        return NULL;
    }
    if (n > 0 && prefix[n - 1] != '/') {
        if (key[n] == '/') {
            return key + n + 1;
        }
        return key + (path_base(prefix) - prefix);
    }
    return key + n;
}

/* A prefix that ends inside a name matches more than people tend to mean (sagemaker.md 2.1). */
static bool beyond_boundary(const char *prefix, const char *key)
{
    size_t n = strlen(prefix);
    return n > 0 && prefix[n - 1] != '/' && key[n] != '\0' && key[n] != '/';
}

static void plan_add(struct plan *plan, size_t input, const struct input *in, const char *bucket,
                     const struct store_object *object, const char *relative)
{
    plan->v = vec_room(plan->v, plan->n, &plan->cap, sizeof *plan->v);
    plan->v[plan->n++] = (struct item){.input = input,
                                       .key = xstrdup(object->key),
                                       .bucket = xstrdup(bucket),
                                       .path = path_join(in->dir, relative),
                                       .etag = object->etag ? xstrdup(object->etag) : NULL,
                                       .size = object->size};
}

static int plan_input(const struct job *job, size_t index, struct store *store, struct plan *plan,
                      struct err *e)
{
    const struct input *in = &job->inputs[index];
    if (!in->dir || !in->s3_uri) {
        return 0;
    }
    SCOPE(s3_place_free) struct s3_place place = {0};
    SCOPE(store_listing_free) struct store_listing list = {0};
    int rc = s3_place_parse(in->s3_uri, &place, e);
    rc = rc ? rc : store->ops->list(store->self, place.bucket, place.key, &list, e);
    if (rc != 0) {
        return err_prefix(e, "input \"%s\" (%s)", in->name, in->s3_uri);
    }
    size_t real = 0; /* objects that are not folder markers: what is counted and sharded */
    size_t beyond = 0;
    const char *example = NULL;
    for (size_t i = 0; i < list.n; i++) {
        const struct store_object *object = &list.v[i];
        const char *relative = stage_relative(place.key, object->key);
        if (!relative || *relative == '\0') {
            continue;
        }
        if (beyond_boundary(place.key, object->key)) {
            beyond++;
            example = object->key;
        }
        bool ours = in->distribution != SHARDED_BY_S3_KEY || real % job->hosts.n == job->host_index;
        real++;
        if (ours) {
            plan_add(plan, index, in, place.bucket, object, relative);
        }
    }
    if (real == 0) {
        return err_set(e, ERR_INPUT, "input \"%s\": nothing matches %s", in->name, in->s3_uri);
    }
    if (beyond > 0) {
        log_warn(STAGE,
                 "input \"%s\": %s ends inside a name and also matches %zu object%s such as "
                 "%s, as it would on the service; end the prefix in / if that is not meant",
                 in->name, in->s3_uri, beyond, beyond == 1 ? "" : "s", QUOTED(example));
    }
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

static int collision(const struct item *a, const struct item *b, const char *how, struct err *e)
{
    return err_set(e, ERR_INPUT,
                   "s3://%s/%s and s3://%s/%s %s %s; give the inputs other prefixes or LocalPaths",
                   a->bucket, a->key, b->bucket, b->key, how, QUOTED(a->path));
}

/* Finds an item by its path in the sorted plan. */
static const struct item *find_path(const struct plan *plan, const char *path)
{
    struct item key = {.path = (char *)(uintptr_t)path};
    return plan->n ? bsearch(&key, plan->v, plan->n, sizeof *plan->v, by_path) : NULL;
}

/* Two keys on one path, or one key's path being another's folder. The plan is sorted. */
static int check_collisions(const struct plan *plan, struct err *e)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        if (i > 0 && strcmp(at->path, plan->v[i - 1].path) == 0) {
            return collision(&plan->v[i - 1], at, "would both become", e);
        }
        SCOPE_FREE char *up = xstrdup(at->path);
        for (char *slash = strrchr(up, '/'); slash && slash > up; slash = strrchr(up, '/')) {
            *slash = '\0';
            const struct item *file = find_path(plan, up);
            if (file) {
                return collision(file, at, "need a file and a folder at", e);
            }
        }
    }
    return 0;
}

/* A LocalPath that holds other files already is no error (a bind mount may bring some), but a stale
 * file of an earlier run must not pass as input unseen. */
static void warn_of_strangers(const struct input *in, const struct plan *plan)
{
    struct err ignored;
    SCOPE(dir_listing_free) struct dir_listing there = {0};
    if (dir_list(AT_FDCWD, in->dir, "", 0, ERR_INPUT, &there, &ignored) != 0) {
        return;
    }
    size_t strangers = 0;
    const char *example = NULL;
    for (size_t i = 0; i < there.n; i++) {
        SCOPE_FREE char *path = path_join(in->dir, there.v[i].path);
        if (!find_path(plan, path)) {
            strangers++;
            example = there.v[i].path;
        }
    }
    if (strangers > 0) {
        log_warn(STAGE, "input \"%s\": %s already holds %zu other file%s such as %s, left there",
                 in->name, in->dir, strangers, strangers == 1 ? "" : "s", QUOTED(example));
    }
}

static int fetch_all(struct job *job, struct store *store, const struct plan *plan, struct err *e)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        if (in->dir && in->s3_uri) {
            warn_of_strangers(in, plan);
            if (io_mkdirs(AT_FDCWD, in->dir) != 0) {
                return err_sys(e, ERR_INPUT, errno, "input \"%s\": create folder %s", in->name,
                               in->dir);
            }
            newfile_sweep(AT_FDCWD, in->dir);
        }
    }
    SCOPE_FREE struct store_transfer *v = xcalloc(plan->n + 1, sizeof *v);
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        v[i] = (struct store_transfer){.bucket = at->bucket,
                                       .key = at->key,
                                       .path = at->path,
                                       .size = at->size,
                                       .etag = at->etag};
    }
    struct store_batch batch = {.v = v, .n = plan->n, .failed = plan->n};
    if (store->ops->get(store->self, &batch, e) != 0) {
        return batch.failed == plan->n
                   ? -(int)e->code
                   : err_prefix(e, "input \"%s\"", job->inputs[plan->v[batch.failed].input].name);
    }
    for (size_t i = 0; i < plan->n; i++) {
        job->inputs[plan->v[i].input].files++;
        job->inputs[plan->v[i].input].bytes += plan->v[i].size;
    }
    return 0;
}

int stage_inputs(struct job *job, struct err *e)
{
    SCOPE(store_close) struct store store = {0};
    SCOPE(plan_free) struct plan plan = {0};
    int rc = store_open(&store, job, e);
    if (rc != 0 || !store_moves(&store)) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        rc = plan_input(job, i, &store, &plan, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (plan.n > 1) {
        qsort(plan.v, plan.n, sizeof *plan.v, by_path);
    }
    rc = check_collisions(&plan, e);
    rc = rc ? rc : fetch_all(job, &store, &plan, e);
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        log_info(STAGE, "input \"%s\": %llu file%s, %llu bytes -> %s", in->name,
                 (unsigned long long)in->files, in->files == 1 ? "" : "s",
                 (unsigned long long)in->bytes, in->local_path ? in->local_path : "(app-managed)");
    }
    return rc;
}
