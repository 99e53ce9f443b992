/* SPDX-License-Identifier: MIT
 *
 * The run stage. See run.h.
 */
#include "run/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/signals.h"
#include "run/spawn.h"
#include "run/supervise.h"

static const char STAGE[] = "run";

int run_check(struct job *job, struct err *e)
{
    if (job->command.n == 0) {
        return err_set(e, ERR_CONFIG, "no command to run: give it after \"procagent run --\" or as "
                       "[run] command in agent.ini");
    }
    return 0;
}

/* The platform makes the output folders; a hand-made docker run does not (sagemaker.md 2.7). */
static int make_output_folders(const struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        if (!out->dir) {
            continue;
        }
        if (io_mkdirs(AT_FDCWD, out->dir) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "output \"%s\": create folder %s", out->name,
                           out->dir);
        }
        struct err ignored;
        SCOPE(dir_listing_free) struct dir_listing there = {0};
        if (dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &there, &ignored) == 0 && there.n > 0) {
            log_warn(STAGE,
                     "output \"%s\": %s holds %zu file%s from before the transform; they count as "
                     "its output",
                     out->name, out->dir, there.n, there.n == 1 ? "" : "s");
        }
    }
    return 0;
}

/* The transform's environment: ours, and where /opt/ml is when it is elsewhere. */
static void build_environment(const struct job *job, struct strvec *out)
{
    static const char ML_ROOT[] = "PROCAGENT_ML_ROOT=";
    bool elsewhere = strcmp(job->ml_root, "/opt/ml") != 0;
    for (size_t i = 0; environ[i]; i++) {
        if (!elsewhere || !str_starts(environ[i], ML_ROOT)) {
            strvec_add(out, environ[i]);
        }
    }
    if (elsewhere) {
        strvec_take(out, xasprintf("%s%s", ML_ROOT, job->ml_root));
    }
}

int run_transform(struct job *job, struct err *e)
{
    int rc = make_output_folders(job, e);
    rc = rc ? rc : stop_check(e);
    if (rc != 0) {
        return rc;
    }
    SCOPE(strvec_free) struct strvec environment = {0};
    build_environment(job, &environment);
    const char *path = getenv("PATH");
    struct spawn_request request = {.argv = job->command.v,
                                    .envp = environment.n ? environment.v : (char *[]){NULL},
                                    .path = path ? path : "/usr/local/bin:/usr/bin:/bin",
                                    .cwd_fd = job->cwd_fd};
    bool reaper = supervise_prepare();
    if (!reaper) {
        log_warn(STAGE,
                 "not PID 1 and no subreaper: processes that leave the transform's group cannot "
                 "be waited for, ignored");
    }
    pid_t pid;
    rc = spawn(&request, &pid, e);
    if (rc != 0) {
        return rc;
    }
    job->transform.started = true;
    rc = supervise(pid, job->grace_ns, job->drain_ns, &job->transform, e);
    const struct transform *t = &job->transform;
    if (rc == 0) {
        char name[16];
        if (t->signo) {
            log_info(STAGE, "%s was ended by %s", job->command.v[0],
                     signal_name(name, sizeof name, t->signo));
        } else {
            log_info(STAGE, "%s exited with status %d", job->command.v[0], t->status);
        }
        if (t->leftovers > 0) {
            log_info(STAGE, "waited for %u process%s that the transform left behind", t->leftovers,
                     t->leftovers == 1 ? "" : "es");
        }
    }
    return rc;
}
