/* SPDX-License-Identifier: MIT
 *
 * Looks at processes (through /proc, from outside the namespace) and at files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "conform.h"

int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t now_ms(void)
{
    return now_ns() / 1000000;
}

void nap_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

bool wait_for(bool (*fn)(void *arg), void *arg, int ms)
{
    int64_t end = now_ms() + ms;
    for (;;) {
        if (fn(arg)) {
            return true;
        }
        if (now_ms() > end) {
            return false;
        }
        nap_ms(1);
    }
}

/* ---- text ---- */

static char *slurp(int fd, size_t *len)
{
    size_t cap = 4096;
    size_t n = 0;
    char *text = malloc(cap + 1);
    ssize_t got;
    while (text && (got = pread(fd, text + n, cap - n, (off_t)n)) > 0) {
        n += (size_t)got;
        if (n == cap) {
            cap *= 4;
            char *larger = realloc(text, cap + 1);
            if (!larger) {
                abort();
            }
            text = larger;
        }
    }
    if (!text) {
        abort();
    }
    text[n] = '\0';
    if (len) {
        *len = n;
    }
    return text;
}

char *text_of(int fd, size_t *len)
{
    return slurp(fd, len);
}

struct needle {
    int fd;
    const char *text;
};

static bool has_needle(void *arg)
{
    const struct needle *needle = arg;
    char *text = slurp(needle->fd, NULL);
    bool found = strstr(text, needle->text) != NULL;
    free(text);
    return found;
}

bool wait_text(int fd, const char *needle, int ms)
{
    struct needle arg = {fd, needle};
    return wait_for(has_needle, &arg, ms);
}

int count_lines(int fd, const char *line)
{
    char *text = slurp(fd, NULL);
    size_t n = strlen(line);
    int found = 0;
    for (char *p = text; *p; p++) {
        size_t len = strcspn(p, "\n");
        found += len == n && memcmp(p, line, n) == 0;
        p += len;
        if (*p == '\0') {
            break;
        }
    }
    free(text);
    return found;
}

bool has_line(int fd, const char *line)
{
    return count_lines(fd, line) > 0;
}

char *format(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&out, fmt, ap) < 0) {
        abort();
    }
    va_end(ap);
    return out;
}

/* ---- processes ---- */

static ssize_t read_proc(pid_t pid, const char *what, char *buf, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    buf[n < 0 ? 0 : n] = '\0';
    return n;
}

size_t children_of(pid_t pid, pid_t *out, size_t max)
{
    char what[32];
    char text[4096];
    size_t n = 0;
    (void)snprintf(what, sizeof what, "task/%d/children", (int)pid);
    (void)read_proc(pid, what, text, sizeof text);
    for (char *p = text; n < max;) {
        char *end;
        long value = strtol(p, &end, 10);
        if (end == p || *end != ' ') {
            break; /* the end, or a number that was cut */
        }
        out[n++] = (pid_t)value;
        p = end;
    }
    return n;
}

pid_t first_child(pid_t pid)
{
    pid_t child = 0;
    return children_of(pid, &child, 1) == 1 ? child : 0;
}

char process_state(pid_t pid)
{
    char text[1024];
    if (read_proc(pid, "stat", text, sizeof text) <= 0) {
        return 0;
    }
    const char *close = strrchr(text, ')');
    return close && close[1] ? close[2] : '\0';
}

bool wait_state(pid_t pid, char state, int ms)
{
    int64_t end = now_ms() + ms;
    while (process_state(pid) != state) {
        if (now_ms() > end) {
            return false;
        }
        nap_ms(1);
    }
    return true;
}

long process_switches(pid_t pid)
{
    char text[8192];
    long sum = 0;
    (void)read_proc(pid, "status", text, sizeof text);
    for (const char *p = text; (p = strstr(p, "voluntary_ctxt_switches:")); p++) {
        sum += strtol(strchr(p, ':') + 1, NULL, 10); /* also finds "nonvoluntary" */
    }
    return sum;
}

/* ---- files ---- */

char *read_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    char *text = slurp(fd, len);
    (void)close(fd);
    return text;
}

void write_file(const char *path, const void *bytes, size_t n, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || fchmod(fd, mode) != 0) {
        (void)check(false, "cannot write %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void make_folders(const char *path)
{
    char *copy = format("%s/", path);
    for (char *p = copy + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        (void)mkdir(copy, 0755);
        *p = '/';
    }
    free(copy);
}

bool any_below(const char *path, bool (*fn)(const char *path, void *arg), void *arg)
{
    DIR *dir = opendir(path);
    bool any = false;
    for (const struct dirent *d = dir ? readdir(dir) : NULL; d && !any; d = readdir(dir)) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) {
            continue;
        }
        char *below = format("%s/%s", path, d->d_name);
        any = (d->d_type == DT_DIR && any_below(below, fn, arg)) || fn(below, arg);
        free(below);
    }
    if (dir) {
        (void)closedir(dir);
    }
    return any;
}

static bool remove_one(const char *path, void *arg)
{
    (void)arg;
    if (unlink(path) != 0) {
        (void)rmdir(path);
    }
    return false;
}

void remove_tree(const char *path)
{
    (void)any_below(path, remove_one, NULL);
    (void)rmdir(path);
}

static bool is_temporary(const char *path, void *arg)
{
    static const char PREFIX[] = ".procagent";
    (void)arg;
    return strncmp(strrchr(path, '/') + 1, PREFIX, sizeof PREFIX - 1) == 0;
}

bool temporary_below(const char *path)
{
    return any_below(path, is_temporary, NULL);
}
