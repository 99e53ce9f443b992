/* SPDX-License-Identifier: MIT
 *
 * A ManifestFile: the list of objects of an input whose S3DataType is ManifestFile (contract:
 * sagemaker.md 2.2). A JSON array; its first element is an object whose `prefix` is an s3:// URI,
 * the others are strings that are appended to it as they are:
 *
 *     [ {"prefix": "s3://bucket/some/prefix/"}, "relative/a.csv", "b.csv" ]
 *
 * Only the text is looked at; whether the objects exist is for the store to say.
 */
#ifndef STAGE_MANIFEST_H
#define STAGE_MANIFEST_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum {
    MANIFEST_MAX_BYTES = 64 << 20,  /* of the text */
    MANIFEST_MAX_ENTRIES = 1000000, /* each becomes a key of up to 1,024 bytes */
};

struct manifest {
    char *bucket;       /* the one bucket of all keys */
    char *prefix;       /* what all keys begin with; "" when the URI is only a bucket's */
    struct strvec keys; /* whole keys in the file's order, each once; at least one */
};

/* Reads a manifest's text into `out`. `file` is its s3:// URI. 0, or ERR_INPUT with
 * "FILE:line:column: " in front, the value and what to do. Unknown members beside `prefix` are
 * ignored. */
int manifest_parse(const char *file, const char *text, size_t n, struct manifest *out,
                   struct err *e);

void manifest_free(struct manifest *m);

#endif
