/* SPDX-License-Identifier: MIT
 *
 * Keys about moving data. See moves.h.
 */
#include "config/moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "base/utf8.h"

static void set(char **place, const char *value)
{
    free(*place);
    *place = xstrdup(value);
}

static int count_of(const struct setting *at, uint64_t least, uint64_t most, uint64_t *out,
                    struct err *e)
{
    uint64_t n;
    if (!number_parse(at->value, &n) || n < least || n > most) {
        char range[64];
        (void)snprintf(range, sizeof range, "a number from %llu to %llu", (unsigned long long)least,
                       (unsigned long long)most);
        return settings_bad_value(at, range, e);
    }
    *out = n;
    return 0;
}

/* ---- [store] ---- */

static int apply_kind(struct job *job, const struct setting *at, struct err *e)
{
    static const char *const KINDS[] = {"platform", "folder", "s3"};
    int kind;
    int rc = settings_word(at, KINDS, 3, &kind, e);
    if (rc == 0) {
        job->store_kind = (enum store_kind)kind;
    }
    return rc;
}

/* S3 wants parts of 5 MiB and more; 1 GiB keeps the memory of a part's upload bounded. */
static int apply_part_size(struct s3_settings *s3, const struct setting *at, struct err *e)
{
    static const uint64_t LEAST = UINT64_C(5) << 20;
    static const uint64_t MOST = UINT64_C(1) << 30;
    uint64_t n;
    if (!number_parse_size(at->value, &n) || n < LEAST || n > MOST) {
        return settings_bad_value(at, "a size from 5M to 1G", e);
    }
    s3->part_size = n;
    return 0;
}

static int apply_endpoint(struct s3_settings *s3, const struct setting *at, struct err *e)
{
    size_t n = strlen(at->value);
    bool http = str_starts(at->value, "http://") || str_starts(at->value, "https://");
    const char *host = http ? strstr(at->value, "//") + 2 : "";
    while (n > 0 && at->value[n - 1] == '/') {
        n--;
    }
    if (!*host || strcspn(host, "/?#@ ") + (size_t)(host - at->value) < n) {
        return settings_bad_value(at, "http://HOST[:PORT] or https://HOST[:PORT]", e);
    }
    free(s3->endpoint);
    s3->endpoint = xstrndup(at->value, n);
    return 0;
}

int moves_apply_store(struct job *job, const char *cwd, const struct setting *at, struct err *e)
{
    static const char *const ADDRESSING[] = {"auto", "path", "virtual"};
    static const char *const MOVES[] = {"all", "app-managed"};
    struct s3_settings *s3 = &job->s3;
    int word = 0;
    int rc;
    switch ((int)at->key) {
    case KEY_STORE_KIND: return apply_kind(job, at, e);
    case KEY_STORE_ROOT:
        free(job->store_root);
        job->store_root = path_absolute(cwd, at->value);
        return 0;
    case KEY_STORE_MOVES:
        rc = settings_word(at, MOVES, 2, &word, e);
        job->app_managed_only = word == 1;
        return rc;
    case KEY_STORE_ENDPOINT: return apply_endpoint(s3, at, e);
    case KEY_STORE_REGION: set(&s3->region, at->value); return 0;
    case KEY_STORE_ADDRESSING:
        rc = settings_word(at, ADDRESSING, 3, &word, e);
        s3->addressing = (enum s3_addressing)word;
        return rc;
    case KEY_STORE_CA_BUNDLE:
        free(s3->ca_bundle);
        s3->ca_bundle = path_absolute(cwd, at->value);
        return 0;
    case KEY_STORE_KMS_KEY_ID: set(&s3->kms_key_id, at->value); return 0;
    case KEY_STORE_CONNECTIONS: return count_of(at, 1, 256, &s3->connections, e);
    case KEY_STORE_PART_SIZE: return apply_part_size(s3, at, e);
    case KEY_STORE_RETRIES: return count_of(at, 0, 100, &s3->retries, e);
    case KEY_STORE_TIMEOUT:
        return clock_parse_duration(at->value, &s3->timeout_ns) && s3->timeout_ns >= NS_PER_S
                   ? 0
                   : settings_bad_value(at, "a duration of at least 1s", e);
    default: return 0;
    }
}

/* ---- [input X] and [output X] ---- */

/* What the service listed is the service's: it moves the data, and another path or mode here would
 * only hide them from it. */
static int not_ours(const struct setting *at, const char *origin, struct err *e)
{
    bool place = at->key == KEY_INPUT_LOCAL_PATH || at->key == KEY_INPUT_S3_URI ||
                 at->key == KEY_OUTPUT_LOCAL_PATH || at->key == KEY_OUTPUT_S3_URI;
    return err_set(e, ERR_CONFIG, "%s: %s already has its %s from %s", at->origin, QUOTED(at->name),
                   place ? "paths" : KEY_SPECS[at->key].name, origin);
}

/* The service's own words, which processingjobconfig.json has too. */
static int apply_service_word(struct input *in, const struct setting *at, struct err *e)
{
    static const char *const TYPES[] = {"S3Prefix", "ManifestFile"};
    static const char *const SPREADS[] = {"FullyReplicated", "ShardedByS3Key"};
    static const char *const MODES[] = {"File", "Pipe"};
    static const char *const COMPRESSIONS[] = {"None", "Gzip"};
    int word = 0;
    int rc = 0;
    switch ((int)at->key) {
    case KEY_INPUT_S3_DATA_TYPE:
        rc = settings_word(at, TYPES, 2, &word, e);
        in->data_type = (enum s3_data_type)word;
        break;
    case KEY_INPUT_S3_DATA_DISTRIBUTION_TYPE:
        rc = settings_word(at, SPREADS, 2, &word, e);
        in->distribution = (enum s3_distribution)word;
        break;
    case KEY_INPUT_S3_INPUT_MODE:
        rc = settings_word(at, MODES, 2, &word, e);
        in->mode = (enum s3_input_mode)word;
        break;
    default:
        rc = settings_word(at, COMPRESSIONS, 2, &word, e);
        in->gzip = word == 1;
        break;
    }
    return rc;
}

int moves_apply_input(struct input *in, bool from_service, const struct setting *at, struct err *e)
{
    static const char *const PATHS[] = {"full-key", "relative"};
    struct unpack *unpack = &in->unpack;
    int word = 0;
    int rc;
    switch ((int)at->key) {
    case KEY_INPUT_MANIFEST_PATHS:
        rc = settings_word(at, PATHS, 2, &word, e);
        in->manifest_paths = (enum manifest_paths)word;
        return rc;
    case KEY_INPUT_UNPACK: return settings_switch(at, &unpack->wanted, e);
    case KEY_INPUT_UNPACK_MAX_ENTRIES: return count_of(at, 1, UINT32_MAX, &unpack->max_entries, e);
    case KEY_INPUT_UNPACK_MAX_RATIO: return count_of(at, 1, UINT32_MAX, &unpack->max_ratio, e);
    case KEY_INPUT_UNPACK_MAX_SIZE:
        return number_parse_size(at->value, &unpack->max_size)
                   ? 0
                   : settings_bad_value(at, "a size such as 500M or 20G, or 0 for no limit", e);
    default: break;
    }
    if (from_service) {
        return not_ours(at, in->origin, e);
    }
    switch ((int)at->key) {
    case KEY_INPUT_LOCAL_PATH: set(&in->local_path, at->value); return 0;
    case KEY_INPUT_S3_URI: set(&in->s3_uri, at->value); return 0;
    default: return apply_service_word(in, at, e);
    }
}

/* A marker's or manifest's name becomes part of a key, beside the data. */
static int apply_name(char **place, const struct setting *at, struct err *e)
{
    bool dots = strcmp(at->value, ".") == 0 || strcmp(at->value, "..") == 0;
    if (strcmp(at->value, "none") == 0) {
        free(*place);
        *place = NULL;
        return 0;
    }
    if (strchr(at->value, '/') || dots || strlen(at->value) > 255 ||
        !utf8_valid(at->value, strlen(at->value))) {
        return settings_bad_value(at, "a file's name, or none", e);
    }
    set(place, at->value);
    return 0;
}

int moves_apply_output(struct output *out, bool from_service, const struct setting *at,
                       struct err *e)
{
    static const char *const MODES[] = {"append", "replace", "fail"};
    static const char *const FAILURES[] = {"keep", "publish"};
    static const char *const UPLOADS[] = {"EndOfJob", "Continuous"};
    int word = 0;
    int rc = 0;
    switch ((int)at->key) {
    case KEY_OUTPUT_MODE:
        rc = settings_word(at, MODES, 3, &word, e);
        out->mode = (enum publish_mode)word;
        set(&out->mode_origin, at->origin);
        return rc;
    case KEY_OUTPUT_MARKER: return apply_name(&out->marker, at, e);
    case KEY_OUTPUT_MANIFEST: return apply_name(&out->manifest, at, e);
    case KEY_OUTPUT_ON_FAILURE:
        rc = settings_word(at, FAILURES, 2, &word, e);
        out->publish_failed = word == 1;
        return rc;
    default: break;
    }
    if (from_service) {
        return not_ours(at, out->origin, e);
    }
    switch ((int)at->key) {
    case KEY_OUTPUT_LOCAL_PATH: set(&out->local_path, at->value); return 0;
    case KEY_OUTPUT_S3_URI: set(&out->s3_uri, at->value); return 0;
    default:
        rc = settings_word(at, UPLOADS, 2, &word, e);
        out->upload_mode = (enum s3_upload_mode)word;
        return rc;
    }
}

int moves_check(const struct job *job, const struct settings *settings, struct err *e)
{
    const struct setting *moves = settings_find(settings, KEY_STORE_MOVES, NULL);
    if (job->app_managed_only && job->store_kind == STORE_PLATFORM) {
        return err_set(e, ERR_CONFIG,
                       "%s: moves = app-managed needs kind = s3 or folder: where they are to be "
                       "moved from and to",
                       moves->origin);
    }
    if (job->store_kind == STORE_FOLDER && !job->store_root) {
        const struct setting *kind = settings_find(settings, KEY_STORE_KIND, NULL);
        return err_set(e, ERR_CONFIG, "%s: kind = folder needs root = DIR", kind->origin);
    }
    return 0;
}
