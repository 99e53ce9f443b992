/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/json: the service's files as they were seen over the years, and every way in
 * which one can be wrong.
 */
#include "unit.h"

#include "config/json.h"

static struct job job;
static struct err e;

static int setup(void **state)
{
    (void)state;
    e = (struct err){0};
    job_init(&job);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    job_free(&job);
    return 0;
}

/* Both readers get a buffer of the exact size: a read beyond it is seen by ASan. */
static int read_with(int (*read)(const char *, const char *, size_t, struct job *, struct err *),
                     const char *text)
{
    job_free(&job);
    (void)setup(NULL);
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    int rc = read("job.json", copy, n, &job, &e);
    free(copy);
    return rc;
}

static int read_job(const char *text)
{
    return read_with(json_read_job, text);
}

static int read_hosts(const char *text)
{
    return read_with(json_read_hosts, text);
}

static void read_sample(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "fixtures/config/%s", name);
    char *text = read_bytes(AT_FDCWD, path, NULL);
    bool hosts = strncmp(name, "resourceconfig", 14) == 0;
    assert_ok(hosts ? read_hosts(text) : read_job(text), &e);
    free(text);
}

static void test_spark_2020_11(void **state)
{
    (void)state;
    read_sample("processingjobconfig.spark-2020-11.json");
    assert_string_equal(job.name, "spark-als-2020-11-30-22-20-35-496");
    assert_string_equal(job.arn, "arn:aws:sagemaker:us-east-1:123456789012:processing-job/"
                                 "spark-als-2020-11-30-22-20-35-496");
    assert_int_equal(job.n_inputs, 1);
    assert_int_equal(job.n_outputs, 0);
    assert_int_equal(job.max_runtime_s, 1200);
    const struct input *in = &job.inputs[0];
    assert_string_equal(in->name, "code");
    assert_string_equal(in->local_path, "/opt/ml/processing/input/code");
    assert_string_equal(in->s3_uri,
                        "s3://sagemaker-us-east-1-123456789012/spark-als-2020-11-30-22-20-35-496"
                        "/input/code/train_spark_als.py");
    assert_string_equal(in->origin, "job.json:22:22");
    assert_int_equal(in->data_type, S3_PREFIX);
    assert_int_equal(in->distribution, FULLY_REPLICATED);
    assert_int_equal(in->mode, INPUT_FILE);
    assert_false(in->gzip);
    assert_false(in->app_managed);
    assert_false(in->dataset);
}

static void test_model_monitor_2020_05(void **state)
{
    (void)state;
    read_sample("processingjobconfig.model-monitor-2020-05.json");
    assert_int_equal(job.n_inputs, 1);
    assert_int_equal(job.n_outputs, 1);
    assert_int_equal(job.max_runtime_s, 3600);
    assert_string_equal(job.inputs[0].name, "baseline_dataset_input");
    const struct output *out = &job.outputs[0];
    assert_string_equal(out->name, "monitoring_output");
    assert_string_equal(out->local_path, "/opt/ml/processing/output");
    assert_string_equal(out->s3_uri, "s3://dsoaws-amazon-reviews/data/baseline/");
    assert_string_equal(out->origin, "job.json:34:24");
    assert_int_equal(out->upload_mode, UPLOAD_END_OF_JOB);
    assert_false(out->app_managed);
    assert_false(out->feature_store);
}

static void test_multinode_minimal(void **state)
{
    (void)state;
    read_sample("processingjobconfig.multinode-minimal.json");
    assert_string_equal(job.name, "processing_job_name");
    assert_string_equal(job.arn, "processing_job_arn");
    assert_int_equal(job.n_inputs + job.n_outputs, 0);
    assert_int_equal(job.max_runtime_s, 0);
}

static void test_request_of_two_instances(void **state)
{
    (void)state;
    read_sample("create-processing-job.sharded-2-instances.json");
    assert_int_equal(job.n_inputs, 2);
    assert_int_equal(job.n_outputs, 3);
    assert_string_equal(job.arn, "");
    assert_string_equal(job.inputs[0].local_path, "/opt/ml/processing/input/data/");
    assert_int_equal(job.inputs[0].distribution, SHARDED_BY_S3_KEY);
    assert_int_equal(job.inputs[1].distribution, FULLY_REPLICATED);
    assert_string_equal(job.outputs[1].name, "raw-labeled-split-balanced-header-validation");
    assert_string_equal(job.outputs[2].local_path,
                        "/opt/ml/processing/output/raw/labeled/split/balanced/header/test");
}

static void test_resourceconfig_samples(void **state)
{
    (void)state;
    read_sample("resourceconfig.processing-2020-11.json");
    assert_string_equal(job.current_host, "algo-1");
    assert_int_equal(job.hosts.n, 1);
    read_sample("resourceconfig.multinode-algo-2.json");
    assert_string_equal(job.current_host, "algo-2");
    assert_int_equal(job.hosts.n, 2);
    assert_int_equal(job.host_index, 1);
    /* Training's shape: more keys, and a second list of hosts in another order */
    read_sample("resourceconfig.training-2-nodes.json");
    assert_string_equal(job.current_host, "algo-2");
    assert_int_equal(job.hosts.n, 2);
    assert_string_equal(job.hosts.v[0], "algo-1");
    assert_int_equal(job.host_index, 1);
}

/* Rank is the place in the list, whatever its order: "algo-10" sorts before "algo-2" as text. */
static void test_host_index(void **state)
{
    (void)state;
    assert_ok(
        read_hosts("{\"current_host\":\"algo-2\",\"hosts\":[\"algo-1\",\"algo-10\",\"algo-2\"]}"),
        &e);
    assert_int_equal(job.host_index, 2);
    assert_string_equal(job.hosts.v[1], "algo-10");
    assert_true(job.hosts_named);
    assert_ok(read_hosts("{}"), &e);
    assert_string_equal(job.current_host, "algo-1");
    assert_int_equal(job.hosts.n, 1);
    assert_false(job.hosts_named);
    assert_ok(read_hosts("{\"current_host\":null,\"hosts\":null,\"topology\":[]}"), &e);
    assert_string_equal(job.hosts.v[0], "algo-1");
    assert_ok(read_hosts("{\"current_host\":\"algo-7\"}"), &e);
    assert_string_equal(job.hosts.v[0], "algo-7");
    assert_ok(read_hosts("{\"hosts\":[\"b\",\"a\"]}"), &e);
    assert_string_equal(job.current_host, "b");
    assert_int_equal(job.host_index, 0);
}

static void test_hosts_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"{\"current_host\":\"x\",\n \"hosts\":[\"a\"]}",
         "job.json:1:17: current_host \"x\" is not among hosts"},
        {"{\"hosts\":\"a\"}", "job.json:1:10: hosts must be an array, found a string"},
        {"{\"hosts\":[\"a\",\n 7]}", "job.json:2:2: hosts.1 must be a string, found a number"},
        {"{\"current_host\":[]}", "job.json:1:17: current_host must be a string, found an array"},
        {"[]", "job.json:1:1: not a JSON object"},
        {"{\"hosts\":[\"a\"]", "job.json:1:"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(read_hosts(CASES[i].text), &e, ERR_CONFIG, CASES[i].piece);
        assert_string_equal(job.current_host, "algo-1"); /* untouched */
        assert_int_equal(job.hosts.n, 1);
    }
}

static void test_null_and_absent_are_the_same(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "{}",
        ("{\"ProcessingJobName\":null,\"ProcessingJobArn\":null,\"ProcessingInputs\":null,"
         "\"ProcessingOutputConfig\":null,\"StoppingCondition\":null}"),
        "{\"ProcessingInputs\":[],\"ProcessingOutputConfig\":{\"Outputs\":null,\"KmsKeyId\":null}}",
        "{\"ProcessingOutputConfig\":{},\"StoppingCondition\":{\"MaxRuntimeInSeconds\":null}}",
        " \r\n\t{ \"StoppingCondition\" : { } } \n",
    };
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        assert_ok(read_job(TEXTS[i]), &e);
        assert_int_equal(job.n_inputs + job.n_outputs, 0);
        assert_string_equal(job.name, "");
        assert_int_equal(job.max_runtime_s, 0);
    }
    assert_ok(
        read_job("{\"ProcessingInputs\":[{\"InputName\":\"a\",\"AppManaged\":null,\"S3Input\":{"
                 "\"LocalPath\":\"/x\",\"S3Uri\":null,\"S3DataType\":null,\"S3InputMode\":null,"
                 "\"S3DataDistributionType\":null,\"S3CompressionType\":null},"
                 "\"DatasetDefinition\":null}]}"),
        &e);
    assert_int_equal(job.n_inputs, 1);
    assert_null(job.inputs[0].s3_uri);
    assert_int_equal(job.inputs[0].data_type, S3_PREFIX);
    assert_int_equal(job.inputs[0].distribution, FULLY_REPLICATED);
    assert_int_equal(job.inputs[0].mode, INPUT_FILE);
    assert_false(job.inputs[0].dataset);
}

static void test_unknown_keys_and_values(void **state)
{
    (void)state;
    assert_ok(
        read_job(
            "{\"New\":{\"A\":[1,2,{\"B\":null}]},\"ProcessingInputs\":["
            "{\"InputName\":\"a\",\"X\":1,"
            "\"S3Input\":{\"LocalPath\":\"/x\",\"S3DataType\":\"New\",\"S3InputMode\":\"New\","
            "\"S3DataDistributionType\":\"New\",\"S3CompressionType\":\"New\",\"Y\":[]}}],"
            "\"ProcessingOutputConfig\":{\"Z\":0,\"Outputs\":[{\"OutputName\":\"o\",\"S3Output\":"
            "{\"LocalPath\":\"/y\",\"S3UploadMode\":\"New\",\"W\":{}}}]}}"),
        &e);
    assert_int_equal(job.inputs[0].data_type, S3_DATA_TYPE_OTHER);
    assert_int_equal(job.inputs[0].distribution, DISTRIBUTION_OTHER);
    assert_int_equal(job.inputs[0].mode, INPUT_MODE_OTHER);
    assert_false(job.inputs[0].gzip);
    assert_int_equal(job.outputs[0].upload_mode, UPLOAD_MODE_OTHER);
}

static void test_all_known_values(void **state)
{
    (void)state;
    assert_ok(
        read_job(
            "{\"ProcessingInputs\":[{\"InputName\":\"a\",\"AppManaged\":true,"
            "\"S3Input\":{\"LocalPath\":\"/x\",\"S3DataType\":\"ManifestFile\",\"S3InputMode\":"
            "\"Pipe\",\"S3DataDistributionType\":\"ShardedByS3Key\","
            "\"S3CompressionType\":\"Gzip\"}},"
            "{\"InputName\":\"d\",\"S3Input\":null,\"DatasetDefinition\":{\"LocalPath\":\"/z\","
            "\"AthenaDatasetDefinition\":{}}}],"
            "\"ProcessingOutputConfig\":{\"Outputs\":[{\"OutputName\":\"o\",\"AppManaged\":true,"
            "\"S3Output\":null,\"FeatureStoreOutput\":{\"FeatureGroupName\":\"g\"}},"
            "{\"OutputName\":\"p\",\"S3Output\":{\"LocalPath\":\"/y\",\"S3UploadMode\":"
            "\"Continuous\"},\"FeatureStoreOutput\":null}]}}"),
        &e);
    assert_int_equal(job.inputs[0].data_type, S3_MANIFEST_FILE);
    assert_int_equal(job.inputs[0].distribution, SHARDED_BY_S3_KEY);
    assert_int_equal(job.inputs[0].mode, INPUT_PIPE);
    assert_true(job.inputs[0].gzip);
    assert_true(job.inputs[0].app_managed);
    assert_true(job.inputs[1].dataset);
    assert_string_equal(job.inputs[1].local_path, "/z");
    assert_true(job.outputs[0].app_managed);
    assert_true(job.outputs[0].feature_store);
    assert_null(job.outputs[0].local_path);
    assert_int_equal(job.outputs[1].upload_mode, UPLOAD_CONTINUOUS);
    assert_false(job.outputs[1].feature_store);
}

static const struct {
    const char *text;
    const char *piece;
} WRONG_TYPES[] = {
    {"{\"ProcessingJobName\": 7}",
     "job.json:1:23: ProcessingJobName must be a string, found a number"},
    {"{\n  \"ProcessingJobArn\": {}\n}",
     "job.json:2:23: ProcessingJobArn must be a string, found an object"},
    {"{\"ProcessingInputs\": {}}",
     "job.json:1:22: ProcessingInputs must be an array, found an object"},
    {"{\"ProcessingInputs\": [\n 5]}",
     "job.json:2:2: ProcessingInputs.0 must be an object, found a number"},
    {"{\"ProcessingInputs\": [null]}",
     "job.json:1:23: ProcessingInputs.0 must be an object, found null"},
    {"{\"ProcessingInputs\": [{\"InputName\": []}]}",
     "job.json:1:37: ProcessingInputs.0.InputName must be a string"},
    {"{\"ProcessingInputs\": [{}, {\"S3Input\":\n\n \"x\"}]}",
     "job.json:3:2: ProcessingInputs.1.S3Input must be an object"},
    {"{\"ProcessingInputs\": [{\"S3Input\": {\"LocalPath\": true}}]}",
     "job.json:1:49: ProcessingInputs.0.S3Input.LocalPath must be a string, found true or false"},
    {"{\"ProcessingInputs\": [{\"S3Input\": {\"S3Uri\": 1.5}}]}",
     "ProcessingInputs.0.S3Input.S3Uri must be a string"},
    {"{\"ProcessingInputs\": [{\"S3Input\": {\"S3DataType\": 1}}]}",
     "S3DataType must be a string, found a number"},
    {"{\"ProcessingInputs\": [{\"S3Input\": {\"S3CompressionType\": 1}}]}",
     "S3CompressionType must be a string"},
    {"{\"ProcessingInputs\": [{\"S3Input\": {\"S3InputMode\": 1}}]}",
     "S3InputMode must be a string"},
    {"{\"ProcessingInputs\": [{\"S3Input\": {\"S3DataDistributionType\": 1}}]}",
     "DistributionType must be a string"},
    {"{\"ProcessingInputs\": [{\"DatasetDefinition\": []}]}",
     "ProcessingInputs.0.DatasetDefinition must be an object"},
    {"{\"ProcessingInputs\": [{\"DatasetDefinition\": {\"LocalPath\": 1}}]}",
     "DatasetDefinition.LocalPath must be a string"},
    {"{\"ProcessingInputs\": [{\"AppManaged\": \"true\"}]}",
     "job.json:1:38: ProcessingInputs.0.AppManaged must be true or false, found a string"},
    {"{\"ProcessingOutputConfig\": []}",
     "job.json:1:28: ProcessingOutputConfig must be an object, found an array"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": \"x\"}}",
     "job.json:1:40: ProcessingOutputConfig.Outputs must be an array"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": [[]]}}",
     "ProcessingOutputConfig.Outputs.0 must be an object, found an array"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": [{\"OutputName\": 1}]}}",
     "Outputs.0.OutputName must be a string"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": [{\"S3Output\": 1}]}}",
     "Outputs.0.S3Output must be an object"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": [{\"AppManaged\": 1}]}}",
     "Outputs.0.AppManaged must be true or false"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": [{\"FeatureStoreOutput\": 1}]}}",
     "Outputs.0.FeatureStoreOutput must be an object"},
    {"{\"ProcessingOutputConfig\": {\"Outputs\": [{\"S3Output\": {\"S3UploadMode\": 1}}]}}",
     "S3UploadMode must be a string"},
    {"{\"StoppingCondition\": 5}",
     "job.json:1:23: StoppingCondition must be an object, found a number"},
    {"{\"StoppingCondition\": {\"MaxRuntimeInSeconds\": \"60\"}}",
     "job.json:1:47: StoppingCondition.MaxRuntimeInSeconds must be a whole number, found a string"},
    {"{\"StoppingCondition\": {\"MaxRuntimeInSeconds\": 1.5}}",
     "MaxRuntimeInSeconds must be a whole number"},
};

static void test_wrong_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(WRONG_TYPES); i++) {
        assert_failed(read_job(WRONG_TYPES[i].text), &e, ERR_CONFIG, WRONG_TYPES[i].piece);
    }
}

static void test_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *piece;
    } CASES[] = {
        {"", "job.json:1:0: not JSON"},
        {"null", "job.json:1:4: not JSON"},
        {"[{}]", "job.json:1:1: not a JSON object"},
        {"{", "job.json:1:1: not JSON"},
        {"{\n  \"a\": 1,\n}", "job.json:3:1: not JSON"},
        {"{\"a\": 'x'}", "job.json:1:7: not JSON"},
        {"{} x", "job.json:1:4: not JSON"},
        {"{\"ProcessingJobName\": \"\xe9\"}", "not JSON"},
        {"{\"ProcessingJobName\": \"a\\u0000b\"}", "not JSON"},
        {"\xef\xbb\xbf[]", "job.json:1:"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_failed(read_job(CASES[i].text), &e, ERR_CONFIG, CASES[i].piece);
    }
}

/* Deep nesting and cut-off texts end in an error, not in a crash. */
static void test_every_truncation(void **state)
{
    (void)state;
    size_t n = 0;
    char *text =
        read_bytes(AT_FDCWD, "fixtures/config/processingjobconfig.model-monitor-2020-05.json", &n);
    while (n > 0 && text[n - 1] == '\n') {
        n--;
    }
    for (size_t len = 0; len < n; len += 7) {
        char *copy = strndup(text, len);
        assert_failed(read_job(copy), &e, ERR_CONFIG, "job.json:");
        free(copy);
    }
    free(text);
    char deep[10001];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_failed(read_job(deep), &e, ERR_CONFIG, "not JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_spark_2020_11, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model_monitor_2020_05, setup, teardown),
        cmocka_unit_test_setup_teardown(test_multinode_minimal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_request_of_two_instances, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resourceconfig_samples, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hosts_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_null_and_absent_are_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_keys_and_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_known_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_truncation, setup, teardown),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
