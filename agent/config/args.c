/* SPDX-License-Identifier: MIT
 *
 * The command line. See args.h.
 */
#include "config/args.h"

#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"

const char ARGS_HELP[] =
    "procagent: the entrypoint of a SageMaker Processing container\n"
    "\n"
    "  procagent run   [OPTION]... [--] [COMMAND [ARG]...]\n"
    "                         stage inputs, run COMMAND, rewrite and publish its outputs, exit\n"
    "                         with its status\n"
    "  procagent check [OPTION]... [--] [COMMAND [ARG]...]\n"
    "                         print what run would do, touch nothing\n"
    "  procagent version | help\n"
    "\n"
    "  -c, --config FILE      agent.ini to use (else $PROCAGENT_CONFIG,\n"
    "                         /opt/ml/processing/config/agent.ini, /etc/procagent/agent.ini)\n"
    "      --ml-root DIR      stands for /opt/ml (else $PROCAGENT_ML_ROOT)\n"
    "      --set SECTION[.NAME].KEY=VALUE\n"
    "                         as if agent.ini said so; wins over file and environment\n"
    "  -v, --verbose          also say what is skipped and why\n"
    "  -q, --quiet            warnings and errors only\n"
    "\n"
    "Without COMMAND, [run] command of agent.ini is run; with both, the words given here are\n"
    "appended to it. Exit status: the command's own; 128+n after a signal; 126 or 127 when it\n"
    "cannot be started; 125 when procagent itself failed. The reason is in\n"
    "/opt/ml/output/message.\n";

enum { OPT_ML_ROOT = 256, OPT_SET };

static const struct option OPTIONS[] = {
    {"config", required_argument, NULL, 'c'},
    {"ml-root", required_argument, NULL, OPT_ML_ROOT},
    {"set", required_argument, NULL, OPT_SET},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const struct {
    const char *word;
    enum command command;
} COMMANDS[] = {
    {"run", COMMAND_RUN},   {"check", COMMAND_CHECK},  {"version", COMMAND_VERSION},
    {"help", COMMAND_HELP}, {"--help", COMMAND_HELP},  {"-h", COMMAND_HELP},
    {"--version", COMMAND_VERSION},
};

static int find_command(const char *word, enum command *out, struct err *e)
{
    const char *names[sizeof COMMANDS / sizeof *COMMANDS];
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        names[i] = COMMANDS[i].word;
        if (strcmp(word, names[i]) == 0) {
            *out = COMMANDS[i].command;
            return 0;
        }
    }
    const char *near = nearest_name(word, names, sizeof names / sizeof *names);
    return err_set(
        e, ERR_CONFIG, "unknown command %s%s%s%s; to run it as the transform: procagent run -- %s",
        QUOTED(word), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "", word);
}

static int bad_option(char *const *argv, int index, struct err *e)
{
    const char *word = argv[index] ? argv[index] : "";
    const char *names[sizeof OPTIONS / sizeof *OPTIONS - 1];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        names[i] = OPTIONS[i].name;
    }
    const char *near =
        str_starts(word, "--") ? nearest_name(word + 2, names, sizeof names / sizeof *names) : NULL;
    if (near && strcmp(near, word + 2) == 0) {
        return err_set(e, ERR_CONFIG, "option %s needs a value (procagent help)", QUOTED(word));
    }
    return err_set(e, ERR_CONFIG,
                   "unknown or incomplete option %s%s%s%s (procagent help); words of the transform "
                   "that begin with a dash go behind --",
                   QUOTED(word), near ? ", did you mean \"--" : "", near ? near : "",
                   near ? "\"?" : "");
}

int args_parse(int argc, char **argv, struct args *out, struct err *e)
{
    *out = (struct args){.command = COMMAND_HELP, .log_level = -1};
    if (argc < 2) {
        return err_set(e, ERR_CONFIG, "no command given (procagent help)");
    }
    int rc = find_command(argv[1], &out->command, e);
    if (rc != 0) {
        return rc;
    }
    char **rest = argv + 1; /* getopt takes its argv[0] to be the program's name */
    int n = argc - 1;
    opterr = 0;
    optind = 0; /* glibc's way to start over, for whoever parses twice */
    for (;;) {
        int at = optind ? optind : 1;
        int c = getopt_long(n, rest, "+:c:vqh", OPTIONS, NULL);
        if (c == -1) {
            break;
        }
        switch (c) {
        case 'c': out->config = optarg; break;
        case OPT_ML_ROOT: out->ml_root = optarg; break;
        case OPT_SET: strvec_add(&out->set, optarg); break;
        case 'v': out->log_level = LOG_DEBUG; break;
        case 'q': out->log_level = LOG_WARN; break;
        case 'h': out->command = COMMAND_HELP; break;
        default: return bad_option(rest, at, e);
        }
    }
    out->words = rest + optind;
    out->n_words = (size_t)(n - optind);
    return 0;
}

void args_free(struct args *args)
{
    strvec_free(&args->set);
}
