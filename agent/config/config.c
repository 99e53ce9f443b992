/* SPDX-License-Identifier: MIT
 *
 * Puts the job together. See config.h.
 */
#include "config/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "config/ini.h"
#include "config/json.h"
#include "config/settings.h"
#include "config/words.h"

enum { INI_MAX_BYTES = 1 << 20, JSON_MAX_BYTES = 16 << 20 };

#define ML_ROOT_DEFAULT "/opt/ml"
#define PROCESSING_ROOT "/opt/ml/processing"

/* What is read before it is applied. */
struct sources {
    const struct args *args;
    const char *cwd; /* relative paths of options and variables start here */
    struct settings settings;
    struct ini_sections sections;
    struct strvec unknown; /* variables that mean nothing */
    size_t service_inputs; /* this many of the job's inputs come from processingjobconfig.json */
    size_t service_outputs;
};

static void sources_free(struct sources *s)
{
    settings_free(&s->settings);
    ini_sections_free(&s->sections);
    strvec_free(&s->unknown);
}

/* An empty variable is the same as none. */
static const char *variable(char *const *environment, const char *name)
{
    const char *value = env_get(environment, name);
    return value && *value ? value : NULL;
}

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

/* agent.ini: the named one must exist, of the usual places the first that does. */
static int read_ini(struct job *job, struct sources *s, char *const *environment, struct err *e)
{
    const char *named =
        s->args->config ? s->args->config : variable(environment, "PROCAGENT_CONFIG");
    SCOPE(strvec_free) struct strvec places = {0};
    if (named) {
        strvec_take(&places, path_absolute(s->cwd, named));
    } else {
        strvec_take(&places, path_join(job->ml_root, "processing/config/agent.ini"));
        strvec_add(&places, "/etc/procagent/agent.ini");
    }
    for (size_t i = 0; i < places.n; i++) {
        SCOPE(str_free) struct str text = STR_INIT(INI_MAX_BYTES);
        int rc = io_read_file(AT_FDCWD, places.v[i], &text, ERR_CONFIG, e);
        if (rc < 0) {
            return rc;
        }
        if (rc == 0) {
            job->config_file = xstrdup(places.v[i]);
            const char *shown = named ? named : places.v[i];
            return ini_parse_text(shown, str_text(&text), text.len, &s->settings, &s->sections, e);
        }
    }
    return named ? err_set(e, ERR_CONFIG, "%s: no such file (given by %s)", named,
                           s->args->config ? "-c" : "PROCAGENT_CONFIG")
                 : 0;
}

/* ---- inputs and outputs that agent.ini or --set declare ---- */

static struct input *find_input(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        if (strcmp(job->inputs[i].name, name) == 0) {
            return &job->inputs[i];
        }
    }
    return NULL;
}

static struct output *find_output(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        if (strcmp(job->outputs[i].name, name) == 0) {
            return &job->outputs[i];
        }
    }
    return NULL;
}

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
    if (is_input ? find_input(job, name) != NULL : find_output(job, name) != NULL) {
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

/* ---- what the values mean ---- */

static int bad_value(const struct setting *at, const char *expected, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: %s = %s: expected %s", at->origin, KEY_SPECS[at->key].name,
                   QUOTED(at->value), expected);
}

static int apply_timezone(struct job *job, const struct setting *at, struct err *e)
{
    if (!tz_lookup(at->value, &job->tz)) {
        size_t n = tz_count();
        SCOPE_FREE const char **names = xcalloc(n + 1, sizeof *names);
        for (size_t i = 0; i < n; i++) {
            names[i] = tz_name(i);
        }
        const char *near = nearest_name(at->value, names, n);
        return err_set(e, ERR_CONFIG,
                       "%s: timezone = %s: unknown%s%s%s; expected an IANA name such as "
                       "Asia/Tokyo, or an offset such as +09:00",
                       at->origin, QUOTED(at->value), near ? " (did you mean \"" : "",
                       near ? near : "", near ? "\"?)" : "");
    }
    free(job->timezone);
    job->timezone = xstrdup(at->value);
    return 0;
}

static int apply_time(struct job *job, const struct setting *at, struct err *e)
{
    if (strcmp(at->value, "now") == 0 || clock_parse_rfc3339(at->value, &job->time_ns)) {
        return 0;
    }
    return bad_value(at, "now, or an RFC 3339 instant with its zone, such as 2021-12-14T15:30:00Z",
                     e);
}

static int apply_command(struct job *job, const struct setting *at, struct err *e)
{
    strvec_free(&job->command);
    if (words_split(at->value, &job->command, e) != 0) {
        return err_prefix(e, "%s: command", at->origin);
    }
    const char *operator= words_shell_operator(&job->command);
    if (operator) {
        log_warn("config", "%s: no shell runs this command, \"%s\" is passed on as a word; "
                 "use sh -c '...' for a pipeline", at->origin, operator);
    }
    free(job->command_origin);
    job->command_origin = xstrdup(at->origin);
    return 0;
}

static int apply_duration(int64_t *out, const struct setting *at, struct err *e)
{
    return clock_parse_duration(at->value, out)
               ? 0
               : bad_value(at, "a duration such as 8s, 500ms or 2m, at most 240h", e);
}

static int apply_switch(bool *out, const struct setting *at, struct err *e)
{
    static const struct {
        const char *word;
        bool on;
    } WORDS[] = {{"yes", true}, {"true", true}, {"on", true}, {"1", true},
                 {"no", false}, {"false", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(at->value, WORDS[i].word) == 0) {
            *out = WORDS[i].on;
            return 0;
        }
    }
    return bad_value(at, "yes or no", e);
}

static int apply_store_kind(struct job *job, const struct setting *at, struct err *e)
{
    if (strcmp(at->value, "platform") == 0) {
        job->store_kind = STORE_PLATFORM;
    } else if (strcmp(at->value, "folder") == 0) {
        job->store_kind = STORE_FOLDER;
    } else {
        return bad_value(at, "platform or folder", e);
    }
    return 0;
}

static void set_text(char **value, char **origin, const struct setting *at)
{
    free(*value);
    free(*origin);
    *value = xstrdup(at->value);
    *origin = xstrdup(at->origin);
}

/* LocalPath and S3Uri of a member that the service listed are the service's: it moves the data, and
 * another path here would only hide them from it. */
static int apply_place(char **place, bool from_service, const char *origin,
                       const struct setting *at, struct err *e)
{
    if (from_service) {
        return err_set(e, ERR_CONFIG, "%s: %s already has its paths from %s", at->origin,
                       QUOTED(at->name), origin);
    }
    free(*place);
    *place = xstrdup(at->value);
    return 0;
}

static int apply_input(struct job *job, const struct sources *s, const struct setting *at,
                       struct err *e)
{
    struct input *in = find_input(job, at->name);
    bool from_service = (size_t)(in - job->inputs) < s->service_inputs;
    char **place = at->key == KEY_INPUT_LOCAL_PATH ? &in->local_path : &in->s3_uri;
    return apply_place(place, from_service, in->origin, at, e);
}

static int apply_output(struct job *job, const struct sources *s, const struct setting *at,
                        struct err *e)
{
    struct output *out = find_output(job, at->name);
    bool from_service = (size_t)(out - job->outputs) < s->service_outputs;
    if (at->key == KEY_OUTPUT_LAYOUT) {
        set_text(&out->layout, &out->layout_origin, at);
        return 0;
    }
    if (at->key == KEY_OUTPUT_MATCH) {
        set_text(&out->match, &out->match_origin, at);
        return 0;
    }
    if (at->key == KEY_OUTPUT_PACK) {
        set_text(&out->pack, &out->pack_origin, at);
        return 0;
    }
    char **place = at->key == KEY_OUTPUT_LOCAL_PATH ? &out->local_path : &out->s3_uri;
    return apply_place(place, from_service, out->origin, at, e);
}

static int apply(struct job *job, const struct sources *s, const struct setting *at, struct err *e)
{
    switch (at->key) {
    case KEY_JOB_TIMEZONE: return apply_timezone(job, at, e);
    case KEY_JOB_TIME: return apply_time(job, at, e);
    case KEY_RUN_COMMAND: return apply_command(job, at, e);
    case KEY_RUN_GRACE: return apply_duration(&job->grace_ns, at, e);
    case KEY_RUN_DRAIN: return apply_duration(&job->drain_ns, at, e);
    case KEY_RUN_TIMEOUT: return apply_duration(&job->timeout_ns, at, e);
    case KEY_RUN_USER: set_text(&job->user, &job->user_origin, at); return 0;
    case KEY_RUN_NO_NEW_PRIVS: return apply_switch(&job->no_new_privs, at, e);
    case KEY_RUN_STDERR_TAIL: return apply_switch(&job->stderr_tail, at, e);
    case KEY_RUN_ENV: env_set(&job->environment, at->name, at->value); return 0;
    case KEY_STORE_KIND: return apply_store_kind(job, at, e);
    case KEY_STORE_ROOT:
        free(job->store_root);
        job->store_root = path_absolute(s->cwd, at->value);
        return 0;
    case KEY_INPUT_LOCAL_PATH:
    case KEY_INPUT_S3_URI: return apply_input(job, s, at, e);
    case KEY_OUTPUT_LOCAL_PATH:
    case KEY_OUTPUT_S3_URI:
    case KEY_OUTPUT_LAYOUT:
    case KEY_OUTPUT_MATCH:
    case KEY_OUTPUT_PACK: return apply_output(job, s, at, e);
    }
    return 0;
}

/* Each key's winning value is applied once, so that a file's bad value that a variable overrides
 * does no harm; an empty value is the same as none. */
static int apply_all(struct job *job, const struct sources *s, struct err *e)
{
    for (size_t i = 0; i < s->settings.n; i++) {
        const struct setting *at = &s->settings.v[i];
        bool none = *at->value == '\0' && at->key != KEY_RUN_ENV; /* a variable may be empty */
        if (none || settings_find(&s->settings, at->key, at->name) != at) {
            continue;
        }
        int rc = apply(job, s, at, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
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
        const struct input *first = find_input(job, in->name);
        if (first != in && *in->name) {
            return err_set(e, ERR_CONFIG, "%s: a second input is named \"%s\" (the first: %s)",
                           in->origin, in->name, first->origin);
        }
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        const struct output *first = find_output(job, out->name);
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

static int check_store(const struct job *job, const struct settings *settings, struct err *e)
{
    if (job->store_kind == STORE_PLATFORM || job->store_root) {
        return 0;
    }
    const struct setting *kind = settings_find(settings, KEY_STORE_KIND, NULL);
    return err_set(e, ERR_CONFIG, "%s: kind = folder needs root = DIR", kind->origin);
}

static int find_ml_root(struct job *job, const struct sources *s, char *const *environment,
                        struct err *e)
{
    const char *given =
        s->args->ml_root ? s->args->ml_root : variable(environment, "PROCAGENT_ML_ROOT");
    SCOPE_FREE char *absolute = path_absolute(s->cwd, given ? given : ML_ROOT_DEFAULT);
    char *clean = path_clean(absolute);
    if (!clean) {
        return err_set(e, ERR_CONFIG, "--ml-root %s: .. is not allowed here", QUOTED(given));
    }
    free(job->ml_root);
    job->ml_root = clean;
    return 0;
}

int config_load(struct job *job, const struct args *args, char *const *environment, struct err *e)
{
    SCOPE_FREE char *cwd = getcwd(NULL, 0);
    SCOPE(sources_free) struct sources s = {.args = args, .cwd = cwd ? cwd : "/"};
    int rc = find_ml_root(job, &s, environment, e);
    rc = rc ? rc : read_json_files(job, e);
    rc = rc ? rc : check_names(job, e);
    rc = rc ? rc : read_ini(job, &s, environment, e);
    rc = rc ? rc : declare_all(job, &s, e);
    rc = rc ? rc : read_environment(job, &s, environment, e);
    rc = rc ? rc : apply_all(job, &s, e);
    rc = rc ? rc : check_store(job, &s.settings, e);
    rc = rc ? rc : place_paths(job, e);
    rc = rc ? rc : check_overlaps(job, e);
    for (size_t i = 0; i < s.unknown.n; i++) {
        log_warn("config", "environment %s: no such setting, ignored", s.unknown.v[i]);
    }
    add_words(job, args);
    return rc;
}
