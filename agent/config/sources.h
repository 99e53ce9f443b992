/* SPDX-License-Identifier: MIT
 *
 * What loading a job (config.c) and a folder (folder.c) share: what was read before it is applied,
 * where agent.ini is, and what its values mean.
 */
#ifndef CONFIG_SOURCES_H
#define CONFIG_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "config/args.h"
#include "config/ini.h"
#include "config/settings.h"
#include "job.h"

#define ML_ROOT_DEFAULT "/opt/ml"

/* What is read before it is applied. */
struct sources {
    const struct args *args; /* the command line */
    const char *cwd;         /* relative paths of options and variables start here */
    struct settings settings;
    struct ini_sections sections;
    struct strvec unknown; /* variables that mean nothing */
    const char *only;      /* the one output that counts, or NULL: all of the job */
    size_t service_inputs; /* this many of the job's inputs come from processingjobconfig.json */
    size_t service_outputs;
};

void sources_free(struct sources *s);

/* Sets job->ml_root: --ml-root, $PROCAGENT_ML_ROOT, or the default. */
int sources_ml_root(struct job *job, const struct sources *s, char *const *environment,
                    struct err *e);

/* Reads agent.ini: the named one must exist, of the usual places the first that does counts. */
int sources_read_ini(struct job *job, struct sources *s, char *const *environment, struct err *e);

/* The job's input or output of that name, or NULL. */
struct input *sources_input(const struct job *job, const char *name);
struct output *sources_output(const struct job *job, const char *name);

/* Does a value count? `procagent partition` has one output, whose place is the command line's. */
bool sources_count(const struct sources *s, const struct setting *at);

/* Applies each key's winning value that counts. */
int sources_apply(struct job *job, const struct sources *s, struct err *e);

#endif
