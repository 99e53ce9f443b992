/* SPDX-License-Identifier: MIT
 *
 * Signals to processes. See family.h.
 */
#include "run/family.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scope.h"

struct process {
    pid_t pid;
    pid_t parent;
    bool ours;
};

struct processes {
    struct process *v;
    size_t n;
    size_t cap;
};

void family_signal_group(pid_t group, int signo)
{
    if (group > 1) { /* kill(-1) and kill(0) mean everybody and ourselves */
        (void)kill(-group, signo);
    }
}

/* The parent in /proc/PID/stat: the second field behind the last ")", since a name may hold any
 * byte. */
static pid_t read_parent(int proc_fd, const char *pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "%s/stat", pid);
    SCOPE_FD int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0) {
        return -1;
    }
    text[n] = '\0';
    const char *close = strrchr(text, ')');
    if (!close || strlen(close) < 5) {
        return -1;
    }
    return (pid_t)strtol(close + 4, NULL, 10); /* ") S 123" */
}

static void list_processes(struct processes *out)
{
    SCOPE_DIR DIR *dir = opendir("/proc");
    if (!dir) {
        return;
    }
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9') {
            continue;
        }
        pid_t parent = read_parent(dirfd(dir), d->d_name);
        if (parent >= 0) {
            out->v = vec_room(out->v, out->n, &out->cap, sizeof *out->v);
            out->v[out->n++] =
                (struct process){.pid = (pid_t)strtol(d->d_name, NULL, 10), .parent = parent};
        }
    }
}

static bool is_stranger(const struct family *f, pid_t pid)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->strangers[i] == pid) {
            return true;
        }
    }
    return false;
}

/* Marks our children, and then the children of everything marked until nothing new is found. */
static void mark_descendants(struct processes *all, const struct family *f)
{
    pid_t self = getpid();
    bool more = true;
    for (size_t i = 0; i < all->n; i++) {
        all->v[i].ours = all->v[i].parent == self && !is_stranger(f, all->v[i].pid);
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < all->n; i++) {
            for (size_t k = 0; k < all->n && !all->v[i].ours; k++) {
                if (all->v[k].ours && all->v[k].pid == all->v[i].parent) {
                    all->v[i].ours = true;
                    more = true;
                }
            }
        }
    }
}

static void descendants(const struct family *f, struct processes *out)
{
    list_processes(out);
    mark_descendants(out, f);
}

void family_open(struct family *f)
{
    siginfo_t info;
    *f = (struct family){0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        return; /* ECHILD: nobody */
    }
    struct processes all = {0};
    descendants(f, &all);
    pid_t self = getpid();
    f->strangers = xcalloc(all.n + 1, sizeof *f->strangers);
    for (size_t i = 0; i < all.n; i++) {
        if (all.v[i].parent == self) {
            f->strangers[f->n++] = all.v[i].pid;
        }
    }
    free(all.v);
}

void family_free(struct family *f)
{
    free(f->strangers);
    *f = (struct family){0};
}

void family_forget(struct family *f, pid_t pid)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->strangers[i] == pid) {
            f->strangers[i] = f->strangers[--f->n];
            return;
        }
    }
}

void family_signal_all(const struct family *f, int signo)
{
    if (getpid() == 1 && f->n == 0) {
        (void)kill(-1, signo);
        return;
    }
    struct processes all = {0};
    descendants(f, &all);
    for (size_t i = 0; i < all.n; i++) {
        if (all.v[i].ours) {
            (void)kill(all.v[i].pid, signo);
        }
    }
    free(all.v);
}

bool family_gone(const struct family *f)
{
    struct processes all = {0};
    descendants(f, &all);
    bool gone = all.n > 0; /* nothing read: /proc is not there, and nothing is known */
    for (size_t i = 0; i < all.n; i++) {
        gone = gone && !all.v[i].ours;
    }
    free(all.v);
    return gone;
}
