/* SPDX-License-Identifier: MIT
 *
 * Parameters of a notebook: from the command line, JSON and hyperparameters.json, to the Python
 * code and the metadata that papermill would write for them. All mistakes are ERR_CONFIG.
 */
#ifndef NOTEBOOK_PARAMS_H
#define NOTEBOOK_PARAMS_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum {
    PARAMS_MAX_BYTES = 1 << 20,   /* of a JSON text, and of a value on the command line */
    PARAMS_MAX_ENTRIES = 1000,    /* parameters of a notebook */
    HYPERPARAMETERS_MAX = 100,    /* these three are CreateTrainingJob's */
    HYPERPARAMETER_KEY_MAX = 256, /* characters */
    HYPERPARAMETER_VALUE_MAX = 2500,
};

struct param {
    char *name;    /* owned: a Python identifier */
    json_t *value; /* owned; NULL: `number` is the value */
    char *number;  /* owned: what JSON cannot hold, as JSON for Python: an integer of more than 64
                      bits in decimal, NaN, Infinity or -Infinity; else NULL */
};

struct params {
    struct param *v; /* owned, in the order of their first mention */
    size_t n;
    size_t cap;
};

void params_free(struct params *p);

/* The following add parameters; one that is there already gets the new value in its old place.
 * `p` is untouched on failure. */

/* The value is typed as papermill's -p does: True, False, None, what Python's int() or float()
 * reads ("007", "1_000", "nan"), else a string; "true" is a string. */
int params_add_typed(struct params *p, const char *name, const char *text, struct err *e);

/* The value is a string, as papermill's -r does. */
int params_add_raw(struct params *p, const char *name, const char *text, struct err *e);

/* The members of a JSON object, with their types. Errors are "FILE:LINE:COLUMN: what". */
int params_add_json(struct params *p, const char *file, const char *text, size_t n, struct err *e);

/* hyperparameters.json: an object of strings, within the API's limits. Errors as above. */
int params_add_hyperparameters(struct params *p, const char *file, const char *text, size_t n,
                               struct err *e);

/* Can parameters be written in a notebook of this language (any case; NULL or "" = not told, taken
 * for Python)? 0, or an error that says what to do. */
int params_supported(const char *language, struct err *e);

/* Appends the injected cell's source: "# Parameters\n" and a line "name = literal\n" for each, as
 * papermill's Python translator writes them. */
void params_python(const struct params *p, struct str *out);

/* Appends them as a JSON object on one line, as Python's json module writes it. */
void params_json(const struct params *p, struct str *out);

/* Appends a text as Python's unicode_escape codec does, with each double quote as \". */
void params_python_escape(const char *s, size_t n, struct str *out);

#endif
