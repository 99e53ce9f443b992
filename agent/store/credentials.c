/* SPDX-License-Identifier: MIT
 *
 * AWS keys. See credentials.h.
 */
#include "store/credentials.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/scope.h"
#include "store/address.h"
#include "store/profile.h"

/* Keys of Amazon's have 20 and 40 bytes, tokens up to some thousands; other services differ. */
enum { KEY_LIMIT = 1024, TOKEN_LIMIT = 16 << 10, ANSWER_LIMIT = 64 << 10 };

static const int64_t EARLY_NS = 300 * NS_PER_S; /* most time before the end to ask again */
static const int64_t USABLE_NS = 30 * NS_PER_S; /* with more left, old ones still serve */
static const int64_t AGAIN_NS = 10 * NS_PER_S;  /* from a failure to the next try */
static const char RELATIVE_BASE[] = "http://169.254.170.2"; /* ECS's agent, and SageMaker's */

static const char ID_VARIABLE[] = "AWS_ACCESS_KEY_ID";
static const char SECRET_VARIABLE[] = "AWS_SECRET_ACCESS_KEY";
static const char TOKEN_VARIABLE[] = "AWS_SESSION_TOKEN";
static const char RELATIVE_VARIABLE[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
static const char FULL_VARIABLE[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
static const char HEADER_VARIABLE[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
static const char HEADER_FILE_VARIABLE[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

enum provider { ENVIRONMENT, CONTAINER, PROFILE };

/* What a provider is asked with. */
struct asker {
    char *const *environment;
    credentials_fetch *fetch;
    void *ctx;
    int64_t now_ns;
    struct err *e;
};

void credentials_free(struct credentials *c)
{
    if (!c) {
        return;
    }
    free(c->access_key);
    free(c->secret_key);
    free(c->token);
    free(c->source);
    *c = (struct credentials){0};
}

/* Keys go into headers and into what is signed: visible ASCII only. `where` and `name` say whose
 * value it is; the value itself is not shown. */
static int check_value(const char *where, const char *name, const char *value, size_t limit,
                       struct err *e)
{
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f) {
            return err_set(e, ERR_CONFIG,
                           "%s: %s holds a blank, a line break or another character that no key "
                           "has: copy it again (the value is not shown)",
                           where, name);
        }
    }
    size_t n = strlen(value);
    return n <= limit ? 0
                      : err_set(e, ERR_CONFIG, "%s: %s has %zu bytes, the limit is %zu", where,
                                name, n, limit);
}

/* Names of the three values, as their provider calls them. */
struct value_names {
    const char *id;
    const char *secret;
    const char *token;
};

/* Keys of a provider into `out`. An error names what is missing or wrong. */
static int take_keys(struct credentials *out, const char *where, const struct value_names *names,
                     const char *id, const char *secret, const char *token, struct err *e)
{
    if (!id || !secret) {
        return err_set(e, ERR_CONFIG, "%s: %s is there and %s is missing: give both or none", where,
                       id ? names->id : names->secret, id ? names->secret : names->id);
    }
    int rc = check_value(where, names->id, id, KEY_LIMIT, e);
    if (rc == 0) {
        rc = check_value(where, names->secret, secret, KEY_LIMIT, e);
    }
    if (rc == 0 && token) {
        rc = check_value(where, names->token, token, TOKEN_LIMIT, e);
    }
    if (rc != 0) {
        return rc;
    }
    out->access_key = xstrdup(id);
    out->secret_key = xstrdup(secret);
    out->token = token ? xstrdup(token) : NULL;
    return 0;
}

static int from_environment(const struct asker *a, struct credentials *out)
{
    static const struct value_names NAMES = {ID_VARIABLE, SECRET_VARIABLE, TOKEN_VARIABLE};
    out->source = xstrdup("environment");
    return take_keys(out, "environment", &NAMES, env_value(a->environment, ID_VARIABLE),
                     env_value(a->environment, SECRET_VARIABLE),
                     env_value(a->environment, TOKEN_VARIABLE), a->e);
}

/* ---- the container's endpoint ---- */

/* May keys come from this host without TLS? Only from this machine and from the link-local
 * addresses where ECS and EKS answer: anywhere else they could be read or forged on the way. */
static bool host_is_local(const char *host)
{
    static const char *const FOUR[] = {"169.254.170.2", "169.254.170.23"};
    static const char *const SIX[] = {"::1", "fd00:ec2::23"};
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127 || str_same(host, FOUR[0]) || str_same(host, FOUR[1]);
    }
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        SCOPE_FREE char *inside = xstrndup(host + 1, n - 2);
        bool is_six = inet_pton(AF_INET6, inside, &v6) == 1;
        for (size_t i = 0; is_six && i < sizeof SIX / sizeof *SIX; i++) {
            struct in6_addr known;
            if (inet_pton(AF_INET6, SIX[i], &known) == 1 && memcmp(&v6, &known, sizeof v6) == 0) {
                return true;
            }
        }
        return false;
    }
    return strcasecmp(host, "localhost") == 0;
}

/* The host of `authority` ("host" or "host:port"), owned. NULL for what two readers of a URL could
 * understand differently: user names, backslashes, escapes. */
static char *host_of(const char *authority, size_t n)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    SCOPE_FREE char *text = xstrndup(authority, n);
    size_t host = text[0] == '[' ? strcspn(text, "]") + 1 : strspn(text, PLAIN);
    if (host == 0 || host > n) {
        return NULL;
    }
    const char *port = text + host;
    if (*port == ':' && (port[1] == '\0' || strlen(port) > 6)) {
        return NULL;
    }
    if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")])) {
        return NULL;
    }
    return xstrndup(text, host);
}

/* Refuses URLs that keys may not come from. They are not shown: a path may be a secret too. */
static int check_url(const char *name, const char *url, struct err *e)
{
    bool tls = strncasecmp(url, "https://", 8) == 0;
    if (!tls && strncasecmp(url, "http://", 7) != 0) {
        return err_set(e, ERR_CONFIG, "%s is no http:// or https:// URL", name);
    }
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f) {
            return err_set(e, ERR_CONFIG, "%s holds a blank or a character that no URL has", name);
        }
    }
    const char *authority = url + (tls ? 8 : 7);
    SCOPE_FREE char *host = host_of(authority, strcspn(authority, "/?#"));
    if (!host) {
        return err_set(e, ERR_CONFIG, "%s has no plain host or host:port", name);
    }
    if (!tls && !host_is_local(host)) {
        return err_set(e, ERR_CONFIG,
                       "%s: host %s is asked for keys over https:// only; http:// is for "
                       "127.0.0.0/8, [::1], localhost, 169.254.170.2, 169.254.170.23 and "
                       "[fd00:ec2::23]",
                       name, QUOTED(host));
    }
    return 0;
}

/* The URL to ask, owned; `*name` is the variable that it comes from. */
static int container_url(const struct asker *a, const char **name, char **url)
{
    const char *relative = env_value(a->environment, RELATIVE_VARIABLE);
    *name = relative ? RELATIVE_VARIABLE : FULL_VARIABLE;
    if (relative && relative[0] != '/') { /* else it would be a part of the host's name */
        return err_set(a->e, ERR_CONFIG, "%s does not begin with /", *name);
    }
    const char *full = env_value(a->environment, FULL_VARIABLE);
    SCOPE_FREE char *whole =
        relative ? xasprintf("%s%s", RELATIVE_BASE, relative) : xstrdup(full ? full : "");
    int rc = check_url(*name, whole, a->e);
    *url = rc == 0 ? TAKE_PTR(whole) : NULL;
    return rc;
}

/* The value of the Authorization header, owned; NULL when there is none. The file is read each
 * time: EKS writes a new token into it. */
static int authorization(const struct asker *a, char **out)
{
    const char *path = env_value(a->environment, HEADER_FILE_VARIABLE);
    const char *given = env_value(a->environment, HEADER_VARIABLE);
    SCOPE(str_free) struct str text = STR_INIT(TOKEN_LIMIT);
    const char *name = path ? HEADER_FILE_VARIABLE : HEADER_VARIABLE;
    if (path) {
        int rc = io_read_file(AT_FDCWD, path, &text, ERR_CONFIG, a->e);
        if (rc != 0) {
            return rc > 0 ? err_set(a->e, ERR_CONFIG, "%s: no such file: %s", name, path)
                          : err_prefix(a->e, "%s", name);
        }
        while (text.len > 0 && strchr("\r\n", text.s[text.len - 1])) {
            text.s[--text.len] = '\0'; /* editors and echo end files so */
        }
    } else if (given) {
        str_puts(&text, given);
    }
    for (size_t i = 0; i < text.len; i++) { /* a line break would begin another header */
        if ((unsigned char)text.s[i] < 0x20 || text.s[i] == 0x7f) {
            return err_set(a->e, ERR_CONFIG, "%s: the token holds a control character", name);
        }
    }
    if (text.overflow || (path && text.len == 0)) {
        return err_set(a->e, ERR_CONFIG, "%s: the token is %s", name,
                       text.overflow ? "too long" : "empty");
    }
    *out = text.len > 0 ? str_take(&text) : NULL;
    return 0;
}

/* A member's text, NULL when it is not there, empty or no text. */
static const char *text_member(const json_t *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(answer, name));
    return text && *text ? text : NULL;
}

/* No keys came: says what the error body says, where the URL and the header that it may repeat are
 * hidden. */
static int refused(const struct asker *a, long status, const json_t *answer, const char *header)
{
    static const char *const HIDDEN[] = {RELATIVE_VARIABLE, FULL_VARIABLE};
    const char *code = text_member(answer, "code");
    const char *message = text_member(answer, "message");
    SCOPE(str_free) struct str said = STR_INIT(ANSWER_LIMIT);
    SCOPE(strvec_free) struct strvec secrets = {0};
    str_printf(&said, "%s%s%s", code ? code : "", code && message ? ": " : "",
               message ? message : "");
    env_set(&secrets, HEADER_VARIABLE, header ? header : "");
    for (size_t i = 0; i < sizeof HIDDEN / sizeof *HIDDEN; i++) {
        const char *value = env_value(a->environment, HIDDEN[i]);
        env_set(&secrets, HIDDEN[i], value ? value : "");
    }
    char shown[320];
    env_hide_values(&secrets, str_text(&said), shown, sizeof shown);
    return err_set(a->e, ERR_INTERNAL, "the endpoint answered %ld without keys, %s%s", status,
                   *shown ? "saying " : "and does not say why", *shown ? QUOTED(shown) : "");
}

/* Expiration and what follows from it. */
static int take_expiry(const struct asker *a, const json_t *answer, struct credentials *out)
{
    const json_t *expiration = json_object_get(answer, "Expiration");
    const char *text = json_string_value(expiration);
    if (!expiration || json_is_null(expiration)) {
        return 0;
    }
    if (!text || !clock_parse_rfc3339(text, &out->expires_ns)) {
        return err_set(a->e, ERR_INTERNAL, "Expiration in the answer is no RFC 3339 time");
    }
    int64_t left = 0;
    if (__builtin_sub_overflow(out->expires_ns, a->now_ns, &left) || left <= 0) {
        char end[32];
        char now[32];
        return err_set(a->e, ERR_INTERNAL,
                       "the keys in the answer ended at %s, and this machine's clock says %s",
                       clock_format_rfc3339(end, sizeof end, out->expires_ns),
                       clock_format_rfc3339(now, sizeof now, a->now_ns));
    }
    out->refresh_ns = out->expires_ns - (left / 10 < EARLY_NS ? left / 10 : EARLY_NS);
    return 0;
}

/* Keys from the endpoint's answer. jansson's own words on what is wrong are left out: they quote
 * the text, which may be a key. */
static int take_answer(const struct asker *a, const struct str *body, long status,
                       const char *header, struct credentials *out)
{
    static const struct value_names NAMES = {"AccessKeyId", "SecretAccessKey", "Token"};
    if (body->overflow) {
        return err_set(a->e, ERR_INTERNAL, "the endpoint's answer has more than %zu bytes",
                       body->max);
    }
    json_error_t why;
    SCOPE(json_decrefp) json_t *answer = json_loadb(str_text(body), body->len, 0, &why);
    if (status != 200) {
        return refused(a, status, answer, header);
    }
    if (!json_is_object(answer)) {
        return answer ? err_set(a->e, ERR_INTERNAL, "the endpoint's answer is no JSON object")
                      : err_set(a->e, ERR_INTERNAL,
                                "the endpoint's answer is not JSON, line %d column %d", why.line,
                                why.column);
    }
    const char *id = text_member(answer, NAMES.id);
    const char *secret = text_member(answer, NAMES.secret);
    const json_t *token = json_object_get(answer, NAMES.token);
    if (!id && !secret) {
        return refused(a, status, answer, header);
    }
    if (token && !json_is_string(token) && !json_is_null(token)) {
        return err_set(a->e, ERR_INTERNAL, "Token in the answer is no string");
    }
    int rc =
        take_keys(out, "the endpoint's answer", &NAMES, id, secret, json_string_value(token), a->e);
    if (rc != 0) {
        a->e->code = ERR_INTERNAL; /* nothing to mend in the job */
        return -(int)ERR_INTERNAL;
    }
    return take_expiry(a, answer, out);
}

static int from_container(const struct asker *a, struct credentials *out)
{
    const char *name;
    SCOPE_FREE char *url = NULL;
    SCOPE_FREE char *header = NULL;
    SCOPE(str_free) struct str body = STR_INIT(ANSWER_LIMIT);
    long status = 0;
    int rc = container_url(a, &name, &url);
    if (rc == 0) {
        rc = authorization(a, &header);
    }
    if (rc != 0) {
        return rc;
    }
    rc = a->fetch(a->ctx, url, header, &body, &status, a->e);
    if (rc == 0) {
        rc = take_answer(a, &body, status, header, out);
    }
    if (rc != 0) {
        return err_is_stop(a->e) ? rc : err_prefix(a->e, "container credentials (%s)", name);
    }
    out->source = xstrdup("container");
    return 0;
}

/* ---- profiles ---- */

/* Keys that another tool makes can be handed over as variables. */
static int refuse_needs(const struct profile *p, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "profile %s gets its keys by %s, which procagent does not do: set the variables "
                   "that `aws configure export-credentials --profile %s --format env` prints",
                   QUOTED(p->name), p->needs, p->name);
}

static int no_keys(const struct asker *a, const struct profile *p)
{
    if (p->chosen_by) {
        return err_set(a->e, ERR_CONFIG,
                       "%s: profile %s %s; looked at %s; in a config file its section is "
                       "[profile %s]",
                       p->chosen_by, QUOTED(p->name),
                       p->found ? "has no aws_access_key_id" : "is not there", p->places, p->name);
    }
    bool role = env_value(a->environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
    return err_set(
        a->e, ERR_CONFIG,
        "no AWS credentials: looked at %s and %s, at %s and %s, and for profile %s in "
        "%s%s",
        ID_VARIABLE, SECRET_VARIABLE, RELATIVE_VARIABLE, FULL_VARIABLE, QUOTED(p->name), p->places,
        role ? "; AWS_WEB_IDENTITY_TOKEN_FILE is set, which procagent does not use" : "");
}

static int from_profile(const struct asker *a, struct credentials *out)
{
    static const struct value_names NAMES = {"aws_access_key_id", "aws_secret_access_key",
                                             "aws_session_token"};
    SCOPE(profile_free) struct profile p = {0};
    int rc = profile_load(a->environment, &p, a->e);
    if (rc != 0) {
        return rc;
    }
    bool keys = p.access_key || p.secret_key;
    if (p.needs && (p.needs_wins || !keys)) {
        return refuse_needs(&p, a->e);
    }
    if (!keys) {
        return no_keys(a, &p);
    }
    SCOPE_FREE char *where = xasprintf("profile %s in %s", QUOTED(p.name), p.places);
    out->source = xasprintf("profile %s", p.name);
    return take_keys(out, where, &NAMES, p.access_key, p.secret_key, p.token, a->e);
}

/* ---- the chain ---- */

/* Which provider the environment asks for. It alone decides, not what a provider answers: keys of
 * another identity are worse than none. */
static enum provider choose(char *const *environment)
{
    if (env_value(environment, ID_VARIABLE) || env_value(environment, SECRET_VARIABLE)) {
        return ENVIRONMENT;
    }
    if (env_value(environment, "AWS_PROFILE") || env_value(environment, "AWS_DEFAULT_PROFILE")) {
        return PROFILE;
    }
    return env_value(environment, RELATIVE_VARIABLE) || env_value(environment, FULL_VARIABLE)
               ? CONTAINER
               : PROFILE;
}

static int find(const struct asker *a, struct credentials *out)
{
    SCOPE(credentials_free) struct credentials c = {0};
    int rc = 0;
    switch (choose(a->environment)) {
    case ENVIRONMENT: rc = from_environment(a, &c); break;
    case CONTAINER: rc = from_container(a, &c); break;
    case PROFILE: rc = from_profile(a, &c); break;
    }
    if (rc == 0) {
        *out = c;
        c = (struct credentials){0};
    }
    return rc;
}

int credentials_find(struct credentials *out, char *const *environment, credentials_fetch *fetch,
                     void *ctx, struct err *e)
{
    struct asker a = {environment, fetch, ctx, clock_realtime_ns(), e};
    return find(&a, out);
}

bool credentials_expiring(const struct credentials *c, int64_t now_ns)
{
    return c->refresh_ns != 0 && now_ns >= c->refresh_ns;
}

int credentials_refresh(struct credentials *c, char *const *environment, credentials_fetch *fetch,
                        void *ctx, int64_t now_ns, struct err *e)
{
    struct asker a = {environment, fetch, ctx, now_ns, e};
    struct credentials new = {0};
    int rc = find(&a, &new);
    if (rc == 0) {
        credentials_free(c);
        *c = new;
        return 0;
    }
    bool usable = c->expires_ns == 0 || c->expires_ns - now_ns > USABLE_NS;
    if (err_is_stop(e) || !usable) {
        return rc;
    }
    c->refresh_ns = c->expires_ns == 0 ? 0 : now_ns + AGAIN_NS;
    return 1;
}

/* ---- region, endpoint, certificates ---- */

void credentials_settings_free(struct credentials_settings *s)
{
    if (!s) {
        return;
    }
    free(s->region);
    free(s->endpoint);
    free(s->ca_bundle);
    *s = (struct credentials_settings){0};
}

/* The first of two variables that is set, else what the profile says; owned. */
static char *first_of(char *const *environment, const char *one, const char *two, char **profile)
{
    const char *value = env_value(environment, one);
    if (!value && two) {
        value = env_value(environment, two);
    }
    return value ? xstrdup(value) : TAKE_PTR(*profile);
}

/* A region becomes a part of host names: nothing in it may end or change one. */
static int check_region(const char *region, struct err *e)
{
    return address_is_region(region)
               ? 0
               : err_set(e, ERR_CONFIG,
                         "%s is no region (AWS_REGION, AWS_DEFAULT_REGION, or region in the "
                         "profile): write it as in ap-northeast-1",
                         QUOTED(region));
}

int credentials_settings(struct credentials_settings *out, char *const *environment, struct err *e)
{
    SCOPE(profile_free) struct profile p = {0};
    int rc = profile_load(environment, &p, e);
    if (rc != 0) {
        return rc;
    }
    struct credentials_settings s = {0};
    const char *ignore = env_value(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    s.region = first_of(environment, "AWS_REGION", "AWS_DEFAULT_REGION", &p.region);
    s.ca_bundle = first_of(environment, "AWS_CA_BUNDLE", NULL, &p.ca_bundle);
    if (!ignore || strcasecmp(ignore, "true") != 0) {
        s.endpoint = first_of(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", &p.endpoint);
    }
    if (s.region && check_region(s.region, e) != 0) {
        credentials_settings_free(&s);
        return -(int)ERR_CONFIG;
    }
    *out = s;
    return 0;
}
