/* SPDX-License-Identifier: MIT
 *
 * Staging. See stage.h.
 */
#include "stage/stage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/scope.h"
#include "base/signals.h"
#include "stage/pipe.h"
#include "stage/plan.h"
#include "stage/space.h"
#include "stage/undo.h"
#include "stage/unpack.h"
#include "store/store.h"

static const char STAGE[] = "stage";

enum { FIFO_NAME_MAX = 255 - 2 }; /* an InputName with "_0" behind it is a file's name */

/* ---- check ---- */

static int unsupported(const struct input *in, const char *what, const char *instead, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: input \"%s\": %s cannot be staged by procagent; %s",
                   in->origin, in->name, what, instead);
}

/* Is this input moved by us? One that the application manages only where it says from where to
 * where. */
static bool is_moved(const struct job *job, const struct input *in)
{
    return in->dir && in->s3_uri && job_moves(job, in->app_managed);
}

static int check_pipe(const struct input *in, struct err *e)
{
    if (in->unpack.wanted) {
        return err_set(e, ERR_CONFIG,
                       "%s: input \"%s\": unpack = yes is for files, and S3InputMode Pipe makes "
                       "none; use S3CompressionType Gzip, or S3InputMode File",
                       in->origin, in->name);
    }
    if (!*in->name || strchr(in->name, '/') || strlen(in->name) > FIFO_NAME_MAX) {
        return err_set(e, ERR_CONFIG,
                       "%s: input %s: S3InputMode Pipe needs an InputName of 1 to %d bytes without "
                       "a slash: its FIFO is LocalPath/<InputName>_0",
                       in->origin, QUOTED(in->name), FIFO_NAME_MAX);
    }
    return 0;
}

static int check_place(const struct input *in, struct err *e)
{
    SCOPE(s3_place_free) struct s3_place place = {0};
    if (s3_place_parse(in->s3_uri, &place, e) != 0) {
        return err_prefix(e, "%s: input \"%s\"", in->origin, in->name);
    }
    if (in->data_type == S3_MANIFEST_FILE && (!*place.key || str_ends(place.key, "/"))) {
        return err_set(e, ERR_CONFIG,
                       "%s: input \"%s\": S3Uri %s of a ManifestFile names no object; write the "
                       "manifest's own URI, or use S3Prefix",
                       in->origin, in->name, QUOTED(in->s3_uri));
    }
    return 0;
}

/* An input that we have to move. */
static int check_moved(const struct job *job, const struct input *in, struct err *e)
{
    if (in->dataset) {
        return unsupported(in, "a DatasetDefinition",
                           "run its query before the job, such as an UNLOAD to S3, and use its "
                           "result as S3Input",
                           e);
    }
    if (in->app_managed && !is_moved(job, in)) {
        return 0;
    }
    if (!in->s3_uri) {
        return err_set(e, ERR_CONFIG, "%s: input \"%s\" has no S3Uri", in->origin, in->name);
    }
    if (in->odd) {
        return unsupported(in, in->odd,
                           "use S3Prefix or ManifestFile, FullyReplicated or ShardedByS3Key, File "
                           "or Pipe, None or Gzip",
                           e);
    }
    if (in->gzip && in->mode != INPUT_PIPE) {
        return unsupported(in, "S3CompressionType Gzip with S3InputMode File",
                           "the service takes it with Pipe only; use Pipe, or unpack = yes in "
                           "[input] of agent.ini",
                           e);
    }
    return check_place(in, e);
}

int stage_check(struct job *job, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        bool ours = job_moves(job, in->app_managed);
        bool pipe = in->mode == INPUT_PIPE && (ours || in->unpack.wanted);
        rc = ours ? check_moved(job, in, e) : 0;
        rc = rc || !pipe ? rc : check_pipe(in, e);
    }
    return rc;
}

/* ---- plan ---- */

static int plan_pipe(struct job *job, size_t index, struct store *store, struct plan *plan,
                     struct err *e)
{
    SCOPE(plan_free) struct plan objects = {0};
    int rc = plan_input(&objects, job, index, store, e);
    if (rc != 0) {
        return rc;
    }
    struct pipe *pipe = pipe_new(job, index, &objects);
    job->inputs[index].pipe = pipe; /* stage_end frees it, whatever comes */
    plan_fifo(plan, index, pipe_path(pipe));
    return pipe_check(pipe, e);
}

static int plan_all(struct job *job, struct store *store, struct plan *plan, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        if (is_moved(job, in)) {
            rc = in->mode == INPUT_PIPE ? plan_pipe(job, i, store, plan, e)
                                        : plan_input(plan, job, i, store, e);
        }
    }
    rc = rc ? rc : plan_settle(plan, job, e);
    return rc ? rc : space_check(job, plan, e);
}

/* ---- act ---- */

/* A LocalPath that holds other files already is no error (a bind mount may bring some), but a stale
 * file of an earlier run must not pass as input unseen. */
static void warn_of_strangers(const struct input *in, const struct plan *plan)
{
    struct err ignored;
    SCOPE(dir_listing_free) struct dir_listing there = {0};
    if (dir_list(AT_FDCWD, in->dir, "", 0, ERR_INPUT, &there, &ignored) != 0) {
        return;
    }
    size_t strangers = 0;
    const char *example = NULL;
    for (size_t i = 0; i < there.n; i++) {
        SCOPE_FREE char *path = path_join(in->dir, there.v[i].path);
        if (!plan_find(plan, path)) {
            strangers++;
            example = there.v[i].path;
        }
    }
    if (strangers > 0) {
        log_warn(STAGE, "input \"%s\": %s already holds %zu other file%s such as %s, left there",
                 in->name, in->dir, strangers, strangers == 1 ? "" : "s", QUOTED(example));
    }
}

static int make_folders(const struct job *job, const struct plan *plan, struct err *e)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        if (!is_moved(job, in)) {
            continue;
        }
        warn_of_strangers(in, plan);
        if (io_mkdirs(AT_FDCWD, in->dir) != 0) {
            return err_sys(e, ERR_INPUT, errno, "input \"%s\": create folder %s", in->name,
                           in->dir);
        }
        newfile_sweep(AT_FDCWD, in->dir);
    }
    return 0;
}

/* The disk was large enough when it was asked; who gives the job its volume wants to know for what
 * it was not. */
static int explain_full(const struct store_batch *batch, uint64_t bytes, struct err *e)
{
    char size[24];
    if (e->sys != ENOSPC && e->sys != EDQUOT) {
        return -(int)e->code;
    }
    return err_prefix(e, "%s in %zu file%s to stage", space_text(size, sizeof size, bytes),
                      batch->n, batch->n == 1 ? "" : "s");
}

/* All files of all inputs in one batch, so that the store has many in flight. */
static int fetch_all(struct job *job, struct store *store, const struct plan *plan, struct err *e)
{
    SCOPE_FREE struct store_transfer *v = xcalloc(plan->n + 1, sizeof *v);
    SCOPE_FREE size_t *inputs = xcalloc(plan->n + 1, sizeof *inputs);
    struct progress progress;
    struct store_batch batch = {.v = v, .progress = &progress};
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        if (!at->key) {
            continue; /* a FIFO */
        }
        inputs[batch.n] = at->input;
        v[batch.n++] = (struct store_transfer){.bucket = at->bucket,
                                               .key = at->key,
                                               .path = at->path,
                                               .size = at->size,
                                               .etag = at->etag};
        bytes += at->size;
    }
    batch.failed = batch.n;
    progress_begin(&progress, STAGE, "fetched", batch.n, bytes);
    int rc = store->ops->get(store->self, &batch, e);
    progress_end(&progress);
    if (rc != 0) {
        (void)explain_full(&batch, bytes, e);
        return batch.failed >= batch.n
                   ? rc
                   : err_prefix(e, "input \"%s\"", job->inputs[inputs[batch.failed]].name);
    }
    for (size_t i = 0; i < batch.n; i++) {
        job->inputs[inputs[i]].files++;
        job->inputs[inputs[i]].bytes += v[i].size;
    }
    return 0;
}

/* Replaces the archive `path` by what it holds. */
static int unpack_one(const struct input *in, const char *path, uint64_t *files, uint64_t *bytes,
                      struct err *e)
{
    const struct unpack_limits limits = {.max_entries = in->unpack.max_entries,
                                         .max_bytes = in->unpack.max_size,
                                         .max_ratio = in->unpack.max_ratio};
    int rc = stop_check(e);
    rc = rc ? rc : unpack_file(path, &limits, files, bytes, e);
    return rc ? err_prefix(e, "input \"%s\"", in->name) : 0;
}

static int unpack_staged(struct job *job, const struct plan *plan, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->n; i++) {
        const struct item *at = &plan->v[i];
        struct input *in = &job->inputs[at->input];
        if (!at->key || !in->unpack.wanted || !unpack_wanted(at->path)) {
            continue;
        }
        uint64_t files = 0;
        uint64_t bytes = 0;
        rc = unpack_one(in, at->path, &files, &bytes, e);
        if (rc == 0) {
            in->files += files - 1;
            in->bytes += bytes - at->size;
        }
    }
    return rc;
}

/* The platform brought the files; what agent.ini says of them is still ours to do. */
static int unpack_brought(const struct input *in, struct err *e)
{
    SCOPE(dir_listing_free) struct dir_listing there = {0};
    int rc = dir_list(AT_FDCWD, in->dir, "", 0, ERR_INPUT, &there, e);
    uint64_t archives = 0;
    uint64_t all = 0;
    for (size_t i = 0; rc == 0 && i < there.n; i++) {
        uint64_t files = 0;
        uint64_t bytes = 0;
        if (!S_ISREG(there.v[i].mode) || !unpack_wanted(there.v[i].path)) {
            continue;
        }
        SCOPE_FREE char *path = path_join(in->dir, there.v[i].path);
        rc = unpack_one(in, path, &files, &bytes, e);
        archives++;
        all += files;
    }
    if (rc == 0) {
        log_info(STAGE, "input \"%s\": %llu archive%s unpacked into %llu files in %s", in->name,
                 (unsigned long long)archives, archives == 1 ? "" : "s", (unsigned long long)all,
                 in->local_path);
    }
    return rc;
}

static int make_pipes(const struct job *job, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        rc = job->inputs[i].pipe ? pipe_make(job->inputs[i].pipe, e) : 0;
    }
    return rc;
}

static void tell(const struct input *in)
{
    if (in->pipe) {
        log_info(STAGE, "input \"%s\": to be read from %s", in->name, pipe_path(in->pipe));
    } else {
        log_info(STAGE, "input \"%s\": %llu file%s, %llu bytes -> %s", in->name,
                 (unsigned long long)in->files, in->files == 1 ? "" : "s",
                 (unsigned long long)in->bytes, in->local_path ? in->local_path : "(app-managed)");
    }
}

static int stage_moved(struct job *job, struct store *store, struct err *e)
{
    SCOPE(plan_free) struct plan plan = {0};
    SCOPE(undo_free) struct undo undo = {0};
    int rc = plan_all(job, store, &plan, e);
    if (rc != 0) {
        return rc;
    }
    undo_note(&undo, job, &plan);
    rc = make_folders(job, &plan, e);
    rc = rc ? rc : fetch_all(job, store, &plan, e);
    rc = rc ? rc : unpack_staged(job, &plan, e);
    rc = rc ? rc : make_pipes(job, e);
    if (rc != 0) {
        undo_all(&undo, &plan);
        return rc;
    }
    for (size_t i = 0; i < job->n_inputs; i++) {
        tell(&job->inputs[i]);
    }
    return 0;
}

int stage_inputs(struct job *job, struct err *e)
{
    SCOPE(store_close) struct store store = {0};
    int rc = store_open(&store, job, e);
    if (rc == 0 && store_moves(&store)) {
        rc = stage_moved(job, &store, e);
    }
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        const struct input *in = &job->inputs[i];
        bool brought = in->dir && !in->app_managed && !is_moved(job, in);
        rc = brought && in->unpack.wanted ? unpack_brought(in, e) : 0;
    }
    return rc;
}

/* ---- beside the transform ---- */

int stage_begin(struct job *job, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        rc = job->inputs[i].pipe ? pipe_begin(job->inputs[i].pipe, e) : 0;
    }
    return rc;
}

int stage_end(struct job *job, struct err *e)
{
    int first = 0;
    for (size_t i = 0; i < job->n_inputs; i++) {
        if (job->inputs[i].pipe) {
            pipe_release(job->inputs[i].pipe);
        }
    }
    for (size_t i = 0; i < job->n_inputs; i++) {
        struct input *in = &job->inputs[i];
        struct err later = {0};
        int rc = in->pipe ? pipe_end(in->pipe, in, first ? &later : e) : 0;
        first = first ? first : rc;
        pipe_free(in->pipe);
        in->pipe = NULL;
    }
    return first;
}
