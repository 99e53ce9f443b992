/* SPDX-License-Identifier: MIT
 *
 * What S3 answers: the XML bodies of ListObjectsV2, of a multipart upload's begin and end, and of
 * errors. Nothing here talks to a server; s3 does.
 *
 * A body comes from outside: at most 16 MiB, elements 32 deep, 64 KiB of text in one, no document
 * type and so no entities but XML's own five and characters by number. Namespaces are ignored, and
 * so are elements that are not asked for. Whatever is wrong is ERR_INPUT, "not S3's XML: line 3:
 * mismatched tag", and leaves the output as it was.
 */
#ifndef STORE_ANSWER_H
#define STORE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct answer_object {
    char *key;     /* owned, decoded, 1 to S3_KEY_MAX bytes; may end in a slash, may be no UTF-8 */
    uint64_t size; /* bytes; fits off_t */
    char *etag;    /* owned, without its quotes; NULL when there is none */
};

struct answer_list {
    struct answer_object *v;
    size_t n;
    size_t cap;
    bool truncated;   /* there is more: ask again with `next` */
    char *next;       /* owned: NextContinuationToken; NULL when not truncated */
    bool url_encoded; /* keys came percent-encoded */
};

/* Body of ListObjectsV2: appends the page's objects to out->v, in their order; the other fields are
 * this page's. `out` is zeroed before the first page and freed after the last. */
int answer_list(const char *xml, size_t n, struct answer_list *out, struct err *e);
void answer_list_free(struct answer_list *list);

/* What an error's body says; "" where it says nothing. */
struct answer_error {
    char code[64];        /* "NoSuchKey" */
    char message[256];    /* for people; cut when longer */
    char request_id[128]; /* for Amazon's support */
    char region[64];      /* with a wrong region: the right one */
    char endpoint[256];   /* with a redirect: the host to ask. Named by the server: check it */
};

/* Body of an error. Never fails: of a body that is damaged, what stands before the damage. A value
 * that does not fit is left out, for half a host's name is another host; only a message is cut. */
void answer_error(const char *xml, size_t n, struct answer_error *out);

/* Body of CreateMultipartUpload: its UploadId, owned by the caller. */
int answer_upload_id(const char *xml, size_t n, char **out, struct err *e);

/* Body of CompleteMultipartUpload: the object's ETag without its quotes, owned by the caller. 1
 * when the body is an error all the same, which S3 may send with status 200: see answer_error. */
int answer_completed(const char *xml, size_t n, char **etag, struct err *e);

#endif
