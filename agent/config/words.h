/* SPDX-License-Identifier: MIT
 *
 * A command written on one line, split into the words for execve.
 */
#ifndef CONFIG_WORDS_H
#define CONFIG_WORDS_H

#include "base/err.h"
#include "base/str.h"

/* Splits `text` with sh's quoting rules (blanks separate; '...' is literal; in "..." a backslash
 * escapes $ ` " and \; elsewhere it escapes any character; before a newline it joins the lines) and
 * without any expansion: $, *, ~ and # stay what they are. A text that begins with [ is a JSON
 * array of strings instead. 0, or ERR_CONFIG. */
int words_split(const char *text, struct strvec *out, struct err *e);

/* The first word that only a shell would understand ("|", "&&", ">", ...), or NULL. */
const char *words_shell_operator(const struct strvec *words);

/* The words quoted so that sh would read them back; owned by the caller. */
char *words_join(const struct strvec *words);

#endif
