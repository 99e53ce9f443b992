/* SPDX-License-Identifier: MIT
 *
 * Publish: every output's files to the store: key = S3Uri + "/" + path below LocalPath (contract:
 * sagemaker.md 2.7). Links are not followed and not published, empty folders vanish, as on the
 * service. With the platform's store nothing moves; what SageMaker will upload is counted.
 */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "job.h"

/* Refuses outputs without a usable S3Uri when we are to move them. */
int publish_check(struct job *job, struct err *e);

/* Plans all keys of all outputs, checks them, sends all, then makes all visible. */
int publish_outputs(struct job *job, struct err *e);

#endif
