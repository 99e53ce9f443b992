/* SPDX-License-Identifier: MIT
 *
 * Numbers and sizes as people write them in a configuration.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads decimal digits and nothing else. False, and `*out` untouched, for any other text and for
 * what 64 bits do not hold. */
bool number_parse(const char *text, uint64_t *out);

/* Reads "500", "64K", "32M", "32 MB", "1GiB": bytes, K, M and G being powers of 1024. False as
 * above. */
bool number_parse_size(const char *text, uint64_t *bytes);

#endif
