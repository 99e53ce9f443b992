/* SPDX-License-Identifier: MIT
 *
 * Calls on threads. See crew.h.
 */
#include "base/crew.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/cpu.h"

/* Things that a thread takes at once: neighbours lie in one folder, which threads that are at work
 * in it together lock for each other. Few enough that all threads end at about the same time. */
static const size_t STRIDE_MAX = 32;
static const size_t TURNS = 8;

struct crew {
    crew_call *call;
    void *ctx;
    size_t n;
    size_t stride;
    atomic_size_t next;   /* the first thing that nobody took */
    atomic_size_t failed; /* the first one that failed so far, n when none did */
};

struct worker {
    struct crew *crew;
    pthread_t id;
    bool started;
    size_t failed; /* where it ended */
    struct err e;  /* why */
};

static void note_failure(struct crew *crew, size_t i)
{
    size_t seen = atomic_load(&crew->failed);
    while (i < seen && !atomic_compare_exchange_weak(&crew->failed, &seen, i)) {
    }
}

/* Who fails ends; what is in front of the failure was taken before it, so another one does it. */
static void *work(void *arg)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;
    size_t at = 0;
    while ((at = atomic_fetch_add(&crew->next, crew->stride)) < atomic_load(&crew->failed)) {
        size_t end = crew->n - at < crew->stride ? crew->n : at + crew->stride;
        for (; at < end && at < atomic_load(&crew->failed); at++) {
            if (crew->call(crew->ctx, at, &worker->e) != 0) {
                worker->failed = at;
                note_failure(crew, at);
                return NULL;
            }
        }
    }
    return NULL;
}

static size_t stride_for(size_t n, unsigned threads)
{
    size_t stride = n / (threads * TURNS);
    stride = stride > STRIDE_MAX ? STRIDE_MAX : stride;
    return stride > 0 ? stride : 1;
}

int crew_run(size_t n, crew_call *call, void *ctx, size_t *failed, struct err *e)
{
    unsigned threads = n > 1 ? cpu_count(n < CREW_MAX ? (unsigned)n : CREW_MAX) : 1;
    struct crew crew = {.call = call, .ctx = ctx, .n = n, .stride = stride_for(n, threads)};
    struct worker workers[CREW_MAX] = {0};
    atomic_init(&crew.next, 0);
    atomic_init(&crew.failed, n);
    for (unsigned i = 0; i < threads; i++) { /* where no more threads can be had, fewer do it */
        workers[i] = (struct worker){.crew = &crew, .failed = n};
        workers[i].started = i > 0 && pthread_create(&workers[i].id, NULL, work, &workers[i]) == 0;
    }
    (void)work(&workers[0]);
    for (unsigned i = 1; i < threads; i++) {
        if (workers[i].started) {
            (void)pthread_join(workers[i].id, NULL);
        }
    }
    size_t first = atomic_load(&crew.failed);
    for (unsigned i = 0; i < threads; i++) {
        if (first < n && workers[i].failed == first) {
            *failed = first;
            return err_take(e, &workers[i].e);
        }
    }
    return 0;
}
