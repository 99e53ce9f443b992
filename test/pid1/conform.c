/* SPDX-License-Identifier: MIT
 *
 * conform: runs the conformance cases C01 to C28 against one init and prints TAP.
 *
 *   conform --mode pid1|plain [--only C09,...] [--tries N] [--peer] [--times] -- INIT [ARG...]
 *
 * for instance  conform --mode pid1 -- build/procagent run --
 *               conform --mode plain --peer --tries 60 -- tini -s -g --
 *
 * In mode pid1 each init is process 1 of a new PID namespace with its own /proc. The cases are in
 * case_*.c. A peer (--peer) is not asked for stages it does not have: "# skip n/a".
 */
#include "conform.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PATIENCE_MS = 20000, PEER_PATIENCE_MS = 3000, MAX_NOTES = 8 };

struct options opt = {.patience_ms = PATIENCE_MS};

/* The running case's. */
static struct {
    char notes[MAX_NOTES][512];
    size_t n;
    bool hung;
    char skipped[256];
} verdict;

bool check(bool ok, const char *fmt, ...)
{
    if (!ok && verdict.n < MAX_NOTES) {
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(verdict.notes[verdict.n++], sizeof *verdict.notes, fmt, ap);
        va_end(ap);
    }
    return ok;
}

void skip(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(verdict.skipped, sizeof verdict.skipped, fmt, ap);
    va_end(ap);
}

bool fine(void)
{
    return verdict.n == 0;
}

size_t notes(void)
{
    return verdict.n;
}

void note_hang(void)
{
    verdict.hung = true;
}

bool once_more(int *attempt)
{
    if (*attempt > 0 && (fine() || *attempt >= 3 || verdict.hung)) {
        return false;
    }
    ++*attempt;
    verdict.n = 0;
    return true;
}

static void print_text(const char *text)
{
    for (; *text; text++) {
        (void)putchar((unsigned char)*text < 0x20 ? '?' : *text);
    }
}

static bool run_case(const struct conform_case *at, int number, const char *no_namespace)
{
    verdict.n = 0;
    verdict.hung = false;
    verdict.skipped[0] = '\0';
    int64_t began = now_ms();
    if (no_namespace) {
        skip("%s", no_namespace);
    } else if (opt.peer && (at->flags & AGENT_ONLY)) {
        skip("n/a: about procagent's stages");
    } else if (opt.pid1 && (at->flags & PLAIN_ONLY)) {
        skip("n/a: about an ordinary process");
    } else if (!opt.root && (at->flags & ROOT_ONLY)) {
        skip("needs root");
    } else {
        at->run(at->arg);
    }
    bool ok = verdict.n == 0;
    (void)printf("%sok %d - %s ", ok ? "" : "not ", number, at->id);
    if (opt.tries > 0 && strstr(at->name, "tries")) {
        (void)printf("[%d tries] ", opt.tries);
    }
    (void)printf("%s (%s)%s%s\n", at->name, opt.pid1 ? "pid 1" : "plain",
                 ok && *verdict.skipped ? " # skip " : "", ok ? verdict.skipped : "");
    for (size_t i = 0; i < verdict.n; i++) {
        (void)printf("# ");
        print_text(verdict.notes[i]);
        (void)putchar('\n');
    }
    if (opt.times) {
        (void)printf("# took %.2f s\n", (double)(now_ms() - began) / 1000);
    }
    (void)fflush(stdout);
    return ok;
}

/* --only C09,C21: an id is in the list. */
static bool wanted(const char *id)
{
    const char *at = opt.only ? strstr(opt.only, id) : NULL;
    return !opt.only || (at && (at[strlen(id)] == ',' || at[strlen(id)] == '\0'));
}

static const struct conform_case *const GROUPS[] = {STATUS_CASES, START_CASES, STDIO_CASES,
                                                    SIGNAL_CASES, REAP_CASES,  OUTPUT_CASES,
                                                    MESSAGE_CASES};

/* Why no namespace can be made, or NULL. */
static const char *probe_namespace(void)
{
    struct run run;
    struct start start = {.command = HELP("exit", "0"), .bare = true};
    bool ok = launch(&start, &run) && wait_end(&run, 10000) && run.status == 0;
    finish(&run);
    return ok ? NULL : "no new PID namespace with its own /proc can be made here";
}

static int run_cases(void)
{
    const char *no_namespace = opt.pid1 ? probe_namespace() : NULL;
    int number = 0;
    int failed = 0;
    for (size_t g = 0; g < sizeof GROUPS / sizeof *GROUPS; g++) {
        for (const struct conform_case *at = GROUPS[g]; at->id; at++) {
            if (wanted(at->id)) {
                failed += !run_case(at, ++number, no_namespace);
            }
        }
    }
    (void)printf("1..%d\n", number);
    return failed ? 1 : 0;
}

/* Cases mount file systems of their own: nobody else need see them. */
static bool private_mounts(void)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void prepare(void)
{
    char self[PATH_MAX] = "";
    struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)syscall(SYS_close_range, 3U, ~0U, 0U);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd) {
            exit(2);
        }
    }
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
        exit(2);
    }
    *strrchr(self, '/') = '\0';
    opt.helper = format("%s/helper", self);
    opt.root = private_mounts();
    const char *tmp = getenv("TMPDIR");
    opt.work = format("%s/conform.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (access(opt.helper, X_OK) != 0 || !mkdtemp(opt.work)) {
        (void)fprintf(stderr, "conform: %s or %s: %s\n", opt.helper, opt.work, strerror(errno));
        exit(2);
    }
    (void)chmod(opt.work, 0755);
    opt.ml = format("%s/ml", opt.work);
    make_folders(opt.ml);
}

/* Cases change folders: INIT as a path from here must be found from there. */
static void resolve_init(char **init)
{
    if (strchr(init[0], '/')) {
        char *full = realpath(init[0], NULL);
        init[0] = full ? full : init[0];
    }
    opt.init = init;
}

static int usage(void)
{
    (void)fputs("usage: conform --mode pid1|plain [--only C09,...] [--tries N] [--peer] [--times] "
                "-- INIT [ARG...]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"mode", required_argument, NULL, 'm'}, {"only", required_argument, NULL, 'o'},
        {"tries", required_argument, NULL, 't'}, {"peer", no_argument, NULL, 'p'},
        {"times", no_argument, NULL, 's'}, {NULL, 0, NULL, 0},
    };
    const char *mode = "";
    for (int c; (c = getopt_long(argc, argv, "+", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case 'm': mode = optarg; break;
        case 'o': opt.only = optarg; break;
        case 't': opt.tries = (int)strtol(optarg, NULL, 10); break;
        case 'p': opt.peer = true; break;
        case 's': opt.times = true; break;
        default: return usage();
        }
    }
    opt.pid1 = strcmp(mode, "pid1") == 0;
    if (optind >= argc || (!opt.pid1 && strcmp(mode, "plain") != 0)) {
        return usage();
    }
    opt.patience_ms = opt.peer ? PEER_PATIENCE_MS : PATIENCE_MS;
    prepare();
    resolve_init(argv + optind);
    int rc = run_cases();
    remove_tree(opt.work);
    return rc;
}
