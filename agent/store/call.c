/* SPDX-License-Identifier: MIT
 *
 * S3 calls: the engine. See call.h. What one try looks like on the wire is request.c's, whether a
 * failed one is tried again is verdict.c's.
 */
#include "store/call.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/signals.h"
#include "store/caller.h"
#include "store/request.h"
#include "store/verdict.h"

/* Backoff: half to all of 50 ms, 100 ms, 200 ms ... 10 s. */
static const int64_t FIRST_WAIT_NS = 50 * NS_PER_MS;
static const int64_t LONGEST_WAIT_NS = 10 * NS_PER_S;
/* What a cut-off waits for the ids of uploads. */
static const int64_t BEGIN_NS = 3 * NS_PER_S;
enum { POLL_MS = 100, TEXT_MAX = 16 << 20 };

struct call *call_new(enum call_kind kind, const char *bucket, const char *key)
{
    struct call *call = xcalloc(1, sizeof *call);
    *call = (struct call){.kind = kind,
                          .bucket = bucket,
                          .key = key,
                          .size = UINT64_MAX,
                          .drop = call_free,
                          .text = STR_INIT(TEXT_MAX)};
    return call;
}

void call_free(struct call *call)
{
    free(call->query);
    str_free(&call->text);
    free(call);
}

static int64_t wait_before(unsigned tries)
{
    int64_t wait = FIRST_WAIT_NS;
    for (unsigned i = 1; i < tries && wait < LONGEST_WAIT_NS; i++) {
        wait *= 2;
    }
    wait = wait < LONGEST_WAIT_NS ? wait : LONGEST_WAIT_NS;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        random = UINT32_MAX; /* no jitter then */
    }
    return wait / 2 + (int64_t)((double)wait / 2 * random / UINT32_MAX);
}

/* ---- the calls of one run ---- */

struct run {
    struct caller *c;
    const struct call_source *source;
    struct call *waiting; /* to be tried again */
    size_t in_flight;
};

static void queue_again(struct run *run, struct call *call, int64_t wait_ns)
{
    if (call->again) {
        call->again(call);
    }
    call->due_ns = clock_monotonic_ns() + wait_ns;
    call->later = run->waiting;
    run->waiting = call;
}

/* A waiting call that is due, taken from the list; *next_ns becomes the earliest of the others. */
static struct call *take_due(struct run *run, int64_t now, int64_t *next_ns)
{
    for (struct call **at = &run->waiting; *at; at = &(*at)->later) {
        struct call *call = *at;
        if (call->due_ns <= now) {
            *at = call->later;
            call->later = NULL;
            return call;
        }
        *next_ns = call->due_ns < *next_ns ? call->due_ns : *next_ns;
    }
    return NULL;
}

static int start(struct run *run, struct slot *slot, struct call *call, struct err *e)
{
    slot->call = call;
    int rc = request_prepare(run->c, slot, e);
    if (rc == 0 && curl_multi_add_handle(run->c->multi, slot->easy) != CURLM_OK) {
        rc = err_set(e, ERR_INTERNAL, "libcurl takes no request");
    }
    if (rc != 0) {
        slot->call = NULL;
        call->drop(call);
        return rc;
    }
    run->in_flight++;
    return 0;
}

/* Puts calls on every free slot; *next_ns: when the next waiting one is due. */
static int fill_slots(struct run *run, int64_t *next_ns, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->c->n_slots; i++) {
        struct slot *slot = &run->c->slots[i];
        if (slot->call) {
            continue;
        }
        struct call *call = take_due(run, clock_monotonic_ns(), next_ns);
        rc = call ? 0 : run->source->next(run->source->ctx, &call, e);
        if (rc != 0 || !call) {
            break;
        }
        rc = start(run, slot, call, e);
    }
    return rc;
}

static void tell_failed(const struct run *run, const struct call *call)
{
    if (run->source->failed) {
        run->source->failed(run->source->ctx, call);
    }
}

/* A try came to its end. */
static int finish(struct run *run, struct slot *slot, CURLcode code, struct err *e)
{
    struct caller *c = run->c;
    struct call *call = slot->call;
    (void)curl_multi_remove_handle(c->multi, slot->easy);
    run->in_flight--;
    slot->call = NULL;
    struct err why = {0};
    switch (verdict_of(c, slot, call, code, &why)) {
    case VERDICT_GOOD: {
        c->budget += c->budget < CALLER_BUDGET ? 1 : 0;
        int rc = call->done ? call->done(call, e) : 0;
        if (rc != 0) {
            tell_failed(run, call);
        }
        call->drop(call);
        return rc;
    }
    case VERDICT_ELSEWHERE: queue_again(run, call, 0); return 0;
    case VERDICT_AGAIN:
        call->tries = call->resumes && call->got > 0 ? 1 : call->tries + 1;
        if (call->tries <= c->settings->retries && c->budget >= CALLER_RETRY_COST) {
            c->budget -= CALLER_RETRY_COST;
            int64_t wait = wait_before(call->tries);
            log_debug("store", "%s; again in %lld ms", why.text, (long long)(wait / NS_PER_MS));
            queue_again(run, call, wait);
            return 0;
        }
        if (call->tries > 1) {
            (void)err_prefix(&why, "after %u tries", call->tries);
        }
        break;
    case VERDICT_BAD: break;
    }
    tell_failed(run, call);
    call->drop(call);
    return err_take(e, &why);
}

static int harvest(struct run *run, struct err *e)
{
    int left = 0;
    const CURLMsg *msg;
    while ((msg = curl_multi_info_read(run->c->multi, &left)) != NULL) {
        char *owner = NULL;
        if (msg->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = msg->data.result;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);
        int rc = finish(run, (struct slot *)(void *)owner, code, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Stop signals end everything, but a clean-up only its own time does. */
static int may_go_on(const struct caller *c, struct err *e)
{
    if (c->hurry_ns == 0) {
        return stop_check(e);
    }
    return clock_monotonic_ns() < c->hurry_ns
               ? 0
               : err_set(e, ERR_OUTPUT, "the store does not answer in time");
}

static void cut_slot(const struct run *run, struct slot *slot)
{
    (void)curl_multi_remove_handle(run->c->multi, slot->easy);
    slot->call->drop(slot->call);
    slot->call = NULL;
}

/* An upload that the server begins and whose id nobody learns is nobody's to abort: what asks for
 * one is waited for a little. */
static void await_begins(const struct run *run, size_t begins)
{
    const int64_t end = clock_monotonic_ns() + BEGIN_NS;
    while (begins > 0 && clock_monotonic_ns() < end) {
        int n = 0;
        const CURLMsg *msg;
        (void)sockets_wait(&run->c->sockets, POLL_MS);
        while ((msg = curl_multi_info_read(run->c->multi, &n)) != NULL) {
            char *owner = NULL;
            CURLcode code = msg->data.result;
            (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);
            struct slot *slot = (struct slot *)(void *)owner;
            struct err ignored = {0};
            if (verdict_of(run->c, slot, slot->call, code, &ignored) == VERDICT_GOOD) {
                (void)slot->call->done(slot->call, &ignored);
            }
            cut_slot(run, slot);
            begins--;
        }
    }
}

static void cut_off(struct run *run)
{
    size_t begins = 0;
    for (size_t i = 0; i < run->c->n_slots; i++) {
        struct slot *slot = &run->c->slots[i];
        if (slot->call && slot->call->kind == CALL_UPLOAD_BEGIN) {
            begins++;
        } else if (slot->call) {
            cut_slot(run, slot);
        }
    }
    await_begins(run, begins);
    for (size_t i = 0; i < run->c->n_slots; i++) {
        if (run->c->slots[i].call) {
            cut_slot(run, &run->c->slots[i]);
        }
    }
    while (run->waiting) {
        struct call *call = run->waiting;
        run->waiting = call->later;
        call->drop(call);
    }
}

int calls_run(struct caller *c, const struct call_source *source, struct err *e)
{
    struct run run = {.c = c, .source = source};
    int rc = 0;
    while (rc == 0) {
        int64_t next_ns = INT64_MAX;
        rc = may_go_on(c, e);
        rc = rc ? rc : fill_slots(&run, &next_ns, e);
        if (rc != 0 || (run.in_flight == 0 && !run.waiting)) {
            break;
        }
        int64_t wait = (next_ns - clock_monotonic_ns()) / NS_PER_MS + 1;
        int timeout = wait < POLL_MS ? (wait > 0 ? (int)wait : 0) : POLL_MS;
        rc = sockets_wait(&c->sockets, timeout) == 0
                 ? harvest(&run, e)
                 : err_set(e, ERR_INTERNAL, "libcurl cannot go on");
    }
    if (rc != 0) {
        cut_off(&run);
    }
    return rc;
}

struct single {
    struct call *call;
};

static int next_single(void *ctx, struct call **call, struct err *e)
{
    (void)e;
    struct single *single = ctx;
    *call = TAKE_PTR(single->call);
    return 0;
}

static void keep(struct call *call)
{
    (void)call;
}

int call_run(struct caller *c, struct call *call, struct err *e)
{
    struct single single = {.call = call};
    struct call_source source = {.next = next_single, .ctx = &single};
    call->drop = keep;
    return calls_run(c, &source, e);
}
