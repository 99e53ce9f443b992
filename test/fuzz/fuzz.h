/* SPDX-License-Identifier: MIT
 *
 * What all fuzz targets share: a check that also holds in release builds, pieces of the input as
 * strings, and what every error must look like. Logging is off below errors.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* An invariant. libFuzzer keeps the input that broke it. */
#define REQUIRE(condition)                                                           \
    do {                                                                             \
        if (!(condition)) {                                                          \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                 \
        }                                                                            \
    } while (0)

/* The bytes up to the next newline (or the end) as a string, cut at a NUL; `*data` moves behind it.
 * Owned by the caller. */
static inline char *fuzz_line(const uint8_t **data, size_t *size)
{
    const uint8_t *newline = *size ? memchr(*data, '\n', *size) : NULL;
    size_t n = newline ? (size_t)(newline - *data) : *size;
    char *line = xstrndup(n ? (const char *)*data : "", n);
    n += newline != NULL;
    *data = n ? *data + n : *data;
    *size -= n;
    return line;
}

/* The whole rest as a string, cut at a NUL; owned by the caller. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    return xstrndup(size ? (const char *)data : "", size);
}

/* What a failure must leave: a code that is the answer's, and one line of text. */
static inline void require_error(int rc, const struct err *e)
{
    REQUIRE(rc < 0 && rc == -(int)e->code);
    REQUIRE(e->text[0] != '\0' && strlen(e->text) < sizeof e->text);
    for (const char *p = e->text; *p; p++) {
        REQUIRE((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
}

static inline void fuzz_quiet(void)
{
    log_set_level(LOG_ERROR);
}

#endif
