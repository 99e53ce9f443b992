/* SPDX-License-Identifier: MIT
 *
 * The partitions of one output while files are split into them: a registry by folder name, a buffer
 * for each, and the files behind the buffers. Memory and descriptors are bounded whatever the
 * number of partitions: buffers share a budget, and descriptors stay open only while there are few.
 *
 * A source file is split between parts_begin and parts_end. In between one thread at a time appends
 * rows (in the source's order); a full buffer becomes a flush, which any thread may write, since
 * its place in its file is known. parts_find may be called by all at any time.
 */
#ifndef PARTITION_PARTS_H
#define PARTITION_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Limits of names: a component of a path, an object's key (hive-glue.md 1.5). */
enum { NAME_BYTES = 255, S3_KEY_BYTES = 1024 };

/* Bytes that may be written behind a buffer's end, so that rows are copied in whole words. */
enum { PART_SLACK = 64 };

struct partition {
    /* touched for every row: one cache line */
    char *buf;          /* owned: cap + PART_SLACK bytes; the end of the current file */
    size_t len;         /* bytes in it */
    size_t cap;         /* bytes that fit */
    uint64_t file_rows; /* rows of the current file */

    char *dir;              /* owned: "k=v/k2=v2" */
    uint64_t hash;          /* of dir */
    struct partition *same; /* next in its registry chain */
    uint64_t rows;          /* of all files that are done */
    uint64_t bytes;         /* the same, headers included */
    uint64_t files;         /* so far */

    /* the current source */
    struct partition *next_used; /* list of the partitions this source has rows for */
    bool used;                   /* it is in that list */
    uint32_t ordinal;            /* of its file: 0, then one more for each roll-over */
    uint64_t passed;             /* bytes of that file that have left the buffer */

    /* writing; guarded by the partition's stripe */
    int fd;             /* open file, or -1 */
    uint32_t fd_number; /* the ordinal it is */
    uint32_t made;      /* so many ordinals have been created */
};

/* A buffer on its way to its file. */
struct flush {
    struct partition *part; /* whose it is; borrowed */
    uint32_t ordinal;       /* which of its files */
    uint64_t offset;        /* in the file */
    char *buf;              /* owned */
    size_t len;
    size_t cap;
};

struct flushes {
    struct flush *v; /* owned */
    size_t n;
    size_t cap;
};

/* A file that was rolled over, to be checked at the source's end. */
struct rolled {
    struct partition *part; /* whose it is; borrowed */
    uint32_t ordinal;       /* which of its files */
    uint64_t size;          /* bytes it must have */
};

/* The bytes a file begins with; borrowed, n may be 0. */
struct header {
    const char *text; /* the bytes */
    size_t n;         /* how many */
};

enum { PART_STRIPES = 64, SPARE_BUFFERS = 32 };

/* A buffer of full size that is not in use. */
struct spare {
    char *buf; /* owned */
    size_t cap;
};

struct parts {
    int root_fd;             /* where the folders are made; -1: count only */
    uint64_t max_partitions; /* 0 = no limit */
    uint64_t max_files;      /* 0 = no limit */
    uint64_t max_file_size;  /* 0 = no limit */
    size_t key_prefix;       /* bytes of the destination's key before the folder; for the limit */
    uint64_t other_files;    /* files of the output that are not split: they count for max_files */

    pthread_mutex_t lock; /* guards the registry and the spare buffers */
    struct spare spare[SPARE_BUFFERS];
    size_t n_spare;
    struct partition **table; /* owned: chains */
    size_t n_table;           /* a power of two */
    size_t n;                 /* partitions */

    struct partition rejects; /* the rows set aside: not in the registry; dir "_rejected" */

    /* the current source */
    const char *name;            /* borrowed: its file's name in a partition */
    struct header header;        /* begins every file of a partition */
    struct header reject_header; /* begins the file of the rejects */
    struct partition *first_used;
    size_t n_used;
    uint64_t files;        /* of all sources */
    struct rolled *rolled; /* owned */
    size_t n_rolled;
    size_t cap_rolled;
    atomic_size_t allocated; /* bytes of all buffers */
    atomic_size_t in_flight; /* bytes of the flushes that are not written yet */
    atomic_int open_files;
    int max_open; /* descriptors that may stay open */
    pthread_mutex_t stripes[PART_STRIPES];
};

void parts_init(struct parts *ps, int root_fd);
void parts_free(struct parts *ps);

/* The partition of a folder, made known when it is new; NULL with ERR_OUTPUT when there are more
 * than max_partitions. */
struct partition *parts_find(struct parts *ps, const char *dir, size_t n, struct err *e);

/* A source begins: the name its files get (borrowed) and what they begin with. */
void parts_begin(struct parts *ps, const char *name, struct header header,
                 struct header reject_header);

/* Counts a row for which there is room; where it goes. */
static inline char *part_add_row(struct partition *p, size_t n)
{
    char *at = p->buf + p->len;
    p->len += n;
    p->file_rows++;
    return at;
}

/* Counts a row of `n` bytes and answers where the caller writes it. Buffers that are full go to
 * `out`. NULL without room: ERR_OUTPUT, also for max_files. Not for dry runs: parts_count. */
char *parts_make_room(struct parts *ps, struct partition *p, size_t n, struct flushes *out,
                      struct err *e);

/* The same, quick where there is nothing to decide. */
static inline char *parts_room(struct parts *ps, struct partition *p, size_t n, struct flushes *out,
                               struct err *e)
{
    if (p->len + n > p->cap || p->file_rows == 0 || ps->max_file_size) {
        return parts_make_room(ps, p, n, out, e);
    }
    return part_add_row(p, n);
}

/* A dry run's row. */
int parts_count(struct parts *ps, struct partition *p, size_t n, struct err *e);

/* Writes buffers and frees them; the list is empty afterwards. */
int parts_write(struct parts *ps, struct flushes *list, struct err *e);
void flushes_free(struct flushes *list);

/* The source's end: what is buffered is written, every file closed and its size checked. Several
 * threads may share the work, each calling with the same `next` (0 at first). */
int parts_end(struct parts *ps, struct partition **list, size_t n, atomic_size_t *next,
              struct err *e);

/* The partitions the source has rows for, the rejects' too; owned by the caller. */
struct partition **parts_used(const struct parts *ps, size_t *n);

/* After all of parts_end: the rolled files' sizes are checked, and everything is ready for another
 * source. */
int parts_reset(struct parts *ps, struct err *e);

/* The path of a file below root_fd; owned by the caller. */
char *parts_path(const struct parts *ps, const struct partition *p, uint32_t ordinal);

/* Bytes of the destination's key before the partition's folder; 0 for a NULL S3Uri. */
size_t key_prefix(const char *s3_uri);

#endif
