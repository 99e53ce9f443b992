/* SPDX-License-Identifier: MIT
 *
 * notebook/params. Line 1: a value for -p; the rest is JSON. What is taken is written as JSON that
 * reads back as the same values and as Python of one line each; a mistake has its place.
 */
#include "notebook/params.h"

#include "base/utf8.h"
#include "fuzz.h"

enum { LINES_MAX = 2000 };

/* "h.json:LINE:COLUMN: what". */
static void check_place(const char *text)
{
    static const char NAME[] = "h.json:";
    REQUIRE(strncmp(text, NAME, sizeof NAME - 1) == 0);
    char *end;
    REQUIRE(strtoul(text + sizeof NAME - 1, &end, 10) >= 1 && *end == ':');
    REQUIRE(strtoul(end + 1, &end, 10) >= 1 && *end == ':');
}

static size_t count_lines(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        REQUIRE((unsigned char)*s < 0x80 || n > 0); /* names may have letters of all scripts */
        n += *s == '\n';
    }
    return n;
}

/* What is written, read again and written, is the same; numbers that JSON lacks are looked over. */
static void check_written(const struct params *p, const json_t *root)
{
    struct str json = STR_INIT(0);
    struct str python = STR_INIT(0);
    struct params again = {0};
    struct err e = {0};
    params_json(p, &json);
    params_python(p, &python);
    REQUIRE(utf8_valid(json.s, json.len) && !strchr(json.s, '\n'));
    REQUIRE(count_lines(python.s) == p->n + 1);
    if (root) {
        json_t *back = json_loadb(json.s, json.len, 0, NULL);
        REQUIRE(back && json_equal(back, root));
        json_decref(back);
        REQUIRE(params_add_json(&again, "j", json.s, json.len, &e) == 0);
        struct str twice = STR_INIT(0);
        params_python(&again, &twice);
        REQUIRE(strcmp(twice.s, python.s) == 0);
        str_free(&twice);
    }
    params_free(&again);
    str_free(&json);
    str_free(&python);
}

static void check_json(const char *text, size_t n, bool strings)
{
    struct params p = {0};
    struct err e = {0};
    int rc = strings ? params_add_hyperparameters(&p, "h.json", text, n, &e)
                     : params_add_json(&p, "h.json", text, n, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_CONFIG && p.n == 0 && !p.v);
        check_place(e.text);
        return;
    }
    json_t *root = json_loadb(text, n, 0, NULL);
    REQUIRE(root && p.n == json_object_size(root) && p.n <= LINES_MAX);
    for (size_t i = 0; i < p.n; i++) {
        REQUIRE(!strings || json_is_string(p.v[i].value));
        REQUIRE(json_equal(p.v[i].value, json_object_get(root, p.v[i].name)));
    }
    check_written(&p, root);
    json_decref(root);
    params_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct params p = {0};
    struct err e = {0};
    char *value = fuzz_line(&data, &size);
    int rc = params_add_typed(&p, "x", value, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(!utf8_valid(value, strlen(value)));
    } else {
        check_written(&p, NULL);
    }
    params_free(&p);
    e = (struct err){0};
    rc = params_add_raw(&p, value, "1", &e); /* as a name */
    if (rc != 0) {
        require_error(rc, &e);
    } else {
        REQUIRE(!strpbrk(value, " \t\r\n()[]{}#=.:;,'\"\\-+*/") && *value);
    }
    params_free(&p);
    char *text = xmalloc(size); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(text, data, size);
    }
    check_json(text, size, false);
    check_json(text, size, true);
    free(text);
    free(value);
    return 0;
}
