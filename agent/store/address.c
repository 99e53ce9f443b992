/* SPDX-License-Identifier: MIT
 *
 * URLs. See address.h.
 */
#include "store/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/scope.h"

void address_free(struct address *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->v[i].bucket);
        free(a->v[i].region);
        free(a->v[i].base);
    }
    free(a->v);
    free(a->endpoint);
    free(a->region);
    *a = (struct address){0};
}

static const struct bucket_at *find(const struct address *a, const char *bucket)
{
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i].bucket, bucket) == 0) {
            return &a->v[i];
        }
    }
    return NULL;
}

const char *address_region(const struct address *a, const char *bucket)
{
    const struct bucket_at *at = find(a, bucket);
    return at && at->region ? at->region : a->region;
}

void address_encode(struct str *out, const char *text, bool keep_slash)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c) || strchr("-._~", c) || (c == '/' && keep_slash)) {
            str_putc(out, *p);
        } else {
            str_printf(out, "%%%02X", c);
        }
    }
}

/* Can the bucket be the first label of a host name? One with a dot would not fit Amazon's
 * certificate. */
static bool fits_host(const char *bucket)
{
    size_t n = strlen(bucket);
    for (size_t i = 0; i < n; i++) {
        bool edge = i == 0 || i + 1 == n;
        if (!islower((unsigned char)bucket[i]) && !isdigit((unsigned char)bucket[i]) &&
            (bucket[i] != '-' || edge)) {
            return false;
        }
    }
    return n >= 3 && n <= 63;
}

/* China's regions have a domain of their own. */
static const char *amazon_domain(const char *region)
{
    return str_starts(region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/* Labels of a host name, with what some servers allow beyond the rules. Anything else would end the
 * name, and what follows be another host. */
static const char HOST_TEXT[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

/* Bytes of the host that `text` begins with: of a name, an IPv4 or a bracketed IPv6 address. */
static size_t host_length(const char *text)
{
    if (text[0] != '[') {
        return strspn(text, HOST_TEXT);
    }
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    size_t n = strcspn(text + 1, "]");
    if (n >= sizeof address || text[1 + n] != ']') {
        return 0;
    }
    memcpy(address, text + 1, n);
    address[n] = '\0';
    return inet_pton(AF_INET6, address, &ignored) == 1 ? n + 2 : 0;
}

/* Bytes of ":port" that `text` begins with; 0: none, or none that can be. */
static size_t port_length(const char *text)
{
    size_t n = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;
    unsigned port = 0;
    for (size_t i = 1; i <= n && n <= 5; i++) {
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return n > 0 && n <= 5 && port <= UINT16_MAX ? n + 1 : 0;
}

/* "https://host:port" of a URL, its host without port as [*host, *host + *n). NULL: none that
 * everybody reads alike. */
static char *base_of(const char *url, const char **host, size_t *n)
{
    const char *start = str_starts(url, "http://")    ? url + 7
                        : str_starts(url, "https://") ? url + 8
                                                      : "";
    size_t length = host_length(start);
    size_t end = length + port_length(start + length);
    if (length == 0 || (start[end] && !strchr("/?#", start[end]))) {
        return NULL;
    }
    *host = start;
    *n = length;
    return xstrndup(url, (size_t)(start - url) + end);
}

/* Is a host an address and no name? "127.1", "0x7f.1" and the like are IPv4 addresses as well: what
 * ends in a label that begins with a digit. */
static bool is_number(const char *host, size_t n)
{
    while (n > 1 && host[n - 1] == '.') {
        n--;
    }
    size_t label = n;
    while (label > 0 && host[label - 1] != '.') {
        label--;
    }
    return host[0] == '[' || isdigit((unsigned char)host[label]);
}

bool address_is_endpoint(const char *url)
{
    const char *host = NULL;
    size_t n = 0;
    SCOPE_FREE char *base = base_of(url, &host, &n);
    return str_same(base, url);
}

static bool is_virtual(const struct address *a, const char *bucket)
{
    const char *host = NULL;
    size_t n = 0;
    switch (a->addressing) {
    case ADDRESS_PATH: return false;
    case ADDRESS_VIRTUAL: break;
    case ADDRESS_AUTO: return !a->endpoint && fits_host(bucket);
    }
    SCOPE_FREE char *base = a->endpoint ? base_of(a->endpoint, &host, &n) : NULL;
    return bucket[0] != '.' && bucket[strspn(bucket, HOST_TEXT)] == '\0' &&
           !(base && is_number(host, n));
}

void address_url(const struct address *a, const char *bucket, const char *key, const char *query,
                 struct str *out)
{
    const struct bucket_at *at = find(a, bucket);
    const char *region = address_region(a, bucket);
    SCOPE_FREE char *amazon = xasprintf("https://s3.%s.%s", region, amazon_domain(region));
    const char *base = a->endpoint ? a->endpoint : amazon;
    str_clear(out);
    if (at && at->base) { /* a redirect's host is complete: it has the bucket or wants it behind */
        str_puts(out, at->base);
        SCOPE_FREE char *label = xasprintf("//%s.", bucket);
        if (!strstr(at->base, label)) {
            str_putc(out, '/');
            address_encode(out, bucket, false);
        }
    } else if (is_virtual(a, bucket)) {
        const char *host = strstr(base, "//") + 2;
        str_add(out, base, (size_t)(host - base));
        str_printf(out, "%s.%s", bucket, host);
    } else {
        str_printf(out, "%s/", base);
        address_encode(out, bucket, false);
    }
    str_putc(out, '/');
    address_encode(out, key ? key : "", true);
    if (query && *query) {
        str_printf(out, "?%s", query);
    }
}

/* Is a host the other one, or a name below it? Below an address there is nothing. */
static bool below(const char *host, size_t n, const char *domain, size_t m)
{
    return n >= m && strncasecmp(host + n - m, domain, m) == 0 &&
           (n == m || (host[n - m - 1] == '.' && !is_number(domain, m)));
}

static bool is_trusted(const struct address *a, const char *url, const char *host, size_t n)
{
    const char *own = NULL;
    size_t m = 0;
    if (!a->endpoint) {
        return str_starts(url, "https://") &&
               (below(host, n, "amazonaws.com", 13) || below(host, n, "amazonaws.com.cn", 16));
    }
    SCOPE_FREE char *base = base_of(a->endpoint, &own, &m);
    bool same_scheme = strncmp(url, a->endpoint, strcspn(url, ":") + 1) == 0;
    return base && same_scheme && below(host, n, own, m);
}

static struct bucket_at *note(struct address *a, const char *bucket)
{
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i].bucket, bucket) == 0) {
            return &a->v[i];
        }
    }
    a->v = vec_room(a->v, a->n, &a->cap, sizeof *a->v);
    a->v[a->n] = (struct bucket_at){.bucket = xstrdup(bucket)};
    return &a->v[a->n++];
}

bool address_is_region(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= 63 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
           text[0] != '-' && text[n - 1] != '-';
}

int address_learn(struct address *a, const char *bucket, const char *region, const char *url,
                  struct err *e)
{
    int news = 0;
    if (region && address_is_region(region) && strcmp(region, address_region(a, bucket)) != 0) {
        struct bucket_at *at = note(a, bucket);
        free(at->region);
        at->region = xstrdup(region);
        free(TAKE_PTR(at->base)); /* Amazon's host follows from the region */
        news = 1;
    }
    if (!url || !*url || (news && !a->endpoint)) {
        return news;
    }
    const char *host = NULL;
    size_t n = 0;
    SCOPE_FREE char *base = base_of(url, &host, &n);
    if (!base || !is_trusted(a, url, host, n)) {
        return err_set(e, ERR_INPUT, "sent on to %s, which is not a host of %s: not followed",
                       QUOTED(url), a->endpoint ? a->endpoint : "Amazon's");
    }
    SCOPE(str_free) struct str before = STR_INIT(0);
    SCOPE(str_free) struct str after = STR_INIT(0);
    address_url(a, bucket, NULL, NULL, &before);
    struct bucket_at *at = note(a, bucket);
    free(at->base);
    at->base = TAKE_PTR(base);
    address_url(a, bucket, NULL, NULL, &after);
    return news || strcmp(str_text(&before), str_text(&after)) != 0;
}
