/* SPDX-License-Identifier: MIT
 *
 * Line and column of a value in a JSON text. jansson checks and reads the text but keeps no
 * positions; this finds one again, for an error message.
 */
#ifndef BASE_LOCATE_H
#define BASE_LOCATE_H

#include <stddef.h>

struct json_place {
    size_t line;   /* from 1 */
    size_t column; /* from 1, in bytes */
};

/* `path` is dotted: "ProcessingInputs.0.S3Input.LocalPath", a number being an array index. The text
 * is JSON that jansson accepted. A path that is not there gives the place of its nearest parent. */
struct json_place json_locate(const char *text, size_t n, const char *path);

#endif
