/* SPDX-License-Identifier: MIT
 *
 * One profile of the files that AWS tools share: ~/.aws/credentials, whose sections are [NAME], and
 * ~/.aws/config, whose sections are [profile NAME] and [default]. What it says is read here; what
 * wins over what is credentials.h's. Nested settings ("s3 =" and indented lines) and the sections
 * [services NAME] and [sso-session NAME] are passed over.
 */
#ifndef STORE_PROFILE_H
#define STORE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum profile_kind {
    PROFILE_CREDENTIALS, /* ~/.aws/credentials */
    PROFILE_CONFIG,      /* ~/.aws/config */
};

/* What a profile says; owned strings, NULL = not said. */
struct profile {
    char *access_key; /* aws_access_key_id */
    char *secret_key; /* aws_secret_access_key */
    char *token;      /* aws_session_token */
    char *region;     /* region */
    char *endpoint;   /* endpoint_url */
    char *ca_bundle;  /* ca_bundle */
    char *needs;      /* "role_arn (FILE:LINE)": keys would come from what we do not do */
    bool needs_wins;  /* needs counts even when there are keys: they are only the role's source */
    bool found;       /* there is such a section */
    /* Set by profile_load alone: */
    char *name;            /* the profile's name */
    const char *chosen_by; /* the variable that names it, or NULL: the default one */
    char *places;          /* the files looked at, for messages */
};

/* Reads profile `name` out of the `n` bytes of a shared file into `out`, which is empty. A later
 * setting wins over an earlier one, [profile default] over [default]. ERR_CONFIG with "file:line"
 * and never a value: a broken section line, or within the profile a line that is no setting, a
 * control character in a setting, a setting over 16 KiB. */
int profile_parse(const char *file, enum profile_kind kind, const char *name, const char *text,
                  size_t n, struct profile *out, struct err *e);

/* Reads the profile that `environment` asks for from both files (AWS_SHARED_CREDENTIALS_FILE,
 * AWS_CONFIG_FILE, else below HOME). A setting of the credentials file wins; the keys and the token
 * come from one file. Files that are not there are none; `found` says whether there was anything.
 * ERR_CONFIG for files that cannot be read or parsed. */
int profile_load(char *const *environment, struct profile *out, struct err *e);

void profile_free(struct profile *p);

#endif
