/* SPDX-License-Identifier: MIT
 *
 * Plans. See plan.h.
 */
#include "stage/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "stage/manifest.h"

static const char STAGE[] = "stage";

enum { NAME_BYTES = 255 }; /* of a path's component, on every file system there is */

void plan_free(struct plan *plan)
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

const char *plan_relative(const char *prefix, const char *key)
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

/* ---- what an input names ---- */

/* The objects of one input, by whatever way they are named. */
struct named {
    struct s3_place place;     /* the bucket of all, and what all keys begin with */
    struct store_listing list; /* sorted by key; sizes are not known yet when `manifest` */
    bool manifest;
};

static void named_free(struct named *named)
{
    s3_place_free(&named->place);
    store_listing_free(&named->list);
}

/* A prefix that ends inside a name matches more than people tend to mean (sagemaker.md 2.1). */
static void warn_beyond_boundary(const struct input *in, const struct named *named)
{
    const char *prefix = named->place.key;
    size_t n = strlen(prefix);
    size_t beyond = 0;
    const char *example = NULL;
    for (size_t i = 0; n > 0 && prefix[n - 1] != '/' && i < named->list.n; i++) {
        const char *key = named->list.v[i].key;
        if (key[n] != '\0' && key[n] != '/') {
            beyond++;
            example = key;
        }
    }
    if (beyond > 0) {
        log_warn(STAGE,
                 "input \"%s\": %s ends inside a name and also matches %zu object%s such as "
                 "%s, as it would on the service; end the prefix in / if that is not meant",
                 in->name, in->s3_uri, beyond, beyond == 1 ? "" : "s", QUOTED(example));
    }
}

/* Reads an input's manifest. Sizes are looked at later, for this host's share only. */
static int read_manifest(const struct input *in, struct store *store, struct named *out,
                         struct err *e)
{
    SCOPE(s3_place_free) struct s3_place at = {0};
    SCOPE(str_free) struct str text = STR_INIT(MANIFEST_MAX_BYTES);
    SCOPE(manifest_free) struct manifest manifest = {0};
    int rc = s3_place_parse(in->s3_uri, &at, e);
    rc = rc ? rc : store_read_text(store, at.bucket, at.key, &text, e);
    rc = rc ? rc : manifest_parse(in->s3_uri, str_text(&text), text.len, &manifest, e);
    if (rc != 0) {
        return rc;
    }
    out->place.bucket = TAKE_PTR(manifest.bucket);
    out->place.key = TAKE_PTR(manifest.prefix);
    strvec_sort(&manifest.keys);
    for (size_t i = 0; i < manifest.keys.n; i++) {
        store_listing_add(&out->list, manifest.keys.v[i], 0, NULL);
    }
    return 0;
}

static int list_prefix(const struct input *in, struct store *store, struct named *out,
                       struct err *e)
{
    int rc = s3_place_parse(in->s3_uri, &out->place, e);
    rc = rc ? rc : store->ops->list(store->self, out->place.bucket, out->place.key, &out->list, e);
    if (rc == 0) {
        warn_beyond_boundary(in, out);
    }
    return rc;
}

/* Is the object, the `real`th of all that are no folder markers, this host's? Round-robin over the
 * sorted keys (sagemaker.md 2.3). */
static bool is_ours(const struct job *job, const struct input *in, size_t real)
{
    return in->distribution != SHARDED_BY_S3_KEY || real % job->hosts.n == job->host_index;
}

/* Leaves only this host's share of the list. Returns how many objects there are for all hosts. */
static size_t keep_share(const struct job *job, const struct input *in, struct named *named)
{
    struct store_listing ours = {0};
    size_t real = 0;
    for (size_t i = 0; i < named->list.n; i++) {
        struct store_object *object = &named->list.v[i];
        if (str_ends(object->key, "/")) {
            continue;
        }
        if (is_ours(job, in, real)) {
            ours.v = vec_room(ours.v, ours.n, &ours.cap, sizeof *ours.v);
            ours.v[ours.n++] = *object;
            object->key = NULL;
            object->etag = NULL;
        }
        real++;
    }
    store_listing_free(&named->list);
    named->list = ours;
    return real;
}

/* ---- items ---- */

/* A key becomes a path only as it is: what a file system reads otherwise, or takes not at all,
 * would put two keys on one path or one outside LocalPath. */
static bool can_be_path(const char *relative)
{
    for (const char *p = relative;; p++) {
        size_t n = strcspn(p, "/");
        bool dots = (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
        if (n > NAME_BYTES || dots) {
            return false;
        }
        p += n;
        if (*p == '\0') {
            return true;
        }
    }
}

/* Below LocalPath; borrowed from `key`. */
static const char *relative_of(const struct input *in, const struct named *named, const char *key)
{
    bool whole = named->manifest && in->manifest_paths == MANIFEST_FULL_KEY;
    return whole ? key : plan_relative(named->place.key, key);
}

static int check_paths(const struct input *in, const struct named *named, struct err *e)
{
    for (size_t i = 0; in->mode != INPUT_PIPE && i < named->list.n; i++) {
        const char *key = named->list.v[i].key;
        if (!can_be_path(relative_of(in, named, key))) {
            return err_set(e, ERR_INPUT,
                           "s3://%s/%s cannot be a file below %s: a part between slashes is "
                           "\".\", \"..\" or longer than %d bytes; leave that object out",
                           named->place.bucket, key, in->local_path, NAME_BYTES);
        }
    }
    return 0;
}

/* Takes the object's texts. */
static void add_object(struct plan *plan, size_t index, const struct input *in,
                       const struct named *named, struct store_object *object)
{
    const char *relative = in->mode == INPUT_PIPE ? NULL : relative_of(in, named, object->key);
    SCOPE_FREE char *clean = relative ? path_clean(relative) : NULL;
    plan->v = vec_room(plan->v, plan->n, &plan->cap, sizeof *plan->v);
    plan->v[plan->n++] = (struct item){.input = index,
                                       .key = object->key,
                                       .bucket = xstrdup(named->place.bucket),
                                       .path = clean ? path_join(in->dir, clean) : NULL,
                                       .etag = object->etag,
                                       .size = object->size};
    object->key = NULL;
    object->etag = NULL;
}

int plan_input(struct plan *plan, const struct job *job, size_t index, struct store *store,
               struct err *e)
{
    const struct input *in = &job->inputs[index];
    SCOPE(named_free) struct named named = {.manifest = in->data_type == S3_MANIFEST_FILE};
    int rc =
        named.manifest ? read_manifest(in, store, &named, e) : list_prefix(in, store, &named, e);
    if (rc != 0) { /* a manifest's error begins with its place already */
        return named.manifest ? err_prefix(e, "input \"%s\"", in->name)
                              : err_prefix(e, "input \"%s\" (%s)", in->name, in->s3_uri);
    }
    if (keep_share(job, in, &named) == 0) {
        return err_set(e, ERR_INPUT, "input \"%s\": nothing matches %s", in->name, in->s3_uri);
    }
    rc = check_paths(in, &named, e);
    if (rc == 0 && named.manifest && named.list.n > 0) {
        rc = store->ops->look(store->self, named.place.bucket, &named.list, e);
    }
    for (size_t i = 0; rc == 0 && i < named.list.n; i++) {
        add_object(plan, index, in, &named, &named.list.v[i]);
    }
    return rc ? err_prefix(e, "input \"%s\" (%s)", in->name, in->s3_uri) : 0;
}

void plan_fifo(struct plan *plan, size_t index, const char *path)
{
    plan->v = vec_room(plan->v, plan->n, &plan->cap, sizeof *plan->v);
    plan->v[plan->n++] = (struct item){.input = index, .path = xstrdup(path)};
}

/* ---- collisions ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

const struct item *plan_find(const struct plan *plan, const char *path)
{
    struct item key = {.path = (char *)(uintptr_t)path};
    return plan->n ? bsearch(&key, plan->v, plan->n, sizeof *plan->v, by_path) : NULL;
}

static char *name_of(const struct job *job, const struct item *at)
{
    return at->key ? xasprintf("s3://%s/%s", at->bucket, at->key)
                   : xasprintf("the FIFO of input \"%s\"", job->inputs[at->input].name);
}

static int collision(const struct job *job, const struct item *a, const struct item *b,
                     const char *how, struct err *e)
{
    SCOPE_FREE char *one = name_of(job, a);
    SCOPE_FREE char *other = name_of(job, b);
    return err_set(e, ERR_INPUT, "%s and %s %s %s; give the inputs other prefixes or LocalPaths",
                   one, other, how, QUOTED(a->path));
}

int plan_settle(struct plan *plan, const struct job *job, struct err *e)
{
    if (plan->n > 1) {
        qsort(plan->v, plan->n, sizeof *plan->v, by_path);
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        if (i > 0 && strcmp(at->path, plan->v[i - 1].path) == 0) {
            return collision(job, &plan->v[i - 1], at, "would both become", e);
        }
        SCOPE_FREE char *up = xstrdup(at->path);
        for (char *slash = strrchr(up, '/'); slash && slash > up; slash = strrchr(up, '/')) {
            *slash = '\0';
            const struct item *file = plan_find(plan, up);
            if (file) {
                return collision(job, file, at, "need a file and a folder at", e);
            }
        }
    }
    return 0;
}
