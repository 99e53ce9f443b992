/* SPDX-License-Identifier: MIT
 *
 * An input's archive is replaced by what it holds. What it is, its name says (the case matters):
 *
 *     .tar .tar.gz .tgz .tar.zst .zip   its members, into the folder in which it lies
 *     .gz                               one file, its name without .gz
 *
 * Archives come from outside and are believed nothing. Refused, each with the member's name: names
 * that are absolute, have "..", are longer than the file system takes or begin with ".procagent-";
 * two members of one name (a folder may come twice); a member below a link; devices, FIFOs and
 * sockets; hard links to anything but an earlier file of the archive; links to an absolute path or
 * out of the folder (".." may stand at the front of a target only); encrypted members; more than
 * the limits. Damage is found by the checksums of gzip, zstd and zip; a bare .tar has none.
 *
 * Files get mode 0644 or 0755 and folders 0755, less the umask; owners and times are the job's.
 * "./" at the front of names, "//" and "/./" in them are dropped. Names are bytes, but those marked
 * as UTF-8 come composed (form C), and one with a NUL ends there: both are libarchive's doing.
 */
#ifndef STAGE_UNPACK_H
#define STAGE_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* 0 = no limit, in each. */
struct unpack_limits {
    uint64_t max_entries; /* members, and folders that only their names imply */
    uint64_t max_bytes;   /* of all files, holes in sparse ones included */
    uint64_t max_ratio;   /* of these bytes to the archive's, above 16 MiB of them */
};

#define UNPACK_LIMITS_DEFAULT                                     \
    {                                                             \
        .max_entries = 1000000, .max_bytes = 0, .max_ratio = 1000 \
    }

/* Is a file of this name (a path will do) one that is unpacked? */
bool unpack_wanted(const char *name);

/* Replaces the archive `path`, which is absolute, by what it holds. `*files` is set to the number
 * of files and links that came out, `*bytes` to the size of the files. Folders that are there are
 * merged; a file that is there is an error unless it is the same.
 *
 * After a failure (ERR_INPUT naming archive, member and what to do; a stop; ERR_INTERNAL) the
 * folder is as it was, with the archive. When the process is killed, the archive is still there,
 * too, unless all it held is in place: members appear by renames at the very end, after all of them
 * were written and checked, and the archive goes last. What a kill leaves beside it, a hidden
 * folder and maybe some members, is swept and recognised by the next call. */
int unpack_file(const char *path, const struct unpack_limits *limits, uint64_t *files,
                uint64_t *bytes, struct err *e);

#endif
