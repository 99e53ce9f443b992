/* SPDX-License-Identifier: MIT
 *
 * UTF-8 checking and repair. The message file must be valid UTF-8: bad bytes there turn a
 * successful Processing job into a failed one (contract: sagemaker.md 3.4).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed sequence at `s` (1..4), or 0: overlong forms, surrogates, code points
 * above U+10FFFF and truncated sequences are not well-formed. `n` > 0 bytes are readable. */
size_t utf8_sequence(const char *s, size_t n);

/* All of it is well-formed. */
bool utf8_valid(const char *s, size_t n);

/* Copies `n` bytes of `s` into `out` (`size` bytes, NUL-terminated), each ill-formed byte as '?',
 * cut at a character boundary; answers the bytes written without the terminator. */
size_t utf8_clean(char *out, size_t size, const char *s, size_t n);

#endif
