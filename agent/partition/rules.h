/* SPDX-License-Identifier: MIT
 *
 * What lays out one output: its layout and its match, read and checked against each other, and what
 * they say of one file.
 */
#ifndef PARTITION_RULES_H
#define PARTITION_RULES_H

#include <stdbool.h>

#include "base/err.h"
#include "job.h"
#include "partition/layout.h"
#include "partition/match.h"

struct rules {
    const struct job *job;    /* borrowed */
    const struct output *out; /* borrowed */
    struct layout layout;
    struct match match; /* no tokens without a pattern */
    char *dir;          /* owned: the folder of all files; NULL when it differs, or rows have it */
};

/* Reads the output's layout and match, and all of it that is known before a file is seen.
 * ERR_CONFIG with the origin of what is wrong. */
int rules_read(struct rules *r, const struct job *job, const struct output *out, struct err *e);
void rules_free(struct rules *r);

/* Do rows have their own folders? */
bool rules_split(const struct rules *r);

/* What is said of the file `path` (below the output's folder): the folder it belongs to in *dir, or
 * where rows have their own the layout bound to it in *bound; and in *name what it is called there.
 * Of dir and bound the other may be NULL. All owned by the caller. */
int rules_file(const struct rules *r, const char *path, char **dir, struct layout *bound,
               char **name, struct err *e);

/* The name a file gets in its partition: the folders of `path` joined by "-" (readers do not
 * descend into folders inside a partition), and `host` (may be NULL) before the extension; owned by
 * the caller. */
char *partition_file_name(const char *path, const char *host);

#endif
