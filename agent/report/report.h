/* SPDX-License-Identifier: MIT
 *
 * Report: how the job ended, for people and programs: ML_ROOT/output/message (one line, what the
 * service shows as ExitMessage: sagemaker.md 3.4), ML_ROOT/output/report.json (schema in
 * README.md), a summary on stderr; `procagent check`'s view of the plan, and what `procagent
 * partition` prints.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "job.h"

/* Writes message and report.json and prints the summary. What cannot be written is a warning: the
 * job's status stands. */
void report_job(const struct job *job);

/* Writes the message file only, with `text`; allocates nothing (memory may be out). */
void report_last_words(const struct job *job, const char *text);

/* Prints to stdout what `run` would do. 0, or -1 when stdout cannot be written. */
int report_plan(const struct job *job);

/* Prints to stdout the partitions of the job's one output, as a table or as JSON. 0 or -1 as
 * above. */
int report_partitions(const struct job *job, bool json);

#endif
