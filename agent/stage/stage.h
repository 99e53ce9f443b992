/* SPDX-License-Identifier: MIT
 *
 * Stage: inputs from the store to their LocalPath, with the paths the service would give them
 * (contract: sagemaker.md 2.1). With the platform's store there is nothing to do. Always copies,
 * never links: a transform that scribbles on its inputs must not change the store.
 */
#ifndef STAGE_STAGE_H
#define STAGE_STAGE_H

#include "job.h"

/* Refuses inputs that the store's kind cannot serve. */
int stage_check(struct job *job, struct err *e);

/* Lists, plans (collisions are found before a byte moves), then copies. */
int stage_inputs(struct job *job, struct err *e);

/* Where an object lands below LocalPath, given the S3Uri's key part: borrowed from `key`. One rule:
 * prefix ends at a slash, or the next character is one -> the rest; otherwise the name from the
 * last slash of the prefix on. NULL for folder markers (key ends in "/"). */
const char *stage_relative(const char *prefix, const char *key);

#endif
