/* SPDX-License-Identifier: MIT
 *
 * Allocation that cannot fail quietly: when memory is out, the registered last-words function runs
 * (it writes the message file), one line goes to stderr and the process ends with 125. Nothing
 * between fork and exec may call these.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* As malloc and calloc; never NULL, also for 0 bytes. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* `count * size` is checked for overflow. */
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *fmt, ...);

/* Makes room for one more item: returns the (moved) array with capacity > used, doubling `*cap`. */
void *vec_room(void *items, size_t used, size_t *cap, size_t item_size);

/* What to do before the end when memory is out; must not allocate. */
void mem_last_words(void (*say)(const char *text));

#endif
