/* SPDX-License-Identifier: MIT
 *
 * A store: where s3:// lives for this run. Buckets hold objects; an object has a key and bytes.
 * stage/ and publish/ use this interface and know nothing of what is behind it (contract:
 * sagemaker.md 2).
 *
 * Writing is in two steps, so that a publication is seen as a whole as far as the store can do it:
 * `put` sends bytes under temporary names, `commit` gives all of them their keys, closing removes
 * what was not committed. Many objects are handed over at once, since a store is fast only with
 * many in flight.
 *
 * Errors name s3://bucket/key. A stop signal ends every call with ERR_STOPPED.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"

struct progress;

struct store_object {
    char *key; /* owned by the listing */
    uint64_t size;
    char *etag; /* owned: tells this content from another; NULL where the store has none */
};

struct store_listing {
    struct store_object *v; /* sorted by key, bytewise, as S3 lists */
    size_t n;
    size_t cap;
};

/* One object on its way into or out of a file. Everything is borrowed. */
struct store_transfer {
    const char *bucket; /* its name */
    const char *key;    /* whole */
    const char *path;   /* the file, absolute */
    const void *bytes;  /* put: these `size` bytes of memory instead, when `path` is NULL */
    uint64_t size;
    const char *etag; /* get: as it was listed; another content is an error. NULL: unknown */
};

struct store_batch {
    const struct store_transfer *v; /* the objects */
    size_t n;
    struct progress *progress; /* told of bytes and files; may be NULL */
    size_t failed;             /* on failure: which one it was; n when none in particular */
};

/* Takes an object's bytes in order; its failure ends the read and is handed on. */
typedef int store_sink(void *ctx, const void *bytes, size_t n, struct err *e);

/* One per kind of store; each keeps its state behind `self`. A store is used by one thread. */
struct store_ops {
    /* All objects of `bucket` whose key begins with `prefix`. ERR_INPUT. */
    int (*list)(void *self, const char *bucket, const char *prefix, struct store_listing *out,
                struct err *e);
    /* Fills size and etag of objects that are known by their keys. ERR_INPUT, also when one is not
     * there. */
    int (*look)(void *self, const char *bucket, struct store_listing *objects, struct err *e);
    /* Objects into files, each of which is complete or absent; folders are made. ERR_INPUT, or
     * ERR_OUTPUT when a file cannot be written. */
    int (*get)(void *self, struct store_batch *batch, struct err *e);
    /* One object's bytes, in order, into `sink`; `path` does not count. ERR_INPUT. */
    int (*read)(void *self, const struct store_transfer *from, store_sink *sink, void *ctx,
                struct err *e);
    /* Files as objects, not seen yet. A file that is, or becomes, shorter than `size` is an error.
     * ERR_OUTPUT. */
    int (*put)(void *self, struct store_batch *batch, struct err *e);
    /* Makes everything put so far visible. ERR_OUTPUT; says how many were visible already. */
    int (*commit)(void *self, struct progress *progress, struct err *e);
    /* Removes objects; one that is not there is fine. ERR_OUTPUT. */
    int (*remove)(void *self, const char *bucket, const struct strvec *keys, struct err *e);
    /* Drops what was put and not committed, and frees `self`. */
    void (*close)(void *self);
};

struct store {
    const struct store_ops *ops; /* NULL: the platform moves the data */
    void *self;
};

/* Opens the job's store. With the platform's, store_moves is false and nothing else may be
 * called. */
int store_open(struct store *store, const struct job *job, struct err *e);
void store_close(struct store *store);
bool store_moves(const struct store *store);

void store_listing_free(struct store_listing *list);
/* Appends an object; key and etag (may be NULL) are copied. */
void store_listing_add(struct store_listing *list, const char *key, uint64_t size,
                       const char *etag);

/* A small object as text, at most out->max bytes (`max` > 0). ERR_INPUT. */
int store_read_text(struct store *store, const char *bucket, const char *key, struct str *out,
                    struct err *e);

/* An S3Uri's parts, owned by the caller. */
struct s3_place {
    char *bucket; /* never empty */
    char *key;    /* without leading slash; may be "" */
};

/* Splits "s3://bucket/key" (contract: sagemaker.md 1.2). ERR_CONFIG with the URI. */
int s3_place_parse(const char *uri, struct s3_place *out, struct err *e);
void s3_place_free(struct s3_place *place);

enum { S3_KEY_MAX = 1024 }; /* bytes of UTF-8 */

#endif
