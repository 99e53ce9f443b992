/* SPDX-License-Identifier: MIT
 *
 * The service's two config files. See json.h.
 */
#include "config/json.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/locate.h"
#include "base/mem.h"
#include "base/scope.h"

/* A document while it is read: for positions. */
struct doc {
    const char *file;
    const char *text;
    size_t n;
    json_t *root; /* owned */
    struct err *e;
};

static void doc_close(struct doc *d)
{
    json_decref(d->root);
}

static int doc_open(struct doc *d)
{
    json_error_t why;
    d->root = json_loadb(d->text, d->n, 0, &why);
    if (!d->root) {
        return err_set(d->e, ERR_CONFIG, "%s:%d:%d: not JSON: %s", d->file, why.line, why.column,
                       why.text);
    }
    if (!json_is_object(d->root)) {
        return err_set(d->e, ERR_CONFIG, "%s:1:1: not a JSON object", d->file);
    }
    return 0;
}

/* "file:line:column" of a value; owned by the caller. */
static char *place_of(const struct doc *d, const char *path)
{
    struct json_place place = json_locate(d->text, d->n, path);
    return xasprintf("%s:%zu:%zu", d->file, place.line, place.column);
}

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: return "null";
    }
    return "a value";
}

static int wrong_type(const struct doc *d, const char *path, const char *wanted, const json_t *v)
{
    SCOPE_FREE char *place = place_of(d, path);
    return err_set(d->e, ERR_CONFIG, "%s: %s must be %s, found %s", place, path, wanted,
                   type_name(v));
}

/* The member `key` of `object`, NULL when absent or null: the service means the same by both. */
static json_t *member(const json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

/* Reads an optional string member into *out (owned by the caller; NULL when absent). `base` is the
 * object's path, "" for the document. */
static int read_string(const struct doc *d, const json_t *object, const char *base, const char *key,
                       char **out)
{
    const json_t *v = member(object, key);
    *out = NULL;
    if (!v) {
        return 0;
    }
    if (!json_is_string(v)) {
        SCOPE_FREE char *path = xasprintf("%s%s%s", base, *base ? "." : "", key);
        return wrong_type(d, path, "a string", v);
    }
    *out = xstrdup(json_string_value(v));
    return 0;
}

/* Reads an optional member that is true or false; false when absent. */
static int read_bool(const struct doc *d, const json_t *object, const char *base, const char *key,
                     bool *out)
{
    const json_t *v = member(object, key);
    *out = json_is_true(v);
    if (v && !json_is_boolean(v)) {
        SCOPE_FREE char *path = xasprintf("%s.%s", base, key);
        return wrong_type(d, path, "true or false", v);
    }
    return 0;
}

/* Reads an optional object or array member; *out is borrowed, NULL when absent. */
static int read_child(const struct doc *d, const json_t *object, const char *base, const char *key,
                      json_type type, const json_t **out)
{
    const json_t *v = member(object, key);
    *out = v;
    if (v && json_typeof(v) != type) {
        SCOPE_FREE char *path = xasprintf("%s%s%s", base, *base ? "." : "", key);
        return wrong_type(d, path, type == JSON_OBJECT ? "an object" : "an array", v);
    }
    return 0;
}

/* Reads an optional enum member: the index in `words`, 0 when absent, the count when unknown; `odd`
 * (may be NULL) then gets the first such member as `KEY "value"`, owned by the caller. */
static int read_enum(const struct doc *d, const json_t *object, const char *base, const char *key,
                     const char *const *words, int n, int *out, char **odd)
{
    SCOPE_FREE char *text = NULL;
    int rc = read_string(d, object, base, key, &text);
    *out = 0;
    while (rc == 0 && text && *out < n && strcmp(text, words[*out]) != 0) {
        (*out)++;
    }
    if (*out == n && odd && !*odd) {
        *odd = xasprintf("%s %s", key, QUOTED(text));
    }
    return rc;
}

struct input *job_add_input(struct job *job, const char *name)
{
    job->inputs = xreallocarray(job->inputs, job->n_inputs + 1, sizeof *job->inputs);
    struct input *in = &job->inputs[job->n_inputs++];
    *in = (struct input){.name = xstrdup(name),
                         .unpack = {.max_entries = 1000000, .max_ratio = 1000}};
    return in;
}

struct output *job_add_output(struct job *job, const char *name)
{
    job->outputs = xreallocarray(job->outputs, job->n_outputs + 1, sizeof *job->outputs);
    struct output *out = &job->outputs[job->n_outputs++];
    *out = (struct output){.name = xstrdup(name)};
    table_init(&out->table);
    return out;
}

/* Where LocalPath stands, else where the member stands: what an error about it should name. */
static char *origin_of(const struct doc *d, const char *path, const char *s3_key)
{
    SCOPE_FREE char *local = xasprintf("%s.%s.LocalPath", path, s3_key);
    return place_of(d, local);
}

static int read_s3_input(const struct doc *d, const json_t *s3, const char *path, struct input *in)
{
    static const char *const TYPES[] = {"S3Prefix", "ManifestFile"};
    static const char *const SPREADS[] = {"FullyReplicated", "ShardedByS3Key"};
    static const char *const MODES[] = {"File", "Pipe"};
    SCOPE_FREE char *base = xasprintf("%s.S3Input", path);
    SCOPE_FREE char *compression = NULL;
    int type = 0;
    int spread = 0;
    int mode = 0;
    int rc = read_string(d, s3, base, "LocalPath", &in->local_path);
    rc = rc ? rc : read_string(d, s3, base, "S3Uri", &in->s3_uri);
    rc = rc ? rc : read_enum(d, s3, base, "S3DataType", TYPES, 2, &type, &in->odd);
    rc = rc ? rc : read_enum(d, s3, base, "S3DataDistributionType", SPREADS, 2, &spread, &in->odd);
    rc = rc ? rc : read_enum(d, s3, base, "S3InputMode", MODES, 2, &mode, &in->odd);
    rc = rc ? rc : read_string(d, s3, base, "S3CompressionType", &compression);
    in->data_type = (enum s3_data_type)type;
    in->distribution = (enum s3_distribution)spread;
    in->mode = (enum s3_input_mode)mode;
    in->gzip = str_same(compression, "Gzip");
    return rc;
}

static int read_input(const struct doc *d, const json_t *item, const char *path, struct job *job)
{
    if (!json_is_object(item)) {
        return wrong_type(d, path, "an object", item);
    }
    SCOPE_FREE char *name = NULL;
    const json_t *s3;
    const json_t *dataset;
    bool app_managed;
    int rc = read_string(d, item, path, "InputName", &name);
    rc = rc ? rc : read_bool(d, item, path, "AppManaged", &app_managed);
    rc = rc ? rc : read_child(d, item, path, "S3Input", JSON_OBJECT, &s3);
    rc = rc ? rc : read_child(d, item, path, "DatasetDefinition", JSON_OBJECT, &dataset);
    if (rc != 0) {
        return rc;
    }
    struct input *in = job_add_input(job, name ? name : "");
    in->app_managed = app_managed;
    if (s3) {
        in->origin = origin_of(d, path, "S3Input");
        return read_s3_input(d, s3, path, in);
    }
    in->origin = origin_of(d, path, "DatasetDefinition");
    in->dataset = dataset != NULL;
    SCOPE_FREE char *base = xasprintf("%s.DatasetDefinition", path);
    return dataset ? read_string(d, dataset, base, "LocalPath", &in->local_path) : 0;
}

static int read_output(const struct doc *d, const json_t *item, const char *path, struct job *job)
{
    static const char *const MODES[] = {"EndOfJob", "Continuous"};
    if (!json_is_object(item)) {
        return wrong_type(d, path, "an object", item);
    }
    SCOPE_FREE char *name = NULL;
    const json_t *s3;
    const json_t *feature_store;
    bool app_managed;
    int rc = read_string(d, item, path, "OutputName", &name);
    rc = rc ? rc : read_bool(d, item, path, "AppManaged", &app_managed);
    rc = rc ? rc : read_child(d, item, path, "S3Output", JSON_OBJECT, &s3);
    rc = rc ? rc : read_child(d, item, path, "FeatureStoreOutput", JSON_OBJECT, &feature_store);
    if (rc != 0) {
        return rc;
    }
    struct output *out = job_add_output(job, name ? name : "");
    out->app_managed = app_managed;
    out->feature_store = feature_store != NULL;
    out->origin = origin_of(d, path, "S3Output");
    if (!s3) {
        return 0;
    }
    SCOPE_FREE char *base = xasprintf("%s.S3Output", path);
    int mode = 0;
    rc = read_string(d, s3, base, "LocalPath", &out->local_path);
    rc = rc ? rc : read_string(d, s3, base, "S3Uri", &out->s3_uri);
    rc = rc ? rc : read_enum(d, s3, base, "S3UploadMode", MODES, 2, &mode, NULL);
    out->upload_mode = (enum s3_upload_mode)mode;
    return rc;
}

static int read_members(const struct doc *d, const json_t *array, const char *path, struct job *job,
                        int (*read)(const struct doc *, const json_t *, const char *, struct job *))
{
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item)
    {
        SCOPE_FREE char *at = xasprintf("%s.%zu", path, i);
        int rc = read(d, item, at, job);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int read_max_runtime(const struct doc *d, const json_t *stopping, struct job *job)
{
    const json_t *v = member(stopping, "MaxRuntimeInSeconds");
    if (v && !json_is_integer(v)) {
        return wrong_type(d, "StoppingCondition.MaxRuntimeInSeconds", "a whole number", v);
    }
    json_int_t max = json_integer_value(v);
    job->max_runtime_s = max > 0 ? (uint64_t)max : 0;
    return 0;
}

/* The request's Environment map: what the platform would have put into ours. */
static int read_environment(const struct doc *d, struct job *job)
{
    const json_t *map;
    const char *name;
    const json_t *value;
    int rc = read_child(d, d->root, "", "Environment", JSON_OBJECT, &map);
    if (rc != 0 || !map) {
        return rc;
    }
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        if (!json_is_string(value)) {
            SCOPE_FREE char *path = xasprintf("Environment.%s", name);
            return wrong_type(d, path, "a string", value);
        }
        env_set(&job->environment, name, json_string_value(value));
    }
    return 0;
}

int json_read_job(const char *file, const char *text, size_t n, struct job *job, struct err *e)
{
    SCOPE(doc_close) struct doc d = {.file = file, .text = text, .n = n, .e = e};
    int rc = doc_open(&d);
    if (rc != 0) {
        return rc;
    }
    const json_t *inputs;
    const json_t *config;
    const json_t *outputs = NULL;
    const json_t *stopping;
    char *name = NULL;
    char *arn = NULL;
    rc = read_string(&d, d.root, "", "ProcessingJobName", &name);
    rc = rc ? rc : read_string(&d, d.root, "", "ProcessingJobArn", &arn);
    rc = rc ? rc : read_child(&d, d.root, "", "ProcessingInputs", JSON_ARRAY, &inputs);
    rc = rc ? rc : read_members(&d, inputs, "ProcessingInputs", job, read_input);
    rc = rc ? rc : read_child(&d, d.root, "", "ProcessingOutputConfig", JSON_OBJECT, &config);
    rc =
        rc ? rc : read_child(&d, config, "ProcessingOutputConfig", "Outputs", JSON_ARRAY, &outputs);
    rc = rc ? rc : read_members(&d, outputs, "ProcessingOutputConfig.Outputs", job, read_output);
    rc = rc ? rc
            : read_string(&d, config, "ProcessingOutputConfig", "KmsKeyId", &job->s3.kms_key_id);
    rc = rc ? rc : read_child(&d, d.root, "", "StoppingCondition", JSON_OBJECT, &stopping);
    rc = rc ? rc : read_environment(&d, job);
    if (name) {
        free(job->name);
        job->name = name;
    }
    if (arn) {
        free(job->arn);
        job->arn = arn;
    }
    return rc ? rc : read_max_runtime(&d, stopping, job);
}

int json_read_hosts(const char *file, const char *text, size_t n, struct job *job, struct err *e)
{
    SCOPE(doc_close) struct doc d = {.file = file, .text = text, .n = n, .e = e};
    SCOPE_FREE char *current = NULL;
    const json_t *hosts;
    int rc = doc_open(&d);
    rc = rc ? rc : read_string(&d, d.root, "", "current_host", &current);
    rc = rc ? rc : read_child(&d, d.root, "", "hosts", JSON_ARRAY, &hosts);
    if (rc != 0) {
        return rc;
    }
    SCOPE(strvec_free) struct strvec names = {0};
    size_t i;
    const json_t *item;
    json_array_foreach(hosts, i, item)
    {
        if (!json_is_string(item)) {
            SCOPE_FREE char *path = xasprintf("hosts.%zu", i);
            return wrong_type(&d, path, "a string", item);
        }
        strvec_add(&names, json_string_value(item));
    }
    if (!current && names.n == 0) {
        return 0;
    }
    if (!current) {
        current = xstrdup(names.v[0]);
    }
    if (names.n == 0) {
        strvec_add(&names, current);
    }
    size_t self = 0;
    while (self < names.n && strcmp(names.v[self], current) != 0) {
        self++;
    }
    if (self == names.n) {
        SCOPE_FREE char *place = place_of(&d, "current_host");
        return err_set(e, ERR_CONFIG, "%s: current_host %s is not among hosts", place,
                       QUOTED(current));
    }
    free(job->current_host);
    job->current_host = TAKE_PTR(current);
    strvec_free(&job->hosts);
    job->hosts = names;
    names = (struct strvec){0};
    job->host_index = self;
    job->hosts_named = true;
    return 0;
}
