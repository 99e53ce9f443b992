/* SPDX-License-Identifier: MIT
 *
 * The partition stage. See partition.h.
 */
#include "partition/partition.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "partition/layout.h"
#include "partition/tree.h"

static const char STAGE[] = "partition";
enum { NAME_MAX_BYTES = 255 };

/* One file's way; both below the output's folder. */
struct move {
    const char *from; /* borrowed from the listing */
    char *to;         /* owned */
};

struct moves {
    struct move *v;
    size_t n;
    size_t cap;
};

static void moves_free(struct moves *moves)
{
    for (size_t i = 0; i < moves->n; i++) {
        free(moves->v[i].to);
    }
    free(moves->v);
    *moves = (struct moves){0};
}

/* ---- check ---- */

static bool is_off(const char *layout)
{
    return strcmp(layout, "none") == 0;
}

static int check_output(const struct job *job, struct output *out, struct err *e)
{
    SCOPE(layout_free) struct layout layout = {0};
    if (!out->dir) {
        return err_set(e, ERR_CONFIG, "output \"%s\" has no LocalPath to lay out", out->name);
    }
    if (out->upload_mode != UPLOAD_END_OF_JOB) {
        return err_set(
            e, ERR_CONFIG,
            "output \"%s\" has S3UploadMode Continuous: files are uploaded while "
            "the transform runs, so they cannot be moved into partitions afterwards; use "
            "EndOfJob, or layout = none and let the transform write key=value folders",
            out->name);
    }
    int rc = layout_parse(out->layout, &layout, e);
    return rc ? rc : layout_expand(&layout, job, &out->partition_dir, e);
}

int partition_check(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        if (!out->layout || is_off(out->layout)) {
            continue;
        }
        if (check_output(job, out, e) != 0) {
            return err_prefix(e, "%s", out->layout_origin);
        }
        if (out->s3_uri && strchr(out->s3_uri, '=')) {
            log_warn(STAGE,
                     "output \"%s\": %s holds a =, some readers take that for a partition key",
                     out->name, out->s3_uri);
        }
    }
    return 0;
}

/* ---- plan ---- */

/* Where the extension begins: the last dot, or the one before it when the last names a
 * compression. */
static const char *extension(const char *name)
{
    static const char *const COMPRESSIONS[] = {".gz", ".bz2", ".zst", ".xz", ".snappy", ".lz4"};
    /* cppcheck-suppress nullPointer; it takes the caller's TAKE_PTR for a path that goes on */
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name) {
        return name + strlen(name);
    }
    for (size_t i = 0; i < sizeof COMPRESSIONS / sizeof *COMPRESSIONS; i++) {
        if (strcmp(dot, COMPRESSIONS[i]) == 0) {
            for (const char *p = dot - 1; p > name; p--) {
                if (*p == '.') {
                    return p;
                }
            }
        }
    }
    return dot;
}

char *partition_file_name(const char *path, const char *host)
{
    SCOPE_FREE char *flat = xstrdup(path);
    for (char *p = flat; *p; p++) {
        *p = *p == '/' ? '-' : *p;
    }
    if (!host) {
        return TAKE_PTR(flat);
    }
    const char *dot = extension(flat);
    return xasprintf("%.*s-%s%s", (int)(dot - flat), flat, host, dot);
}

static void keys_of(const char *partition_dir, struct strvec *keys)
{
    for (const char *p = partition_dir; *p;) {
        strvec_take(keys, xstrndup(p, strcspn(p, "=")));
        p += strcspn(p, "/");
        p += *p == '/';
    }
}

static int by_target(const void *a, const void *b)
{
    return strcmp(((const struct move *)a)->to, ((const struct move *)b)->to);
}

static int listed(const void *key, const void *entry)
{
    return strcmp(key, ((const struct dir_entry *)entry)->path);
}

/* Every target name is short enough, free, and nobody else's. */
static int check_moves(struct moves *moves, const struct dir_listing *files, struct err *e)
{
    if (moves->n > 1) {
        qsort(moves->v, moves->n, sizeof *moves->v, by_target);
    }
    for (size_t i = 0; i < moves->n; i++) {
        const struct move *at = &moves->v[i];
        const char *name = path_base(at->to);
        if (strlen(name) > NAME_MAX_BYTES) {
            return err_set(e, ERR_OUTPUT, "%s: the name %s has %zu bytes, at most %d fit",
                           QUOTED(at->from), QUOTED(name), strlen(name), NAME_MAX_BYTES);
        }
        if (i > 0 && strcmp(at->to, moves->v[i - 1].to) == 0) {
            return err_set(e, ERR_OUTPUT,
                           "%s and %s would both become %s; give them different names",
                           QUOTED(moves->v[i - 1].from), QUOTED(at->from), QUOTED(at->to));
        }
        if (bsearch(at->to, files->v, files->n, sizeof *files->v, listed)) {
            return err_set(e, ERR_OUTPUT,
                           "%s would become %s, which is there already; empty the folder "
                           "before the job runs again",
                           QUOTED(at->from), QUOTED(at->to));
        }
    }
    return 0;
}

static int plan_moves(const struct job *job, const struct output *out,
                      const struct dir_listing *files, const struct tree *tree, struct moves *moves,
                      struct err *e)
{
    const char *host = job->hosts.n > 1 ? job->current_host : NULL;
    for (size_t i = 0; i < files->n; i++) {
        if (tree->places[i] != FILE_LOOSE) {
            continue;
        }
        SCOPE_FREE char *name = partition_file_name(files->v[i].path, host);
        moves->v = vec_room(moves->v, moves->n, &moves->cap, sizeof *moves->v);
        moves->v[moves->n++] =
            (struct move){.from = files->v[i].path, .to = path_join(out->partition_dir, name)};
    }
    return check_moves(moves, files, e);
}

/* ---- act ---- */

/* Puts the first `n` files back. What cannot be put back stays complete under its new name. */
static void undo(int fd, const struct moves *moves, size_t n)
{
    while (n-- > 0) {
        if (renameat2(fd, moves->v[n].to, fd, moves->v[n].from, RENAME_NOREPLACE) != 0) {
            log_warn(STAGE, "%s could not be moved back to %s, ignored", QUOTED(moves->v[n].to),
                     QUOTED(moves->v[n].from));
        }
    }
}

static int make_moves(const struct output *out, const struct moves *moves, struct err *e)
{
    SCOPE_FD int fd = open(out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", out->dir);
    }
    int rc = stop_check(e);
    if (rc == 0 && io_mkdirs(fd, out->partition_dir) != 0) {
        rc = err_sys(e, ERR_OUTPUT, errno, "create %s/%s", out->dir, out->partition_dir);
    }
    size_t done = 0;
    for (; rc == 0 && done < moves->n; done++) {
        const struct move *at = &moves->v[done];
        rc = stop_check(e);
        if (rc == 0 && renameat2(fd, at->from, fd, at->to, RENAME_NOREPLACE) != 0) {
            rc = err_sys(e, ERR_OUTPUT, errno, "move %s/%s to %s", out->dir, at->from, at->to);
        }
        if (rc != 0) {
            break;
        }
    }
    if (rc != 0) {
        undo(fd, moves, done);
    }
    /* the emptied source folders, or the partition that nothing moved to */
    dir_prune_empty(fd, ".");
    return rc;
}

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

static int partition_output(const struct job *job, struct output *out, struct err *e)
{
    SCOPE(dir_listing_free) struct dir_listing files = {0};
    SCOPE(strvec_free) struct strvec keys = {0};
    SCOPE(tree_free) struct tree tree = {0};
    SCOPE(moves_free) struct moves moves = {0};
    int rc = dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &files, e);
    if (rc == 0 && out->partition_dir) {
        keys_of(out->partition_dir, &keys);
    }
    rc = rc ? rc : tree_read(&files, keys.n ? &keys : NULL, &tree, e);
    if (rc != 0 || !out->partition_dir) {
        out->partitions = rc ? 0 : tree.partitions;
        return rc ? rc : judge_without_layout(&tree, e);
    }
    rc = plan_moves(job, out, &files, &tree, &moves, e);
    rc = rc || !moves.n ? rc : make_moves(out, &moves, e);
    if (rc != 0) {
        return rc;
    }
    bool new_partition = moves.n > 0;
    for (size_t i = 0; i < files.n && new_partition; i++) {
        size_t n = strlen(out->partition_dir);
        new_partition =
            !(tree.places[i] == FILE_PLACED && str_starts(files.v[i].path, out->partition_dir) &&
              files.v[i].path[n] == '/');
    }
    out->moved = moves.n;
    out->partitions = tree.partitions + new_partition;
    return 0;
}

static bool is_wanted(const struct output *out)
{
    bool app_managed = out->app_managed && !out->layout;
    return out->dir && !app_managed && !(out->layout && is_off(out->layout));
}

int partition_outputs(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
        if (!is_wanted(out)) {
            continue;
        }
        if (partition_output(job, out, e) != 0) {
            return e->code == ERR_STOPPED
                       ? -ERR_STOPPED
                       : err_prefix(e, "output \"%s\"%s", out->name,
                                    out->layout ? "" : " (layout = none publishes it as it is)");
        }
        if (out->partitions > 0) {
            log_info(STAGE, "output \"%s\": %llu partition%s, %llu file%s moved", out->name,
                     (unsigned long long)out->partitions, out->partitions == 1 ? "" : "s",
                     (unsigned long long)out->moved, out->moved == 1 ? "" : "s");
        } else if (out->layout) {
            log_warn(STAGE, "output \"%s\": no data files to lay out", out->name);
        }
    }
    return 0;
}
