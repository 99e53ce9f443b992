/* SPDX-License-Identifier: MIT
 *
 * The files of a tree become gzip files: NAME -> NAME.gz, the plain one removed. All CPUs take
 * part; the bytes depend on the data alone.
 */
#ifndef PARTITION_GZIP_H
#define PARTITION_GZIP_H

#include "base/err.h"

/* Compresses every file below `dir_fd` but those whose path begins with `except`. ERR_OUTPUT names
 * the file; what was done stays. */
int gzip_tree(int dir_fd, const char *except, struct err *e);

#endif
