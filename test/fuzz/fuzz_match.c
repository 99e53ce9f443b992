/* SPDX-License-Identifier: MIT
 *
 * partition/match: pieces lie in the path in the pattern's order, are not empty and hold no slash.
 * The first line is the pattern, the rest the path.
 */
#include "fuzz.h"
#include "partition/match.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    return 0;
}

static void check_pieces(const struct match *m, const char *path)
{
    struct piece pieces[MATCH_MAX_NAMES];
    if (!match_path(m, path, pieces)) {
        return;
    }
    for (size_t i = 0; i < m->names.n; i++) {
        REQUIRE(pieces[i].n > 0 && pieces[i].start + pieces[i].n <= strlen(path));
        REQUIRE(!memchr(path + pieces[i].start, '/', pieces[i].n));
        REQUIRE(i == 0 || pieces[i].start >= pieces[i - 1].start + pieces[i - 1].n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[3000];
    struct err e = {0};
    struct match m;
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = '\0';
    char *newline = strchr(text, '\n');
    const char *path = newline ? newline + 1 : "";
    if (newline) {
        *newline = '\0';
    }
    if (match_parse(text, &m, &e) != 0) {
        REQUIRE(e.code == ERR_CONFIG && *e.text);
        return 0;
    }
    check_pieces(&m, path);
    match_free(&m);
    return 0;
}
