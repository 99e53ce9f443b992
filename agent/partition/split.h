/* SPDX-License-Identifier: MIT
 *
 * Splitting: the rows of CSV, TSV and JSON Lines files go to the partitions that their columns
 * name, byte for byte and in their order; all CPUs take part, the result does not depend on how
 * many. Files are written below a folder that nobody sees yet (rewrite.h).
 *
 *     SCOPE(splitter_free) struct splitter sp;
 *     splitter_init(&sp, job, out, layout, from_fd, to_fd);
 *     for each source: split_file(&sp, &source, e)
 *     splitter_end(&sp, e)
 */
#ifndef PARTITION_SPLIT_H
#define PARTITION_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "job.h"
#include "partition/layout.h"
#include "partition/parts.h"

struct splitter {
    const struct job *job;    /* borrowed */
    const struct output *out; /* borrowed */
    int from_fd;              /* the sources' folder; borrowed */
    struct parts parts;
    uint64_t sources;  /* files split so far */
    uint64_t rows_in;  /* of them, headers not counted */
    uint64_t rows_out; /* rows appended to partitions */
    char *lossy; /* owned: a column that was left out of the rows although the folders' names do not
                    tell all of it, or NULL */
    uint64_t blank_lines; /* lines that are no rows */
};

struct split_source {
    const char *path;           /* below from_fd; borrowed */
    uint64_t size;              /* bytes of the file */
    const char *name;           /* what it is called in a partition; borrowed */
    const struct layout *bound; /* layout.h; borrowed */
    enum data_format format;    /* not FORMAT_BY_NAME */
    bool gzip;                  /* it is compressed */
};

/* `to_fd` is the folder partitions are made in, -1 for a dry run; both stay the caller's.
 * `other_files` data files of the output are there besides. */
void splitter_init(struct splitter *sp, const struct job *job, const struct output *out,
                   int from_fd, int to_fd, uint64_t other_files);
void splitter_free(struct splitter *sp);

/* Splits one file. ERR_OUTPUT names file, row and value. */
int split_file(struct splitter *sp, const struct split_source *source, struct err *e);

/* After the last file: every row that came in must have gone out (ERR_INTERNAL otherwise), and with
 * compress = gzip the files become .gz. */
int splitter_end(struct splitter *sp, struct err *e);

/* The format of a file by its name, FORMAT_BY_NAME when that tells none; *gzip whether it ends in
 * .gz, *stem how many bytes of the name come before that. */
enum data_format format_of_name(const char *name, bool *gzip, size_t *stem);

#endif
