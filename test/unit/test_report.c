/* SPDX-License-Identifier: MIT
 *
 * Unit tests of report/listing and report/plan: what is printed of an output whose rows are split.
 */
#include "unit.h"

#include <jansson.h>

#include "base/mem.h"
#include "base/str.h"
#include "config/json.h"
#include "report/report.h"

static struct job job;
static struct output *out;
static const struct scratch *at;

static int setup(void **state)
{
    (void)scratch_make(state);
    at = *state;
    job_init(&job);
    out = job_add_output(&job, "o");
    out->dir = xstrdup("/data");
    out->local_path = xstrdup("/opt/ml/processing/o");
    out->layout = xstrdup("d={column.d}");
    return 0;
}

static int teardown(void **state)
{
    job_free(&job);
    return scratch_remove(state);
}

static void add_leaf(const char *path, uint64_t files, uint64_t rows, uint64_t bytes)
{
    out->leaves = xreallocarray(out->leaves, out->n_leaves + 1, sizeof *out->leaves);
    out->leaves[out->n_leaves++] =
        (struct leaf){.path = xstrdup(path), .files = files, .rows = rows, .bytes = bytes};
}

enum what { PLAN, TABLE, JSON };

/* What is printed to stdout; freed by the caller. */
static char *printed(enum what what)
{
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int file = openat(at->fd, "stdout", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(saved >= 0 && file >= 0);
    assert_int_equal(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    int rc = what == PLAN ? report_plan(&job) : report_partitions(&job, what == JSON);
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(saved);
    (void)close(file);
    assert_int_equal(rc, 0);
    return read_bytes(at->fd, "stdout", NULL);
}

static void expect(enum what what, const char *piece)
{
    char *text = printed(what);
    assert_contains(text, piece);
    free(text);
}

static void test_table(void **state)
{
    (void)state;
    add_leaf("d=1", 2, 30, 400);
    add_leaf("d=東京", 1, 0, 5);
    add_leaf("d=a\xc2\x9b\xff\x1b", 1, 1, 1);
    char *text = printed(TABLE);
    assert_string_equal(text, "partition               files         rows           bytes\n"
                              "d=1                         2           30             400\n"
                              "d=東京                        1            -               5\n"
                              "d=a\\xC2\\x9B\\xFF\\x1B         1            1               1\n"
                              "total: 3 partitions         4           31             406\n");
    free(text);
}

static void test_json(void **state)
{
    (void)state;
    add_leaf("d=1", 2, 30, 400);
    add_leaf("d=\xff", 1, 0, 5);
    out->split = 3;
    out->moved = 1;
    out->rows_in = 35;
    out->rows_out = 30;
    out->rows_rejected = 5;
    out->blank_lines = 7;
    job.dry_run = true;
    char *text = printed(JSON);
    json_t *found = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *wanted = json_loads(
        "{\"version\":1,\"dir\":\"/data\",\"dry_run\":true,\"layout\":\"d={column.d}\","
        "\"partitions\":[{\"path\":\"d=1\",\"files\":2,\"rows\":30,\"bytes\":400},"
        "{\"path\":\"d=?\",\"files\":1,\"rows\":null,\"bytes\":5}],\"split\":3,\"moved\":1,"
        "\"rows_in\":35,\"rows_out\":30,\"rows_rejected\":5,\"blank_lines\":7}",
        0, NULL);
    assert_non_null(wanted);
    if (!json_equal(found, wanted)) {
        fail_msg("%s", text);
    }
    json_decref(found);
    json_decref(wanted);
    free(text);
}

static void set_layout(const char *layout)
{
    free(out->layout);
    out->layout = xstrdup(layout);
}

static void test_plan(void **state)
{
    (void)state;
    expect(PLAN, "layout d={column.d}, each row by its columns\n"
                 "             format by the file's name, header\n");
    out->match = xstrdup("{x}/*");
    expect(PLAN, "each row by its columns, each file by its path: {x}/*\n");
    out->table.format = FORMAT_TSV;
    out->table.delimiter = '\x01';
    out->table.quote = '\0';
    strvec_add(&out->table.columns, "a");
    strvec_add(&out->table.columns, "d");
    out->table.header = false;
    out->table.null = NULL_VALUE;
    out->table.null_value = xstrdup("n/a");
    out->table.keep_columns = true;
    out->table.reject_bad_rows = true;
    out->table.compress = true;
    expect(PLAN, "format TSV, delimiter \"\\x01\", no quotes, no header, 2 columns named, "
                 "null = \"n/a\", partition columns kept, bad rows go to _rejected/, gzip\n");
    strvec_free(&out->table.columns);
    out->table.quote = '\'';
    out->table.null = NULL_FAIL;
    expect(PLAN, ", quote \"'\", no header, null is a bad row, ");
}

static void test_plan_without_columns(void **state)
{
    (void)state;
    set_layout("d={{column.d}}"); /* text in braces */
    out->match = xstrdup("{x}/*");
    char *text = printed(PLAN);
    assert_contains(text, "layout d={{column.d}}, each file by its path: {x}/*\n");
    assert_lacks(text, "columns");
    assert_lacks(text, "format");
    free(text);
    set_layout("none");
    free(out->match);
    out->match = NULL;
    expect(PLAN, "layout none: left as it is\n");
    set_layout("d={time}");
    out->partition_dir = xstrdup("d=2021-12-15");
    expect(PLAN, "layout d={time}\n             -> d=2021-12-15/\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table),
        TEST(test_json),
        TEST(test_plan),
        TEST(test_plan_without_columns),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
