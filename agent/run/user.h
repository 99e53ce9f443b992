/* SPDX-License-Identifier: MIT
 *
 * Who runs the transform: `[run] user`, looked up as docker does it in the image's /etc/passwd and
 * /etc/group. Read by fgetpwent: a static glibc's getpwnam would need shared libraries.
 */
#ifndef RUN_USER_H
#define RUN_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

enum { USER_MAX_GROUPS = 256 };

struct user {
    uid_t uid; /* what the transform runs as */
    gid_t gid; /* its primary group */
    gid_t groups[USER_MAX_GROUPS]; /* supplementary; none when the group was named explicitly */
    size_t n_groups;
    char *home; /* owned: from /etc/passwd, "/" for a uid that is not there */
};

/* Reads "name", "uid", "name:group", "uid:gid". A uid that /etc/passwd does not know has group 0
 * and home "/". ERR_CONFIG for a name or group that does not exist. `root` is "" outside tests. */
int user_lookup(const char *spec, const char *root, struct user *out, struct err *e);
void user_free(struct user *user);

/* Becomes that user; async-signal-safe, for the child. 0, or -1 with errno. */
int user_become(const struct user *user);

#endif
