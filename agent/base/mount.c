/* SPDX-License-Identifier: MIT
 *
 * Mount points. See mount.h.
 */
#include "base/mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

/* Some hundred bytes a line; a machine of ten thousand containers has a hundred thousand lines. */
static const size_t MOUNTINFO_MAX = 64u << 20;

static bool is_octal(const char *p)
{
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

/* The kernel writes blanks, newlines and backslashes as \040. In place. */
static void unescape(char *s)
{
    char *to = s;
    for (const char *p = s; *p;) {
        if (p[0] == '\\' && is_octal(p + 1)) {
            *to++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
            p += 4;
        } else {
            *to++ = *p++;
        }
    }
    *to = '\0';
}

/* The fifth field of a line of mountinfo (proc(5)); NULL at an odd line. Cuts the line up. */
static char *mount_point(char *line)
{
    char *save = line;
    char *field = NULL;
    for (int i = 0; i < 5; i++) {
        field = strsep(&save, " ");
    }
    if (field) {
        unescape(field);
    }
    return field;
}

/* 0, with the absolute mount points that are `dir` or lie below; -1 when the kernel does not
 * tell. */
static int read_mounts(const char *dir, struct strvec *out)
{
    struct err ignored;
    SCOPE(str_free) struct str text = STR_INIT(MOUNTINFO_MAX);
    if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", &text, ERR_INTERNAL, &ignored) != 0) {
        return -1;
    }
    char *rest = text.s;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        const char *point = mount_point(line);
        if (point && path_within(point, dir)) {
            strvec_add(out, point);
        }
    }
    return 0;
}

bool mount_is_root(int fd, const char *dir)
{
    struct statx sx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) == 0 &&
        (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)) {
        return sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    }
    /* before Linux 5.8 */
    SCOPE(strvec_free) struct strvec mounts = {0};
    bool is = read_mounts(dir, &mounts) != 0;
    for (size_t i = 0; i < mounts.n; i++) {
        is = is || strcmp(mounts.v[i], dir) == 0;
    }
    return is;
}

void mounts_below(const char *dir, struct strvec *out)
{
    SCOPE(strvec_free) struct strvec mounts = {0};
    (void)read_mounts(dir, &mounts);
    size_t n = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    for (size_t i = 0; i < mounts.n; i++) {
        if (strlen(mounts.v[i]) > n + 1) {
            strvec_add(out, mounts.v[i] + n + 1);
        }
    }
}
