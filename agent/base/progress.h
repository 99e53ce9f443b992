/* SPDX-License-Identifier: MIT
 *
 * What a stage that moves bytes has done so far, told while it works by a thread of its own: on a
 * terminal as a bar that is redrawn in place and erased at the end, elsewhere as a log line every
 * interval. Quick work shows nothing of either. Nothing here can fail: without a thread, with a log
 * level below info or with an interval of 0 there is silence.
 *
 *     struct progress p;
 *     progress_begin(&p, "stage", "fetched", n_files, n_bytes);
 *     ... progress_add(&p, 1, size), from any thread ...
 *     progress_end(&p);
 *
 * Nothing may fork between begin and end: the other thread may hold the log's lock.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far the work is, as a text shows it. */
struct progress_state {
    uint64_t files;       /* done */
    uint64_t files_total; /* 0 = unknown */
    uint64_t bytes;       /* done */
    uint64_t bytes_total; /* 0 = unknown */
    uint64_t rate;        /* bytes a second */
};

/* One piece of work. Its fields are this module's; it stays where it is from begin to end. */
struct progress {
    const char *stage;      /* borrowed: the log's word for who is working */
    const char *verb;       /* borrowed: "fetched" */
    uint64_t files_total;   /* 0 = unknown */
    uint64_t bytes_total;   /* 0 = unknown */
    _Atomic uint64_t files; /* done */
    _Atomic int64_t bytes;  /* done, less what has to be done again */
    bool running;           /* there is a thread, to be joined */
    bool ending;            /* it has to end; under `lock` */
    pthread_t thread;       /* while running */
    pthread_mutex_t lock;   /* while running */
    pthread_cond_t wake;    /* `ending` was set */
};

/* Starts telling. `stage` and `verb` are borrowed until the end, totals of 0 are unknown. */
void progress_begin(struct progress *p, const char *stage, const char *verb, uint64_t files,
                    uint64_t bytes);

/* Counts what was done; may be called from several threads. `bytes` is negative for what was
 * counted and has to be done again. `p` may be NULL. */
void progress_add(struct progress *p, uint64_t files, int64_t bytes);

/* Stops telling; a bar is gone when this returns. */
void progress_end(struct progress *p);

/* How often a log line comes, 10 s at the start; 0 = neither lines nor bars. Not while some work
 * runs. */
void progress_configure(int64_t interval_ns);

/* "fetched 120 of 4,000 files, 1.2 of 2.0 GB, 310 MB/s" in `buf` (size > 1), cut at its size. */
const char *progress_text(char *buf, size_t size, const char *verb,
                          const struct progress_state *state);

/* "stage: <progress_text> [####------]", at most `width` columns: without the brackets when there
 * is no total or no room for them. */
const char *progress_bar(char *buf, size_t size, size_t width, const char *stage, const char *verb,
                         const struct progress_state *state);

#endif
