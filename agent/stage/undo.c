/* SPDX-License-Identifier: MIT
 *
 * Undoing. See undo.h.
 */
#include "stage/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

static bool is_missing(const char *path)
{
    struct stat st;
    return lstat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

static const char *last_folder(const struct undo *undo)
{
    return undo->folders.n ? undo->folders.v[undo->folders.n - 1] : NULL;
}

/* Notes the topmost missing folder of `dir` and those above it. True when there is one. Paths come
 * sorted, so those below one folder are neighbours. */
static bool note_folder(struct undo *undo, const char *dir)
{
    const char *last = last_folder(undo);
    if (last && path_within(dir, last)) {
        return true;
    }
    SCOPE_FREE char *at = xstrdup(dir);
    char *missing = NULL;
    while (at[0] == '/' && at[1] != '\0' && is_missing(at)) {
        free(missing);
        missing = at;
        at = path_parent(missing);
    }
    if (missing) {
        strvec_take(&undo->folders, missing);
    }
    return missing != NULL;
}

void undo_note(struct undo *undo, const struct job *job, const struct plan *plan)
{
    undo->remove = xcalloc(plan->n + 1, sizeof *undo->remove);
    for (size_t i = 0; i < plan->n; i++) {
        const char *path = plan->v[i].path;
        SCOPE_FREE char *dir = path_parent(path);
        undo->remove[i] = !note_folder(undo, dir) && is_missing(path);
    }
    for (size_t i = 0; i < job->n_inputs; i++) { /* those that get no file: an empty share */
        if (job->inputs[i].dir && job->inputs[i].s3_uri) {
            (void)note_folder(undo, job->inputs[i].dir);
        }
    }
}

void undo_all(const struct undo *undo, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        if (undo->remove[i]) {
            (void)unlink(plan->v[i].path);
        }
    }
    for (size_t i = 0; i < undo->folders.n; i++) {
        (void)dir_remove_tree(AT_FDCWD, undo->folders.v[i]);
    }
}

void undo_free(struct undo *undo)
{
    strvec_free(&undo->folders);
    free(undo->remove);
    *undo = (struct undo){0};
}
