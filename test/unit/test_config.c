/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/config: config_load as a whole, on an ml root in a scratch folder.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

/* One load: its options, its variables, and what came out. */
static struct job job;
static struct args args;
static char *environment[16];
static size_t n_environment;
static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    args = (struct args){.command = COMMAND_RUN, .ml_root = at->path, .log_level = -1};
    n_environment = 0;
    return 0;
}

static int teardown(void **state)
{
    job_free(&job);
    args_free(&args);
    for (size_t i = 0; i < n_environment; i++) {
        free(environment[i]);
    }
    return scratch_remove(state);
}

static void set_variable(const char *name, const char *value)
{
    size_t n = strlen(name) + strlen(value) + 2;
    assert_true(n_environment + 1 < COUNT(environment));
    environment[n_environment] = malloc(n);
    assert_non_null(environment[n_environment]);
    (void)snprintf(environment[n_environment++], n, "%s=%s", name, value);
}

static int load(void)
{
    environment[n_environment] = NULL;
    job_free(&job);
    job_init(&job);
    e = (struct err){0};
    return config_load(&job, &args, environment, &e);
}

static void job_json(const char *text)
{
    write_text(at->fd, "config/processingjobconfig.json", text);
}

static void agent_ini(const char *text)
{
    write_text(at->fd, "processing/config/agent.ini", text);
}

static void expect_error(const char *piece)
{
    assert_failed(load(), &e, ERR_CONFIG, piece);
}

#define INPUT(name, path)                                            \
    "{\"InputName\":\"" name "\",\"S3Input\":{\"LocalPath\":\"" path \
    "\",\"S3Uri\":\"s3://b/in/" name "/\"}}"
#define OUTPUT(name, path)                                             \
    "{\"OutputName\":\"" name "\",\"S3Output\":{\"LocalPath\":\"" path \
    "\",\"S3Uri\":\"s3://b/out/" name "/\"}}"
#define JOB(inputs, outputs)                                     \
    "{\"ProcessingJobName\":\"j\",\"ProcessingInputs\":[" inputs \
    "],\"ProcessingOutputConfig\":{\"Outputs\":[" outputs "]}}"

static void test_nothing_at_all(void **state)
{
    (void)state;
    assert_ok(load(), &e);
    assert_string_equal(job.ml_root, at->path);
    assert_null(job.config_file);
    assert_string_equal(job.timezone, "UTC");
    assert_int_equal(job.command.n, 0);
    assert_null(job.command_origin);
    assert_int_equal(job.n_inputs + job.n_outputs, 0);
    assert_int_equal(job.store_kind, STORE_PLATFORM);
    assert_int_equal(job.grace_ns, 8 * NS_PER_S);
    assert_int_equal(job.drain_ns, 2 * NS_PER_S);
    assert_string_equal(job.current_host, "algo-1");
}

static void test_reference_job(void **state)
{
    (void)state;
    job_json(JOB(INPUT("extract", "/opt/ml/processing/input/extract/"),
                 OUTPUT("transform", "/opt/ml//processing/./output/")));
    write_text(at->fd, "config/resourceconfig.json",
               "{\"current_host\":\"algo-2\",\"hosts\":[\"algo-1\",\"algo-2\"]}");
    agent_ini(
        "[job]\ntimezone = Asia/Tokyo\ntime = 2021-12-14T15:30:00Z\n"
        "[run]\ncommand = python3 'a b.py'\ngrace = 100s\ndrain = 250ms\n"
        "[store]\nkind = folder\nroot = /mnt/s3\n"
        "[output \"transform\"]\nlayout = process_date_jst={time:%Y-%m-%d}\npack = o.tar.gz\n");
    assert_ok(load(), &e);
    char dir[256];
    (void)snprintf(dir, sizeof dir, "%s/processing/input/extract", at->path);
    assert_string_equal(job.inputs[0].local_path, "/opt/ml/processing/input/extract");
    assert_string_equal(job.inputs[0].dir, dir);
    assert_string_equal(job.inputs[0].s3_uri,
                        "s3://b/in/extract/"); /* a slash means something here */
    (void)snprintf(dir, sizeof dir, "%s/processing/output", at->path);
    assert_string_equal(job.outputs[0].local_path, "/opt/ml/processing/output");
    assert_string_equal(job.outputs[0].dir, dir);
    assert_string_equal(job.outputs[0].s3_uri, "s3://b/out/transform");
    assert_string_equal(job.outputs[0].layout, "process_date_jst={time:%Y-%m-%d}");
    assert_string_equal(job.outputs[0].pack, "o.tar.gz");
    (void)snprintf(dir, sizeof dir, "%s/processing/config/agent.ini", at->path);
    assert_string_equal(job.config_file, dir);
    assert_contains(job.outputs[0].layout_origin, "agent.ini:12");
    assert_contains(job.outputs[0].pack_origin, "agent.ini:13");
    assert_contains(job.outputs[0].origin, "processingjobconfig.json:1:");
    assert_string_equal(job.name, "j");
    assert_int_equal(job.host_index, 1);
    assert_int_equal(job.time_ns, 1639495800 * NS_PER_S);
    assert_string_equal(job.timezone, "Asia/Tokyo");
    assert_int_equal(job.command.n, 2);
    assert_string_equal(job.command.v[1], "a b.py");
    assert_contains(job.command_origin, "agent.ini:5");
    assert_int_equal(job.grace_ns, 100 * NS_PER_S);
    assert_int_equal(job.drain_ns, 250 * NS_PER_MS);
    assert_int_equal(job.store_kind, STORE_FOLDER);
    assert_string_equal(job.store_root, "/mnt/s3");
}

static void test_search_order(void **state)
{
    (void)state;
    char named[128];
    char by_variable[128];
    agent_ini("[job]\ntimezone = Asia/Tokyo\n");
    write_text(at->fd, "named.ini", "[job]\ntimezone = Europe/Paris\n");
    write_text(at->fd, "variable.ini", "[job]\ntimezone = Asia/Seoul\n");
    (void)snprintf(named, sizeof named, "%s/named.ini", at->path);
    (void)snprintf(by_variable, sizeof by_variable, "%s/variable.ini", at->path);
    assert_ok(load(), &e);
    assert_string_equal(job.timezone, "Asia/Tokyo");
    set_variable("PROCAGENT_CONFIG", by_variable);
    assert_ok(load(), &e);
    assert_string_equal(job.timezone, "Asia/Seoul");
    assert_string_equal(job.config_file, by_variable);
    args.config = named;
    assert_ok(load(), &e);
    assert_string_equal(job.timezone, "Europe/Paris");
    args.config = "/nowhere/agent.ini";
    expect_error("/nowhere/agent.ini: no such file (given by -c)");
    args.config = NULL;
    assert_int_equal(unlinkat(at->fd, "variable.ini", 0), 0);
    expect_error("variable.ini: no such file (given by PROCAGENT_CONFIG)");
    args.config = at->path;
    expect_error("Is a directory");
}

static void test_ml_root(void **state)
{
    (void)state;
    agent_ini("[job]\ntimezone = Asia/Tokyo\n");
    args.ml_root = NULL;
    set_variable("PROCAGENT_ML_ROOT", at->path);
    assert_ok(load(), &e);
    assert_string_equal(job.ml_root, at->path);
    assert_string_equal(job.timezone, "Asia/Tokyo");
    args.ml_root = "/nowhere//at/all/";
    assert_ok(load(), &e);
    assert_string_equal(job.ml_root, "/nowhere/at/all");
    args.ml_root = "/tmp/../etc";
    expect_error("--ml-root \"/tmp/../etc\": .. is not allowed here");
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(fchdir(at->fd), 0);
    args.ml_root = "sub";
    int rc = load();
    assert_int_equal(chdir(here), 0);
    assert_ok(rc, &e);
    assert_true(str_starts(job.ml_root, at->path));
    assert_true(str_ends(job.ml_root, "/sub"));
}

static void test_precedence(void **state)
{
    (void)state;
    job_json(JOB("", OUTPUT("raw-data", "/opt/ml/processing/output")));
    agent_ini("[output \"raw-data\"]\nlayout = a=file\npack = file.tar.gz\n"
              "[run]\ngrace = 1s\ndrain = 1s\n");
    set_variable("PROCAGENT_OUTPUT_RAW_DATA_LAYOUT", "a=variable");
    set_variable("PROCAGENT_RUN_GRACE", "2s");
    set_variable("PROCAGENT_RUN_DRAIN", "2s");
    strvec_add(&args.set, "run.drain=3s");
    strvec_add(&args.set, "output.raw-data.pack=set.tar.gz");
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].layout, "a=variable");
    assert_string_equal(job.outputs[0].layout_origin,
                        "environment PROCAGENT_OUTPUT_RAW_DATA_LAYOUT");
    assert_string_equal(job.outputs[0].pack, "set.tar.gz");
    assert_string_equal(job.outputs[0].pack_origin, "--set output.raw-data.pack");
    assert_int_equal(job.grace_ns, 2 * NS_PER_S);
    assert_int_equal(job.drain_ns, 3 * NS_PER_S);
}

/* A bad value that is overridden does no harm; an empty one takes the file's away. */
static void test_overridden_and_emptied_values(void **state)
{
    (void)state;
    agent_ini("[job]\ntimezone = Nowhere\ntime = yesterday\n[run]\ngrace = long\ncommand = 'x\n");
    set_variable("PROCAGENT_JOB_TIMEZONE", "Asia/Tokyo");
    set_variable("PROCAGENT_RUN_GRACE", "");
    set_variable("PROCAGENT_RUN_COMMAND", "");
    strvec_add(&args.set, "job.time=now");
    assert_ok(load(), &e);
    assert_string_equal(job.timezone, "Asia/Tokyo");
    assert_int_equal(job.grace_ns, 8 * NS_PER_S);
    assert_int_equal(job.command.n, 0);
}

static void test_words_of_the_command_line(void **state)
{
    (void)state;
    char *words[] = {"a b", "--x"};
    args.words = words;
    args.n_words = 2;
    assert_ok(load(), &e);
    assert_int_equal(job.command.n, 2);
    assert_string_equal(job.command.v[0], "a b");
    assert_string_equal(job.command_origin, "the command line");
    agent_ini("[run]\ncommand = [\"sh\", \"-c\"]\n"); /* the words are appended to it */
    assert_ok(load(), &e);
    assert_int_equal(job.command.n, 4);
    assert_string_equal(job.command.v[0], "sh");
    assert_string_equal(job.command.v[3], "--x");
    assert_contains(job.command_origin, "agent.ini:2");
}

static void test_declared_members(void **state)
{
    (void)state;
    agent_ini("[input \"extract\"]\nlocal_path = /opt/ml/processing/in\ns3_uri = s3://b/in/\n"
              "[output \"t\"]\nlocal_path = /opt/ml/processing/out\ns3_uri = s3://b/out//\n"
              "layout = a=1\n");
    strvec_add(&args.set, "output.u.local_path=/opt/ml/processing/u");
    assert_ok(load(), &e);
    assert_int_equal(job.n_inputs, 1);
    assert_int_equal(job.n_outputs, 2);
    assert_string_equal(job.inputs[0].name, "extract");
    assert_string_equal(job.inputs[0].s3_uri, "s3://b/in/");
    assert_contains(job.inputs[0].origin, "agent.ini:2");
    assert_true(str_same(job.outputs[0].name, "u") || str_same(job.outputs[1].name, "u"));
    /* a variable can change a declared member, but declares none */
    set_variable("PROCAGENT_OUTPUT_T_S3_URI", "s3://other/x");
    assert_ok(load(), &e);
    const struct output *t = &job.outputs[str_same(job.outputs[1].name, "t")];
    assert_string_equal(t->s3_uri, "s3://other/x");
    set_variable("PROCAGENT_OUTPUT_NEW_LOCAL_PATH", "/opt/ml/processing/new");
    expect_error("environment PROCAGENT_OUTPUT_NEW_LOCAL_PATH: the job has no output whose name is "
                 "spelt NEW");
}

static void test_unknown_members(void **state)
{
    (void)state;
    job_json(JOB(INPUT("extract", "/opt/ml/processing/in"),
                 OUTPUT("transform", "/opt/ml/processing/out")));
    agent_ini("[output \"tranform\"]\nlayout = a=1\n");
    expect_error(
        "agent.ini:1: the job has no output named \"tranform\", did you mean \"transform\"?");
    agent_ini("[output \"else\"]\nlayout = a=1\n");
    expect_error("agent.ini:1: the job has no output named \"else\"; to declare one here, give it "
                 "local_path");
    agent_ini("[input \"else\"]\n");
    expect_error("agent.ini:1: the job has no input named \"else\"");
    agent_ini("");
    strvec_add(&args.set, "output.els.layout=a=1");
    expect_error("--set output.els.layout: the job has no output named \"els\"");
}

/* The service's own paths are not ours to change. */
static void test_paths_of_the_service(void **state)
{
    (void)state;
    job_json(JOB(INPUT("i", "/opt/ml/processing/in"), OUTPUT("o", "/opt/ml/processing/out")));
    static const char *const TEXTS[] = {"[output \"o\"]\nlocal_path = /opt/ml/processing/x\n",
                                        "[output \"o\"]\ns3_uri = s3://x/y\n",
                                        "[input \"i\"]\nlocal_path = /opt/ml/processing/x\n",
                                        "[input \"i\"]\ns3_uri = s3://x/y\n"};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        agent_ini(TEXTS[i]);
        expect_error("agent.ini:2: ");
        assert_contains(e.text, "already has its paths from ");
        assert_contains(e.text, "processingjobconfig.json:1:");
    }
}

static void test_local_paths(void **state)
{
    (void)state;
    static const char *const BAD[] = {"/opt/ml/processing",
                                      "/opt/ml/processing/",
                                      "/opt/ml/processingx/a",
                                      "/opt/ml/input/data",
                                      "/tmp/x",
                                      "opt/ml/processing/a",
                                      "/opt/ml/processing/../x",
                                      "/opt/ml/processing/a/..",
                                      "/",
                                      "."};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, JOB("", OUTPUT("o", "%s")), BAD[i]);
        job_json(text);
        expect_error("must lie below /opt/ml/processing/");
        assert_contains(e.text, "processingjobconfig.json:1:");
        assert_contains(e.text, "of output \"o\"");
        (void)snprintf(text, sizeof text, JOB(INPUT("i", "%s"), ""), BAD[i]);
        job_json(text);
        expect_error("of input \"i\" must lie below /opt/ml/processing/");
    }
    job_json("{\"ProcessingInputs\":[{\"InputName\":\"i\",\"S3Input\":{\"S3Uri\":\"s3://b/k\"}}]}");
    expect_error("input \"i\" has no LocalPath");
    job_json("{\"ProcessingOutputConfig\":{\"Outputs\":[{\"OutputName\":\"o\",\"S3Output\":{}}]}}");
    expect_error("output \"o\" has no LocalPath");
}

/* AppManaged members, datasets and feature store outputs may do without. */
static void test_members_without_paths(void **state)
{
    (void)state;
    job_json(
        "{\"ProcessingInputs\":[{\"InputName\":\"i\",\"AppManaged\":true},"
        "{\"InputName\":\"d\",\"DatasetDefinition\":{\"LocalPath\":\"/opt/ml/processing/d\"}}],"
        "\"ProcessingOutputConfig\":{\"Outputs\":[{\"OutputName\":\"o\",\"AppManaged\":true,"
        "\"S3Output\":null,\"FeatureStoreOutput\":{\"FeatureGroupName\":\"g\"}}]}}");
    assert_ok(load(), &e);
    assert_null(job.inputs[0].dir);
    assert_non_null(job.inputs[1].dir);
    assert_null(job.outputs[0].dir);
}

static void test_overlaps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece; /* NULL: fine */
    } CASES[] = {
        {JOB("", OUTPUT("a", "/opt/ml/processing/o") "," OUTPUT("b", "/opt/ml/processing/o/")),
         "LocalPath \"/opt/ml/processing/o\" of output \"b\" overlaps "
         "\"/opt/ml/processing/o\" of output \"a\""},
        {JOB("", OUTPUT("a", "/opt/ml/processing/o/x") "," OUTPUT("b", "/opt/ml/processing/o")),
         "of output \"b\" overlaps"},
        {JOB("", OUTPUT("a", "/opt/ml/processing/o") "," OUTPUT("b", "/opt/ml/processing/o/x/y")),
         "of output \"b\" overlaps"},
        {JOB(INPUT("i", "/opt/ml/processing/o"), OUTPUT("a", "/opt/ml/processing/o")),
         "of output \"a\" is or overlaps \"/opt/ml/processing/o\" of input \"i\""},
        {JOB(INPUT("i", "/opt/ml/processing/o/x"), OUTPUT("a", "/opt/ml/processing/o")),
         "is or overlaps"},
        {JOB(INPUT("i", "/opt/ml/processing/o"), OUTPUT("a", "/opt/ml/processing/o/x")),
         "is or overlaps"},
        {JOB(INPUT("i", "/opt/ml/processing/o"), OUTPUT("a", "/opt/ml/processing/ox")), NULL},
        {JOB("", OUTPUT("a", "/opt/ml/processing/o") "," OUTPUT("b", "/opt/ml/processing/o-2")),
         NULL},
        {JOB(INPUT("i", "/opt/ml/processing/i") "," INPUT("j", "/opt/ml/processing/i/j"), ""),
         NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        job_json(CASES[i].text);
        if (CASES[i].piece) {
            expect_error(CASES[i].piece);
        } else {
            assert_ok(load(), &e);
        }
    }
}

static void test_bad_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"[job]\ntimezone = Asia/Tokio\n",
         "agent.ini:2: timezone = \"Asia/Tokio\": unknown (did you mean \"Asia/Tokyo\"?)"},
        {"[job]\ntimezone = +25:00\n", "timezone = \"+25:00\": unknown"},
        {"[job]\ntime = 2021-12-14\n",
         "agent.ini:2: time = \"2021-12-14\": expected now, or an RFC 3339"},
        {"[run]\ngrace = soon\n", "agent.ini:2: grace = \"soon\": expected a duration"},
        {"[run]\ndrain = -1s\n", "agent.ini:2: drain = \"-1s\": expected a duration"},
        {"[run]\ncommand = sh -c 'x\n", "agent.ini:2: command: a ' quote is not closed"},
        {"[run]\ncommand = [1]\n",
         "agent.ini:2: command: element 1 of the JSON array is not a string"},
        {"[store]\nkind = s4\n", "agent.ini:2: kind = \"s4\": expected platform, folder or s3"},
        {"[store]\nkind = folder\n", "agent.ini:2: kind = folder needs root = DIR"},
        {"[store]\nkind = folder\nroot =\n", "agent.ini:2: kind = folder needs root = DIR"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        agent_ini(CASES[i].text);
        expect_error(CASES[i].piece);
    }
}

static void test_bad_files(void **state)
{
    (void)state;
    job_json("{\"ProcessingInputs\": 5}");
    expect_error("processingjobconfig.json:1:22: ProcessingInputs must be an array");
    assert_string_equal(job.ml_root, at->path); /* known all the same: the message goes there */
    job_json("{}");
    write_text(at->fd, "config/resourceconfig.json", "{");
    expect_error("resourceconfig.json:1:1: not JSON");
    write_text(at->fd, "config/resourceconfig.json", "{}");
    agent_ini("[nope]\n");
    expect_error("agent.ini:1: unknown section");
    agent_ini("");
    strvec_add(&args.set, "nope");
    expect_error("--set \"nope\": write it as SECTION[.NAME].KEY=VALUE");
}

static void test_variables_that_mean_nothing(void **state)
{
    (void)state;
    set_variable("PROCAGENT_NOPE", "x");
    set_variable("PROCAGENT_LOG", "info");
    set_variable("PROCAGENTX", "x");
    assert_ok(load(), &e);
}

static void test_relative_paths_start_at_cwd(void **state)
{
    (void)state;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    write_text(at->fd, "my.ini", "[store]\nkind = folder\nroot = store\n");
    assert_int_equal(fchdir(at->fd), 0);
    args.config = "my.ini";
    int rc = load();
    assert_int_equal(chdir(here), 0);
    assert_ok(rc, &e);
    assert_true(str_ends(job.config_file, "/my.ini"));
    assert_true(job.store_root[0] == '/' && str_ends(job.store_root, "/store"));
}

/* The keys of an output's rows come from all places, and their errors too. */
static void test_table_keys(void **state)
{
    (void)state;
    job_json(JOB("", OUTPUT("o", "/opt/ml/processing/o") "," OUTPUT("p", "/opt/ml/processing/p")));
    agent_ini("[output \"o\"]\nformat = tsv\nquote = none\ncolumns = a,\n  b\nnull = n/a\n"
              "max_row_size = 1M\n");
    set_variable("PROCAGENT_OUTPUT_O_KEEP_COLUMNS", "yes");
    set_variable("PROCAGENT_OUTPUT_O_MAX_FILES", "7");
    strvec_add(&args.set, "output.o.null=fail");
    assert_ok(load(), &e);
    const struct table *t = &job.outputs[0].table;
    assert_int_equal(t->format, FORMAT_TSV);
    assert_int_equal(t->quote, 0);
    assert_int_equal(t->columns.n, 2);
    assert_string_equal(t->columns.v[1], "b");
    assert_false(t->header);
    assert_int_equal(t->null, NULL_FAIL);
    assert_null(t->null_value);
    assert_int_equal(t->max_row_size, 1 << 20);
    assert_true(t->keep_columns);
    assert_int_equal(t->max_files, 7);
    assert_string_equal(t->split_origin, "environment PROCAGENT_OUTPUT_O_KEEP_COLUMNS");
    t = &job.outputs[1].table; /* the other one has the defaults */
    assert_int_equal(t->quote, '"');
    assert_true(t->header);
    assert_null(t->split_origin);
    static const char *const BAD[][2] = {
        {"format = xml\n", "agent.ini:2: format = \"xml\": expected auto, csv, tsv or jsonl"},
        {"delimiter = x\n", "agent.ini:2: delimiter = \"x\": expected one ASCII character"},
        {"quote = ,\nformat = csv\n", "agent.ini:2: quote = \",\""},
        {"columns = a,a\n", "agent.ini:2: columns: \"a\" is named twice"},
        {"header = yes\ncolumns = a\n", "agent.ini:2: header = yes: columns (/"},
        {"sentinel = keep\n", "agent.ini:2: sentinel = \"keep\": expected fail or null"},
        {"max_row_size = 2G\n",
         "agent.ini:2: max_row_size = \"2G\": expected a size from 1K to 1G"},
        {"max_file_size = 5\n", "agent.ini:2: max_file_size = \"5\": expected a size"},
    };
    strvec_free(&args.set);
    for (size_t i = 0; i < COUNT(BAD); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "[output \"o\"]\n%s", BAD[i][0]);
        agent_ini(text);
        expect_error(BAD[i][1]);
    }
}

static void folder(void)
{
    static char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/data", at->path);
    (void)mkdir(dir, 0777);
    args.command = COMMAND_PARTITION;
    args.dir = dir;
}

static void test_folder(void **state)
{
    (void)state;
    folder();
    agent_ini("[nonsense]\n"); /* not read: the command line has a layout */
    job_json("{");
    args.layout = "d={time}";
    args.dry_run = true;
    strvec_add(&args.set, "job.timezone=Asia/Tokyo");
    strvec_add(&args.set, "null=fail");
    strvec_add(&args.set, "run.grace=nonsense");
    set_variable("PROCAGENT_OUTPUT_OTHER_LAYOUT", "x");
    set_variable("PROCAGENT_JOB_TIME", "2021-12-14T15:30:00Z");
    set_variable("PROCAGENT_STORE_KIND", "nonsense");
    assert_ok(load(), &e);
    assert_int_equal(job.n_outputs, 1);
    assert_string_equal(job.outputs[0].dir, args.dir);
    assert_string_equal(job.outputs[0].name, "data");
    assert_string_equal(job.outputs[0].layout, "d={time}");
    assert_string_equal(job.outputs[0].layout_origin, "--layout");
    assert_int_equal(job.outputs[0].table.null, NULL_FAIL);
    assert_string_equal(job.timezone, "Asia/Tokyo");
    assert_int_equal(job.time_ns, 1639495800 * NS_PER_S);
    assert_true(job.dry_run);
    assert_null(job.config_file);
    args.layout = NULL;
    strvec_add(&args.set, "layout=e={time}");
    args.match = "{x}";
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].layout, "e={time}");
    assert_string_equal(job.outputs[0].layout_origin, "--set layout");
    assert_string_equal(job.outputs[0].match_origin, "--match");
}

static void test_folder_with_agent_ini(void **state)
{
    (void)state;
    folder();
    agent_ini("[job]\ntimezone = Asia/Tokyo\n[run]\ngrace = nonsense\n"
              "[input \"i\"]\n[output \"a\"]\nlocal_path = relative\ns3_uri = s3://b/x=y\n"
              "layout = a={time}\nnull = fail\npack = x.tar.gz\n"
              "[output \"b\"]\nformat = nonsense\n[output \"c\"]\nlayout = none\n");
    assert_ok(load(), &e);
    assert_int_equal(job.n_outputs, 1);
    assert_int_equal(job.n_inputs, 0);
    assert_string_equal(job.outputs[0].name, "a");
    assert_string_equal(job.outputs[0].dir, args.dir);
    assert_string_equal(job.outputs[0].layout, "a={time}");
    assert_null(job.outputs[0].pack);
    assert_null(job.outputs[0].s3_uri);
    assert_string_equal(job.timezone, "Asia/Tokyo");
    set_variable("PROCAGENT_OUTPUT_A_NULL", "n/a");
    strvec_add(&args.set, "output.a.max_files=9");
    strvec_add(&args.set, "output.b.max_files=nonsense");
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].table.null_value, "n/a");
    assert_int_equal(job.outputs[0].table.max_files, 9);
    strvec_free(&args.set);
    agent_ini("[output \"a\"]\nlayout = a={time}\n[output \"b\"]\nlayout = b={time}\n"
              "[output \"c\"]\n");
    expect_error("several outputs could be meant, choose with --output: \"a\", \"b\"");
    args.output = "b";
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].layout, "b={time}");
    args.output = "bb";
    expect_error("agent.ini has no [output \"bb\"], did you mean \"b\"?");
    args.output = "c";
    expect_error("output: nothing to do without a layout");
    args.output = NULL;
    strvec_add(&args.set, "output.d.null=x");
    expect_error("--set output.d.null: ");
    assert_contains(e.text, "has no [output \"d\"]");
}

/* With a layout on the command line and -c, the only output lends its other keys. */
static void test_folder_with_both(void **state)
{
    (void)state;
    char file[128];
    (void)snprintf(file, sizeof file, "%s/my.ini", at->path);
    folder();
    args.config = file;
    args.layout = "l={time}";
    write_text(at->fd, "my.ini", "[output \"a\"]\nnull = fail\n");
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].name, "a");
    assert_int_equal(job.outputs[0].table.null, NULL_FAIL);
    write_text(at->fd, "my.ini", "[job]\ntimezone = Asia/Tokyo\n");
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].name, "data");
    assert_string_equal(job.timezone, "Asia/Tokyo");
    write_text(at->fd, "my.ini", "[output \"a\"]\n[output \"b\"]\n");
    expect_error("several outputs could be meant");
    write_text(at->fd, "my.ini", "[output \"a\"]\n[output \"b\"]\nlayout = x=y\nnull = fail\n");
    assert_ok(load(), &e);
    assert_string_equal(job.outputs[0].name, "b");
    assert_string_equal(job.outputs[0].layout, "l={time}");
}

static void test_bad_folders(void **state)
{
    (void)state;
    char dir[128];
    folder();
    expect_error("no layout: give --layout");
    strvec_add(&args.set, "pack=x.tar.gz");
    args.layout = "a=b";
    expect_error("--set pack: not for `procagent partition`");
    strvec_free(&args.set);
    strvec_add(&args.set, "nul=x");
    expect_error("--set nul: unknown key \"nul\" in [output]");
    strvec_free(&args.set);
    strvec_add(&args.set, "nonsense");
    expect_error("--set \"nonsense\": write it as KEY=VALUE");
    strvec_free(&args.set);
    args.layout = "none";
    expect_error("--layout: nothing to do without a layout");
    args.layout = "";
    expect_error("nothing to do without a layout");
    args.layout = "a=b";
    args.output = "x";
    expect_error("--output: [output \"x\"] is not known, no agent.ini was read (-c)");
    args.output = NULL;
    (void)snprintf(dir, sizeof dir, "%s/missing", at->path);
    args.dir = dir;
    expect_error("/missing\": No such file or directory");
    write_text(at->fd, "missing", "");
    expect_error("/missing\" is no folder");
    args.dir = "/";
    expect_error("\"/\": not the root of everything");
    args.dir = "//tmp/..";
    expect_error("not the root of everything");
    args.dir = "";
    expect_error("the folder \"\": No such file or directory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_at_all),
        TEST(test_reference_job),
        TEST(test_search_order),
        TEST(test_ml_root),
        TEST(test_precedence),
        TEST(test_overridden_and_emptied_values),
        TEST(test_words_of_the_command_line),
        TEST(test_declared_members),
        TEST(test_unknown_members),
        TEST(test_paths_of_the_service),
        TEST(test_local_paths),
        TEST(test_members_without_paths),
        TEST(test_overlaps),
        TEST(test_bad_values),
        TEST(test_bad_files),
        TEST(test_variables_that_mean_nothing),
        TEST(test_relative_paths_start_at_cwd),
        TEST(test_table_keys),
        TEST(test_folder),
        TEST(test_folder_with_agent_ini),
        TEST(test_folder_with_both),
        TEST(test_bad_folders),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
