/* SPDX-License-Identifier: MIT
 *
 * The S3 store's state, for s3.c, s3_get.c and s3_put.c alone.
 */
#ifndef STORE_S3_STATE_H
#define STORE_S3_STATE_H

#include "store/call.h"
#include "store/store.h"

/* One part of a multipart upload, once it is there. */
struct s3_part {
    char *etag;     /* owned: as the server called it; NULL: not yet */
    char crc32[16]; /* base64 */
};

/* An object on its way into the store, not seen yet. */
struct s3_upload {
    char *bucket; /* owned */
    char *key;    /* owned */
    char *path;   /* owned: the file, or NULL: `bytes` */
    void *bytes;  /* owned */
    uint64_t size;
    char *id;           /* owned: UploadId; NULL: sent whole at the commit */
    bool multipart;     /* travels in parts */
    bool begun;         /* the server was asked for an id */
    struct s3_part *v;  /* its parts */
    size_t n;           /* number of parts */
    size_t sent;        /* parts handed to the engine */
    size_t done;        /* parts that are there */
    uint64_t part_size; /* bytes of all but the last */
    bool visible;       /* committed */
    bool unsure;        /* when its end was asked for it was gone: ended by a try whose answer
                         * was lost? */
};

struct s3 {
    struct caller *caller; /* owned */
    struct s3_upload *v;   /* what was put */
    size_t n;
    size_t cap;
    size_t committed; /* of them are visible, from the first on */
};

/* store_ops.get. */
int s3_get(void *self, struct store_batch *batch, struct err *e);
/* store_ops.put. */
int s3_put(void *self, struct store_batch *batch, struct err *e);
/* store_ops.commit. */
int s3_commit(void *self, struct progress *progress, struct err *e);

/* Aborts what was not committed; best effort. Frees all uploads. */
void s3_drop_uploads(struct s3 *s3);

#endif
