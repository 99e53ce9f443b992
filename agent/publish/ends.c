/* SPDX-License-Identifier: MIT
 *
 * Manifests and markers. See ends.h.
 */
#include "publish/ends.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "publish/modes.h"

static const char STAGE[] = "publish";

char *ends_manifest(const struct items *plan, const struct job *job, size_t output)
{
    json_t *list = json_array();
    json_t *head = json_object();
    SCOPE_FREE char *prefix = xasprintf("%s/", job->outputs[output].s3_uri);
    (void)json_object_set_new(head, "prefix", json_string(prefix));
    (void)json_array_append_new(list, head);
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        if (at->output == output && at->kind == ITEM_DATA && !modes_hidden(at->path)) {
            const char *rel = items_relative(plan, output, at->key);
            (void)json_array_append_new(list, json_string(rel));
        }
    }
    char *text = json_array_size(list) > 1 ? json_dumps(list, JSON_INDENT(0)) : NULL;
    json_decref(list);
    return text;
}

int ends_put(struct items *plan, const struct job *job, struct store *store, struct err *e)
{
    SCOPE_FREE bool *wanted = xcalloc(plan->n + 1, sizeof *wanted);
    size_t failed;
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        struct item *at = &plan->v[i];
        if (at->kind == ITEM_MANIFEST) {
            at->bytes = ends_manifest(plan, job, at->output);
            at->leave = !at->bytes;
        }
        if (at->leave && at->kind == ITEM_MANIFEST) {
            log_warn(STAGE,
                     "output \"%s\": no manifest %s, which must list at least one file, and there "
                     "is none",
                     job->outputs[at->output].name, QUOTED(at->path));
        }
        wanted[i] = at->kind != ITEM_DATA && !at->leave;
        n += wanted[i];
    }
    if (n == 0) {
        return 0;
    }
    int rc = items_put(plan, job, wanted, store, NULL, &failed, e);
    return rc ? rc : store->ops->commit(store->self, NULL, e);
}
