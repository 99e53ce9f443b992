/* SPDX-License-Identifier: MIT
 *
 * Log lines. See log.h.
 */
#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, STDERR_WAIT_MS = 200 };

/* To the first column, and clear to the end of the line. */
#define ERASE "\r\033[K"

static enum log_level max_level = LOG_INFO;
/* Guards stderr's last line: whether a status is on it, and what is written there. */
static pthread_mutex_t status_lock = PTHREAD_MUTEX_INITIALIZER;
static bool status_shown;
static const char *const LEVEL_NAMES[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
    max_level = level;
}

bool log_shows(enum log_level level)
{
    return level <= max_level;
}

int log_level_of(const char *name)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, LEVEL_NAMES[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* A pipe that polls writable takes PIPE_BUF (4,096) bytes at once, so this write cannot block even
 * on a reader that stopped reading; setting O_NONBLOCK would change the transform's own stderr. */
static void put_line(const char *line, size_t n)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, STDERR_WAIT_MS) == 1 && (p.revents & POLLOUT)) {
        (void)!write(STDERR_FILENO, line, n);
    }
}

void log_line(enum log_level level, const char *stage, const char *fmt, ...)
{
    if (level > max_level) {
        return;
    }
    char line[LINE_MAX_BYTES];
    int head =
        snprintf(line, sizeof line, "procagent: %s%s%s", stage ? stage : "", stage ? ": " : "",
                 level == LOG_ERROR  ? "error: "
                 : level == LOG_WARN ? "warning: "
                                     : "");
    va_list ap;
    va_start(ap, fmt);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, ap);
    va_end(ap);
    if (body < 0) {
        return;
    }
    size_t n = strlen(line);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f) {
            line[i] = '?';
        }
    }
    line[n++] = '\n';
    (void)pthread_mutex_lock(&status_lock);
    if (status_shown) {
        put_line(ERASE, sizeof ERASE - 1);
        status_shown = false;
    }
    put_line(line, n);
    (void)pthread_mutex_unlock(&status_lock);
}

/* The old text is overwritten before what is left of it is cleared: nothing flickers. */
void log_status(const char *text)
{
    char line[LINE_MAX_BYTES];
    int n = *text ? snprintf(line, sizeof line, "\r%s\033[K", text)
                  : snprintf(line, sizeof line, ERASE);
    if (n < 0 || (size_t)n >= sizeof line) {
        return;
    }
    (void)pthread_mutex_lock(&status_lock);
    if (*text || status_shown) {
        put_line(line, (size_t)n);
    }
    status_shown = *text != '\0';
    (void)pthread_mutex_unlock(&status_lock);
}
