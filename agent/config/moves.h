/* SPDX-License-Identifier: MIT
 *
 * The keys of [store], [input X] and [output X] about moving data: what each value means. Keys and
 * words are the service's where it has them (CreateProcessingJob).
 */
#ifndef CONFIG_MOVES_H
#define CONFIG_MOVES_H

#include <stdbool.h>

#include "base/err.h"
#include "config/settings.h"
#include "job.h"

/* A key of [store]; relative paths start at `cwd`. */
int moves_apply_store(struct job *job, const char *cwd, const struct setting *at, struct err *e);

/* A key of [input X] or [output X]. `from_service`: processingjobconfig.json lists it, so its
 * places and the service's own modes are not ours to change. */
int moves_apply_input(struct input *in, bool from_service, const struct setting *at, struct err *e);
int moves_apply_output(struct output *out, bool from_service, const struct setting *at,
                       struct err *e);

/* What must fit together once all values are known: kind and its keys. */
int moves_check(const struct job *job, const struct settings *settings, struct err *e);

#endif
