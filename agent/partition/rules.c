/* SPDX-License-Identifier: MIT
 *
 * An output's rules. See rules.h.
 */
#include "partition/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/filename.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

void rules_free(struct rules *r)
{
    layout_free(&r->layout);
    match_free(&r->match);
    free(r->dir);
    *r = (struct rules){0};
}

bool rules_split(const struct rules *r)
{
    return r->layout.columns.n > 0;
}

/* ---- reading ---- */

/* Every {path.NAME} of the layout is named in the pattern. */
static int check_names(const struct rules *r, struct err *e)
{
    const struct strvec *names = &r->match.names;
    for (size_t i = 0; i < r->layout.n; i++) {
        for (size_t k = 0; k < r->layout.levels[i].n; k++) {
            const struct part *part = &r->layout.levels[i].parts[k];
            if (part->source != SOURCE_PATH || match_name(&r->match, part->text) < names->n) {
                continue;
            }
            const char *near = nearest_name(part->text, (const char *const *)names->v, names->n);
            return err_set(e, ERR_CONFIG, "{path.%s}: match names no such piece%s%s%s", part->text,
                           near ? ", did you mean {path." : "", near ? near : "", near ? "}?" : "");
        }
    }
    return 0;
}

/* What can be filled in without a file. */
static int fill_in(struct rules *r, struct err *e)
{
    if (layout_uses_path(&r->layout, NULL)) {
        return r->out->match ? 0
                             : err_set(e, ERR_CONFIG,
                                       "the layout uses {path.NAME}: say which piece of a file's "
                                       "path that is, as in match = {year}/{month}/*.csv");
    }
    if (!rules_split(r)) {
        return layout_expand(&r->layout, r->job, NULL, ERR_CONFIG, &r->dir, e);
    }
    struct layout bound = {0};
    int rc = layout_bind(&r->layout, r->job, NULL, ERR_CONFIG, &bound, e);
    layout_free(&bound);
    return rc;
}

int rules_read(struct rules *r, const struct job *job, const struct output *out, struct err *e)
{
    *r = (struct rules){.job = job, .out = out};
    int rc = layout_parse(out->layout, &r->layout, e);
    rc = rc ? rc : fill_in(r, e);
    if (rc != 0) {
        return err_prefix(e, "%s", out->layout_origin);
    }
    if (out->match && match_parse(out->match, &r->match, e) != 0) {
        return err_prefix(e, "%s", out->match_origin);
    }
    rc = check_names(r, e);
    return rc ? err_prefix(e, "%s", out->layout_origin) : 0;
}

/* ---- one file ---- */

char *partition_file_name(const char *path, const char *host)
{
    SCOPE_FREE char *flat = xstrdup(path);
    for (char *p = flat; *p; p++) {
        *p = *p == '/' ? '-' : *p;
    }
    return host ? filename_insert(flat, host) : TAKE_PTR(flat);
}

/* Is the folder at [start, start + n) wholly one piece that the layout uses? Then the partition's
 * name says it already, and the file's need not. */
static bool told_by_partition(const struct rules *r, const struct piece *pieces, size_t start,
                              size_t n)
{
    for (size_t i = 0; i < r->match.names.n; i++) {
        if (pieces[i].start == start && pieces[i].n == n &&
            layout_uses_path(&r->layout, r->match.names.v[i])) {
            return true;
        }
    }
    return false;
}

/* The path without the folders that the partition tells; owned by the caller. */
static char *rest_of_path(const struct rules *r, const char *path, const struct piece *pieces)
{
    struct str rest = STR_INIT(0);
    const char *base = path_base(path);
    for (const char *p = path; p < base;) {
        size_t n = strcspn(p, "/");
        if (!told_by_partition(r, pieces, (size_t)(p - path), n)) {
            str_add(&rest, p, n + 1);
        }
        p += n + 1;
    }
    str_puts(&rest, base);
    return str_take(&rest);
}

int rules_file(const struct rules *r, const char *path, char **dir, struct layout *bound,
               char **name, struct err *e)
{
    struct piece pieces[MATCH_MAX_NAMES];
    struct path_values values = {.match = &r->match, .path = path, .pieces = pieces};
    if (r->match.n > 0 && !match_path(&r->match, path, pieces)) {
        return err_set(e, ERR_OUTPUT, "%s does not fit match = %s (%s); every data file must",
                       QUOTED(path), QUOTED(r->out->match), r->out->match_origin);
    }
    const struct path_values *own = r->match.n > 0 ? &values : NULL;
    int rc = 0;
    if (bound) {
        rc = layout_bind(&r->layout, r->job, own, ERR_OUTPUT, bound, e);
    } else if (r->dir) {
        *dir = xstrdup(r->dir);
    } else {
        rc = layout_expand(&r->layout, r->job, own, ERR_OUTPUT, dir, e);
    }
    if (rc != 0) {
        return err_prefix(e, "%s", QUOTED(path));
    }
    SCOPE_FREE char *rest = own ? rest_of_path(r, path, pieces) : xstrdup(path);
    *name = partition_file_name(rest, r->job->hosts.n > 1 ? r->job->current_host : NULL);
    return 0;
}
