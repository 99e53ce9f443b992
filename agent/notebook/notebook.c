/* SPDX-License-Identifier: MIT
 *
 * A notebook becomes the job's command. See notebook.h.
 */
#include "notebook/notebook.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/hidden.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "notebook/driver.h"
#include "notebook/edit.h"
#include "notebook/kernels.h"
#include "notebook/nbname.h"
#include "notebook/params.h"
#include "notebook/state.h"

static const char STAGE[] = "notebook";

enum { NOTEBOOK_MAX_BYTES = 256 << 20 };

/* The scripts of the Notebook Job contract, then the driver: the lifecycle script in a shell of its
 * own, the init script in the one that becomes the driver, so that what it exports gets there. What
 * they print goes to the log too. */
static const char WRAPPER[] =
    "log=$1 lcc=$2 init=$3; shift 3\n"
    "exec 3>&1 4>&2 > >(tee -a \"$log\" >&3) 2> >(tee -a \"$log\" >&4)\n"
    "if [ -n \"$lcc\" ]; then sh \"$lcc\" || { echo \"$lcc failed\" >&2; exit 1; }; fi\n"
    "if [ -n \"$init\" ]; then . \"$init\" || { echo \"$init failed\" >&2; exit 1; }; fi\n"
    "exec 1>&3 2>&4 3>&- 4>&-\n"
    "exec \"$@\"\n";

static void run_free(struct notebook_run *run)
{
    if (!run) {
        return;
    }
    if (run->hidden) {
        (void)dir_remove_tree(AT_FDCWD, run->hidden);
    }
    free(run->hidden);
    dir_listing_free(&run->before);
    interpreter_free(&run->interpreter);
    free(run->result);
    free(run->home);
    free(run);
}

char *notebook_output_path(const struct job *job)
{
    return path_join(job->notebook.dir, job->notebook.output);
}

int notebook_end(struct job *job, struct err *e)
{
    (void)e;
    if (job->facts[STAGE_COLLECT].ran || !job->transform.started) {
        run_free(job->notebook.run);
        job->notebook.run = NULL;
    }
    return 0;
}

bool notebook_despite(const struct job *job)
{
    return job->notebook.wanted;
}

/* ---- names ---- */

/* {name}, {job}, {time} in [notebook] output; {studio} alone: as Studio names a job's. */
static char *fill_in(const struct job *job, const char *template)
{
    struct str out = STR_INIT(0);
    if (strcmp(template, "{studio}") == 0) {
        const char *notebook = path_base(job->notebook.input);
        return nbname_job(*job->name ? job->name : notebook, notebook, job->time_ns);
    }
    SCOPE_FREE char *plain = nbname_plain(job->notebook.input, job->time_ns);
    const char *file = path_base(job->notebook.input);
    const char *dot = strrchr(file, '.');
    size_t stem = dot ? (size_t)(dot - file) : strlen(file);
    for (const char *p = template; *p;) {
        if (str_starts(p, "{name}")) {
            str_add(&out, file, stem);
            p += 6;
        } else if (str_starts(p, "{job}")) {
            str_puts(&out, job->name);
            p += 5;
        } else if (str_starts(p, "{time}")) {
            size_t n = strlen(plain);
            str_add(&out, plain + n - strlen("YYYY-MM-DD-HH-MM-SS.ipynb"), 19);
            p += 6;
        } else {
            str_putc(&out, *p++);
        }
    }
    return str_take(&out);
}

int notebook_check(struct job *job, struct err *e)
{
    struct notebook *nb = &job->notebook;
    if (!nb->wanted) {
        return 0;
    }
    char *name = !nb->output    ? nbname_plain(nb->input, job->time_ns)
                 : nb->training ? nbname_normalise(nb->output)
                                : fill_in(job, nb->output);
    free(nb->output);
    nb->output = name;
    if (strchr(name, '/') || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strlen(name) > NAME_MAX - 4 || !utf8_valid(name, strlen(name))) {
        return err_set(e, ERR_CONFIG, "%s: the executed notebook cannot be named %s", nb->origin,
                       QUOTED(name));
    }
    SCOPE_FREE char *output = notebook_output_path(job);
    if (strcmp(output, nb->input) == 0) {
        return err_set(e, ERR_CONFIG, "%s: the executed notebook would replace %s", nb->origin,
                       QUOTED(nb->input));
    }
    return 0;
}

/* ---- parameters ---- */

static int add_parameter(const struct parameter *at, struct params *params, struct err *e)
{
    SCOPE(str_free) struct str text = STR_INIT(PARAMS_MAX_BYTES);
    int rc = 0;
    switch (at->kind) {
    case PARAMETER_TYPED:
        rc = params_add_typed(params, at->name, at->value, e);
        return rc ? err_prefix(e, "%s", at->origin) : 0;
    case PARAMETER_OBJECT:
        return params_add_json(params, at->origin, at->value, strlen(at->value), e);
    case PARAMETER_FILE:
    case PARAMETER_HYPER: break;
    }
    rc = io_read_file(AT_FDCWD, at->value, &text, ERR_CONFIG, e);
    if (rc != 0) {
        return rc < 0 ? rc : err_set(e, ERR_CONFIG, "%s: %s: no such file", at->origin, at->value);
    }
    return at->kind == PARAMETER_FILE
               ? params_add_json(params, at->value, str_text(&text), text.len, e)
               : params_add_hyperparameters(params, at->value, str_text(&text), text.len, e);
}

static int inject(const struct notebook *nb, const struct notebook_facts *facts,
                  const struct str *text, struct str *out, struct err *e)
{
    SCOPE(params_free) struct params params = {0};
    bool no_tag = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < nb->n_parameters; i++) {
        rc = add_parameter(&nb->parameters[i], &params, e);
    }
    if (rc == 0 && params.n > 0) {
        rc = params_supported(facts->language, e);
    }
    rc = rc ? rc : notebook_inject(str_text(text), text->len, &params, out, &no_tag, e);
    if (rc == 0 && no_tag) {
        log_warn(STAGE, "%s has no cell tagged parameters: they go on top", path_base(nb->input));
    }
    return rc;
}

/* ---- kernel and Python ---- */

static void kernel_words(const struct kernels *kernels, const struct kernel *chosen,
                         struct strvec *out)
{
    if (chosen && chosen->argv0) {
        strvec_add(out, chosen->argv0);
    }
    for (size_t i = 0; i < kernels->n; i++) {
        if (kernels->v[i].argv0 && strchr(kernels->v[i].argv0, '/')) {
            strvec_add(out, kernels->v[i].argv0);
        }
    }
}

/* The kernel's name in *name (owned, NULL: the engine's own default), and the Python. */
static int choose(const struct job *job, const struct notebook_facts *facts, char **name,
                  struct interpreter *interpreter, struct err *e)
{
    const struct notebook *nb = &job->notebook;
    SCOPE(kernels_free) struct kernels kernels = {0};
    SCOPE(strvec_free) struct strvec words = {0};
    SCOPE(strvec_free) struct strvec paths = {0};
    SCOPE(strvec_free) struct strvec prefixes = {0};
    interpreters_list(NULL, environ, &paths);
    interpreters_prefixes(&paths, &prefixes);
    kernels_list(&kernels, environ, &prefixes);
    const struct kernel *kernel = NULL;
    if (kernels_choose(&kernels, nb->kernel, facts->kernel, facts->language, &kernel, e) != 0) {
        return err_prefix(e, "%s", nb->origin);
    }
    kernel_words(&kernels, kernel, &words);
    strvec_free(&paths);
    interpreters_list(&words, environ, &paths);
    *name = kernel ? xstrdup(kernel->name) : NULL;
    if (facts->kernel && !str_same(facts->kernel, *name)) {
        log_info(STAGE, "kernel %s in the place of the notebook's %s", *name ? *name : "(default)",
                 QUOTED(facts->kernel));
    }
    return interpreter_choose(&paths, nb->engine, environ, interpreter, e);
}

/* ---- the command ---- */

static void add_option(struct strvec *out, const char *option, const char *value)
{
    if (value) {
        strvec_add(out, option);
        strvec_add(out, value);
    }
}

static void make_command(struct job *job, const struct notebook_facts *facts, const char *kernel,
                         const char *in)
{
    const struct notebook *nb = &job->notebook;
    const struct notebook_run *run = nb->run;
    struct strvec *out = &job->command;
    SCOPE_FREE char *log = path_join(nb->dir, NOTEBOOK_LOG);
    SCOPE_FREE char *seconds =
        nb->timeout_ns > 0
            ? xasprintf("%lld", (long long)((nb->timeout_ns + NS_PER_S - 1) / NS_PER_S))
            : NULL;
    strvec_free(out);
    if (nb->init_script || nb->lcc_script) {
        static const char *const HEAD[] = {"/bin/bash", "-c", WRAPPER, "notebook"};
        for (size_t i = 0; i < sizeof HEAD / sizeof *HEAD; i++) {
            strvec_add(out, HEAD[i]);
        }
        strvec_add(out, log);
        strvec_add(out, nb->lcc_script ? nb->lcc_script : "");
        strvec_add(out, nb->init_script ? nb->init_script : "");
    }
    strvec_add(out, run->interpreter.path);
    strvec_add(out, "-c");
    strvec_add(out, NOTEBOOK_DRIVER);
    bool papermill = run->interpreter.papermill && nb->engine != ENGINE_NBCLIENT;
    add_option(out, "--engine", papermill ? "papermill" : "nbclient");
    add_option(out, "--kernel", kernel);
    add_option(out, "--language", facts->language);
    add_option(out, "--timeout", seconds);
    add_option(out, "--result", run->result);
    add_option(out, "--log", log);
    if (nb->fold_bars) {
        strvec_add(out, "--fold-cr");
    }
    strvec_add(out, in);
    strvec_take(out, notebook_output_path(job));
}

/* ---- prepare ---- */

/* A folder for what is ours until the end; what a killed run left there goes. */
static int make_hidden(struct notebook *nb, struct err *e)
{
    SCOPE_FD int dir = open(nb->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE(hidden_leave) struct hidden hidden = HIDDEN_NONE;
    struct err ignored;
    if (dir < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", nb->dir);
    }
    (void)hidden_sweep(dir, nb->dir, NULL, &ignored);
    int rc = hidden_make(&hidden, dir, nb->dir, e);
    if (rc == 0) {
        nb->run->hidden = path_join(nb->dir, hidden.name);
    }
    return rc;
}

static int open_folders(struct job *job, struct err *e)
{
    struct notebook *nb = &job->notebook;
    struct notebook_run *run = xcalloc(1, sizeof *run);
    nb->run = run;
    run->home = path_parent(nb->input);
    if (io_mkdirs(AT_FDCWD, nb->dir) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "create folder %s", nb->dir);
    }
    int home = open(run->home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (home < 0) {
        return err_sys(e, ERR_INPUT, errno, "%s", run->home);
    }
    scope_close(&job->cwd_fd);
    job->cwd_fd = home; /* modules and data beside the notebook are found there */
    int rc = make_hidden(nb, e);
    return rc ? rc : dir_list(AT_FDCWD, run->home, "", 0, ERR_INPUT, &run->before, e);
}

/* The Notebook Job contract wants the input beside the output; so do people. */
static int keep_input(const struct notebook *nb, const struct str *text, struct err *e)
{
    SCOPE_FREE char *to = path_join(nb->dir, path_base(nb->input));
    return strcmp(to, nb->input) == 0 ? 0
                                      : newfile_write(AT_FDCWD, to, str_text(text), text->len, e);
}

/* Studio's absolute paths: the folder people know their files by is a link to the input's. */
static void simulate_efs(const struct notebook *nb)
{
    const char *skip = env_get(environ, "SM_SKIP_EFS_SIMULATION");
    const char *mount = env_value(environ, "SM_EFS_MOUNT_PATH");
    if (!nb->training || str_same(skip, "true") || !mount) {
        return;
    }
    SCOPE_FREE char *parent = path_parent(mount);
    if (io_mkdirs(AT_FDCWD, parent) != 0 || symlink(nb->run->home, mount) != 0) {
        log_warn(STAGE, "SM_EFS_MOUNT_PATH %s cannot be made a link to %s: %s, ignored", mount,
                 nb->run->home, err_text(errno));
    }
}

int notebook_prepare(struct job *job, struct err *e)
{
    struct notebook *nb = &job->notebook;
    SCOPE(str_free) struct str text = STR_INIT(NOTEBOOK_MAX_BYTES);
    SCOPE(str_free) struct str ready = STR_INIT(0);
    SCOPE(notebook_facts_free) struct notebook_facts facts = {0};
    SCOPE_FREE char *kernel = NULL;
    if (!nb->wanted) {
        return 1;
    }
    int rc = io_read_file(AT_FDCWD, nb->input, &text, ERR_INPUT, e);
    if (rc > 0) {
        return err_set(e, ERR_INPUT, "%s: there is no notebook %s", nb->origin, QUOTED(nb->input));
    }
    rc = rc ? rc : open_folders(job, e);
    rc = rc ? rc : keep_input(nb, &text, e);
    rc = rc ? rc : notebook_read(nb->input, str_text(&text), text.len, &facts, e);
    rc = rc ? rc : inject(nb, &facts, &text, &ready, e);
    rc = rc ? rc : choose(job, &facts, &kernel, &nb->run->interpreter, e);
    if (rc != 0) {
        return rc;
    }
    SCOPE_FREE char *in = path_join(nb->run->hidden, "in.ipynb");
    nb->run->result = path_join(nb->run->hidden, "result.json");
    rc = newfile_write(AT_FDCWD, in, str_text(&ready), ready.len, e);
    if (rc == 0) {
        simulate_efs(nb);
        make_command(job, &facts, kernel, in);
        nb->interpreter = xstrdup(nb->run->interpreter.path);
        nb->cells = facts.code_cells;
        log_info(STAGE, "%s (%zu code cells) with kernel %s, by %s", path_base(nb->input),
                 facts.code_cells, kernel ? kernel : "(default)", nb->interpreter);
    }
    return rc;
}
