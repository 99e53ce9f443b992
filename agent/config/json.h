/* SPDX-License-Identifier: MIT
 *
 * processingjobconfig.json and resourceconfig.json -> struct job. Lenient where the service is: any
 * key may be absent or null, unknown keys are fine, unknown enum values are kept as *_OTHER
 * (contract: sagemaker.md 1.1, 1.3). Wrong types of the keys we read are errors with line and
 * column.
 */
#ifndef CONFIG_JSON_H
#define CONFIG_JSON_H

#include <stddef.h>

#include "base/err.h"
#include "job.h"

/* Reads the text of processingjobconfig.json: name, ARN, inputs, outputs, MaxRuntimeInSeconds.
 * `file` is the name for origins and errors. */
int json_read_job(const char *file, const char *text, size_t n, struct job *job, struct err *e);

/* Reads the text of resourceconfig.json: current_host and hosts; job->hosts_named when it has one
 * of them. */
int json_read_hosts(const char *file, const char *text, size_t n, struct job *job, struct err *e);

/* Appends an empty input or output (its table with the defaults); the name is copied. */
struct input *job_add_input(struct job *job, const char *name);
struct output *job_add_output(struct job *job, const char *name);

#endif
