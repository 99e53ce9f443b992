/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/partition: names of files in a partition, the check, and the rewrite.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/json.h"
#include "partition/partition.h"
#include "partition/rules.h"

static struct job job;
static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    assert_true(tz_lookup("Asia/Tokyo", &job.tz));
    assert_true(clock_parse_rfc3339("2021-12-14T15:30:00Z", &job.time_ns));
    assert_int_equal(mkdirat(at->fd, "out", 0777), 0);
    return 0;
}

static int teardown(void **state)
{
    job_free(&job);
    return scratch_remove(state);
}

static void add_output(const char *layout)
{
    char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/out", at->path);
    struct output *out = job_add_output(&job, "o");
    out->local_path = strdup("/opt/ml/processing/output");
    out->dir = strdup(dir);
    out->layout = layout ? strdup(layout) : NULL;
    out->layout_origin = strdup("agent.ini:9");
}

static int rewrite(void)
{
    int rc = partition_check(&job, &e);
    return rc ? rc : partition_outputs(&job, &e);
}

static void test_file_names(void **state)
{
    (void)state;
    static const char *const CASES[][3] = {
        {"a.csv", NULL, "a.csv"},
        {"x/y/a.csv", NULL, "x-y-a.csv"},
        {"a.csv", "algo-1", "a-algo-1.csv"},
        {"x/a.csv.gz", "algo-1", "x-a-algo-1.csv.gz"},
        {"a.tar.gz", "h", "a-h.tar.gz"},
        {"a.gz", "h", "a-h.gz"},
        {"part-0001", "h", "part-0001-h"},
        {"a.b.parquet", "h", "a.b-h.parquet"},
        {"a.snappy.parquet", "h", "a.snappy-h.parquet"},
        {"x.y/part", "h", "x-h.y-part"},
        {"日本.csv", "h", "日本-h.csv"},
        {"a.", "h", "a-h."},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *found = partition_file_name(CASES[i][0], CASES[i][1]);
        if (strcmp(found, CASES[i][2]) != 0) {
            fail_msg("%s: found %s, expected %s", CASES[i][0], found, CASES[i][2]);
        }
        free(found);
    }
}

static void test_check(void **state)
{
    (void)state;
    add_output("d={time}");
    assert_ok(partition_check(&job, &e), &e);
    assert_string_equal(job.outputs[0].partition_dir, "d=2021-12-15");
    free(job.outputs[0].partition_dir);
    job.outputs[0].partition_dir = NULL;
    job.outputs[0].upload_mode = UPLOAD_CONTINUOUS;
    assert_failed(partition_check(&job, &e), &e, ERR_CONFIG,
                  "agent.ini:9: output \"o\" has S3UploadMode Continuous");
    assert_contains(e.text, "use EndOfJob");
    job.outputs[0].layout[0] = '\0';
    job.outputs[0].upload_mode = UPLOAD_END_OF_JOB;
    assert_failed(partition_check(&job, &e), &e, ERR_CONFIG,
                  "agent.ini:9: layout \"\", column 1: ");
    free(job.outputs[0].layout);
    job.outputs[0].layout = strdup("none");
    job.outputs[0].upload_mode = UPLOAD_CONTINUOUS;
    assert_ok(partition_check(&job, &e), &e);
}

static void test_moves(void **state)
{
    (void)state;
    write_text(at->fd, "out/transform.csv", "1");
    write_text(at->fd, "out/sub/deep/b.csv", "2");
    write_text(at->fd, "out/_SUCCESS", "");
    write_text(at->fd, "out/.hidden/x", "3");
    add_output("process_date_jst={time:%Y-%m-%d}/h={host}");
    assert_ok(rewrite(), &e);
    assert_file(at->fd, "out/process_date_jst=2021-12-15/h=algo-1/transform.csv", "1");
    assert_file(at->fd, "out/process_date_jst=2021-12-15/h=algo-1/sub-deep-b.csv", "2");
    assert_file(at->fd, "out/.hidden/x", "3");
    assert_true(exists(at->fd, "out/_SUCCESS"));
    assert_int_equal(count_entries(at->fd, "out"), 3);
    assert_int_equal(job.outputs[0].partitions, 1);
    assert_int_equal(job.outputs[0].moved, 2);
}

static void test_several_hosts(void **state)
{
    (void)state;
    write_text(at->fd, "out/a.csv", "1");
    strvec_add(&job.hosts, "algo-2");
    add_output("k=v");
    assert_ok(rewrite(), &e);
    assert_file(at->fd, "out/k=v/a-algo-1.csv", "1");
}

static void test_own_trees_are_kept(void **state)
{
    (void)state;
    write_text(at->fd, "out/d=2020-01-01/partition.csv", "1");
    write_text(at->fd, "out/d=2020-01-02/partition.csv", "2");
    add_output("d={time}");
    assert_ok(rewrite(), &e);
    assert_file(at->fd, "out/d=2020-01-01/partition.csv", "1");
    assert_int_equal(count_entries(at->fd, "out"), 2);
    assert_int_equal(job.outputs[0].partitions, 2);
    assert_int_equal(job.outputs[0].moved, 0);
}

/* A failure leaves every file where it was. */
static void test_collisions_move_nothing(void **state)
{
    (void)state;
    write_text(at->fd, "out/a/b.csv", "1");
    write_text(at->fd, "out/a-b.csv", "2");
    write_text(at->fd, "out/c.csv", "3");
    add_output("k=v");
    assert_failed(rewrite(), &e, ERR_OUTPUT, "would both become \"k=v/a-b.csv\"");
    assert_contains(e.text, "output \"o\": ");
    assert_file(at->fd, "out/a/b.csv", "1");
    assert_file(at->fd, "out/a-b.csv", "2");
    assert_int_equal(count_entries(at->fd, "out"), 3);
}

static void test_names_that_are_taken(void **state)
{
    (void)state;
    write_text(at->fd, "out/a.csv", "new");
    write_text(at->fd, "out/k=v/a.csv", "old");
    add_output("k=v");
    assert_failed(rewrite(), &e, ERR_OUTPUT,
                  "\"a.csv\" would become \"k=v/a.csv\", which is there already");
    assert_file(at->fd, "out/a.csv", "new");
    assert_file(at->fd, "out/k=v/a.csv", "old");
}

/* The partition's folder cannot be made: the emptied state is the old one. */
static void test_failures_put_back(void **state)
{
    (void)state;
    write_text(at->fd, "out/a.csv", "1");
    assert_int_equal(symlinkat("nowhere", at->fd, "out/k=v"), 0);
    add_output("k=v/j=w");
    assert_failed(rewrite(), &e, ERR_OUTPUT, "output \"o\": create ");
    assert_file(at->fd, "out/a.csv", "1");
    assert_int_equal(count_entries(at->fd, "out"), 2);
}

/* The second move fails (a folder has its name): the first goes back. */
static void test_moved_files_go_back(void **state)
{
    (void)state;
    write_text(at->fd, "out/a.csv", "1");
    write_text(at->fd, "out/b.csv", "2");
    write_text(at->fd, "out/k=v/b.csv/_x", "3");
    add_output("k=v");
    assert_failed(rewrite(), &e, ERR_OUTPUT,
                  "\"b.csv\" would become \"k=v/b.csv\", which is there already");
    assert_false(exists(at->fd, "out/k=v/a.csv"));
    assert_file(at->fd, "out/k=v/b.csv/_x", "3");
    assert_file(at->fd, "out/a.csv", "1");
    assert_file(at->fd, "out/b.csv", "2");
    assert_int_equal(job.outputs[0].moved, 0);
}

static void test_without_layout(void **state)
{
    (void)state;
    write_text(at->fd, "out/a.csv", "1");
    add_output(NULL);
    assert_ok(rewrite(), &e);
    assert_int_equal(job.outputs[0].partitions, 0);
    assert_file(at->fd, "out/a.csv", "1");
    write_text(at->fd, "out/k=v/b.csv", "2");
    assert_failed(rewrite(), &e, ERR_OUTPUT,
                  "output \"o\" (layout = none publishes it as it is): \"a.csv\" lies outside");
    job.outputs[0].layout = strdup("none");
    assert_ok(rewrite(), &e);
}

static void test_nothing_there(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    add_output("k=v");
    assert_ok(rewrite(), &e);
    assert_int_equal(job.outputs[0].partitions, 0);
    assert_int_equal(count_entries(at->fd, "out"), 0);
    assert_int_equal(unlinkat(at->fd, "out", AT_REMOVEDIR), 0);
    free(job.outputs[0].partition_dir);
    job.outputs[0].partition_dir = NULL;
    assert_ok(rewrite(), &e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_names),
        TEST(test_check),
        TEST(test_moves),
        TEST(test_several_hosts),
        TEST(test_own_trees_are_kept),
        TEST(test_collisions_move_nothing),
        TEST(test_names_that_are_taken),
        TEST(test_failures_put_back),
        TEST(test_moved_files_go_back),
        TEST(test_without_layout),
        TEST(test_nothing_there),
    };
    return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
