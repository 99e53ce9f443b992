/* SPDX-License-Identifier: MIT
 *
 * [output X]'s keys about rows: format, delimiter, null, max_row_size, ... -> struct table.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include "base/err.h"
#include "config/settings.h"
#include "job.h"

/* What one value, from KEY_OUTPUT_FORMAT on, means. ERR_CONFIG that says what is allowed. */
int table_apply(struct table *table, const struct setting *at, struct err *e);

/* Once all values of the output `name` are applied: what only some of them together say. */
int table_finish(struct table *table, const struct settings *list, const char *name, struct err *e);

#endif
