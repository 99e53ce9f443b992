/* SPDX-License-Identifier: MIT
 *
 * A layout: "key=template" levels joined by "/", as in [output X] layout. A template is text and
 * {source} or {source:format}; {{ and }} stand for braces. Sources whose value is the same for a
 * whole job: time (format: strftime, default %Y-%m-%d, in the job's time zone), env.NAME, host,
 * job. A source that each file has its own value of: path.NAME, a piece of its path (match.h); one
 * that each row has its own value of: column.NAME, or column.N, the N-th field counted from 1.
 *
 * A column whose values are ISO dates or timestamps (isotime.h) takes a format too. NAME may hold
 * anything but "}", also "/" and ":": the format begins at the first ":" that a "%" follows. A
 * column that is called otherwise, or by a number, is reached as column.N. The format has no %z and
 * %Z: a time without an offset has none to show.
 */
#ifndef PARTITION_LAYOUT_H
#define PARTITION_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"
#include "partition/match.h"

enum source {
    SOURCE_TEXT,
    SOURCE_TIME,
    SOURCE_ENV,
    SOURCE_HOST,
    SOURCE_JOB,
    SOURCE_PATH,
    SOURCE_COLUMN,
};

/* A piece of a template. */
struct part {
    enum source source;
    char *text; /* owned: the literal text, the strftime format (SOURCE_TIME; SOURCE_COLUMN, or NULL
                   for the value as it is), or the variable's name */
    size_t column; /* SOURCE_COLUMN: index in layout.columns */
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
    struct strvec columns; /* {column.NAME}: the names, each once, in order of appearance; those
                              of digits alone are field numbers, without leading zeros */
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

/* One column's decoded value in one row; borrowed. No bytes (n == 0) are null. */
struct field_text {
    const char *s; /* need not end with a NUL; may be NULL when n is 0 */
    size_t n;      /* bytes */
};

/* How the values of columns become names. */
struct value_rules {
    const struct tz *tz;       /* timestamps that carry an offset are converted to it */
    const struct table *table; /* null, sentinel */
};

/* The layout with everything but its columns filled in (for one file, when it has path sources):
 * only SOURCE_TEXT and SOURCE_COLUMN parts are left, no two texts side by side. Its columns are the
 * layout's. Errors as layout_expand, as far as they can be seen without a row. */
int layout_bind(const struct layout *layout, const struct job *job, const struct path_values *path,
                enum err_code code, struct layout *bound, struct err *e);

/* Appends the folder of one row, "k=v/k2=v2", escaped, to `out`; columns[i] is the value of
 * bound->columns.v[i]. Reads nothing but its arguments: threads may call it at once. `out` has no
 * maximum; after an error it is as it was.
 *
 * An empty value is null, and with table->sentinel_is_null so is a literal
 * __HIVE_DEFAULT_PARTITION__ in any case (else that is an error). What becomes of an empty one says
 * table->null; a sentinel goes to the null partition whatever that says. A level of which any
 * column is null has the null partition's value, text around it or not, as in SQL;
 * table->null_value stands for a value as it is, no format applied.
 *
 * What is wrong with a value is an error of code `code` that names key and value: bytes that are no
 * UTF-8, NULs, more than 1024 characters, a name of more than 255 bytes once escaped, no ISO time
 * where the column has a format. */
int layout_fill(const struct layout *bound, const struct value_rules *rules,
                const struct field_text *columns, enum err_code code, struct str *out,
                struct err *e);

/* The folder that this job's (and with path sources this file's) values make of it,
 * "k=v/k2=v2", escaped, into *out (owned by the caller). `path` is NULL for a layout without
 * path sources. An empty value, the null sentinel, bytes that are not UTF-8 and over-long
 * names are errors of code `code`; a layout with columns is ERR_INTERNAL: it is not for here. */
int layout_expand(const struct layout *layout, const struct job *job,
                  const struct path_values *path, enum err_code code, char **out, struct err *e);

#endif
