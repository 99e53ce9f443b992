/* SPDX-License-Identifier: MIT
 *
 * Choosing a Python. See interpreter.h.
 */
#include "notebook/interpreter.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/program.h"
#include "base/scope.h"
#include "notebook/driver.h"

static const char STAGE[] = "notebook";

/* A Python that takes longer to say what it has is no use. */
static const int64_t PROBE_NS = 20 * NS_PER_S;
enum { PROBE_MAX = 4096 };

void interpreter_free(struct interpreter *i)
{
    free(i->path);
    *i = (struct interpreter){0};
}

/* ---- candidates ---- */

/* Are two paths one Python? The folder counts, for a venv's is a link to the one it was made from;
 * but /bin may be /usr/bin, and python python3. */
static bool is_same(const char *a, const char *b)
{
    SCOPE_FREE char *dir_a = path_parent(a);
    SCOPE_FREE char *dir_b = path_parent(b);
    SCOPE_FREE char *real_dir_a = realpath(dir_a, NULL);
    SCOPE_FREE char *real_dir_b = realpath(dir_b, NULL);
    SCOPE_FREE char *real_a = realpath(a, NULL);
    SCOPE_FREE char *real_b = realpath(b, NULL);
    return real_a && real_dir_a && str_same(real_a, real_b) && str_same(real_dir_a, real_dir_b);
}

/* Asking one takes a while, so each is asked once. */
static void add(struct strvec *out, const char *path)
{
    if (access(path, X_OK) != 0) {
        return;
    }
    for (size_t i = 0; i < out->n; i++) {
        if (is_same(out->v[i], path)) {
            return;
        }
    }
    strvec_add(out, path);
}

/* A word of a kernelspec: a path, or a name on PATH. */
static void add_word(struct strvec *out, const char *word, const char *search)
{
    if (strchr(word, '/')) {
        add(out, word);
        return;
    }
    for (const char *p = search; *p;) {
        size_t n = strcspn(p, ":");
        SCOPE_FREE char *dir = xstrndup(p, n);
        SCOPE_FREE char *path = path_join(n ? dir : ".", word);
        if (n > 0) {
            add(out, path);
        }
        p += n + (p[n] == ':');
    }
}

/* bin/python of every folder in `dir`: conda's environments. */
static void add_below(struct strvec *out, const char *dir)
{
    SCOPE_DIR DIR *d = opendir(dir);
    SCOPE(strvec_free) struct strvec names = {0};
    for (const struct dirent *item = d ? readdir(d) : NULL; item; item = readdir(d)) {
        if (item->d_name[0] != '.') {
            strvec_add(&names, item->d_name);
        }
    }
    strvec_sort(&names);
    for (size_t i = 0; i < names.n; i++) {
        SCOPE_FREE char *path = xasprintf("%s/%s/bin/python", dir, names.v[i]);
        add(out, path);
    }
}

void interpreters_list(const struct strvec *kernels, char *const *environment, struct strvec *out)
{
    static const char *const HOMES[] = {"SM_HEADLESS_EXECUTION_PATH", "VIRTUAL_ENV",
                                        "CONDA_PREFIX"};
    static const char *const USUAL[] = {"/opt/conda/bin/python", "/opt/venv/bin/python",
                                        "/usr/local/bin/python3", "/usr/bin/python3"};
    const char *search = env_get(environment, "PATH");
    search = search ? search : "/usr/local/bin:/usr/bin:/bin";
    for (size_t i = 0; kernels && i < kernels->n; i++) {
        add_word(out, kernels->v[i], search);
    }
    for (size_t i = 0; i < sizeof HOMES / sizeof *HOMES; i++) {
        const char *home = env_get(environment, HOMES[i]);
        SCOPE_FREE char *path =
            home && *home ? xasprintf("%s/%s", home, i ? "bin/python" : "python") : NULL;
        if (path) {
            add(out, path);
        }
    }
    add_word(out, "python3", search);
    add_word(out, "python", search);
    for (size_t i = 0; i < sizeof USUAL / sizeof *USUAL; i++) {
        add(out, USUAL[i]);
    }
    add_below(out, "/opt/conda/envs");
}

void interpreters_prefixes(const struct strvec *paths, struct strvec *out)
{
    for (size_t i = 0; i < paths->n; i++) {
        SCOPE_FREE char *bin = path_parent(paths->v[i]);
        strvec_take(out, path_parent(bin));
    }
}

/* ---- asking ---- */

/* What one Python says it has; nothing when it cannot be asked. */
static int probe(const char *path, char *const *environment, struct interpreter *out, struct err *e)
{
    char *const argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)NOTEBOOK_DRIVER, (char *)(uintptr_t) "--probe", NULL};
    const struct program program = {.argv = argv, .envp = environment, .limit_ns = PROBE_NS};
    SCOPE(str_free) struct str text = STR_INIT(PROBE_MAX);
    int status = 0;
    struct err why = {0};
    int rc = program_run(&program, &text, &status, &why);
    if (rc != 0 && err_is_stop(&why)) {
        return err_take(e, &why);
    }
    json_t *said = rc == 0 && status == 0 ? json_loadb(str_text(&text), text.len, 0, NULL) : NULL;
    bool format = json_is_true(json_object_get(said, "nbformat"));
    out->papermill = format && json_is_true(json_object_get(said, "papermill"));
    out->nbclient = format && json_is_true(json_object_get(said, "nbclient"));
    out->nbconvert = json_is_true(json_object_get(said, "nbconvert"));
    log_debug(STAGE, "%s:%s%s%s%s", path, said ? "" : " says nothing",
              out->papermill ? " papermill" : "", out->nbclient ? " nbclient" : "",
              out->nbconvert ? " nbconvert" : "");
    json_decref(said);
    out->path = xstrdup(path);
    return 0;
}

static void keep(struct interpreter *best, struct interpreter *found)
{
    interpreter_free(best);
    *best = *found;
    *found = (struct interpreter){0};
}

int interpreter_choose(const struct strvec *paths, enum notebook_engine engine,
                       char *const *environment, struct interpreter *out, struct err *e)
{
    for (size_t i = 0; i < paths->n; i++) {
        SCOPE(interpreter_free) struct interpreter found = {0};
        int rc = probe(paths->v[i], environment, &found, e);
        if (rc != 0) {
            return rc;
        }
        if (found.papermill && engine != ENGINE_NBCLIENT) {
            keep(out, &found);
            return 0;
        }
        if (found.nbclient && engine != ENGINE_PAPERMILL && !out->path) {
            keep(out, &found);
            if (engine == ENGINE_NBCLIENT) {
                return 0;
            }
        }
    }
    if (out->path) {
        return 0;
    }
    const char *wanted = engine == ENGINE_PAPERMILL  ? "papermill"
                         : engine == ENGINE_NBCLIENT ? "nbclient and nbformat"
                                                     : "papermill, or nbclient and nbformat";
    return err_set(e, ERR_CONFIG,
                   "no Python here can run a notebook (asked %zu: %s%s): install %s and ipykernel "
                   "in the image, as in pip install papermill ipykernel",
                   paths->n, paths->n ? paths->v[0] : "none was found", paths->n > 1 ? ", ..." : "",
                   wanted);
}
