/* SPDX-License-Identifier: MIT
 *
 * Names of executed notebooks. See nbname.h.
 */
#include "notebook/nbname.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/str.h"

enum { SHORT = 10, RFC3339_MAX = 32, TO_SECONDS = 19 };

#define EXTENSION "ipynb"

/* The length of a file's name without its extension; a dot at the start begins none. */
static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

/* Appends the first ten ASCII letters and digits of a text, or `none`. */
static void add_short(struct str *out, const char *text, size_t n, const char *none)
{
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < SHORT; i++) {
        char c = text[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
            str_putc(out, c);
            kept++;
        }
    }
    if (kept == 0) {
        str_puts(out, none);
    }
    str_putc(out, '-');
}

char *nbname_job(const char *job, const char *notebook, int64_t time_ns)
{
    char time[RFC3339_MAX];
    struct str name = STR_INIT(0);
    const char *file = path_base(notebook);
    add_short(&name, job, strlen(job), "job");
    add_short(&name, file, stem_length(file), "notebook");
    str_puts(&name, clock_format_rfc3339(time, sizeof time, time_ns));
    str_puts(&name, "-." EXTENSION);
    SCOPE_FREE char *raw = str_take(&name);
    return nbname_normalise(raw);
}

char *nbname_normalise(const char *name)
{
    char *out = xstrdup(name);
    size_t n = strlen(out);
    for (size_t i = 0; i < n; i++) {
        out[i] = out[i] == '.' || out[i] == ':' ? '-' : out[i];
    }
    if (!str_ends(out, EXTENSION)) {
        return out;
    }
    SCOPE_FREE char *old = out;
    n -= strlen(EXTENSION);
    while (n > 0 && old[n - 1] == '-') {
        n--;
    }
    return xasprintf("%.*s." EXTENSION, (int)n, old);
}

char *nbname_plain(const char *notebook, int64_t time_ns)
{
    char time[RFC3339_MAX];
    (void)clock_format_rfc3339(time, sizeof time, time_ns);
    for (char *p = time; *p; p++) {
        *p = *p == 'T' || *p == ':' ? '-' : *p;
    }
    const char *file = path_base(notebook);
    return xasprintf("%.*s-%.*s." EXTENSION, (int)stem_length(file), file, TO_SECONDS, time);
}
