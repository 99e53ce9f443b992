/* SPDX-License-Identifier: MIT
 *
 * Publish: every output's files to the store (plan.h says under which keys). Links are not followed
 * and not published, empty folders vanish, as on the service (contract: sagemaker.md 2.7). With the
 * platform's store nothing moves; what SageMaker will upload is counted.
 *
 * The order: all data under temporary names; all data visible; what mode = replace replaces goes
 * (modes.h); manifests and markers (ends.h). Whatever fails, data that was complete before can
 * still be read, or new data that is complete has taken its place; the error says which.
 */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "job.h"

/* Refuses, with ERR_CONFIG:
 * - outputs that are ours to move without a usable S3Uri;
 * - mode, marker, manifest and on_failure where somebody else uploads, and where they contradict
 *   S3UploadMode Continuous;
 * - mode = replace or fail where another output shares the place;
 * - a FeatureStoreOutput that is not AppManaged (the service refuses such jobs), or that has an
 *   S3Output which we would have to move: nothing here, and nothing of the service, writes to the
 *   Feature Store. With AppManaged and no S3Output it is the transform's alone, whatever the store
 *   (contract: sagemaker.md 2.5). */
int publish_check(struct job *job, struct err *e);

/* Publishes all outputs; after a failed transform only those with on_failure = publish, below
 * S3Uri/_failed/JOB-TIME/, without marker or manifest. */
int publish_outputs(struct job *job, struct err *e);

/* After a failed transform there is something to publish where an output says on_failure = publish,
 * but not after a stop or when the job's time is over. A Notebook Job's result is published in any
 * case, as the service does. */
bool publish_despite(const struct job *job);

/* The uploads of S3UploadMode Continuous, beside the transform; see continuous.h. */
int publish_begin(struct job *job, struct err *e);
int publish_end(struct job *job, struct err *e);

#endif
