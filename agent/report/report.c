/* SPDX-License-Identifier: MIT
 *
 * The report. See report.h.
 */
#include "report/report.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "report/facts.h"

/* The service keeps the first 1,024 bytes. */
enum { MESSAGE_MAX = 1024, WORD_MAX = 2000 };

static const char *kind_name(enum store_kind kind)
{
    switch (kind) {
    case STORE_PLATFORM: return "platform";
    case STORE_FOLDER: return "folder";
    case STORE_S3: return "s3";
    }
    return "?";
}

static json_t *instant(int64_t ns)
{
    char buf[48];
    return json_string(clock_format_rfc3339(buf, sizeof buf, ns));
}

static json_t *seconds(int64_t ns)
{
    return json_real((double)(ns / 1000) / 1e6); /* NOLINT(bugprone-integer-division): whole us */
}

static json_t *stages_of(const struct job *job)
{
    json_t *list = json_array();
    for (int i = 0; i < STAGE_COUNT; i++) {
        const struct stage_fact *fact = &job->facts[i];
        if (!fact->ran && !fact->failed) {
            continue;
        }
        json_t *item = json_object();
        fact_set(item, "name", json_string(stage_name((enum stage_id)i)));
        fact_set(item, "seconds", seconds(fact->end_ns - fact->start_ns));
        fact_set(item, "ok", json_boolean(!fact->failed));
        (void)json_array_append_new(list, item);
    }
    return list;
}

static json_t *inputs_of(const struct job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        json_t *item = json_object();
        fact_set(item, "name", fact_text(in->name));
        fact_set(item, "local_path", fact_text(in->local_path));
        fact_set(item, "s3_uri", fact_text(in->s3_uri));
        fact_count(item, "files", in->files);
        fact_count(item, "bytes", in->bytes);
        (void)json_array_append_new(list, item);
    }
    return list;
}

static json_t *outputs_of(const struct job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        json_t *item = json_object();
        fact_set(item, "name", fact_text(out->name));
        fact_set(item, "local_path", fact_text(out->local_path));
        fact_set(item, "s3_uri", fact_text(out->s3_uri));
        fact_count(item, "files", out->files);
        fact_count(item, "bytes", out->bytes);
        fact_count(item, "skipped", out->skipped);
        fact_count(item, "published", out->published);
        fact_count(item, "replaced", out->replaced);
        fact_set(item, "failed_to", fact_text(out->failed_to));
        fact_count(item, "partitions", out->partitions);
        fact_count(item, "moved", out->moved);
        fact_count(item, "split", out->split);
        fact_set(item, "rows", fact_rows(out));
        fact_set(item, "leaves", fact_leaves(out));
        if (out->pack) {
            json_t *archive = json_object();
            fact_set(archive, "name", fact_text(out->pack));
            fact_count(archive, "members", out->members);
            fact_count(archive, "bytes", out->packed_bytes);
            fact_set(item, "archive", archive);
        }
        (void)json_array_append_new(list, item);
    }
    return list;
}

static json_t *transform_of(const struct job *job)
{
    const struct transform *t = &job->transform;
    json_t *item = json_object();
    json_t *command = json_array();
    for (size_t i = 0; i < job->command.n; i++) {
        bool driver = job->notebook.wanted && strlen(job->command.v[i]) > WORD_MAX;
        (void)json_array_append_new(command,
                                    fact_text(driver ? "(the driver)" : job->command.v[i]));
    }
    fact_set(item, "command", command);
    fact_set(item, "started", json_boolean(t->started));
    fact_set(item, "status", t->ended ? json_integer(t->status) : json_null());
    fact_set(item, "signal", t->ended && t->signo ? json_integer(t->signo) : json_null());
    fact_count(item, "leftovers", t->leftovers);
    fact_set(item, "timed_out", json_boolean(t->timed_out));
    fact_set(item, "last_line", *t->last_line ? fact_text(t->last_line) : json_null());
    return item;
}

static json_t *notebook_of(const struct job *job)
{
    const struct notebook *nb = &job->notebook;
    json_t *item = json_object();
    fact_set(item, "input", fact_text(nb->input));
    fact_set(item, "output", nb->has_output ? fact_text(nb->output) : json_null());
    fact_set(item, "engine", fact_text(nb->engine_used));
    fact_set(item, "interpreter", fact_text(nb->interpreter));
    fact_count(item, "cells", nb->cells);
    fact_count(item, "executed", nb->executed);
    fact_count(item, "side_files", nb->side_files);
    fact_count(item, "redacted", nb->redacted);
    return item;
}

static char *build_json(const struct job *job, const char *reason)
{
    json_t *root = json_object();
    fact_set(root, "version", json_integer(1));
    fact_set(root, "job", fact_text(job->name));
    fact_set(root, "arn", fact_text(job->arn));
    fact_set(root, "host", fact_text(job->current_host));
    fact_set(root, "hosts", json_integer((json_int_t)job->hosts.n));
    fact_set(root, "time", instant(job->time_ns));
    fact_set(root, "timezone", fact_text(job->timezone));
    fact_set(root, "store", json_string(kind_name(job->store_kind)));
    fact_set(root, "status", json_integer(job_status(job)));
    fact_set(root, "reason", fact_text(reason));
    fact_set(root, "failed_stage",
             job->failure.code ? json_string(stage_name(job->failed_stage)) : json_null());
    fact_set(root, "error",
             job->failure.code ? json_string(err_code_name(job->failure.code)) : json_null());
    fact_set(root, "started", instant(job->begin_real_ns));
    fact_set(root, "seconds", seconds(clock_monotonic_ns() - job->begin_ns));
    fact_set(root, "stages", stages_of(job));
    fact_set(root, "inputs", inputs_of(job));
    fact_set(root, "transform", transform_of(job));
    fact_set(root, "notebook", job->notebook.wanted ? notebook_of(job) : json_null());
    fact_set(root, "outputs", outputs_of(job));
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    return text;
}

/* One folder for both files. Where nothing imitates SageMaker (no ML_ROOT, and none can be made: a
 * laptop's `procagent run -- true`) there is nobody to tell, and no warning either. */
static int open_output_folder(const struct job *job)
{
    SCOPE_FREE char *path = path_join(job->ml_root, "output");
    if (io_mkdirs(AT_FDCWD, path) != 0 && access(job->ml_root, F_OK) != 0) {
        log_debug(NULL, "no message and no report: %s cannot be made: %s", path, err_text(errno));
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        log_warn(NULL, "no message and no report: %s: %s, ignored", path, err_text(errno));
    }
    return fd;
}

/* A training job (Notebook Jobs are such) tells its FailureReason by another file, on failure
 * only. */
static void write_failure(const struct job *job, int dir, const char *line)
{
    struct err e = {0};
    SCOPE_FREE char *training = path_join(job->ml_root, "input/config");
    if (job_status(job) != 0 && access(training, F_OK) == 0 &&
        newfile_write(dir, "failure", line, strlen(line), &e) != 0) {
        log_warn(NULL, "%s/output: %s, ignored", job->ml_root, e.text);
    }
}

static void write_files(const struct job *job, const char *reason)
{
    SCOPE_FD int dir = open_output_folder(job);
    if (dir < 0) {
        return;
    }
    struct err e = {0};
    char line[MESSAGE_MAX + 1];
    if (job->hosts.n > 1) { /* the service strings all hosts' messages together */
        SCOPE_FREE char *with_host = xasprintf("%s: %s", job->current_host, reason);
        (void)utf8_clean(line, sizeof line, with_host, strlen(with_host));
    } else {
        (void)utf8_clean(line, sizeof line, reason, strlen(reason));
    }
    if (newfile_write(dir, "message", line, strlen(line), &e) != 0) {
        log_warn(NULL, "%s/output: %s, ignored", job->ml_root, e.text);
    }
    write_failure(job, dir, line);
    SCOPE_FREE char *json = build_json(job, reason);
    if (!json || newfile_write(dir, "report.json", json, strlen(json), &e) != 0) {
        log_warn(NULL, "%s/output: %s, ignored", job->ml_root, json ? e.text : "report.json");
    }
}

/* The error itself was logged where it happened; the last line says the status and where time
 * went. */
static void print_summary(const struct job *job, const char *reason)
{
    struct str stages = STR_INIT(0);
    for (int i = 0; i < STAGE_COUNT; i++) {
        const struct stage_fact *fact = &job->facts[i];
        if (fact->ran) {
            str_printf(&stages, "%s%s %.3f s", stages.len ? ", " : "", stage_name((enum stage_id)i),
                       (double)(fact->end_ns - fact->start_ns) / 1e9);
        }
    }
    int status = job_status(job);
    bool told = job->failure.code != ERR_NONE;
    if (told) {
        log_info(NULL, "failed in %s, exit status %d (%s)", stage_name(job->failed_stage), status,
                 stages.len ? str_text(&stages) : "nothing ran");
    } else {
        log_info(NULL, "%s (%s), exit status %d", reason, str_text(&stages), status);
    }
    str_free(&stages);
}

void report_job(const struct job *job)
{
    char reason[MESSAGE_MAX + 1];
    job_reason(job, reason, sizeof reason);
    write_files(job, reason);
    print_summary(job, reason);
}

void report_last_words(const struct job *job, const char *text)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/output/message", job->ml_root);
    if (n > 0 && (size_t)n < sizeof path) {
        SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd >= 0) {
            (void)io_write_all(fd, text, strlen(text));
        }
    }
}
