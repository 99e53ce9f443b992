/* SPDX-License-Identifier: MIT
 *
 * The command line as text: which command, which options. What the values mean is config.h's.
 */
#ifndef CONFIG_ARGS_H
#define CONFIG_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum command {
    COMMAND_RUN,
    COMMAND_CHECK,
    COMMAND_PARTITION,
    COMMAND_NOTEBOOK,
    COMMAND_VERSION,
    COMMAND_HELP,
};

struct args {
    enum command command;
    const char *config;  /* -c FILE, or NULL; borrowed from argv, as are all below */
    const char *ml_root; /* --ml-root DIR, or NULL */
    struct strvec set;   /* --set [SECTION.[NAME.]]KEY=VALUE, in order */
    int log_level;       /* -v, -q; -1 when not given */
    const char *layout;  /* partition: --layout, or NULL */
    const char *match;   /* partition: --match, or NULL */
    const char *output;  /* partition: --output NAME, or NULL */
    const char *dir;     /* partition: the folder, notebook: the file; NULL for other commands */
    bool training;       /* run, by a Notebook Job's name: train, amazon_sagemaker_scheduler */
    const char *out;     /* notebook: -o FILE, or NULL */
    const char *kernel;  /* notebook: -k NAME, or NULL */
    const char *params_file; /* notebook: -f FILE, or NULL */
    struct strvec params;    /* notebook: -p NAME VALUE, one after the other */
    bool dry_run;            /* partition: --dry-run */
    bool json;               /* partition: --json */
    char **words;            /* the transform's words on the command line */
    size_t n_words;
};

/* 0, or ERR_CONFIG that says which word is wrong. */
int args_parse(int argc, char **argv, struct args *out, struct err *e);
void args_free(struct args *args);

/* The help text. */
extern const char ARGS_HELP[];

#endif
