/* SPDX-License-Identifier: MIT
 *
 * The command line. See args.h.
 */
#include "config/args.h"

#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"

const char ARGS_HELP[] =
    "procagent: the entrypoint of a SageMaker Processing container\n"
    "\n"
    "  procagent run   [OPTION]... [--] [COMMAND [ARG]...]\n"
    "                         stage inputs, run COMMAND, rewrite and publish its outputs, exit\n"
    "                         with its status\n"
    "  procagent check [OPTION]... [--] [COMMAND [ARG]...]\n"
    "                         print what run would do, touch nothing\n"
    "  procagent partition [OPTION]... DIR\n"
    "                         the partition stage alone, on any folder\n"
    "  procagent notebook [OPTION]... IN.ipynb\n"
    "                         run a notebook headless; what came out is kept when it fails too\n"
    "  procagent train        a SageMaker Notebook Job, as its variables describe it; also under\n"
    "                         the name amazon_sagemaker_scheduler\n"
    "  procagent version | help\n"
    "\n"
    "  -c, --config FILE      agent.ini to use (else $PROCAGENT_CONFIG,\n"
    "                         /opt/ml/processing/config/agent.ini, /etc/procagent/agent.ini)\n"
    "      --ml-root DIR      stands for /opt/ml (else $PROCAGENT_ML_ROOT); run and check\n"
    "      --set SECTION[.NAME].KEY=VALUE\n"
    "                         as if agent.ini said so; wins over file and environment\n"
    "  -v, --verbose          also say what is skipped and why\n"
    "  -q, --quiet            warnings and errors only\n"
    "\n"
    "Of partition:\n"
    "      --layout LAYOUT    as [output] layout; agent.ini is then read with -c only\n"
    "      --match PATTERN    as [output] match\n"
    "      --set KEY=VALUE    a key of [output]; SECTION.[NAME.]KEY=VALUE as above\n"
    "      --output NAME      which [output] of agent.ini (default: the only one with a layout)\n"
    "      --dry-run          change nothing, print the partitions there would be\n"
    "      --json             print the partitions as JSON\n"
    "\n"
    "Of notebook:\n"
    "  -o FILE                the executed notebook (default: beside IN, the time in its name)\n"
    "  -p NAME VALUE          a parameter; numbers, True, False and None are such, all else text\n"
    "  -f FILE                parameters as a JSON object\n"
    "  -k NAME                the kernel (default: the notebook's, if it is installed)\n"
    "\n"
    "Without COMMAND, [run] command of agent.ini is run; with both, the words given here are\n"
    "appended to it. Exit status: the command's own; 128+n after a signal; 126 or 127 when it\n"
    "cannot be started; 125 when procagent itself failed. The reason is in\n"
    "/opt/ml/output/message.\n";

enum { OPT_ML_ROOT = 256, OPT_SET, OPT_LAYOUT, OPT_MATCH, OPT_OUTPUT, OPT_DRY_RUN, OPT_JSON };

static const struct option OPTIONS[] = {
    {"config", required_argument, NULL, 'c'},
    {"ml-root", required_argument, NULL, OPT_ML_ROOT},
    {"set", required_argument, NULL, OPT_SET},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"layout", required_argument, NULL, OPT_LAYOUT},
    {"match", required_argument, NULL, OPT_MATCH},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"json", no_argument, NULL, OPT_JSON},
    {NULL, 0, NULL, 0},
};
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS - 1 };

static const struct {
    const char *word;
    enum command command;
} COMMANDS[] = {
    {"run", COMMAND_RUN},
    {"check", COMMAND_CHECK},
    {"version", COMMAND_VERSION},
    {"help", COMMAND_HELP},
    {"--help", COMMAND_HELP},
    {"-h", COMMAND_HELP},
    {"partition", COMMAND_PARTITION},
    {"notebook", COMMAND_NOTEBOOK},
    {"train", COMMAND_RUN},
    {"amazon_sagemaker_scheduler", COMMAND_RUN},
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

/* Does a command have this option? */
static bool belongs(int option, enum command command)
{
    bool alone = command == COMMAND_PARTITION;
    switch (option) {
    case OPT_ML_ROOT: return !alone && command != COMMAND_NOTEBOOK;
    case 'o':
    case 'p':
    case 'f':
    case 'k': return command == COMMAND_NOTEBOOK;
    case OPT_LAYOUT:
    case OPT_MATCH:
    case OPT_OUTPUT:
    case OPT_DRY_RUN:
    case OPT_JSON: return alone;
    default: return true;
    }
}

static int bad_option(const char *word, enum command command, struct err *e)
{
    word = word ? word : "";
    const char *names[OPTION_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (belongs(OPTIONS[i].val, command)) {
            names[n++] = OPTIONS[i].name;
        }
    }
    const char *near = str_starts(word, "--") ? nearest_name(word + 2, names, n) : NULL;
    if (near && strcmp(near, word + 2) == 0) {
        return err_set(e, ERR_CONFIG, "option %s needs a value (procagent help)", QUOTED(word));
    }
    return err_set(e, ERR_CONFIG, "unknown or incomplete option %s%s%s%s (procagent help)%s",
                   QUOTED(word), near ? ", did you mean \"--" : "", near ? near : "",
                   near ? "\"?" : "",
                   command == COMMAND_PARTITION
                       ? ""
                       : "; words of the transform that begin with a dash go behind --");
}

/* `option` is getopt's answer, `word` what stood there, `name` the command's. */
static int take_option(struct args *out, int option, const char *word, const char *name,
                       struct err *e)
{
    if (option == '?' || option == ':') {
        return bad_option(word, out->command, e);
    }
    if (!belongs(option, out->command)) {
        return err_set(e, ERR_CONFIG, "%s is no option of %s, but of %s (procagent help)",
                       QUOTED(word), name,
                       option == OPT_ML_ROOT  ? "run and check"
                       : option < OPT_ML_ROOT ? "notebook"
                                              : "partition");
    }
    switch (option) {
    case 'c': out->config = optarg; break;
    case OPT_ML_ROOT: out->ml_root = optarg; break;
    case OPT_SET: strvec_add(&out->set, optarg); break;
    case OPT_LAYOUT: out->layout = optarg; break;
    case OPT_MATCH: out->match = optarg; break;
    case OPT_OUTPUT: out->output = optarg; break;
    case OPT_DRY_RUN: out->dry_run = true; break;
    case OPT_JSON: out->json = true; break;
    case 'o': out->out = optarg; break;
    case 'f': out->params_file = optarg; break;
    case 'k': out->kernel = optarg; break;
    case 'p': strvec_add(&out->params, optarg); break;
    case 'v': out->log_level = LOG_DEBUG; break;
    case 'q': out->log_level = LOG_WARN; break;
    default: break;
    }
    return 0;
}

/* -p takes two words, which getopt does not know of. */
static int take_value(struct args *out, char *const *rest, int n, struct err *e)
{
    if (optind >= n) {
        return err_set(e, ERR_CONFIG, "-p %s has no value: -p NAME VALUE", QUOTED(optarg));
    }
    strvec_add(&out->params, rest[optind++]);
    return 0;
}

/* The words of `procagent partition` and `notebook` that are no options: one folder or file. */
static int take_dir(struct args *out, const char *word, struct err *e)
{
    if (out->dir) {
        return err_set(e, ERR_CONFIG, "%s, here are two: %s and %s",
                       out->command == COMMAND_NOTEBOOK ? "notebook takes one IN.ipynb"
                                                        : "partition takes one DIR",
                       QUOTED(out->dir), QUOTED(word));
    }
    out->dir = word;
    return 0;
}

int args_parse(int argc, char **argv, struct args *out, struct err *e)
{
    *out = (struct args){.command = COMMAND_HELP, .log_level = -1};
    if (argc > 0 && strcmp(path_base(argv[0]), "amazon_sagemaker_scheduler") == 0) {
        out->command = COMMAND_RUN; /* the service calls it so, without words */
        out->training = true;
        return 0;
    }
    if (argc < 2) {
        return err_set(e, ERR_CONFIG, "no command given (procagent help)");
    }
    int rc = find_command(argv[1], &out->command, e);
    out->training = rc == 0 && out->command == COMMAND_RUN && strcmp(argv[1], "run") != 0;
    bool alone = out->command == COMMAND_PARTITION || out->command == COMMAND_NOTEBOOK;
    bool help = false;
    bool options_end = false; /* -- was seen */
    char **rest = argv + 1;   /* getopt takes its argv[0] to be the program's name */
    int n = argc - 1;
    opterr = 0;
    optind = 0; /* glibc's way to start over, for whoever parses twice */
    while (rc == 0) {
        int at = optind ? optind : 1;
        int c = options_end ? -1 : getopt_long(n, rest, "+:c:vqho:p:f:k:", OPTIONS, NULL);
        if (c != -1) {
            help = help || c == 'h';
            rc = take_option(out, c, rest[at], argv[1], e);
            rc = rc || c != 'p' ? rc : take_value(out, rest, n, e);
            continue;
        }
        options_end = options_end || (optind == at + 1 && strcmp(rest[at], "--") == 0);
        if (!alone || optind >= n) {
            break;
        }
        rc = take_dir(out, rest[optind++], e); /* options may stand behind it */
    }
    out->words = rest + optind;
    out->n_words = (size_t)(n - optind);
    out->command = help ? COMMAND_HELP : out->command;
    if (rc == 0 && !help && alone && !out->dir) {
        rc = err_set(e, ERR_CONFIG, "%s",
                     out->command == COMMAND_NOTEBOOK
                         ? "notebook needs a file: procagent notebook [OPTION]... IN.ipynb"
                         : "partition needs a folder: procagent partition [OPTION]... DIR");
    }
    return rc;
}

void args_free(struct args *args)
{
    strvec_free(&args->set);
    strvec_free(&args->params);
}
