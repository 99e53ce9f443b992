/* SPDX-License-Identifier: MIT
 *
 * Unit tests of publish/items and publish/hosts: which key a file gets, and what is refused.
 */
#include "unit.h"

#include "config/json.h"
#include "publish/hosts.h"
#include "publish/items.h"

static struct job job;
static struct items plan;
static struct err e;

static int setup(void **state)
{
    (void)state;
    e = (struct err){0};
    job_init(&job);
    job.store_kind = STORE_FOLDER;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    items_free(&plan);
    job_free(&job);
    return 0;
}

static struct output *add_output(const char *name, const char *uri)
{
    struct output *out = job_add_output(&job, name);
    out->origin = strdup("job.json:1:2");
    out->dir = strdup("/nowhere");
    out->s3_uri = strdup(uri);
    return out;
}

/* This host is `current` of `n` hosts, algo-1, algo-2, ... */
static void hosts(size_t n, size_t current)
{
    strvec_free(&job.hosts);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "algo-%zu", i + 1);
        strvec_add(&job.hosts, name);
    }
    job.host_index = current;
    free(job.current_host);
    job.current_host = strdup(job.hosts.v[current]);
}

static void add_file(size_t output, const char *path)
{
    struct dir_entry at = {.path = strdup(path), .size = 3};
    items_add(&plan, &job, output, &at);
    free(at.path);
}

static void begin(const char *below)
{
    items_free(&plan);
    assert_ok(items_begin(&plan, &job, below, &e), &e);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        const char *below;
        const char *path;
        size_t n_hosts;
        const char *key;
    } CASES[] = {
        {"s3://b/p/q", NULL, "a.csv", 1, "p/q/a.csv"},
        {"s3://b", NULL, "a/b.csv", 1, "a/b.csv"},
        {"s3://b/p", "_failed/j", "a/b.csv", 1, "p/_failed/j/a/b.csv"},
        {"s3://b", "_failed/j", "b", 1, "_failed/j/b"},
        {"s3://b/p", NULL, "a.csv", 2, "p/a-algo-2.csv"},
        {"s3://b/p", NULL, "d=1/a.csv.gz", 2, "p/d=1/a-algo-2.csv.gz"},
        {"s3://b/p", NULL, "d=1/a-algo-2.csv", 2, "p/d=1/a-algo-2.csv"},
        {"s3://b/p", NULL, "d=1/a-algo-2-00001.csv", 2, "p/d=1/a-algo-2-00001.csv"},
        {"s3://b/p", NULL, "algo-2/a.csv", 2, "p/algo-2/a-algo-2.csv"}, /* the name, no folder */
        {"s3://b/p", NULL, "a-algo-1.csv", 2, "p/a-algo-1-algo-2.csv"},
        {"s3://b/p", NULL, "a-algo-20.csv", 2, "p/a-algo-20-algo-2.csv"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct output *out = job.n_outputs ? &job.outputs[0] : add_output("o", CASES[i].uri);
        free(out->s3_uri);
        out->s3_uri = strdup(CASES[i].uri);
        hosts(CASES[i].n_hosts, CASES[i].n_hosts - 1);
        begin(CASES[i].below);
        add_file(0, CASES[i].path);
        assert_ok(items_check(&plan, &job, ERR_OUTPUT, &e), &e);
        assert_string_equal(plan.v[0].key, CASES[i].key);
        assert_string_equal(plan.v[0].path, CASES[i].path);
        assert_ptr_equal(items_find(&plan, "b", CASES[i].key), &plan.v[0]);
        assert_null(items_find(&plan, "c", CASES[i].key));
    }
}

static void test_owner(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t owner; /* of algo-1, algo-2, algo-1-2; 3 = nobody */
    } CASES[] = {
        {"a-algo-1.csv", 0},       {"a-algo-2.csv", 1},  {"algo-1/a-algo-2.csv", 1},
        {"algo-1-algo-2", 1},      {"algo-2-algo-1", 0}, {"a-algo-1-2.csv", 2},
        {"a-algo-1-00002.csv", 0}, {"a.csv", 3},         {"algo-1/a.csv", 3},
        {"a-algo-3.csv", 3},       {"a-algo-11.csv", 3},
    };
    hosts(2, 0);
    strvec_add(&job.hosts, "algo-1-2");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        size_t found = hosts_owner(&job, CASES[i].path);
        if (found != CASES[i].owner) {
            fail_msg("%s: %zu", CASES[i].path, found);
        }
        for (size_t host = 0; host < 3; host++) {
            job.host_index = host;
            bool may = found == host || (found == 3 && host == 0);
            assert_int_equal(hosts_may_replace(&job, CASES[i].path), may);
        }
    }
    hosts(1, 0);
    assert_true(hosts_may_replace(&job, "a-algo-7.csv"));
    assert_true(hosts_marked(&job, "a.csv"));
}

/* One error of each kind, with both files named. */
static void test_refused(void **state)
{
    (void)state;
    char long_name[1100];
    memset(long_name, 'k', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    add_output("one", "s3://b/p");
    add_output("two", "s3://b/p/sub");
    begin(NULL);
    add_file(0, "sub/a.csv");
    add_file(1, "a.csv");
    assert_failed(items_check(&plan, &job, ERR_OUTPUT, &e), &e, ERR_OUTPUT,
                  "would both become s3://b/p/sub/a.csv");
    assert_contains(e.text, "\"one\" (sub/a.csv)");
    assert_contains(e.text, "\"two\" (a.csv)");
    begin(NULL);
    add_file(0, long_name);
    assert_failed(items_check(&plan, &job, ERR_OUTPUT, &e), &e, ERR_OUTPUT, "S3 allows 1024");
    begin(NULL);
    add_file(0, "x\377");
    assert_failed(items_check(&plan, &job, ERR_OUTPUT, &e), &e, ERR_OUTPUT, "is not UTF-8");
    hosts(2, 0);
    begin(NULL);
    add_file(0, "a.csv"); /* gets the host's name, which the other has */
    add_file(0, "a-algo-1.csv");
    assert_failed(items_check(&plan, &job, ERR_OUTPUT, &e), &e, ERR_OUTPUT,
                  "would both become s3://b/p/a-algo-1.csv");
    begin(NULL);
    add_file(0, "a.algo-2"); /* the extension names another host, behind ours */
    assert_failed(items_check(&plan, &job, ERR_OUTPUT, &e), &e, ERR_OUTPUT,
                  "would not tell that it is from host \"algo-1\"");
}

static void test_ends(void **state)
{
    (void)state;
    struct output *out = add_output("o", "s3://b/p");
    out->marker = strdup("_SUCCESS");
    out->manifest = strdup("m.json");
    begin(NULL);
    items_add_ends(&plan, &job, 0);
    assert_ok(items_check(&plan, &job, ERR_OUTPUT, &e), &e);
    assert_int_equal(plan.n, 2);
    assert_int_equal(items_find(&plan, "b", "p/_SUCCESS")->kind, ITEM_MARKER);
    assert_int_equal(items_find(&plan, "b", "p/m.json")->kind, ITEM_MANIFEST);
    add_file(0, "_SUCCESS");
    assert_failed(items_check(&plan, &job, ERR_OUTPUT, &e), &e, ERR_OUTPUT, "(its marker)");
    hosts(2, 1);
    begin(NULL);
    items_add_ends(&plan, &job, 0);
    add_file(0, "x/_SUCCESS"); /* only the root's */
    assert_ok(items_check(&plan, &job, ERR_OUTPUT, &e), &e);
    assert_non_null(items_find(&plan, "b", "p/_SUCCESS-algo-2"));
    assert_non_null(items_find(&plan, "b", "p/m-algo-2.json"));
    out->app_managed = true; /* and no S3Uri: goes nowhere */
    free(out->s3_uri);
    out->s3_uri = NULL;
    begin(NULL);
    items_add_ends(&plan, &job, 0);
    assert_int_equal(plan.n, 0);
}

static void test_places(void **state)
{
    (void)state;
    struct output *out = add_output("o", "https://b/p");
    assert_failed(items_begin(&plan, &job, NULL, &e), &e, ERR_CONFIG,
                  "job.json:1:2: output \"o\": S3Uri \"https://b/p\"");
    job.store_kind = STORE_PLATFORM;
    begin(NULL); /* the platform's own business */
    job.store_kind = STORE_FOLDER;
    free(out->s3_uri);
    out->s3_uri = NULL;
    items_free(&plan);
    assert_failed(items_begin(&plan, &job, NULL, &e), &e, ERR_CONFIG, "has no S3Uri");
    out->s3_uri = strdup("s3://b/p");
    begin(NULL);
    assert_string_equal(items_relative(&plan, 0, "p/a/b"), "a/b");
    assert_null(items_relative(&plan, 0, "pa/b"));
    assert_null(items_relative(&plan, 0, "p"));
}

static void test_identity(void **state)
{
    (void)state;
    const struct identity a = {.size = 1, .mtime_ns = 2, .ctime_ns = 3, .dev = 4, .ino = 5};
    struct identity changed[5] = {a, a, a, a, a};
    changed[0].size++;
    changed[1].mtime_ns++;
    changed[2].ctime_ns++;
    changed[3].dev++;
    changed[4].ino++;
    assert_true(identity_same(&a, &a));
    for (size_t i = 0; i < COUNT(changed); i++) {
        assert_false(identity_same(&a, &changed[i]));
    }
    struct identity now;
    assert_false(identity_read("/nowhere/at/all", &now));
    struct dir_listing list = {0};
    assert_ok(dir_list(AT_FDCWD, "test/unit", "unit.h", 0, ERR_INPUT, &list, &e), &e);
    struct identity listed = identity_of(&list.v[0]);
    assert_true(identity_read("test/unit/unit.h", &now));
    assert_true(identity_same(&listed, &now));
    assert_true(now.mtime_ns > 0 && now.ctime_ns > 0);
    dir_listing_free(&list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keys), TEST(test_owner),  TEST(test_refused),
        TEST(test_ends), TEST(test_places), TEST(test_identity),
    };
    return cmocka_run_group_tests_name("publish_items", tests, NULL, NULL);
}
