/* SPDX-License-Identifier: MIT
 *
 * Stage: inputs from the store to their LocalPath, with the paths the service would give them
 * (contract: sagemaker.md 2), or through a FIFO; then archives unpacked, where that is wanted. With
 * the platform's store only the unpacking is ours. Always copies, never links: a transform that
 * scribbles on its inputs must not change the store.
 *
 * All or nothing: a failure removes what was staged (undo.h says what of it can stay).
 */
#ifndef STAGE_STAGE_H
#define STAGE_STAGE_H

#include "job.h"

/* Refuses inputs that cannot be staged, and says what to use instead. */
int stage_check(struct job *job, struct err *e);

/* Lists, plans (names, collisions and room are checked before a byte moves), copies, unpacks, makes
 * FIFOs. */
int stage_inputs(struct job *job, struct err *e);

/* Feeds the FIFOs beside the transform: a thread for each. */
int stage_begin(struct job *job, struct err *e);

/* Ends that and removes them; the first error that kept a FIFO from its data is returned. */
int stage_end(struct job *job, struct err *e);

#endif
