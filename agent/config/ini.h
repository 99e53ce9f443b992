/* SPDX-License-Identifier: MIT
 *
 * agent.ini, parsed by inih, into settings. inih's silent cuts (lines over 199 bytes, a value at
 * " ;") are turned into errors here; a value may go on in indented lines, which are joined by a
 * blank.
 */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "config/settings.h"

/* A named section as it was declared. */
struct ini_section {
    enum section section;
    char *name;   /* owned: what stands in its quotes */
    char *origin; /* file:line */
};

struct ini_sections {
    struct ini_section *v;
    size_t n;
    size_t cap;
};

void ini_sections_free(struct ini_sections *list);

/* Parses `n` bytes of `text`; `file` is the name for origins. Settings and named sections are added
 * in file order. 0, or ERR_CONFIG "file:line: ...". */
int ini_parse_text(const char *file, const char *text, size_t n, struct settings *settings,
                   struct ini_sections *sections, struct err *e);

#endif
