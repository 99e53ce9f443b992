/* SPDX-License-Identifier: MIT
 *
 * Names of executed notebooks, as the ways to run one write them. Nothing here touches the file
 * system. All results are owned by the caller.
 */
#ifndef NOTEBOOK_NBNAME_H
#define NOTEBOOK_NBNAME_H

#include <stdint.h>

/* As SageMaker's notebook jobs name it: the first ten ASCII letters and digits of the job's name,
 * those of the notebook's name without folder and extension, and the start in UTC:
 * "qiitasampl-qiitasampl-2022-12-25T15-23-04-640Z.ipynb". A name without any such character counts
 * as "job" or "notebook". */
char *nbname_job(const char *job, const char *notebook, int64_t time_ns);

/* What their driver makes of SM_OUTPUT_NOTEBOOK_NAME: each dot and colon becomes '-', and "ipynb"
 * at the end, with any '-' before it, ".ipynb". */
char *nbname_normalise(const char *name);

/* As sagemaker-run-notebook names it: "NAME-YYYY-MM-DD-HH-MM-SS.ipynb", in UTC. */
char *nbname_plain(const char *notebook, int64_t time_ns);

#endif
