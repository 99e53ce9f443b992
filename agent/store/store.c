/* SPDX-License-Identifier: MIT
 *
 * Choosing a store, and what all stores share. See store.h.
 */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/folder.h"
#include "store/s3.h"

int store_open(struct store *store, const struct job *job, struct err *e)
{
    *store = (struct store){0};
    switch (job->store_kind) {
    case STORE_PLATFORM: return 0;
    case STORE_FOLDER: return folder_open(store, job->store_root, e);
    case STORE_S3: return s3_open(store, &job->s3, environ, e);
    }
    return 0;
}

void store_close(struct store *store)
{
    if (store->ops) {
        store->ops->close(store->self);
    }
    *store = (struct store){0};
}

bool store_moves(const struct store *store)
{
    return store->ops != NULL;
}

void store_listing_free(struct store_listing *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i].key);
        free(list->v[i].etag);
    }
    free(list->v);
    *list = (struct store_listing){0};
}

void store_listing_add(struct store_listing *list, const char *key, uint64_t size, const char *etag)
{
    list->v = vec_room(list->v, list->n, &list->cap, sizeof *list->v);
    list->v[list->n++] = (struct store_object){
        .key = xstrdup(key), .size = size, .etag = etag ? xstrdup(etag) : NULL};
}

static int add_text(void *ctx, const void *bytes, size_t n, struct err *e)
{
    struct str *out = ctx;
    str_add(out, bytes, n);
    return out->overflow ? err_set(e, ERR_INPUT, "larger than %zu bytes", out->max) : 0;
}

int store_read_text(struct store *store, const char *bucket, const char *key, struct str *out,
                    struct err *e)
{
    const struct store_transfer from = {.bucket = bucket, .key = key};
    int rc = store->ops->read(store->self, &from, add_text, out, e);
    return rc && out->overflow ? err_prefix(e, "s3://%s/%s", bucket, key) : rc;
}

int s3_place_parse(const char *uri, struct s3_place *out, struct err *e)
{
    static const char SCHEME[] = "s3://";
    if (!str_starts(uri, SCHEME)) {
        return err_set(e, ERR_CONFIG, "S3Uri %s does not begin with s3://", QUOTED(uri));
    }
    const char *bucket = uri + sizeof SCHEME - 1;
    size_t n = strcspn(bucket, "/");
    bool dots = (n == 1 && bucket[0] == '.') || (n == 2 && bucket[0] == '.' && bucket[1] == '.');
    if (n == 0 || dots) {
        return err_set(e, ERR_CONFIG, "S3Uri %s names no bucket", QUOTED(uri));
    }
    const char *key = bucket[n] == '/' ? bucket + n + 1 : bucket + n;
    if (strlen(key) > S3_KEY_MAX) {
        return err_set(e, ERR_CONFIG, "S3Uri %s: a key has at most %d bytes", QUOTED(uri),
                       S3_KEY_MAX);
    }
    out->bucket = xstrndup(bucket, n);
    out->key = xstrdup(key);
    return 0;
}

void s3_place_free(struct s3_place *place)
{
    free(place->bucket);
    free(place->key);
    *place = (struct s3_place){0};
}
