/* SPDX-License-Identifier: MIT
 *
 * `procagent check`: the plan, as text. See report.h.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "report/report.h"

static void print_words(const struct job *job)
{
    printf("command     ");
    for (size_t i = 0; i < job->command.n; i++) {
        printf(" %s", QUOTED(job->command.v[i]));
    }
    printf("\n            from %s\n", job->command_origin ? job->command_origin : "nowhere");
}

static void print_time(const struct job *job)
{
    char utc[48];
    char local[64];
    struct tm tm;
    tz_localtime(&job->tz, job->time_ns / NS_PER_S, &tm);
    size_t n = strftime(local, sizeof local, "%Y-%m-%d %H:%M:%S %Z", &tm);
    printf("time         %s = %.*s (%s)\n", clock_format_rfc3339(utc, sizeof utc, job->time_ns),
           (int)n, local, job->timezone);
}

static void print_input(const struct job *job, const struct input *in)
{
    bool moved = job->store_kind != STORE_PLATFORM && in->s3_uri && in->dir;
    printf("input        \"%s\" %s %s\n", in->name, in->s3_uri ? in->s3_uri : "(no S3Uri)",
           in->app_managed ? "(app-managed)" : "");
    printf("             -> %s%s\n", in->local_path ? in->local_path : "(no LocalPath)",
           moved ? ", staged by procagent" : ", brought by the platform");
}

static void print_output(const struct job *job, const struct output *out)
{
    printf("output       \"%s\" %s%s\n", out->name,
           out->local_path ? out->local_path : "(no LocalPath)",
           out->app_managed ? " (app-managed)" : "");
    if (out->partition_dir) {
        printf("             layout %s\n", out->layout);
        printf("             -> %s/\n", out->partition_dir);
    } else if (out->match) {
        printf("             layout %s, each file by its path: %s\n", out->layout, out->match);
    } else if (out->layout) {
        printf("             layout %s: left as it is\n", out->layout);
    }
    if (out->pack) {
        printf("             packed as %s\n", out->pack);
    }
    printf("             -> %s%s\n", out->s3_uri ? out->s3_uri : "(no S3Uri)",
           job->store_kind == STORE_PLATFORM ? ", uploaded by the platform"
                                             : ", published by procagent");
}

int report_plan(const struct job *job)
{
    printf("job          %s\n", *job->name ? job->name : "(no name)");
    printf("host         %s, %zu of %zu\n", job->current_host, job->host_index + 1, job->hosts.n);
    print_time(job);
    printf("agent.ini    %s\n", job->config_file ? job->config_file : "none");
    printf("ml-root      %s\n", job->ml_root);
    if (job->store_kind == STORE_PLATFORM) {
        printf("store        platform\n");
    } else {
        printf("store        folder %s\n", job->store_root);
    }
    print_words(job);
    for (size_t i = 0; i < job->n_inputs; i++) {
        print_input(job, &job->inputs[i]);
    }
    for (size_t i = 0; i < job->n_outputs; i++) {
        print_output(job, &job->outputs[i]);
    }
    return fflush(stdout) == 0 ? 0 : -1;
}
