/* SPDX-License-Identifier: MIT
 *
 * Progress. See progress.h.
 */
#include "base/progress.h"

#include <stddef.h>

void progress_begin(struct progress *p, const char *stage, const char *verb, uint64_t files,
                    uint64_t bytes)
{
    (void)stage;
    (void)verb;
    (void)files;
    (void)bytes;
    *p = (struct progress){0};
}

void progress_add(struct progress *p, uint64_t files, int64_t bytes)
{
    if (p != NULL) {
        p->files += files;
        p->bytes += bytes;
    }
}

void progress_end(struct progress *p)
{
    (void)p;
}
