/* SPDX-License-Identifier: MIT
 *
 * ManifestFiles. See manifest.h.
 */
#include "stage/manifest.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/locate.h"
#include "base/mem.h"
#include "base/scope.h"
#include "store/store.h"

#define SHAPE "a manifest is [{\"prefix\": \"s3://BUCKET/PATH/\"}, \"KEY\", ...]"

/* A manifest while it is read: for positions. */
struct reader {
    const char *file;
    const char *text;
    size_t n;
    json_t *root;  /* owned */
    size_t before; /* bytes of the prefix in front of every key */
    struct err *e;
};

static void reader_close(struct reader *r)
{
    json_decref(r->root);
}

void manifest_free(struct manifest *m)
{
    free(m->bucket);
    free(m->prefix);
    strvec_free(&m->keys);
    *m = (struct manifest){0};
}

/* An error at the value `path`, which is looked for only now: finding it reads the whole text. */
__attribute__((format(printf, 3, 4))) static int wrong(const struct reader *r, const char *path,
                                                       const char *fmt, ...)
{
    char what[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct json_place at = json_locate(r->text, r->n, path);
    return err_set(r->e, ERR_INPUT, "%s:%zu:%zu: %s", r->file, at.line, at.column, what);
}

__attribute__((format(printf, 3, 4))) static int wrong_entry(const struct reader *r, size_t i,
                                                             const char *fmt, ...)
{
    char what[ERR_TEXT_MAX];
    char path[32];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    (void)snprintf(path, sizeof path, "%zu", i);
    return wrong(r, path, "%s", what);
}

static int open_text(struct reader *r)
{
    json_error_t why;
    if (r->n > MANIFEST_MAX_BYTES) {
        return err_set(r->e, ERR_INPUT,
                       "%s:1:1: %zu bytes, a manifest has at most %d; use several inputs", r->file,
                       r->n, MANIFEST_MAX_BYTES);
    }
    r->root = json_loadb(r->text, r->n, 0, &why);
    if (!r->root && (why.line < 1 || why.column < 0)) { /* an empty text has no position */
        why.line = 1;
        why.column = 0;
    }
    if (!r->root) {
        return err_set(r->e, ERR_INPUT, "%s:%d:%d: not JSON: %s; " SHAPE, r->file, why.line,
                       why.column, why.text);
    }
    if (!json_is_array(r->root)) {
        return wrong(r, "", "not a JSON array; " SHAPE);
    }
    size_t n = json_array_size(r->root);
    if (n == 0) {
        return wrong(r, "", "an empty array; " SHAPE);
    }
    if (n - 1 > MANIFEST_MAX_ENTRIES) {
        return wrong(r, "", "%zu entries, a manifest has at most %d; use several inputs", n - 1,
                     MANIFEST_MAX_ENTRIES);
    }
    return 0;
}

/* The first element: where all keys begin. */
static int read_prefix(struct reader *r, struct s3_place *place)
{
    const json_t *first = json_array_get(r->root, 0);
    if (!json_is_object(first)) {
        return wrong(r, "0", "the first element is no object with the member prefix; " SHAPE);
    }
    const json_t *prefix = json_object_get(first, "prefix");
    if (!json_is_string(prefix)) {
        return wrong(r, "0.prefix", "the first element %s; " SHAPE,
                     prefix ? "has a prefix that is no string" : "has no member prefix");
    }
    const char *uri = json_string_value(prefix);
    struct err why = {0};
    if (s3_place_parse(uri, place, &why) != 0) {
        return wrong(r, "0.prefix", "prefix: %s; " SHAPE, why.text);
    }
    /* "s3://bucket" and "a.csv" joined would be another bucket's name. */
    if (uri[strlen("s3://") + strlen(place->bucket)] != '/') {
        return wrong(r, "0.prefix",
                     "prefix %s has no / behind the bucket, and entries are appended as they are; "
                     "write \"s3://%s/\"",
                     QUOTED(uri), place->bucket);
    }
    r->before = strlen(place->key);
    return 0;
}

/* An entry that is a whole URI: what its author meant, as far as it can be told. */
static int whole_uri(const struct reader *r, size_t i, const char *entry, const char *bucket)
{
    struct err unused;
    SCOPE(s3_place_free) struct s3_place own = {0};
    if (s3_place_parse(entry, &own, &unused) == 0 && !str_same(own.bucket, bucket)) {
        return wrong_entry(r, i,
                           "%s names another bucket than the prefix, \"%s\"; a manifest has one "
                           "bucket, use an input for each",
                           QUOTED(entry), bucket);
    }
    return wrong_entry(r, i,
                       "%s is a whole URI, but entries are appended to the prefix; write only what "
                       "stands behind it",
                       QUOTED(entry));
}

static int read_entry(const struct reader *r, size_t i, struct manifest *out)
{
    const json_t *item = json_array_get(r->root, i);
    const char *entry = json_string_value(item);
    if (!entry) {
        return wrong_entry(r, i,
                           "this element is no string; every one behind the first is a string "
                           "that is appended to the prefix");
    }
    size_t n = json_string_length(item);
    if (n == 0) {
        return wrong_entry(r, i, "an empty string names no object; remove it");
    }
    if (str_starts(entry, "s3://")) {
        return whole_uri(r, i, entry, out->bucket);
    }
    if (r->before + n > S3_KEY_MAX) {
        return wrong_entry(r, i, "%s: with the prefix a key of %zu bytes, S3 has at most %d",
                           QUOTED(entry), r->before + n, S3_KEY_MAX);
    }
    strvec_take(&out->keys, xasprintf("%s%s", out->prefix, entry));
    return 0;
}

/* ---- keys that are listed twice ---- */

struct listed {
    const char *key;
    size_t at; /* its element in the array */
};

static int by_key(const void *a, const void *b)
{
    const struct listed *x = a;
    const struct listed *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Sorted, equal keys are neighbours. Of several, the first in the file is told. */
static int check_once(const struct reader *r, const struct strvec *keys)
{
    SCOPE_FREE struct listed *sorted = xcalloc(keys->n, sizeof *sorted);
    for (size_t i = 0; i < keys->n; i++) {
        sorted[i] = (struct listed){.key = keys->v[i] + r->before, .at = i + 1};
    }
    qsort(sorted, keys->n, sizeof *sorted, by_key);
    const struct listed *second = NULL;
    for (size_t i = 1; i < keys->n; i++) {
        bool twice = strcmp(sorted[i - 1].key, sorted[i].key) == 0;
        if (twice && (!second || sorted[i].at < second->at)) {
            second = &sorted[i];
        }
    }
    if (!second) {
        return 0;
    }
    char path[32];
    (void)snprintf(path, sizeof path, "%zu", second[-1].at);
    struct json_place first = json_locate(r->text, r->n, path);
    return wrong_entry(r, second->at, "%s is listed a second time (the first: %zu:%zu); remove one",
                       QUOTED(second->key), first.line, first.column);
}

int manifest_parse(const char *file, const char *text, size_t n, struct manifest *out,
                   struct err *e)
{
    SCOPE(reader_close) struct reader r = {.file = file, .text = text, .n = n, .e = e};
    SCOPE(s3_place_free) struct s3_place place = {0};
    int rc = open_text(&r);
    rc = rc ? rc : read_prefix(&r, &place);
    if (rc != 0) {
        return rc;
    }
    SCOPE(manifest_free) struct manifest m = {.bucket = place.bucket, .prefix = place.key};
    place = (struct s3_place){0};
    size_t end = json_array_size(r.root);
    if (end == 1) {
        return wrong(&r, "0",
                     "only a prefix, nothing is listed; list the keys behind it, or use "
                     "the S3DataType S3Prefix for all that begin with it");
    }
    for (size_t i = 1; rc == 0 && i < end; i++) {
        rc = read_entry(&r, i, &m);
    }
    rc = rc ? rc : check_once(&r, &m.keys);
    if (rc == 0) {
        *out = m;
        m = (struct manifest){0};
    }
    return rc;
}
