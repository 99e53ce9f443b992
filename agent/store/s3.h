/* SPDX-License-Identifier: MIT
 *
 * The S3 store: Amazon S3, or any server of its protocol, over libcurl. What is put becomes visible
 * at the commit: large files travel as multipart uploads that are completed then, small ones are
 * sent then. An upload that is not committed is aborted, so nothing is left that costs money.
 */
#ifndef STORE_S3_H
#define STORE_S3_H

#include "store/store.h"

/* Finds credentials and region (credentials.h); no request goes out yet, but to a container's
 * credentials endpoint. `settings` is borrowed. ERR_CONFIG. */
int s3_open(struct store *store, const struct s3_settings *settings, char *const *environment,
            struct err *e);

#endif
