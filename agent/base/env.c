/* SPDX-License-Identifier: MIT
 *
 * Environments. See env.h.
 */
#include "base/env.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Shorter values ("1", "en_US") say nothing secret and would riddle every text. */
enum { HIDE_MIN = 6 };

const char *env_get(char *const *list, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; list[i]; i++) {
        if (strncmp(list[i], name, n) == 0 && list[i][n] == '=') {
            return list[i] + n + 1;
        }
    }
    return NULL;
}

const char *env_value(char *const *list, const char *name)
{
    const char *value = env_get(list, name);
    return value && *value ? value : NULL;
}

void env_set(struct strvec *list, const char *name, const char *value)
{
    size_t n = strlen(name);
    char *entry = xasprintf("%s=%s", name, value);
    for (size_t i = 0; i < list->n; i++) {
        if (strncmp(list->v[i], entry, n + 1) == 0) {
            free(list->v[i]);
            list->v[i] = entry;
            return;
        }
    }
    strvec_take(list, entry);
}

void env_merge(struct strvec *list, const struct strvec *more)
{
    for (size_t i = 0; i < more->n; i++) {
        char *entry = xstrdup(more->v[i]);
        char *equals = strchr(entry, '=');
        if (equals) {
            *equals = '\0';
            env_set(list, entry, equals + 1);
        }
        free(entry);
    }
}

/* The variable whose value begins at `text`, the longest of them; NULL when there is none. */
static const char *value_at(const struct strvec *list, const char *text, size_t *length)
{
    const char *found = NULL;
    *length = 0;
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strchr(list->v[i], '=');
        size_t n = equals ? strlen(equals + 1) : 0;
        if (n >= HIDE_MIN && n > *length && strncmp(text, equals + 1, n) == 0) {
            found = list->v[i];
            *length = n;
        }
    }
    return found;
}

void env_hide_values(const struct strvec *list, const char *text, char *out, size_t size)
{
    struct str result = STR_INIT(0);
    for (const char *p = text; *p;) {
        size_t n;
        const char *variable = value_at(list, p, &n);
        if (variable) {
            str_putc(&result, '$');
            str_add(&result, variable, strcspn(variable, "="));
            p += n;
        } else {
            str_putc(&result, *p++);
        }
    }
    (void)utf8_clean(out, size, str_text(&result), result.len);
    str_free(&result);
}
