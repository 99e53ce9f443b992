/* SPDX-License-Identifier: MIT
 *
 * Pack: an output with `pack = NAME.tar.gz` (or .tgz, .tar.zst, .zip) becomes one archive at the
 * root of its LocalPath, of all files or those that patterns choose; the packed files are removed
 * once the archive is complete, so that what is published is the archive and what was not chosen.
 */
#ifndef PACK_PACK_H
#define PACK_PACK_H

#include "job.h"

/* Refuses archive names that cannot work and outputs that are uploaded while the transform runs. */
int pack_check(struct job *job, struct err *e);

/* Packs every output that asks for it. A failure leaves the loose files as they were. */
int pack_outputs(struct job *job, struct err *e);

#endif
