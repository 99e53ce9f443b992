/* SPDX-License-Identifier: MIT
 *
 * Progress of a stage that moves bytes.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

struct progress {
    _Atomic uint64_t files;
    _Atomic int64_t bytes;
};

void progress_begin(struct progress *p, const char *stage, const char *verb, uint64_t files,
                    uint64_t bytes);
/* `p` may be NULL. */
void progress_add(struct progress *p, uint64_t files, int64_t bytes);
void progress_end(struct progress *p);

#endif
