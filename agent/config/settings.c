/* SPDX-License-Identifier: MIT
 *
 * The list of settings and the table of keys. See settings.h.
 */
#include "config/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/scope.h"

const struct section_spec SECTION_SPECS[SECTION_COUNT] = {
    [SECTION_JOB] = {"job", false},           [SECTION_RUN] = {"run", false},
    [SECTION_NOTEBOOK] = {"notebook", false}, [SECTION_STORE] = {"store", false},
    [SECTION_INPUT] = {"input", true},        [SECTION_OUTPUT] = {"output", true},
};

const struct key_spec KEY_SPECS[KEY_COUNT] = {
    [KEY_JOB_TIMEZONE] = {SECTION_JOB, "timezone"},
    [KEY_JOB_TIME] = {SECTION_JOB, "time"},
    [KEY_JOB_PROGRESS] = {SECTION_JOB, "progress"},
    [KEY_RUN_COMMAND] = {SECTION_RUN, "command"},
    [KEY_RUN_GRACE] = {SECTION_RUN, "grace"},
    [KEY_RUN_DRAIN] = {SECTION_RUN, "drain"},
    [KEY_RUN_TIMEOUT] = {SECTION_RUN, "timeout"},
    [KEY_RUN_USER] = {SECTION_RUN, "user"},
    [KEY_RUN_NO_NEW_PRIVS] = {SECTION_RUN, "no_new_privs"},
    [KEY_RUN_STDERR_TAIL] = {SECTION_RUN, "stderr_tail"},
    [KEY_RUN_ENV] = {SECTION_RUN, "env.NAME"},
    [KEY_NOTEBOOK_INPUT] = {SECTION_NOTEBOOK, "input"},
    [KEY_NOTEBOOK_OUTPUT] = {SECTION_NOTEBOOK, "output"},
    [KEY_NOTEBOOK_S3_OUTPUT_PATH] = {SECTION_NOTEBOOK, "s3_output_path"},
    [KEY_NOTEBOOK_KERNEL] = {SECTION_NOTEBOOK, "kernel"},
    [KEY_NOTEBOOK_ENGINE] = {SECTION_NOTEBOOK, "engine"},
    [KEY_NOTEBOOK_TIMEOUT] = {SECTION_NOTEBOOK, "timeout"},
    [KEY_NOTEBOOK_FORMATS] = {SECTION_NOTEBOOK, "formats"},
    [KEY_NOTEBOOK_HIDE_CODE] = {SECTION_NOTEBOOK, "html.hide_code"},
    [KEY_NOTEBOOK_FOLD_BARS] = {SECTION_NOTEBOOK, "fold_bars"},
    [KEY_NOTEBOOK_REDACT] = {SECTION_NOTEBOOK, "redact"},
    [KEY_NOTEBOOK_REDACT_CREDENTIALS] = {SECTION_NOTEBOOK, "redact_credentials"},
    [KEY_NOTEBOOK_PARAMETERS] = {SECTION_NOTEBOOK, "parameters.NAME"},
    [KEY_STORE_KIND] = {SECTION_STORE, "kind"},
    [KEY_STORE_ROOT] = {SECTION_STORE, "root"},
    [KEY_STORE_MOVES] = {SECTION_STORE, "moves"},
    [KEY_STORE_ENDPOINT] = {SECTION_STORE, "endpoint"},
    [KEY_STORE_REGION] = {SECTION_STORE, "region"},
    [KEY_STORE_ADDRESSING] = {SECTION_STORE, "addressing"},
    [KEY_STORE_CA_BUNDLE] = {SECTION_STORE, "ca_bundle"},
    [KEY_STORE_KMS_KEY_ID] = {SECTION_STORE, "kms_key_id"},
    [KEY_STORE_CONNECTIONS] = {SECTION_STORE, "connections"},
    [KEY_STORE_PART_SIZE] = {SECTION_STORE, "part_size"},
    [KEY_STORE_RETRIES] = {SECTION_STORE, "retries"},
    [KEY_STORE_TIMEOUT] = {SECTION_STORE, "timeout"},
    [KEY_INPUT_LOCAL_PATH] = {SECTION_INPUT, "local_path"},
    [KEY_INPUT_S3_URI] = {SECTION_INPUT, "s3_uri"},
    [KEY_INPUT_S3_DATA_TYPE] = {SECTION_INPUT, "s3_data_type"},
    [KEY_INPUT_S3_DATA_DISTRIBUTION_TYPE] = {SECTION_INPUT, "s3_data_distribution_type"},
    [KEY_INPUT_S3_INPUT_MODE] = {SECTION_INPUT, "s3_input_mode"},
    [KEY_INPUT_S3_COMPRESSION_TYPE] = {SECTION_INPUT, "s3_compression_type"},
    [KEY_INPUT_MANIFEST_PATHS] = {SECTION_INPUT, "manifest_paths"},
    [KEY_INPUT_UNPACK] = {SECTION_INPUT, "unpack"},
    [KEY_INPUT_UNPACK_MAX_ENTRIES] = {SECTION_INPUT, "unpack_max_entries"},
    [KEY_INPUT_UNPACK_MAX_SIZE] = {SECTION_INPUT, "unpack_max_size"},
    [KEY_INPUT_UNPACK_MAX_RATIO] = {SECTION_INPUT, "unpack_max_ratio"},
    [KEY_OUTPUT_LOCAL_PATH] = {SECTION_OUTPUT, "local_path"},
    [KEY_OUTPUT_S3_URI] = {SECTION_OUTPUT, "s3_uri"},
    [KEY_OUTPUT_LAYOUT] = {SECTION_OUTPUT, "layout"},
    [KEY_OUTPUT_MATCH] = {SECTION_OUTPUT, "match"},
    [KEY_OUTPUT_PACK] = {SECTION_OUTPUT, "pack"},
    [KEY_OUTPUT_PACK_INCLUDE] = {SECTION_OUTPUT, "pack_include"},
    [KEY_OUTPUT_PACK_EXCLUDE] = {SECTION_OUTPUT, "pack_exclude"},
    [KEY_OUTPUT_PACK_LEVEL] = {SECTION_OUTPUT, "pack_level"},
    [KEY_OUTPUT_S3_UPLOAD_MODE] = {SECTION_OUTPUT, "s3_upload_mode"},
    [KEY_OUTPUT_MODE] = {SECTION_OUTPUT, "mode"},
    [KEY_OUTPUT_MARKER] = {SECTION_OUTPUT, "marker"},
    [KEY_OUTPUT_MANIFEST] = {SECTION_OUTPUT, "manifest"},
    [KEY_OUTPUT_ON_FAILURE] = {SECTION_OUTPUT, "on_failure"},
    [KEY_OUTPUT_FORMAT] = {SECTION_OUTPUT, "format"},
    [KEY_OUTPUT_DELIMITER] = {SECTION_OUTPUT, "delimiter"},
    [KEY_OUTPUT_QUOTE] = {SECTION_OUTPUT, "quote"},
    [KEY_OUTPUT_HEADER] = {SECTION_OUTPUT, "header"},
    [KEY_OUTPUT_COLUMNS] = {SECTION_OUTPUT, "columns"},
    [KEY_OUTPUT_NULL] = {SECTION_OUTPUT, "null"},
    [KEY_OUTPUT_SENTINEL] = {SECTION_OUTPUT, "sentinel"},
    [KEY_OUTPUT_KEEP_COLUMNS] = {SECTION_OUTPUT, "keep_columns"},
    [KEY_OUTPUT_ON_BAD_ROW] = {SECTION_OUTPUT, "on_bad_row"},
    [KEY_OUTPUT_MAX_ROW_SIZE] = {SECTION_OUTPUT, "max_row_size"},
    [KEY_OUTPUT_MAX_PARTITIONS] = {SECTION_OUTPUT, "max_partitions"},
    [KEY_OUTPUT_MAX_FILES] = {SECTION_OUTPUT, "max_files"},
    [KEY_OUTPUT_MAX_FILE_SIZE] = {SECTION_OUTPUT, "max_file_size"},
    [KEY_OUTPUT_COMPRESS] = {SECTION_OUTPUT, "compress"},
    [KEY_OUTPUT_PORTABLE] = {SECTION_OUTPUT, "portable"},
};

void settings_free(struct settings *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i].name);
        free(list->v[i].value);
        free(list->v[i].origin);
    }
    free(list->v);
    *list = (struct settings){0};
}

void settings_add(struct settings *list, enum key key, const char *name, const char *value,
                  const char *origin)
{
    list->v = vec_room(list->v, list->n, &list->cap, sizeof *list->v);
    list->v[list->n++] = (struct setting){.key = key,
                                          .name = name ? xstrdup(name) : NULL,
                                          .value = xstrdup(value),
                                          .origin = xstrdup(origin)};
}

const struct setting *settings_find(const struct settings *list, enum key key, const char *name)
{
    for (size_t i = list->n; i-- > 0;) {
        if (list->v[i].key == key && str_same(list->v[i].name, name)) {
            return &list->v[i];
        }
    }
    return NULL;
}

static int find_section(const char *word, enum section *out)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (strcmp(word, SECTION_SPECS[i].name) == 0) {
            *out = (enum section)i;
            return 0;
        }
    }
    return -1;
}

static int unknown_section(const char *word, const char *origin, struct err *e)
{
    const char *names[SECTION_COUNT];
    for (int i = 0; i < SECTION_COUNT; i++) {
        names[i] = SECTION_SPECS[i].name;
    }
    const char *near = nearest_name(word, names, SECTION_COUNT);
    return err_set(e, ERR_CONFIG, "%s: unknown section %s; %s%s%s", origin, QUOTED(word),
                   near ? "did you mean [" : "known are job, run, notebook, store, input, output",
                   near ? near : "", near ? "]?" : "");
}

int settings_section(const char *text, enum section *section, char **name, const char *origin,
                     struct err *e)
{
    size_t n = strcspn(text, " \t\"");
    SCOPE_FREE char *word = xstrndup(text, n);
    if (find_section(word, section) != 0) {
        return unknown_section(word, origin, e);
    }
    const char *rest = text + n;
    rest += strspn(rest, " \t");
    bool named = SECTION_SPECS[*section].named;
    if (!named && *rest) {
        return err_set(e, ERR_CONFIG, "%s: section [%s] takes no name", origin, word);
    }
    *name = NULL;
    if (!named) {
        return 0;
    }
    size_t len = strlen(rest);
    if (len < 3 || rest[0] != '"' || rest[len - 1] != '"' || memchr(rest + 1, '"', len - 2)) {
        return err_set(e, ERR_CONFIG, "%s: write this section as [%s \"NAME\"], with the %s's name",
                       origin, word, *section == SECTION_INPUT ? "InputName" : "OutputName");
    }
    *name = xstrndup(rest + 1, len - 2);
    return 0;
}

/* A variable's name as the service allows it: [a-zA-Z_][a-zA-Z0-9_]*. */
static bool is_variable_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '_') {
            return false;
        }
    }
    return *name && !isdigit((unsigned char)*name);
}

int settings_key(enum section section, const char *word, enum key *key, const char **variable,
                 const char *origin, struct err *e)
{
    static const struct {
        enum section section;
        const char *prefix;
        enum key key;
    } OPEN[] = {{SECTION_RUN, "env.", KEY_RUN_ENV},
                {SECTION_NOTEBOOK, "parameters.", KEY_NOTEBOOK_PARAMETERS}};
    *variable = NULL;
    for (size_t i = 0; i < sizeof OPEN / sizeof *OPEN; i++) {
        if (section != OPEN[i].section || !str_starts(word, OPEN[i].prefix)) {
            continue;
        }
        *key = OPEN[i].key;
        *variable = word + strlen(OPEN[i].prefix);
        return is_variable_name(*variable)
                   ? 0
                   : err_set(e, ERR_CONFIG,
                             "%s: %s: a variable's name has letters, digits and _, and no "
                             "digit first",
                             origin, QUOTED(word));
    }
    const char *names[KEY_COUNT];
    size_t n = 0;
    for (int i = 0; i < KEY_COUNT; i++) {
        if (KEY_SPECS[i].section != section) {
            continue;
        }
        if (strcmp(word, KEY_SPECS[i].name) == 0) {
            *key = (enum key)i;
            return 0;
        }
        names[n++] = KEY_SPECS[i].name;
    }
    const char *near = nearest_name(word, names, n);
    if (near) {
        return err_set(e, ERR_CONFIG, "%s: unknown key %s in [%s], did you mean \"%s\"?", origin,
                       QUOTED(word), SECTION_SPECS[section].name, near);
    }
    struct str known = STR_INIT(0);
    for (size_t i = 0; i < n; i++) {
        str_printf(&known, "%s%s", i ? ", " : "", names[i]);
    }
    int rc = err_set(e, ERR_CONFIG, "%s: unknown key %s in [%s]; known are %s", origin,
                     QUOTED(word), SECTION_SPECS[section].name, str_text(&known));
    str_free(&known);
    return rc;
}

/* Has a section without names no key with a dot that begins so? Then the dot is a mistake. */
static bool is_plain_key(enum section section, const char *rest)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        size_t n = strcspn(KEY_SPECS[i].name, ".");
        if (KEY_SPECS[i].section == section && KEY_SPECS[i].name[n] == '.' &&
            strncmp(rest, KEY_SPECS[i].name, n + 1) == 0) {
            return false;
        }
    }
    return true;
}

int settings_add_option(struct settings *list, const char *text, struct err *e)
{
    const char *equals = strchr(text, '=');
    SCOPE_FREE char *path = equals ? xstrndup(text, (size_t)(equals - text)) : NULL;
    char *first = path ? strchr(path, '.') : NULL;
    char *last = path ? strrchr(path, '.') : NULL;
    if (!first) {
        return err_set(e, ERR_CONFIG, "--set %s: write it as SECTION[.NAME].KEY=VALUE",
                       QUOTED(text));
    }
    SCOPE_FREE char *origin = xasprintf("--set %s", path);
    *first = '\0';
    enum section section;
    enum key key;
    if (find_section(path, &section) != 0) {
        return unknown_section(path, origin, e);
    }
    if (!SECTION_SPECS[section].named && first < last && !is_plain_key(section, first + 1)) {
        last = first; /* run.env.NAME: the dot belongs to the key */
    }
    SCOPE_FREE char *name = first < last ? xstrndup(first + 1, (size_t)(last - first) - 1) : NULL;
    if (SECTION_SPECS[section].named != (name != NULL)) {
        return err_set(e, ERR_CONFIG, "%s: %s", origin,
                       name ? "this section takes no name"
                            : "say which one: --set output.NAME.KEY=VALUE");
    }
    const char *env_name;
    int rc = settings_key(section, last + 1, &key, &env_name, origin, e);
    if (rc == 0) {
        settings_add(list, key, env_name ? env_name : name, equals + 1, origin);
    }
    return rc;
}

int settings_add_output_option(struct settings *list, const char *name, const char *text,
                               struct err *e)
{
    const char *equals = strchr(text, '=');
    if (!equals) {
        return err_set(e, ERR_CONFIG, "--set %s: write it as KEY=VALUE", QUOTED(text));
    }
    SCOPE_FREE char *word = xstrndup(text, (size_t)(equals - text));
    SCOPE_FREE char *origin = xasprintf("--set %s", word);
    enum key key;
    const char *variable;
    int rc = settings_key(SECTION_OUTPUT, word, &key, &variable, origin, e);
    if (rc == 0) {
        settings_add(list, key, name, equals + 1, origin);
    }
    return rc;
}

/* "raw-labeled" -> "RAW_LABELED": how a name is spelt in a variable. */
static char *variable_spelling(const char *name)
{
    char *out = xstrdup(name);
    for (char *p = out; *p; p++) {
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    }
    return out;
}

/* Finds which declared name a variable means; NULL when none, and `*twice` when several. */
static const char *declared_name(const struct strvec *names, const char *spelling, bool *twice)
{
    const char *found = NULL;
    for (size_t i = 0; i < names->n; i++) {
        SCOPE_FREE char *own = variable_spelling(names->v[i]);
        if (strcmp(own, spelling) == 0) {
            *twice = found != NULL;
            found = names->v[i];
        }
    }
    return found;
}

/* PROCAGENT_SECTION_KEY, of a section without a name. */
static void add_plain_variable(struct settings *list, enum section section, const char *rest,
                               const char *value, const char *origin, bool *known)
{
    for (int i = 0; i < KEY_COUNT && !*known; i++) {
        SCOPE_FREE char *spelt = variable_spelling(KEY_SPECS[i].name);
        if (KEY_SPECS[i].section == section && strcmp(rest, spelt) == 0) {
            *known = true;
            settings_add(list, (enum key)i, NULL, value, origin);
        }
    }
}

/* PROCAGENT_SECTION_NAME_KEY. Some keys end in another one (keep_columns, columns), so that a
 * variable can be read in several ways: the one whose name is declared is meant. */
static int add_named_variable(struct settings *list, enum section section, const char *rest,
                              const char *value, const char *origin, const struct strvec *declared,
                              bool strict, bool *known, struct err *e)
{
    SCOPE_FREE char *shortest = NULL; /* the name before the longest key: for the error */
    const char *name = NULL;
    enum key key = KEY_COUNT - 1;
    for (int i = 0; i < KEY_COUNT; i++) {
        SCOPE_FREE char *spelt = variable_spelling(KEY_SPECS[i].name);
        SCOPE_FREE char *tail = xasprintf("_%s", spelt);
        if (KEY_SPECS[i].section != section || !str_ends(rest, tail) ||
            strlen(rest) == strlen(tail)) {
            continue;
        }
        *known = true;
        SCOPE_FREE char *spelling = xstrndup(rest, strlen(rest) - strlen(tail));
        bool twice = false;
        const char *found = declared_name(declared, spelling, &twice);
        if (twice || (found && name)) {
            return twice ? err_set(e, ERR_CONFIG,
                                   "%s: several names are spelt %s; set it in agent.ini", origin,
                                   spelling)
                         : err_set(e, ERR_CONFIG,
                                   "%s: is it %s of \"%s\", or %s of \"%s\"? set it in agent.ini",
                                   origin, KEY_SPECS[key].name, name, KEY_SPECS[i].name, found);
        }
        if (found) {
            name = found;
            key = (enum key)i;
        }
        if (!shortest || strlen(spelling) < strlen(shortest)) {
            free(shortest);
            shortest = TAKE_PTR(spelling);
        }
    }
    if (*known && !name && strict) {
        return err_set(e, ERR_CONFIG, "%s: the job has no %s whose name is spelt %s", origin,
                       SECTION_SPECS[section].name, shortest);
    }
    if (name) {
        settings_add(list, key, name, value, origin);
    }
    return 0;
}

static int add_variable(struct settings *list, enum section section, const char *rest,
                        const char *value, const char *origin, const struct strvec *declared,
                        bool strict, bool *known, struct err *e)
{
    if (section == SECTION_RUN && str_starts(rest, "ENV_") && is_variable_name(rest + 4)) {
        *known = true;
        settings_add(list, KEY_RUN_ENV, rest + 4, value, origin);
        return 0;
    }
    if (section == SECTION_NOTEBOOK && str_starts(rest, "PARAMETERS_") &&
        is_variable_name(rest + 11)) {
        *known = true;
        settings_add(list, KEY_NOTEBOOK_PARAMETERS, rest + 11, value, origin);
        return 0;
    }
    if (!SECTION_SPECS[section].named) {
        add_plain_variable(list, section, rest, value, origin, known);
        return 0;
    }
    return add_named_variable(list, section, rest, value, origin, declared, strict, known, e);
}

int settings_add_environment(struct settings *list, char *const *environment,
                             const struct strvec *inputs, const struct strvec *outputs,
                             struct strvec *unknown, struct err *e)
{
    static const char PREFIX[] = "PROCAGENT_";
    static const char *const OTHERS[] = {
        "PROCAGENT_CONFIG",   "PROCAGENT_ML_ROOT", "PROCAGENT_LOG",
        "PROCAGENT_JOB_NAME", "PROCAGENT_HOST",    "PROCAGENT_HOSTS", /* told to a transform */
    };
    static const struct strvec NOBODY = {0};
    const bool strict = inputs != NULL;
    inputs = inputs ? inputs : &NOBODY;
    for (size_t i = 0; environment[i]; i++) {
        const char *equals = strchr(environment[i], '=');
        if (!equals || !str_starts(environment[i], PREFIX)) {
            continue;
        }
        SCOPE_FREE char *variable = xstrndup(environment[i], (size_t)(equals - environment[i]));
        SCOPE_FREE char *origin = xasprintf("environment %s", variable);
        bool known = false;
        for (size_t k = 0; k < sizeof OTHERS / sizeof *OTHERS; k++) {
            known = known || strcmp(variable, OTHERS[k]) == 0;
        }
        for (int s = 0; s < SECTION_COUNT && !known; s++) {
            SCOPE_FREE char *spelt = variable_spelling(SECTION_SPECS[s].name);
            SCOPE_FREE char *head = xasprintf("%s%s_", PREFIX, spelt);
            if (!str_starts(variable, head)) {
                continue;
            }
            int rc = add_variable(list, (enum section)s, variable + strlen(head), equals + 1,
                                  origin, s == SECTION_INPUT ? inputs : outputs, strict, &known, e);
            if (rc != 0) {
                return rc;
            }
        }
        if (!known) {
            strvec_add(unknown, variable);
        }
    }
    return 0;
}

int settings_bad_value(const struct setting *at, const char *expected, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: %s = %s: expected %s", at->origin, KEY_SPECS[at->key].name,
                   QUOTED(at->value), expected);
}

int settings_word(const struct setting *at, const char *const *words, size_t n, int *out,
                  struct err *e)
{
    struct str expected = STR_INIT(0);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(at->value, words[i]) == 0) {
            *out = (int)i;
            str_free(&expected);
            return 0;
        }
        str_printf(&expected, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
    }
    int rc = settings_bad_value(at, str_text(&expected), e);
    str_free(&expected);
    return rc;
}

int settings_switch(const struct setting *at, bool *out, struct err *e)
{
    static const struct {
        const char *word;
        bool on;
    } WORDS[] = {{"yes", true}, {"true", true},   {"on", true},   {"1", true},
                 {"no", false}, {"false", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(at->value, WORDS[i].word) == 0) {
            *out = WORDS[i].on;
            return 0;
        }
    }
    return settings_bad_value(at, "yes or no", e);
}
