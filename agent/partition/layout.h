/* SPDX-License-Identifier: MIT
 *
 * A layout: "key=template" levels joined by "/", as in [output X] layout. A template is text and
 * {source} or {source:format}; {{ and }} stand for braces. Sources whose value is the same for a
 * whole job: time (format: strftime, default %Y-%m-%d, in the job's time zone), env.NAME, host,
 * job. A source that each file has its own value of: path.NAME, a piece of its path (match.h).
 */
#ifndef PARTITION_LAYOUT_H
#define PARTITION_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"
#include "partition/match.h"

enum source { SOURCE_TEXT, SOURCE_TIME, SOURCE_ENV, SOURCE_HOST, SOURCE_JOB, SOURCE_PATH };

/* A piece of a template. */
struct part {
    enum source source;
    char *text; /* owned: the literal text, the strftime format, or the variable's name */
};

struct level {
    char *key; /* owned: legal partition key */
    struct part *parts;
    size_t n;
    size_t cap;
};

struct layout {
    struct level *levels; /* owned, outermost first */
    size_t n;
    size_t cap;
};

enum { LAYOUT_MAX_BYTES = 4096, LAYOUT_MAX_LEVELS = 32 };

/* Reads a layout. ERR_CONFIG that says what is wrong and where (column). */
int layout_parse(const char *text, struct layout *out, struct err *e);
void layout_free(struct layout *layout);

/* Does a level use {path.`name`}? With NULL: any path source? */
bool layout_uses_path(const struct layout *layout, const char *name);

/* A file's own values; all borrowed. */
struct path_values {
    const struct match *match;  /* what {path.NAME} may say */
    const char *path;           /* the file's */
    const struct piece *pieces; /* where each name's piece lies in it */
};

/* The folder that this job's (and with path sources this file's) values make of it,
 * "k=v/k2=v2", escaped, into *out (owned by the caller). `path` is NULL for a layout without
 * path sources. An empty value, the null sentinel, bytes that are not UTF-8 and over-long
 * names are errors of code `code`. */
int layout_expand(const struct layout *layout, const struct job *job,
                  const struct path_values *path, enum err_code code, char **out, struct err *e);

#endif
