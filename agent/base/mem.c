/* SPDX-License-Identifier: MIT
 *
 * Allocation with one failure path. See mem.h.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*last_words)(const char *text);

void mem_last_words(void (*say)(const char *text))
{
    last_words = say;
}

__attribute__((noreturn)) static void out_of_memory(void)
{
    static const char TEXT[] = "procagent: out of memory\n";
    if (last_words) {
        last_words("out of memory");
    }
    (void)!write(STDERR_FILENO, TEXT, sizeof TEXT - 1);
    _exit(125);
}

void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) {
        out_of_memory();
    }
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) {
        out_of_memory();
    }
    return p;
}

void *xreallocarray(void *p, size_t count, size_t size)
{
    void *q = reallocarray(p, count ? count : 1, size ? size : 1);
    if (!q) {
        out_of_memory();
    }
    return q;
}

char *xstrndup(const char *s, size_t n)
{
    char *p = xmalloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0) {
        out_of_memory();
    }
    return s;
}

void *vec_room(void *items, size_t used, size_t *cap, size_t item_size)
{
    if (used < *cap) {
        return items;
    }
    size_t wanted = *cap ? *cap * 2 : 8;
    items = xreallocarray(items, wanted, item_size);
    *cap = wanted;
    return items;
}
