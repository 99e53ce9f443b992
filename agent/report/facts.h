/* SPDX-License-Identifier: MIT
 *
 * Facts of a job as JSON values, for report.json and for `procagent partition --json`. All answer a
 * new reference.
 */
#ifndef REPORT_FACTS_H
#define REPORT_FACTS_H

#include <jansson.h>
#include <stdint.h>

#include "job.h"

/* A text, its ill-formed bytes as '?'; null for NULL. */
json_t *fact_text(const char *s);

/* object[key] = value, whose reference is taken; the same for a number. */
void fact_set(json_t *object, const char *key, json_t *value);
void fact_count(json_t *object, const char *key, uint64_t value);

/* {"in", "out", "rejected", "blank_lines"}; null when no file of the output was split. */
json_t *fact_rows(const struct output *out);

/* [{"path", "files", "rows", "bytes"}]; rows are null where no row was split into a partition. */
json_t *fact_leaves(const struct output *out);

#endif
