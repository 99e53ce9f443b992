/* SPDX-License-Identifier: MIT
 *
 * Which Python runs a notebook: found by what it can import, never by its name alone (contract:
 * notebooks.md 4). The first candidate with papermill wins, else the first with nbclient.
 */
#ifndef NOTEBOOK_INTERPRETER_H
#define NOTEBOOK_INTERPRETER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"

struct interpreter {
    char *path;     /* owned: absolute */
    bool papermill; /* it can import that, with what it needs */
    bool nbclient;  /* and that */
    bool nbconvert; /* and that */
};

void interpreter_free(struct interpreter *i);

/* All Pythons worth asking: of `kernels` (argv[0] of kernelspecs), on PATH, of the environment's
 * venv or conda, and in the usual places. Each once, in that order. */
void interpreters_list(const struct strvec *kernels, char *const *environment, struct strvec *out);

/* Their prefixes: where kernelspecs may lie below share/jupyter. */
void interpreters_prefixes(const struct strvec *paths, struct strvec *out);

/* Asks them and chooses. ERR_CONFIG that says what to install when none will do. */
int interpreter_choose(const struct strvec *paths, enum notebook_engine engine,
                       char *const *environment, struct interpreter *out, struct err *e);

#endif
