/* SPDX-License-Identifier: MIT
 *
 * What an archive says about names, as text: which may become a path below the folder, and where a
 * link may lead. Each function answers why not, as the end of a sentence that begins with the
 * member ("is a link out of the folder"), or NULL when all is well.
 */
#ifndef STAGE_MEMBER_H
#define STAGE_MEMBER_H

#include "base/str.h"

/* `out`, empty and limited by the caller, becomes the member's path: without "." and doubled
 * slashes, "" for the folder itself. Absolute names, "..", parts of over 255 bytes, more than 100
 * parts and the agent's own temporaries are refused. */
const char *member_path(const char *name, struct str *out);

/* The member at `path` is a symbolic link to `target`. It must lead to something below the folder
 * whatever else the archive holds, so ".." may stand only at its front: behind a name, which may be
 * a link itself, nobody can say from the text alone where it leads. */
const char *member_target(const char *path, const char *target);

#endif
