/* SPDX-License-Identifier: MIT
 *
 * The doors to a notebook. See notebook.h.
 */
#include "config/notebook.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "config/json.h"
#include "config/sources.h"

#define DEFAULT_CHANNEL "/opt/ml/input/data/sagemaker_headless_execution"

static void set(char **place, char *value)
{
    free(*place);
    *place = value;
}

/* A path of the container as one of this machine: /opt/ml may be another folder. */
static char *place_of(const struct job *job, const char *cwd, const char *path)
{
    SCOPE_FREE char *absolute = path_absolute(cwd, path);
    SCOPE_FREE char *clean = path_clean(absolute);
    const char *known = clean ? clean : absolute;
    return path_within(known, ML_ROOT_DEFAULT)
               ? path_join(job->ml_root, known + strlen(ML_ROOT_DEFAULT))
               : xstrdup(known);
}

static void add_parameter(struct notebook *nb, enum parameter_kind kind, const char *name,
                          const char *value, const char *origin)
{
    nb->parameters = xreallocarray(nb->parameters, nb->n_parameters + 1, sizeof *nb->parameters);
    nb->parameters[nb->n_parameters++] = (struct parameter){.kind = kind,
                                                            .name = name ? xstrdup(name) : NULL,
                                                            .value = xstrdup(value),
                                                            .origin = xstrdup(origin)};
}

/* "html, pdf": the names between commas, without blanks. */
static void add_list(struct strvec *out, const char *text)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ", \t");
        if (n > 0) {
            strvec_take(out, xstrndup(p, n));
        }
        p += n + (p[n] != '\0');
    }
}

static bool is_word(const char *text)
{
    return *text &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(text);
}

static int check_formats(const struct notebook *nb, const char *origin, struct err *e)
{
    for (size_t i = 0; i < nb->formats.n; i++) {
        if (!is_word(nb->formats.v[i]) || nb->formats.v[i][0] == '-') {
            return err_set(e, ERR_CONFIG, "%s: %s is no format of nbconvert (html, pdf, script...)",
                           origin, QUOTED(nb->formats.v[i]));
        }
    }
    return 0;
}

static int apply_engine(struct notebook *nb, const struct setting *at, struct err *e)
{
    static const char *const WORDS[] = {"auto", "papermill", "nbclient"};
    int word = 0;
    int rc = settings_word(at, WORDS, 3, &word, e);
    nb->engine = (enum notebook_engine)word;
    return rc;
}

int notebook_apply(struct job *job, const char *cwd, const struct setting *at, struct err *e)
{
    struct notebook *nb = &job->notebook;
    bool on = false;
    int rc = 0;
    switch ((int)at->key) {
    case KEY_NOTEBOOK_INPUT:
        nb->wanted = true;
        set(&nb->input, place_of(job, cwd, at->value));
        set(&nb->origin, xstrdup(at->origin));
        return 0;
    case KEY_NOTEBOOK_OUTPUT: set(&nb->output, xstrdup(at->value)); return 0;
    case KEY_NOTEBOOK_KERNEL: set(&nb->kernel, xstrdup(at->value)); return 0;
    case KEY_NOTEBOOK_ENGINE: return apply_engine(nb, at, e);
    case KEY_NOTEBOOK_TIMEOUT:
        return clock_parse_duration(at->value, &nb->timeout_ns)
                   ? 0
                   : settings_bad_value(at, "a duration such as 90s or 10m", e);
    case KEY_NOTEBOOK_FORMATS:
        strvec_free(&nb->formats);
        add_list(&nb->formats, at->value);
        return check_formats(nb, at->origin, e);
    case KEY_NOTEBOOK_HIDE_CODE: return settings_switch(at, &nb->hide_code, e);
    case KEY_NOTEBOOK_FOLD_BARS: return settings_switch(at, &nb->fold_bars, e);
    case KEY_NOTEBOOK_REDACT:
        strvec_free(&nb->redact);
        add_list(&nb->redact, at->value);
        return 0;
    case KEY_NOTEBOOK_REDACT_CREDENTIALS:
        rc = settings_switch(at, &on, e);
        nb->keep_credentials = rc == 0 && !on;
        return rc;
    case KEY_NOTEBOOK_S3_OUTPUT_PATH: set(&nb->s3_output_path, xstrdup(at->value)); return 0;
    case KEY_NOTEBOOK_PARAMETERS:
        add_parameter(nb, PARAMETER_TYPED, at->name, at->value, at->origin);
        return 0;
    default: return 0;
    }
}

/* ---- sagemaker-run-notebook's variables (contract: notebooks.md 2.1) ---- */

static void take_papermill(struct job *job, const char *cwd, char *const *environment)
{
    struct notebook *nb = &job->notebook;
    const char *input = env_value(environment, "PAPERMILL_INPUT");
    const char *output = env_value(environment, "PAPERMILL_OUTPUT");
    const char *kernel = env_value(environment, "PAPERMILL_KERNEL");
    const char *params = env_value(environment, "PAPERMILL_PARAMS");
    nb->wanted = true;
    set(&nb->origin, xstrdup("environment PAPERMILL_INPUT"));
    set(&nb->input, place_of(job, cwd, input));
    if (output && !nb->output) {
        nb->output = xstrdup(output);
    }
    if (kernel && !nb->kernel) {
        nb->kernel = xstrdup(kernel);
    }
    if (params) {
        add_parameter(nb, PARAMETER_OBJECT, NULL, params, "environment PAPERMILL_PARAMS");
    }
}

/* ---- the Notebook Job contract (contract: sagemaker.md 4.2) ---- */

/* A script of the contract: by its name in `folder`, or a path of its own. */
static char *script_of(const struct job *job, const char *folder, const char *name)
{
    if (!name) {
        return NULL;
    }
    return name[0] == '/' ? place_of(job, "/", name) : path_join(folder, name);
}

static int take_training(struct job *job, char *const *environment, struct err *e)
{
    struct notebook *nb = &job->notebook;
    const char *version = env_value(environment, "SM_JOB_DEF_VERSION");
    const char *name = env_value(environment, "SM_INPUT_NOTEBOOK_NAME");
    const char *output = env_value(environment, "SM_OUTPUT_NOTEBOOK_NAME");
    const char *folder = env_value(environment, "SM_EXECUTION_INPUT_PATH");
    const char *system = env_value(environment, "SM_EXECUTION_SYSTEM_PATH");
    const char *kernel = env_value(environment, "SM_KERNEL_NAME");
    const char *formats = env_value(environment, "SM_OUTPUT_FORMATS");
    const char *job_name = env_value(environment, "TRAINING_JOB_NAME");
    if (version && strcmp(version, "1.0") != 0) {
        return err_set(e, ERR_CONFIG,
                       "environment SM_JOB_DEF_VERSION: %s is not known, 1.0 is what we do",
                       QUOTED(version));
    }
    if (!name || !output) {
        return err_set(e, ERR_CONFIG,
                       "a Notebook Job needs SM_INPUT_NOTEBOOK_NAME and SM_OUTPUT_NOTEBOOK_NAME in "
                       "the environment; %s is missing",
                       name ? "SM_OUTPUT_NOTEBOOK_NAME" : "SM_INPUT_NOTEBOOK_NAME");
    }
    SCOPE_FREE char *input_dir = place_of(job, "/", folder ? folder : DEFAULT_CHANNEL);
    SCOPE_FREE char *system_dir = place_of(job, "/", system ? system : DEFAULT_CHANNEL "_system");
    nb->wanted = true;
    nb->training = true;
    set(&nb->origin, xstrdup("environment SM_INPUT_NOTEBOOK_NAME"));
    set(&nb->input, path_join(input_dir, name));
    set(&nb->output, xstrdup(output));
    set(&nb->dir, path_join(job->ml_root, "output/data"));
    if (kernel) {
        set(&nb->kernel, xstrdup(kernel));
    }
    if (formats) {
        strvec_free(&nb->formats);
        add_list(&nb->formats, formats);
    }
    set(&nb->init_script, script_of(job, input_dir, env_value(environment, "SM_INIT_SCRIPT")));
    set(&nb->lcc_script, script_of(job, system_dir, env_value(environment, "SM_LCC_INIT_SCRIPT")));
    SCOPE_FREE char *hyper = path_join(job->ml_root, "input/config/hyperparameters.json");
    if (access(hyper, F_OK) == 0) {
        add_parameter(nb, PARAMETER_HYPER, NULL, hyper, hyper);
    }
    if (job_name && !*job->name) {
        set(&job->name, xstrdup(job_name));
    }
    return check_formats(nb, "environment SM_OUTPUT_FORMATS", e);
}

/* The folder that the service makes output.tar.gz of; where we move data, we make it. */
static void add_training_output(struct job *job)
{
    struct notebook *nb = &job->notebook;
    const char *place = nb->s3_output_path;
    struct output *out = job_add_output(job, "notebook");
    out->origin = xstrdup(nb->origin);
    out->local_path = xstrdup("/opt/ml/output/data");
    out->dir = xstrdup(nb->dir);
    if (job_moves(job, false) && place) {
        out->s3_uri = xasprintf("%s/%s/output", place, *job->name ? job->name : "notebook-job");
        out->pack = xstrdup("output.tar.gz");
        out->pack_origin = xstrdup("[notebook] s3_output_path");
    }
    out->app_managed = job_moves(job, false) && !place; /* nobody says where to: it stays */
}

/* ---- the command line ---- */

static void take_command_line(struct job *job, const struct args *args, const char *cwd)
{
    struct notebook *nb = &job->notebook;
    SCOPE_FREE char *input = path_absolute(cwd, args->dir);
    nb->wanted = true;
    set(&nb->origin, xstrdup("the command line"));
    set(&nb->input, xstrdup(input));
    set(&nb->dir, path_parent(input));
    if (args->out) {
        SCOPE_FREE char *output = path_absolute(cwd, args->out);
        set(&nb->dir, path_parent(output));
        set(&nb->output, xstrdup(path_base(output)));
    }
    if (args->kernel) {
        set(&nb->kernel, xstrdup(args->kernel));
    }
    if (args->params_file) {
        SCOPE_FREE char *file = path_absolute(cwd, args->params_file);
        add_parameter(nb, PARAMETER_FILE, NULL, file, "-f");
    }
    for (size_t i = 0; i + 1 < args->params.n; i += 2) {
        add_parameter(nb, PARAMETER_TYPED, args->params.v[i], args->params.v[i + 1], "-p");
    }
}

/* ---- all of it ---- */

/* Where door (b)'s results go: the job's only output, or the first; an absolute LocalPath says so
 * itself. */
static int place_results(struct job *job, struct err *e)
{
    struct notebook *nb = &job->notebook;
    if (nb->output && strchr(nb->output, '/')) {
        SCOPE_FREE char *path = place_of(job, "/", nb->output);
        set(&nb->dir, path_parent(path));
        set(&nb->output, xstrdup(path_base(path)));
    }
    for (size_t i = 0; !nb->dir && i < job->n_outputs; i++) {
        nb->dir = job->outputs[i].dir ? xstrdup(job->outputs[i].dir) : NULL;
    }
    return nb->dir ? 0
                   : err_set(e, ERR_CONFIG,
                             "%s: the notebook's results have no place: the job has no output "
                             "with a LocalPath",
                             nb->origin);
}

int notebook_settle(struct job *job, const struct args *args, const char *cwd,
                    char *const *environment, struct err *e)
{
    struct notebook *nb = &job->notebook;
    const char *papermill = env_value(environment, "PAPERMILL_INPUT");
    bool command = args->n_words > 0 || job->command.n > 0;
    int rc = 0;
    if (args->command == COMMAND_NOTEBOOK) {
        take_command_line(job, args, cwd);
    } else if (args->training) {
        rc = take_training(job, environment, e);
    } else if (!nb->wanted && papermill && !command) {
        take_papermill(job, cwd, environment);
    }
    if (rc != 0 || !nb->wanted) {
        return rc;
    }
    if (command && args->command != COMMAND_NOTEBOOK && !args->training) {
        return err_set(e, ERR_CONFIG, "%s: a job runs a notebook or a command (%s), not both",
                       nb->origin, job->command_origin ? job->command_origin : "the command line");
    }
    if (nb->training) {
        add_training_output(job);
    }
    if (job->command_origin == NULL) {
        job->command_origin = xstrdup(nb->origin);
    }
    return place_results(job, e);
}
