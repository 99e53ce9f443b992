/* SPDX-License-Identifier: MIT
 *
 * Facts about leaf partitions. See leaves.h.
 */
#include "partition/leaves.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "partition/hive.h"

static const char STAGE[] = "partition";

/* ---- finding ---- */

struct finder {
    struct output *out;
    size_t cap; /* of out->leaves */
};

/* The leaf of a folder: the last one when it is that, else a new one; the same may come again. */
static struct leaf *leaf_of(struct finder *f, const char *dir, size_t n)
{
    struct output *out = f->out;
    if (out->n_leaves > 0) {
        struct leaf *last = &out->leaves[out->n_leaves - 1];
        if (strncmp(last->path, dir, n) == 0 && last->path[n] == '\0') {
            return last;
        }
    }
    out->leaves = vec_room(out->leaves, out->n_leaves, &f->cap, sizeof *out->leaves);
    out->leaves[out->n_leaves] = (struct leaf){.path = xstrndup(dir, n)};
    return &out->leaves[out->n_leaves++];
}

static void add_file(struct finder *f, const char *path, uint64_t size)
{
    const char *base = path_base(path);
    struct leaf *leaf = leaf_of(f, path, base > path ? (size_t)(base - path) - 1 : 0);
    leaf->files++;
    leaf->bytes += size;
}

/* Rows, and in a dry run all else, of the partitions that files were split into. */
static void add_parts(struct finder *f, const struct parts *parts, bool dry)
{
    for (size_t i = 0; i < parts->n_table; i++) {
        for (const struct partition *p = parts->table[i]; p; p = p->same) {
            if (p->rows == 0) {
                continue;
            }
            struct leaf *leaf = leaf_of(f, p->dir, strlen(p->dir));
            leaf->rows += p->rows;
            leaf->files += dry ? p->files : 0;
            leaf->bytes += dry ? p->bytes : 0;
        }
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

/* Entries of one folder become one leaf. */
static void merge_same(struct output *out)
{
    if (out->n_leaves > 1) {
        qsort(out->leaves, out->n_leaves, sizeof *out->leaves, by_path);
    }
    size_t n = 0;
    for (size_t i = 0; i < out->n_leaves; i++) {
        struct leaf *at = &out->leaves[i];
        if (n > 0 && strcmp(out->leaves[n - 1].path, at->path) == 0) {
            out->leaves[n - 1].files += at->files;
            out->leaves[n - 1].rows += at->rows;
            out->leaves[n - 1].bytes += at->bytes;
            free(at->path);
        } else {
            out->leaves[n++] = *at;
        }
    }
    out->n_leaves = n;
    out->partitions = n;
}

void leaves_find(struct output *out, const struct dir_listing *files, const struct tree *tree,
                 const struct moves *moves, const struct parts *parts,
                 const struct dir_listing *written)
{
    struct finder f = {.out = out};
    for (size_t i = 0; i < files->n; i++) {
        if (tree->places[i] == FILE_PLACED) {
            add_file(&f, files->v[i].path, files->v[i].size);
        }
    }
    for (size_t i = 0; i < moves->n; i++) {
        add_file(&f, moves->v[i].to, files->v[moves->v[i].file].size);
    }
    for (size_t i = 0; written && i < written->n; i++) {
        if (!hive_hidden(written->v[i].path)) {
            add_file(&f, written->v[i].path, written->v[i].size);
        }
    }
    if (parts) {
        add_parts(&f, parts, written == NULL);
    }
    merge_same(out);
}

/* ---- judging ---- */

int leaves_check(const struct output *out, struct err *e)
{
    const struct table *t = &out->table;
    uint64_t files = 0;
    for (size_t i = 0; i < out->n_leaves; i++) {
        files += out->leaves[i].files;
    }
    if (t->max_partitions && out->n_leaves > t->max_partitions) {
        return err_set(
            e, ERR_OUTPUT,
            "the output would have %zu partitions, more than max_partitions = %llu; raise "
            "it, or lay the output out by something coarser",
            out->n_leaves, (unsigned long long)t->max_partitions);
    }
    if (t->max_files && files > t->max_files) {
        return err_set(e, ERR_OUTPUT,
                       "the output would have %llu files, more than max_files = %llu",
                       (unsigned long long)files, (unsigned long long)t->max_files);
    }
    return 0;
}

/* The first level of a path whose value other readers would write otherwise; NULL when none. */
static const char *odd_level(const char *path, size_t *n)
{
    for (const char *p = path; *p; p += *p == '/') {
        *n = strcspn(p, "/");
        const char *equals = memchr(p, '=', *n);
        SCOPE(str_free) struct str value = STR_INIT(0);
        if (equals) {
            hive_unescape(&value, equals + 1, *n - (size_t)(equals + 1 - p));
        }
        if (equals && !hive_value_portable(str_text(&value), value.len)) {
            return p;
        }
        p += *n;
    }
    return NULL;
}

static void warn_odd(const struct output *out)
{
    size_t count = 0;
    SCOPE_FREE char *example = NULL;
    for (size_t i = 0; i < out->n_leaves; i++) {
        size_t n = 0;
        const char *level = odd_level(out->leaves[i].path, &n);
        if (level) {
            example = example ? example : xstrndup(level, n);
            count++;
        }
    }
    if (count > 0) {
        log_warn(STAGE,
                 "output \"%s\": portable = yes, but %zu partition%s a name that DuckDB, Arrow or "
                 "Polars would spell otherwise; the first is %s",
                 out->name, count, count == 1 ? " has" : "s have", QUOTED(example));
    }
}

/* A path in lower case (ASCII), and the one it was. */
struct folded {
    char *low;        /* owned */
    const char *path; /* borrowed */
};

static int by_low(const void *a, const void *b)
{
    return strcmp(((const struct folded *)a)->low, ((const struct folded *)b)->low);
}

static void warn_case(const struct output *out)
{
    struct folded *v = xcalloc(out->n_leaves + 1, sizeof *v);
    for (size_t i = 0; i < out->n_leaves; i++) {
        v[i] = (struct folded){.low = xstrdup(out->leaves[i].path), .path = out->leaves[i].path};
        for (char *p = v[i].low; *p; p++) {
            *p = (char)tolower((unsigned char)*p);
        }
    }
    qsort(v, out->n_leaves, sizeof *v, by_low);
    for (size_t i = 1; i < out->n_leaves; i++) {
        if (strcmp(v[i - 1].low, v[i].low) == 0) {
            log_warn(STAGE,
                     "output \"%s\": %s and %s differ by case only; on a file system that ignores "
                     "case they are one folder",
                     out->name, QUOTED(v[i - 1].path), QUOTED(v[i].path));
            break;
        }
    }
    for (size_t i = 0; i < out->n_leaves; i++) {
        free(v[i].low);
    }
    free(v);
}

void leaves_warn(const struct output *out)
{
    if (out->table.portable) {
        warn_odd(out);
    }
    if (out->n_leaves > 1) {
        warn_case(out);
    }
}
