/* SPDX-License-Identifier: MIT
 *
 * Jobs with an output and a folder store, in a folder of their own, and states to start an init in.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "conform.h"

void job_add(struct job_dirs *job, const char *option)
{
    if (job->n + 1 < sizeof job->options / sizeof *job->options) {
        job->options[job->n++] = format("%s", option);
    }
}

void job_set(struct job_dirs *job, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) {
        abort();
    }
    va_end(ap);
    job_add(job, "--set");
    job_add(job, text);
    free(text);
}

void job_make(struct job_dirs *job)
{
    *job = (struct job_dirs){.root = format("%s/job.XXXXXX", opt.work)};
    if (!mkdtemp(job->root)) {
        (void)check(false, "cannot make %s", job->root);
    }
    (void)chmod(job->root, 0755);
    job->ml = format("%s/ml", job->root);
    job->out = format("%s/processing/out", job->ml);
    job->in = format("%s/processing/in", job->ml);
    job->store = format("%s/store", job->root);
    job->published = format("%s/bucket/out", job->store);
    job->inbox = format("%s/bucket/in", job->store);
    job->message = format("%s/output/message", job->ml);
    make_folders(job->out);
    make_folders(job->inbox);
    job_add(job, "--ml-root");
    job_add(job, job->ml);
    job_set(job, "store.kind=folder");
    job_set(job, "store.root=%s", job->store);
    job_set(job, "output.out.local_path=/opt/ml/processing/out");
    job_set(job, "output.out.s3_uri=s3://bucket/out");
}

void job_add_input(struct job_dirs *job)
{
    job_set(job, "input.in.local_path=/opt/ml/processing/in");
    job_set(job, "input.in.s3_uri=s3://bucket/in");
}

void job_remove(struct job_dirs *job)
{
    remove_tree(job->root);
    for (size_t i = 0; i < job->n; i++) {
        free(job->options[i]);
    }
    char *const all[] = {job->root,  job->ml,        job->out,   job->in,
                         job->store, job->published, job->inbox, job->message};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
}

bool message_has(const struct job_dirs *job, const char *needle)
{
    char *text = read_file(job->message, NULL);
    bool found = text && strstr(text, needle);
    free(text);
    return found;
}

static bool any_file(const char *path, void *arg)
{
    struct stat st;
    (void)arg;
    return lstat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

bool nothing_published(const struct job_dirs *job)
{
    return !any_below(job->published, any_file, NULL);
}

/* ---- states ---- */

void drop_file_capabilities(void *unused)
{
    (void)unused;
    if (prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) != 0 ||
        prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) != 0) {
        _exit(97);
    }
}

static void install(struct sock_filter *code, size_t n)
{
    struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(97);
    }
}

#define LOAD(field)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define SKIP_UNLESS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, (n))

void refuse_syscall(const int nr[], size_t n, int error)
{
    struct sock_filter code[32] = {LOAD(nr)};
    size_t at = 1;
    for (size_t i = 0; i < n && i < 15; i++) {
        code[at++] = (struct sock_filter)SKIP_UNLESS(nr[i], 1);
        code[at++] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | (unsigned)error);
    }
    code[at++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    install(code, at);
}

void refuse_prctl(int option, int error)
{
    struct sock_filter code[] = {
        LOAD(nr),      SKIP_UNLESS(SYS_prctl, 3),
        LOAD(args[0]), SKIP_UNLESS(option, 1),
        RETURN(SECCOMP_RET_ERRNO | (unsigned)error), RETURN(SECCOMP_RET_ALLOW),
    };
    install(code, sizeof code / sizeof *code);
}
