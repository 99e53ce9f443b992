/* SPDX-License-Identifier: MIT
 *
 * Unit tests of notebook/kernels: where kernelspecs are found, and which one is chosen.
 */
#include "unit.h"

#include "notebook/kernels.h"

static struct err e;

#define SPEC(program, name, language)                                                         \
    "{\"argv\": [\"" program "\", \"-m\", \"ipykernel_launcher\"], \"display_name\": \"" name \
    "\", \"language\": \"" language "\"}"

static const struct kernel *find(const struct kernels *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->v[i].name, name) == 0) {
            return &k->v[i];
        }
    }
    return NULL;
}

static void list(const struct scratch *s, bool data_dir, struct kernels *out)
{
    struct strvec environment = {0};
    struct strvec prefixes = {0};
    char text[256];
    (void)snprintf(text, sizeof text, "JUPYTER_PATH=:%s/p1::%s/none:%s/p2", s->path, s->path,
                   s->path);
    strvec_add(&environment, text);
    (void)snprintf(text, sizeof text, "HOME=%s/home", s->path);
    strvec_add(&environment, text);
    if (data_dir) {
        (void)snprintf(text, sizeof text, "JUPYTER_DATA_DIR=%s/data", s->path);
        strvec_add(&environment, text);
    }
    (void)snprintf(text, sizeof text, "%s/conda", s->path);
    strvec_add(&prefixes, text);
    *out = (struct kernels){0};
    kernels_list(out, environment.v, &prefixes);
    strvec_free(&environment);
    strvec_free(&prefixes);
}

static void test_order(void **state)
{
    const struct scratch *s = *state;
    static const char *const FILES[][2] = {
        {"p1/kernels/Py/kernel.json", SPEC("p1", "P One", "python")},
        {"p2/kernels/py/kernel.json", SPEC("p2", "P Two", "python")},
        {"p2/kernels/b/kernel.json", SPEC("p2", "B", "R")},
        {"home/.local/share/jupyter/kernels/b/kernel.json", SPEC("home", "B", "R")},
        {"home/.local/share/jupyter/kernels/h/kernel.json", "{\"argv\": [\"home\"]}"},
        {"data/kernels/d/kernel.json", SPEC("data", "D", "julia")},
        {"conda/share/jupyter/kernels/h/kernel.json", SPEC("conda", "H", "python")},
        {"conda/share/jupyter/kernels/c d/kernel.json", SPEC("conda", "no name", "python")},
        {"conda/share/jupyter/kernels/empty/other.json", "{}"},
        {"conda/share/jupyter/kernels/bad1/kernel.json", "{"},
        {"conda/share/jupyter/kernels/bad2/kernel.json", "{\"argv\": []}"},
        {"conda/share/jupyter/kernels/bad3/kernel.json", "[]"},
    };
    for (size_t i = 0; i < COUNT(FILES); i++) {
        write_text(s->fd, FILES[i][0], FILES[i][1]);
    }
    struct kernels k;
    list(s, false, &k);
    assert_string_equal(find(&k, "py")->argv0, "p1");
    assert_string_equal(find(&k, "py")->display_name, "P One");
    assert_true(str_ends(find(&k, "py")->path, "/p1/kernels/Py/kernel.json"));
    assert_string_equal(find(&k, "b")->argv0, "p2");
    assert_string_equal(find(&k, "b")->language, "R");
    assert_string_equal(find(&k, "h")->argv0, "home");
    assert_string_equal(find(&k, "h")->display_name, "h");
    assert_string_equal(find(&k, "h")->language, "");
    assert_null(find(&k, "d"));
    assert_null(find(&k, "c d"));
    assert_null(find(&k, "empty"));
    assert_true(k.skipped.n >= 3);
    assert_contains(k.skipped.v[0], "bad1/kernel.json:1:1: not JSON");
    assert_contains(k.skipped.v[1], "bad2/kernel.json: no program in argv");
    assert_contains(k.skipped.v[2], "bad3/kernel.json: no program in argv");
    kernels_free(&k);
    list(s, true, &k);
    assert_string_equal(find(&k, "d")->argv0, "data");
    assert_string_equal(find(&k, "h")->argv0, "conda");
    kernels_free(&k);
}

static void test_a_large_file(void **state)
{
    const struct scratch *s = *state;
    char *text = malloc(KERNEL_JSON_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', KERNEL_JSON_MAX + 1);
    write_bytes(s->fd, "p1/kernels/x/kernel.json", text, KERNEL_JSON_MAX + 1);
    struct kernels k;
    list(s, false, &k);
    assert_null(find(&k, "x"));
    assert_contains(k.skipped.v[0], "kernels/x/kernel.json");
    kernels_free(&k);
    free(text);
}

static struct kernel one(const char *name, const char *language)
{
    return (struct kernel){.name = (char *)(uintptr_t)name,
                           .language = (char *)(uintptr_t)language};
}

#define STUDIO "__SAGEMAKER_INTERNAL__arn:aws:sagemaker:us-west-2:1:image/x"

static void test_choice(void **state)
{
    (void)state;
    struct kernel many[] = {one("conda", "python"), one("ir", "R"), one("python3", "python"),
                            one("ir2", "R")};
    struct kernel julia[] = {one("julia-1.9", "julia")};
    struct kernel two[] = {one("ir", "R"), one("julia-1.9", "julia")};
    const struct kernels sets[] = {
        {.v = many, .n = 4}, {.v = julia, .n = 1}, {.v = two, .n = 2}, {0}};
    static const struct {
        int set;
        const char *asked;
        const char *notebooks;
        const char *language;
        const char *chosen; /* NULL: none */
    } CASES[] = {
        {0, "ir", "conda", "python", "ir"},
        {0, "IR2", NULL, NULL, "ir2"},
        {0, "python3" STUDIO, NULL, NULL, "python3"},
        {0, NULL, "conda", NULL, "conda"},
        {0, "", "conda" STUDIO, "R", "conda"},
        {0, NULL, "gone", "R", "ir"},
        {0, NULL, "gone", NULL, "python3"},
        {0, NULL, NULL, "Python", "python3"},
        {0, NULL, NULL, "scala", "conda"},
        {1, NULL, "python3", "python", "julia-1.9"},
        {2, NULL, "gone" STUDIO, "", "ir"},
        {3, NULL, "gone", NULL, NULL},
        {3, "python3", NULL, NULL, NULL},
        {3, "python3" STUDIO, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const struct kernel *k = &many[0];
        assert_ok(kernels_choose(&sets[CASES[i].set], CASES[i].asked, CASES[i].notebooks,
                                 CASES[i].language, &k, &e),
                  &e);
        assert_string_equal(k ? k->name : "none", CASES[i].chosen ? CASES[i].chosen : "none");
    }
    const struct kernel *k = NULL;
    assert_failed(kernels_choose(&sets[0], "pyton3", NULL, NULL, &k, &e), &e, ERR_CONFIG,
                  "kernel \"pyton3\" is not installed; there are conda, ir, python3, ir2; did you "
                  "mean python3?");
    assert_failed(kernels_choose(&sets[3], "ir", NULL, NULL, &k, &e), &e, ERR_CONFIG,
                  "there are none");
    assert_failed(kernels_choose(&sets[1], "python3", NULL, NULL, &k, &e), &e, ERR_CONFIG,
                  "there is julia-1.9");
    assert_null(k);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        unit_test_scratch(test_order),
        unit_test_scratch(test_a_large_file),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
