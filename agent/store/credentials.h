/* SPDX-License-Identifier: MIT
 *
 * Where AWS keys come from, and what else the environment and the profile say of S3: region,
 * endpoint, certificates. In this order:
 *   1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN);
 *   2. the profile that AWS_PROFILE names;
 *   3. the container's endpoint: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (SageMaker, ECS), else
 *      _FULL_URI (EKS Pod Identity);
 *   4. the profile "default".
 * Roles, SSO and credential_process are not done: their users are told what to do instead. An empty
 * variable is as one that is not set. No key and no token ever stands in an error's text.
 */
#ifndef STORE_CREDENTIALS_H
#define STORE_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct credentials {
    char *access_key;   /* owned, as the others */
    char *secret_key;   /* never shown */
    char *token;        /* the session's token, never shown, or NULL */
    int64_t expires_ns; /* CLOCK_REALTIME; 0 = never */
    int64_t refresh_ns; /* when to ask for new ones; 0 = never */
    char *source;       /* "environment", "container", "profile NAME": for messages */
};

/* One HTTP GET, done by the caller, so that this file knows no libcurl; repeated by it as it sees
 * fit. Redirects are not followed and no proxy is used: the answer is a secret of this machine.
 * `authorization` is the value of that header, or NULL. 0 with the status and the body, of which at
 * most body->max bytes are kept; negative with `e` when there was no answer; `e` shows neither the
 * URL's path nor the header. */
typedef int credentials_fetch(void *ctx, const char *url, const char *authorization,
                              struct str *body, long *status, struct err *e);

/* Finds keys in `environment` (NULL-terminated NAME=VALUE) and what it names. ERR_CONFIG when there
 * are none or half of them, ERR_INTERNAL when the container's endpoint does not give any; errors of
 * `fetch` keep their code. */
int credentials_find(struct credentials *out, char *const *environment, credentials_fetch *fetch,
                     void *ctx, struct err *e);

/* Is it time for credentials_refresh? From five minutes before the end, or a tenth of what was left
 * when they came, if that is less: a container's endpoint may hand out old keys until it makes new
 * ones, and must not be asked before every request meanwhile. */
bool credentials_expiring(const struct credentials *c, int64_t now_ns);

/* Asks the same provider again (the environment alone says which, so it must be the one of
 * credentials_find); files are read anew. 0 with new ones in `c`. 1 when that failed and
 * the old ones are good for more than 30 s: they stay, `e` says why, and the next try is due 10 s
 * later. Negative otherwise, and when a stop signal ended it; `c` stays. */
int credentials_refresh(struct credentials *c, char *const *environment, credentials_fetch *fetch,
                        void *ctx, int64_t now_ns, struct err *e);

void credentials_free(struct credentials *c);

/* What else there is to know of the service; owned strings, NULL = nobody says. */
struct credentials_settings {
    char *region;    /* AWS_REGION, AWS_DEFAULT_REGION, the profile's */
    char *endpoint;  /* AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's endpoint_url */
    char *ca_bundle; /* AWS_CA_BUNDLE, the profile's: a file of certificates */
};

/* Collects them. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true leaves the endpoint out. A profile that
 * is not there says nothing. ERR_CONFIG for files that cannot be read and for a region that is
 * none. */
int credentials_settings(struct credentials_settings *out, char *const *environment, struct err *e);

void credentials_settings_free(struct credentials_settings *s);

#endif
