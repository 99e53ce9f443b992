/* SPDX-License-Identifier: MIT
 *
 * URLs of buckets and objects, and where each bucket is: its region and host, as configured and as
 * servers have said since. Text only; nothing here talks to a server.
 */
#ifndef STORE_ADDRESS_H
#define STORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "job.h"

/* What a server has told of a bucket. */
struct bucket_at {
    char *bucket; /* owned, as the others */
    char *region; /* NULL: the configured one */
    char *base;   /* "https://host:port" to ask instead, or NULL */
};

struct address {
    char *endpoint; /* owned: "https://host[:port]" or NULL: Amazon's, by region */
    char *region;   /* owned */
    enum s3_addressing addressing;
    struct bucket_at *v;
    size_t n;
    size_t cap;
};

void address_free(struct address *a);

/* Is it "http://host[:port]" or "https://host[:port]", with a plain host name, IPv4 address or
 * [IPv6 address] and nothing else? */
bool address_is_endpoint(const char *url);

/* Can it be a region's name, and so a label of Amazon's host names? */
bool address_is_region(const char *text);

/* The region to sign for a bucket with, borrowed. */
const char *address_region(const struct address *a, const char *bucket);

/* "https://bucket.s3.region.amazonaws.com/a%20b?query": `key` NULL = the bucket itself, `query`
 * (canonical already) may be NULL. */
void address_url(const struct address *a, const char *bucket, const char *key, const char *query,
                 struct str *out);

/* A server says that the bucket is in `region`, or that `url` (a Location) is to be asked; either
 * may be NULL or "". 1 when that changes where the next request goes, 0 when it tells nothing new,
 * ERR_INPUT when the host is neither the endpoint's nor Amazon's: keys are not for strangers. */
int address_learn(struct address *a, const char *bucket, const char *region, const char *url,
                  struct err *e);

/* Appends `text` percent-encoded as SigV4 wants it; slashes stay with `keep_slash`. */
void address_encode(struct str *out, const char *text, bool keep_slash);

#endif
