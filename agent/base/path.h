/* SPDX-License-Identifier: MIT
 *
 * Paths as text: joining, cleaning, containment. Nothing here touches the file system.
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* `base` + "/" + `rel` with exactly one slash between; owned by the caller. */
char *path_join(const char *base, const char *rel);

/* An absolute or relative path without doubled slashes, "." components or trailing slash; owned by
 * the caller. NULL when a component is "..": no path from a configuration may climb. */
char *path_clean(const char *path);

/* True when `path` is `dir` or lies below it. Both cleaned. */
bool path_within(const char *path, const char *dir);

/* The part behind the last slash. */
const char *path_base(const char *path);

/* The folder part of `path`: "." when it has none, "/" below the root; owned by the caller. */
char *path_parent(const char *path);

/* Do two paths lie in one folder? Neither is the other's folder then. */
bool path_same_folder(const char *a, const char *b);

/* `path` made absolute against `cwd` (which is absolute), cleaned of nothing; owned by the
 * caller. */
char *path_absolute(const char *cwd, const char *path);

#endif
