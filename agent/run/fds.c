/* SPDX-License-Identifier: MIT
 *
 * Letting go of descriptors. See fds.h.
 */
#include "run/fds.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/scope.h"

static bool is_kept(int fd, const int *keep, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (keep[i] == fd) {
            return true;
        }
    }
    return false;
}

/* Kernels before 5.9: one by one, from /proc. */
static void close_listed(const int *keep, size_t n)
{
    SCOPE_DIR DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        int fd = (int)strtol(d->d_name, NULL, 10);
        if (fd > 2 && fd != dirfd(dir) && !is_kept(fd, keep, n)) {
            (void)close(fd);
        }
    }
}

void fds_close_but(const int *keep, size_t n)
{
    unsigned from = 3;
    for (;;) {
        unsigned next = ~0u; /* the lowest kept one from `from` on */
        for (size_t i = 0; i < n; i++) {
            if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next) {
                next = (unsigned)keep[i];
            }
        }
        if (next > from && close_range(from, next == ~0u ? next : next - 1, 0) != 0) {
            close_listed(keep, n);
            return;
        }
        if (next == ~0u) {
            return;
        }
        from = next + 1;
    }
}
