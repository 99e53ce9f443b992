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
#include "partition/match.h"
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

/* What lays out one output. */
struct rules {
    const struct job *job;
    const struct output *out;
    struct layout layout;
    struct match match; /* no tokens without a pattern */
};

static void rules_free(struct rules *r)
{
    layout_free(&r->layout);
    match_free(&r->match);
}

/* Every {path.NAME} of the layout is named in the pattern. */
static int check_names(const struct rules *r, struct err *e)
{
    const struct strvec *names = &r->match.names;
    for (size_t i = 0; i < r->layout.n; i++) {
        for (size_t k = 0; k < r->layout.levels[i].n; k++) {
            const struct part *part = &r->layout.levels[i].parts[k];
            if (part->source != SOURCE_PATH || match_name(&r->match, part->text) < names->n) {
                continue;
            }
            const char *near = nearest_name(part->text, (const char *const *)names->v, names->n);
            return err_set(e, ERR_CONFIG, "{path.%s}: match names no such piece%s%s%s", part->text,
                           near ? ", did you mean {path." : "", near ? near : "", near ? "}?" : "");
        }
    }
    return 0;
}

/* Reads layout and pattern; a layout without path sources is the same folder for all files. */
static int rules_read(struct rules *r, struct err *e)
{
    const struct output *out = r->out;
    int rc = layout_parse(out->layout, &r->layout, e);
    if (rc == 0 && layout_uses_path(&r->layout, NULL) && !out->match) {
        rc = err_set(e, ERR_CONFIG,
                     "the layout uses {path.NAME}: say which piece of a file's path that is, as in "
                     "match = {year}/{month}/*.csv");
    }
    if (rc != 0) {
        return err_prefix(e, "%s", out->layout_origin);
    }
    if (out->match && match_parse(out->match, &r->match, e) != 0) {
        return err_prefix(e, "%s", out->match_origin);
    }
    rc = check_names(r, e);
    return rc ? err_prefix(e, "%s", out->layout_origin) : 0;
}

static int check_output(const struct job *job, struct output *out, struct err *e)
{
    SCOPE(rules_free) struct rules rules = {.job = job, .out = out};
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
    int rc = rules_read(&rules, e);
    if (rc != 0 || layout_uses_path(&rules.layout, NULL)) {
        return rc;
    }
    rc = layout_expand(&rules.layout, job, NULL, ERR_CONFIG, &out->partition_dir, e);
    return rc ? err_prefix(e, "%s", out->layout_origin) : 0;
}

int partition_check(struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        struct output *out = &job->outputs[i];
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

/* ---- a file's own values ---- */

/* Is the folder at [start, start + n) wholly one piece that the layout uses? Then the partition's
 * name says it already, and the file's need not. */
static bool told_by_partition(const struct rules *r, const struct piece *pieces, size_t start,
                              size_t n)
{
    for (size_t i = 0; i < r->match.names.n; i++) {
        if (pieces[i].start == start && pieces[i].n == n &&
            layout_uses_path(&r->layout, r->match.names.v[i])) {
            return true;
        }
    }
    return false;
}

/* The path without the folders that the partition tells; owned by the caller. */
static char *rest_of_path(const struct rules *r, const char *path, const struct piece *pieces)
{
    struct str rest = STR_INIT(0);
    const char *base = path_base(path);
    for (const char *p = path; p < base;) {
        size_t n = strcspn(p, "/");
        if (!told_by_partition(r, pieces, (size_t)(p - path), n)) {
            str_add(&rest, p, n + 1);
        }
        p += n + 1;
    }
    str_puts(&rest, base);
    return str_take(&rest);
}

/* The folder a file belongs to and what is left of its path; both owned by the caller. */
static int place_file(const struct rules *r, const char *path, char **dir, char **rest,
                      struct err *e)
{
    struct piece pieces[MATCH_MAX_NAMES];
    if (r->match.n == 0) {
        *dir = xstrdup(r->out->partition_dir);
        *rest = xstrdup(path);
        return 0;
    }
    if (!match_path(&r->match, path, pieces)) {
        return err_set(e, ERR_OUTPUT, "%s does not fit match = %s (%s); every data file must",
                       QUOTED(path), QUOTED(r->out->match), r->out->match_origin);
    }
    struct path_values values = {.match = &r->match, .path = path, .pieces = pieces};
    int rc = layout_expand(&r->layout, r->job, &values, ERR_OUTPUT, dir, e);
    if (rc != 0) {
        return err_prefix(e, "%s", QUOTED(path));
    }
    *rest = rest_of_path(r, path, pieces);
    return 0;
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

static int plan_moves(const struct rules *r, const struct dir_listing *files,
                      const struct tree *tree, struct moves *moves, struct err *e)
{
    const char *host = r->job->hosts.n > 1 ? r->job->current_host : NULL;
    for (size_t i = 0; i < files->n; i++) {
        if (tree->places[i] != FILE_LOOSE) {
            continue;
        }
        SCOPE_FREE char *dir = NULL;
        SCOPE_FREE char *rest = NULL;
        int rc = place_file(r, files->v[i].path, &dir, &rest, e);
        if (rc != 0) {
            return rc;
        }
        SCOPE_FREE char *name = partition_file_name(rest, host);
        moves->v = vec_room(moves->v, moves->n, &moves->cap, sizeof *moves->v);
        moves->v[moves->n++] = (struct move){.from = files->v[i].path, .to = path_join(dir, name)};
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

/* Moves one file; its partition's folder is made when the move before was to another one. */
static int make_move(int fd, const char *root, const struct move *at, const struct move *before,
                     struct err *e)
{
    if (!before || !path_same_folder(at->to, before->to)) {
        SCOPE_FREE char *dir = path_parent(at->to);
        if (io_mkdirs(fd, dir) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "create %s/%s", root, dir);
        }
    }
    if (renameat2(fd, at->from, fd, at->to, RENAME_NOREPLACE) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "move %s/%s to %s", root, at->from, at->to);
    }
    return 0;
}

static int make_moves(const struct output *out, const struct moves *moves, struct err *e)
{
    SCOPE_FD int fd = open(out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "%s", out->dir);
    }
    int rc = 0;
    size_t done = 0;
    while (rc == 0 && done < moves->n) {
        const struct move *at = &moves->v[done];
        rc = stop_check(e);
        rc = rc ? rc : make_move(fd, out->dir, at, done > 0 ? at - 1 : NULL, e);
        done += rc == 0;
    }
    if (rc != 0) {
        undo(fd, moves, done);
    }
    /* the emptied source folders, or the partitions that nothing moved to */
    dir_prune_empty(fd, ".");
    return rc;
}

/* Different folders among the placed files and the moves' targets. */
static uint64_t count_partitions(const struct dir_listing *files, const struct tree *tree,
                                 const struct moves *moves)
{
    SCOPE(strvec_free) struct strvec folders = {0};
    const char *last = NULL; /* both lists are sorted: a folder's files follow each other */
    for (size_t i = 0; i < files->n; i++) {
        const char *path = files->v[i].path;
        if (tree->places[i] == FILE_PLACED && (!last || !path_same_folder(last, path))) {
            strvec_take(&folders, path_parent(path));
            last = path;
        }
    }
    for (size_t i = 0; i < moves->n; i++) {
        const char *path = moves->v[i].to;
        if (i == 0 || !path_same_folder(moves->v[i - 1].to, path)) {
            strvec_take(&folders, path_parent(path));
        }
    }
    strvec_sort(&folders);
    uint64_t n = 0;
    for (size_t i = 0; i < folders.n; i++) {
        n += i == 0 || strcmp(folders.v[i - 1], folders.v[i]) != 0;
    }
    return n;
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
    SCOPE(rules_free) struct rules rules = {.job = job, .out = out};
    int rc = out->layout ? rules_read(&rules, e) : 0;
    for (size_t i = 0; i < rules.layout.n; i++) {
        strvec_add(&keys, rules.layout.levels[i].key);
    }
    rc = rc ? rc : dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &files, e);
    rc = rc ? rc : tree_read(&files, keys.n ? &keys : NULL, &tree, e);
    if (rc != 0 || !out->layout) {
        out->partitions = rc ? 0 : tree.partitions;
        return rc ? rc : judge_without_layout(&tree, e);
    }
    rc = plan_moves(&rules, &files, &tree, &moves, e);
    rc = rc || !moves.n ? rc : make_moves(out, &moves, e);
    if (rc == 0) {
        out->moved = moves.n;
        out->partitions = count_partitions(&files, &tree, &moves);
    }
    return rc;
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
            return err_is_stop(e)
                       ? -(int)e->code
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
