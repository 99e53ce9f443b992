/* SPDX-License-Identifier: MIT
 *
 * Patterns that choose files by their path below a folder: * (any characters but /), ? (one
 * character but /), ** as a whole part (any number of parts, also none; at the end, one at least).
 * All else stands for itself. A pattern without a slash is about the file's name, whatever folder
 * it lies in; one with a slash about the whole path; a slash in front says only that. Nothing is
 * remembered between two calls, nothing is allocated.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

enum { GLOB_MAX_BYTES = 1024 };

/* What is wrong with a pattern ("must ..."), or NULL. */
const char *glob_bad(const char *pattern);

/* Does `path`, relative and without empty parts, fit the pattern, for which glob_bad has no word?
 * The time is bounded by the product of the two lengths. */
bool glob_fits(const char *pattern, const char *path);

#endif
