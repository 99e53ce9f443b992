/* SPDX-License-Identifier: MIT
 *
 * The one error value of the program. A fallible function takes `struct err *e`, returns 0 or a
 * negative number, and fills `e` only when it fails. Layers above may add context with err_prefix,
 * so that a deep failure reads "outer: inner: No space left on device". Nothing here allocates.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>
#include <stdbool.h>

/* What the reader of the error should do about it. One table in job.c maps code -> exit status. */
enum err_code {
    ERR_NONE = 0,
    ERR_CONFIG,   /* the job's description is wrong: mend the named file, line or option */
    ERR_INPUT,    /* an input cannot be read or staged */
    ERR_OUTPUT,   /* an output cannot be rewritten, packed or published */
    ERR_EXEC,     /* the command cannot be started; `exec_status` says 126 or 127 */
    ERR_INTERNAL, /* the agent or its machine failed: memory, descriptors, a bug */
    ERR_STOPPED,  /* a stop signal arrived; `signo` says which */
    ERR_TIMEOUT,  /* the job's time is over */
};

#define ERR_TEXT_MAX 1024u

struct err {
    enum err_code code;      /* ERR_NONE: no error yet */
    int sys;                 /* errno at the failure, 0 when none is involved */
    int signo;               /* with ERR_STOPPED: the signal */
    int exec_status;         /* with ERR_EXEC: 126 or 127 */
    char text[ERR_TEXT_MAX]; /* one line, UTF-8, no newline */
};

/* Fills `e` and returns -(int)code. Control characters and ill-formed UTF-8 in the formatted text
 * become '?'; a text that is too long is cut at a character boundary. */
__attribute__((format(printf, 3, 4))) int err_set(struct err *e, enum err_code code,
                                                  const char *fmt, ...);

/* As err_set, with ": <text of sys>" behind the formatted text. */
__attribute__((format(printf, 4, 5))) int err_sys(struct err *e, enum err_code code, int sys,
                                                  const char *fmt, ...);

/* Puts "<formatted text>: " before what `e` says; returns -(int)e->code. */
__attribute__((format(printf, 2, 3))) int err_prefix(struct err *e, const char *fmt, ...);

/* Makes `e` what `from` is; returns -(int)code. */
int err_take(struct err *e, const struct err *from);

/* Did somebody or the clock end the work, rather than the work fail? Context that explains a
 * failure has no place there. */
bool err_is_stop(const struct err *e);

/* "config", "input", ...: for reports. */
const char *err_code_name(enum err_code code);

/* The text of an errno; the only place besides err.c that may want it is a warning. */
const char *err_text(int sys);

#endif
