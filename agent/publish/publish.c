/* SPDX-License-Identifier: MIT
 *
 * Publishing. See publish.h.
 */
#include "publish/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/scope.h"
#include "publish/continuous.h"
#include "publish/ends.h"
#include "publish/hosts.h"
#include "publish/items.h"
#include "publish/modes.h"
#include "store/store.h"

static const char STAGE[] = "publish";

/* ---- check ---- */

static bool moves_output(const struct job *job, const struct output *out)
{
    return job_moves(job, out->app_managed) && items_ours(job, out);
}

static int check_feature_store(const struct job *job, const struct output *out, struct err *e)
{
    bool left_alone = out->app_managed && (!job_moves(job, out->app_managed) || !out->s3_uri);
    if (!out->feature_store || left_alone) {
        return 0;
    }
    return err_set(e, ERR_CONFIG,
                   "%s: output \"%s\" has a FeatureStoreOutput: procagent does not write to the "
                   "Feature Store, and neither does SageMaker; let the transform call PutRecord, "
                   "set AppManaged to true, and give files for S3 an output of their own",
                   out->origin, out->name);
}

/* The first key of [output X] that only a store of ours can keep, or NULL. */
static const char *key_of_ours(const struct output *out)
{
    static const char *const MODES[] = {"mode = append", "mode = replace", "mode = fail"};
    return out->mode != PUBLISH_APPEND ? MODES[out->mode]
           : out->marker               ? "marker"
           : out->manifest             ? "manifest"
           : out->publish_failed       ? "on_failure = publish"
                                       : NULL;
}

static int check_keys(const struct job *job, const struct output *out, struct err *e)
{
    const char *key = key_of_ours(out);
    const char *origin = out->mode != PUBLISH_APPEND ? out->mode_origin : out->origin;
    if (key && !job_moves(job, out->app_managed)) {
        return err_set(e, ERR_CONFIG,
                       "%s: output \"%s\": %s needs [store] kind = folder or s3; here SageMaker "
                       "uploads the files",
                       origin, out->name, key);
    }
    if (key && !items_ours(job, out)) {
        return err_set(e, ERR_CONFIG,
                       "%s: output \"%s\": %s needs a LocalPath and an S3Uri; this one is the "
                       "transform's own to move",
                       origin, out->name, key);
    }
    if (!moves_output(job, out) || out->upload_mode == UPLOAD_END_OF_JOB) {
        return 0;
    }
    if (out->upload_mode == UPLOAD_MODE_OTHER) {
        return err_set(e, ERR_CONFIG,
                       "%s: output \"%s\" has an S3UploadMode that is neither EndOfJob nor "
                       "Continuous",
                       out->origin, out->name);
    }
    if (out->mode != PUBLISH_APPEND || out->publish_failed) {
        return err_set(e, ERR_CONFIG,
                       "%s: output \"%s\": %s does not go with S3UploadMode Continuous, which "
                       "uploads before the transform's end; use EndOfJob",
                       origin, out->name,
                       out->mode != PUBLISH_APPEND ? key : "on_failure = publish");
    }
    return 0;
}

static bool key_within(const char *key, const char *top)
{
    return *top == '\0' || path_within(key, top);
}

/* What one output replaces or refuses must not be what another has just put there. */
static int check_places(const struct job *job, const struct items *plan, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct s3_place *at = &plan->places[i];
        for (size_t k = 0; k < job->n_outputs; k++) {
            const struct s3_place *other = &plan->places[k];
            if (k == i || job->outputs[i].mode == PUBLISH_APPEND || !at->bucket ||
                !str_same(at->bucket, other->bucket) ||
                !(key_within(at->key, other->key) || key_within(other->key, at->key))) {
                continue;
            }
            return err_set(e, ERR_CONFIG,
                           "%s: output \"%s\": %s needs an S3Uri of its own, and %s overlaps %s of "
                           "output \"%s\"",
                           job->outputs[i].mode_origin, job->outputs[i].name,
                           key_of_ours(&job->outputs[i]), job->outputs[i].s3_uri,
                           job->outputs[k].s3_uri, job->outputs[k].name);
        }
    }
    return 0;
}

int publish_check(struct job *job, struct err *e)
{
    SCOPE(items_free) struct items plan = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        rc = check_feature_store(job, &job->outputs[i], e);
        rc = rc ? rc : check_keys(job, &job->outputs[i], e);
    }
    rc = rc ? rc : items_begin(&plan, job, NULL, e);
    rc = rc ? rc : check_places(job, &plan, e);
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        items_add_ends(&plan, job, i);
    }
    return rc ? rc : items_check(&plan, job, ERR_CONFIG, e);
}

/* ---- looking at outputs ---- */

/* Files whose names do not tell the host apart are the platform's to upload over each other. */
static void warn_of_hosts(const struct job *job, const struct output *out,
                          const struct dir_listing *files)
{
    size_t n = 0;
    const char *first = NULL;
    for (size_t i = 0; i < files->n; i++) {
        if (S_ISREG(files->v[i].mode) && !hosts_marked(job, files->v[i].path)) {
            first = n++ == 0 ? files->v[i].path : first;
        }
    }
    if (n > 0) {
        log_warn(STAGE,
                 "output \"%s\": %zu file%s such as %s without the host's name (%s): SageMaker "
                 "uploads all hosts' files to one place, and of one name only the last stays",
                 out->name, n, n == 1 ? "" : "s", QUOTED(first), job->current_host);
    }
}

/* Counts what an output holds; `plan` gets the files when they are ours to move. */
static int look_at(struct job *job, size_t index, struct items *plan, struct err *e)
{
    struct output *out = &job->outputs[index];
    SCOPE(dir_listing_free) struct dir_listing files = {0};
    int rc = dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &files, e);
    if (rc != 0) {
        return err_prefix(e, "output \"%s\"", out->name);
    }
    const char *skipped = NULL;
    for (size_t i = 0; i < files.n; i++) {
        const struct dir_entry *at = &files.v[i];
        if (!S_ISREG(at->mode)) {
            skipped = skipped ? skipped : at->path;
            out->skipped++;
            continue;
        }
        out->files++;
        out->bytes += at->size;
        if (job_moves(job, out->app_managed)) {
            items_add(plan, job, index, at);
        }
    }
    if (out->skipped > 0) {
        log_warn(STAGE,
                 "output \"%s\": %llu link%s or special file%s such as %s not published, ignored",
                 out->name, (unsigned long long)out->skipped, out->skipped == 1 ? "" : "s",
                 out->skipped == 1 ? "" : "s", QUOTED(skipped));
    }
    if (!job_moves(job, out->app_managed)) {
        warn_of_hosts(job, out, &files);
    }
    return 0;
}

/* ---- sending ---- */

/* All new data, in one commit. Until then the old is as it was; what the commit leaves behind when
 * it fails, its error says. */
static int send_data(struct job *job, const struct items *plan, const struct modes *modes,
                     struct store *store, struct err *e)
{
    SCOPE_FREE bool *wanted = xcalloc(plan->n + 1, sizeof *wanted);
    uint64_t n = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->n; i++) {
        wanted[i] = plan->v[i].kind == ITEM_DATA && !plan->v[i].leave;
        n += wanted[i];
        bytes += wanted[i] ? plan->v[i].id.size : 0;
    }
    struct progress progress;
    size_t failed;
    bool unmarked = false;
    progress_begin(&progress, STAGE, "sent", n, bytes);
    int rc = items_put(plan, job, wanted, store, &progress, &failed, e);
    rc = rc ? rc : modes_begin(modes, plan, store, &unmarked, e);
    rc = rc || n == 0 ? rc : store->ops->commit(store->self, &progress, e);
    progress_end(&progress);
    if (rc != 0 && unmarked) {
        return err_prefix(e, "the old data is still there, its manifest or marker may be gone");
    }
    for (size_t i = 0; rc == 0 && i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        job->outputs[at->output].published += at->kind == ITEM_DATA && !at->counted;
    }
    return rc;
}

static int send_all(struct job *job, struct items *plan, struct store *store, struct err *e)
{
    SCOPE(modes_free) struct modes modes = {0};
    for (size_t i = 0; i < job->n_outputs; i++) {
        items_add_ends(plan, job, i);
    }
    int rc = items_check(plan, job, ERR_OUTPUT, e);
    if (rc == 0) {
        continuous_settle(job, plan);
    }
    rc = rc ? rc : modes_look(&modes, plan, job, store, e);
    rc = rc ? rc : send_data(job, plan, &modes, store, e);
    rc = rc ? rc : modes_end(&modes, plan, job, store, e);
    if (rc == 0 && ends_put(plan, job, store, e) != 0) {
        return err_prefix(e, "all data is in place, manifests and markers are not");
    }
    return rc;
}

/* A failed transform's files: no manifest, no marker, and nothing that they could replace. */
static int send_aside(struct job *job, struct items *plan, struct store *store, const char *aside,
                      struct err *e)
{
    struct modes none = {0};
    int rc = items_check(plan, job, ERR_OUTPUT, e);
    rc = rc ? rc : send_data(job, plan, &none, store, e);
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        if (out->published > 0) {
            out->failed_to = xasprintf("%s/%s", out->s3_uri, aside);
        }
    }
    return rc;
}

/* Where a failed transform's files go below S3Uri: apart from all good data, by a name that readers
 * skip, and apart from other failed jobs'. */
static char *aside_of(const struct job *job)
{
    char time[48];
    struct str out = STR_INIT(0);
    str_printf(&out, "_failed/%s-", *job->name ? job->name : "job");
    (void)clock_format_rfc3339(time, sizeof time, job->time_ns);
    for (const char *p = time; *p && *p != '.'; p++) {
        if (*p != '-' && *p != ':') {
            str_putc(&out, *p);
        }
    }
    str_putc(&out, 'Z');
    return str_take(&out);
}

static void tell(const struct job *job, const struct output *out, bool failed)
{
    const char *to = failed ? out->failed_to : out->s3_uri;
    char replaced[64] = "";
    if (out->replaced > 0) {
        (void)snprintf(replaced, sizeof replaced, ", %llu old object%s removed",
                       (unsigned long long)out->replaced, out->replaced == 1 ? "" : "s");
    }
    log_info(STAGE, "output \"%s\": %llu file%s, %llu bytes%s %s %s%s", out->name,
             (unsigned long long)out->files, out->files == 1 ? "" : "s",
             (unsigned long long)out->bytes, failed ? " of the failed transform" : "",
             job_moves(job, out->app_managed) ? "->" : "left for the platform to upload to",
             to ? to : "(no S3Uri)", replaced);
}

int publish_outputs(struct job *job, struct err *e)
{
    SCOPE(store_close) struct store store = {0};
    SCOPE(items_free) struct items plan = {0};
    const bool failed = job_transform_failed(job) && !job->notebook.training;
    SCOPE_FREE char *aside = failed ? aside_of(job) : NULL;
    int rc = store_open(&store, job, e);
    rc = rc ? rc : items_begin(&plan, job, aside, e);
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        rc = items_ours(job, out) && (!failed || out->publish_failed) ? look_at(job, i, &plan, e)
                                                                      : 0;
    }
    if (rc == 0 && store_moves(&store)) {
        rc = failed ? send_aside(job, &plan, &store, aside, e) : send_all(job, &plan, &store, e);
    }
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        if (failed ? out->failed_to != NULL : items_ours(job, out)) {
            tell(job, out, failed);
        }
    }
    return rc;
}

int publish_begin(struct job *job, struct err *e)
{
    return continuous_begin(job, e);
}

int publish_end(struct job *job, struct err *e)
{
    (void)e; /* what failed there is tried again by publish_outputs */
    continuous_end(job);
    return 0;
}

bool publish_despite(const struct job *job)
{
    bool wanted = false;
    for (size_t i = 0; i < job->n_outputs; i++) {
        wanted = wanted || job->outputs[i].publish_failed;
    }
    return job->notebook.training ||
           (wanted && !job->transform.timed_out && !job->transform.stopped);
}
