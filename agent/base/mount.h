/* SPDX-License-Identifier: MIT
 *
 * Where file systems are mounted: a folder that is a mount point, or holds one, cannot be replaced
 * by rename.
 */
#ifndef BASE_MOUNT_H
#define BASE_MOUNT_H

#include <stdbool.h>

#include "base/str.h"

/* Is the open folder the root of a mount? Also when the kernel cannot say. `dir` is its absolute
 * path without links. */
bool mount_is_root(int fd, const char *dir);

/* The mount points below `dir` (absolute, without links), as paths relative to it; none also when
 * the kernel does not tell (no /proc). */
void mounts_below(const char *dir, struct strvec *out);

#endif
