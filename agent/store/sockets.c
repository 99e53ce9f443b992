/* SPDX-License-Identifier: MIT
 *
 * libcurl's sockets on an epoll. See sockets.h.
 */
#include "store/sockets.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS = 32 };

/* libcurl tells which sockets it waits for, and how. One that is closed already has left by
 * itself. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *own)
{
    (void)easy;
    (void)own;
    const struct sockets *s = arg;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(s->fd, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(s->fd, EPOLL_CTL_MOD, fd, &event) == 0) {
        return 0;
    }
    return errno == ENOENT && epoll_ctl(s->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct sockets *s = arg;
    s->due_ns = timeout_ms < 0 ? INT64_MAX : clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    return 0;
}

int sockets_open(struct sockets *s, CURLM *multi)
{
    *s = (struct sockets){.multi = multi, .fd = epoll_create1(EPOLL_CLOEXEC), .due_ns = INT64_MAX};
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, s);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, s);
    return s->fd < 0 ? -1 : 0;
}

void sockets_close(struct sockets *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    s->fd = -1;
}

static int bits_of(uint32_t events)
{
    return (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
           (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
}

int sockets_wait(struct sockets *s, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int running = 0;
    int64_t left = s->due_ns == INT64_MAX ? INT64_MAX : s->due_ns - clock_monotonic_ns();
    if (left < timeout_ms * NS_PER_MS) {
        timeout_ms = left > 0 ? (int)((left + NS_PER_MS - 1) / NS_PER_MS) : 0;
    }
    int n = epoll_wait(s->fd, events, EVENTS, timeout_ms);
    CURLMcode code = CURLM_OK;
    for (int i = 0; i < n && code == CURLM_OK; i++) {
        code = curl_multi_socket_action(s->multi, events[i].data.fd, bits_of(events[i].events),
                                        &running);
    }
    if (code == CURLM_OK && s->due_ns <= clock_monotonic_ns()) {
        s->due_ns = INT64_MAX; /* libcurl sets it anew */
        code = curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    return code == CURLM_OK ? 0 : -1;
}
