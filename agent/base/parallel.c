/* SPDX-License-Identifier: MIT
 *
 * Ranges on threads. See parallel.h.
 */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/cpu.h"
#include "base/signals.h"

/* Below, starting threads costs as much as it saves. */
static const size_t ALONE_BELOW = 2000;
/* Calls between two looks at the stop signals. */
enum { STOP_STRIDE = 64 };

/* What the threads share. */
struct team {
    parallel_call *call;
    void *ctx;
    struct err *stop;    /* the calling thread's alone */
    atomic_bool give_up; /* some call failed, or a stop */
};

struct range {
    struct team *team;
    pthread_t id;
    size_t at;     /* the next call */
    size_t end;    /* behind the last */
    int rc;        /* of the call at `at`, or of the stop */
    bool started;  /* there is a thread for it */
    bool may_stop; /* the calling thread's: it looks for signals */
};

static void *run_range(void *arg)
{
    struct range *r = arg;
    struct team *team = r->team;
    size_t until_look = 0;
    while (r->at < r->end && !atomic_load_explicit(&team->give_up, memory_order_relaxed)) {
        if (r->may_stop && until_look-- == 0) {
            until_look = STOP_STRIDE;
            r->rc = stop_check(team->stop);
        }
        r->rc = r->rc ? r->rc : team->call(team->ctx, r->at);
        if (r->rc != 0) {
            atomic_store_explicit(&team->give_up, true, memory_order_relaxed);
            break;
        }
        r->at++;
    }
    return NULL;
}

static unsigned threads_for(size_t n)
{
    return n < ALONE_BELOW ? 1 : cpu_count(PARALLEL_MAX);
}

int parallel_run(struct parallel *p, size_t n, parallel_call *call, void *ctx, struct err *stop)
{
    struct team team = {.call = call, .ctx = ctx, .stop = stop};
    struct range ranges[PARALLEL_MAX] = {0};
    *p = (struct parallel){.n = threads_for(n)};
    for (unsigned i = 0; i < p->n; i++) {
        p->first[i] = n / p->n * i;
        ranges[i] = (struct range){.team = &team,
                                   .at = p->first[i],
                                   .end = i + 1 == p->n ? n : n / p->n * (i + 1),
                                   .may_stop = i == 0 && stop};
        ranges[i].started =
            i > 0 && pthread_create(&ranges[i].id, NULL, run_range, &ranges[i]) == 0;
    }
    for (unsigned i = 0; i < p->n; i++) { /* where no more threads can be had, we do it */
        if (!ranges[i].started) {
            ranges[i].may_stop = stop != NULL;
            (void)run_range(&ranges[i]);
        }
    }
    int rc = 0;
    for (unsigned i = 0; i < p->n; i++) {
        if (ranges[i].started) {
            (void)pthread_join(ranges[i].id, NULL);
        }
        p->done[i] = ranges[i].at;
        if (ranges[i].rc != 0 && rc == 0) {
            rc = ranges[i].rc;
            p->failed = ranges[i].at;
        }
    }
    return rc;
}
