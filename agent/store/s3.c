/* SPDX-License-Identifier: MIT
 *
 * The S3 store. See s3.h.
 */
#include "store/s3.h"

int s3_open(struct store *store, const struct s3_settings *settings, char *const *environment,
            struct err *e)
{
    (void)store;
    (void)settings;
    (void)environment;
    return err_set(e, ERR_CONFIG, "kind = s3");
}
