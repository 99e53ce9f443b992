/* SPDX-License-Identifier: MIT
 *
 * What S3 calls need before the first: credentials, the region, trust, connections. See call.h.
 */
#include "store/caller.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/signals.h"

/* Of one try to get credentials; the endpoint is on this machine. */
enum { FETCH_TIMEOUT_MS = 5000, FETCH_TRIES = 3 };

/* Both may be called again and by several threads. OpenSSL's configuration file is the machine's
 * business and may name modules that a static program cannot load. */
static bool start_libraries(void)
{
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 &&
           curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static size_t add_body(char *bytes, size_t one, size_t n, void *arg)
{
    (void)one;
    str_add(arg, bytes, n);
    return n;
}

struct fetch_watch {
    const struct caller *c;
    struct err stopped; /* ERR_NONE: not stopped */
};

/* libcurl asks about once a second, and whenever something moves. */
static int fetch_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct fetch_watch *watch = arg;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return watch->c->hurry_ns == 0 && stop_check(&watch->stopped) != 0;
}

int caller_fetch(void *ctx, const char *url, const char *authorization, struct str *body,
                 long *status, struct err *e)
{
    struct fetch_watch watch = {.c = ctx};
    CURL *easy = curl_easy_init();
    SCOPE_FREE char *line = authorization ? xasprintf("Authorization: %s", authorization) : NULL;
    struct curl_slist *headers = line ? curl_slist_append(NULL, line) : NULL;
    CURLcode code = CURLE_FAILED_INIT;
    for (int i = 0; easy && i < FETCH_TRIES && !watch.stopped.code; i++) {
        str_clear(body);
        (void)curl_easy_setopt(easy, CURLOPT_URL, url);
        (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* it answers secrets of this machine */
        (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
        (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, add_body);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
        (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, fetch_progress);
        (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &watch);
        code = curl_easy_perform(easy);
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
        if (code == CURLE_OK && *status < 500 && *status != 429) {
            break;
        }
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    if (watch.stopped.code) {
        return err_take(e, &watch.stopped);
    }
    return code == CURLE_OK ? 0
                            : err_set(e, ERR_INTERNAL, "the container's credentials endpoint: %s",
                                      curl_easy_strerror(code));
}

/* Which certificates are trusted: the named file alone, else the image's, else Amazon's roots. */
static int choose_trust(struct caller *c, const char *named, struct err *e)
{
    static const char *const USUAL[] = {
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem"};
    if (named) {
        c->ca_file = xstrdup(named);
        return access(named, R_OK) == 0
                   ? 0
                   : err_sys(e, ERR_CONFIG, errno, "the CA bundle %s", QUOTED(named));
    }
    for (size_t i = 0; i < sizeof USUAL / sizeof *USUAL; i++) {
        if (access(USUAL[i], R_OK) == 0) {
            c->ca_file = xstrdup(USUAL[i]);
            return 0;
        }
    }
    return 0;
}

/* agent.ini's endpoint has been looked at; where the others come from, say so. */
static int check_place(const struct s3_settings *s, const char *endpoint, const char *region,
                       struct err *e)
{
    if (endpoint && !address_is_endpoint(endpoint)) {
        return err_set(e, ERR_CONFIG,
                       "the endpoint %s (%s) is not http://HOST[:PORT] or https://HOST[:PORT]",
                       QUOTED(endpoint),
                       s->endpoint ? "[store] endpoint"
                                   : "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or endpoint_url in "
                                     "the profile");
    }
    if (s->region && !address_is_region(s->region)) {
        return err_set(e, ERR_CONFIG,
                       "[store] region: %s is no region: write it as in ap-northeast-1",
                       QUOTED(s->region));
    }
    return endpoint || region ? 0
                              : err_set(e, ERR_CONFIG,
                                        "no region: set [store] region, AWS_REGION or the "
                                        "profile's region");
}

/* What agent.ini says wins over the environment and the profile. */
static int settle(struct caller *c, struct err *e)
{
    const struct s3_settings *s = c->settings;
    SCOPE(credentials_settings_free) struct credentials_settings found = {0};
    int rc = credentials_settings(&found, c->environment, e);
    const char *endpoint = s->endpoint ? s->endpoint : found.endpoint;
    const char *region = s->region ? s->region : found.region;
    c->address = (struct address){.endpoint = endpoint ? xstrdup(endpoint) : NULL,
                                  .region = xstrdup(region ? region : "us-east-1"),
                                  .addressing = s->addressing};
    for (size_t n = endpoint ? strlen(endpoint) : 0; n > 0 && endpoint[n - 1] == '/'; n--) {
        c->address.endpoint[n - 1] = '\0';
    }
    rc = rc ? rc : choose_trust(c, s->ca_bundle ? s->ca_bundle : found.ca_bundle, e);
    rc = rc ? rc : credentials_find(&c->credentials, c->environment, caller_fetch, c, e);
    /* Behind the keys: of a profile that is not there, its region is not what is amiss. */
    return rc ? rc : check_place(s, c->address.endpoint, region, e);
}

int caller_open(struct caller **out, const struct s3_settings *settings, char *const *environment,
                struct err *e)
{
    bool able = start_libraries();
    struct caller *c = xcalloc(1, sizeof *c);
    *c = (struct caller){.settings = settings,
                         .environment = environment,
                         .multi = curl_multi_init(),
                         .sockets = {.fd = -1},
                         .n_slots = settings->connections,
                         .budget = CALLER_BUDGET};
    c->slots = xcalloc(c->n_slots, sizeof *c->slots);
    able = able && c->multi;
    for (size_t i = 0; i < c->n_slots; i++) {
        c->slots[i].easy = curl_easy_init();
        able = able && c->slots[i].easy;
    }
    able = able && sockets_open(&c->sockets, c->multi) == 0;
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->n_slots);
    int rc = able ? settle(c, e) : err_set(e, ERR_INTERNAL, "libcurl cannot be started");
    if (rc != 0) {
        caller_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void caller_close(struct caller *c)
{
    for (size_t i = 0; i < c->n_slots; i++) {
        curl_easy_cleanup(c->slots[i].easy);
        curl_slist_free_all(c->slots[i].headers);
    }
    if (c->multi) {
        (void)curl_multi_cleanup(c->multi);
    }
    sockets_close(&c->sockets);
    credentials_free(&c->credentials);
    address_free(&c->address);
    free(c->ca_file);
    free(c->slots);
    free(c);
}

void caller_hurry(struct caller *c, int64_t for_ns)
{
    c->hurry_ns = for_ns > 0 ? clock_monotonic_ns() + for_ns : 0;
}

const struct s3_settings *caller_settings(const struct caller *c)
{
    return c->settings;
}
