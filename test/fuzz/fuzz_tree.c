/* SPDX-License-Identifier: MIT
 *
 * partition/tree on listings as dir_list makes them. Line 1: the layout's keys, joined by "/", or
 * nothing; each further line is a path, a link when it begins with "@".
 */
#include <sys/stat.h>

#include "fuzz.h"
#include "partition/hive.h"
#include "partition/rules.h"
#include "partition/tree.h"

/* Could a folder listing hold this path? */
static bool is_path(const char *p)
{
    for (;; p++) {
        size_t n = strcspn(p, "/");
        if (n == 0 || n > 255 || (n == 1 && p[0] == '.') ||
            (n == 2 && p[0] == '.' && p[1] == '.')) {
            return false;
        }
        p += n;
        if (*p == '\0') {
            return true;
        }
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct dir_entry *)a)->path, ((const struct dir_entry *)b)->path);
}

/* Reads the paths; no path twice, and none that is also another's folder. */
static void read_listing(const uint8_t *data, size_t size, struct dir_listing *list)
{
    while (size > 0) {
        char *line = fuzz_line(&data, &size);
        const char *path = line[0] == '@' ? line + 1 : line;
        if (is_path(path)) {
            list->v = vec_room(list->v, list->n, &list->cap, sizeof *list->v);
            list->v[list->n++] = (struct dir_entry){.path = xstrdup(path),
                                                    .mode = line[0] == '@' ? S_IFLNK : S_IFREG};
        }
        free(line);
    }
    if (list->n > 1) {
        qsort(list->v, list->n, sizeof *list->v, by_path);
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (kept > 0 && strcmp(list->v[kept - 1].path, list->v[i].path) == 0) {
            free(list->v[i].path);
        } else {
            list->v[kept++] = list->v[i];
        }
    }
    list->n = kept;
}

/* The folder names of a placed file are key=value with the tree's keys. */
static void check_keys(const char *path, const struct strvec *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        size_t n = strcspn(path, "/");
        size_t key = strlen(keys->v[i]);
        REQUIRE(path[n] == '/' && !hive_name_problem(path, n));
        REQUIRE(n > key && memcmp(path, keys->v[i], key) == 0 && path[key] == '=');
        path += n + 1;
    }
    REQUIRE(!strchr(path, '/'));
}

static void check_tree(const struct tree *tree, const struct dir_listing *list)
{
    size_t loose = 0;
    size_t placed = 0;
    size_t folders = 0;
    for (size_t i = 0; i < list->n; i++) {
        const char *path = list->v[i].path;
        REQUIRE(S_ISREG(list->v[i].mode) || tree->places[i] == FILE_IGNORED);
        REQUIRE(!hive_hidden(path) || tree->places[i] == FILE_IGNORED);
        loose += tree->places[i] == FILE_LOOSE;
        if (tree->places[i] != FILE_PLACED) {
            continue;
        }
        placed++;
        check_keys(path, &tree->keys);
        size_t n = (size_t)(strrchr(path, '/') - path) + 1;
        bool seen = false;
        for (size_t k = 0; k < i; k++) {
            seen =
                seen || (tree->places[k] == FILE_PLACED && strncmp(list->v[k].path, path, n) == 0);
        }
        folders += !seen;
    }
    REQUIRE(loose == tree->loose && placed == tree->placed && folders == tree->partitions);
    REQUIRE((tree->first_loose != NULL) == (loose > 0));
    REQUIRE(placed == 0 || tree->keys.n > 0);
}

static void check_name(const char *path)
{
    char *plain = partition_file_name(path, NULL);
    char *hosted = partition_file_name(path, "algo-1");
    REQUIRE(!strchr(plain, '/') && strlen(plain) == strlen(path));
    REQUIRE(!strchr(hosted, '/') && strlen(hosted) > strlen(path) && strstr(hosted, "algo-1"));
    free(plain);
    free(hosted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strvec keys = {0};
    struct dir_listing list = {0};
    struct tree tree = {0};
    struct err e = {0};
    char *line = fuzz_line(&data, &size);
    for (const char *p = line; *p; p += *p == '/') {
        size_t n = strcspn(p, "/");
        if (hive_key_legal(p, n)) {
            strvec_take(&keys, xstrndup(p, n));
        }
        p += n;
    }
    read_listing(data, size, &list);
    int rc = tree_read(&list, keys.n ? &keys : NULL, &tree, &e);
    if (rc == 0) {
        check_tree(&tree, &list);
        REQUIRE(tree.placed == 0 || keys.n == 0 || tree.keys.n == keys.n);
    } else {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_OUTPUT && !tree.places);
    }
    for (size_t i = 0; i < list.n; i++) {
        check_name(list.v[i].path);
    }
    tree_free(&tree);
    strvec_free(&keys);
    dir_listing_free(&list);
    free(line);
    return 0;
}
