/* SPDX-License-Identifier: MIT
 *
 * The run stage. See run.h.
 */
#include "run/run.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/env.h"
#include "base/io.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/signals.h"
#include "run/fds.h"
#include "run/spawn.h"
#include "run/supervise.h"
#include "run/tail.h"
#include "run/user.h"

static const char STAGE[] = "run";

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
        if (str_same(out->dir, job->notebook.dir)) {
            continue; /* the notebook's copy is there */
        }
        if (dir_list(AT_FDCWD, out->dir, "", 0, ERR_OUTPUT, &there, &ignored) == 0 && there.n > 0) {
            log_warn(STAGE,
                     "output \"%s\": %s holds %zu file%s from before the transform; they count as "
                     "its output",
                     out->name, out->dir, there.n, there.n == 1 ? "" : "s");
        }
    }
    return 0;
}

/* What the transform is told of the job; names as scripts know them from training containers. */
static void add_job_facts(const struct job *job, struct strvec *out)
{
    char time[48];
    struct str hosts = STR_INIT(0);
    json_t *list = json_array();
    for (size_t i = 0; i < job->hosts.n; i++) {
        str_printf(&hosts, "%s%s", i ? "," : "", job->hosts.v[i]);
        (void)json_array_append_new(list, json_string(job->hosts.v[i]));
    }
    SCOPE_FREE char *hosts_json = json_dumps(list, JSON_COMPACT);
    env_set(out, "PROCAGENT_JOB_NAME", job->name);
    env_set(out, "PROCAGENT_JOB_TIME", clock_format_rfc3339(time, sizeof time, job->time_ns));
    env_set(out, "PROCAGENT_HOST", job->current_host);
    env_set(out, "PROCAGENT_HOSTS", str_text(&hosts));
    env_set(out, "SM_CURRENT_HOST", job->current_host);
    env_set(out, "SM_HOSTS", hosts_json ? hosts_json : "[]");
    if (strcmp(job->ml_root, "/opt/ml") != 0) {
        env_set(out, "PROCAGENT_ML_ROOT", job->ml_root);
    }
    str_free(&hosts);
    json_decref(list);
}

/* The transform's environment: ours without the agent's own settings, the job's facts, the
 * request's Environment, [run] env.NAME; later ones win. HOME follows the user, as docker's
 * does. */
static void build_environment(const struct job *job, const struct user *user, struct strvec *out)
{
    for (size_t i = 0; environ[i]; i++) {
        if (!str_starts(environ[i], "PROCAGENT_")) {
            strvec_add(out, environ[i]);
        }
    }
    if (user) {
        env_set(out, "HOME", user->home);
    }
    add_job_facts(job, out);
    env_merge(out, &job->environment);
}

/* The job's longest time: [run] timeout, and MaxRuntimeInSeconds where no platform looks after
 * it. */
static void set_deadline(const struct job *job)
{
    int64_t limit = job->timeout_ns;
    int64_t max = job->max_runtime_s < INT32_MAX ? (int64_t)job->max_runtime_s * NS_PER_S : 0;
    if (!job_on_platform(job) && max > 0 && (limit == 0 || max < limit)) {
        limit = max;
    }
    if (limit > 0) {
        stop_set_deadline(job->begin_ns + limit);
    }
}

/* The transform must be able to write where its outputs go: the LocalPath itself, not what is in
 * it. */
static int give_output_folders(const struct job *job, const struct user *user, struct err *e)
{
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct output *out = &job->outputs[i];
        if (out->dir && chown(out->dir, user->uid, user->gid) != 0) {
            return err_sys(e, ERR_OUTPUT, errno, "output \"%s\": give %s to user %s", out->name,
                           out->dir, job->user);
        }
    }
    return 0;
}

int run_check(struct job *job, struct err *e)
{
    if (job->command.n == 0 && !job->notebook.wanted) {
        return err_set(e, ERR_CONFIG,
                       "no command to run: give it after \"procagent run --\" or as "
                       "[run] command in agent.ini");
    }
    set_deadline(job);
    if (!job->user) {
        return 0;
    }
    SCOPE(user_free) struct user user = {0};
    if (user_lookup(job->user, "", &user, e) != 0) {
        return err_prefix(e, "%s", job->user_origin);
    }
    if (geteuid() != 0 && (user.uid != geteuid() || user.gid != getegid())) {
        return err_set(e, ERR_CONFIG,
                       "%s: user = %s: only root can run the transform as another user, and "
                       "we are uid %u",
                       job->user_origin, QUOTED(job->user), (unsigned)geteuid());
    }
    return 0;
}

/* From fork to the last leftover. */
static int run_command(struct job *job, const struct user *user, struct tail *tail, struct err *e)
{
    SCOPE(strvec_free) struct strvec environment = {0};
    build_environment(job, user, &environment);
    const char *path = env_get(environment.v, "PATH");
    struct spawn_request request = {.argv = job->command.v,
                                    .envp = environment.v,
                                    .path = path ? path : "/usr/local/bin:/usr/bin:/bin",
                                    .cwd_fd = job->cwd_fd,
                                    .stderr_fd = tail_child_fd(tail),
                                    .user = user,
                                    .no_new_privs = job->no_new_privs};
    SCOPE(family_free) struct family family = {0};
    if (!supervise_prepare(&family)) {
        log_warn(STAGE,
                 "not PID 1 and no subreaper: processes that leave the transform's group cannot "
                 "be waited for, ignored");
    }
    pid_t pid;
    int rc = spawn(&request, &pid, e);
    if (rc != 0) {
        return rc;
    }
    job->transform.started = true;
    tail_started(tail);
    scope_close(&job->cwd_fd);
    job->cwd_fd = -1;
    int keep[] = {signals_fd(), tail->from};
    fds_close_but(keep, 2);
    struct err beside = {0};
    if (job_begin_beside(job, &beside) != 0) {
        (void)kill(getpid(), SIGTERM); /* the usual way to end a job: it waits on the signalfd */
    }
    rc = supervise(pid, &family, job->grace_ns, job->drain_ns, tail, &job->transform, e);
    job->transform.stopped = stop_signal() != 0;
    struct err late = {0};
    if (job_end_beside(job, beside.code ? &late : &beside) != 0 || beside.code) {
        rc = rc ? rc : err_take(e, &beside);
    }
    char line[TAIL_BYTES + 1];
    tail_finish(tail, line, sizeof line);
    env_hide_values(&environment, line, job->transform.last_line, sizeof job->transform.last_line);
    return rc;
}

static void tell_end(const struct job *job)
{
    const struct transform *t = &job->transform;
    char name[16];
    const char *late = t->timed_out ? ", the job's time was over" : "";
    if (t->signo) {
        log_info(STAGE, "%s was ended by %s%s", job->command.v[0],
                 signal_name(name, sizeof name, t->signo), late);
    } else {
        log_info(STAGE, "%s exited with status %d%s", job->command.v[0], t->status, late);
    }
    if (t->leftovers > 0) {
        log_info(STAGE, "waited for %u process%s that the transform left behind", t->leftovers,
                 t->leftovers == 1 ? "" : "es");
    }
}

int run_transform(struct job *job, struct err *e)
{
    SCOPE(user_free) struct user user = {0};
    SCOPE(tail_close) struct tail tail = TAIL_NONE;
    bool other = job->user && geteuid() == 0;
    int rc = other ? user_lookup(job->user, "", &user, e) : 0;
    rc = rc ? rc : make_output_folders(job, e);
    rc = rc || !other ? rc : give_output_folders(job, &user, e);
    rc = rc ? rc : stop_check(e);
    rc = rc ? rc : tail_open(&tail, job->stderr_tail, e);
    rc = rc ? rc : run_command(job, other ? &user : NULL, &tail, e);
    if (rc == 0) {
        tell_end(job);
    }
    return rc;
}
