/* SPDX-License-Identifier: MIT
 *
 * agent.ini's place, and what the values mean. See sources.h.
 */
#include "config/sources.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "config/moves.h"
#include "config/notebook.h"
#include "config/packing.h"
#include "config/table.h"
#include "config/words.h"

enum { INI_MAX_BYTES = 1 << 20 };

void sources_free(struct sources *s)
{
    settings_free(&s->settings);
    ini_sections_free(&s->sections);
    strvec_free(&s->unknown);
}

/* ---- places ---- */

int sources_ml_root(struct job *job, const struct sources *s, char *const *environment,
                    struct err *e)
{
    const char *given =
        s->args->ml_root ? s->args->ml_root : env_value(environment, "PROCAGENT_ML_ROOT");
    SCOPE_FREE char *absolute = path_absolute(s->cwd, given ? given : ML_ROOT_DEFAULT);
    char *clean = path_clean(absolute);
    if (!clean) {
        return err_set(e, ERR_CONFIG, "--ml-root %s: .. is not allowed here", QUOTED(given));
    }
    free(job->ml_root);
    job->ml_root = clean;
    return 0;
}

int sources_read_ini(struct job *job, struct sources *s, char *const *environment, struct err *e)
{
    const char *named =
        s->args->config ? s->args->config : env_value(environment, "PROCAGENT_CONFIG");
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

struct input *sources_input(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        if (strcmp(job->inputs[i].name, name) == 0) {
            return &job->inputs[i];
        }
    }
    return NULL;
}

struct output *sources_output(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        if (strcmp(job->outputs[i].name, name) == 0) {
            return &job->outputs[i];
        }
    }
    return NULL;
}

/* ---- what the values mean ---- */

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
    return settings_bad_value(
        at, "now, or an RFC 3339 instant with its zone, such as 2021-12-14T15:30:00Z", e);
}

static int apply_command(struct job *job, const struct setting *at, struct err *e)
{
    strvec_free(&job->command);
    if (words_split(at->value, &job->command, e) != 0) {
        return err_prefix(e, "%s: command", at->origin);
    }
    const char *operator= words_shell_operator(&job->command);
    if (operator) {
        log_warn("config",
                 "%s: no shell runs this command, \"%s\" is passed on as a word; "
                 "use sh -c '...' for a pipeline",
                 at->origin, operator);
    }
    free(job->command_origin);
    job->command_origin = xstrdup(at->origin);
    return 0;
}

static int apply_duration(int64_t *out, const struct setting *at, struct err *e)
{
    return clock_parse_duration(at->value, out)
               ? 0
               : settings_bad_value(at, "a duration such as 8s, 500ms or 2m, at most 240h", e);
}

static void set_text(char **value, char **origin, const struct setting *at)
{
    free(*value);
    free(*origin);
    *value = xstrdup(at->value);
    *origin = xstrdup(at->origin);
}

static int apply_progress(struct job *job, const struct setting *at, struct err *e)
{
    if (strcmp(at->value, "off") == 0) {
        job->progress_ns = 0;
        return 0;
    }
    return apply_duration(&job->progress_ns, at, e);
}

static int apply_input(struct job *job, const struct sources *s, const struct setting *at,
                       struct err *e)
{
    struct input *in = sources_input(job, at->name);
    return moves_apply_input(in, (size_t)(in - job->inputs) < s->service_inputs, at, e);
}

static int apply_output(struct job *job, const struct sources *s, const struct setting *at,
                        struct err *e)
{
    struct output *out = sources_output(job, at->name);
    switch ((int)at->key) {
    case KEY_OUTPUT_LAYOUT: set_text(&out->layout, &out->layout_origin, at); return 0;
    case KEY_OUTPUT_MATCH: set_text(&out->match, &out->match_origin, at); return 0;
    case KEY_OUTPUT_PACK: set_text(&out->pack, &out->pack_origin, at); return 0;
    case KEY_OUTPUT_PACK_INCLUDE:
    case KEY_OUTPUT_PACK_EXCLUDE:
    case KEY_OUTPUT_PACK_LEVEL: return packing_apply(&out->packing, at, e);
    default: break;
    }
    return moves_apply_output(out, (size_t)(out - job->outputs) < s->service_outputs, at, e);
}

static int apply(struct job *job, const struct sources *s, const struct setting *at, struct err *e)
{
    switch (at->key) {
    case KEY_JOB_TIMEZONE: return apply_timezone(job, at, e);
    case KEY_JOB_TIME: return apply_time(job, at, e);
    case KEY_JOB_PROGRESS: return apply_progress(job, at, e);
    case KEY_RUN_COMMAND: return apply_command(job, at, e);
    case KEY_RUN_GRACE: return apply_duration(&job->grace_ns, at, e);
    case KEY_RUN_DRAIN: return apply_duration(&job->drain_ns, at, e);
    case KEY_RUN_TIMEOUT: return apply_duration(&job->timeout_ns, at, e);
    case KEY_RUN_USER: set_text(&job->user, &job->user_origin, at); return 0;
    case KEY_RUN_NO_NEW_PRIVS: return settings_switch(at, &job->no_new_privs, e);
    case KEY_RUN_STDERR_TAIL: return settings_switch(at, &job->stderr_tail, e);
    case KEY_RUN_ENV: env_set(&job->environment, at->name, at->value); return 0;
    case KEY_NOTEBOOK_INPUT:
    case KEY_NOTEBOOK_OUTPUT:
    case KEY_NOTEBOOK_S3_OUTPUT_PATH:
    case KEY_NOTEBOOK_KERNEL:
    case KEY_NOTEBOOK_ENGINE:
    case KEY_NOTEBOOK_TIMEOUT:
    case KEY_NOTEBOOK_FORMATS:
    case KEY_NOTEBOOK_HIDE_CODE:
    case KEY_NOTEBOOK_FOLD_BARS:
    case KEY_NOTEBOOK_REDACT:
    case KEY_NOTEBOOK_REDACT_CREDENTIALS:
    case KEY_NOTEBOOK_PARAMETERS: return notebook_apply(job, s->cwd, at, e);
    case KEY_STORE_KIND:
    case KEY_STORE_ROOT:
    case KEY_STORE_MOVES:
    case KEY_STORE_ENDPOINT:
    case KEY_STORE_REGION:
    case KEY_STORE_ADDRESSING:
    case KEY_STORE_CA_BUNDLE:
    case KEY_STORE_KMS_KEY_ID:
    case KEY_STORE_CONNECTIONS:
    case KEY_STORE_PART_SIZE:
    case KEY_STORE_RETRIES:
    case KEY_STORE_TIMEOUT: return moves_apply_store(job, s->cwd, at, e);
    case KEY_INPUT_LOCAL_PATH:
    case KEY_INPUT_S3_URI:
    case KEY_INPUT_S3_DATA_TYPE:
    case KEY_INPUT_S3_DATA_DISTRIBUTION_TYPE:
    case KEY_INPUT_S3_INPUT_MODE:
    case KEY_INPUT_S3_COMPRESSION_TYPE:
    case KEY_INPUT_MANIFEST_PATHS:
    case KEY_INPUT_UNPACK:
    case KEY_INPUT_UNPACK_MAX_ENTRIES:
    case KEY_INPUT_UNPACK_MAX_SIZE:
    case KEY_INPUT_UNPACK_MAX_RATIO: return apply_input(job, s, at, e);
    case KEY_OUTPUT_LOCAL_PATH:
    case KEY_OUTPUT_S3_URI:
    case KEY_OUTPUT_LAYOUT:
    case KEY_OUTPUT_MATCH:
    case KEY_OUTPUT_PACK:
    case KEY_OUTPUT_PACK_INCLUDE:
    case KEY_OUTPUT_PACK_EXCLUDE:
    case KEY_OUTPUT_PACK_LEVEL:
    case KEY_OUTPUT_S3_UPLOAD_MODE:
    case KEY_OUTPUT_MODE:
    case KEY_OUTPUT_MARKER:
    case KEY_OUTPUT_MANIFEST:
    case KEY_OUTPUT_ON_FAILURE: return apply_output(job, s, at, e);
    case KEY_OUTPUT_FORMAT:
    case KEY_OUTPUT_DELIMITER:
    case KEY_OUTPUT_QUOTE:
    case KEY_OUTPUT_HEADER:
    case KEY_OUTPUT_COLUMNS:
    case KEY_OUTPUT_NULL:
    case KEY_OUTPUT_SENTINEL:
    case KEY_OUTPUT_KEEP_COLUMNS:
    case KEY_OUTPUT_ON_BAD_ROW:
    case KEY_OUTPUT_MAX_ROW_SIZE:
    case KEY_OUTPUT_MAX_PARTITIONS:
    case KEY_OUTPUT_MAX_FILES:
    case KEY_OUTPUT_MAX_FILE_SIZE:
    case KEY_OUTPUT_COMPRESS:
    case KEY_OUTPUT_PORTABLE: return table_apply(&sources_output(job, at->name)->table, at, e);
    }
    return 0;
}

bool sources_count(const struct sources *s, const struct setting *at)
{
    enum section section = KEY_SPECS[at->key].section;
    bool elsewhere = at->key == KEY_OUTPUT_LOCAL_PATH || at->key == KEY_OUTPUT_S3_URI ||
                     (at->key >= KEY_OUTPUT_PACK && at->key <= KEY_OUTPUT_ON_FAILURE);
    return !s->only || section == SECTION_JOB ||
           (section == SECTION_OUTPUT && str_same(at->name, s->only) && !elsewhere);
}

/* Each key's winning value is applied once, so that a file's bad value that a variable overrides
 * does no harm; an empty value is the same as none. */
int sources_apply(struct job *job, const struct sources *s, struct err *e)
{
    for (size_t i = 0; i < s->settings.n; i++) {
        const struct setting *at = &s->settings.v[i];
        bool none = *at->value == '\0' && at->key != KEY_RUN_ENV &&
                    at->key != KEY_NOTEBOOK_PARAMETERS; /* these may be empty */
        if (none || !sources_count(s, at) || settings_find(&s->settings, at->key, at->name) != at) {
            continue;
        }
        int rc = apply(job, s, at, e);
        if (rc != 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        int rc = table_finish(&out->table, &s->settings, out->name, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}
