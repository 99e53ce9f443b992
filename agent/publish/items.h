/* SPDX-License-Identifier: MIT
 *
 * The plan of a publication: every file, and every manifest and marker, with the key it gets: S3Uri
 * + "/" + path below LocalPath (contract: sagemaker.md 2.7), the last part with the host's name
 * where there are several (hosts.h). All keys are checked before the first byte is sent.
 *
 *     SCOPE(items_free) struct items plan = {0};
 *     items_begin(&plan, job, NULL, e) ... items_add, items_add_ends ... items_check ... items_put
 */
#ifndef PUBLISH_ITEMS_H
#define PUBLISH_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dir.h"
#include "base/err.h"
#include "base/progress.h"
#include "job.h"
#include "store/store.h"

enum item_kind { ITEM_DATA, ITEM_MANIFEST, ITEM_MARKER };

/* Two looks at a file that find all of this the same have seen the same bytes. */
struct identity {
    uint64_t size;              /* bytes */
    int64_t mtime_ns, ctime_ns; /* as dir_entry's */
    dev_t dev;                  /* with ino: which file it is */
    ino_t ino;
};

struct item {
    enum item_kind kind; /* what is put */
    size_t output;       /* its index in job->outputs */
    char *path;          /* owned: below the output's folder; of a manifest or marker its name */
    char *key;           /* owned */
    char *bytes;         /* owned: what a manifest says, when it is known; else NULL */
    struct identity id;  /* of a file, as it was listed */
    bool leave;          /* the store has these bytes already, or there is nothing to send */
    bool counted;        /* some bytes of it were published before the final pass */
};

struct items {
    struct item *v; /* sorted by bucket and key once it was checked */
    size_t n;
    size_t cap;
    struct s3_place *places; /* owned: where each of the job's outputs goes; empty when nowhere */
    size_t n_places;
};

/* Is this output's data ours to look at? An app-managed one without a store or without a place
 * there belongs to the transform. */
bool items_ours(const struct job *job, const struct output *out);

/* Reads the S3Uris of all outputs that are ours; `below` (may be NULL) is put behind each: all keys
 * begin with "KEY/below/" then. ERR_CONFIG. */
int items_begin(struct items *plan, const struct job *job, const char *below, struct err *e);
void items_free(struct items *plan);

/* Adds a file of an output; copies what it needs. */
void items_add(struct items *plan, const struct job *job, size_t output,
               const struct dir_entry *at);

/* Adds the manifest and marker that the output asks for, when it goes anywhere. */
void items_add_ends(struct items *plan, const struct job *job, size_t output);

/* Sorts, and sees to it that all keys are legal, different, and this host's own; else `code` with
 * the output and the file. */
int items_check(struct items *plan, const struct job *job, enum err_code code, struct err *e);

/* What gets this key, or NULL. After items_check. */
const struct item *items_find(const struct items *plan, const char *bucket, const char *key);

/* The key of an item (or of any object) below its output's S3Uri; borrowed from `key`. NULL when
 * it does not lie there. */
const char *items_relative(const struct items *plan, size_t output, const char *key);

/* The identity of a listed file; of the one at `path` now: false when there is none. */
struct identity identity_of(const struct dir_entry *at);
bool identity_read(const char *path, struct identity *out);
bool identity_same(const struct identity *a, const struct identity *b);

/* Puts the items of the plan that `wanted` (one flag each) chooses, not to be seen before the
 * store's commit. On failure *failed is the item's index, or plan->n when it is none in
 * particular. */
int items_put(const struct items *plan, const struct job *job, const bool *wanted,
              struct store *store, struct progress *progress, size_t *failed, struct err *e);

#endif
