/* SPDX-License-Identifier: MIT
 *
 * Error values: formatting and context, nothing else. See err.h.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* One error is one line in a log and in the message file, whatever a file name contained. */
static void one_line(char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7f) {
            *s = '?';
        }
    }
}

const char *err_text(int sys)
{
    const char *text = strerrordesc_np(sys);
    return text ? text : "unknown error";
}

/* Cuts at a character boundary: the text ends up in JSON and in the message file. */
static void fill(struct err *e, enum err_code code, int sys, const char *text)
{
    char tail[128] = "";
    if (sys != 0) {
        (void)snprintf(tail, sizeof tail, ": %s", err_text(sys));
    }
    *e = (struct err){.code = code, .sys = sys};
    size_t n = utf8_clean(e->text, sizeof e->text - strlen(tail), text, strlen(text));
    memcpy(e->text + n, tail, strlen(tail) + 1);
    one_line(e->text);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char text[2 * ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fill(e, code, 0, text);
    return -(int)code;
}

int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
    char text[2 * ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fill(e, code, sys, text);
    return -(int)code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    char head[ERR_TEXT_MAX];
    char whole[2 * ERR_TEXT_MAX + 2];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    (void)snprintf(whole, sizeof whole, "%s: %s", head, e->text);
    (void)utf8_clean(e->text, sizeof e->text, whole, strlen(whole));
    one_line(e->text);
    return -(int)e->code;
}

int err_take(struct err *e, const struct err *from)
{
    *e = *from;
    return -(int)from->code;
}

bool err_is_stop(const struct err *e)
{
    return e->code == ERR_STOPPED || e->code == ERR_TIMEOUT;
}

const char *err_code_name(enum err_code code)
{
    static const char *const NAMES[] = {
        [ERR_NONE] = "none",       [ERR_CONFIG] = "config",   [ERR_INPUT] = "input",
        [ERR_OUTPUT] = "output",   [ERR_EXEC] = "exec",       [ERR_INTERNAL] = "internal",
        [ERR_STOPPED] = "stopped", [ERR_TIMEOUT] = "timeout",
    };
    return NAMES[code];
}
