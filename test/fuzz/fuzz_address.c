/* SPDX-License-Identifier: MIT
 *
 * store/address. Lines: the endpoint (Amazon's unless it is one), how buckets are addressed, the
 * bucket, the key, the region and the URL that a server tells. Whatever they are, requests go to
 * the endpoint's host, one below it, or Amazon's, as libcurl's own parser reads the URL, and the
 * key arrives.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <strings.h>

#include "base/str.h"
#include "fuzz.h"
#include "store/address.h"

/* A URL's parts, as libcurl reads it. */
struct parts {
    char *scheme;
    char *host;
    char *path;
};

static void parts_free(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->path);
}

/* It must be one, without user, query or fragment. */
static struct parts read_url(const char *url)
{
    struct parts p = {0};
    char *other = NULL;
    CURLU *u = curl_url();
    REQUIRE(u && curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK);
    REQUIRE(curl_url_get(u, CURLUPART_SCHEME, &p.scheme, 0) == CURLUE_OK);
    REQUIRE(curl_url_get(u, CURLUPART_HOST, &p.host, 0) == CURLUE_OK);
    REQUIRE(curl_url_get(u, CURLUPART_PATH, &p.path, 0) == CURLUE_OK);
    REQUIRE(curl_url_get(u, CURLUPART_USER, &other, 0) == CURLUE_NO_USER);
    REQUIRE(curl_url_get(u, CURLUPART_QUERY, &other, 0) == CURLUE_NO_QUERY);
    REQUIRE(curl_url_get(u, CURLUPART_FRAGMENT, &other, 0) == CURLUE_NO_FRAGMENT);
    curl_url_cleanup(u);
    return p;
}

static bool is_below(const char *host, const char *domain)
{
    size_t n = strlen(host);
    size_t m = strlen(domain);
    struct in_addr ignored;
    bool number = domain[0] == '[' || inet_pton(AF_INET, domain, &ignored) == 1;
    return n >= m && strcasecmp(host + n - m, domain) == 0 &&
           (n == m || (!number && host[n - m - 1] == '.'));
}

/* Of the endpoint or Amazon's, by the same scheme. */
static void check_host(const struct address *a, const struct parts *p)
{
    if (!a->endpoint) {
        REQUIRE(strcmp(p->scheme, "https") == 0);
        REQUIRE(is_below(p->host, "amazonaws.com") || is_below(p->host, "amazonaws.com.cn"));
        return;
    }
    struct parts own = read_url(a->endpoint);
    REQUIRE(strcmp(p->scheme, own.scheme) == 0 && is_below(p->host, own.host));
    parts_free(&own);
}

/* Where a request goes, owned by the caller, after a look at it. */
static char *check_url(const struct address *a, const char *bucket, const char *key)
{
    struct str url = STR_INIT(0);
    address_url(a, bucket, key, NULL, &url);
    struct parts p = read_url(str_text(&url));
    check_host(a, &p);
    int n = 0;
    char *path = curl_easy_unescape(NULL, p.path, 0, &n);
    char *wanted = xasprintf("/%s/%s", bucket, key);
    bool by_path = strcmp(path, wanted) == 0;
    bool by_host = strcmp(path + 1, key) == 0;
    REQUIRE(path[0] == '/' && (by_path || by_host));
    REQUIRE(by_path || strncasecmp(p.host, bucket, strlen(bucket)) == 0);
    curl_free(path);
    free(wanted);
    parts_free(&p);
    return str_take(&url);
}

static void check_learnt(const struct address *a)
{
    for (size_t i = 0; i < a->n; i++) {
        REQUIRE(!a->v[i].region || address_is_region(a->v[i].region));
        if (a->v[i].base) {
            struct parts p = read_url(a->v[i].base);
            REQUIRE(address_is_endpoint(a->v[i].base));
            check_host(a, &p);
            parts_free(&p);
        }
    }
}

static void tell(struct address *a, const char *bucket, const char *key, const char *region,
                 const char *url)
{
    struct err e = {0};
    char *before = check_url(a, bucket, key);
    char *region_before = xstrdup(address_region(a, bucket));
    int rc = address_learn(a, bucket, region, url, &e);
    check_learnt(a);
    char *after = check_url(a, bucket, key);
    bool same = strcmp(before, after) == 0 && strcmp(region_before, address_region(a, bucket)) == 0;
    if (rc < 0) {
        require_error(rc, &e);
    } else {
        REQUIRE(rc == (same ? 0 : 1) && e.code == ERR_NONE);
    }
    free(before);
    free(region_before);
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *endpoint = fuzz_line(&data, &size);
    char *how = fuzz_line(&data, &size);
    char *bucket = fuzz_line(&data, &size);
    char *key = fuzz_line(&data, &size);
    struct address a = {.region = xstrdup("us-east-1"),
                        .addressing = (enum s3_addressing)((unsigned char)how[0] % 3)};
    if (address_is_endpoint(endpoint)) {
        a.endpoint = xstrdup(endpoint);
    }
    if (strlen(bucket) > 0 && !strchr(bucket, '/')) { /* as an S3Uri's is */
        while (size > 0) {
            char *region = fuzz_line(&data, &size);
            char *url = fuzz_line(&data, &size);
            tell(&a, bucket, key, region, url);
            free(region);
            free(url);
        }
        free(check_url(&a, bucket, key));
    }
    address_free(&a);
    free(endpoint);
    free(how);
    free(bucket);
    free(key);
    return 0;
}
