/* SPDX-License-Identifier: MIT
 *
 * Growing byte strings with a stated maximum, lists of strings, and quoting of values for messages.
 * `s` is always NUL-terminated (the bytes may hold further NULs: use `len`). Going over `max` sets
 * `overflow` and keeps what fits, so a whole construction is checked once, at its end.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

struct str {
    char *s;       /* owned; NULL only before the first byte */
    size_t len;    /* bytes, without the terminator */
    size_t cap;    /* bytes allocated */
    size_t max;    /* most bytes this string may hold; 0 = unlimited, for data of our own */
    bool overflow; /* something did not fit */
};

#define STR_INIT(max_bytes) {.s = NULL, .max = (max_bytes)}

void str_free(struct str *b);
void str_clear(struct str *b);
/* Makes room, so that the next `n` bytes do not move what is there. */
void str_reserve(struct str *b, size_t n);
/* Append: bytes, a text, a character, formatted text. */
void str_add(struct str *b, const char *bytes, size_t n);
void str_puts(struct str *b, const char *text);
void str_putc(struct str *b, char c);
__attribute__((format(printf, 2, 3))) void str_printf(struct str *b, const char *fmt, ...);
/* The owned text, never NULL; `b` is empty afterwards. */
char *str_take(struct str *b);
/* The text, never NULL, still owned by `b`. */
const char *str_text(const struct str *b);

struct strvec {
    char **v;   /* owned strings; v[n] is NULL once anything was added */
    size_t n;   /* number of strings */
    size_t cap; /* slots allocated */
};

void strvec_free(struct strvec *list);
/* Takes ownership of `s`. */
void strvec_take(struct strvec *list, char *s);
void strvec_add(struct strvec *list, const char *s);
void strvec_sort(struct strvec *list);

/* `text` in double quotes, control bytes as \xNN, the middle left out when it is long; in `buf`,
 * whose size is at least 16. */
const char *quote_text(char *buf, size_t size, const char *text);
/* A quoted copy that lives as long as the enclosing block: for printf arguments. */
#define QUOTED(text) quote_text((char[320]){0}, 320, (text))

/* The entry of `names` (n of them) nearest to `word` by edit distance, or NULL when none is
 * near. */
const char *nearest_name(const char *word, const char *const *names, size_t n);

/* Does `s` begin, or end, with the other text? */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* NULL-safe equality. */
bool str_same(const char *a, const char *b);

#endif
