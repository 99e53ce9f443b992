/* SPDX-License-Identifier: MIT
 *
 * Is there room for what is to be staged? Asked before the first byte moves.
 */
#ifndef STAGE_SPACE_H
#define STAGE_SPACE_H

#include "job.h"
#include "stage/plan.h"

/* Compares the listed sizes with what is free below the LocalPaths, for each file system. Files
 * that will be replaced count as free. ERR_INPUT that says how much is needed. */
int space_check(const struct job *job, const struct plan *plan, struct err *e);

/* "12.3 GB" in `buf`, whose size is at least 24; units are powers of 1000, as the service's. */
const char *space_text(char *buf, size_t size, uint64_t bytes);

#endif
