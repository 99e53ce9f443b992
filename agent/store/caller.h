/* SPDX-License-Identifier: MIT
 *
 * The state behind S3 calls, for call.c, request.c and verdict.c alone.
 */
#ifndef STORE_CALLER_H
#define STORE_CALLER_H

#include <curl/curl.h>

#include "store/call.h"
#include "store/credentials.h"
#include "store/sockets.h"

/* A store that fails all the time is given up, however many calls there are: a retry costs, a good
 * answer earns 1. */
enum { CALLER_BUDGET = 500, CALLER_RETRY_COST = 5 };

/* One request in flight, and the easy handle that is used again and again. */
struct slot {
    CURL *easy;                 /* owned */
    struct call *call;          /* NULL: free */
    struct curl_slist *headers; /* of this try */
    struct err failure;         /* of `data`; code ERR_NONE: none */
    char why[CURL_ERROR_SIZE];  /* libcurl's text */
};

struct caller {
    const struct s3_settings *settings; /* borrowed, as the environment */
    char *const *environment;           /* where credentials are looked for */
    struct credentials credentials;
    struct address address;
    char *ca_file; /* owned; NULL: the embedded roots */
    CURLM *multi;
    struct sockets sockets; /* what it waits for */
    struct slot *slots;
    size_t n_slots;
    unsigned budget;  /* what is left for retries */
    int64_t hurry_ns; /* caller_hurry: the end, or 0 */
};

/* Asks the container's endpoint: a credentials_fetch. */
int caller_fetch(void *ctx, const char *url, const char *authorization, struct str *body,
                 long *status, struct err *e);

#endif
