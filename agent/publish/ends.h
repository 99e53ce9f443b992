/* SPDX-License-Identifier: MIT
 *
 * What is put after all data, so that who finds it knows that the data is complete: an output's
 * manifest and its marker.
 */
#ifndef PUBLISH_ENDS_H
#define PUBLISH_ENDS_H

#include "base/err.h"
#include "job.h"
#include "publish/items.h"
#include "store/store.h"

/* The output's data as a ManifestFile (contract: sagemaker.md 2.2): an input of S3DataType
 * ManifestFile reads just what this run published. Names that readers skip (a part begins with _ or
 * .) are left out. Owned by the caller; NULL when nothing is left, since the service wants at least
 * one entry. */
char *ends_manifest(const struct items *plan, const struct job *job, size_t output);

/* Puts and commits all manifests and markers of a checked plan. An output without data gets its
 * marker, and a warning in place of its manifest. */
int ends_put(struct items *plan, const struct job *job, struct store *store, struct err *e);

#endif
