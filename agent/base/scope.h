/* SPDX-License-Identifier: MIT
 *
 * Resources that are released by leaving the block they were declared in, in reverse order, errno
 * kept. Hand one out with take_fd / TAKE_PTR; close early with close_now, which reports the failure
 * of close(2) (a written file is not written before its close succeeded).
 */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_close(const int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
    }
}

static inline void scope_free(void *p)
{
    int saved = errno;
    free(*(void **)p);
    errno = saved;
}

static inline void scope_closedir(DIR *const *dir)
{
    if (*dir) {
        int saved = errno;
        (void)closedir(*dir);
        errno = saved;
    }
}

static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Closes now and says whether that worked: 0, or -1 with errno. */
static inline int close_now(int *fd)
{
    return close(take_fd(fd));
}

#define SCOPE_FD __attribute__((cleanup(scope_close)))
#define SCOPE_FREE __attribute__((cleanup(scope_free)))
#define SCOPE_DIR __attribute__((cleanup(scope_closedir)))
#define SCOPE(free_function) __attribute__((cleanup(free_function)))

#define TAKE_PTR(p)                \
    (__extension__({               \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                \
        taken_;                    \
    }))

#endif
