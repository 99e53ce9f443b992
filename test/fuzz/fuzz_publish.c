/* SPDX-License-Identifier: MIT
 *
 * publish's reading of names: partitions and hidden parts of keys, hosts' names in them, and plans.
 * Lines 1 and 2: the names of two hosts; each further line: a file's path.
 */
#include "base/path.h"
#include "base/utf8.h"
#include "config/json.h"
#include "fuzz.h"
#include "publish/hosts.h"
#include "publish/items.h"
#include "publish/modes.h"

enum { MOST_FILES = 64 };

static void check_partition(const char *path)
{
    size_t n = modes_partition(path);
    REQUIRE(n <= strlen(path) && (n == 0 || path[n] == '/'));
    for (size_t at = 0; at < n;) { /* every part has something before its '=' */
        size_t part = strcspn(path + at, "/");
        const char *equals = memchr(path + at, '=', part);
        REQUIRE(equals && equals > path + at);
        at += part + 1;
    }
    if (n > 0) { /* the next part, when there is one, is none of it */
        size_t next = strcspn(path + n + 1, "/");
        const char *equals = memchr(path + n + 1, '=', next);
        REQUIRE(path[n + 1 + next] != '/' || !equals || equals == path + n + 1);
    }
    bool hidden = *path == '_' || *path == '.' || strstr(path, "/_") || strstr(path, "/.");
    REQUIRE(modes_hidden(path) == hidden);
}

static void be_host(struct job *job, size_t i)
{
    job->host_index = i;
    free(job->current_host);
    job->current_host = xstrdup(job->hosts.v[i]);
}

/* No key can be two hosts' own. */
static void check_hosts(struct job *job, const char *path)
{
    size_t owner = hosts_owner(job, path);
    unsigned may = 0;
    unsigned own = 0;
    for (size_t i = 0; i < job->hosts.n; i++) {
        be_host(job, i);
        char *marked = hosts_mark(job, path);
        size_t folder = (size_t)(path_base(path) - path);
        REQUIRE(strncmp(marked, path, folder) == 0 && !strchr(marked + folder, '/'));
        REQUIRE(strlen(marked) >= strlen(path));
        REQUIRE((owner == i) == (strcmp(marked, path) == 0));
        may += hosts_may_replace(job, path);
        own += hosts_marked(job, path);
        free(marked);
    }
    REQUIRE(owner <= job->hosts.n && may == 1 && own == (owner < job->hosts.n));
}

static void check_plan(struct job *job, char *const *paths, size_t n)
{
    struct items plan = {0};
    struct err e = {0};
    REQUIRE(items_begin(&plan, job, NULL, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        struct dir_entry file = {.path = paths[i], .size = i};
        items_add(&plan, job, 0, &file);
    }
    items_add_ends(&plan, job, 0);
    int rc = items_check(&plan, job, ERR_OUTPUT, &e);
    if (rc != 0) {
        require_error(rc, &e);
    }
    for (size_t i = 0; rc == 0 && i < plan.n; i++) {
        const struct item *at = &plan.v[i];
        REQUIRE(items_find(&plan, "b", at->key) == at);
        REQUIRE(items_relative(&plan, 0, at->key) && hosts_marked(job, at->key));
        REQUIRE(strlen(at->key) <= S3_KEY_MAX && utf8_valid(at->key, strlen(at->key)));
    }
    items_free(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job job;
    char *paths[MOST_FILES];
    size_t n = 0;
    char *first = fuzz_line(&data, &size);
    char *second = fuzz_line(&data, &size);
    bool usable = *first && *second && strcmp(first, second) != 0 && !strchr(first, '/') &&
                  !strchr(second, '/');
    job_init(&job);
    job.store_kind = STORE_FOLDER;
    free(job.hosts.v[0]);
    job.hosts.v[0] = xstrdup(usable ? first : "algo-1");
    strvec_add(&job.hosts, usable ? second : "algo-2");
    struct output *out = job_add_output(&job, "o");
    out->origin = xstrdup("job.json:1:2");
    out->dir = xstrdup("/nowhere");
    out->s3_uri = xstrdup("s3://b/p");
    out->marker = xstrdup("_SUCCESS");
    while (size > 0 && n < MOST_FILES) {
        char *path = fuzz_line(&data, &size);
        check_partition(path);
        check_hosts(&job, path);
        paths[n++] = path;
    }
    be_host(&job, 0);
    check_plan(&job, paths, n);
    for (size_t i = 0; i < n; i++) {
        free(paths[i]);
    }
    free(first);
    free(second);
    job_free(&job);
    return 0;
}
