/* SPDX-License-Identifier: MIT
 *
 * A short program of our own choosing (an interpreter that is asked what it has, a converter), run
 * to its end with nothing on its stdin. The transform is not run so: run/ looks after that.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct program {
    char *const *argv; /* argv[0] is a path; NULL-terminated */
    char *const *envp; /* NULL-terminated */
    const char *cwd;   /* its working directory, or NULL: ours */
    int64_t limit_ns;  /* it is killed after that; 0: never */
};

/* Runs it; its stdout goes to `out` (at most out->max bytes, the rest is dropped) or, with NULL, to
 * our stderr, as its stderr does. 0 with its exit status (128+n for a signal) in *status. Negative
 * when it cannot be started, a stop signal arrived or the time is over: it is gone then.
 * ERR_INTERNAL. */
int program_run(const struct program *p, struct str *out, int *status, struct err *e);

#endif
