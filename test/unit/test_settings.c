/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/settings: the key table, --set, and the spelling of variables.
 */
#include "unit.h"

#include "config/settings.h"

static struct settings settings;
static struct strvec inputs;
static struct strvec outputs;
static struct strvec unknown;
static struct err e;

static int clear(void **state)
{
    (void)state;
    settings_free(&settings);
    strvec_free(&inputs);
    strvec_free(&outputs);
    strvec_free(&unknown);
    e = (struct err){0};
    return 0;
}

static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < KEY_COUNT; i++) {
        assert_non_null(KEY_SPECS[i].name);
        assert_true((int)KEY_SPECS[i].section < SECTION_COUNT);
        enum key key = (enum key)(KEY_COUNT - 1 - i);
        const char *variable;
        int rc = settings_key(KEY_SPECS[i].section, KEY_SPECS[i].name, &key, &variable, "x", &e);
        assert_ok(rc, &e);
        assert_int_equal(variable != NULL, i == KEY_RUN_ENV || i == KEY_NOTEBOOK_PARAMETERS);
        assert_int_equal(key, i);
    }
    for (int i = 0; i < SECTION_COUNT; i++) {
        assert_non_null(SECTION_SPECS[i].name);
        char text[64];
        (void)snprintf(text, sizeof text, "%s%s", SECTION_SPECS[i].name,
                       SECTION_SPECS[i].named ? " \"n\"" : "");
        enum section section = (enum section)(SECTION_COUNT - 1);
        char *name = NULL;
        assert_ok(settings_section(text, &section, &name, "x", &e), &e);
        assert_int_equal(section, i);
        assert_int_equal(name != NULL, SECTION_SPECS[i].named);
        free(name);
    }
}

static void test_find_takes_the_last(void **state)
{
    (void)state;
    settings_add(&settings, KEY_OUTPUT_PACK, "a", "1", "o1");
    settings_add(&settings, KEY_OUTPUT_PACK, "b", "2", "o2");
    settings_add(&settings, KEY_OUTPUT_LAYOUT, "a", "3", "o3");
    settings_add(&settings, KEY_OUTPUT_PACK, "a", "4", "o4");
    settings_add(&settings, KEY_RUN_GRACE, NULL, "5", "o5");
    assert_string_equal(settings_find(&settings, KEY_OUTPUT_PACK, "a")->value, "4");
    assert_string_equal(settings_find(&settings, KEY_OUTPUT_PACK, "b")->origin, "o2");
    assert_string_equal(settings_find(&settings, KEY_RUN_GRACE, NULL)->value, "5");
    assert_null(settings_find(&settings, KEY_OUTPUT_PACK, NULL));
    assert_null(settings_find(&settings, KEY_OUTPUT_PACK, "A"));
    assert_null(settings_find(&settings, KEY_RUN_GRACE, "a"));
    assert_null(settings_find(&settings, KEY_RUN_DRAIN, NULL));
}

static void test_section_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;  /* NULL: an error */
        const char *piece; /* of the error */
    } CASES[] = {
        {"output \"t\"", "t", ""},
        {"output  \t \"t\"", "t", ""},
        {"output\"t\"", "t", ""},
        {"output \"a b-c.d\"", "a b-c.d", ""},
        {"output \" \"", " ", ""},
        {"output \"日本\"", "日本", ""},
        {"output", NULL, "at: write this section as [output \"NAME\"], with the OutputName's name"},
        {"output t", NULL, "write this section as"},
        {"output \"t", NULL, "write this section as"},
        {"output \"", NULL, "write this section as"},
        {"output \"\"", NULL, "write this section as"},
        {"output t\"", NULL, "write this section as"},
        {"output \"t\" ", NULL, "write this section as"},
        {"output \"a\"b\"", NULL, "write this section as"},
        {"input 't'", NULL, "with the InputName's name"},
        {"job \"x\"", NULL, "at: section [job] takes no name"},
        {"", NULL, "at: unknown section \"\""},
        {" job", NULL, "at: unknown section \"\""},
        {"inputs \"x\"", NULL, "at: unknown section \"inputs\"; did you mean [input]?"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        enum section section = SECTION_JOB;
        char *name = NULL;
        int rc = settings_section(CASES[i].text, &section, &name, "at", &e);
        if (CASES[i].name) {
            assert_ok(rc, &e);
            assert_int_equal(section, SECTION_OUTPUT);
            assert_string_equal(name, CASES[i].name);
        } else {
            assert_failed(rc, &e, ERR_CONFIG, CASES[i].piece);
            assert_null(name);
        }
        free(name);
    }
}

static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum key key;
        const char *name;
        const char *value;
        const char *origin;
    } CASES[] = {
        {"run.grace=5s", KEY_RUN_GRACE, NULL, "5s", "--set run.grace"},
        {"run.command=a=b c", KEY_RUN_COMMAND, NULL, "a=b c", "--set run.command"},
        {"run.command=", KEY_RUN_COMMAND, NULL, "", "--set run.command"},
        {"output.t.layout=d={time:%Y.%m}", KEY_OUTPUT_LAYOUT, "t", "d={time:%Y.%m}",
         "--set output.t.layout"},
        {"output.a.b.pack=x", KEY_OUTPUT_PACK, "a.b", "x", "--set output.a.b.pack"},
        {"input.raw-1.s3_uri=s3://b/k", KEY_INPUT_S3_URI, "raw-1", "s3://b/k",
         "--set input.raw-1.s3_uri"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        (void)clear(NULL);
        assert_ok(settings_add_option(&settings, CASES[i].text, &e), &e);
        assert_int_equal(settings.n, 1);
        assert_int_equal(settings.v[0].key, CASES[i].key);
        assert_true(str_same(settings.v[0].name, CASES[i].name));
        assert_string_equal(settings.v[0].value, CASES[i].value);
        assert_string_equal(settings.v[0].origin, CASES[i].origin);
    }
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"", "--set \"\": write it as SECTION[.NAME].KEY=VALUE"},
        {"run", "write it as SECTION"},
        {"run.grace", "write it as SECTION"},
        {"grace=5s", "write it as SECTION"},
        {"=x", "write it as SECTION"},
        {"run=a.b", "write it as SECTION"},
        {"rnu.grace=5s", "--set rnu.grace: unknown section \"rnu\"; did you mean [run]?"},
        {".x=1", "unknown section \"\""},
        {"run.grcae=5s",
         "--set run.grcae: unknown key \"grcae\" in [run], did you mean \"grace\"?"},
        {"run.=5s", "unknown key \"\" in [run]; known are command, grace, drain"},
        {"run.x.grace=5s", "--set run.x.grace: this section takes no name"},
        {"output.pack=x", "--set output.pack: say which one: --set output.NAME.KEY=VALUE"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(settings_add_option(&settings, CASES[i].text, &e), &e, ERR_CONFIG,
                      CASES[i].piece);
        assert_int_equal(settings.n, 0);
    }
}

static int add_variables(char *const *environment)
{
    return settings_add_environment(&settings, environment, &inputs, &outputs, &unknown, &e);
}

static void test_variables(void **state)
{
    (void)state;
    strvec_add(&inputs, "extract");
    strvec_add(&outputs, "raw-labeled.split");
    strvec_add(&outputs, "extract");
    strvec_add(&outputs, "a_local_path");
    char *environment[] = {"PATH=/bin",
                           "PROCAGENT_JOB_TIMEZONE=Asia/Tokyo",
                           "PROCAGENT_RUN_COMMAND=a=b",
                           "PROCAGENT_INPUT_EXTRACT_S3_URI=s3://i",
                           "PROCAGENT_OUTPUT_EXTRACT_S3_URI=s3://o",
                           "PROCAGENT_OUTPUT_RAW_LABELED_SPLIT_LAYOUT=a=1",
                           "PROCAGENT_CONFIG=x",
                           "PROCAGENT_ML_ROOT=x",
                           "PROCAGENT_LOG=x",
                           "PROCAGENT_STORE_KIND=",
                           "PROCAGENT_OUTPUT_A_LOCAL_PATH_PACK=p",
                           NULL};
    assert_ok(add_variables(environment), &e);
    assert_int_equal(unknown.n, 0);
    assert_int_equal(settings.n, 7);
    assert_string_equal(settings_find(&settings, KEY_JOB_TIMEZONE, NULL)->value, "Asia/Tokyo");
    assert_string_equal(settings_find(&settings, KEY_JOB_TIMEZONE, NULL)->origin,
                        "environment PROCAGENT_JOB_TIMEZONE");
    assert_string_equal(settings_find(&settings, KEY_RUN_COMMAND, NULL)->value, "a=b");
    assert_string_equal(settings_find(&settings, KEY_INPUT_S3_URI, "extract")->value, "s3://i");
    assert_string_equal(settings_find(&settings, KEY_OUTPUT_S3_URI, "extract")->value, "s3://o");
    assert_string_equal(settings_find(&settings, KEY_OUTPUT_LAYOUT, "raw-labeled.split")->value,
                        "a=1");
    assert_string_equal(settings_find(&settings, KEY_STORE_KIND, NULL)->value, "");
    assert_string_equal(settings_find(&settings, KEY_OUTPUT_PACK, "a_local_path")->value, "p");
}

static void test_unknown_variables(void **state)
{
    (void)state;
    strvec_add(&outputs, "t");
    char *environment[] = {"PROCAGENT_",
                           "PROCAGENT_=x",
                           "PROCAGENT_NOPE=x",
                           "PROCAGENT_RUN_NOPE=x",
                           "PROCAGENT_OUTPUT_T=x",
                           "PROCAGENT_OUTPUT_LAYOUT=x",
                           "PROCAGENT_RUN=x",
                           "PROCAGENT_run_grace=x",
                           "procagent_run_grace=x",
                           "XPROCAGENT_RUN_GRACE=x",
                           NULL};
    assert_ok(add_variables(environment), &e);
    assert_int_equal(settings.n, 0);
    static const char *const WANTED[] = {
        "PROCAGENT_",         "PROCAGENT_NOPE",          "PROCAGENT_RUN_NOPE",
        "PROCAGENT_OUTPUT_T", "PROCAGENT_OUTPUT_LAYOUT", "PROCAGENT_RUN",
        "PROCAGENT_run_grace"};
    assert_int_equal(unknown.n, COUNT(WANTED));
    for (size_t i = 0; i < COUNT(WANTED); i++) {
        assert_string_equal(unknown.v[i], WANTED[i]);
    }
}

static void test_ambiguous_variables(void **state)
{
    (void)state;
    strvec_add(&outputs, "a-b");
    strvec_add(&outputs, "c");
    strvec_add(&outputs, "A_B");
    char *ambiguous[] = {"PROCAGENT_OUTPUT_A_B_PACK=x", NULL};
    assert_failed(
        add_variables(ambiguous), &e, ERR_CONFIG,
        "environment PROCAGENT_OUTPUT_A_B_PACK: several names are spelt A_B; set it in agent.ini");
    char *nobody[] = {"PROCAGENT_OUTPUT_D_PACK=x", NULL};
    assert_failed(add_variables(nobody), &e, ERR_CONFIG,
                  "the job has no output whose name is spelt D");
    char *input[] = {"PROCAGENT_INPUT_C_S3_URI=x", NULL};
    assert_failed(add_variables(input), &e, ERR_CONFIG,
                  "the job has no input whose name is spelt C");
    char *plain[] = {"PROCAGENT_OUTPUT_C_PACK=x", NULL};
    assert_ok(add_variables(plain), &e);
    assert_int_equal(settings.n, 1);
}

/* columns ends keep_columns, and names may end like keys: the declared name decides. */
static void test_keys_that_end_in_another(void **state)
{
    (void)state;
    strvec_add(&outputs, "t");
    strvec_add(&outputs, "u-keep");
    char *environment[] = {
        "PROCAGENT_OUTPUT_T_COLUMNS=1",      "PROCAGENT_OUTPUT_T_KEEP_COLUMNS=2",
        "PROCAGENT_OUTPUT_U_KEEP_COLUMNS=3", "PROCAGENT_OUTPUT_U_KEEP_KEEP_COLUMNS=4",
        "PROCAGENT_OUTPUT_T_MAX_FILES=5",    "PROCAGENT_OUTPUT_T_MAX_FILE_SIZE=6",
        "PROCAGENT_OUTPUT_T_MAX_ROW_SIZE=7", NULL};
    assert_ok(add_variables(environment), &e);
    assert_int_equal(settings.n, 7);
    static const struct {
        enum key key;
        const char *name;
        const char *value;
    } WANTED[] = {
        {KEY_OUTPUT_COLUMNS, "t", "1"},      {KEY_OUTPUT_KEEP_COLUMNS, "t", "2"},
        {KEY_OUTPUT_COLUMNS, "u-keep", "3"}, {KEY_OUTPUT_KEEP_COLUMNS, "u-keep", "4"},
        {KEY_OUTPUT_MAX_FILES, "t", "5"},    {KEY_OUTPUT_MAX_FILE_SIZE, "t", "6"},
        {KEY_OUTPUT_MAX_ROW_SIZE, "t", "7"},
    };
    for (size_t i = 0; i < COUNT(WANTED); i++) {
        const struct setting *found = settings_find(&settings, WANTED[i].key, WANTED[i].name);
        assert_non_null(found);
        assert_string_equal(found->value, WANTED[i].value);
    }
    char *nobody[] = {"PROCAGENT_OUTPUT_X_KEEP_COLUMNS=x", NULL};
    assert_failed(add_variables(nobody), &e, ERR_CONFIG,
                  "the job has no output whose name is spelt X");
    strvec_add(&outputs, "t_keep");
    char *both[] = {"PROCAGENT_OUTPUT_T_KEEP_COLUMNS=x", NULL};
    assert_failed(add_variables(both), &e, ERR_CONFIG,
                  "environment PROCAGENT_OUTPUT_T_KEEP_COLUMNS: is it columns of \"t_keep\", or "
                  "keep_columns of \"t\"? set it in agent.ini");
}

/* Without a list of inputs names that are not declared are left out. */
static void test_variables_of_others(void **state)
{
    (void)state;
    strvec_add(&outputs, "t");
    char *environment[] = {"PROCAGENT_OUTPUT_OTHER_LAYOUT=x",
                           "PROCAGENT_INPUT_I_S3_URI=x",
                           "PROCAGENT_OUTPUT_T_LAYOUT=a=b",
                           "PROCAGENT_JOB_TIME=now",
                           "PROCAGENT_NOPE=x",
                           NULL};
    assert_ok(settings_add_environment(&settings, environment, NULL, &outputs, &unknown, &e), &e);
    assert_int_equal(settings.n, 2);
    assert_string_equal(settings_find(&settings, KEY_OUTPUT_LAYOUT, "t")->value, "a=b");
    assert_int_equal(unknown.n, 1);
    assert_string_equal(unknown.v[0], "PROCAGENT_NOPE");
}

static void test_output_options(void **state)
{
    (void)state;
    assert_ok(settings_add_output_option(&settings, "a.b", "null=x=y.z", &e), &e);
    assert_int_equal(settings.v[0].key, KEY_OUTPUT_NULL);
    assert_string_equal(settings.v[0].name, "a.b");
    assert_string_equal(settings.v[0].value, "x=y.z");
    assert_string_equal(settings.v[0].origin, "--set null");
    assert_failed(settings_add_output_option(&settings, "a", "null", &e), &e, ERR_CONFIG,
                  "--set \"null\": write it as KEY=VALUE");
    assert_failed(settings_add_output_option(&settings, "a", "nul=x", &e), &e, ERR_CONFIG,
                  "--set nul: unknown key \"nul\" in [output], did you mean \"null\"?");
    assert_int_equal(settings.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_table, clear),
        cmocka_unit_test_teardown(test_find_takes_the_last, clear),
        cmocka_unit_test_teardown(test_section_names, clear),
        cmocka_unit_test_teardown(test_options, clear),
        cmocka_unit_test_teardown(test_bad_options, clear),
        cmocka_unit_test_teardown(test_variables, clear),
        cmocka_unit_test_teardown(test_unknown_variables, clear),
        cmocka_unit_test_teardown(test_ambiguous_variables, clear),
        cmocka_unit_test_teardown(test_keys_that_end_in_another, clear),
        cmocka_unit_test_teardown(test_variables_of_others, clear),
        cmocka_unit_test_teardown(test_output_options, clear),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
