/* SPDX-License-Identifier: MIT
 *
 * What the end of a try means: good, to be tried again, to be asked elsewhere, or an error that
 * names bucket, key, HTTP status and request id.
 */
#ifndef STORE_VERDICT_H
#define STORE_VERDICT_H

#include "store/caller.h"

enum verdict {
    VERDICT_GOOD,
    VERDICT_ELSEWHERE, /* another region or host, or new credentials: ask again at once */
    VERDICT_AGAIN,     /* may help to try again; `e` says what was wrong */
    VERDICT_BAD,       /* `e` says what is wrong */
};

enum verdict verdict_of(struct caller *c, struct slot *slot, struct call *call, CURLcode code,
                        struct err *e);

/* Is what the headers of a good answer say what was asked for: the same content, as long as it
 * should be? Called before the first byte is handed on. */
int verdict_headers(const struct call *call, struct err *e);

/* "s3://bucket/key: get": what a call is, for messages; owned by the caller. */
char *call_name(const struct call *call);

#endif
