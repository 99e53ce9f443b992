/* SPDX-License-Identifier: MIT
 *
 * Parallel gzip: bytes in, a gzip file out, compressed by a pool of threads. Every PARGZ_BLOCK
 * bytes of input are one gzip member of their own (gzip -d, tar, Python, Go and libarchive read the
 * members as one stream), or one frame of a zstd file, so the output depends on the input alone,
 * never on the number of threads or on timing. Headers carry no time and no name. At most two
 * blocks per thread, and one more, are in memory.
 *
 *     SCOPE(pargz_abort) struct pargz *z = NULL;
 *     pargz_open(&z, fd, PARGZ_LEVEL, e)
 *     pargz_write(z, bytes, n, e) as often as needed
 *     pargz_finish(&z, &size, e)
 *
 * One thread calls these. Threads start with the second block, so a small archive costs none.
 * Nothing may fork between the first write and finish or abort; both join the pool.
 */
#ifndef BASE_PARGZ_H
#define BASE_PARGZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/shrink.h"

enum {
    PARGZ_BLOCK = 1 << 20,  /* input bytes per member: below 0.2 % larger than one big member */
    PARGZ_MAX_THREADS = 16, /* bounds memory at 2 * 16 blocks, in and out: 70 MB */
    PARGZ_LEVEL = 5,        /* below pigz -6 in size on CSV and notebooks, at thrice its speed */
};

struct pargz;

/* Starts a gzip stream to `fd`, which stays the caller's; level 1..12 as libdeflate counts. One
 * thread per CPU this process may run on. */
int pargz_open(struct pargz **out, int fd, int level, struct err *e);

/* The same in another format, whose levels shrink.h has. */
int pargz_open_as(struct pargz **out, int fd, enum shrink_format format, int level, struct err *e);

/* The same with a given number of threads, 1..PARGZ_MAX_THREADS. */
int pargz_open_threads(struct pargz **out, int fd, enum shrink_format format, int level,
                       unsigned threads, struct err *e);

/* Adds `n` bytes. A failed write of earlier ones is reported here or by finish: ERR_OUTPUT. */
int pargz_write(struct pargz *z, const void *bytes, size_t n, struct err *e);

/* Ends the stream: all is written, or the failure is told. The bytes of the gzip file are in
 * `*size`. Either way the pool is joined, everything is freed and `*z` is NULL. */
int pargz_finish(struct pargz **z, uint64_t *size, struct err *e);

/* Gives up: joins, frees, `*z` is NULL. What is not written yet never will be. NULL is fine. */
void pargz_abort(struct pargz **z);

#endif
