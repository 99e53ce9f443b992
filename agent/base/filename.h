/* SPDX-License-Identifier: MIT
 *
 * Names of files, without folders: where the extension begins, and pieces that tell files of one
 * name apart (a host's name). Nothing here touches the file system.
 */
#ifndef BASE_FILENAME_H
#define BASE_FILENAME_H

/* The name's extension, with that of a compression two dots long (".csv.gz"); "" when it has none.
 * A dot at the name's start begins no extension. */
const char *filename_extension(const char *name);

/* The name with "-" and `piece` before its extension ("part.csv" -> "part-algo-1.csv"); owned by
 * the caller. */
char *filename_insert(const char *name, const char *piece);

/* The end of the last place where `piece` stands alone in `name`, which means with no letter, digit
 * or byte above ASCII right before or behind it; NULL when there is none. */
const char *filename_piece(const char *name, const char *piece);

#endif
