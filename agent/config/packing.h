/* SPDX-License-Identifier: MIT
 *
 * The keys about what an archive holds and how it is made: [output X] pack_include, pack_exclude
 * and pack_level.
 */
#ifndef CONFIG_PACKING_H
#define CONFIG_PACKING_H

#include "config/settings.h"
#include "job.h"

/* Most patterns of one key. */
enum { PACKING_MAX_PATTERNS = 64 };

/* Applies one of these keys; ERR_CONFIG names the value and what is wrong with it. */
int packing_apply(struct packing *packing, const struct setting *at, struct err *e);

#endif
