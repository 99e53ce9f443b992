/* SPDX-License-Identifier: MIT
 *
 * The root certificates that Amazon's endpoints chain to, embedded at build time by
 * scripts/roots.sh: for an image that has no CA certificates (design.md, dependencies).
 */
#ifndef STORE_ROOTS_H
#define STORE_ROOTS_H

/* PEM, NUL-terminated. */
extern const char ROOTS_PEM[];

#endif
