/* SPDX-License-Identifier: MIT
 *
 * base/glob: where a pattern has nothing but what fnmatch(3) knows too, both say the same; with **
 * the answer is that of trying all ways. The first line is the pattern, the rest the path.
 */
#include <fnmatch.h>

#include "base/glob.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    return 0;
}

/* The definition: every ** tried with every number of parts. */
static int slow_fits(const char *pattern, const char *path)
{
    size_t want = strcspn(pattern, "/");
    size_t have = strcspn(path, "/");
    const char *pattern_rest = pattern[want] ? pattern + want + 1 : NULL;
    const char *path_rest = path[have] ? path + have + 1 : NULL;
    if (want == 2 && memcmp(pattern, "**", 2) == 0) {
        return !pattern_rest || slow_fits(pattern_rest, path) ||
               (path_rest && slow_fits(pattern, path_rest));
    }
    char part[64] = "";
    char text[64] = "";
    memcpy(part, pattern, want);
    memcpy(text, path, have);
    if (fnmatch(part, text, FNM_NOESCAPE) != 0) {
        return 0;
    }
    if (pattern_rest && path_rest) {
        return slow_fits(pattern_rest, path_rest);
    }
    return !pattern_rest && !path_rest;
}

static int has_only(const char *s, const char *not_these)
{
    for (const char *p = s; *p; p++) {
        if ((unsigned char)*p >= 0x80 || strchr(not_these, *p)) {
            return 0;
        }
    }
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *pattern = fuzz_line(&data, &size);
    char *path = fuzz_text(data, size);
    const char *bad = glob_bad(pattern);
    if (bad) {
        REQUIRE(strncmp(bad, "must ", 5) == 0);
    } else {
        int fits = glob_fits(pattern, path);
        REQUIRE(strlen(path) > 4096 || strpbrk(pattern, "*?/") || strchr(path, '/') ||
                fits == (strcmp(pattern, path) == 0));
        if (strlen(pattern) < 24 && strlen(path) < 48 && strchr(pattern, '/') &&
            has_only(pattern, "[") && has_only(path, "")) {
            REQUIRE(fits == slow_fits(pattern + (*pattern == '/'), path));
        }
    }
    free(pattern);
    free(path);
    return 0;
}
