/* SPDX-License-Identifier: MIT
 *
 * S3 calls: signed by libcurl, many in flight on kept connections, tried again where that can help
 * (contract: process.md has no say here; Amazon's retry rules: 5xx, throttling, what the network
 * breaks), sent on to the region a bucket is in, with new credentials when the old ones end. One
 * thread; the callbacks run in it.
 *
 *     calls_run(caller, &source, e)   source.next hands out calls until it has none and none is
 *                                     left in flight; each call's `done` is told of its good answer
 */
#ifndef STORE_CALL_H
#define STORE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"
#include "store/address.h"

enum call_kind {
    CALL_LIST,
    CALL_HEAD,
    CALL_GET,
    CALL_PUT,
    CALL_DELETE,
    CALL_UPLOAD_BEGIN,
    CALL_UPLOAD_PART,
    CALL_UPLOAD_END,
    CALL_UPLOAD_ABORT,
};

/* What a call's headers said. */
struct call_answer {
    long status;         /* 0: no answer yet */
    uint64_t length;     /* Content-Length; UINT64_MAX when there was none */
    char etag[128];      /* without quotes */
    char request_id[64]; /* for Amazon's support */
    char region[64];     /* x-amz-bucket-region */
    char location[512];  /* of a redirect */
    char encryption[16]; /* x-amz-server-side-encryption: an ETag is no MD5 with "aws:kms" */
    char crc32[16];      /* x-amz-checksum-crc32: base64 */
    char sha1[40];
    char sha256[64];
};

struct call {
    /* what is asked; texts are borrowed and live until `drop` */
    enum call_kind kind;
    const char *bucket;
    const char *key;    /* NULL: the bucket */
    const char *prefix; /* LIST: for messages */
    char *query;        /* owned: canonical (sorted, encoded), or NULL */
    bool ranged;        /* GET: only these bytes */
    uint64_t first;     /* the range's first byte */
    uint64_t size;      /* bytes the answer must have; UINT64_MAX: unknown */
    const char *etag;   /* GET: the content that is meant, or NULL */
    const void *body;   /* of PUT and POST; borrowed */
    size_t body_n;
    char crc32[16]; /* base64 of the body's CRC-32, or "" */

    /* what becomes of the answer */
    int (*data)(struct call *, const void *bytes, size_t n, struct err *e); /* NULL: into `text` */
    void (*again)(struct call *); /* before another try: forget the data, or ask for the rest */
    bool resumes;                 /* `again` asks for the rest: a try that got some is progress */
    int (*check)(struct call *, struct err *e); /* NULL or: is what came what is stored? If not,
                                                 * another try may mend it */
    int (*done)(struct call *, struct err *e);
    void (*drop)(struct call *); /* called once, after all: frees it */
    void *ctx;

    struct call_answer answer; /* of the last try */
    struct str text;           /* the body when nobody takes its data, at most 16 MiB */

    /* the engine's own */
    uint64_t got;       /* bytes of this try's answer */
    unsigned tries;     /* failed ones */
    int64_t due_ns;     /* not before: CLOCK_MONOTONIC */
    unsigned moves;     /* times it was sent elsewhere or signed anew */
    struct call *later; /* list of those that wait */
};

struct call_source {
    /* The next call, owned by the engine from then on; NULL: none for now. */
    int (*next)(void *ctx, struct call **call, struct err *e);
    /* Told of the call that failed, before its `drop`. May be NULL. */
    void (*failed)(void *ctx, const struct call *call);
    void *ctx;
};

struct caller; /* connections, credentials, addresses */

/* `settings` and `environment` are borrowed. ERR_CONFIG without credentials or a usable CA file. */
int caller_open(struct caller **out, const struct s3_settings *settings, char *const *environment,
                struct err *e);
void caller_close(struct caller *c);

/* Runs calls until there are none. The first failure ends all: what is in flight is cut off. */
int calls_run(struct caller *c, const struct call_source *source, struct err *e);

/* One call alone; `drop` is not needed. */
int call_run(struct caller *c, struct call *call, struct err *e);

/* From now on no stop signal ends calls, but the clock does: for cleaning up, and for what must not
 * be cut off. 0: as before. */
void caller_hurry(struct caller *c, int64_t for_ns);

/* Zeroed, with `size` unknown; freed by call_free, which is `drop` for calls without a ctx. */
struct call *call_new(enum call_kind kind, const char *bucket, const char *key);
void call_free(struct call *call);

/* As configured. */
const struct s3_settings *caller_settings(const struct caller *c);

#endif
