/* SPDX-License-Identifier: MIT
 *
 * Facts as JSON. See facts.h.
 */
#include "report/facts.h"

#include <string.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/utf8.h"

/* JSON strings must be UTF-8; a file name or an argument need not be. */
json_t *fact_text(const char *s)
{
    if (!s) {
        return json_null();
    }
    size_t n = strlen(s);
    SCOPE_FREE char *clean = xmalloc(n + 1);
    (void)utf8_clean(clean, n + 1, s, n);
    return json_string(clean);
}

void fact_set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

void fact_count(json_t *object, const char *key, uint64_t value)
{
    fact_set(object, key, json_integer((json_int_t)value));
}

json_t *fact_rows(const struct output *out)
{
    if (out->split == 0) {
        return json_null();
    }
    json_t *rows = json_object();
    fact_count(rows, "in", out->rows_in);
    fact_count(rows, "out", out->rows_out);
    fact_count(rows, "rejected", out->rows_rejected);
    fact_count(rows, "blank_lines", out->blank_lines);
    return rows;
}

json_t *fact_leaves(const struct output *out)
{
    json_t *list = json_array();
    for (size_t i = 0; i < out->n_leaves; i++) {
        const struct leaf *leaf = &out->leaves[i];
        json_t *item = json_object();
        fact_set(item, "path", fact_text(leaf->path));
        fact_count(item, "files", leaf->files);
        fact_set(item, "rows", leaf->rows > 0 ? json_integer((json_int_t)leaf->rows) : json_null());
        fact_count(item, "bytes", leaf->bytes);
        (void)json_array_append_new(list, item);
    }
    return list;
}
