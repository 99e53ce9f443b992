/* SPDX-License-Identifier: MIT
 *
 * The folder store: s3://bucket/key is the file ROOT/bucket/key. Stands for S3 on a laptop, in
 * tests and in `docker run`. Reads follow links (a link in ROOT is the owner's choice), copies are
 * always copies. What is put waits in a hidden folder ROOT/.procagent-<random> until the commit
 * renames it; a run that was killed leaves only that folder, which the next run removes (a lock
 * tells that nobody uses it).
 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include "store/store.h"

/* `root` must exist and be a directory. */
int folder_open(struct store *store, const char *root, struct err *e);

#endif
