/* SPDX-License-Identifier: MIT
 *
 * One line per event to stderr: "procagent: stage: text". Only code that decides logs (main, the
 * stages' drivers); what fails below returns a struct err. A stderr that is closed or full neither
 * blocks nor ends us: the line is dropped after a short wait. Threads may log at the same time.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped from now on; LOG_INFO at the start. */
void log_set_level(enum log_level level);
/* Are lines of this level shown? */
bool log_shows(enum log_level level);
/* "error", "warn", "info" or "debug" -> level; -1 when it is none of them. */
int log_level_of(const char *name);

/* `stage` may be NULL. Control characters in the text become '?'; a line has at most 4,096
 * bytes. */
__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *stage,
                                                    const char *fmt, ...);

/* For a terminal: shows `text`, of fewer columns than it has and without control characters, in
 * place of the status before it; "" takes it away. A log line, of whatever thread, takes it away
 * first, so it is to be shown again from time to time. */
void log_status(const char *text);

#define log_error(stage, ...) log_line(LOG_ERROR, (stage), __VA_ARGS__)
#define log_warn(stage, ...) log_line(LOG_WARN, (stage), __VA_ARGS__)
#define log_info(stage, ...) log_line(LOG_INFO, (stage), __VA_ARGS__)
#define log_debug(stage, ...) log_line(LOG_DEBUG, (stage), __VA_ARGS__)

#endif
