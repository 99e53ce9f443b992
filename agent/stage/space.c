/* SPDX-License-Identifier: MIT
 *
 * Room for inputs. See space.h.
 */
#include "stage/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

/* One file system that inputs go to. */
struct volume {
    dev_t dev;
    char *where;      /* owned: a folder on it that is there */
    struct str names; /* the inputs', as an error lists them */
    uint64_t need;    /* bytes to stage */
};

struct volumes {
    struct volume *v;
    size_t n;
    dev_t *of_input; /* the file system of each input that has files */
};

static void volumes_free(struct volumes *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->v[i].where);
        str_free(&all->v[i].names);
    }
    free(all->v);
    free(all->of_input);
}

const char *space_text(char *buf, size_t size, uint64_t bytes)
{
    static const char *const UNITS[] = {"kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) {
        (void)snprintf(buf, size, "%llu bytes", (unsigned long long)bytes);
        return buf;
    }
    size_t unit = 0;
    uint64_t tenths = bytes / 100; /* of the unit; cut, never rounded up to what is not there */
    for (; tenths >= 10000 && unit < 4; tenths /= 1000) {
        unit++;
    }
    (void)snprintf(buf, size, "%llu.%llu %s", (unsigned long long)tenths / 10,
                   (unsigned long long)tenths % 10, UNITS[unit]);
    return buf;
}

/* The nearest folder above `dir`, or itself, that is there. Owned by the caller. */
static char *existing(const char *dir, struct stat *st)
{
    char *at = xstrdup(dir);
    while (stat(at, st) != 0 && (errno == ENOENT || errno == ENOTDIR) && at[1] != '\0') {
        char *up = path_parent(at);
        free(at);
        at = up;
    }
    return at;
}

static void add_bytes(uint64_t *sum, uint64_t bytes)
{
    if (__builtin_add_overflow(*sum, bytes, sum)) {
        *sum = UINT64_MAX;
    }
}

/* Finds or makes the volume of an input that has `need` bytes to stage. */
static void add_input(struct volumes *all, const struct input *in, size_t index, uint64_t need)
{
    struct stat st = {0};
    SCOPE_FREE char *where = existing(in->dir, &st);
    struct volume *volume = all->v;
    while (volume < all->v + all->n && volume->dev != st.st_dev) {
        volume++;
    }
    if (volume == all->v + all->n) {
        all->n++;
        *volume = (struct volume){.dev = st.st_dev, .where = TAKE_PTR(where)};
    }
    all->of_input[index] = st.st_dev;
    str_printf(&volume->names, "%s\"%s\"", volume->names.len ? ", " : "", in->name);
    add_bytes(&volume->need, need);
}

/* What is there already and goes when its replacement comes. */
static uint64_t replaced(const struct volumes *all, const struct volume *volume,
                         const struct plan *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->n; i++) {
        struct stat st;
        if (plan->v[i].key && all->of_input[plan->v[i].input] == volume->dev &&
            lstat(plan->v[i].path, &st) == 0 && S_ISREG(st.st_mode)) {
            add_bytes(&sum, (uint64_t)st.st_blocks * 512);
        }
    }
    return sum;
}

static int check_volume(const struct volumes *all, const struct volume *volume,
                        const struct plan *plan, struct err *e)
{
    struct statvfs vfs;
    if (statvfs(volume->where, &vfs) != 0 || vfs.f_blocks == 0) {
        return 0; /* some network file systems do not say */
    }
    uint64_t room = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    uint64_t free_now = room;
    if (volume->need > room) {
        add_bytes(&room, replaced(all, volume, plan));
    }
    if (volume->need <= room) {
        return 0;
    }
    char need[24];
    char there[24];
    return err_set(e, ERR_INPUT,
                   "input %s: %s to stage below %s, %s free: give the job a larger volume "
                   "(VolumeSizeInGB)",
                   str_text(&volume->names), space_text(need, sizeof need, volume->need),
                   volume->where, space_text(there, sizeof there, free_now));
}

int space_check(const struct job *job, const struct plan *plan, struct err *e)
{
    SCOPE(volumes_free)
    struct volumes all = {.v = xcalloc(job->n_inputs + 1, sizeof *all.v),
                          .of_input = xcalloc(job->n_inputs + 1, sizeof *all.of_input)};
    SCOPE_FREE uint64_t *needs = xcalloc(job->n_inputs + 1, sizeof *needs);
    for (size_t i = 0; i < plan->n; i++) {
        add_bytes(&needs[plan->v[i].input], plan->v[i].size);
    }
    for (size_t i = 0; i < job->n_inputs; i++) {
        if (needs[i] > 0) {
            add_input(&all, &job->inputs[i], i, needs[i]);
        }
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < all.n; i++) {
        rc = check_volume(&all, &all.v[i], plan, e);
    }
    return rc;
}
