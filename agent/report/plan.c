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
    bool moved = job_moves(job, in->app_managed) && in->s3_uri && in->dir;
    printf("input        \"%s\" %s %s\n", in->name, in->s3_uri ? in->s3_uri : "(no S3Uri)",
           in->app_managed ? "(app-managed)" : "");
    if (moved && in->mode == INPUT_PIPE) {
        printf("             -> %s/%s_0, a FIFO fed by procagent\n", in->local_path, in->name);
        return;
    }
    printf("             -> %s%s\n", in->local_path ? in->local_path : "(no LocalPath)",
           moved ? ", staged by procagent" : ", brought by the platform");
}

/* Does a layout have {column...}? {{ stands for a brace. */
static bool uses_columns(const char *layout)
{
    for (const char *p = layout; *p; p++) {
        if (p[0] == '{' && p[1] == '{') {
            p++;
        } else if (str_starts(p, "{column.")) {
            return true;
        }
    }
    return false;
}

static const char *format_name(enum data_format format)
{
    switch (format) {
    case FORMAT_BY_NAME: return "by the file's name";
    case FORMAT_CSV: return "CSV";
    case FORMAT_TSV: return "TSV";
    case FORMAT_JSONL: return "JSON Lines";
    }
    return "?";
}

/* How rows are read, as far as it is not the default. */
static void print_table(const struct table *t)
{
    const char delimiter[] = {t->delimiter, '\0'};
    const char quote[] = {t->quote, '\0'};
    printf("             format %s", format_name(t->format));
    if (t->delimiter) {
        printf(", delimiter %s", QUOTED(delimiter));
    }
    if (!t->quote) {
        printf(", no quotes");
    } else if (t->quote != '"') {
        printf(", quote %s", QUOTED(quote));
    }
    if (t->columns.n > 0) {
        printf(", no header, %zu columns named", t->columns.n);
    } else {
        printf(", %s", t->header ? "header" : "no header");
    }
    switch (t->null) {
    case NULL_PARTITION: break;
    case NULL_FAIL: printf(", null is a bad row"); break;
    case NULL_VALUE: printf(", null = %s", QUOTED(t->null_value)); break;
    }
    printf("%s%s%s\n", t->keep_columns ? ", partition columns kept" : "",
           t->reject_bad_rows ? ", bad rows go to _rejected/" : "", t->compress ? ", gzip" : "");
}

static void print_layout(const struct output *out)
{
    bool columns = uses_columns(out->layout);
    printf("             layout %s", out->layout);
    if (out->partition_dir) {
        printf("\n             -> %s/\n", out->partition_dir);
        return;
    }
    if (columns) {
        printf(", each row by its columns");
    }
    if (out->match) {
        printf(", each file by its path: %s", out->match);
    }
    printf("%s\n", columns || out->match ? "" : ": left as it is");
    if (columns) {
        print_table(&out->table);
    }
}

/* How it is published, as far as it is not the default. */
static void print_publication(const struct output *out)
{
    static const char *const MODES[] = {"append", "replace", "fail"};
    bool continuous = out->upload_mode == UPLOAD_CONTINUOUS;
    if (out->mode == PUBLISH_APPEND && !out->marker && !out->manifest && !out->publish_failed &&
        !continuous) {
        return;
    }
    printf("             mode %s%s", MODES[out->mode],
           continuous ? ", while the transform runs" : "");
    if (out->marker) {
        printf(", marker %s", out->marker);
    }
    if (out->manifest) {
        printf(", manifest %s", out->manifest);
    }
    printf("%s\n", out->publish_failed ? ", a failed transform's files below _failed/" : "");
}

static void print_patterns(const char *what, const struct strvec *patterns)
{
    for (size_t i = 0; i < patterns->n; i++) {
        printf("%s %s", i == 0 ? what : ",", patterns->v[i]);
    }
}

static void print_packing(const struct output *out)
{
    static const char *const LEVELS[] = {"", ", fast", ", best"};
    printf("             packed as %s%s", out->pack, LEVELS[out->packing.level]);
    print_patterns("; only", &out->packing.include);
    print_patterns("; not", &out->packing.exclude);
    printf("\n");
}

static void print_output(const struct job *job, const struct output *out)
{
    printf("output       \"%s\" %s%s\n", out->name,
           out->local_path ? out->local_path : "(no LocalPath)",
           out->app_managed ? " (app-managed)" : "");
    if (out->layout) {
        print_layout(out);
    }
    if (out->pack) {
        print_packing(out);
    }
    print_publication(out);
    printf("             -> %s%s\n", out->s3_uri ? out->s3_uri : "(no S3Uri)",
           !job_moves(job, out->app_managed) ? ", uploaded by the platform"
                                             : ", published by procagent");
}

int report_plan(const struct job *job)
{
    printf("job          %s\n", *job->name ? job->name : "(no name)");
    printf("host         %s, %zu of %zu\n", job->current_host, job->host_index + 1, job->hosts.n);
    print_time(job);
    printf("agent.ini    %s\n", job->config_file ? job->config_file : "none");
    printf("ml-root      %s\n", job->ml_root);
    switch (job->store_kind) {
    case STORE_PLATFORM: printf("store        platform\n"); break;
    case STORE_FOLDER: printf("store        folder %s\n", job->store_root); break;
    case STORE_S3:
        printf("store        s3 %s\n", job->s3.endpoint ? job->s3.endpoint : "(Amazon's endpoint)");
        break;
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
