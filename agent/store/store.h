/* SPDX-License-Identifier: MIT
 *
 * A store: where s3:// lives for this run. Buckets hold objects; an object has a key and bytes.
 * stage/ and publish/ use this interface and know nothing of what is behind it.
 *
 * Writing is in two steps, so that a publication is seen as a whole as far as the store can do it:
 * store_put sends an object's bytes under a temporary name, store_commit gives all of them their
 * keys, store_abort (or store_close) removes what was not committed.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "job.h"

struct store_object {
    char *key; /* owned by the listing */
    uint64_t size;
};

struct store_listing {
    struct store_object *v; /* sorted by key, bytewise, as S3 lists */
    size_t n;
    size_t cap;
};

struct store;

/* One per kind of store; each keeps its state behind `self`. Errors name bucket and key. */
struct store_ops {
    /* All objects of `bucket` whose key begins with `prefix`. ERR_INPUT. */
    int (*list)(void *self, const char *bucket, const char *prefix, struct store_listing *out,
                struct err *e);
    /* The `size` bytes of an object into `to_fd`. ERR_INPUT, or ERR_OUTPUT when `to_fd` fails. */
    int (*get)(void *self, const char *bucket, const char *key, uint64_t size, int to_fd,
               struct err *e);
    /* `size` bytes of `from_fd` as an object. ERR_OUTPUT. */
    int (*put)(void *self, const char *bucket, const char *key, int from_fd, uint64_t size,
               struct err *e);
    /* Makes everything put so far visible. ERR_OUTPUT; says how many were visible already. */
    int (*commit)(void *self, struct err *e);
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
/* Appends an object; the key is copied. */
void store_listing_add(struct store_listing *list, const char *key, uint64_t size);

/* An S3Uri's parts, owned by the caller. */
struct s3_place {
    char *bucket; /* never empty */
    char *key; /* without leading slash; may be "" */
};

/* Splits "s3://bucket/key" (contract: sagemaker.md 1.2). ERR_CONFIG with the URI. */
int s3_place_parse(const char *uri, struct s3_place *out, struct err *e);
void s3_place_free(struct s3_place *place);

enum { S3_KEY_MAX = 1024 }; /* bytes of UTF-8 */

#endif
