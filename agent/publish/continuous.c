/* SPDX-License-Identifier: MIT
 *
 * Uploads beside the transform. See continuous.h.
 */
#include "publish/continuous.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

static const char STAGE[] = "publish";

/* Between two looks at the folders. */
static const int64_t ROUND_NS = NS_PER_S;
/* A file that two looks so far apart find the same is quiet. */
static const int64_t QUIET_NS = 2 * NS_PER_S;
/* Between two tries, where each failure doubles it. */
static const int64_t RETRY_MOST_NS = 60 * NS_PER_S;

/* What is known of a file. */
struct seen {
    size_t output;
    char *path;         /* owned: below the output's folder */
    struct identity id; /* at the last look */
    struct identity sent_id;
    int64_t since_ns; /* when it was first seen so */
    uint64_t round;   /* the last one that saw it */
    bool sent;        /* the store has what it was at `sent_id` */
};

struct continuous {
    const struct job *job;
    pthread_t thread;
    pthread_mutex_t lock; /* of `ending` */
    pthread_cond_t wake;
    bool ending;
    /* the thread's alone until it is joined */
    struct store store; /* open from the first upload on */
    struct seen *v;     /* sorted by output and path between rounds */
    size_t n;
    size_t cap;
    uint64_t round;
    int64_t pause_ns; /* before the next round */
    bool told;        /* of a failure */
    bool joined;      /* the thread is gone */
};

static void free_all(struct continuous *c)
{
    store_close(&c->store);
    for (size_t i = 0; i < c->n; i++) {
        free(c->v[i].path);
    }
    free(c->v);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- what is known of files ---- */

static int compare(size_t output_a, const char *path_a, size_t output_b, const char *path_b)
{
    return output_a != output_b ? (output_a < output_b ? -1 : 1) : strcmp(path_a, path_b);
}

static int by_place(const void *a, const void *b)
{
    const struct seen *x = a;
    const struct seen *y = b;
    return compare(x->output, x->path, y->output, y->path);
}

/* Among the first `n`, which are sorted. */
static struct seen *find(const struct continuous *c, size_t n, size_t output, const char *path)
{
    size_t low = 0;
    for (size_t high = n; low < high;) {
        size_t mid = low + (high - low) / 2;
        int order = compare(c->v[mid].output, c->v[mid].path, output, path);
        if (order == 0) {
            return &c->v[mid];
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }
    return NULL;
}

static void look_at(struct continuous *c, size_t n_sorted, const struct item *item, int64_t now)
{
    struct seen *at = find(c, n_sorted, item->output, item->path);
    if (!at) {
        c->v = vec_room(c->v, c->n, &c->cap, sizeof *c->v);
        at = &c->v[c->n++];
        *at = (struct seen){.output = item->output, .path = xstrdup(item->path), .since_ns = now};
        at->id = item->id;
    } else if (!identity_same(&at->id, &item->id)) {
        at->id = item->id;
        at->since_ns = now;
    }
    at->round = c->round;
}

/* Forgets files that went before they were sent: a transform may make any number of those. */
static void forget_gone(struct continuous *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->v[i].round != c->round && !c->v[i].sent) {
            free(c->v[i].path);
        } else {
            c->v[kept++] = c->v[i];
        }
    }
    c->n = kept;
    if (kept > 1) {
        qsort(c->v, kept, sizeof *c->v, by_place);
    }
}

/* ---- is it closed? ---- */

/* A lease for reading is granted only while nobody has the file open for writing, and is let go of
 * at once. Should somebody open it for writing in between, he waits that long, and the kernel sends
 * SIGIO: to this thread, which blocks it, and not to the process, whose signals the supervisor
 * passes on to the transform. */
enum writer continuous_writer(int fd)
{
    struct f_owner_ex me = {.type = F_OWNER_TID, .pid = gettid()};
    if (fcntl(fd, F_SETOWN_EX, &me) != 0) {
        return WRITER_UNKNOWN;
    }
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) {
        return errno == EAGAIN ? WRITER_SOME : WRITER_UNKNOWN;
    }
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return WRITER_NONE;
}

/* Where leases are not to be had (another's file, some file systems) being quiet alone decides. */
static bool is_closed(const struct job *job, const struct item *item)
{
    SCOPE_FREE char *path = path_join(job->outputs[item->output].dir, item->path);
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    return fd >= 0 && continuous_writer(fd) != WRITER_SOME;
}

/* ---- a round ---- */

static bool wants(const struct job *job, const struct output *out)
{
    return job_moves(job, out->app_managed) && items_ours(job, out) &&
           out->upload_mode == UPLOAD_CONTINUOUS;
}

static int list_files(const struct job *job, struct items *plan, struct err *e)
{
    int rc = items_begin(plan, job, NULL, e);
    for (size_t i = 0; rc == 0 && i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        SCOPE(dir_listing_free) struct dir_listing files = {0};
        if (!wants(job, out)) {
            continue;
        }
        rc = dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &files, e);
        for (size_t k = 0; rc == 0 && k < files.n; k++) {
            if (S_ISREG(files.v[k].mode)) {
                items_add(plan, job, i, &files.v[k]);
            }
        }
        items_add_ends(plan, job, i);
    }
    return rc ? rc : items_check(plan, job, ERR_OUTPUT, e);
}

/* Which items are to be sent now: their number. */
static size_t choose(const struct continuous *c, const struct items *plan, int64_t now,
                     bool *wanted)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct item *item = &plan->v[i];
        const struct seen *at = find(c, c->n, item->output, item->path);
        bool file = item->kind == ITEM_DATA && at;
        bool due = file && now - at->since_ns >= QUIET_NS;
        due = due && !(at->sent && identity_same(&at->sent_id, &at->id));
        wanted[i] = due && is_closed(c->job, item);
        n += wanted[i];
    }
    return n;
}

/* Is the file still what was listed? */
static bool unchanged(const struct job *job, const struct item *item)
{
    struct identity now;
    SCOPE_FREE char *path = path_join(job->outputs[item->output].dir, item->path);
    return identity_read(path, &now) && identity_same(&now, &item->id);
}

/* Sends what was chosen, and makes it visible only if no file changed meanwhile: what was read of
 * one that did may be anything. Then all of it is dropped, and a later round comes back to it. */
static int send_chosen(struct continuous *c, const struct items *plan, const bool *wanted,
                       struct err *e)
{
    size_t failed = plan->n;
    int rc = c->store.ops ? 0 : store_open(&c->store, c->job, e);
    rc = rc ? rc : items_put(plan, c->job, wanted, &c->store, NULL, &failed, e);
    if (rc != 0 && c->store.ops && failed < plan->n && !unchanged(c->job, &plan->v[failed])) {
        store_close(&c->store);
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < plan->n; i++) {
        if (wanted[i] && !unchanged(c->job, &plan->v[i])) {
            store_close(&c->store);
            return 0;
        }
    }
    rc = rc ? rc : c->store.ops->commit(c->store.self, NULL, e);
    if (rc != 0) {
        store_close(&c->store);
        return rc;
    }
    for (size_t i = 0; i < plan->n; i++) {
        struct seen *at = find(c, c->n, plan->v[i].output, plan->v[i].path);
        if (wanted[i] && at) {
            at->sent = true;
            at->sent_id = plan->v[i].id;
        }
    }
    return 0;
}

static int go_round(struct continuous *c, struct err *e)
{
    SCOPE(items_free) struct items plan = {0};
    int64_t now = clock_monotonic_ns();
    int rc = list_files(c->job, &plan, e);
    if (rc != 0) { /* a folder may go while it is being listed */
        return e->sys == ENOENT ? 0 : rc;
    }
    size_t n_sorted = c->n;
    c->round++;
    for (size_t i = 0; i < plan.n; i++) {
        if (plan.v[i].kind == ITEM_DATA) {
            look_at(c, n_sorted, &plan.v[i], now);
        }
    }
    forget_gone(c);
    SCOPE_FREE bool *wanted = xcalloc(plan.n + 1, sizeof *wanted);
    size_t n = choose(c, &plan, now, wanted);
    rc = n ? send_chosen(c, &plan, wanted, e) : 0;
    if (n > 0 && rc == 0) {
        log_debug(STAGE, "%zu file%s published while the transform runs", n, n == 1 ? "" : "s");
    }
    return rc;
}

/* Sleeps until the next round: false when it is time to end. */
static bool wait_round(struct continuous *c)
{
    int64_t due = clock_monotonic_ns() + c->pause_ns;
    struct timespec at = {.tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S};
    (void)pthread_mutex_lock(&c->lock);
    while (!c->ending && clock_monotonic_ns() < due) {
        (void)pthread_cond_timedwait(&c->wake, &c->lock, &at);
    }
    bool go_on = !c->ending;
    (void)pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct continuous *c = arg;
    while (wait_round(c)) {
        struct err e = {0};
        bool fine = go_round(c, &e) == 0;
        c->pause_ns = fine ? ROUND_NS : 2 * c->pause_ns;
        c->pause_ns = c->pause_ns < RETRY_MOST_NS ? c->pause_ns : RETRY_MOST_NS;
        if (!fine && err_is_stop(&e)) {
            break;
        }
        if (!fine && !c->told) {
            c->told = true;
            log_warn(STAGE, "while the transform runs: %s; tried again later", e.text);
        }
    }
    store_close(&c->store);
    return NULL;
}

/* ---- begin and end ---- */

int continuous_begin(struct job *job, struct err *e)
{
    bool wanted = false;
    for (size_t i = 0; i < job->n_outputs; i++) {
        wanted = wanted || wants(job, &job->outputs[i]);
    }
    if (!wanted) {
        return 0;
    }
    struct continuous *c = xcalloc(1, sizeof *c);
    c->job = job;
    c->pause_ns = ROUND_NS;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&c->thread, NULL, run, c);
    if (failed) {
        free_all(c);
        return err_sys(e, ERR_INTERNAL, failed, "a thread for S3UploadMode Continuous");
    }
    job->continuous = c;
    job->continuous_free = free_all;
    return 0;
}

void continuous_end(struct job *job)
{
    struct continuous *c = job->continuous;
    if (!c || c->joined) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->ending = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    c->joined = true;
    for (size_t i = 0; i < c->n; i++) {
        job->outputs[c->v[i].output].published += c->v[i].sent;
    }
}

void continuous_settle(const struct job *job, struct items *plan)
{
    const struct continuous *c = job->continuous;
    for (size_t i = 0; c && i < plan->n; i++) {
        struct item *item = &plan->v[i];
        const struct seen *at =
            item->kind == ITEM_DATA ? find(c, c->n, item->output, item->path) : NULL;
        if (at && at->sent) {
            item->leave = identity_same(&at->sent_id, &item->id);
            item->counted = true;
        }
    }
}
