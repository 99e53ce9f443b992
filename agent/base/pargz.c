/* SPDX-License-Identifier: MIT
 *
 * Parallel gzip and zstd. See pargz.h.
 *
 * Blocks live in a ring and are known by their number in the stream. Three counters walk it, each
 * behind the one before: `filled` (by the caller), `taken` (by a thread that compresses) and
 * `written`. There is no writer thread: whoever completes a block writes that and all complete ones
 * behind it, unless somebody is writing already, who will then find it. So the file is written in
 * order, by one thread at a time, and a slow disk holds back the caller through a full ring.
 */
#include "base/pargz.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/io.h"
#include "base/mem.h"

struct block {
    unsigned char *in;  /* PARGZ_BLOCK bytes, allocated when first needed */
    unsigned char *out; /* room for the worst case of one member */
    size_t n;           /* bytes in `in` */
    size_t out_n;       /* bytes in `out`; 0 until compressed */
};

struct worker {
    struct pargz *z;
    struct shrink *shrink; /* of the format and level asked for; owned */
    pthread_t id;
};

struct pargz {
    int fd; /* borrowed */
    enum shrink_format format;
    int level;             /* as the format counts them */
    size_t out_cap;        /* size of block.out */
    size_t used;           /* bytes in the block that is being filled; the caller's alone */
    struct block *ring;    /* ring_n blocks */
    size_t ring_n;         /* how far the caller may be ahead of the writing */
    struct worker *worker; /* max_workers of them; [0] serves the caller when there is no thread */
    unsigned max_workers;  /* threads wanted */
    unsigned n_workers;    /* threads running; the caller's alone */

    pthread_mutex_t lock; /* guards all below, and the blocks between `written` and `filled` */
    pthread_cond_t work;  /* a block was filled, or the end is near */
    pthread_cond_t room;  /* a block was written */
    uint64_t filled;      /* blocks handed over */
    uint64_t taken;       /* blocks some thread has begun */
    uint64_t written;     /* blocks in the file */
    uint64_t size;        /* bytes in the file */
    bool writing;         /* some thread writes */
    bool closing;         /* no more blocks will come */
    bool given_up;        /* leave at once: a write failed or the caller aborts */
    int sys;              /* errno of the failed write */
};

/* Writes the complete blocks that are next in order. The lock is held on entry and exit. */
static void write_ready(struct pargz *z)
{
    if (z->writing) {
        return;
    }
    z->writing = true;
    while (z->written < z->taken && !z->given_up) {
        struct block *b = &z->ring[z->written % z->ring_n];
        if (b->out_n == 0) {
            break;
        }
        (void)pthread_mutex_unlock(&z->lock);
        int sys = io_write_all(z->fd, b->out, b->out_n) == 0 ? 0 : errno;
        (void)pthread_mutex_lock(&z->lock);
        if (sys != 0) {
            z->sys = sys;
            z->given_up = true;
            (void)pthread_cond_broadcast(&z->work);
        } else {
            z->size += b->out_n;
            z->written++;
            b->out_n = 0;
        }
        (void)pthread_cond_signal(&z->room);
    }
    z->writing = false;
}

/* Compresses one block; false when there is none to take. The lock is held on entry and exit. */
static bool work_once(struct worker *w)
{
    struct pargz *z = w->z;
    if (z->given_up || z->taken == z->filled) {
        return false;
    }
    struct block *b = &z->ring[z->taken++ % z->ring_n];
    (void)pthread_mutex_unlock(&z->lock);
    struct block own = *b; /* b->out_n says "complete" to others: set it under the lock */
    own.out_n = shrink_block(w->shrink, own.in, own.n, own.out, z->out_cap);
    (void)pthread_mutex_lock(&z->lock);
    b->out_n = own.out_n;
    write_ready(z);
    return true;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct pargz *z = w->z;
    (void)pthread_mutex_lock(&z->lock);
    while (work_once(w) || !(z->closing || z->given_up)) {
        while (z->taken == z->filled && !z->closing && !z->given_up) {
            (void)pthread_cond_wait(&z->work, &z->lock);
        }
    }
    (void)pthread_mutex_unlock(&z->lock);
    return NULL;
}

static int equip(struct worker *w, struct err *e)
{
    return w->shrink ? 0 : shrink_open(&w->shrink, w->z->format, w->z->level, e);
}

/* One thread more. Where no more can be had, those there are do the work, or the caller does. */
static int add_worker(struct pargz *z, struct err *e)
{
    if (z->n_workers == z->max_workers) {
        return 0;
    }
    struct worker *w = &z->worker[z->n_workers];
    int rc = equip(w, e);
    if (rc != 0) {
        return rc;
    }
    if (pthread_create(&w->id, NULL, work, w) == 0) {
        z->n_workers++;
    } else {
        z->max_workers = z->n_workers;
    }
    return 0;
}

/* Makes sure that the block to be filled next is free and has its buffers. */
static int wait_for_room(struct pargz *z, struct err *e)
{
    (void)pthread_mutex_lock(&z->lock);
    while (!z->given_up && z->filled - z->written == z->ring_n) {
        if (z->n_workers > 0) {
            (void)pthread_cond_wait(&z->room, &z->lock);
        } else {
            (void)work_once(&z->worker[0]);
        }
    }
    int sys = z->sys;
    struct block *b = &z->ring[z->filled % z->ring_n];
    (void)pthread_mutex_unlock(&z->lock);
    if (sys != 0) {
        return err_sys(e, ERR_OUTPUT, sys, "write");
    }
    if (!b->in) {
        b->in = xmalloc(PARGZ_BLOCK);
        b->out = xmalloc(z->out_cap);
    }
    return 0;
}

static void hand_over(struct pargz *z)
{
    (void)pthread_mutex_lock(&z->lock);
    z->ring[z->filled % z->ring_n].n = z->used;
    z->filled++;
    z->used = 0;
    (void)pthread_cond_signal(&z->work);
    (void)pthread_mutex_unlock(&z->lock);
}

static void join_and_free(struct pargz *z)
{
    for (unsigned i = 0; i < z->n_workers; i++) {
        (void)pthread_join(z->worker[i].id, NULL);
    }
    for (unsigned i = 0; i < PARGZ_MAX_THREADS; i++) {
        shrink_free(z->worker[i].shrink);
    }
    for (size_t i = 0; i < z->ring_n; i++) {
        free(z->ring[i].in);
        free(z->ring[i].out);
    }
    (void)pthread_cond_destroy(&z->room);
    (void)pthread_cond_destroy(&z->work);
    (void)pthread_mutex_destroy(&z->lock);
    free(z->ring);
    free(z->worker);
    free(z);
}

int pargz_open_threads(struct pargz **out, int fd, enum shrink_format format, int level,
                       unsigned threads, struct err *e)
{
    assert(threads >= 1 && threads <= PARGZ_MAX_THREADS);
    struct pargz *z = xcalloc(1, sizeof *z);
    z->fd = fd;
    z->format = format;
    z->level = level;
    z->max_workers = threads;
    z->out_cap = shrink_bound(format, PARGZ_BLOCK);
    z->ring_n = 2 * (size_t)threads + 1;
    z->ring = xcalloc(z->ring_n, sizeof *z->ring);
    z->worker = xcalloc(PARGZ_MAX_THREADS, sizeof *z->worker);
    for (unsigned i = 0; i < PARGZ_MAX_THREADS; i++) {
        z->worker[i].z = z;
    }
    (void)pthread_mutex_init(&z->lock, NULL);
    (void)pthread_cond_init(&z->work, NULL);
    (void)pthread_cond_init(&z->room, NULL);
    int rc = equip(&z->worker[0], e);
    if (rc != 0) {
        join_and_free(z);
        return rc;
    }
    *out = z;
    return 0;
}

int pargz_open_as(struct pargz **out, int fd, enum shrink_format format, int level, struct err *e)
{
    return pargz_open_threads(out, fd, format, level, cpu_count(PARGZ_MAX_THREADS), e);
}

int pargz_open(struct pargz **out, int fd, int level, struct err *e)
{
    return pargz_open_as(out, fd, SHRINK_GZIP, level, e);
}

int pargz_write(struct pargz *z, const void *bytes, size_t n, struct err *e)
{
    const unsigned char *from = bytes;
    while (n > 0) {
        int rc = 0;
        /* A full block is handed over when the next byte comes: the last one is finish's. */
        if (z->used == PARGZ_BLOCK) {
            hand_over(z);
            rc = add_worker(z, e);
        }
        if (rc == 0 && z->used == 0) {
            rc = wait_for_room(z, e);
        }
        if (rc != 0) {
            return rc;
        }
        size_t part = PARGZ_BLOCK - z->used < n ? PARGZ_BLOCK - z->used : n;
        /* Nobody else touches the block at `filled`, nor moves `filled`: fill without the lock. */
        memcpy(z->ring[z->filled % z->ring_n].in + z->used, from, part);
        z->used += part;
        from += part;
        n -= part;
    }
    return 0;
}

int pargz_finish(struct pargz **zp, uint64_t *size, struct err *e)
{
    struct pargz *z = *zp;
    int rc = z->used == 0 ? wait_for_room(z, e) : 0; /* no bytes at all are one empty member */
    if (rc == 0) {
        hand_over(z);
        rc = z->n_workers > 0 ? add_worker(z, e) : 0;
    }
    if (rc != 0) {
        pargz_abort(zp);
        return rc;
    }
    (void)pthread_mutex_lock(&z->lock);
    z->closing = true;
    (void)pthread_cond_broadcast(&z->work);
    while (z->n_workers == 0 && work_once(&z->worker[0])) {
    }
    (void)pthread_mutex_unlock(&z->lock);
    for (; z->n_workers > 0; z->n_workers--) {
        (void)pthread_join(z->worker[z->n_workers - 1].id, NULL);
    }
    if (z->sys != 0) {
        rc = err_sys(e, ERR_OUTPUT, z->sys, "write");
    } else {
        assert(z->written == z->filled);
        *size = z->size;
    }
    join_and_free(z);
    *zp = NULL;
    return rc;
}

void pargz_abort(struct pargz **zp)
{
    struct pargz *z = *zp;
    if (!z) {
        return;
    }
    (void)pthread_mutex_lock(&z->lock);
    z->given_up = true;
    (void)pthread_cond_broadcast(&z->work);
    (void)pthread_mutex_unlock(&z->lock);
    join_and_free(z);
    *zp = NULL;
}
