/* SPDX-License-Identifier: MIT
 *
 * Bytes in and out of descriptors: whole files in, whole buffers out, file to file by the cheapest
 * way the kernel has.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* Reads the file `path` (below `dir_fd`, AT_FDCWD allowed) into `out`, at most out->max bytes.
 * 0; 1 when there is no such file (`e` untouched); negative with `code` otherwise. */
int io_read_file(int dir_fd, const char *path, struct str *out, enum err_code code, struct err *e);

/* read(2), begun again when a signal interrupts it: bytes read, 0 at the end, -1 with errno. */
ssize_t io_read_some(int fd, void *buf, size_t n);

/* Writes all of it: 0, or -1 with errno. */
int io_write_all(int fd, const void *bytes, size_t n);

/* Copies exactly `size` bytes from the start of `from` to `to`: reflink, else copy_file_range, else
 * read and write. A source that is shorter or was shortened meanwhile is an error, as is a stop
 * signal. `what` names the copy in errors; a read failure has code ERR_INPUT, a write failure
 * ERR_OUTPUT. With `flush` the bytes are on their way to the disk as they are copied, so that a
 * later fsync, which no signal can interrupt, has little left to do. */
int io_copy(int from, int to, uint64_t size, bool flush, const char *what, struct err *e);

/* mkdir -p of `path` (relative to `dir_fd` or absolute), mode 0777 less the umask. 0, or -1 with
 * errno. */
int io_mkdirs(int dir_fd, const char *path);

#endif
