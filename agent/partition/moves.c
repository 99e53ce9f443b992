/* SPDX-License-Identifier: MIT
 *
 * Planning moves. See moves.h.
 */
#include "partition/moves.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "partition/parts.h"

void moves_free(struct moves *moves)
{
    for (size_t i = 0; i < moves->n; i++) {
        free(moves->v[i].to);
    }
    free(moves->v);
    *moves = (struct moves){0};
}

static int by_target(const void *a, const void *b)
{
    return strcmp(((const struct move *)a)->to, ((const struct move *)b)->to);
}

static int listed(const void *key, const void *entry)
{
    return strcmp(key, ((const struct dir_entry *)entry)->path);
}

/* The name itself, and the object's key it makes. */
static int check_length(const struct rules *r, const char *from, const char *to, struct err *e)
{
    const char *name = path_base(to);
    if (strlen(name) > NAME_BYTES) {
        return err_set(e, ERR_OUTPUT, "%s: the name %s has %zu bytes, at most %d fit", QUOTED(from),
                       QUOTED(name), strlen(name), NAME_BYTES);
    }
    size_t n = key_prefix(r->out->s3_uri) + strlen(to);
    if (n > S3_KEY_BYTES) {
        return err_set(e, ERR_OUTPUT,
                       "%s: the object's key would end in %s and have %zu bytes, at most %d fit",
                       QUOTED(from), QUOTED(to), n, S3_KEY_BYTES);
    }
    return 0;
}

static int check_moves(const struct rules *r, struct moves *moves, const struct dir_listing *files,
                       struct err *e)
{
    if (moves->n > 1) {
        qsort(moves->v, moves->n, sizeof *moves->v, by_target);
    }
    for (size_t i = 0; i < moves->n; i++) {
        const struct move *at = &moves->v[i];
        const char *from = files->v[at->file].path;
        int rc = check_length(r, from, at->to, e);
        if (rc != 0) {
            return rc;
        }
        if (i > 0 && strcmp(at->to, moves->v[i - 1].to) == 0) {
            return err_set(
                e, ERR_OUTPUT, "%s and %s would both become %s; give them different names",
                QUOTED(files->v[moves->v[i - 1].file].path), QUOTED(from), QUOTED(at->to));
        }
        if (bsearch(at->to, files->v, files->n, sizeof *files->v, listed)) {
            return err_set(e, ERR_OUTPUT,
                           "%s would become %s, which is there already; empty the folder "
                           "before the job runs again",
                           QUOTED(from), QUOTED(at->to));
        }
    }
    return 0;
}

int moves_plan(const struct rules *r, const struct dir_listing *files, const struct tree *tree,
               struct moves *moves, struct err *e)
{
    for (size_t i = 0; i < files->n; i++) {
        if (tree->places[i] != FILE_LOOSE) {
            continue;
        }
        SCOPE_FREE char *dir = NULL;
        SCOPE_FREE char *name = NULL;
        int rc = rules_file(r, files->v[i].path, &dir, NULL, &name, e);
        if (rc != 0) {
            return rc;
        }
        moves->v = vec_room(moves->v, moves->n, &moves->cap, sizeof *moves->v);
        moves->v[moves->n++] = (struct move){.file = i, .to = path_join(dir, name)};
    }
    return check_moves(r, moves, files, e);
}
