/* SPDX-License-Identifier: MIT
 *
 * Positions in JSON. See locate.h. Only for texts already known to be well-formed; on others it
 * stops early but stays inside the text.
 */
#include "base/locate.h"

#include <stdbool.h>
#include <string.h>

struct cursor {
    const char *text;
    size_t n;
    size_t at;
};

static char peek(const struct cursor *c)
{
    return c->at < c->n ? c->text[c->at] : '\0';
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->n && strchr(" \t\r\n", c->text[c->at])) {
        c->at++;
    }
}

static void skip_string(struct cursor *c)
{
    for (c->at++; c->at < c->n && c->text[c->at] != '"'; c->at++) {
        if (c->text[c->at] == '\\') {
            c->at++;
        }
    }
    c->at++;
}

/* From an opening bracket to behind its closing one; strings are stepped over whole. */
static void skip_brackets(struct cursor *c)
{
    int depth = 0;
    do {
        char ch = peek(c);
        if (ch == '"') {
            skip_string(c);
            continue;
        }
        depth += ch == '{' || ch == '[';
        depth -= ch == '}' || ch == ']';
        c->at++;
    } while (depth > 0 && c->at < c->n);
}

static void skip_value(struct cursor *c)
{
    skip_space(c);
    char ch = peek(c);
    if (ch == '"') {
        skip_string(c);
    } else if (ch == '{' || ch == '[') {
        skip_brackets(c);
    } else {
        while (c->at < c->n && !strchr(",]} \t\r\n", c->text[c->at])) {
            c->at++;
        }
    }
}

/* Moves into the object at the cursor to the value of `key` (n bytes). */
static bool enter_object(struct cursor *c, const char *key, size_t n)
{
    c->at++;
    for (;;) {
        skip_space(c);
        if (peek(c) != '"') {
            return false;
        }
        size_t start = c->at + 1;
        skip_string(c);
        size_t len = c->at > start ? c->at - 1 - start : 0;
        skip_space(c);
        if (peek(c) != ':') {
            return false;
        }
        c->at++;
        skip_space(c);
        if (len == n && c->at <= c->n && memcmp(c->text + start, key, n) == 0) {
            return true;
        }
        skip_value(c);
        skip_space(c);
        if (peek(c) != ',') {
            return false;
        }
        c->at++;
    }
}

static bool enter_array(struct cursor *c, size_t index)
{
    c->at++;
    skip_space(c);
    for (; index > 0; index--) {
        skip_value(c);
        skip_space(c);
        if (peek(c) != ',') {
            return false;
        }
        c->at++;
        skip_space(c);
    }
    return peek(c) != ']' && peek(c) != '\0';
}

static bool enter(struct cursor *c, const char *step, size_t n)
{
    if (peek(c) == '{') {
        return enter_object(c, step, n);
    }
    size_t index = 0;
    for (size_t i = 0; i < n; i++) {
        if (step[i] < '0' || step[i] > '9') {
            return false;
        }
        index = index * 10 + (size_t)(step[i] - '0');
    }
    return peek(c) == '[' && enter_array(c, index);
}

struct json_place json_locate(const char *text, size_t n, const char *path)
{
    struct cursor c = {.text = text, .n = n};
    skip_space(&c);
    size_t found = c.at;
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, ".");
        if (!enter(&c, p, len)) {
            break;
        }
        found = c.at;
        p += len + (p[len] == '.');
    }
    struct json_place place = {1, 1};
    for (size_t i = 0; i < found && i < n; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else {
            place.column++;
        }
    }
    return place;
}
