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

/* Marks the children of everything marked until nothing new is found. */
static void mark_descendants(struct processes *all)
{
    pid_t self = getpid();
    bool more = true;
    for (size_t i = 0; i < all->n; i++) {
        all->v[i].ours = all->v[i].parent == self;
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

void family_signal_all(int signo)
{
    if (getpid() == 1) {
        (void)kill(-1, signo);
        return;
    }
    struct processes all = {0};
    list_processes(&all);
    mark_descendants(&all);
    for (size_t i = 0; i < all.n; i++) {
        if (all.v[i].ours) {
            (void)kill(all.v[i].pid, signo);
        }
    }
    free(all.v);
}
