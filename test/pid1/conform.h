/* SPDX-License-Identifier: MIT
 *
 * The conformance harness of an init: what its files share. A case starts the init under test (as
 * PID 1 of a new namespace or as an ordinary process) with the helper as its command, in a state
 * of the case's choice, and checks what comes of it. Every wait is for a condition and has a bound.
 */
#ifndef PID1_CONFORM_H
#define PID1_CONFORM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { DIED = 1000 }; /* a status of DIED + n: the init itself was killed by signal n */

struct options {
    bool pid1;         /* --mode pid1 */
    bool peer;         /* --peer: INIT is not procagent */
    bool root;         /* mounts and capabilities are ours to use */
    bool times;        /* --times: say what each case took */
    int tries;         /* --tries: of C09 and C21, 0 = as many as the list asks for */
    int patience_ms;   /* how long an init may take before it counts as hung */
    const char *only;  /* --only C09,C21 */
    char *const *init; /* INIT [ARG...] */
    char *helper;      /* path of the helper */
    char *work;        /* our scratch folder */
    char *ml;          /* --ml-root of the cases that have no outputs */
};
extern struct options opt;

/* ---- conform.c: verdicts ---- */

/* Notes a failure of the running case unless `ok`; returns `ok`. */
__attribute__((format(printf, 2, 3))) bool check(bool ok, const char *fmt, ...);
/* The case cannot be run here. */
__attribute__((format(printf, 1, 2))) void skip(const char *fmt, ...);
/* False as soon as the running case noted a failure. */
bool fine(void);
/* How many failures it noted. */
size_t notes(void);
/* A hang: trying again would take as long. */
void note_hang(void);
/* A case about time: tried up to three times, as a busy machine can spoil it. True = once more. */
bool once_more(int *attempt);

enum {
    AGENT_ONLY = 1u << 0, /* about stages: says nothing of another init */
    PLAIN_ONLY = 1u << 1, /* about what PID 1 need not do */
    ROOT_ONLY = 1u << 2,  /* needs mounts or capabilities */
};

struct conform_case {
    const char *id;   /* "C09" */
    const char *name; /* what is shown */
    void (*run)(int arg);
    int arg;
    unsigned flags;
};
/* Each ends with an empty member. */
extern const struct conform_case STATUS_CASES[], START_CASES[], STDIO_CASES[], SIGNAL_CASES[],
    REAP_CASES[], OUTPUT_CASES[], MESSAGE_CASES[];

/* ---- launch.c: the init under test ---- */

enum { FD_DEFAULT = 0, FD_CLOSED = -1 };

/* How to start it; members left out are the ordinary state: no signal blocked or ignored, /dev/null
 * as stdin, stdout and stderr captured, a session of its own, no other descriptor. */
struct start {
    char *const *command;       /* words of the command, NULL-terminated; see HELP */
    char *const *options;       /* procagent's options, instead of --ml-root of opt.ml */
    char *const *envp;          /* instead of ours */
    const char *cwd;            /* instead of ours */
    void (*before)(void *arg);  /* called last before the exec */
    void *arg;
    int in, out, err;           /* FD_DEFAULT, FD_CLOSED or a descriptor */
    bool bare;                  /* run the command itself, without INIT */
};

struct run {
    pid_t pid;        /* as we see it, from outside the namespace */
    int pidfd;
    int out, err;     /* what it printed, for text_of */
    int64_t began_ns; /* CLOCK_MONOTONIC */
    int64_t ended_ns;
    bool ended;
    int status;
    int strays;       /* processes that came to us: its init left or never adopted them */
};

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})
#define HELP(...) WORDS(opt.helper, __VA_ARGS__)

/* False, with the reason as a failed check, when it could not be started at all. */
bool launch(const struct start *start, struct run *run);
/* Waits for its end at most `ms`; true when it came, then run->status is set. */
bool wait_end(struct run *run, int ms);
/* The same with opt.patience_ms, a hang and another status than `status` being failures. */
bool expect_status(struct run *run, int status, const char *what);
/* Waits until the helper says "ready". */
bool wait_ready(const struct run *run);
/* Ends whatever is left, counts strays, closes. For every launched run, ended or not. */
void finish(struct run *run);
/* launch, expect_status, finish; also expects that no process was left. */
bool run_for_status(const struct start *start, int status, const char *what);
/* The same; a peer may leave processes, which is held against it in C20 and C23 only. */
bool run_and_leave(const struct start *start, int status, const char *what);

/* ---- watch.c: looking at processes and files ---- */

int64_t now_ns(void);
int64_t now_ms(void);
void nap_ms(int ms);
/* Polls until fn(arg) holds, at most `ms`. */
bool wait_for(bool (*fn)(void *arg), void *arg, int ms);
/* What a captured stream holds so far; owned by the caller. */
char *text_of(int fd, size_t *len);
/* Waits until the captured stdout (or stderr) has `needle`. */
bool wait_text(int fd, const char *needle, int ms);
bool has_line(int fd, const char *line);
int count_lines(int fd, const char *line);
/* The first child of a process, or 0. Cheap: it is called in a loop. */
pid_t first_child(pid_t pid);
size_t children_of(pid_t pid, pid_t *out, size_t max);
/* R, S, T, Z...; 0 when there is no such process. */
char process_state(pid_t pid);
bool wait_state(pid_t pid, char state, int ms);
/* Times a process was switched away from; a sleeping process has none. */
long process_switches(pid_t pid);
/* A file's bytes with a NUL behind; NULL when it is not there. Owned by the caller. */
char *read_file(const char *path, size_t *len);
void write_file(const char *path, const void *bytes, size_t n, mode_t mode);
/* printf into the heap. */
__attribute__((format(printf, 1, 2))) char *format(const char *fmt, ...);
void make_folders(const char *path);
void remove_tree(const char *path);
/* Calls fn for every file or folder below; true when any call said so. */
bool any_below(const char *path, bool (*fn)(const char *path, void *arg), void *arg);
/* A name with procagent's prefix for temporary files, below `path`. */
bool temporary_below(const char *path);

/* ---- job.c: jobs with outputs, for procagent ---- */

struct job_dirs {
    char *root;        /* holds the rest */
    char *ml;          /* --ml-root */
    char *out;         /* folder of the output "out" */
    char *in;          /* folder of the input "in" */
    char *store;       /* root of the folder store */
    char *published;   /* where "out" is published: STORE/bucket/out */
    char *inbox;       /* where "in" comes from: STORE/bucket/in */
    char *message;     /* ML/output/message */
    char *options[64]; /* for struct start */
    size_t n;
};
/* A new job with an output; options can be added until it is launched. */
void job_make(struct job_dirs *job);
void job_add(struct job_dirs *job, const char *option);
__attribute__((format(printf, 2, 3))) void job_set(struct job_dirs *job, const char *fmt, ...);
void job_add_input(struct job_dirs *job);
/* For a peer the same folders and no options: it has none. */
void job_remove(struct job_dirs *job);
/* The message file holds `needle`. */
bool message_has(const struct job_dirs *job, const char *needle);
/* No object was published. */
bool nothing_published(const struct job_dirs *job);

/* ---- job.c: for start.before ---- */

/* These end the process when they cannot be done. */
void drop_file_capabilities(void *unused); /* permissions then count for root too */
void refuse_syscall(const int nr[], size_t n, int error);
/* prctl(first argument = option) fails. */
void refuse_prctl(int option, int error);

#endif
