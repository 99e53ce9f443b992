/* SPDX-License-Identifier: MIT
 *
 * Settings: the (section, name, key) -> value list that agent.ini, the environment and --set are
 * read into, each value with its origin. The table of known sections and keys lives here; what a
 * value means is config.c's.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum section {
    SECTION_JOB,
    SECTION_RUN,
    SECTION_NOTEBOOK,
    SECTION_STORE,
    SECTION_INPUT,
    SECTION_OUTPUT,
};
enum { SECTION_COUNT = SECTION_OUTPUT + 1 };

enum key {
    KEY_JOB_TIMEZONE,
    KEY_JOB_TIME,
    KEY_JOB_PROGRESS,
    KEY_RUN_COMMAND,
    KEY_RUN_GRACE,
    KEY_RUN_DRAIN,
    KEY_RUN_TIMEOUT,
    KEY_RUN_USER,
    KEY_RUN_NO_NEW_PRIVS,
    KEY_RUN_STDERR_TAIL,
    KEY_RUN_ENV,        /* env.NAME: the variable's name is the setting's name */
    KEY_NOTEBOOK_INPUT, /* this and all of the section below: notebook.h */
    KEY_NOTEBOOK_OUTPUT,
    KEY_NOTEBOOK_S3_OUTPUT_PATH,
    KEY_NOTEBOOK_KERNEL,
    KEY_NOTEBOOK_ENGINE,
    KEY_NOTEBOOK_TIMEOUT,
    KEY_NOTEBOOK_FORMATS,
    KEY_NOTEBOOK_HIDE_CODE,
    KEY_NOTEBOOK_FOLD_BARS,
    KEY_NOTEBOOK_REDACT,
    KEY_NOTEBOOK_REDACT_CREDENTIALS,
    KEY_NOTEBOOK_PARAMETERS, /* parameters.NAME: as env.NAME */
    KEY_STORE_KIND,
    KEY_STORE_ROOT,
    KEY_STORE_MOVES,
    KEY_STORE_ENDPOINT, /* this and all of the section below: moves.h */
    KEY_STORE_REGION,
    KEY_STORE_ADDRESSING,
    KEY_STORE_CA_BUNDLE,
    KEY_STORE_KMS_KEY_ID,
    KEY_STORE_CONNECTIONS,
    KEY_STORE_PART_SIZE,
    KEY_STORE_RETRIES,
    KEY_STORE_TIMEOUT,
    KEY_INPUT_LOCAL_PATH,
    KEY_INPUT_S3_URI,
    KEY_INPUT_S3_DATA_TYPE, /* this and all of the section below: moves.h */
    KEY_INPUT_S3_DATA_DISTRIBUTION_TYPE,
    KEY_INPUT_S3_INPUT_MODE,
    KEY_INPUT_S3_COMPRESSION_TYPE,
    KEY_INPUT_MANIFEST_PATHS,
    KEY_INPUT_UNPACK,
    KEY_INPUT_UNPACK_MAX_ENTRIES,
    KEY_INPUT_UNPACK_MAX_SIZE,
    KEY_INPUT_UNPACK_MAX_RATIO,
    KEY_OUTPUT_LOCAL_PATH,
    KEY_OUTPUT_S3_URI,
    KEY_OUTPUT_LAYOUT,
    KEY_OUTPUT_MATCH,
    KEY_OUTPUT_PACK,
    KEY_OUTPUT_PACK_INCLUDE, /* this and the next two: packing.h */
    KEY_OUTPUT_PACK_EXCLUDE,
    KEY_OUTPUT_PACK_LEVEL,
    KEY_OUTPUT_S3_UPLOAD_MODE, /* this and below: moves.h */
    KEY_OUTPUT_MODE,
    KEY_OUTPUT_MARKER,
    KEY_OUTPUT_MANIFEST,
    KEY_OUTPUT_ON_FAILURE,
    KEY_OUTPUT_FORMAT, /* this and all below: table.h */
    KEY_OUTPUT_DELIMITER,
    KEY_OUTPUT_QUOTE,
    KEY_OUTPUT_HEADER,
    KEY_OUTPUT_COLUMNS,
    KEY_OUTPUT_NULL,
    KEY_OUTPUT_SENTINEL,
    KEY_OUTPUT_KEEP_COLUMNS,
    KEY_OUTPUT_ON_BAD_ROW,
    KEY_OUTPUT_MAX_ROW_SIZE,
    KEY_OUTPUT_MAX_PARTITIONS,
    KEY_OUTPUT_MAX_FILES,
    KEY_OUTPUT_MAX_FILE_SIZE,
    KEY_OUTPUT_COMPRESS,
    KEY_OUTPUT_PORTABLE,
};
enum { KEY_COUNT = KEY_OUTPUT_PORTABLE + 1 };

struct key_spec {
    enum section section; /* where it may stand */
    const char *name;     /* as written in agent.ini */
};
/* By enum key. */
extern const struct key_spec KEY_SPECS[KEY_COUNT];
/* By enum section; `named` sections are written [output "NAME"]. */
extern const struct section_spec {
    const char *name; /* as written between brackets */
    bool named;       /* takes a name in quotes */
} SECTION_SPECS[SECTION_COUNT];

struct setting {
    enum key key;
    char *name;   /* the section's name: an InputName or OutputName; env.NAME's NAME; else NULL */
    char *value;  /* trimmed */
    char *origin; /* "agent.ini:12", "environment PROCAGENT_RUN_COMMAND", "--set run.command" */
};

struct settings {
    struct setting *v; /* in order of rising precedence */
    size_t n;
    size_t cap;
};

void settings_free(struct settings *list);

/* Adds one value; copies all. */
void settings_add(struct settings *list, enum key key, const char *name, const char *value,
                  const char *origin);

/* The winning value of a key, or NULL. */
const struct setting *settings_find(const struct settings *list, enum key key, const char *name);

/* Reads `[output "transform"]`'s inside: section and, in *name (owned by the caller), its name or
 * NULL. */
int settings_section(const char *text, enum section *section, char **name, const char *origin,
                     struct err *e);

/* The key `word` of a section, and in *variable env.NAME's NAME (borrowed from `word`) or NULL; the
 * error names the nearest known key. */
int settings_key(enum section section, const char *word, enum key *key, const char **variable,
                 const char *origin, struct err *e);

/* SECTION[.NAME].KEY=VALUE of a --set option. */
int settings_add_option(struct settings *list, const char *text, struct err *e);

/* KEY=VALUE of a --set option of `procagent partition`: a key of the output `name`. */
int settings_add_output_option(struct settings *list, const char *name, const char *text,
                               struct err *e);

/* All PROCAGENT_<SECTION>_<KEY> variables; `inputs` and `outputs` are the declared names, for
 * PROCAGENT_OUTPUT_<NAME>_<KEY> (upper case, other characters than letters and digits as _). A
 * variable of another name is an error, or, with NULL for `inputs`, left out. Variables of no known
 * section are reported in `unknown`. */
int settings_add_environment(struct settings *list, char *const *environment,
                             const struct strvec *inputs, const struct strvec *outputs,
                             struct strvec *unknown, struct err *e);

/* The error of a value that is none of what its key takes. */
int settings_bad_value(const struct setting *at, const char *expected, struct err *e);

/* The place of a value among the `n` words of an enum; the error lists them. */
int settings_word(const struct setting *at, const char *const *words, size_t n, int *out,
                  struct err *e);

/* A value that is yes or no. */
int settings_switch(const struct setting *at, bool *out, struct err *e);

#endif
