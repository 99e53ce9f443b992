/* SPDX-License-Identifier: MIT
 *
 * Jupyter kernels. See kernels.h.
 */
#include "notebook/kernels.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

enum { LISTED_MAX = 20, KERNELS_MAX = 1000 };

#define NATIVE "python3"
#define STUDIO_MARK "__SAGEMAKER_INTERNAL__"

void kernel_free(struct kernel *k)
{
    free(k->name);
    free(k->display_name);
    free(k->language);
    free(k->argv0);
    free(k->path);
    *k = (struct kernel){0};
}

void kernels_free(struct kernels *k)
{
    for (size_t i = 0; i < k->n; i++) {
        kernel_free(&k->v[i]);
    }
    free(k->v);
    strvec_free(&k->skipped);
    *k = (struct kernels){0};
}

static void json_close(json_t **root)
{
    json_decref(*root);
}

static char *copy_string(const json_t *object, const char *name, const char *none)
{
    const char *text = json_string_value(json_object_get(object, name));
    return xstrdup(text ? text : none);
}

int kernel_parse(const char *path, const char *text, size_t n, struct kernel *out, struct err *e)
{
    json_error_t why;
    SCOPE(json_close) json_t *root = json_loadb(text, n, 0, &why);
    if (!root) {
        return err_set(e, ERR_INPUT, "%s:%d:%d: not JSON: %s", path, why.line > 0 ? why.line : 1,
                       why.column > 0 ? why.column : 1, why.text);
    }
    const char *argv0 = json_string_value(json_array_get(json_object_get(root, "argv"), 0));
    if (!argv0 || !*argv0) {
        return err_set(e, ERR_INPUT, "%s: no program in argv", path);
    }
    out->display_name = copy_string(root, "display_name", "");
    out->language = copy_string(root, "language", "");
    out->argv0 = xstrdup(argv0);
    return 0;
}

/* ---- the search ---- */

static const struct kernel *find(const struct kernels *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcasecmp(k->v[i].name, name) == 0) {
            return &k->v[i];
        }
    }
    return NULL;
}

/* Jupyter knows no other names. */
static bool is_name(const char *name)
{
    return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-")] == '\0';
}

static void add_kernel(struct kernels *out, const char *dir, const char *name)
{
    struct err e = {0};
    SCOPE(str_free) struct str text = STR_INIT(KERNEL_JSON_MAX);
    SCOPE(kernel_free) struct kernel one = {.path = xasprintf("%s/%s/kernel.json", dir, name)};
    int rc = io_read_file(AT_FDCWD, one.path, &text, ERR_INPUT, &e);
    if (rc > 0) {
        return; /* a folder of something else */
    }
    if (rc == 0) {
        rc = kernel_parse(one.path, str_text(&text), text.len, &one, &e);
    }
    if (rc != 0) {
        strvec_add(&out->skipped, e.text);
        return;
    }
    one.name = xstrdup(name);
    for (char *p = one.name; *p; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    if (!one.display_name || !*one.display_name) {
        free(one.display_name);
        one.display_name = xstrdup(one.name);
    }
    out->v = vec_room(out->v, out->n, &out->cap, sizeof *out->v);
    out->v[out->n++] = one;
    one = (struct kernel){0};
}

/* The kernels of one data folder, by name, so that the order is the same everywhere. */
static void add_folder(struct kernels *out, const char *data)
{
    SCOPE_FREE char *dir = path_join(data, "kernels");
    SCOPE_DIR DIR *open = opendir(dir);
    SCOPE(strvec_free) struct strvec names = {0};
    if (!open) {
        return;
    }
    for (const struct dirent *d = readdir(open); d && names.n < KERNELS_MAX; d = readdir(open)) {
        if (d->d_name[0] != '.' && is_name(d->d_name)) {
            strvec_add(&names, d->d_name);
        }
    }
    strvec_sort(&names);
    for (size_t i = 0; i < names.n && out->n < KERNELS_MAX; i++) {
        if (!find(out, names.v[i])) {
            add_kernel(out, dir, names.v[i]);
        }
    }
}

void kernels_list(struct kernels *out, char *const *environment, const struct strvec *prefixes)
{
    const char *path = env_get(environment, "JUPYTER_PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        SCOPE_FREE char *entry = xstrndup(path, n);
        if (n > 0) {
            add_folder(out, entry);
        }
        path += n + (path[n] == ':');
    }
    const char *own = env_get(environment, "JUPYTER_DATA_DIR");
    const char *home = env_get(environment, "HOME");
    if (own && *own) {
        add_folder(out, own);
    } else if (home && *home) {
        SCOPE_FREE char *data = path_join(home, ".local/share/jupyter");
        add_folder(out, data);
    }
    for (size_t i = 0; prefixes && i < prefixes->n; i++) {
        SCOPE_FREE char *data = path_join(prefixes->v[i], "share/jupyter");
        add_folder(out, data);
    }
    add_folder(out, "/usr/local/share/jupyter");
    add_folder(out, "/usr/share/jupyter");
}

/* ---- the choice ---- */

/* By its whole name, else by what Studio puts before its marker. */
static const struct kernel *find_named(const struct kernels *k, const char *name)
{
    const struct kernel *found = find(k, name);
    const char *mark = strstr(name, STUDIO_MARK);
    if (found || !mark) {
        return found;
    }
    SCOPE_FREE char *plain = xstrndup(name, (size_t)(mark - name));
    return find(k, plain);
}

static int missing(const struct kernels *k, const char *asked, struct err *e)
{
    const char *names[KERNELS_MAX];
    SCOPE(str_free) struct str list = STR_INIT(0);
    for (size_t i = 0; i < k->n; i++) {
        names[i] = k->v[i].name;
        if (i < LISTED_MAX) {
            str_printf(&list, "%s%s", i ? ", " : "", names[i]);
        }
    }
    if (k->n > LISTED_MAX) {
        str_puts(&list, ", ...");
    }
    const char *near = nearest_name(asked, names, k->n);
    return err_set(e, ERR_CONFIG, "kernel %s is not installed; there %s %s%s%s%s", QUOTED(asked),
                   k->n == 1 ? "is" : "are", k->n ? str_text(&list) : "none",
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const struct kernel *of_language(const struct kernels *k, const char *language)
{
    const struct kernel *first = NULL;
    for (size_t i = 0; i < k->n; i++) {
        if (strcasecmp(k->v[i].language, language) == 0) {
            first = !first || strcmp(k->v[i].name, NATIVE) == 0 ? &k->v[i] : first;
        }
    }
    return first;
}

static bool is_native(const char *name)
{
    size_t n = strlen(NATIVE);
    return strncasecmp(name, NATIVE, n) == 0 &&
           (name[n] == '\0' || str_starts(name + n, STUDIO_MARK));
}

int kernels_choose(const struct kernels *k, const char *asked, const char *notebooks,
                   const char *language, const struct kernel **out, struct err *e)
{
    if (asked && *asked) {
        const struct kernel *found = find_named(k, asked);
        if (!found && (k->n > 0 || !is_native(asked))) {
            return missing(k, asked, e);
        }
        *out = found;
        return 0;
    }
    if (k->n == 0 || !k->v) {
        *out = NULL;
        return 0;
    }
    const struct kernel *found = notebooks && *notebooks ? find_named(k, notebooks) : NULL;
    if (!found && k->n == 1) {
        found = &k->v[0];
    }
    found = found ? found : of_language(k, language && *language ? language : "python");
    *out = found ? found : &k->v[0];
    return 0;
}
