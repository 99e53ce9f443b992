/* SPDX-License-Identifier: MIT
 *
 * Waiting for what libcurl waits for, by epoll: only sockets that are ready are looked at, where
 * curl_multi_perform asks the kernel about each of them again and again.
 */
#ifndef STORE_SOCKETS_H
#define STORE_SOCKETS_H

#include <curl/curl.h>
#include <stdint.h>

struct sockets {
    CURLM *multi;   /* borrowed */
    int fd;         /* the epoll's, or -1 */
    int64_t due_ns; /* when libcurl wants to be called without an event; INT64_MAX: never */
};

/* Must stay where it is until the multi handle is gone. 0, or -1 with errno. */
int sockets_open(struct sockets *s, CURLM *multi);
void sockets_close(struct sockets *s);

/* Waits at most `timeout_ms` for something to happen and lets libcurl do it. 0, or -1 when libcurl
 * cannot go on. */
int sockets_wait(struct sockets *s, int timeout_ms);

#endif
