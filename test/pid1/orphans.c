/* SPDX-License-Identifier: MIT
 *
 * The helper's commands that leave processes behind: orphans on a schedule, writers that go on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"

enum { LIFETIME_S = 60 };

/* ---- a writer that outlives its parent ---- */

/* Appends a line every other millisecond. A stubborn one ignores TERM; the others note it, go on
 * for 300 ms, write "end" and leave. */
static void write_on(const char *path, bool stubborn, int ready)
{
    sigset_t set;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    long until = 0;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    say(fd, "begin\n");
    (void)!write(ready, "", 1);
    (void)close(ready);
    for (long end = now_ms() + LIFETIME_S * 1000; now_ms() < end;) {
        struct signalfd_siginfo info;
        say(fd, "a line of a process that is still at work %ld\n", now_ms());
        if (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            say(fd, "TERM\n");
            until = now_ms() + 300;
        }
        if (until > 0 && now_ms() >= until && !stubborn) {
            say(fd, "end\n");
            _exit(0);
        }
        nap_ms(2);
    }
    _exit(0);
}

/* leave member|daemon|stubborn FILE [CODE]: exits while a writer appends to FILE. */
int do_leave(int argc, char **argv)
{
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) != 0) {
        return 98;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ready[0]);
        if (strcmp(argv[0], "member") != 0) { /* a daemon's way: a session of its own, no parent */
            (void)setsid();
            if (fork() != 0) {
                _exit(0);
            }
        }
        write_on(argv[1], strcmp(argv[0], "stubborn") == 0, ready[1]);
    }
    (void)close(ready[1]);
    if (pid < 0 || read(ready[0], &byte, 1) != 1) {
        return 98;
    }
    return argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
}

/* ---- orphans ---- */

/* Processes with parent `parent` other than ourselves: all, and those that are zombies. */
static void count_siblings(pid_t parent, int *all, int *zombies)
{
    DIR *dir = opendir("/proc");
    *all = *zombies = 0;
    for (const struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        char text[512];
        char path[300];
        pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
        (void)snprintf(path, sizeof path, "/proc/%s/stat", d->d_name);
        int fd = pid <= 0 || pid == getpid() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0) {
            (void)close(fd);
        }
        text[n < 0 ? 0 : n] = '\0';
        const char *close_paren = strrchr(text, ')');
        if (close_paren && strtol(close_paren + 4, NULL, 10) == parent) {
            ++*all;
            *zombies += close_paren[2] == 'Z';
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

/* orphans N CODE: N double-forked orphans, every third a session leader, alive for up to 50 ms.
 * Exits with CODE when the init holds no zombie within 1 s of the last orphan's end, else 99. */
int do_orphans(int argc, char **argv)
{
    int count = (int)strtol(argv[0], NULL, 10);
    (void)argc;
    for (int i = 0; i < count; i++) {
        pid_t middle = fork();
        if (middle == 0) {
            if (fork() == 0) {
                if (i % 3 == 0) {
                    (void)setsid();
                }
                nap_ms(i % 50);
            }
            _exit(0);
        }
        if (middle < 0) {
            return 98;
        }
        (void)waitpid(middle, NULL, 0);
    }
    long last_alive = now_ms();
    for (;;) {
        int all;
        int zombies;
        count_siblings(getppid(), &all, &zombies);
        if (all == 0) {
            return (int)strtol(argv[1], NULL, 10);
        }
        if (all > zombies) {
            last_alive = now_ms();
        } else if (now_ms() - last_alive > 1000) {
            say(1, "%d zombies\n", zombies);
            return 99;
        }
        nap_ms(20);
    }
}

/* burst N CODE: ends in the same moment as N orphans. */
int do_burst(int argc, char **argv)
{
    int gate[2];
    char byte;
    int count = (int)strtol(argv[0], NULL, 10);
    (void)argc;
    if (pipe2(gate, O_CLOEXEC) != 0) {
        return 98;
    }
    pid_t middle = fork();
    if (middle == 0) {
        (void)close(gate[1]);
        for (int i = 0; i < count; i++) {
            pid_t orphan = fork();
            if (orphan == 0) {
                (void)!read(gate[0], &byte, 1);
                _exit(0);
            }
            if (orphan < 0) {
                _exit(98);
            }
        }
        _exit(0);
    }
    int status = 0;
    if (middle < 0 || waitpid(middle, &status, 0) != middle || status != 0) {
        return 98;
    }
    (void)close(gate[1]); /* the last writer: all orphans wake */
    _exit((int)strtol(argv[1], NULL, 10));
}

/* adopted: 0 when an orphan of ours becomes a child of our own parent, else 99. */
int do_adopted(int argc, char **argv)
{
    int answer[2];
    pid_t init = getppid();
    char same = 'n';
    (void)argc;
    (void)argv;
    if (pipe2(answer, O_CLOEXEC) != 0) {
        return 98;
    }
    pid_t middle = fork();
    if (middle == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            for (int i = 0; getppid() == parent && i < 5000; i++) {
                nap_ms(1);
            }
            (void)!write(answer[1], getppid() == init ? "y" : "n", 1);
        }
        _exit(0);
    }
    (void)waitpid(middle, NULL, 0);
    (void)close(answer[1]);
    (void)!read(answer[0], &same, 1);
    return same == 'y' ? 0 : 99;
}

/* gone CODE: waits until the processes named in FOREIGN (pids) are gone, zombies too; else 99. */
int do_gone(int argc, char **argv)
{
    const char *pids = getenv("FOREIGN");
    (void)argc;
    for (int i = 0; i < 3000; i++) {
        bool any = false;
        const char *p = pids ? pids : "";
        while (*p) {
            char *end;
            char path[64];
            (void)snprintf(path, sizeof path, "/proc/%ld", strtol(p, &end, 10));
            any = any || access(path, F_OK) == 0;
            p = end + strspn(end, " ");
        }
        if (!any) {
            return (int)strtol(argv[0], NULL, 10);
        }
        nap_ms(1);
    }
    return 99;
}
