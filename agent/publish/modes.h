/* SPDX-License-Identifier: MIT
 *
 * What publishing does with objects that are there already: [output X] mode = append, replace or
 * fail.
 *
 * The unit is the partition: the key=value folders that a file's path below the output begins with.
 * When no file of the run has such folders it is the whole output; else files outside of any touch
 * nothing. Names with a part that begins with _ or . (markers, rejected rows, _failed/) are neither
 * counted nor replaced, but for the output's own manifest and marker. With several hosts each looks
 * at its own objects only (hosts_may_replace).
 */
#ifndef PUBLISH_MODES_H
#define PUBLISH_MODES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"
#include "publish/items.h"
#include "store/store.h"

/* What goes when one output's new objects are in place. */
struct replaced {
    struct strvec ends; /* keys of the old manifest and marker, which go before them */
    struct strvec data; /* keys of old objects that no new one has, which go after them */
};

struct modes {
    struct replaced *v; /* one for each of the job's outputs */
    size_t n;
};

void modes_free(struct modes *modes);

/* The bytes of `path`'s partition, without the last slash: 0 when it lies in none. */
size_t modes_partition(const char *path);

/* Does a part of `path` begin with _ or . ? */
bool modes_hidden(const char *path);

/* Lists what the outputs with mode = replace and fail find at their partitions; `plan` is checked.
 * mode = fail with anything there: ERR_OUTPUT with the first key and what to do. */
int modes_look(struct modes *modes, const struct items *plan, const struct job *job,
               struct store *store, struct err *e);

/* Before the commit of new data: removes old manifests and markers, so that who waits for one does
 * not take a half replaced partition for a complete one. *removed says whether one was there. */
int modes_begin(const struct modes *modes, const struct items *plan, struct store *store,
                bool *removed, struct err *e);

/* After that commit: removes the old objects and counts them. A failure says how many remain. */
int modes_end(const struct modes *modes, const struct items *plan, struct job *job,
              struct store *store, struct err *e);

#endif
