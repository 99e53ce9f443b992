/* SPDX-License-Identifier: MIT
 *
 * Names as the Hive family writes them (contract: hive-glue.md 1.1 to 1.3): which bytes of a
 * partition value are escaped, which keys are legal, what a key=value folder name may look like.
 */
#ifndef PARTITION_HIVE_H
#define PARTITION_HIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The folder of null and empty values. */
#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

/* Appends `n` bytes of a value: the 47 ASCII characters of Hive's list as %XX (upper case), all
 * else, UTF-8 included, as it is. */
void hive_escape(struct str *out, const char *value, size_t n);

/* Appends what Hive reads of `n` bytes of a name: each %XX, in either case, is one code unit U+0000
 * to U+00FF (in UTF-8 here), so a percent-encoded UTF-8 sequence does not come back as it was; a %
 * that two hexadecimal digits do not follow stands for itself (hive-glue.md 1.1, 1.4). */
void hive_unescape(struct str *out, const char *name, size_t n);

/* Does the URL family of writers (DuckDB, Arrow, Polars) give this value's folder the name that
 * Hive does? They do while all bytes are controls, ASCII letters, digits or "-._~/=%:". With any
 * other (a space, a comma, non-ASCII), two writers into one table make two folders for one value
 * (hive-glue.md 1.6, 1.8). */
bool hive_value_portable(const char *value, size_t n);

/* Lower-case letters, digits and underscores, not starting with an underscore. */
bool hive_key_legal(const char *key, size_t n);

/* NULL when `name` is a legal "key=value" folder name, else what is wrong with it. */
const char *hive_name_problem(const char *name, size_t n);

/* Does a folder name look like key=value (something before the first '=')? */
bool hive_name_shape(const char *name, size_t n);

/* Readers ignore names that begin with _ or . */
bool hive_hidden(const char *name);

#endif
