/* SPDX-License-Identifier: MIT
 *
 * Notebooks (.ipynb, nbformat 4) as text: what one is, parameters put in, secrets taken out, how an
 * executed one ended. Edits are splices: every byte that is not edited stays as it was. Running one
 * is not here. Errors are ERR_INPUT, "FILE:LINE:COLUMN: what"; functions that take no file name
 * write "notebook" for it, as they get what notebook_read accepted.
 */
#ifndef NOTEBOOK_EDIT_H
#define NOTEBOOK_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "notebook/params.h"

struct notebook_facts {
    int nbformat; /* always 4 */
    int nbformat_minor;
    char *kernel;        /* owned: metadata.kernelspec.name; NULL = none */
    char *language;      /* owned: of kernelspec, else of language_info; NULL = none */
    size_t cells;        /* of all kinds */
    size_t code_cells;   /* of kind code, empty ones too */
    bool has_parameters; /* a cell is tagged parameters */
    bool has_injected;   /* a cell is tagged injected-parameters */
};

/* Checks that the text is a notebook that Jupyter's version 4 tools can read, and tells what it
 * is. `out` is freed by the caller. */
int notebook_read(const char *file, const char *text, size_t n, struct notebook_facts *out,
                  struct err *e);
void notebook_facts_free(struct notebook_facts *f);

/* Appends to `out` the notebook with the parameters in a cell tagged injected-parameters and in
 * metadata.papermill.parameters, as papermill does: in the place of the first such cell, else
 * behind the first cell tagged parameters, else on top, and then *no_tag is true (worth a warning).
 * Without parameters the text is unchanged. */
int notebook_inject(const char *text, size_t n, const struct params *p, struct str *out,
                    bool *no_tag, struct err *e);

struct redaction {
    const struct strvec *values; /* NAME=VALUE: values of six bytes or more are replaced by $NAME;
                                    NULL = none */
    bool credentials;            /* AWS access keys, secret keys and session tokens too */
};

struct redacted {
    size_t values;     /* replaced by $NAME */
    size_t access_key; /* ids replaced by [redacted] */
    size_t secrets;    /* secret keys and session tokens replaced by [redacted] */
};

/* Appends to `out` the notebook without these secrets in all cells' outputs, in the source of cells
 * tagged injected-parameters and in metadata.papermill.parameters. Values are found as they are and
 * as Python's repr and injected parameters spell them. A secret key is known by the name before it
 * ("SecretAccessKey": "..."), an access key id by its shape; images are not searched for these.
 * Known limit: a value that spans several strings, as a text of several lines does when a notebook
 * keeps each line in a string of its own, is not found. */
int notebook_redact(const char *text, size_t n, const struct redaction *r, struct str *out,
                    struct redacted *counts, struct err *e);

/* How a run ended. papermill's own marker cells do not count, neither here nor in the indexes. */
struct notebook_outcome {
    size_t cells;      /* of all kinds */
    size_t code_cells; /* that want to be run: of kind code, not blank, not tagged to be skipped */
    size_t executed;   /* of those, with an execution_count */
    size_t first_not_run; /* of those, the index from 1 among all cells of the first without; 0 =
                              all were executed */
    size_t error_cell;    /* index from 1 among all cells of the first with an error output that is
                              not tagged raises-exception; 0 = none */
    int64_t error_count;  /* its execution_count, the 4 of "In [4]"; 0 = none */
    char *ename;          /* owned: the error's name; NULL = no error */
    char *evalue;         /* owned: the first line of its text, without colours; NULL = no error */
    size_t expected;      /* cells tagged raises-exception that have an error output */
};

/* Reads how an executed notebook ended; `out` is freed by the caller. */
int notebook_outcome(const char *text, size_t n, struct notebook_outcome *out, struct err *e);
void notebook_outcome_free(struct notebook_outcome *o);

#endif
