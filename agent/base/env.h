/* SPDX-License-Identifier: MIT
 *
 * Environments as lists of NAME=VALUE.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/str.h"

/* The value of a variable in a NULL-terminated list, borrowed; NULL when it is not set. */
const char *env_get(char *const *list, const char *name);

/* The same, NULL also when it is empty: an empty variable is as one that is not set. */
const char *env_value(char *const *list, const char *name);

/* Sets a variable, in the place of an earlier one of that name. */
void env_set(struct strvec *list, const char *name, const char *value);

/* Puts every variable of `more` into `list`, as env_set does. */
void env_merge(struct strvec *list, const struct strvec *more);

/* Replaces each variable's value (of at least six bytes) that occurs in `text` by $NAME, so that no
 * secret travels in a message; the result is cut at `size` bytes, in `out`. */
void env_hide_values(const struct strvec *list, const char *text, char *out, size_t size);

#endif
