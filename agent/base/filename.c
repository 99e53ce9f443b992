/* SPDX-License-Identifier: MIT
 *
 * Names of files. See filename.h.
 */
#include "base/filename.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

const char *filename_extension(const char *name)
{
    static const char *const COMPRESSIONS[] = {".gz", ".bz2", ".zst", ".xz", ".snappy", ".lz4"};
    /* cppcheck-suppress nullPointer; it takes a caller's TAKE_PTR for a path that goes on */
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name) {
        return name + strlen(name);
    }
    for (size_t i = 0; i < sizeof COMPRESSIONS / sizeof *COMPRESSIONS; i++) {
        if (strcmp(dot, COMPRESSIONS[i]) == 0) {
            for (const char *p = dot - 1; p > name; p--) {
                if (*p == '.') {
                    return p;
                }
            }
        }
    }
    return dot;
}

char *filename_insert(const char *name, const char *piece)
{
    const char *dot = filename_extension(name);
    return xasprintf("%.*s-%s%s", (int)(dot - name), name, piece, dot);
}

/* Could this byte be part of a longer word? */
static bool is_word(char c)
{
    bool digit = c >= '0' && c <= '9';
    return digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

const char *filename_piece(const char *name, const char *piece)
{
    size_t n = strlen(piece);
    const char *last = NULL;
    if (n == 0) {
        return NULL;
    }
    for (const char *p = strstr(name, piece); p; p = strstr(p + 1, piece)) {
        if ((p == name || !is_word(p[-1])) && !is_word(p[n])) {
            last = p + n;
        }
    }
    return last;
}
