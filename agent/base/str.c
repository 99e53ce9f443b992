/* SPDX-License-Identifier: MIT
 *
 * Strings, string lists, quoting. See str.h.
 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

void str_free(struct str *b)
{
    free(b->s);
    *b = (struct str){.max = b->max};
}

void str_clear(struct str *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->s) {
        b->s[0] = '\0';
    }
}

/* Room for `n` more bytes and the terminator; answers how many of them may be used. */
static size_t reserve(struct str *b, size_t n)
{
    if (b->max && n > b->max - b->len) {
        b->overflow = true;
        n = b->max - b->len;
    }
    if (!b->s || b->len + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < b->len + n + 1) {
            cap *= 2;
        }
        b->s = xreallocarray(b->s, cap, 1);
        b->cap = cap;
    }
    return n;
}

void str_reserve(struct str *b, size_t n)
{
    (void)reserve(b, n);
}

void str_add(struct str *b, const char *bytes, size_t n)
{
    n = reserve(b, n);
    if (n) {
        memcpy(b->s + b->len, bytes, n);
    }
    b->len += n;
    b->s[b->len] = '\0';
}

void str_puts(struct str *b, const char *text)
{
    str_add(b, text, strlen(text));
}

void str_putc(struct str *b, char c)
{
    str_add(b, &c, 1);
}

void str_printf(struct str *b, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    if ((size_t)n < sizeof small) {
        str_add(b, small, (size_t)n);
        return;
    }
    char *big = xmalloc((size_t)n + 1);
    va_start(ap, fmt);
    (void)vsnprintf(big, (size_t)n + 1, fmt, ap);
    va_end(ap);
    str_add(b, big, (size_t)n);
    free(big);
}

char *str_take(struct str *b)
{
    if (!b->s) {
        str_add(b, "", 0);
    }
    char *s = b->s;
    *b = (struct str){.max = b->max};
    return s;
}

const char *str_text(const struct str *b)
{
    return b->s ? b->s : "";
}

void strvec_free(struct strvec *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i]);
    }
    free(list->v);
    *list = (struct strvec){0};
}

void strvec_take(struct strvec *list, char *s)
{
    list->v = vec_room(list->v, list->n + 1, &list->cap, sizeof *list->v);
    list->v[list->n++] = s;
    list->v[list->n] = NULL;
}

void strvec_add(struct strvec *list, const char *s)
{
    strvec_take(list, xstrdup(s));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strvec_sort(struct strvec *list)
{
    if (list->n > 1) {
        qsort(list->v, list->n, sizeof *list->v, by_text);
    }
}

/* How the character at `s` (n > 0 bytes) is shown, in `piece`; answers its bytes. */
static size_t shown(const char *s, size_t n, char piece[8])
{
    size_t len = utf8_sequence(s, n);
    unsigned char c = (unsigned char)*s;
    if (len == 0 || c < 0x20 || c == 0x7f) {
        (void)snprintf(piece, 8, "\\x%02X", c);
        return 1;
    }
    memcpy(piece, s, len);
    piece[len] = '\0';
    return len;
}

const char *quote_text(char *buf, size_t size, const char *text)
{
    char piece[8];
    size_t n = strlen(text);
    size_t left = 0; /* bytes that the rest takes when shown whole */
    for (size_t i = 0; i < n;) {
        i += shown(text + i, n - i, piece);
        left += strlen(piece);
    }
    size_t room = size - 3; /* two quotes, terminator */
    bool cut = left > room;
    size_t head = cut ? (room - 3) * 2 / 3 : room;
    size_t tail = room - 3 - (cut ? head : 0);
    struct str out = {.s = buf, .cap = size, .max = size - 1};
    str_putc(&out, '"');
    for (size_t i = 0; i < n;) {
        i += shown(text + i, n - i, piece);
        size_t len = strlen(piece);
        if (cut && out.len + len > head + 1) {
            str_puts(&out, "...");
            cut = false;
            head = 0; /* from here on: what fits the tail */
        }
        if (head > 0 || left <= tail) {
            str_puts(&out, piece);
        }
        left -= len;
    }
    str_putc(&out, '"');
    return buf;
}

/* Optimal-string-alignment distance (a swap of neighbours is one edit), cut at words of 63
 * bytes. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t la = strlen(a);
    size_t lb = strlen(b);
    if (la >= MAX || lb >= MAX) {
        return MAX;
    }
    size_t rows[3][MAX + 1];
    for (size_t j = 0; j <= lb; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t *now = rows[i % 3];
        const size_t *up = rows[(i - 1) % 3];
        const size_t *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            best = up[j] + 1 < best ? up[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && up2[j - 2] + 1 < best) {
                best = up2[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2; /* farther than this is another word */
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t ls = strlen(s);
    size_t lx = strlen(suffix);
    return ls >= lx && memcmp(s + ls - lx, suffix, lx) == 0;
}

bool str_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}
