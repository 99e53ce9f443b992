/* SPDX-License-Identifier: MIT
 *
 * Puts the job together. See config.h.
 */
#include "config/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "config/folder.h"
#include "config/json.h"
#include "config/moves.h"
#include "config/notebook.h"
#include "config/ranks.h"
#include "config/settings.h"
#include "config/sources.h"

enum { JSON_MAX_BYTES = 16 << 20 };

#define PROCESSING_ROOT "/opt/ml/processing"

/* ---- the files ---- */

static int read_json_files(struct job *job, struct err *e)
{
    static const struct {
        const char *name;
        int (*read)(const char *, const char *, size_t, struct job *, struct err *);
    } FILES[] = {{"config/processingjobconfig.json", json_read_job},
                 {"config/resourceconfig.json", json_read_hosts}};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        SCOPE_FREE char *path = path_join(job->ml_root, FILES[i].name);
        SCOPE(str_free) struct str text = STR_INIT(JSON_MAX_BYTES);
        int rc = io_read_file(AT_FDCWD, path, &text, ERR_CONFIG, e);
        if (rc == 0) {
            rc = FILES[i].read(path, str_text(&text), text.len, job, e);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- inputs and outputs that agent.ini or --set declare ---- */

static int unknown_member(const struct job *job, enum section section, const char *name,
                          const char *origin, struct err *e)
{
    bool is_input = section == SECTION_INPUT;
    size_t n = is_input ? job->n_inputs : job->n_outputs;
    SCOPE_FREE const char **names = xcalloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        names[i] = is_input ? job->inputs[i].name : job->outputs[i].name;
    }
    const char *near = nearest_name(name, names, n);
    const char *what = is_input ? "input" : "output";
    if (near) {
        return err_set(e, ERR_CONFIG, "%s: the job has no %s named %s, did you mean \"%s\"?",
                       origin, what, QUOTED(name), near);
    }
    return err_set(e, ERR_CONFIG,
                   "%s: the job has no %s named %s; to declare one here, give it local_path%s",
                   origin, what, QUOTED(name), is_input ? " and s3_uri" : " (and s3_uri)");
}

/* A name that processingjobconfig.json does not list is declared by a local_path; its values are
 * applied later, with all others. */
static int declare(struct job *job, const struct settings *settings, enum section section,
                   const char *name, const char *origin, struct err *e)
{
    bool is_input = section == SECTION_INPUT;
    if (is_input ? sources_input(job, name) != NULL : sources_output(job, name) != NULL) {
        return 0;
    }
    enum key path_key = is_input ? KEY_INPUT_LOCAL_PATH : KEY_OUTPUT_LOCAL_PATH;
    const struct setting *path = settings_find(settings, path_key, name);
    if (!path || !*path->value) {
        return unknown_member(job, section, name, origin, e);
    }
    if (is_input) {
        job_add_input(job, name)->origin = xstrdup(path->origin);
    } else {
        job_add_output(job, name)->origin = xstrdup(path->origin);
    }
    return 0;
}

static int declare_all(struct job *job, struct sources *s, struct err *e)
{
    s->service_inputs = job->n_inputs;
    s->service_outputs = job->n_outputs;
    for (size_t i = 0; i < s->args->set.n; i++) {
        int rc = settings_add_option(&s->settings, s->args->set.v[i], e);
        if (rc != 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < s->sections.n; i++) {
        const struct ini_section *at = &s->sections.v[i];
        int rc = declare(job, &s->settings, at->section, at->name, at->origin, e);
        if (rc != 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < s->settings.n; i++) {
        const struct setting *at = &s->settings.v[i];
        int rc =
            SECTION_SPECS[KEY_SPECS[at->key].section].named
                ? declare(job, &s->settings, KEY_SPECS[at->key].section, at->name, at->origin, e)
                : 0;
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int read_environment(const struct job *job, struct sources *s, char *const *environment,
                            struct err *e)
{
    SCOPE(strvec_free) struct strvec inputs = {0};
    SCOPE(strvec_free) struct strvec outputs = {0};
    for (size_t i = 0; i < job->n_inputs; i++) {
        strvec_add(&inputs, job->inputs[i].name);
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        strvec_add(&outputs, job->outputs[i].name);
    }
    int rc = settings_add_environment(&s->settings, environment, &inputs, &outputs, &s->unknown, e);
    for (size_t i = 0; rc == 0 && i < s->args->set.n; i++) { /* again: options win over variables */
        rc = settings_add_option(&s->settings, s->args->set.v[i], e);
    }
    return rc;
}

static void add_words(struct job *job, const struct args *args)
{
    if (args->n_words > 0 && job->command.n == 0) {
        free(job->command_origin);
        job->command_origin = xstrdup("the command line");
    }
    for (size_t i = 0; i < args->n_words; i++) {
        strvec_add(&job->command, args->words[i]);
    }
}

/* ---- paths ---- */

/* Cleans a LocalPath and finds where it is on this machine. */
static int place_path(const struct job *job, const char *what, const char *name, const char *origin,
                      char **local_path, char **dir, struct err *e)
{
    if (!*local_path) {
        return 0;
    }
    SCOPE_FREE char *clean = path_clean(*local_path);
    if (!clean || !path_within(clean, PROCESSING_ROOT) || strcmp(clean, PROCESSING_ROOT) == 0) {
        return err_set(e, ERR_CONFIG, "%s: LocalPath %s of %s \"%s\" must lie below %s/", origin,
                       QUOTED(*local_path), what, name, PROCESSING_ROOT);
    }
    *dir = path_join(job->ml_root, clean + strlen(ML_ROOT_DEFAULT) + 1);
    free(*local_path);
    *local_path = TAKE_PTR(clean);
    return 0;
}

static void trim_slashes(char *uri)
{
    for (size_t n = uri ? strlen(uri) : 0; n > 0 && uri[n - 1] == '/'; n--) {
        uri[n - 1] = '\0';
    }
}

static int place_paths(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        struct input *in = &job->inputs[i];
        if (!in->local_path && !in->app_managed && !in->dataset) {
            return err_set(e, ERR_CONFIG, "%s: input \"%s\" has no LocalPath", in->origin,
                           in->name);
        }
        int rc = place_path(job, "input", in->name, in->origin, &in->local_path, &in->dir, e);
        if (rc != 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        if (!out->local_path && !out->app_managed && !out->feature_store) {
            return err_set(e, ERR_CONFIG, "%s: output \"%s\" has no LocalPath", out->origin,
                           out->name);
        }
        trim_slashes(out->s3_uri);
        int rc = place_path(job, "output", out->name, out->origin, &out->local_path, &out->dir, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* agent.ini and variables find a member by its name, so it must be the only one of that name. */
static int check_names(const struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        const struct input *first = sources_input(job, in->name);
        if (first != in && *in->name) {
            return err_set(e, ERR_CONFIG, "%s: a second input is named \"%s\" (the first: %s)",
                           in->origin, in->name, first->origin);
        }
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        const struct output *first = sources_output(job, out->name);
        if (first != out && *out->name) {
            return err_set(e, ERR_CONFIG, "%s: a second output is named \"%s\" (the first: %s)",
                           out->origin, out->name, first->origin);
        }
    }
    return 0;
}

static bool overlap(const char *a, const char *b)
{
    return a && b && (path_within(a, b) || path_within(b, a));
}

/* What is rewritten and uploaded must not be another output's, nor an input (the service refuses
 * such jobs too: sagemaker.md 2.7). */
static int check_overlaps(const struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        for (size_t k = 0; k < i; k++) {
            const struct output *other = &job->outputs[k];
            if (overlap(out->local_path, other->local_path)) {
                return err_set(
                    e, ERR_CONFIG,
                    "%s: LocalPath \"%s\" of output \"%s\" overlaps \"%s\" of output \"%s\" (%s)",
                    out->origin, out->local_path, out->name, other->local_path, other->name,
                    other->origin);
            }
        }
        for (size_t k = 0; k < job->n_inputs; k++) {
            const struct input *in = &job->inputs[k];
            if (overlap(out->local_path, in->local_path)) {
                return err_set(
                    e, ERR_CONFIG,
                    "%s: LocalPath \"%s\" of output \"%s\" is or overlaps \"%s\" of input "
                    "\"%s\" (%s)",
                    out->origin, out->local_path, out->name, in->local_path, in->name, in->origin);
            }
        }
    }
    return 0;
}

static int load_job(struct job *job, struct sources *s, char *const *environment, struct err *e)
{
    int rc = sources_ml_root(job, s, environment, e);
    rc = rc ? rc : read_json_files(job, e);
    rc = rc || job->hosts_named ? rc : ranks_read(job, environment, e);
    rc = rc ? rc : check_names(job, e);
    rc = rc ? rc : sources_read_ini(job, s, environment, e);
    rc = rc ? rc : declare_all(job, s, e);
    rc = rc ? rc : read_environment(job, s, environment, e);
    rc = rc ? rc : sources_apply(job, s, e);
    rc = rc ? rc : moves_check(job, &s->settings, e);
    rc = rc ? rc : place_paths(job, e);
    rc = rc ? rc : check_overlaps(job, e);
    add_words(job, s->args);
    return rc ? rc : notebook_settle(job, s->args, s->cwd, environment, e);
}

int config_load(struct job *job, const struct args *args, char *const *environment, struct err *e)
{
    SCOPE_FREE char *cwd = getcwd(NULL, 0);
    SCOPE(sources_free) struct sources s = {.args = args, .cwd = cwd ? cwd : "/"};
    job->dry_run = args->dry_run;
    int rc = args->command == COMMAND_PARTITION ? folder_load(job, &s, environment, e)
                                                : load_job(job, &s, environment, e);
    for (size_t i = 0; i < s.unknown.n; i++) {
        log_warn("config", "environment %s: no such setting, ignored", s.unknown.v[i]);
    }
    return rc;
}
