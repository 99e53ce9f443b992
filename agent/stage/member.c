/* SPDX-License-Identifier: MIT
 *
 * Names in archives. See member.h.
 */
#include "stage/member.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/dir.h"

/* Folders: less than base/dir.h lists and removes. */
enum { MAX_DEPTH = 100 };

const char *member_path(const char *name, struct str *out)
{
    size_t depth = 0;
    if (name[0] == '/') {
        return "has an absolute name";
    }
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", n) == 0) {
            return "has \"..\" in its name";
        }
        if (n > NAME_MAX) {
            return "has a part of more than 255 bytes in its name";
        }
        if (str_starts(p, OWN_TEMP_PREFIX)) {
            return "has a name that is kept for the agent's own files";
        }
        if (n > 0 && !(n == 1 && *p == '.')) {
            if (++depth > MAX_DEPTH) {
                return "lies more than 100 folders deep";
            }
            if (out->len > 0) {
                str_putc(out, '/');
            }
            str_add(out, p, n);
        }
        p += n;
        p += strspn(p, "/");
    }
    return out->overflow ? "has a path of more than 4095 bytes" : NULL;
}

const char *member_target(const char *path, const char *target)
{
    size_t up = 0;
    size_t depth = 0;
    for (const char *p = path; *p; p++) {
        depth += *p == '/';
    }
    if (target[0] == '\0' || target[0] == '/' || strlen(target) >= PATH_MAX) {
        return "is a link to no path below the folder";
    }
    bool named = false;
    for (const char *p = target; *p;) {
        size_t n = strcspn(p, "/");
        bool dots = n == 2 && memcmp(p, "..", n) == 0;
        if (dots && (named || ++up > depth)) {
            return named ? "is a link with \"..\" behind a name in its target"
                         : "is a link out of the folder";
        }
        named = named || (n > 0 && !dots && !(n == 1 && *p == '.'));
        p += n;
        p += strspn(p, "/");
    }
    return NULL;
}
