/* SPDX-License-Identifier: MIT
 *
 * stage/gunzip: the same bytes in pieces of one size or in one come out the same, and fail the
 * same. The first byte is the size of the pieces, the rest the packed data. What comes out is cut
 * at 1 MiB by a sink that then refuses.
 */
#include "fuzz.h"

#include "base/str.h"
#include "stage/gunzip.h"

enum { OUT_MAX = 1 << 20 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    return 0;
}

static int collect(void *ctx, const void *bytes, size_t n, struct err *e)
{
    struct str *out = ctx;
    REQUIRE(n > 0);
    str_add(out, bytes, n);
    return out->overflow ? err_set(e, ERR_INPUT, "too much") : 0;
}

static int unpack(const uint8_t *data, size_t size, size_t step, struct str *out)
{
    struct err e = {0};
    struct gunzip g = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < size; i += step) {
        size_t n = size - i < step ? size - i : step;
        rc = gunzip_feed(&g, data + i, n, collect, out, &e);
    }
    rc = rc ? rc : gunzip_end(&g, &e);
    if (rc != 0) {
        require_error(rc, &e);
    }
    gunzip_free(&g);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct str whole = STR_INIT(OUT_MAX);
    struct str pieces = STR_INIT(OUT_MAX);
    int rc = unpack(data + 1, size - 1, size, &whole);
    REQUIRE(unpack(data + 1, size - 1, (size_t)data[0] + 1, &pieces) == rc);
    REQUIRE(rc == -ERR_INPUT || rc == 0);
    /* of data that goes wrong, more may come out before that is seen when the pieces are small */
    REQUIRE(rc != 0 || whole.len == pieces.len);
    REQUIRE(rc != 0 || whole.len == 0 || memcmp(whole.s, pieces.s, whole.len) == 0);
    str_free(&whole);
    str_free(&pieces);
    return 0;
}
