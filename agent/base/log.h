/* SPDX-License-Identifier: MIT
 *
 * One line per event to stderr: "procagent: stage: text". Only code that decides logs (main, the
 * stages' drivers); what fails below returns a struct err. A stderr that is closed or full neither
 * blocks nor ends us: the line is dropped after a short wait.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped from now on; LOG_INFO at the start. */
void log_set_level(enum log_level level);
/* "error", "warn", "info" or "debug" -> level; -1 when it is none of them. */
int log_level_of(const char *name);

/* `stage` may be NULL. Control characters in the text become '?'; a line has at most 4,096
 * bytes. */
__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *stage,
                                                    const char *fmt, ...);

#define log_error(stage, ...) log_line(LOG_ERROR, (stage), __VA_ARGS__)
#define log_warn(stage, ...) log_line(LOG_WARN, (stage), __VA_ARGS__)
#define log_info(stage, ...) log_line(LOG_INFO, (stage), __VA_ARGS__)
#define log_debug(stage, ...) log_line(LOG_DEBUG, (stage), __VA_ARGS__)

#endif
