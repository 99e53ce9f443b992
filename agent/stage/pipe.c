/* SPDX-License-Identifier: MIT
 *
 * Feeding FIFOs. See pipe.h.
 *
 * Nothing may wait for ever on a reader that does not come, stops or goes. Opening a FIFO for
 * writing waits for a reader, so pipe_release opens it for reading; writing to it waits without
 * blocking, together with a descriptor that pipe_release makes readable; and what the store does
 * ends at its next stop_check.
 */
#include "stage/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"
#include "base/signals.h"
#include "stage/gunzip.h"
#include "store/store.h"

static const char STAGE[] = "stage";

/* A pipe's usual 64 KiB would be handed over four times for each piece that a store reads; what the
 * system does not grant is not needed. */
enum { PIPE_BYTES = 1 << 20 };

struct pipe {
    const struct job *job;
    const char *input;   /* borrowed: the input's name */
    bool gzip;           /* objects are decompressed */
    struct plan objects; /* in the order of keys */
    char *path;          /* the FIFO's */
    dev_t dev;           /* with ino: which FIFO we made */
    ino_t ino;
    bool made;
    /* while it is fed */
    bool running;     /* there is a thread */
    pthread_t thread; /* feeds */
    atomic_bool over; /* the transform is gone */
    int at;           /* O_PATH: the FIFO, also when the transform removes its name */
    int wake;         /* an eventfd, readable once it is over */
    int reader;       /* ours, by which a waiting open ends; -1 before */
    char place[32];   /* "/proc/self/fd/<at>" */
    /* the thread's until it is joined */
    int fd;      /* open for writing */
    bool opened; /* somebody came to read */
    bool gone;   /* and went again */
    struct gunzip gunzip;
    const struct item *now; /* the object under way */
    uint64_t taken;         /* its bytes so far, as the store gave them */
    uint64_t files;
    uint64_t bytes;
    struct err e; /* why the data is not complete, code ERR_NONE when it is */
};

struct pipe *pipe_new(const struct job *job, size_t index, struct plan *objects)
{
    const struct input *in = &job->inputs[index];
    struct pipe *p = xcalloc(1, sizeof *p);
    SCOPE_FREE char *name = xasprintf("%s_0", in->name);
    *p = (struct pipe){.job = job,
                       .input = in->name,
                       .gzip = in->gzip,
                       .objects = *objects,
                       .path = path_join(in->dir, name),
                       .at = -1,
                       .wake = -1,
                       .reader = -1,
                       .fd = -1};
    *objects = (struct plan){0};
    return p;
}

const char *pipe_path(const struct pipe *p)
{
    return p->path;
}

int pipe_check(const struct pipe *p, struct err *e)
{
    struct stat st;
    if (lstat(p->path, &st) == 0 && !S_ISFIFO(st.st_mode)) {
        return err_set(e, ERR_INPUT,
                       "input \"%s\": its FIFO's name %s is taken by something else; remove that",
                       p->input, p->path);
    }
    return 0;
}

/* The mode is less the umask, as that of staged files: another [run] user reads both or neither. */
int pipe_make(struct pipe *p, struct err *e)
{
    int rc = pipe_check(p, e);
    if (rc != 0) {
        return rc;
    }
    SCOPE_FREE char *dir = path_parent(p->path);
    struct stat st;
    (void)unlink(p->path);
    if (io_mkdirs(AT_FDCWD, dir) != 0 || mkfifo(p->path, 0666) != 0 || lstat(p->path, &st) != 0) {
        return err_sys(e, ERR_INPUT, errno, "input \"%s\": make the FIFO %s", p->input, p->path);
    }
    p->dev = st.st_dev;
    p->ino = st.st_ino;
    p->made = true;
    return 0;
}

/* The transform may have put something else there, and got a number that was free again. */
static bool is_ours(const struct pipe *p, const struct stat *st)
{
    return p->made && S_ISFIFO(st->st_mode) && st->st_dev == p->dev && st->st_ino == p->ino;
}

static void remove_fifo(const struct pipe *p)
{
    struct stat st;
    if (lstat(p->path, &st) == 0 && is_ours(p, &st)) {
        (void)unlink(p->path);
    }
}

/* ---- the thread ---- */

/* Waits until the FIFO takes more, or it is over. */
static void wait_for_room(const struct pipe *p)
{
    struct pollfd either[2] = {{.fd = p->wake, .events = POLLIN}, {.fd = p->fd, .events = POLLOUT}};
    (void)poll(either, 2, -1);
}

static void wait_for_end(const struct pipe *p)
{
    struct pollfd end = {.fd = p->wake, .events = POLLIN};
    while (!p->over) {
        (void)poll(&end, 1, -1);
    }
}

static bool has_reader(const struct pipe *p)
{
    struct pollfd writing = {.fd = p->fd};
    return poll(&writing, 1, 0) >= 0 && !(writing.revents & POLLERR);
}

/* How a read of the store is ended that nobody needs any more; nobody is told of this error. */
static int give_up(struct pipe *p, struct err *e)
{
    p->gone = true;
    return err_set(e, ERR_INPUT, "%s has no reader any more", p->path);
}

static int to_fifo(void *ctx, const void *bytes, size_t n, struct err *e)
{
    struct pipe *p = ctx;
    const char *at = bytes;
    while (n > 0) {
        if (p->over) {
            return give_up(p, e);
        }
        ssize_t put = write(p->fd, at, n);
        if (put < 0 && errno == EPIPE) {
            return give_up(p, e);
        }
        if (put < 0 && errno == EAGAIN) {
            wait_for_room(p);
        } else if (put < 0 && errno != EINTR) {
            return err_sys(e, ERR_INPUT, errno, "write to %s", p->path);
        } else if (put > 0) {
            at += put;
            n -= (size_t)put;
            p->bytes += (uint64_t)put;
        }
    }
    return 0;
}

static int from_store(void *ctx, const void *bytes, size_t n, struct err *e)
{
    struct pipe *p = ctx;
    p->taken += n;
    if (!p->gzip) {
        return to_fifo(p, bytes, n, e);
    }
    int rc = gunzip_feed(&p->gunzip, bytes, n, to_fifo, p, e);
    return rc ? err_prefix(e, "s3://%s/%s", p->now->bucket, p->now->key) : 0;
}

static int feed_object(struct pipe *p, struct store *store, const struct item *at, struct err *e)
{
    const struct store_transfer from = {
        .bucket = at->bucket, .key = at->key, .size = at->size, .etag = at->etag};
    p->now = at;
    p->taken = 0;
    int rc = store->ops->read(store->self, &from, from_store, p, e);
    if (rc != 0) {
        return rc;
    }
    if (p->taken != at->size) {
        return err_set(
            e, ERR_INPUT, "s3://%s/%s: %llu bytes came, %llu were listed: it changed meanwhile",
            at->bucket, at->key, (unsigned long long)p->taken, (unsigned long long)at->size);
    }
    if (p->gzip && gunzip_end(&p->gunzip, e) != 0) {
        return err_prefix(e, "s3://%s/%s", at->bucket, at->key);
    }
    p->files++;
    return 0;
}

static int feed_all(struct pipe *p, struct err *e)
{
    SCOPE(store_close) struct store store = {0};
    int rc = store_open(&store, p->job, e);
    for (size_t i = 0; rc == 0 && i < p->objects.n; i++) {
        rc = p->over ? give_up(p, e) : stop_check(e);
        rc = rc ? rc : feed_object(p, &store, &p->objects.v[i], e);
    }
    return rc;
}

/* Waits for a reader. False when none came, or none can: the transform removed what it does not
 * want. */
static bool open_for_writing(struct pipe *p, struct err *e)
{
    do {
        p->fd = open(p->place, O_WRONLY | O_CLOEXEC);
    } while (p->fd < 0 && errno == EINTR);
    if (p->fd < 0) {
        (void)err_sys(e, ERR_INPUT, errno, "open %s", p->path);
        return false;
    }
    p->opened = !p->over;
    (void)fcntl(p->fd, F_SETFL, O_WRONLY | O_NONBLOCK);
    (void)fcntl(p->fd, F_SETPIPE_SZ, PIPE_BYTES);
    return p->opened;
}

static void *feed(void *arg)
{
    struct pipe *p = arg;
    struct err e = {0};
    stop_when(&p->over);
    int rc = open_for_writing(p, &e) ? feed_all(p, &e) : -(int)e.code;
    if (rc != 0 && err_is_stop(&e)) {
        /* The end of the file would tell the transform that this was all. It is being stopped, by
         * the same signal. */
        wait_for_end(p);
    } else if (rc != 0 && !p->gone && (p->fd < 0 || has_reader(p)) && !p->over) {
        /* (The reader may be pipe_release's: so it is `over` that is asked last.) */
        (void)err_prefix(&e, "input \"%s\"", p->input);
        p->e = e;
        log_warn(STAGE, "%s; the transform sees the end of %s", e.text, p->path);
    }
    remove_fifo(p); /* before the end is seen: nobody can come too late and wait */
    scope_close(&p->fd);
    p->fd = -1;
    return NULL;
}

/* ---- begin and end ---- */

int pipe_begin(struct pipe *p, struct err *e)
{
    p->at = open(p->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (p->at < 0 || fstat(p->at, &st) != 0 || !is_ours(p, &st)) {
        return 0; /* the transform, which runs already, has removed it: nobody will read */
    }
    (void)snprintf(p->place, sizeof p->place, "/proc/self/fd/%d", p->at);
    if (access(p->place, W_OK) != 0) {
        return err_sys(e, ERR_INTERNAL, errno, "input \"%s\": a pipe cannot be fed: %s", p->input,
                       p->place);
    }
    p->wake = eventfd(0, EFD_CLOEXEC);
    if (p->wake < 0) {
        return err_sys(e, ERR_INTERNAL, errno, "eventfd");
    }
    int sys = pthread_create(&p->thread, NULL, feed, p);
    if (sys != 0) {
        return err_sys(e, ERR_INTERNAL, sys, "input \"%s\": start a thread", p->input);
    }
    p->running = true;
    return 0;
}

void pipe_release(struct pipe *p)
{
    if (!p->running) {
        return;
    }
    p->over = true;
    uint64_t one = 1;
    (void)!write(p->wake, &one, sizeof one);
    /* Stays open until the thread has ended: it may be about to open, not there yet. */
    p->reader = open(p->place, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void tell_end(const struct pipe *p)
{
    const char *how = !p->opened  ? "; nobody opened it"
                      : p->gone   ? "; its reader stopped early"
                      : p->e.code ? "; then it failed"
                                  : "";
    log_info(STAGE, "input \"%s\": %llu of %zu object%s, %llu bytes through %s%s", p->input,
             (unsigned long long)p->files, p->objects.n, p->objects.n == 1 ? "" : "s",
             (unsigned long long)p->bytes, p->path, how);
}

int pipe_end(struct pipe *p, struct input *in, struct err *e)
{
    if (!p->running) {
        return 0;
    }
    (void)pthread_join(p->thread, NULL);
    p->running = false;
    in->files = p->files;
    in->bytes = p->bytes;
    tell_end(p);
    return p->e.code ? err_take(e, &p->e) : 0;
}

void pipe_free(struct pipe *p)
{
    if (!p) {
        return;
    }
    remove_fifo(p);
    scope_close(&p->at);
    scope_close(&p->wake);
    scope_close(&p->reader);
    scope_close(&p->fd);
    gunzip_free(&p->gunzip);
    plan_free(&p->objects);
    free(p->path);
    free(p);
}
