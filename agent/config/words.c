/* SPDX-License-Identifier: MIT
 *
 * Splitting a command line into words. See words.h.
 */
#include "config/words.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/scope.h"

static void scope_json(json_t **value)
{
    json_decref(*value);
}

static int split_json(const char *text, struct strvec *out, struct err *e)
{
    json_error_t why;
    SCOPE(scope_json) json_t *array = json_loads(text, 0, &why);
    if (!array) {
        return err_set(e, ERR_CONFIG, "not a JSON array of strings: %s at column %d", why.text,
                       why.column);
    }
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item)) {
            return err_set(e, ERR_CONFIG, "element %zu of the JSON array is not a string", i + 1);
        }
        strvec_add(out, json_string_value(item));
    }
    return 0;
}

/* One pass over the text; `quote` is the open quote or 0. */
struct splitter {
    struct str word;
    bool in_word; /* "" is a word too */
    char quote;
};

/* Handles a backslash at `p`; answers how many bytes were used, 0 when it is the text's last. */
static size_t take_backslash(struct splitter *s, const char *p)
{
    if (p[1] == '\0') {
        return 0;
    }
    if (p[1] == '\n') { /* joins two lines */
        return 2;
    }
    s->in_word = true;
    if (s->quote == '"' && !strchr("$`\"\\", p[1])) {
        str_putc(&s->word, '\\');
    }
    str_putc(&s->word, p[1]);
    return 2;
}

static void take_plain(struct splitter *s, char c, struct strvec *out)
{
    if (s->quote) {
        if (c == s->quote) {
            s->quote = '\0';
        } else {
            str_putc(&s->word, c);
        }
    } else if (c == '\'' || c == '"') {
        s->quote = c;
        s->in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        if (s->in_word) {
            strvec_take(out, str_take(&s->word));
        }
        s->in_word = false;
    } else {
        s->in_word = true;
        str_putc(&s->word, c);
    }
}

int words_split(const char *text, struct strvec *out, struct err *e)
{
    text += strspn(text, " \t");
    if (text[0] == '[') {
        return split_json(text, out, e);
    }
    struct splitter s = {.word = STR_INIT(0)};
    int rc = 0;
    for (const char *p = text; *p && rc == 0;) {
        if (*p == '\\' && s.quote != '\'') {
            size_t used = take_backslash(&s, p);
            if (used == 0) {
                rc = err_set(e, ERR_CONFIG, "ends in a backslash");
            }
            p += used;
        } else {
            take_plain(&s, *p++, out);
        }
    }
    if (rc == 0 && s.quote) {
        rc = err_set(e, ERR_CONFIG, "a %c quote is not closed", s.quote);
    }
    if (rc == 0 && s.in_word) {
        strvec_take(out, str_take(&s.word));
    }
    str_free(&s.word);
    return rc;
}

const char *words_shell_operator(const struct strvec *words)
{
    static const char *const OPERATORS[] = {"|", "||", "&", "&&", ";",
                                            ">", ">>", "<", "2>", "2>&1"};
    for (size_t i = 0; i < words->n; i++) {
        for (size_t k = 0; k < sizeof OPERATORS / sizeof *OPERATORS; k++) {
            if (strcmp(words->v[i], OPERATORS[k]) == 0) {
                return OPERATORS[k];
            }
        }
    }
    return NULL;
}

static bool needs_quotes(const char *word)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,+@%^";
    return word[0] == '\0' || word[strspn(word, PLAIN)] != '\0';
}

char *words_join(const struct strvec *words)
{
    struct str out = STR_INIT(0);
    for (size_t i = 0; i < words->n; i++) {
        if (i > 0) {
            str_putc(&out, ' ');
        }
        if (!needs_quotes(words->v[i])) {
            str_puts(&out, words->v[i]);
            continue;
        }
        str_putc(&out, '\'');
        for (const char *p = words->v[i]; *p; p++) {
            if (*p == '\'') {
                str_puts(&out, "'\\''");
            } else {
                str_putc(&out, *p);
            }
        }
        str_putc(&out, '\'');
    }
    return str_take(&out);
}
