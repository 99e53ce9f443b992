/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/interpreter: which Pythons are asked, in which order, and which is chosen
 * by what it says it can import. The Pythons are scripts that say it.
 */
#include "unit.h"

#include <sys/stat.h>

#include "base/signals.h"
#include "notebook/interpreter.h"

static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    return 0;
}

/* An executable script at `name` that prints `says`. */
static void python(const char *name, const char *says)
{
    char text[512];
    (void)snprintf(text, sizeof text, "#!/bin/sh\necho '%s'\n", says);
    write_text(at->fd, name, text);
    assert_int_equal(fchmodat(at->fd, name, 0755, 0), 0);
}

static char *variable(const char *format)
{
    static char texts[4][256];
    static int next;
    char *out = texts[next++ % 4];
    const char *place = strchr(format, '@'); /* stands for the scratch folder */
    (void)snprintf(out, 256, "%.*s%s%s", (int)(place - format), format, at->path, place + 1);
    return out;
}

/* Is the i-th of the list that file of the scratch folder? */
static void expect(const struct strvec *list, size_t i, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", at->path, name);
    assert_true(i < list->n);
    assert_string_equal(list->v[i], path);
}

static void test_order(void **state)
{
    (void)state;
    struct strvec kernels = {0};
    struct strvec out = {0};
    python("kernel/bin/python", "");
    python("venv/bin/python", "");
    python("head/python", "");
    python("path/python3", "");
    assert_int_equal(symlinkat("python3", at->fd, "path/python"), 0); /* the same one */
    assert_int_equal(symlinkat("path", at->fd, "linked"), 0);         /* and so is this */
    write_text(at->fd, "venv/bin/python3", "not executable");
    strvec_add(&kernels, variable("@/kernel/bin/python"));
    strvec_add(&kernels, variable("@/nowhere/python"));
    static char path[600];
    (void)snprintf(path, sizeof path, "PATH=%s/linked:%s/path", at->path, at->path);
    char *const environment[] = {path, variable("VIRTUAL_ENV=@/venv"),
                                 variable("SM_HEADLESS_EXECUTION_PATH=@/head"), NULL};
    interpreters_list(&kernels, environment, &out);
    expect(&out, 0, "kernel/bin/python");
    expect(&out, 1, "head/python");
    expect(&out, 2, "venv/bin/python");
    expect(&out, 3, "linked/python3");
    for (size_t i = 4; i < out.n; i++) { /* of this folder there are no more */
        assert_false(str_starts(out.v[i], at->path));
    }
    for (size_t i = 0; i < out.n; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(out.v[i], out.v[k]); /* each once */
        }
    }
    struct strvec prefixes = {0};
    interpreters_prefixes(&out, &prefixes);
    expect(&prefixes, 0, "kernel");
    strvec_free(&prefixes);
    strvec_free(&kernels);
    strvec_free(&out);
}

static void test_choice(void **state)
{
    (void)state;
    static const char NBCLIENT[] = "{\"nbclient\": true, \"nbformat\": true, \"nbconvert\": true}";
    static const char PAPERMILL[] = "{\"papermill\": true, \"nbformat\": true}";
    python("a", "{\"nbclient\": true}"); /* without nbformat it cannot */
    python("b", NBCLIENT);
    python("c", PAPERMILL);
    python("d", "no JSON");
    static const struct {
        const char *order;
        enum notebook_engine engine;
        const char *chosen; /* NULL: none */
    } CASES[] = {
        {"abcd", ENGINE_AUTO, "c"},   {"cb", ENGINE_AUTO, "c"},      {"dab", ENGINE_AUTO, "b"},
        {"cb", ENGINE_NBCLIENT, "b"}, {"bc", ENGINE_PAPERMILL, "c"}, {"b", ENGINE_PAPERMILL, NULL},
        {"ad", ENGINE_AUTO, NULL},    {"c", ENGINE_NBCLIENT, NULL},  {"", ENGINE_AUTO, NULL},
    };
    char *const environment[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct strvec paths = {0};
        struct interpreter found = {0};
        for (const char *p = CASES[i].order; *p; p++) {
            char path[256];
            (void)snprintf(path, sizeof path, "%s/%c", at->path, *p);
            strvec_add(&paths, path);
        }
        int rc = interpreter_choose(&paths, CASES[i].engine, environment, &found, &e);
        if (CASES[i].chosen) {
            assert_ok(rc, &e);
            assert_true(str_ends(found.path, CASES[i].chosen));
            assert_int_equal(found.nbconvert, *CASES[i].chosen == 'b');
        } else {
            assert_failed(rc, &e, ERR_CONFIG, "no Python here can run a notebook");
        }
        interpreter_free(&found);
        strvec_free(&paths);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_remove)

int main(void)
{
    if (signals_init(&e) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {TEST(test_order), TEST(test_choice)};
    return cmocka_run_group_tests_name("interpreter", tests, NULL, NULL);
}
