/* SPDX-License-Identifier: MIT
 *
 * procagent: config -> stage -> run -> partition -> pack -> publish -> report, in this order; a
 * notebook is prepared before the run and collected after it. Or partition or a notebook alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/signals.h"
#include "config/args.h"
#include "config/config.h"
#include "job.h"
#include "notebook/notebook.h"
#include "pack/pack.h"
#include "partition/partition.h"
#include "publish/publish.h"
#include "report/report.h"
#include "run/run.h"
#include "stage/stage.h"

enum { EXIT_BAD_CALL = 125 };

static const struct stage STORY[] = {
    {STAGE_INPUTS, stage_check, stage_inputs, stage_begin, stage_end, NULL},
    {STAGE_NOTEBOOK, notebook_check, notebook_prepare, NULL, notebook_end, NULL},
    {STAGE_RUN, run_check, run_transform, NULL, NULL, NULL},
    {STAGE_COLLECT, NULL, notebook_collect, NULL, NULL, notebook_despite},
    {STAGE_PARTITION, partition_check, partition_outputs, NULL, NULL, NULL},
    {STAGE_PACK, pack_check, pack_outputs, NULL, NULL, notebook_despite},
    {STAGE_PUBLISH, publish_check, publish_outputs, publish_begin, publish_end, publish_despite},
};
enum { STORY_LENGTH = sizeof STORY / sizeof *STORY };

static struct job job;

static void last_words(const char *text)
{
    report_last_words(&job, text);
}

static void choose_log_level(const struct args *args)
{
    const char *variable = getenv("PROCAGENT_LOG");
    int level = args->log_level >= 0 ? args->log_level : variable ? log_level_of(variable) : -1;
    if (level >= 0) {
        log_set_level((enum log_level)level);
    }
}

static int say(const char *text)
{
    return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? 0 : EXIT_BAD_CALL;
}

/* The transform gets the working folder we were started in; we keep no mount busy. */
static int leave_working_folder(struct err *e)
{
    job.cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (job.cwd_fd < 0 || chdir("/") != 0) {
        return err_sys(e, ERR_INTERNAL, errno, "the working folder");
    }
    return 0;
}

static int run(const struct args *args)
{
    struct err e = {0};
    mem_last_words(last_words);
    if (config_load(&job, args, environ, &e) != 0 || leave_working_folder(&e) != 0) {
        job_fail(&job, STAGE_CONFIG, &e);
    } else {
        progress_configure(job.progress_ns);
        job_perform(&job, STORY, STORY_LENGTH);
    }
    report_job(&job);
    return job_status(&job);
}

static int check(const struct args *args)
{
    struct err e = {0};
    if (config_load(&job, args, environ, &e) != 0) {
        job_fail(&job, STAGE_CONFIG, &e);
    } else if (job_check(&job, STORY, STORY_LENGTH, &e) == 0 && report_plan(&job) != 0) {
        return EXIT_BAD_CALL;
    }
    return job_status(&job);
}

/* Some stages without a job around them: no message and no report. */
static int perform_alone(const struct args *args, const struct stage *stages, size_t n)
{
    struct err e = {0};
    if (config_load(&job, args, environ, &e) != 0 || leave_working_folder(&e) != 0) {
        job_fail(&job, STAGE_CONFIG, &e);
        return job_status(&job);
    }
    job_perform(&job, stages, n);
    return job_status(&job);
}

static int partition(const struct args *args)
{
    static const struct stage ALONE[] = {
        {STAGE_PARTITION, partition_check, partition_outputs, NULL, NULL, NULL}};
    int status = perform_alone(args, ALONE, sizeof ALONE / sizeof *ALONE);
    if (status == 0 && (args->json || args->dry_run) && report_partitions(&job, args->json) != 0) {
        return EXIT_BAD_CALL;
    }
    return status;
}

/* A notebook without a job around it: no outputs to lay out and publish, no message, no report. */
static int notebook(const struct args *args)
{
    static const struct stage ALONE[] = {
        {STAGE_NOTEBOOK, notebook_check, notebook_prepare, NULL, notebook_end, NULL},
        {STAGE_RUN, run_check, run_transform, NULL, NULL, NULL},
        {STAGE_COLLECT, NULL, notebook_collect, NULL, NULL, notebook_despite},
    };
    return perform_alone(args, ALONE, sizeof ALONE / sizeof *ALONE);
}

int main(int argc, char **argv)
{
    struct err e = {0};
    struct args args;
    int status = EXIT_BAD_CALL;
    if (signals_init(&e) != 0 || args_parse(argc, argv, &args, &e) != 0) {
        log_error(NULL, "%s", e.text);
        return status;
    }
    choose_log_level(&args);
    job_init(&job);
    switch (args.command) {
    case COMMAND_RUN: status = run(&args); break;
    case COMMAND_NOTEBOOK: status = notebook(&args); break;
    case COMMAND_CHECK: status = check(&args); break;
    case COMMAND_PARTITION: status = partition(&args); break;
    case COMMAND_VERSION: status = say("procagent " PROCAGENT_VERSION "\n"); break;
    case COMMAND_HELP: status = say(ARGS_HELP); break;
    }
    job_free(&job);
    args_free(&args);
    return status;
}
