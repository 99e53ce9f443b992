/* SPDX-License-Identifier: MIT
 *
 * The job of `procagent partition`: one output, whose folder the command line names.
 */
#ifndef CONFIG_FOLDER_H
#define CONFIG_FOLDER_H

#include "base/err.h"
#include "config/sources.h"
#include "job.h"

/* Fills `job` for args->dir. agent.ini is read when -c names it or the command line has no layout:
 * its [job] section counts, and the keys of one output, but for local_path, s3_uri and pack. */
int folder_load(struct job *job, struct sources *s, char *const *environment, struct err *e);

#endif
