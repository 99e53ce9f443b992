/* SPDX-License-Identifier: MIT
 *
 * The helper: one static program with many small commands, which the harness (conform.c) runs under
 * an init. This file: statuses, reports of what it was given, signals. orphans.c: children.
 */
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { LIFETIME_S = 120 }; /* nothing of us outlives a failed test for long */

void say(int fd, const char *fmt, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n > 0) {
        (void)!write(fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
}

void nap_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

long now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

/* ---- statuses ---- */

/* exit CODE */
static int do_exit(int argc, char **argv)
{
    return argc > 0 ? number(argv[0]) : 0;
}

/* die SIGNAL */
static int do_die(int argc, char **argv)
{
    (void)argc;
    (void)kill(getpid(), number(argv[0]));
    nap_ms(LIFETIME_S * 1000);
    return 99;
}

/* hold: waits to be ended. */
__attribute__((noreturn)) static int do_hold(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say(1, "ready\n");
    for (;;) {
        (void)pause();
    }
}

/* put CODE FILE=TEXT...: writes files. */
static int do_put(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *text = strchr(argv[i], '=');
        *text++ = '\0';
        int fd = open(argv[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
            return 98;
        }
        (void)close(fd);
    }
    return number(argv[0]);
}

/* sparse CODE MEGABYTES FILE...: makes big files of nothing. */
static int do_sparse(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        int fd = open(argv[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || ftruncate(fd, (off_t)number(argv[1]) << 20) != 0) {
            return 98;
        }
        (void)close(fd);
    }
    return number(argv[0]);
}

/* stop CODE: stops itself, exits when continued. */
static int do_stop(int argc, char **argv)
{
    (void)argc;
    (void)raise(SIGSTOP);
    return number(argv[0]);
}

/* ---- reports ---- */

/* report: signal sets, ids, the terminal's foreground group. */
static int do_report(int argc, char **argv)
{
    char line[256];
    (void)argc;
    (void)argv;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0) {
            say(1, "%s", line);
        }
    }
    say(1, "leads %s\n", getpgrp() == getpid() ? "yes" : "no");
    say(1, "group-of-parent %s\n", getpgrp() == getpgid(getppid()) ? "same" : "other");
    say(1, "foreground %s\n", tcgetpgrp(0) == getpgrp() ? "yes" : "no");
    return 0;
}

/* tty: says whether it is in the foreground, waits. */
__attribute__((noreturn)) static int do_tty(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say(1, "ready foreground=%s\n", tcgetpgrp(0) == getpgrp() ? "yes" : "no");
    for (;;) {
        (void)pause();
    }
}

/* fds: the open descriptors in one line. */
static int do_fds(int argc, char **argv)
{
    struct stat st;
    (void)argc;
    (void)argv;
    for (int fd = 0; fd < 1024; fd++) {
        if (fstat(fd, &st) == 0) {
            say(1, "%d ", fd);
        }
    }
    return 0;
}

/* std FILE: what descriptors 0 to 2 are, into FILE. */
static int do_std(int argc, char **argv)
{
    char text[256] = "";
    struct stat null = {0};
    (void)argc;
    (void)stat("/dev/null", &null);
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        size_t n = strlen(text);
        if (fstat(fd, &st) != 0) {
            (void)snprintf(text + n, sizeof text - n, "%d closed\n", fd);
        } else if (st.st_rdev == null.st_rdev) {
            (void)snprintf(text + n, sizeof text - n, "%d null\n", fd);
        } else {
            (void)snprintf(text + n, sizeof text - n, "%d file %llu\n", fd,
                           (unsigned long long)st.st_ino);
        }
    }
    int to = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    say(to, "%s", text);
    return 0;
}

/* unpipe FD: closes an inherited descriptor, waits to be ended. */
static int do_unpipe(int argc, char **argv)
{
    (void)close(number(argv[0]));
    return do_hold(argc, argv);
}

static void dump(char *const *words)
{
    for (; *words; words++) {
        (void)!write(1, *words, strlen(*words) + 1);
    }
}

/* args ...: all words, each with its NUL. */
static int do_args(int argc, char **argv)
{
    (void)argc;
    dump(argv);
    return 0;
}

/* env: the environment, each with its NUL. */
static int do_env(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    dump(environ);
    return 0;
}

/* cwd: the working directory; then waits to be ended. */
static int do_cwd(int argc, char **argv)
{
    char path[4096];
    say(1, "%s\n", getcwd(path, sizeof path) ? path : "?");
    return do_hold(argc, argv);
}

/* alternate N: N lines by turns on stdout and stderr, the last without a newline. */
static int do_alternate(int argc, char **argv)
{
    (void)argc;
    for (int i = 0; i < number(argv[0]); i++) {
        say(1 + i % 2, "%d\n", i);
    }
    say(1, "last bytes");
    return 5;
}

/* ---- signals ---- */

static int block_all(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    return signalfd(-1, &all, SFD_CLOEXEC);
}

/* Prints "NAME SIGNAL" of each signal until stdin ends. */
static void print_signals(const char *name, int fd)
{
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    say(1, "%s ready\n", name);
    while (poll(wait, 2, LIFETIME_S * 1000) > 0) {
        struct signalfd_siginfo info;
        if ((wait[0].revents & POLLIN) && read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
            say(1, "%s %u\n", name, info.ssi_signo);
        } else if (wait[1].revents) {
            return;
        }
    }
}

/* listen: leader (L) and member (M) of a group print each signal until stdin ends. */
static int do_listen(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = block_all();
    pid_t member = fork();
    if (member == 0) {
        (void)close(fd);
        print_signals("M", block_all());
        _exit(0);
    }
    print_signals("L", fd);
    (void)waitpid(member, NULL, 0);
    return 0;
}

/* Each generation prints the stop signal it got, and ends with it only when its child has ended, so
 * that a signal seen is one that was passed on, not one of the leftovers' end. */
static int generation(const char *names)
{
    int fd = block_all();
    struct signalfd_siginfo info;
    pid_t child = names[1] ? fork() : 0;
    if (names[1] && child == 0) {
        (void)close(fd);
        _exit(generation(names + 1));
    }
    say(1, "%c ready\n", *names);
    do {
        if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
            return 98;
        }
        if (info.ssi_signo != SIGCHLD || !names[1]) {
            say(1, "%c %u\n", *names, info.ssi_signo);
        }
    } while (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT);
    for (int i = 0; child > 0 && waitpid(child, NULL, WNOHANG) == 0; i++) {
        if (i > 2000) {
            return 99; /* the child never got it */
        }
        nap_ms(1);
    }
    return 128 + (int)info.ssi_signo;
}

/* tree: parent (A), child (B), grandchild (C) in one group. */
static int do_tree(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return generation("ABC");
}

/* stubborn: prints "SIGNAL at MILLISECONDS" and does not end. */
static int do_stubborn(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = block_all();
    struct signalfd_siginfo info;
    say(1, "ready\n");
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        say(1, "%u at %ld\n", info.ssi_signo, now_ms());
    }
    return 98;
}

/* obey MS CODE: on INT or TERM works for MS, then exits. */
static int do_obey(int argc, char **argv)
{
    (void)argc;
    int fd = block_all();
    struct signalfd_siginfo info;
    say(1, "ready\n");
    do {
        (void)!read(fd, &info, sizeof info);
    } while (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT);
    nap_ms(number(argv[0]));
    return number(argv[1]);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    int words;
} COMMANDS[] = {
    {"exit", do_exit, 0},       {"die", do_die, 1},         {"hold", do_hold, 0},
    {"put", do_put, 1},         {"sparse", do_sparse, 2},   {"stop", do_stop, 1},
    {"report", do_report, 0},   {"tty", do_tty, 0},         {"fds", do_fds, 0},
    {"std", do_std, 1},         {"unpipe", do_unpipe, 1},   {"args", do_args, 0},
    {"env", do_env, 0},         {"cwd", do_cwd, 0},         {"alternate", do_alternate, 1},
    {"listen", do_listen, 0},   {"tree", do_tree, 0},       {"stubborn", do_stubborn, 0},
    {"obey", do_obey, 2},       {"leave", do_leave, 2},     {"orphans", do_orphans, 2},
    {"burst", do_burst, 2},     {"adopted", do_adopted, 0}, {"gone", do_gone, 1},
};

int main(int argc, char **argv)
{
    const char *base = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    (void)alarm(LIFETIME_S);
    if (base && strcmp(base, "true") == 0) { /* sweep.sh's command: few calls of its own */
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0 && argc - 2 >= COMMANDS[i].words) {
            return COMMANDS[i].run(argc - 2, argv + 2);
        }
    }
    return 97;
}
