/* SPDX-License-Identifier: MIT
 *
 * The job of `procagent partition`. See folder.h.
 */
#include "config/folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "config/json.h"

/* --set KEY=VALUE, as opposed to --set SECTION[.NAME].KEY=VALUE. */
static bool is_short(const char *option)
{
    return memchr(option, '.', strcspn(option, "=")) == NULL;
}

static bool layout_on_command_line(const struct args *args)
{
    bool found = args->layout != NULL;
    for (size_t i = 0; i < args->set.n; i++) {
        found = found || str_starts(args->set.v[i], "layout=");
    }
    return found;
}

/* The outputs that agent.ini has, each once. */
static void list_outputs(const struct sources *s, struct strvec *names)
{
    for (size_t i = 0; i < s->sections.n; i++) {
        bool wanted = s->sections.v[i].section == SECTION_OUTPUT;
        for (size_t k = 0; k < names->n; k++) {
            wanted = wanted && strcmp(names->v[k], s->sections.v[i].name) != 0;
        }
        if (wanted) {
            strvec_add(names, s->sections.v[i].name);
        }
    }
}

/* `"a", "b"`, of which none is forgotten; owned by the caller. */
static char *join_names(const struct strvec *names)
{
    struct str out = STR_INIT(0);
    for (size_t i = 0; i < names->n; i++) {
        str_printf(&out, "%s%s", i ? ", " : "", QUOTED(names->v[i]));
    }
    return str_take(&out);
}

static int unknown_output(const struct job *job, const struct strvec *names, const char *origin,
                          const char *name, struct err *e)
{
    if (!job->config_file) {
        return err_set(e, ERR_CONFIG, "%s: [output %s] is not known, no agent.ini was read (-c)",
                       origin, QUOTED(name));
    }
    const char *near = nearest_name(name, (const char *const *)names->v, names->n);
    return err_set(e, ERR_CONFIG, "%s: %s has no [output %s]%s%s%s", origin, job->config_file,
                   QUOTED(name), near ? ", did you mean \"" : "", near ? near : "",
                   near ? "\"?" : "");
}

/* Which [output X] lays out the folder: --output, else the only one with a layout, else none of
 * them, when the command line has a layout. */
static int choose_output(const struct job *job, const struct sources *s, const struct strvec *names,
                         const char **chosen, struct err *e)
{
    SCOPE(strvec_free) struct strvec able = {0};
    bool layout = layout_on_command_line(s->args);
    for (size_t i = 0; i < names->n; i++) {
        const struct setting *at = settings_find(&s->settings, KEY_OUTPUT_LAYOUT, names->v[i]);
        if (at && *at->value && strcmp(at->value, "none") != 0) {
            strvec_add(&able, names->v[i]);
        }
    }
    const struct strvec *from = able.n == 0 && layout ? names : &able;
    const char *wanted = s->args->output ? s->args->output : from->n == 1 ? from->v[0] : NULL;
    for (size_t i = 0; wanted && i < names->n; i++) {
        if (strcmp(names->v[i], wanted) == 0) {
            *chosen = names->v[i];
            return 0;
        }
    }
    if (wanted) {
        return unknown_output(job, names, "--output", wanted, e);
    }
    *chosen = NULL;
    if (from->n > 1) {
        SCOPE_FREE char *all = join_names(from);
        return err_set(e, ERR_CONFIG,
                       "%s: several outputs could be meant, choose with --output: %s",
                       job->config_file, all);
    }
    return layout ? 0
                  : err_set(e, ERR_CONFIG,
                            "%s%sno layout: give --layout, or -c FILE with an "
                            "[output \"NAME\"] that has one",
                            job->config_file ? job->config_file : "", job->config_file ? ": " : "");
}

/* --set in its long form; the name of an output must be one that agent.ini has. */
static int add_long_options(const struct job *job, struct sources *s, const struct strvec *names,
                            struct err *e)
{
    for (size_t i = 0; i < s->args->set.n; i++) {
        if (is_short(s->args->set.v[i])) {
            continue;
        }
        int rc = settings_add_option(&s->settings, s->args->set.v[i], e);
        if (rc != 0) {
            return rc;
        }
        const struct setting *at = &s->settings.v[s->settings.n - 1];
        bool known = KEY_SPECS[at->key].section != SECTION_OUTPUT;
        for (size_t k = 0; k < names->n; k++) {
            known = known || str_same(names->v[k], at->name);
        }
        if (!known) {
            return unknown_output(job, names, at->origin, at->name, e);
        }
    }
    return 0;
}

/* --set in its short form, --layout and --match: of the chosen output. */
static int add_short_options(struct sources *s, struct err *e)
{
    const struct args *args = s->args;
    for (size_t i = 0; i < args->set.n; i++) {
        if (!is_short(args->set.v[i])) {
            continue;
        }
        int rc = settings_add_output_option(&s->settings, s->only, args->set.v[i], e);
        if (rc != 0) {
            return rc;
        }
        const struct setting *at = &s->settings.v[s->settings.n - 1];
        if (!sources_count(s, at)) {
            return err_set(e, ERR_CONFIG,
                           "%s: not for `procagent partition`, which lays out DIR where it is",
                           at->origin);
        }
    }
    if (args->layout) {
        settings_add(&s->settings, KEY_OUTPUT_LAYOUT, s->only, args->layout, "--layout");
    }
    if (args->match) {
        settings_add(&s->settings, KEY_OUTPUT_MATCH, s->only, args->match, "--match");
    }
    return 0;
}

/* DIR must be there; by its true path, which is what a rewrite puts something else in the place
 * of. */
static int find_dir(const char *given, char **dir, struct err *e)
{
    struct stat st;
    *dir = realpath(given, NULL);
    if (!*dir || stat(*dir, &st) != 0) {
        return err_sys(e, ERR_CONFIG, errno, "the folder %s", QUOTED(given));
    }
    if (!S_ISDIR(st.st_mode)) {
        return err_set(e, ERR_CONFIG, "%s is no folder", QUOTED(given));
    }
    if (strcmp(*dir, "/") == 0) {
        return err_set(e, ERR_CONFIG, "%s: not the root of everything", QUOTED(given));
    }
    return 0;
}

int folder_load(struct job *job, struct sources *s, char *const *environment, struct err *e)
{
    SCOPE(strvec_free) struct strvec names = {0};
    SCOPE_FREE char *dir = NULL;
    const char *chosen = NULL;
    bool search = s->args->config || !layout_on_command_line(s->args);
    int rc = find_dir(s->args->dir, &dir, e);
    rc = rc || !search ? rc : sources_ml_root(job, s, environment, e);
    rc = rc || !search ? rc : sources_read_ini(job, s, environment, e);
    if (rc != 0) {
        return rc;
    }
    list_outputs(s, &names);
    rc = settings_add_environment(&s->settings, environment, NULL, &names, &s->unknown, e);
    rc = rc ? rc : add_long_options(job, s, &names, e);
    rc = rc ? rc : choose_output(job, s, &names, &chosen, e);
    if (rc != 0) {
        return rc;
    }
    struct output *out = job_add_output(job, chosen ? chosen : path_base(dir));
    out->origin = xstrdup("the command line");
    out->local_path = xstrdup(dir);
    out->dir = TAKE_PTR(dir);
    s->only = out->name;
    rc = add_short_options(s, e);
    rc = rc ? rc : sources_apply(job, s, e);
    if (rc == 0 && (!out->layout || strcmp(out->layout, "none") == 0)) {
        rc = err_set(e, ERR_CONFIG, "%s: nothing to do without a layout",
                     out->layout ? out->layout_origin : "output");
    }
    return rc;
}
