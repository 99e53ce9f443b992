/* SPDX-License-Identifier: MIT
 *
 * Unit tests of publish/modes: what a partition is, and what append, replace and fail make of a
 * store that holds older objects.
 */
#include "unit.h"

#include "config/json.h"
#include "publish/modes.h"

static struct job job;
static struct items plan;
static struct modes modes;
static struct store store;
static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    job.store_kind = STORE_FOLDER;
    job.store_root = strdup(at->path);
    assert_int_equal(mkdirat(at->fd, "b", 0777), 0);
    assert_ok(store_open(&store, &job, &e), &e);
    struct output *out = job_add_output(&job, "o");
    out->origin = strdup("job.json:1:2");
    out->dir = strdup("/nowhere");
    out->s3_uri = strdup("s3://b/p");
    out->mode = PUBLISH_REPLACE;
    out->mode_origin = strdup("agent.ini:7");
    return 0;
}

static int teardown(void **state)
{
    modes_free(&modes);
    items_free(&plan);
    store_close(&store);
    job_free(&job);
    return scratch_remove(state);
}

static void test_partition(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *partition;
    } CASES[] = {
        {"a.csv", ""},
        {"d=1/a.csv", "d=1"},
        {"d=1/h=2/a.csv", "d=1/h=2"},
        {"d=1/x/a.csv", "d=1"},
        {"d=1/x/h=2/a.csv", "d=1"},
        {"x/d=1/a.csv", ""},
        {"=1/a.csv", ""},
        {"d=/a.csv", "d="},
        {"d=1=2/a.csv", "d=1=2"},
        {"d=1", ""}, /* a file of that name */
        {"", ""},
        {"/d=1/a", ""},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        size_t n = modes_partition(CASES[i].path);
        if (n != strlen(CASES[i].partition) || strncmp(CASES[i].path, CASES[i].partition, n) != 0) {
            fail_msg("%s: %zu", CASES[i].path, n);
        }
    }
}

static void test_hidden(void **state)
{
    (void)state;
    static const char *const HIDDEN[] = {"_SUCCESS", ".x", "a/_b", "_a/b", "a/.b/c", "d=1/_tmp/x"};
    static const char *const SEEN[] = {"a", "a_b", "a/b.c", "d=_x/a", "", "a/"};
    for (size_t i = 0; i < COUNT(HIDDEN); i++) {
        assert_true(modes_hidden(HIDDEN[i]));
        assert_false(modes_hidden(SEEN[i]));
    }
}

/* Plans the files (separated by blanks) and looks at the store. */
static int look(const char *files)
{
    struct strvec paths = {0};
    for (const char *p = files; *p; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        strvec_take(&paths, strndup(p, n));
        p += n;
    }
    modes_free(&modes);
    items_free(&plan);
    assert_ok(items_begin(&plan, &job, NULL, &e), &e);
    for (size_t i = 0; i < paths.n; i++) {
        struct dir_entry file = {.path = paths.v[i]};
        items_add(&plan, &job, 0, &file);
    }
    strvec_free(&paths);
    items_add_ends(&plan, &job, 0);
    assert_ok(items_check(&plan, &job, ERR_OUTPUT, &e), &e);
    return modes_look(&modes, &plan, &job, &store, &e);
}

/* The keys as one text. */
static void assert_keys(const struct strvec *keys, const char *text)
{
    struct str found = STR_INIT(0);
    for (size_t i = 0; i < keys->n; i++) {
        str_printf(&found, "%s%s", i ? " " : "", keys->v[i]);
    }
    assert_string_equal(str_text(&found), text);
    str_free(&found);
}

static void put_objects(const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "b/%s", keys[i]);
        write_text(at->fd, path, "old");
    }
}

static const char *const OLD[] = {
    "p/d=1/a.csv",   "p/d=1/b.csv",     "p/d=1/sub/c.csv", "p/d=1/h=1/x.csv", "p/d=1/_tmp/y",
    "p/d=1/.z",      "p/d=2/a.csv",     "p/notes.txt",     "p/_SUCCESS",      "p/manifest.json",
    "p/_failed/j/a", "p/_rejected/d=1", "pp/d=1/a.csv",    "q/d=1/a.csv",
};

static void test_replace(void **state)
{
    (void)state;
    static const struct {
        const char *files;
        const char *replaced;
    } CASES[] = {
        {"d=1/a.csv", "p/d=1/b.csv p/d=1/sub/c.csv"}, /* of the same key: it is overwritten */
        {"d=1/new.csv notes.txt", "p/d=1/a.csv p/d=1/b.csv p/d=1/sub/c.csv"},
        {"d=1/h=1/new.csv", "p/d=1/h=1/x.csv"},
        {"d=1/new.csv d=2/new.csv", "p/d=1/a.csv p/d=1/b.csv p/d=1/sub/c.csv p/d=2/a.csv"},
        {"d=3/new.csv", ""},
        {"d=1/_hidden", ""}, /* no data */
        {"_rejected/x", ""},
        {"", ""},
        {"new.csv", "p/d=1/a.csv p/d=1/b.csv p/d=1/h=1/x.csv p/d=1/sub/c.csv p/d=2/a.csv "
                    "p/manifest.json p/notes.txt"},
        {"x/new.csv _rejected/x", "p/d=1/a.csv p/d=1/b.csv p/d=1/h=1/x.csv p/d=1/sub/c.csv "
                                  "p/d=2/a.csv p/manifest.json p/notes.txt"},
    };
    put_objects(OLD, COUNT(OLD));
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_ok(look(CASES[i].files), &e);
        assert_keys(&modes.v[0].data, CASES[i].replaced);
        assert_keys(&modes.v[0].ends, "");
    }
    job.outputs[0].mode = PUBLISH_APPEND;
    assert_ok(look("d=1/a.csv"), &e);
    assert_keys(&modes.v[0].data, "");
}

static void test_ends(void **state)
{
    (void)state;
    put_objects(OLD, COUNT(OLD));
    job.outputs[0].marker = strdup("_SUCCESS");
    job.outputs[0].manifest = strdup("manifest.json");
    assert_ok(look("new.csv"), &e);
    assert_keys(&modes.v[0].ends, "p/_SUCCESS p/manifest.json");
    assert_keys(&modes.v[0].data, "p/d=1/a.csv p/d=1/b.csv p/d=1/h=1/x.csv p/d=1/sub/c.csv "
                                  "p/d=2/a.csv p/notes.txt");
    assert_ok(look("d=1/a.csv"), &e);
    assert_keys(&modes.v[0].ends, "p/_SUCCESS p/manifest.json");
    assert_ok(look("_nothing"), &e);
    assert_keys(&modes.v[0].ends, "");
}

static void test_fail(void **state)
{
    (void)state;
    static const struct {
        const char *files;
        const char *text; /* NULL: nothing is in the way */
    } CASES[] = {
        {"d=1/new.csv", "3 objects are already where this run would publish, the first is "
                        "s3://b/p/d=1/a.csv, and agent.ini:7 says mode = fail; remove them"},
        {"d=1/a.csv", "3 objects are"},
        {"d=1/h=1/a", "1 object is already"},
        {"d=3/a.csv", NULL},
        {"d=3/a.csv notes.txt", NULL},
        {"_x", NULL},
        {"a.csv", "7 objects are"},
    };
    put_objects(OLD, COUNT(OLD));
    job.outputs[0].mode = PUBLISH_FAIL;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        e = (struct err){0};
        int rc = look(CASES[i].files);
        if (CASES[i].text) {
            assert_failed(rc, &e, ERR_OUTPUT, CASES[i].text);
        } else {
            assert_ok(rc, &e);
        }
        assert_keys(&modes.v[0].data, ""); /* this mode removes nothing */
    }
    job.outputs[0].marker = strdup("_SUCCESS");
    assert_failed(look("a.csv"), &e, ERR_OUTPUT, "8 objects are");
    assert_ok(look("d=3/a.csv"), &e); /* another partition's marker is in nobody's way */
}

/* Nothing there: no bucket yet, or no prefix. */
static void test_first_run(void **state)
{
    (void)state;
    job.outputs[0].mode = PUBLISH_FAIL;
    assert_ok(look("a.csv"), &e);
    free(job.outputs[0].s3_uri);
    job.outputs[0].s3_uri = strdup("s3://later/p");
    assert_ok(look("a.csv"), &e);
    write_text(at->fd, "file", "no bucket");
    free(job.outputs[0].s3_uri);
    job.outputs[0].s3_uri = strdup("s3://file/p");
    assert_failed(look("a.csv"), &e, ERR_INPUT, "output \"o\": no bucket");
    free(job.outputs[0].s3_uri);
    job.outputs[0].s3_uri = strdup("s3://b"); /* the bucket's root */
    write_text(at->fd, "b/a.csv", "old");
    assert_failed(look("b.csv"), &e, ERR_OUTPUT, "the first is s3://b/a.csv");
}

static void test_hosts(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"p/a-algo-1.csv", "p/a-algo-2.csv",    "p/a-algo-3.csv",
                                       "p/a.csv",        "p/_SUCCESS",        "p/_SUCCESS-algo-1",
                                       "p/b-algo-2.csv", "p/_SUCCESS-algo-2", "p/b-algo-1.csv"};
    put_objects(KEYS, COUNT(KEYS));
    strvec_add(&job.hosts, "algo-2");
    job.outputs[0].marker = strdup("_SUCCESS");
    assert_ok(look("a.csv"), &e);
    assert_keys(&modes.v[0].data, "p/a-algo-3.csv p/a.csv p/b-algo-1.csv");
    assert_keys(&modes.v[0].ends, "p/_SUCCESS p/_SUCCESS-algo-1");
    job.host_index = 1;
    free(job.current_host);
    job.current_host = strdup("algo-2");
    assert_ok(look("a.csv"), &e);
    assert_keys(&modes.v[0].data, "p/b-algo-2.csv");
    assert_keys(&modes.v[0].ends, "p/_SUCCESS-algo-2");
    job.outputs[0].mode = PUBLISH_FAIL;
    assert_failed(look("a.csv"), &e, ERR_OUTPUT, "3 objects are"); /* its two, and its marker */
}

static void test_removing(void **state)
{
    (void)state;
    bool removed;
    put_objects(OLD, COUNT(OLD));
    job.outputs[0].marker = strdup("_SUCCESS");
    assert_ok(look("d=1/a.csv"), &e);
    assert_ok(modes_begin(&modes, &plan, &store, &removed, &e), &e);
    assert_true(removed);
    assert_false(exists(at->fd, "b/p/_SUCCESS"));
    assert_true(exists(at->fd, "b/p/d=1/b.csv"));
    assert_ok(modes_end(&modes, &plan, &job, &store, &e), &e);
    assert_int_equal(job.outputs[0].replaced, 2);
    assert_false(exists(at->fd, "b/p/d=1/b.csv"));
    assert_false(exists(at->fd, "b/p/d=1/sub")); /* nor its folder */
    assert_true(exists(at->fd, "b/p/d=1/a.csv"));
    assert_true(exists(at->fd, "b/p/d=2/a.csv"));
    assert_ok(look("d=9/a.csv"), &e);
    assert_ok(modes_begin(&modes, &plan, &store, &removed, &e), &e);
    assert_false(removed);
}

/* A store that stops removing half-way: what remains is counted and named. */
static int remove_one(void *self, const char *bucket, const struct strvec *keys, struct err *e2)
{
    (void)self;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", bucket, keys->v[0]);
    (void)unlinkat(at->fd, path, 0);
    return err_set(e2, ERR_OUTPUT, "the disk is gone");
}

static int list_nothing(void *self, const char *bucket, const char *prefix,
                        struct store_listing *out, struct err *e2)
{
    (void)self;
    (void)bucket;
    (void)prefix;
    (void)out;
    return err_set(e2, ERR_INPUT, "nor can it be listed");
}

static void test_half_removed(void **state)
{
    (void)state;
    put_objects(OLD, COUNT(OLD));
    const struct store_ops *real = store.ops;
    struct store_ops broken = *real;
    assert_ok(look("d=1/new.csv"), &e);
    broken.remove = remove_one;
    store.ops = &broken;
    assert_failed(
        modes_end(&modes, &plan, &job, &store, &e), &e, ERR_OUTPUT,
        "output \"o\": the new data is complete, but 2 of 3 old objects remain beside it, "
        "the first is s3://b/p/d=1/b.csv: the disk is gone");
    broken.list = list_nothing;
    e = (struct err){0};
    assert_failed(modes_end(&modes, &plan, &job, &store, &e), &e, ERR_OUTPUT,
                  "up to 3 old objects remain beside it below s3://b/p: the disk is gone");
    assert_int_equal(job.outputs[0].replaced, 0);
    store.ops = real;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_hidden),
        TEST(test_replace),
        TEST(test_ends),
        TEST(test_fail),
        TEST(test_first_run),
        TEST(test_hosts),
        TEST(test_removing),
        TEST(test_half_removed),
    };
    return cmocka_run_group_tests_name("publish_modes", tests, NULL, NULL);
}
