/* SPDX-License-Identifier: MIT
 *
 * What a notebook's run left is put together. See notebook.h.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/program.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "notebook/edit.h"
#include "notebook/notebook.h"
#include "notebook/state.h"

static const char STAGE[] = "collect";

enum { RESULT_MAX = 1 << 20, NOTEBOOK_MAX_BYTES = 512 << 20, REASON_MAX = 700 };
/* A format takes seconds; a PDF by LaTeX some more. */
static const int64_t CONVERT_NS = 600 * NS_PER_S;

/* ---- how it ended ---- */

static uint64_t count_of(const json_t *said, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(said, key));
    return n > 0 ? (uint64_t)n : 0;
}

/* The driver's own account. One that was killed leaves none: then the status alone tells. */
static void read_result(struct notebook *nb)
{
    SCOPE(str_free) struct str text = STR_INIT(RESULT_MAX);
    struct err ignored;
    if (io_read_file(AT_FDCWD, nb->run->result, &text, ERR_INPUT, &ignored) != 0) {
        return;
    }
    json_t *said = json_loadb(str_text(&text), text.len, 0, NULL);
    const char *engine = json_string_value(json_object_get(said, "engine"));
    const char *version = json_string_value(json_object_get(said, "engine_version"));
    const char *reason = json_string_value(json_object_get(said, "reason"));
    if (engine) {
        nb->engine_used = xasprintf("%s%s%s", engine, version ? " " : "", version ? version : "");
    }
    if (reason && *reason) {
        char line[REASON_MAX];
        (void)utf8_clean(line, sizeof line, reason, strlen(reason));
        nb->reason = xstrdup(line);
    }
    nb->cells = said ? count_of(said, "cells") : nb->cells;
    nb->executed = count_of(said, "executed");
    json_decref(said);
}

/* What the notebook itself tells where the driver could not: it was killed. */
static void read_notebook(struct notebook *nb, const char *path)
{
    SCOPE(str_free) struct str text = STR_INIT(NOTEBOOK_MAX_BYTES);
    SCOPE(notebook_outcome_free) struct notebook_outcome seen = {0};
    struct err ignored;
    if (io_read_file(AT_FDCWD, path, &text, ERR_OUTPUT, &ignored) == 0 &&
        notebook_outcome(str_text(&text), text.len, &seen, &ignored) == 0) {
        nb->cells = seen.code_cells;
        nb->executed = seen.executed;
    }
}

/* ---- secrets ---- */

static void list_values(const struct job *job, struct strvec *out)
{
    const struct notebook *nb = &job->notebook;
    for (size_t i = 0; i < nb->redact.n; i++) {
        const char *name = nb->redact.v[i];
        const char *value = job->environment.n ? env_get(job->environment.v, name) : NULL;
        value = value ? value : env_get(environ, name);
        if (value && *value) {
            env_set(out, name, value);
        } else {
            log_warn(STAGE, "redact: there is no variable %s, ignored", QUOTED(name));
        }
    }
}

static int redact(struct job *job, const char *path, struct err *e)
{
    struct notebook *nb = &job->notebook;
    SCOPE(strvec_free) struct strvec values = {0};
    SCOPE(str_free) struct str text = STR_INIT(NOTEBOOK_MAX_BYTES);
    SCOPE(str_free) struct str clean = STR_INIT(0);
    struct redacted counts = {0};
    list_values(job, &values);
    const struct redaction what = {.values = &values, .credentials = !nb->keep_credentials};
    int rc = io_read_file(AT_FDCWD, path, &text, ERR_OUTPUT, e);
    rc = rc ? rc : notebook_redact(str_text(&text), text.len, &what, &clean, &counts, e);
    if (rc != 0) {
        return rc < 0 ? err_prefix(e, "remove secrets from %s", path_base(path)) : 0;
    }
    nb->redacted = counts.values + counts.access_key + counts.secrets;
    return nb->redacted > 0 ? newfile_write(AT_FDCWD, path, clean.s, clean.len, e) : 0;
}

/* ---- formats ---- */

static int convert(const struct notebook *nb, const char *format, const char *path, struct err *e)
{
    const char *words[] = {nb->run->interpreter.path,
                           "-m",
                           "nbconvert",
                           "--to",
                           format,
                           "--log-level",
                           "WARN",
                           path,
                           NULL,
                           NULL};
    if (nb->hide_code) {
        words[8] = "--no-input";
    }
    const struct program program = {.argv = (char *const *)(uintptr_t)words,
                                    .envp = environ,
                                    .cwd = nb->dir,
                                    .limit_ns = CONVERT_NS};
    int status = 0;
    int rc = program_run(&program, NULL, &status, e);
    if (rc != 0) {
        return err_is_stop(e) ? rc : err_prefix(e, "format %s", format);
    }
    return status == 0 ? 0
                       : err_set(e, ERR_OUTPUT,
                                 "format %s: nbconvert ended with status %d; its words are above",
                                 format, status);
}

static int make_formats(const struct job *job, const char *path, struct err *e)
{
    const struct notebook *nb = &job->notebook;
    int rc = 0;
    if (nb->formats.n > 0 && !nb->run->interpreter.nbconvert) {
        return err_set(e, ERR_CONFIG,
                       "formats: %s cannot import nbconvert; install it in the image",
                       nb->run->interpreter.path);
    }
    for (size_t i = 0; rc == 0 && i < nb->formats.n; i++) {
        if (strcmp(nb->formats.v[i], "ipynb") != 0 && strcmp(nb->formats.v[i], "notebook") != 0) {
            rc = convert(nb, nb->formats.v[i], path, e);
        }
    }
    return rc;
}

/* ---- files beside the notebook ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct dir_entry *)a)->path, ((const struct dir_entry *)b)->path);
}

static bool was_there(const struct dir_listing *before, const struct dir_entry *now)
{
    const struct dir_entry *at =
        before->n ? bsearch(now, before->v, before->n, sizeof *before->v, by_path) : NULL;
    return at && at->size == now->size && at->ino == now->ino && at->mtime_ns == now->mtime_ns;
}

static int copy_side_file(const struct notebook *nb, const struct dir_entry *at, struct err *e)
{
    SCOPE_FREE char *from = path_join(nb->run->home, at->path);
    SCOPE_FREE char *to = path_join(nb->dir, at->path);
    SCOPE_FD int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    SCOPE(newfile_discard) struct newfile f = NEWFILE_NONE;
    if (fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", from);
    }
    int rc = newfile_open_path(&f, to, e);
    rc = rc ? rc : io_copy(fd, f.fd, at->size, false, at->path, e);
    return rc ? rc : newfile_commit(&f, 0, e);
}

/* Caches and editors' droppings are no results. */
static bool is_dropping(const char *path)
{
    return strstr(path, "__pycache__/") || strstr(path, ".ipynb_checkpoints/");
}

/* New and changed files of the notebook's folder go to the results, folders kept. */
static int copy_side_files(struct notebook *nb, struct err *e)
{
    SCOPE(dir_listing_free) struct dir_listing now = {0};
    int rc = path_within(nb->dir, nb->run->home) || path_within(nb->run->home, nb->dir)
                 ? 1 /* they are among the results already */
                 : dir_list(AT_FDCWD, nb->run->home, "", 0, ERR_OUTPUT, &now, e);
    for (size_t i = 0; rc == 0 && i < now.n; i++) {
        const struct dir_entry *at = &now.v[i];
        if (!S_ISREG(at->mode) || was_there(&nb->run->before, at) || is_dropping(at->path)) {
            continue;
        }
        rc = copy_side_file(nb, at, e);
        nb->side_files += rc == 0;
    }
    return rc > 0 ? 0 : rc;
}

/* ---- all of it ---- */

/* SM-110 and the like: which of input, output and log the results hold (sagemaker.md 4.4). */
static char *flags_of(const struct job *job)
{
    const struct notebook *nb = &job->notebook;
    SCOPE_FREE char *input = path_join(nb->dir, path_base(nb->input));
    SCOPE_FREE char *log = path_join(nb->dir, NOTEBOOK_LOG);
    return xasprintf("[SM-%d%d%d]", access(input, F_OK) == 0, nb->has_output,
                     access(log, F_OK) == 0);
}

/* The reason begins with what the cell said; the contract's flags follow. */
static void finish_reason(struct job *job)
{
    struct notebook *nb = &job->notebook;
    const struct transform *t = &job->transform;
    if (t->status == 0 && !t->timed_out) {
        return;
    }
    char *said = nb->reason;
    SCOPE_FREE char *plain =
        t->signo ? xasprintf("the notebook's engine was ended by a signal (%d)", t->signo)
                 : xasprintf("the notebook's engine ended with status %d", t->status);
    SCOPE_FREE char *flags = nb->training ? flags_of(job) : NULL;
    nb->reason = xasprintf("%s%s%s", said ? said : plain, flags ? " " : "", flags ? flags : "");
    free(said);
}

int notebook_collect(struct job *job, struct err *e)
{
    struct notebook *nb = &job->notebook;
    if (!nb->wanted || !nb->run) {
        return 1;
    }
    SCOPE_FREE char *path = notebook_output_path(job);
    read_result(nb);
    nb->has_output = access(path, F_OK) == 0;
    if (nb->has_output && !nb->engine_used) {
        read_notebook(nb, path);
    }
    int rc = nb->has_output ? redact(job, path, e) : 0;
    rc = rc || !nb->has_output ? rc : make_formats(job, path, e);
    rc = rc ? rc : copy_side_files(nb, e);
    finish_reason(job);
    (void)dir_remove_tree(AT_FDCWD, nb->run->hidden);
    if (rc == 0) {
        log_info(STAGE, "%s: %llu of %llu cells executed by %s, %llu files beside it%s",
                 nb->has_output ? nb->output : "no executed notebook",
                 (unsigned long long)nb->executed, (unsigned long long)nb->cells,
                 nb->engine_used ? nb->engine_used : "an engine that was killed",
                 (unsigned long long)nb->side_files, nb->redacted ? ", secrets removed" : "");
    }
    return rc;
}
