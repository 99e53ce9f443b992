/* SPDX-License-Identifier: MIT
 *
 * stage/manifest. Any text: a list of keys that is what jansson reads, joined, or an error with
 * line and column.
 */
#include "stage/manifest.h"

#include <jansson.h>

#include "fuzz.h"
#include "store/store.h"

enum { MAX_PAIRS = 300 };

/* "s3://b/m.json:LINE:COLUMN: what". */
static void check_place(const char *text)
{
    static const char NAME[] = "s3://b/m.json:";
    REQUIRE(strncmp(text, NAME, sizeof NAME - 1) == 0);
    char *end;
    REQUIRE(strtoul(text + sizeof NAME - 1, &end, 10) >= 1 && *end == ':');
    REQUIRE(end[1] >= '0' && end[1] <= '9');
    (void)strtoul(end + 1, &end, 10);
    REQUIRE(*end == ':');
}

static void check_manifest(const struct manifest *m, const char *text, size_t n)
{
    json_t *root = json_loadb(text, n, 0, NULL);
    size_t before = strlen(m->prefix);
    char *uri = xasprintf("s3://%s/%s", m->bucket, m->prefix);
    REQUIRE(root && m->keys.n >= 1 && json_array_size(root) == m->keys.n + 1);
    REQUIRE(strcmp(uri, json_string_value(json_object_get(json_array_get(root, 0), "prefix"))) ==
            0);
    for (size_t i = 0; i < m->keys.n; i++) {
        const char *key = m->keys.v[i];
        REQUIRE(strncmp(key, m->prefix, before) == 0 && strlen(key) > before);
        REQUIRE(strlen(key) <= S3_KEY_MAX);
        REQUIRE(strcmp(key + before, json_string_value(json_array_get(root, i + 1))) == 0);
        for (size_t k = 0; k < i && i < MAX_PAIRS; k++) {
            REQUIRE(strcmp(key, m->keys.v[k]) != 0);
        }
    }
    free(uri);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmalloc(size); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(text, data, size);
    }
    struct manifest m = {0};
    struct err e = {0};
    int rc = manifest_parse("s3://b/m.json", text, size, &m, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(e.code == ERR_INPUT && !m.bucket && !m.prefix && !m.keys.v);
        check_place(e.text);
    } else {
        check_manifest(&m, text, size);
    }
    manifest_free(&m);
    free(text);
    return 0;
}
