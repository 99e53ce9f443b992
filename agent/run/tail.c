/* SPDX-License-Identifier: MIT
 *
 * The last line of stderr. See tail.h.
 */
#include "run/tail.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "base/utf8.h"

static const int64_t FINISH_NS = NS_PER_S;

int tail_open(struct tail *t, bool relay, struct err *e)
{
    struct stat st;
    if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode)) {
        t->start = st.st_size;
        return 0;
    }
    if (!relay) {
        return 0;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_sys(e, ERR_INTERNAL, errno, "pipe");
    }
    t->from = ends[0];
    t->to_child = ends[1];
    /* Only our end: O_NONBLOCK belongs to the open file, and the two ends are two of them. */
    (void)fcntl(t->from, F_SETFL, O_RDONLY | O_NONBLOCK);
    return 0;
}

int tail_child_fd(const struct tail *t)
{
    return t->to_child;
}

void tail_started(struct tail *t)
{
    scope_close(&t->to_child);
    t->to_child = -1;
}

static void keep(struct tail *t, const char *bytes, size_t n)
{
    if (t->n_kept + n > sizeof t->kept) {
        size_t drop = t->n_kept + n - sizeof t->kept;
        memmove(t->kept, t->kept + drop, t->n_kept - drop);
        t->n_kept -= drop;
    }
    memcpy(t->kept + t->n_kept, bytes, n);
    t->n_kept += n;
}

static bool can_write(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)) != 0;
}

/* At most PIPE_BUF bytes at a time: a pipe that polls writable takes them without blocking. A
 * reader that is gone (EPIPE) swallows the rest, as it would have without us. */
static void pass_on(struct tail *t)
{
    if (t->n_pending > 0 && can_write()) {
        ssize_t put = write(STDERR_FILENO, t->pending, t->n_pending);
        size_t done =
            put < 0 ? (errno == EAGAIN || errno == EINTR ? 0 : t->n_pending) : (size_t)put;
        memmove(t->pending, t->pending + done, t->n_pending - done);
        t->n_pending -= done;
    }
}

/* Reads only when the last piece is gone: the pipe's own limit holds a fast writer back. */
static bool take(struct tail *t)
{
    ssize_t got = t->n_pending == 0 ? read(t->from, t->pending, sizeof t->pending) : -1;
    if (got > 0) {
        t->n_pending = (size_t)got;
        keep(t, t->pending, t->n_pending);
    } else if (got == 0) {
        scope_close(&t->from);
        t->from = -1;
    }
    return got > 0;
}

bool tail_pump(struct tail *t, int *fd, short *events)
{
    do {
        pass_on(t);
    } while (t->from >= 0 && t->n_pending == 0 && take(t));
    if (t->n_pending > 0) {
        *fd = STDERR_FILENO;
        *events = POLLOUT;
        return true;
    }
    *fd = t->from;
    *events = POLLIN;
    return t->from >= 0;
}

static void finish_relay(struct tail *t)
{
    int64_t end = clock_monotonic_ns() + FINISH_NS;
    struct pollfd p = {.fd = -1};
    while (tail_pump(t, &p.fd, &p.events) && t->n_pending > 0) {
        int64_t left = end - clock_monotonic_ns();
        if (left <= 0 || poll(&p, 1, (int)(left / NS_PER_MS) + 1) == 0) {
            return;
        }
    }
}

/* What the transform added to the file, its last bytes. /proc gives a readable descriptor for a
 * file that was opened for writing only. */
static void read_file(struct tail *t)
{
    struct stat st;
    SCOPE_FD int fd = open("/proc/self/fd/2", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= t->start) {
        return;
    }
    off_t from = st.st_size - t->start > TAIL_BYTES ? st.st_size - TAIL_BYTES : t->start;
    ssize_t got = pread(fd, t->kept, TAIL_BYTES, from);
    t->n_kept = got > 0 ? (size_t)got : 0;
}

void tail_finish(struct tail *t, char *out, size_t size)
{
    if (t->from >= 0 || t->n_pending > 0) {
        finish_relay(t);
    } else if (t->start >= 0) {
        read_file(t);
    }
    size_t end = t->n_kept;
    out[0] = '\0';
    while (end > 0) {
        size_t start = end;
        while (start > 0 && t->kept[start - 1] != '\n' && t->kept[start - 1] != '\r') {
            start--;
        }
        bool empty = true;
        for (size_t i = start; i < end; i++) {
            empty = empty && (t->kept[i] == ' ' || t->kept[i] == '\t');
        }
        if (!empty) {
            (void)utf8_clean(out, size, t->kept + start, end - start);
            return;
        }
        end = start > 0 ? start - 1 : 0;
    }
}

void tail_close(struct tail *t)
{
    scope_close(&t->from);
    scope_close(&t->to_child);
    *t = (struct tail)TAIL_NONE;
}
