/* SPDX-License-Identifier: MIT
 *
 * Hosts as numbered by the environment. See ranks.h.
 */
#include "config/ranks.h"

#include <stdlib.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/number.h"

/* A numbering: its two variables, and what to do when only one of them is there. */
struct numbering {
    const char *index;
    const char *count;
    const char *without_count;
    const char *without_index;
};

static const struct numbering NUMBERINGS[] = {
    {"AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE",
     "AWS Batch sets both in an array job; set it to the array's size, or unset the other",
     "AWS Batch sets both in an array job; submit the job with an array size, or unset the other"},
    {"AWS_BATCH_JOB_NODE_INDEX", "AWS_BATCH_JOB_NUM_NODES",
     "AWS Batch sets both in a multi-node job; set it to the number of nodes, or unset the other",
     "AWS Batch sets both in a multi-node job; run the job as one, or unset the other"},
    {"JOB_COMPLETION_INDEX", "JOB_COMPLETION_COUNT",
     "Kubernetes does not set it; add it to the container's env, with the value of the Job's "
     "completions",
     "Kubernetes sets it in Jobs with completionMode: Indexed; add that to the Job, or unset the "
     "other"},
};

static int missing(const char *set, const char *value, const char *other, const char *advice,
                   struct err *e)
{
    return err_set(e, ERR_CONFIG, "environment %s is %s, but %s is not set: %s", set, QUOTED(value),
                   other, advice);
}

static int check_numbers(const struct numbering *by, const char *index, const char *count,
                         uint64_t *self, uint64_t *n, struct err *e)
{
    if (!number_parse(count, n) || *n == 0 || *n > RANKS_MAX) {
        return err_set(e, ERR_CONFIG,
                       "environment %s: %s must be the number of hosts, 1 to %d; set it to that",
                       by->count, QUOTED(count), RANKS_MAX);
    }
    if (!number_parse(index, self) || *self >= *n) {
        return err_set(e, ERR_CONFIG,
                       "environment %s: %s must be this host's number, 0 to %llu as %s is %s; mend "
                       "the one that is wrong",
                       by->index, QUOTED(index), (unsigned long long)*n - 1, by->count,
                       QUOTED(count));
    }
    return 0;
}

static void set_hosts(struct job *job, uint64_t self, uint64_t n)
{
    strvec_free(&job->hosts);
    for (uint64_t i = 1; i <= n; i++) {
        strvec_take(&job->hosts, xasprintf("algo-%llu", (unsigned long long)i));
    }
    free(job->current_host);
    job->current_host = xstrdup(job->hosts.v[self]);
    job->host_index = (size_t)self;
}

int ranks_read(struct job *job, char *const *environment, struct err *e)
{
    for (size_t i = 0; i < sizeof NUMBERINGS / sizeof *NUMBERINGS; i++) {
        const struct numbering *by = &NUMBERINGS[i];
        const char *index = env_value(environment, by->index);
        const char *count = env_value(environment, by->count);
        if (!index && !count) {
            continue;
        }
        if (!count) {
            return missing(by->index, index, by->count, by->without_count, e);
        }
        if (!index) {
            return missing(by->count, count, by->index, by->without_index, e);
        }
        uint64_t self = 0;
        uint64_t n = 0;
        int rc = check_numbers(by, index, count, &self, &n, e);
        if (rc == 0) {
            set_hosts(job, self, n);
        }
        return rc;
    }
    return 0;
}
