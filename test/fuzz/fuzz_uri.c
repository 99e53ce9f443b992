/* SPDX-License-Identifier: MIT
 *
 * store's S3Uri and stage's rule for paths. Line 1: a URI; line 2: a prefix; line 3: how a key that
 * begins with it goes on.
 */
#include "base/str.h"
#include "fuzz.h"
#include "stage/plan.h"
#include "store/store.h"

static void check_uri(const char *uri)
{
    struct s3_place place = {0};
    struct err e = {0};
    int rc = s3_place_parse(uri, &place, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(!place.bucket && !place.key);
        return;
    }
    REQUIRE(place.bucket[0] && !strchr(place.bucket, '/'));
    REQUIRE(strcmp(place.bucket, ".") != 0 && strcmp(place.bucket, "..") != 0);
    REQUIRE(strlen(place.key) <= S3_KEY_MAX);
    char *whole = xasprintf("s3://%s/%s", place.bucket, place.key);
    REQUIRE(strcmp(whole, uri) == 0 || (place.key[0] == '\0' && strlen(whole) == strlen(uri) + 1));
    free(whole);
    s3_place_free(&place);
}

static void check_relative(const char *prefix, const char *more)
{
    char *key = xasprintf("%s%s", prefix, more);
    size_t n = strlen(key);
    size_t before = strlen(prefix);
    const char *rel = plan_relative(prefix, key);
    REQUIRE((rel == NULL) == (n > 0 && key[n - 1] == '/'));
    if (rel) {
        size_t at = (size_t)(rel - key);
        REQUIRE(rel >= key && at <= n && (n == 0 || *rel));
        /* A whole path: it begins where a name begins ... */
        REQUIRE(at == 0 || key[at - 1] == '/');
        /* ... and what is cut off is the prefix's folders, or the prefix and the slash behind
         * it. */
        REQUIRE(at <= before || (at == before + 1 && *more == '/'));
        REQUIRE(before == 0 || prefix[before - 1] != '/' || at == before);
        REQUIRE(at >= before || !memchr(prefix + at, '/', before - at));
    }
    free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *uri = fuzz_line(&data, &size);
    char *prefix = fuzz_line(&data, &size);
    char *more = fuzz_line(&data, &size);
    check_uri(uri);
    check_relative(prefix, more);
    free(uri);
    free(prefix);
    free(more);
    return 0;
}
