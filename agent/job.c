/* SPDX-License-Identifier: MIT
 *
 * The job's life: defaults, the run through the stages, the exit status and its reason. See job.h.
 */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/utf8.h"

enum { EXIT_TIMEOUT = 124, EXIT_OWN_FAILURE = 125, EXIT_SIGNAL_BASE = 128 };

void job_init(struct job *job)
{
    *job = (struct job){.name = xstrdup(""),
                        .arn = xstrdup(""),
                        .current_host = xstrdup("algo-1"),
                        .timezone = xstrdup("UTC"),
                        .ml_root = xstrdup("/opt/ml"),
                        .grace_ns = 8 * NS_PER_S, /* fits docker stop's 10 s */
                        .drain_ns = 2 * NS_PER_S,
                        .progress_ns = 10 * NS_PER_S,
                        .s3 = {.connections = 16,
                               .part_size = UINT64_C(8) << 20,
                               .retries = 8,
                               .timeout_ns = 30 * NS_PER_S},
                        .cwd_fd = -1};
    strvec_add(&job->hosts, "algo-1");
    (void)tz_lookup("UTC", &job->tz);
    job->begin_ns = clock_monotonic_ns();
    job->begin_real_ns = clock_realtime_ns();
    job->time_ns = job->begin_real_ns;
}

void table_init(struct table *table)
{
    *table = (struct table){.format = FORMAT_BY_NAME,
                            .quote = '"',
                            .header = true,
                            .null = NULL_PARTITION,
                            .max_row_size = UINT64_C(32) << 20,
                            .max_partitions = 10000};
}

static void notebook_free(struct notebook *nb)
{
    for (size_t i = 0; i < nb->n_parameters; i++) {
        free(nb->parameters[i].name);
        free(nb->parameters[i].value);
        free(nb->parameters[i].origin);
    }
    free(nb->parameters);
    free(nb->origin);
    free(nb->input);
    free(nb->dir);
    free(nb->output);
    free(nb->kernel);
    free(nb->s3_output_path);
    strvec_free(&nb->formats);
    strvec_free(&nb->redact);
    free(nb->init_script);
    free(nb->lcc_script);
    free(nb->engine_used);
    free(nb->interpreter);
    free(nb->reason);
}

void job_free(struct job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        struct input *in = &job->inputs[i];
        free(in->name);
        free(in->local_path);
        free(in->dir);
        free(in->s3_uri);
        free(in->origin);
        free(in->odd);
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        free(out->name);
        free(out->local_path);
        free(out->dir);
        free(out->s3_uri);
        free(out->origin);
        free(out->layout);
        free(out->layout_origin);
        free(out->match);
        free(out->match_origin);
        free(out->pack);
        free(out->pack_origin);
        strvec_free(&out->packing.include);
        strvec_free(&out->packing.exclude);
        free(out->packing.origin);
        free(out->mode_origin);
        free(out->marker);
        free(out->manifest);
        free(out->failed_to);
        free(out->partition_dir);
        strvec_free(&out->table.columns);
        free(out->table.null_value);
        free(out->table.split_origin);
        for (size_t k = 0; k < out->n_leaves; k++) {
            free(out->leaves[k].path);
        }
        free(out->leaves);
    }
    if (job->continuous) {
        job->continuous_free(job->continuous);
    }
    notebook_free(&job->notebook);
    free(job->inputs);
    free(job->outputs);
    free(job->name);
    free(job->arn);
    free(job->current_host);
    strvec_free(&job->hosts);
    free(job->timezone);
    free(job->ml_root);
    free(job->config_file);
    strvec_free(&job->command);
    strvec_free(&job->environment);
    free(job->user);
    free(job->user_origin);
    free(job->command_origin);
    free(job->store_root);
    free(job->s3.endpoint);
    free(job->s3.region);
    free(job->s3.ca_bundle);
    free(job->s3.kms_key_id);
    *job = (struct job){.cwd_fd = -1};
}

const char *stage_name(enum stage_id id)
{
    static const char *const NAMES[STAGE_COUNT] = {
        [STAGE_NOTEBOOK] = "notebook", [STAGE_COLLECT] = "collect", [STAGE_CONFIG] = "config",
        [STAGE_INPUTS] = "stage",      [STAGE_RUN] = "run",         [STAGE_PARTITION] = "partition",
        [STAGE_PACK] = "pack",         [STAGE_PUBLISH] = "publish",
    };
    return NAMES[id];
}

bool job_moves(const struct job *job, bool app_managed)
{
    return job->store_kind != STORE_PLATFORM && (app_managed || !job->app_managed_only);
}

bool job_on_platform(const struct job *job)
{
    return job->store_kind == STORE_PLATFORM || job->app_managed_only;
}

bool job_transform_failed(const struct job *job)
{
    return job->transform.ended && (job->transform.status != 0 || job->transform.timed_out);
}

bool job_has_outputs(const struct job *job)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        if (out->dir && (out->layout || out->pack || job_moves(job, out->app_managed))) {
            return true;
        }
    }
    return false;
}

void job_fail(struct job *job, enum stage_id id, const struct err *e)
{
    job->failure = *e;
    job->failed_stage = id;
    job->facts[id].failed = true;
    log_error(stage_name(id), "%s", e->text);
}

int job_check(struct job *job, const struct stage *stages, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        int rc = stages[i].check ? stages[i].check(job, e) : 0;
        if (rc != 0) {
            job_fail(job, stages[i].id, e);
            return rc;
        }
    }
    return 0;
}

int job_begin_beside(struct job *job, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < job->n_stages && rc == 0; i++) {
        rc = job->stages[i].begin ? job->stages[i].begin(job, e) : 0;
    }
    return rc;
}

int job_end_beside(struct job *job, struct err *e)
{
    int first = 0;
    for (size_t i = 0; i < job->n_stages; i++) {
        struct err later = {0};
        int rc = job->stages[i].end ? job->stages[i].end(job, first ? &later : e) : 0;
        first = first ? first : rc;
    }
    return first;
}

/* After the transform nothing more happens when it failed, or when a stop arrived while there is
 * still something to do: half a result is not published. */
static int may_go_on(const struct job *job, struct err *e)
{
    if (job_transform_failed(job)) {
        return 1;
    }
    return job->transform.ended && !job_has_outputs(job) ? 0 : stop_check(e);
}

/* One stage, timed. */
static int act(struct job *job, const struct stage *stage, struct err *e)
{
    struct stage_fact *fact = &job->facts[stage->id];
    fact->start_ns = clock_monotonic_ns();
    fact->ran = true;
    int rc = stage->act(job, e);
    fact->ran = rc <= 0;
    fact->end_ns = clock_monotonic_ns();
    return rc < 0 ? rc : 0;
}

/* What is done with a failed transform's results: a notebook is collected and packed, outputs with
 * on_failure = publish go aside. The stop that ended the transform, or the end of its time, is done
 * with; another one ends this too. A failure here changes nothing: the transform's own wins. */
static void act_despite(struct job *job, const struct stage *stages, size_t n)
{
    stop_settle();
    for (size_t i = 0; i < n; i++) {
        struct err e = {0};
        struct stage_fact *fact = &job->facts[stages[i].id];
        if (!stages[i].despite || !stages[i].despite(job)) {
            continue;
        }
        fact->failed = act(job, &stages[i], &e) != 0;
        if (fact->failed) {
            log_error(stage_name(stages[i].id), "the failed transform's outputs: %s", e.text);
            return;
        }
    }
}

static void perform(struct job *job, const struct stage *stages, size_t n)
{
    struct err e = {0};
    if (job_check(job, stages, n, &e) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int rc = may_go_on(job, &e);
        if (rc > 0) {
            act_despite(job, stages + i, n - i);
            return;
        }
        rc = rc ? rc : act(job, &stages[i], &e);
        if (rc != 0) {
            job_fail(job, stages[i].id, &e);
            return;
        }
    }
}

void job_perform(struct job *job, const struct stage *stages, size_t n)
{
    struct err told; /* by run/ already, when there was something to tell */
    job->stages = stages;
    job->n_stages = n;
    perform(job, stages, n);
    (void)job_end_beside(job, &told);
}

/* What a failure of ours means for the exit status. */
static int status_of_failure(const struct err *e)
{
    switch (e->code) {
    case ERR_STOPPED: return EXIT_SIGNAL_BASE + e->signo;
    case ERR_TIMEOUT: return EXIT_TIMEOUT;
    case ERR_EXEC: return e->exec_status;
    case ERR_NONE: return 0;
    case ERR_CONFIG:
    case ERR_INPUT:
    case ERR_OUTPUT:
    case ERR_INTERNAL: break;
    }
    return EXIT_OWN_FAILURE;
}

int job_status(const struct job *job)
{
    if (job->transform.timed_out) {
        return EXIT_TIMEOUT;
    }
    if (job->transform.ended && job->transform.status != 0) {
        return job->transform.status;
    }
    return status_of_failure(&job->failure);
}

void job_reason(const struct job *job, char *buf, size_t size)
{
    char text[2 * ERR_TEXT_MAX];
    char name[16];
    const struct transform *t = &job->transform;
    const char *why = t->timed_out                  ? " because the job's time was over"
                      : t->stopped || stop_signal() ? " after a stop request"
                                                    : "";
    const char *colon = *t->last_line ? ": " : "";
    if (job->notebook.reason && t->ended && (t->status != 0 || t->timed_out)) {
        (void)snprintf(text, sizeof text, "%s%s", job->notebook.reason, why);
    } else if (t->ended && t->signo != 0) {
        (void)snprintf(text, sizeof text, "run: the transform was ended by %s%s%s%s%s",
                       signal_name(name, sizeof name, t->signo), t->dumped ? " (core dumped)" : "",
                       why, colon, t->last_line);
    } else if (t->ended && (t->status != 0 || t->timed_out)) {
        (void)snprintf(text, sizeof text, "run: the transform exited with status %d%s%s%s",
                       t->status, why, colon, t->last_line);
    } else if (job->failure.code != ERR_NONE) {
        (void)snprintf(text, sizeof text, "%s: %s", stage_name(job->failed_stage),
                       job->failure.text);
    } else {
        uint64_t files = 0;
        uint64_t bytes = 0;
        for (size_t i = 0; i < job->n_outputs; i++) {
            files += job->outputs[i].files;
            bytes += job->outputs[i].bytes;
        }
        (void)snprintf(text, sizeof text, "completed: %zu output%s, %llu file%s, %llu bytes",
                       job->n_outputs, job->n_outputs == 1 ? "" : "s", (unsigned long long)files,
                       files == 1 ? "" : "s", (unsigned long long)bytes);
    }
    (void)utf8_clean(buf, size, text, strlen(text));
}
