/* SPDX-License-Identifier: MIT
 *
 * One try of an S3 call on the wire: URL, headers, signature, and where the answer goes.
 */
#ifndef STORE_REQUEST_H
#define STORE_REQUEST_H

#include "store/caller.h"

/* Sets the slot's easy handle up for its call. Fails when credentials ran out and no new ones can
 * be had. */
int request_prepare(struct caller *c, struct slot *slot, struct err *e);

/* The error code of what goes wrong with a call: ERR_INPUT or ERR_OUTPUT. */
enum err_code call_code(const struct call *call);

#endif
