/* SPDX-License-Identifier: MIT
 *
 * config/json and base/locate. Any text: read or refused with line and column, never out of
 * bounds. A good document: every member is found where it stands, checked by reading it again from
 * there.
 */
#include <jansson.h>

#include "base/locate.h"
#include "base/str.h"
#include "config/json.h"
#include "fuzz.h"

enum { MAX_PATHS = 200 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    return 0;
}

/* "f.json:LINE:COLUMN: ", or "f.json:LINE:COLUMN" when it is an origin. */
static void check_place(const char *text)
{
    static const char NAME[] = "f.json:";
    REQUIRE(strncmp(text, NAME, sizeof NAME - 1) == 0);
    char *end;
    unsigned long line = strtoul(text + sizeof NAME - 1, &end, 10);
    REQUIRE(line >= 1 && *end == ':');
    REQUIRE(end[1] >= '0' && end[1] <= '9');
    (void)strtoul(end + 1, &end, 10);
    REQUIRE(*end == '\0' || *end == ':');
}

static void read_job(const char *text, size_t n)
{
    struct job job;
    struct err e = {0};
    job_init(&job);
    int rc = json_read_job("f.json", text, n, &job, &e);
    if (rc != 0) {
        require_error(rc, &e);
        check_place(e.text);
    } else {
        REQUIRE(job.name && job.arn);
        for (size_t i = 0; i < job.n_inputs; i++) {
            check_place(job.inputs[i].origin);
        }
        for (size_t i = 0; i < job.n_outputs; i++) {
            check_place(job.outputs[i].origin);
        }
    }
    rc = json_read_hosts("f.json", text, n, &job, &e);
    if (rc != 0) {
        require_error(rc, &e);
        check_place(e.text);
    }
    REQUIRE(job.hosts.n >= 1 && job.host_index < job.hosts.n);
    REQUIRE(str_same(job.hosts.v[job.host_index], job.current_host));
    job_free(&job);
}

static size_t offset_of(const char *text, size_t n, struct json_place place)
{
    size_t at = 0;
    for (size_t line = 1; line < place.line; line++) {
        const char *newline = memchr(text + at, '\n', n - at);
        REQUIRE(newline);
        at = (size_t)(newline - text) + 1;
    }
    REQUIRE(place.line >= 1 && place.column >= 1 && at + place.column - 1 <= n);
    return at + place.column - 1;
}

/* The value read from where `path` is said to stand is `value`. */
static void check_member(const char *text, size_t n, const char *path, const json_t *value)
{
    size_t at = offset_of(text, n, json_locate(text, n, path));
    json_t *again = json_loadb(text + at, n - at, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
    REQUIRE(again && json_equal(again, value));
    json_decref(again);
}

/* Walks the document; `budget` bounds the work. */
static void check_members(const char *text, size_t n, const char *path, const json_t *value,
                          int *budget)
{
    const char *dot = *path ? "." : "";
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)value, key, child)
    {
        if (*key && !strchr(key, '.') && (*budget)-- > 0) {
            char *below = xasprintf("%s%s%s", path, dot, key);
            check_member(text, n, below, child);
            check_members(text, n, below, child, budget);
            free(below);
        }
    }
    json_array_foreach(value, i, child)
    {
        if ((*budget)-- > 0) {
            char *below = xasprintf("%s%s%zu", path, dot, i);
            check_member(text, n, below, child);
            check_members(text, n, below, child, budget);
            free(below);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const PATHS[] = {"ProcessingInputs.0.S3Input.LocalPath",
                                        "a",
                                        "0",
                                        "0.0.a",
                                        "hosts.1",
                                        "ProcessingOutputConfig.Outputs.0",
                                        "18446744073709551617"};
    char *text = xmalloc(size + 1); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(text, data, size);
    }
    char *exact = xreallocarray(text, size ? size : 1, 1);
    read_job(exact, size);
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        (void)offset_of(exact, size, json_locate(exact, size, PATHS[i]));
    }
    /* Keys are compared as they are written, so a document with escapes is left out. */
    json_t *root =
        memchr(exact, '\\', size) ? NULL : json_loadb(exact, size, JSON_REJECT_DUPLICATES, NULL);
    int budget = MAX_PATHS;
    check_members(exact, size, "", root, &budget);
    json_decref(root);
    free(exact);
    return 0;
}
