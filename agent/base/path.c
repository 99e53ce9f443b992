/* SPDX-License-Identifier: MIT
 *
 * Paths as text. See path.h.
 */
#include "base/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

char *path_join(const char *base, const char *rel)
{
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/') {
        n--;
    }
    while (*rel == '/') {
        rel++;
    }
    struct str out = STR_INIT(0);
    str_add(&out, base, n);
    str_putc(&out, '/');
    str_puts(&out, rel);
    return str_take(&out);
}

char *path_clean(const char *path)
{
    struct str out = STR_INIT(0);
    bool absolute = path[0] == '/';
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            str_free(&out);
            return NULL;
        }
        if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (absolute || out.len > 0) {
                str_putc(&out, '/');
            }
            str_add(&out, p, n);
        }
        p += n;
        p += strspn(p, "/");
    }
    if (out.len == 0) {
        str_puts(&out, absolute ? "/" : ".");
    }
    return str_take(&out);
}

bool path_within(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    if (n > 0 && dir[n - 1] == '/') {
        return strncmp(path, dir, n) == 0;
    }
    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_parent(const char *path)
{
    const char *base = path_base(path);
    if (base == path) {
        return xstrdup(".");
    }
    return base - path == 1 ? xstrdup("/") : xstrndup(path, (size_t)(base - path) - 1);
}

bool path_same_folder(const char *a, const char *b)
{
    size_t n = (size_t)(path_base(a) - a);
    return n == (size_t)(path_base(b) - b) && memcmp(a, b, n) == 0;
}

char *path_absolute(const char *cwd, const char *path)
{
    return path[0] == '/' ? xstrdup(path) : path_join(cwd, path);
}
