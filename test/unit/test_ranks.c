/* SPDX-License-Identifier: MIT
 *
 * Unit tests of config/ranks: hosts from the environment of AWS Batch and of Kubernetes.
 */
#include "unit.h"

#include "config/ranks.h"

enum { MAX_VARIABLES = 6 };

static struct job job;
static struct err e;

static int setup(void **state)
{
    (void)state;
    job_init(&job);
    e = (struct err){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    job_free(&job);
    return 0;
}

/* ranks_read takes an environ, whose strings are not const. */
static int read_from(const char *const *variables)
{
    char *environment[MAX_VARIABLES + 1] = {0};
    for (size_t i = 0; i < MAX_VARIABLES && variables[i]; i++) {
        environment[i] = (char *)(uintptr_t)variables[i];
    }
    return ranks_read(&job, environment, &e);
}

#define ARRAY(index, size) "AWS_BATCH_JOB_ARRAY_INDEX=" index, "AWS_BATCH_JOB_ARRAY_SIZE=" size
#define NODE(index, count) "AWS_BATCH_JOB_NODE_INDEX=" index, "AWS_BATCH_JOB_NUM_NODES=" count
#define COMPLETION(index, count) "JOB_COMPLETION_INDEX=" index, "JOB_COMPLETION_COUNT=" count

static void test_who_is_who(void **state)
{
    static const struct {
        const char *variables[MAX_VARIABLES];
        size_t index;
        size_t n;
        const char *current;
        const char *last;
    } CASES[] = {
        {{"HOME=/", "PATH=/bin"}, 0, 1, "algo-1", "algo-1"},
        {{ARRAY("0", "1")}, 0, 1, "algo-1", "algo-1"},
        {{ARRAY("1", "3")}, 1, 3, "algo-2", "algo-3"},
        {{ARRAY("9999", "10000")}, 9999, 10000, "algo-10000", "algo-10000"},
        {{NODE("2", "3")}, 2, 3, "algo-3", "algo-3"},
        {{COMPLETION("10", "12")}, 10, 12, "algo-11", "algo-12"},
        /* the first that is there wins, wherever it stands */
        {{COMPLETION("0", "7"), NODE("1", "8"), ARRAY("2", "9")}, 2, 9, "algo-3", "algo-9"},
        {{COMPLETION("0", "7"), NODE("1", "8")}, 1, 8, "algo-2", "algo-8"},
        {{COMPLETION("x", ""), NODE("1", "2")}, 1, 2, "algo-2", "algo-2"},
        /* empty is none */
        {{ARRAY("", ""), COMPLETION("1", "2")}, 1, 2, "algo-2", "algo-2"},
        {{COMPLETION("", "")}, 0, 1, "algo-1", "algo-1"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        (void)setup(state);
        assert_ok(read_from(CASES[i].variables), &e);
        assert_int_equal(job.host_index, CASES[i].index);
        assert_int_equal(job.hosts.n, CASES[i].n);
        assert_string_equal(job.current_host, CASES[i].current);
        assert_string_equal(job.hosts.v[0], "algo-1");
        assert_string_equal(job.hosts.v[job.host_index], CASES[i].current);
        assert_string_equal(job.hosts.v[job.hosts.n - 1], CASES[i].last);
        (void)teardown(state);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *variables[MAX_VARIABLES];
        const char *piece;
    } CASES[] = {
        {{ARRAY("3", "3")},
         "environment AWS_BATCH_JOB_ARRAY_INDEX: \"3\" must be this host's number, 0 to 2 as "
         "AWS_BATCH_JOB_ARRAY_SIZE is \"3\"; mend"},
        {{ARRAY("-1", "3")}, "environment AWS_BATCH_JOB_ARRAY_INDEX: \"-1\" must be"},
        {{NODE("1 ", "3")}, "environment AWS_BATCH_JOB_NODE_INDEX: \"1 \" must be"},
        {{NODE("0", "0")},
         "environment AWS_BATCH_JOB_NUM_NODES: \"0\" must be the number of hosts, 1 to 10000"},
        {{COMPLETION("0", "10001")}, "environment JOB_COMPLETION_COUNT: \"10001\" must be"},
        {{COMPLETION("0", "99999999999999999999")}, "environment JOB_COMPLETION_COUNT: \"9999"},
        {{COMPLETION("0", "two")}, "environment JOB_COMPLETION_COUNT: \"two\" must be"},
        {{COMPLETION("99999999999999999999", "2")}, "environment JOB_COMPLETION_INDEX: \"9999"},
        {{"JOB_COMPLETION_INDEX=0"},
         "environment JOB_COMPLETION_INDEX is \"0\", but JOB_COMPLETION_COUNT is not set: "
         "Kubernetes does not set it; add it to the container's env"},
        {{COMPLETION("", "3")},
         "environment JOB_COMPLETION_COUNT is \"3\", but JOB_COMPLETION_INDEX is not set: "
         "Kubernetes sets it in Jobs with completionMode: Indexed"},
        {{ARRAY("1", ""), COMPLETION("0", "2")},
         "environment AWS_BATCH_JOB_ARRAY_INDEX is \"1\", but AWS_BATCH_JOB_ARRAY_SIZE is not set"},
        {{"AWS_BATCH_JOB_NUM_NODES=2"},
         "environment AWS_BATCH_JOB_NUM_NODES is \"2\", but AWS_BATCH_JOB_NODE_INDEX is not set"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        (void)setup(state);
        assert_failed(read_from(CASES[i].variables), &e, ERR_CONFIG, CASES[i].piece);
        assert_string_equal(job.current_host, "algo-1"); /* untouched */
        assert_int_equal(job.hosts.n, 1);
        assert_int_equal(job.host_index, 0);
        (void)teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_who),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("ranks", tests, NULL, NULL);
}
