/* SPDX-License-Identifier: MIT
 *
 * Finding the bytes that matter in CSV, 64 at a time, as bit masks (bit i is byte i). There is one
 * kernel per instruction set, chosen when first asked for; all give the same masks.
 */
#ifndef PARTITION_MASKS_H
#define PARTITION_MASKS_H

#include <stddef.h>
#include <stdint.h>

enum { MASK_BLOCK = 64 }; /* bytes per mask */

/* What is looked for. */
struct mask_bytes {
    unsigned char quote;     /* when `has_quote` is 0 nothing is a quote */
    unsigned char delimiter; /* between fields */
    uint64_t has_quote;      /* all ones or 0 */
};

/* Where it is in one block. */
struct masks {
    uint64_t quote;     /* quotes */
    uint64_t delimiter; /* delimiters */
    uint64_t newline;   /* LF */
    uint64_t cr;        /* CR */
    uint64_t nul;       /* NUL */
};

/* Masks of n_blocks * MASK_BLOCK bytes at `p` (any alignment), all of them readable. */
typedef void masks_kernel(const unsigned char *p, size_t n_blocks, const struct mask_bytes *bytes,
                          struct masks *out);

/* A kernel by name, for tests and benchmarks; `usable` says whether this machine has its
 * instructions. */
struct masks_choice {
    const char *name;     /* "avx2" */
    masks_kernel *kernel; /* the function */
    int (*usable)(void);  /* has this machine its instructions? */
};

/* Fastest first; ended by a NULL name. */
extern const struct masks_choice MASKS_CHOICES[];

/* The fastest usable kernel. */
masks_kernel *masks_best(void);

#endif
