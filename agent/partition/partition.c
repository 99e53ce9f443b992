/* SPDX-License-Identifier: MIT
 *
 * The partition stage. See partition.h.
 */
#include "partition/partition.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "partition/leaves.h"
#include "partition/moves.h"
#include "partition/rewrite.h"
#include "partition/rules.h"
#include "partition/split.h"
#include "partition/tree.h"

static const char STAGE[] = "partition";
static const uint64_t MANY_FILES = 100000; /* hive-glue.md 3.13: uploads of more have failed */

/* ---- check ---- */

static bool is_off(const char *layout)
{
    return strcmp(layout, "none") == 0;
}

static int check_output(const struct job *job, struct output *out, struct err *e)
{
    SCOPE(rules_free) struct rules rules = {0};
    if (!out->dir) {
        return err_set(e, ERR_CONFIG, "%s: output \"%s\" has no LocalPath to lay out",
                       out->layout_origin, out->name);
    }
    if (out->upload_mode != UPLOAD_END_OF_JOB) {
        return err_set(
            e, ERR_CONFIG,
            "%s: output \"%s\" has S3UploadMode Continuous: files are uploaded while "
            "the transform runs, so they cannot be moved into partitions afterwards; use "
            "EndOfJob, or layout = none and let the transform write key=value folders",
            out->layout_origin, out->name);
    }
    int rc = rules_read(&rules, job, out, e);
    if (rc == 0 && out->table.split_origin && !rules_split(&rules)) {
        rc = err_set(e, ERR_CONFIG,
                     "%s: this key is about rows that are split, but the layout of output \"%s\" "
                     "uses no {column.NAME}",
                     out->table.split_origin, out->name);
    }
    out->partition_dir = rc ? NULL : TAKE_PTR(rules.dir);
    return rc;
}

int partition_check(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        /* a shell may be in it */
        out->holds_cwd = out->dir && job->cwd_fd >= 0 && dir_holds(out->dir, job->cwd_fd);
        if (!out->layout || is_off(out->layout)) {
            if (out->match) {
                return err_set(e, ERR_CONFIG, "%s: match without a layout that uses its names",
                               out->match_origin);
            }
            continue;
        }
        int rc = check_output(job, out, e);
        if (rc != 0) {
            return rc;
        }
        if (out->s3_uri && strchr(out->s3_uri, '=')) {
            log_warn(STAGE,
                     "output \"%s\": %s holds a =, some readers take that for a partition key",
                     out->name, out->s3_uri);
        }
    }
    return 0;
}

/* ---- one output ---- */

/* What is known of it, and what is done with it. */
struct work {
    const struct job *job;
    struct output *out;
    struct rules rules;
    struct dir_listing files;
    struct tree tree;
    struct moves moves;
    struct rewrite *rewrite; /* NULL in a dry run, and when there is nothing to do */
    struct splitter splitter;
    bool splits; /* the splitter is in use */
};

static void work_free(struct work *w)
{
    if (w->splits) {
        splitter_free(&w->splitter);
    }
    rewrite_abort(&w->rewrite);
    moves_free(&w->moves);
    tree_free(&w->tree);
    dir_listing_free(&w->files);
    rules_free(&w->rules);
}

static int begin_rewrite(struct work *w, struct err *e)
{
    unsigned flags = w->out->holds_cwd ? REWRITE_IN_PLACE : 0;
    return w->job->dry_run ? 0 : rewrite_open(&w->rewrite, w->out->dir, &w->files, flags, e);
}

/* ---- whole files ---- */

static int move_files(struct work *w, struct err *e)
{
    int rc = moves_plan(&w->rules, &w->files, &w->tree, &w->moves, e);
    if (rc != 0) {
        return rc;
    }
    leaves_find(w->out, &w->files, &w->tree, &w->moves, NULL, NULL);
    rc = leaves_check(w->out, e);
    rc = rc ? rc : begin_rewrite(w, e);
    for (size_t i = 0; rc == 0 && w->rewrite && i < w->moves.n; i++) {
        rewrite_move(w->rewrite, w->moves.v[i].file, w->moves.v[i].to);
    }
    w->out->moved = rc ? 0 : w->moves.n;
    return rc;
}

/* ---- rows ---- */

/* How a file is read: by agent.ini, else by its name. */
static int find_format(const struct output *out, const char *path, struct split_source *source,
                       struct err *e)
{
    size_t stem = 0;
    enum data_format by_name = format_of_name(path, &source->gzip, &stem);
    source->format = out->table.format == FORMAT_BY_NAME ? by_name : out->table.format;
    return source->format != FORMAT_BY_NAME
               ? 0
               : err_set(e, ERR_OUTPUT,
                         "%s is no .csv, .tsv or .jsonl file, so its rows cannot be split by "
                         "{column.NAME}; say format = csv if it is one, or lay it out by time and "
                         "path",
                         QUOTED(path));
}

/* Its name without .gz: what comes out is plain, or gets .gz at the end. */
static void drop_gz(char *name)
{
    bool gzip = false;
    size_t stem = 0;
    (void)format_of_name(name, &gzip, &stem);
    name[stem] = '\0';
}

static int split_one(struct work *w, const struct dir_entry *file, struct err *e)
{
    struct layout bound = {0};
    SCOPE_FREE char *name = NULL;
    struct split_source source = {.path = file->path, .size = file->size, .bound = &bound};
    int rc = find_format(w->out, file->path, &source, e);
    rc = rc ? rc : rules_file(&w->rules, file->path, NULL, &bound, &name, e);
    if (rc == 0) {
        drop_gz(name);
        source.name = name;
        uint64_t before = w->splitter.rows_in;
        rc = split_file(&w->splitter, &source, e);
        if (rc == 0 && w->splitter.rows_in == before) {
            log_warn(STAGE, "output \"%s\": %s has no rows, so it is in no partition", w->out->name,
                     QUOTED(file->path));
        }
    }
    layout_free(&bound);
    return rc;
}

/* Set aside now, so the file of an earlier run that has its place goes. */
static void drop_old_rejects(struct work *w)
{
    for (size_t i = 0; i < w->files.n; i++) {
        const char *path = w->files.v[i].path;
        struct stat st;
        if (str_starts(path, "_rejected/") &&
            fstatat(rewrite_fd(w->rewrite), path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            rewrite_drop(w->rewrite, i);
        }
    }
}

static int finish_split(struct work *w, struct err *e)
{
    struct output *out = w->out;
    SCOPE(dir_listing_free) struct dir_listing written = {0};
    int rc = splitter_end(&w->splitter, e);
    if (rc == 0 && w->rewrite) {
        rc = dir_list(rewrite_fd(w->rewrite), ".", "", 0, ERR_OUTPUT, &written, e);
    }
    if (rc != 0) {
        return rc;
    }
    leaves_find(out, &w->files, &w->tree, &w->moves, &w->splitter.parts,
                w->rewrite ? &written : NULL);
    for (size_t i = 0; w->rewrite && i < w->files.n; i++) {
        if (w->tree.places[i] == FILE_LOOSE) {
            rewrite_drop(w->rewrite, i);
        }
    }
    if (w->rewrite && w->splitter.parts.rejects.rows > 0) {
        drop_old_rejects(w);
    }
    if (w->splitter.lossy) {
        log_warn(
            STAGE,
            "output \"%s\": the column %s is left out of the rows, and the folders' names do not "
            "tell all of it; keep_columns = yes keeps it",
            out->name, QUOTED(w->splitter.lossy));
    }
    out->split = w->splitter.sources;
    out->rows_in = w->splitter.rows_in;
    out->rows_out = w->splitter.rows_out;
    out->rows_rejected = w->splitter.parts.rejects.rows;
    out->blank_lines = w->splitter.blank_lines;
    return leaves_check(out, e);
}

static int split_files(struct work *w, struct err *e)
{
    SCOPE_FD int from = open(w->out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", w->out->dir);
    }
    int rc = begin_rewrite(w, e);
    if (rc != 0) {
        return rc;
    }
    splitter_init(&w->splitter, w->job, w->out, from, w->rewrite ? rewrite_fd(w->rewrite) : -1,
                  w->tree.placed);
    w->splits = true;
    for (size_t i = 0; rc == 0 && i < w->files.n; i++) {
        if (w->tree.places[i] == FILE_LOOSE) {
            rc = split_one(w, &w->files.v[i], e);
        }
    }
    return rc ? rc : finish_split(w, e);
}

/* ---- the output ---- */

/* No layout: only a tree that is partitioned by itself is looked at. */
static int judge_without_layout(const struct tree *tree, struct err *e)
{
    if (tree->placed > 0 && tree->loose > 0) {
        return err_set(e, ERR_OUTPUT,
                       "%s lies outside the key=value folders that other files are in; "
                       "readers of the tree would miss or misread it",
                       QUOTED(tree->first_loose));
    }
    return 0;
}

static int look_at(struct work *w, struct err *e)
{
    SCOPE(strvec_free) struct strvec keys = {0};
    struct output *out = w->out;
    int rc = out->layout ? rules_read(&w->rules, w->job, out, e) : 0;
    for (size_t i = 0; i < w->rules.layout.n; i++) {
        strvec_add(&keys, w->rules.layout.levels[i].key);
    }
    if (rc == 0 && !w->job->dry_run) {
        rc = rewrite_recover(out->dir, e);
    }
    rc = rc ? rc : dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &w->files, e);
    return rc ? rc : tree_read(&w->files, keys.n ? &keys : NULL, &w->tree, e);
}

/* What was going to be is not. */
static void forget_facts(struct output *out)
{
    for (size_t i = 0; i < out->n_leaves; i++) {
        free(out->leaves[i].path);
    }
    free(TAKE_PTR(out->leaves));
    out->n_leaves = 0;
    out->partitions = out->moved = out->split = 0;
    out->rows_in = out->rows_out = out->rows_rejected = out->blank_lines = 0;
}

static int rewrite_output(struct work *w, struct err *e)
{
    struct output *out = w->out;
    int rc = look_at(w, e);
    if (rc != 0) {
        return rc;
    }
    if (!out->layout || w->tree.loose == 0) {
        rc = out->layout ? 0 : judge_without_layout(&w->tree, e);
        if (rc == 0) {
            leaves_find(out, &w->files, &w->tree, &w->moves, NULL, NULL);
        }
    } else {
        rc = rules_split(&w->rules) ? split_files(w, e) : move_files(w, e);
    }
    if (rc == 0 && out->layout) {
        leaves_warn(out);
    }
    return rc || !w->rewrite ? rc : rewrite_commit(&w->rewrite, e);
}

static int partition_output(const struct job *job, struct output *out, struct err *e)
{
    SCOPE(work_free) struct work w = {.job = job, .out = out};
    forget_facts(out);
    int rc = rewrite_output(&w, e);
    if (rc != 0) {
        forget_facts(out);
    }
    return rc;
}

static bool is_wanted(const struct output *out)
{
    bool app_managed = out->app_managed && !out->layout;
    return out->dir && !app_managed && !(out->layout && is_off(out->layout));
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void say_what_was_done(const struct job *job, const struct output *out)
{
    const char *would = job->dry_run ? "would be " : "";
    uint64_t files = 0;
    for (size_t i = 0; i < out->n_leaves; i++) {
        files += out->leaves[i].files;
    }
    if (out->split > 0) {
        log_info(STAGE,
                 "output \"%s\": %llu row%s of %llu file%s %ssplit into %llu partition%s, %llu "
                 "rejected",
                 out->name, (unsigned long long)out->rows_in, plural(out->rows_in),
                 (unsigned long long)out->split, plural(out->split), would,
                 (unsigned long long)out->partitions, plural(out->partitions),
                 (unsigned long long)out->rows_rejected);
    } else if (out->partitions > 0) {
        log_info(STAGE, "output \"%s\": %llu partition%s, %llu file%s %smoved", out->name,
                 (unsigned long long)out->partitions, plural(out->partitions),
                 (unsigned long long)out->moved, plural(out->moved), would);
    } else if (out->layout) {
        log_warn(STAGE, "output \"%s\": no data files to lay out", out->name);
    }
    if (files > MANY_FILES && job_on_platform(job) && !job->dry_run) {
        log_warn(STAGE, "output \"%s\": %llu files; SageMaker's upload of so many is known to fail",
                 out->name, (unsigned long long)files);
    }
}

int partition_outputs(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        if (!is_wanted(out)) {
            continue;
        }
        if (partition_output(job, out, e) != 0) {
            return err_is_stop(e)
                       ? -(int)e->code
                       : err_prefix(e, "output \"%s\"%s", out->name,
                                    out->layout ? "" : " (layout = none publishes it as it is)");
        }
        say_what_was_done(job, out);
    }
    return 0;
}
