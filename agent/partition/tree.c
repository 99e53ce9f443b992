/* SPDX-License-Identifier: MIT
 *
 * Recognising Hive trees. See tree.h.
 */
#include "partition/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "partition/hive.h"

void tree_free(struct tree *tree)
{
    free(tree->places);
    strvec_free(&tree->keys);
    *tree = (struct tree){0};
}

static bool any_hidden(const char *path)
{
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (hive_hidden(p)) {
            return true;
        }
    }
    return false;
}

/* Is any folder of the path shaped key=value? */
static bool in_partition(const char *path)
{
    const char *base = path_base(path);
    for (const char *p = path; p < base;) {
        size_t n = strcspn(p, "/");
        if (hive_name_shape(p, n)) {
            return true;
        }
        p += n + 1;
    }
    return false;
}

/* Reads the keys of a placed file's folders; every folder must be a legal key=value, no key
 * twice. */
static int read_keys(const char *path, struct strvec *keys, struct err *e)
{
    const char *base = path_base(path);
    for (const char *p = path; p < base;) {
        size_t n = strcspn(p, "/");
        const char *problem = hive_name_problem(p, n);
        if (problem) {
            SCOPE_FREE char *name = xstrndup(p, n);
            return err_set(e, ERR_OUTPUT, "%s: the folder %s %s", QUOTED(path), QUOTED(name),
                           problem);
        }
        SCOPE_FREE char *key = xstrndup(p, strcspn(p, "="));
        for (size_t i = 0; i < keys->n; i++) {
            if (strcmp(keys->v[i], key) == 0) {
                return err_set(e, ERR_OUTPUT, "%s: the key %s stands in the path twice",
                               QUOTED(path), key);
            }
        }
        strvec_take(keys, TAKE_PTR(key));
        p += n + 1;
    }
    return 0;
}

static char *join_keys(const struct strvec *keys)
{
    struct str out = STR_INIT(0);
    for (size_t i = 0; i < keys->n; i++) {
        str_printf(&out, "%s%s=", i ? "/" : "", keys->v[i]);
    }
    return str_take(&out);
}

static bool same_keys(const struct strvec *a, const struct strvec *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0) {
            return false;
        }
    }
    return true;
}

static int check_placed(struct tree *tree, const char *path, const struct strvec *wanted,
                        struct err *e)
{
    SCOPE(strvec_free) struct strvec keys = {0};
    int rc = read_keys(path, &keys, e);
    if (rc != 0) {
        return rc;
    }
    if (tree->keys.n == 0) {
        const struct strvec *from = wanted ? wanted : &keys;
        for (size_t i = 0; i < from->n; i++) {
            strvec_add(&tree->keys, from->v[i]);
        }
    }
    if (same_keys(&keys, &tree->keys)) {
        return 0;
    }
    SCOPE_FREE char *found = join_keys(&keys);
    SCOPE_FREE char *expected = join_keys(&tree->keys);
    return err_set(e, ERR_OUTPUT,
                   "%s: its folders are %s, %s %s; every data file must lie below the "
                   "same keys in the same order",
                   QUOTED(path), found, wanted ? "the layout says" : "other files have", expected);
}

int tree_read(const struct dir_listing *files, const struct strvec *keys, struct tree *out,
              struct err *e)
{
    SCOPE(tree_free) struct tree tree = {.places = xcalloc(files->n + 1, sizeof *tree.places)};
    const char *last = NULL; /* the placed file before: the listing is sorted, so leaves are runs */
    for (size_t i = 0; i < files->n; i++) {
        const char *path = files->v[i].path;
        if (!S_ISREG(files->v[i].mode) || any_hidden(path)) {
            tree.places[i] = FILE_IGNORED;
            continue;
        }
        if (!in_partition(path)) {
            tree.places[i] = FILE_LOOSE;
            tree.first_loose = tree.first_loose ? tree.first_loose : path;
            tree.loose++;
            continue;
        }
        tree.places[i] = FILE_PLACED;
        int rc = check_placed(&tree, path, keys, e);
        if (rc != 0) {
            return rc;
        }
        tree.partitions += !(last && path_same_folder(last, path));
        tree.placed++;
        last = path;
    }
    *out = tree;
    tree = (struct tree){0};
    return 0;
}
