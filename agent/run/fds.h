/* SPDX-License-Identifier: MIT
 *
 * Descriptors that were open when the agent started belong to the transform; the agent lets go of
 * them once the transform has them, so that it holds no pipe or lock for anybody.
 */
#ifndef RUN_FDS_H
#define RUN_FDS_H

#include <stddef.h>

/* Closes all descriptors from 3 up but the `n` (at most 8) of `keep`; negative ones there mean
 * none. */
void fds_close_but(const int *keep, size_t n);

#endif
