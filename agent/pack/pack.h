/* SPDX-License-Identifier: MIT
 *
 * Pack: an output with `pack = NAME.tar.gz` becomes one archive at the root of its LocalPath; the
 * loose files are removed once the archive is complete, so that what is published is the archive
 * alone.
 */
#ifndef PACK_PACK_H
#define PACK_PACK_H

#include "job.h"

/* Refuses archive names that cannot work and outputs that are uploaded while the transform runs. */
int pack_check(struct job *job, struct err *e);

/* Packs every output that asks for it. A failure leaves the loose files as they were. */
int pack_outputs(struct job *job, struct err *e);

#endif
