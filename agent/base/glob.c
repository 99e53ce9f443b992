/* SPDX-License-Identifier: MIT
 *
 * File patterns. See glob.h.
 *
 * Both levels, characters within a part and parts within a path, use the same method: of all the
 * stars only the last one met can be made to take more, because an earlier one that took more would
 * leave the later one less to choose from. So there is one place to go back to, and no recursion.
 */
#include "base/glob.h"

#include <string.h>

/* A part of a path or pattern: up to the next slash. */
struct part {
    const char *s;
    size_t n;
};

static struct part part_at(const char *s)
{
    return (struct part){.s = s, .n = strcspn(s, "/")};
}

/* Where the next part begins, or NULL behind the last. */
static const char *behind(struct part part)
{
    return part.s[part.n] == '/' ? part.s + part.n + 1 : NULL;
}

static bool is_any_parts(struct part part)
{
    return part.n == 2 && part.s[0] == '*' && part.s[1] == '*';
}

/* Bytes of the character at `at`; a byte that no UTF-8 character begins with is one of its own. */
static size_t character(struct part text, size_t at)
{
    size_t n = 1;
    while (at + n < text.n && ((unsigned char)text.s[at + n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

static bool part_fits(struct part pattern, struct part text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = 0;   /* behind the last star; 0: there was none */
    size_t retake = 0; /* where the text goes on if that star takes what it has taken */
    while (t < text.n) {
        if (p < pattern.n && pattern.s[p] == '*') {
            star = ++p;
            retake = t;
        } else if (p < pattern.n && pattern.s[p] == '?') {
            p++;
            t += character(text, t);
        } else if (p < pattern.n && pattern.s[p] == text.s[t]) {
            p++;
            t++;
        } else if (star > 0) {
            retake += character(text, retake);
            t = retake;
            p = star;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.s[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

static bool path_fits(const char *pattern, const char *path)
{
    const char *any = NULL;    /* behind the last ** */
    const char *retake = NULL; /* where the path goes on if that takes what it has taken */
    while (path) {
        struct part want = pattern ? part_at(pattern) : (struct part){0};
        if (pattern && is_any_parts(want)) {
            any = behind(want);
            if (!any) {
                return true; /* ** at the end takes all there is */
            }
            pattern = any;
            retake = path;
        } else if (pattern && part_fits(want, part_at(path))) {
            pattern = behind(want);
            path = behind(part_at(path));
        } else if (any) {
            retake = behind(part_at(retake));
            path = retake;
            pattern = any;
        } else {
            return false;
        }
    }
    return !pattern; /* not even a last ** may be left: it takes at least one part */
}

const char *glob_bad(const char *pattern)
{
    if (*pattern == '\0' || strcmp(pattern, "/") == 0) {
        return "must not be empty";
    }
    if (strlen(pattern) > GLOB_MAX_BYTES) {
        return "must have at most 1024 bytes";
    }
    for (const char *at = pattern + (*pattern == '/'); at; at = behind(part_at(at))) {
        struct part part = part_at(at);
        if (part.n == 0) {
            return "must name files: no slash at its end (write folder/**), none doubled";
        }
        if (part.s[0] == '.' && (part.n == 1 || (part.n == 2 && part.s[1] == '.'))) {
            return "must have no part \".\" or \"..\": paths begin at LocalPath";
        }
        for (size_t i = 0; i + 1 < part.n; i++) {
            if (part.s[i] == '*' && part.s[i + 1] == '*' && !is_any_parts(part)) {
                return "must have ** between slashes only, as in **/*.csv or folder/**";
            }
        }
    }
    return NULL;
}

bool glob_fits(const char *pattern, const char *path)
{
    if (strchr(pattern, '/')) {
        return path_fits(pattern + (*pattern == '/'), path);
    }
    const char *slash = strrchr(path, '/');
    return path_fits(pattern, slash ? slash + 1 : path);
}
