/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/args: commands, options and where the transform's words begin.
 */
#include "unit.h"

#include "base/log.h"
#include "config/args.h"

enum { MAX_WORDS = 16 };

static char line[256];
static char *words[MAX_WORDS];
static struct args args;
static struct err e;

/* Parses a command line, given as words separated by blanks. */
static int parse(const char *text)
{
    args_free(&args);
    e = (struct err){0};
    (void)snprintf(line, sizeof line, "procagent %s", text);
    int n = 0;
    for (char *p = line; *p && n < MAX_WORDS - 1;) {
        words[n++] = p;
        p += strcspn(p, " ");
        if (*p) {
            *p++ = '\0';
        }
    }
    words[n] = NULL;
    return args_parse(n, words, &args, &e);
}

static int clear(void **state)
{
    (void)state;
    args_free(&args);
    return 0;
}

static void test_commands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum command command;
    } CASES[] = {
        {"run", COMMAND_RUN},           {"check", COMMAND_CHECK}, {"version", COMMAND_VERSION},
        {"help", COMMAND_HELP},         {"--help", COMMAND_HELP}, {"-h", COMMAND_HELP},
        {"--version", COMMAND_VERSION}, {"run -h", COMMAND_HELP}, {"run --help", COMMAND_HELP},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(parse(CASES[i].text), &e);
        assert_int_equal(args.command, CASES[i].command);
    }
}

static void test_options(void **state)
{
    (void)state;
    assert_ok(parse("run"), &e);
    assert_null(args.config);
    assert_null(args.ml_root);
    assert_int_equal(args.log_level, -1);
    assert_int_equal(args.set.n, 0);
    assert_int_equal(args.n_words, 0);
    assert_ok(
        parse("run -c a.ini --ml-root=/x --set run.grace=1s --set job.time=now -v python3 -c x"),
        &e);
    assert_string_equal(args.config, "a.ini");
    assert_string_equal(args.ml_root, "/x");
    assert_int_equal(args.set.n, 2);
    assert_string_equal(args.set.v[1], "job.time=now");
    assert_int_equal(args.log_level, LOG_DEBUG);
    assert_int_equal(args.n_words, 3); /* the first word ends the options */
    assert_string_equal(args.words[1], "-c");
    assert_ok(parse("check --config=a.ini -q -- -x run"), &e);
    assert_string_equal(args.config, "a.ini");
    assert_int_equal(args.log_level, LOG_WARN);
    assert_int_equal(args.n_words, 2);
    assert_string_equal(args.words[0], "-x");
    assert_ok(parse("run -- --"), &e);
    assert_int_equal(args.n_words, 1);
    assert_ok(parse("run -ca.ini -vq"), &e);
    assert_string_equal(args.config, "a.ini");
    assert_int_equal(args.log_level, LOG_WARN);
}

static void test_errors(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "no command given"},
        {"rnu", "unknown command \"rnu\" (did you mean \"run\"?)"},
        {"python3 x.py",
         "unknown command \"python3\"; to run it as the transform: procagent run -- python3"},
        {"trian", "unknown command \"trian\" (did you mean \"train\"?)"},
        {"run --ml-rot x",
         "unknown or incomplete option \"--ml-rot\", did you mean \"--ml-root\"?"},
        {"run --set", "option \"--set\" needs a value"},
        {"run -c", "unknown or incomplete option \"-c\""},
        {"run -x", "unknown or incomplete option \"-x\""},
        {"run -v --nope", "option \"--nope\""},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(parse(CASES[i][0]), &e, ERR_CONFIG, CASES[i][1]);
    }
}

static void test_notebook(void **state)
{
    (void)state;
    assert_ok(parse("notebook in.ipynb"), &e);
    assert_int_equal(args.command, COMMAND_NOTEBOOK);
    assert_string_equal(args.dir, "in.ipynb");
    assert_true(!args.out && !args.kernel && !args.params_file && args.params.n == 0);
    assert_ok(parse("notebook -p a 1 in.ipynb -p b -2 -o out.ipynb -f p.json -k python3"), &e);
    assert_string_equal(args.dir, "in.ipynb");
    assert_int_equal(args.params.n, 4);
    assert_string_equal(args.params.v[2], "b");
    assert_string_equal(args.params.v[3], "-2"); /* a value, whatever it looks like */
    assert_string_equal(args.out, "out.ipynb");
    assert_string_equal(args.params_file, "p.json");
    assert_string_equal(args.kernel, "python3");
    static const char *const BAD[][2] = {
        {"notebook", "notebook needs a file: procagent notebook [OPTION]... IN.ipynb"},
        {"notebook a b", "notebook takes one IN.ipynb, here are two: \"a\" and \"b\""},
        {"notebook a -p x", "-p \"x\" has no value"},
        {"notebook a --layout x", "\"--layout\" is no option of notebook, but of partition"},
        {"run -o x", "\"-o\" is no option of run, but of notebook"},
        {"partition -p x y", "\"-p\" is no option of partition, but of notebook"},
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        assert_failed(parse(BAD[i][0]), &e, ERR_CONFIG, BAD[i][1]);
    }
}

/* A Notebook Job's image is started as `train`, or by the scheduler's name with whatever words. */
static void test_training(void **state)
{
    (void)state;
    static char scheduler[] = "/usr/bin/amazon_sagemaker_scheduler";
    static char word[] = "--whatever";
    char *const argv[] = {scheduler, word, NULL};
    assert_ok(parse("run"), &e);
    assert_false(args.training);
    assert_ok(parse("train"), &e);
    assert_true(args.training && args.command == COMMAND_RUN);
    assert_ok(parse("amazon_sagemaker_scheduler"), &e);
    assert_true(args.training);
    args_free(&args);
    assert_ok(args_parse(2, (char **)(uintptr_t)argv, &args, &e), &e);
    assert_true(args.training && args.command == COMMAND_RUN && args.n_words == 0);
}

static void test_partition(void **state)
{
    (void)state;
    assert_ok(parse("partition d"), &e);
    assert_int_equal(args.command, COMMAND_PARTITION);
    assert_string_equal(args.dir, "d");
    assert_false(args.dry_run || args.json);
    assert_null(args.layout);
    assert_null(args.match);
    assert_null(args.output);
    assert_int_equal(args.n_words, 0);
    assert_ok(
        parse("partition --layout a=b --match={x} d --dry-run -c a.ini --set null=fail --json "
              "--output o -q"),
        &e); /* options may stand behind the folder */
    assert_string_equal(args.dir, "d");
    assert_string_equal(args.layout, "a=b");
    assert_string_equal(args.match, "{x}");
    assert_string_equal(args.output, "o");
    assert_string_equal(args.config, "a.ini");
    assert_string_equal(args.set.v[0], "null=fail");
    assert_true(args.dry_run && args.json);
    assert_int_equal(args.log_level, LOG_WARN);
    assert_ok(parse("partition --json -- --dry-run"), &e);
    assert_string_equal(args.dir, "--dry-run");
    assert_false(args.dry_run);
    assert_ok(parse("partition -c -- d --json"), &e); /* here -- is the file's name */
    assert_string_equal(args.config, "--");
    assert_true(args.json);
    assert_ok(parse("partition --help"), &e);
    assert_int_equal(args.command, COMMAND_HELP);
    static const char *const BAD[][2] = {
        {"partition", "partition needs a folder: procagent partition [OPTION]... DIR"},
        {"partition --json", "partition needs a folder"},
        {"partition --", "partition needs a folder"},
        {"partition a b", "partition takes one DIR, here are two: \"a\" and \"b\""},
        {"partition a -- b", "here are two"},
        {"partition --ml-root x d",
         "\"--ml-root\" is no option of partition, but of run and check"},
        {"partition --layuot x d", "\"--layuot\", did you mean \"--layout\"?"},
        {"partition d --layout", "option \"--layout\" needs a value"},
        {"partition d -x", "unknown or incomplete option \"-x\""},
        {"partitoin d", "did you mean \"partition\"?"},
        {"run --dry-run", "\"--dry-run\" is no option of run, but of partition"},
        {"check --json", "\"--json\" is no option of check, but of partition"},
        {"run --layout a=b -- x", "\"--layout\" is no option of run"},
        {"run --match x", "\"--match\" is no option of run"},
        {"check --output=x", "\"--output=x\" is no option of check"},
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        assert_failed(parse(BAD[i][0]), &e, ERR_CONFIG, BAD[i][1]);
    }
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    static const char *const WORDS[] = {
        "--config", "--ml-root", "--set",    "--verbose", "--quiet", "run",   "check",
        "version",  "help",      "125",      "126",       "127",     "128+n", "partition",
        "--layout", "--match",   "--output", "--dry-run", "--json"};
    for (size_t i = 0; i < COUNT(WORDS); i++) {
        assert_contains(ARGS_HELP, WORDS[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_commands, clear),
        cmocka_unit_test_teardown(test_notebook, clear),
        cmocka_unit_test_teardown(test_training, clear),
        cmocka_unit_test_teardown(test_options, clear),
        cmocka_unit_test_teardown(test_errors, clear),
        cmocka_unit_test_teardown(test_partition, clear),
        cmocka_unit_test_teardown(test_help_names_every_option, clear),
    };
    return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
