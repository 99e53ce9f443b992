/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/rewrite: both ways of rewriting a folder. What a kill leaves:
 * test_journal.
 */
#include "unit.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/hidden.h"
#include "base/log.h"
#include "base/signals.h"
#include "partition/rewrite.h"

static struct err e;
static const struct scratch *at;
static char out_path[128]; /* "p/out" in the scratch folder: nothing else lies beside it */
static struct dir_listing files;
static struct rewrite *r;
static bool in_child; /* see elsewhere() */

static int setup(void **state)
{
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    (void)snprintf(out_path, sizeof out_path, "%s/p/out", at->path);
    make_parents(at->fd, "p/out/");
    return 0;
}

static int teardown(void **state)
{
    stop_set_deadline(0);
    rewrite_abort(&r);
    dir_listing_free(&files);
    return scratch_remove(state);
}

static void begin(unsigned flags)
{
    dir_listing_free(&files);
    assert_ok(dir_list(AT_FDCWD, out_path, "", 0, ERR_OUTPUT, &files, &e), &e);
    assert_ok(rewrite_open(&r, out_path, &files, flags, &e), &e);
}

static size_t place(const char *path)
{
    for (size_t i = 0; i < files.n; i++) {
        if (strcmp(files.v[i].path, path) == 0) {
            return i;
        }
    }
    if (in_child) {
        _exit(1);
    }
    fail_msg("%s is not listed", path);
    return 0;
}

static void move(const char *from, const char *to)
{
    rewrite_move(r, place(from), to);
}

static ino_t inode(const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(at->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_ino;
}

static void chmod_to(const char *path, mode_t mode)
{
    assert_int_equal(fchmodat(at->fd, path, mode, 0), 0);
}

static const unsigned BOTH[] = {0, REWRITE_IN_PLACE};

/* ---- what a rewrite does ---- */

static void fill_tree(void)
{
    write_text(at->fd, "p/out/a.csv", "a");
    write_text(at->fd, "p/out/b.csv", "b");
    write_text(at->fd, "p/out/gone.csv", "gone");
    write_text(at->fd, "p/out/sub/deep/c.csv", "c");
    write_text(at->fd, "p/out/keep/_x", "x");
    write_text(at->fd, "p/out/.dot", "dot");
    make_parents(at->fd, "p/out/empty/one/");
    assert_int_equal(symlinkat("nowhere", at->fd, "p/out/link"), 0);
    assert_int_equal(mkfifoat(at->fd, "p/out/keep/fifo", 0640), 0);
    chmod_to("p/out/keep/_x", 0604);
    chmod_to("p/out/keep", 02751);
    chmod_to("p/out", 02775);
}

static void test_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(BOTH); i++) {
        fill_tree();
        ino_t a = inode("p/out/a.csv");
        ino_t out = inode("p/out");
        begin(BOTH[i]);
        write_text(rewrite_fd(r), "k=w/new.csv", "new");
        write_text(rewrite_fd(r), "b.csv", "other");
        move("a.csv", "k=v/j=1/a.csv");
        move("sub/deep/c.csv", "k=v/j=2/c.csv");
        rewrite_drop(r, place("gone.csv"));
        rewrite_drop(r, place("b.csv"));
        char *before = tree_text(at->fd, "p");
        assert_contains(before, "out/a.csv=a\n"); /* nothing is seen before the commit */
        assert_lacks(before, " out/k=");
        free(before);
        assert_ok(rewrite_commit(&r, &e), &e);
        assert_null(r);
        assert_int_equal(inode("p/out/k=v/j=1/a.csv"), a);
        assert_int_equal(inode("p/out") == out, BOTH[i] == REWRITE_IN_PLACE);
        mode_t set = umask(0);
        (void)umask(set);
        char *expected = NULL;
        unsigned file = 0100666 & ~set;
        unsigned folder = 0042777 & ~set; /* the group is inherited */
        assert_true(asprintf(&expected,
                             "042775 out\n%06o out/.dot=dot\n%06o out/b.csv=other\n"
                             "%06o out/k=v\n%06o out/k=v/j=1\n%06o out/k=v/j=1/a.csv=a\n"
                             "%06o out/k=v/j=2\n%06o out/k=v/j=2/c.csv=c\n"
                             "%06o out/k=w\n%06o out/k=w/new.csv=new\n"
                             "042751 out/keep\n100604 out/keep/_x=x\n010640 out/keep/fifo\n"
                             "120777 out/link->nowhere\n",
                             file, file, folder, folder, file, folder, file, folder, file) > 0);
        assert_tree(at->fd, "p", expected);
        scratch_remove(state);
        (void)setup(state);
    }
}

static void test_abort_and_stop(void **state)
{
    (void)state;
    fill_tree();
    for (size_t i = 0; i < COUNT(BOTH); i++) {
        for (int stop = 0; stop < 2; stop++) {
            char *before = tree_text(at->fd, "p");
            begin(BOTH[i]);
            write_text(rewrite_fd(r), "k=w/new.csv", "new");
            move("a.csv", "k=v/a.csv");
            rewrite_drop(r, place("b.csv"));
            if (stop) {
                stop_set_deadline(1);
                assert_failed(rewrite_commit(&r, &e), &e, ERR_TIMEOUT, "the job's time is over");
                stop_set_deadline(0);
            } else {
                rewrite_abort(&r);
            }
            assert_null(r);
            assert_tree(at->fd, "p", before);
        }
    }
}

/* Names that two would have: the error says which two, and all is as before. */
static void test_names_that_two_want(void **state)
{
    (void)state;
    static const char *const ERRORS[] = {
        "\"a.csv\" would become \"keep/_x\", which is there already",
        "\"a.csv\" and \"b.csv\" would both become \"k=v/x\"",
        "\"b.csv\" would be written, but is there already",
        "\"a.csv\" would become \"k=v/new\", which is there already",
        "\"a.csv\" would become \"keep\", which is there already",
        "", /* a file is in the way of a folder; the error differs */
    };
    fill_tree();
    for (size_t k = 0; k < COUNT(BOTH) * COUNT(ERRORS); k++) {
        size_t what = k / COUNT(BOTH);
        char *before = tree_text(at->fd, "p");
        begin(BOTH[k % COUNT(BOTH)]);
        if (what == 2) {
            write_text(rewrite_fd(r), "b.csv", "new");
        } else if (what == 3) {
            write_text(rewrite_fd(r), "k=v/new", "new");
        }
        move("a.csv", what == 0   ? "keep/_x"
                      : what == 1 ? "k=v/x"
                      : what == 3 ? "k=v/new"
                      : what == 4 ? "keep"
                      : what == 5 ? "gone.csv/a.csv"
                                  : "k=v/a");
        if (what != 2) {
            move("b.csv", what == 1 ? "k=v/x" : "k=v/b");
        }
        assert_failed(rewrite_commit(&r, &e), &e, ERR_OUTPUT, ERRORS[what]);
        assert_tree(at->fd, "p", before);
    }
}

/* Names change hands: swapped, taken over from what is dropped, passed on in a row. */
static void test_names_change_hands(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(BOTH); i++) {
        fill_tree();
        begin(BOTH[i]);
        move("a.csv", "b.csv");
        move("b.csv", "a.csv");
        move("sub/deep/c.csv", "gone.csv");
        rewrite_drop(r, place("gone.csv"));
        move("keep/_x", "sub/deep/c.csv");
        write_text(rewrite_fd(r), "keep/_x", "new");
        assert_ok(rewrite_commit(&r, &e), &e);
        assert_file(at->fd, "p/out/b.csv", "a");
        assert_file(at->fd, "p/out/a.csv", "b");
        assert_file(at->fd, "p/out/gone.csv", "c");
        assert_file(at->fd, "p/out/sub/deep/c.csv", "x");
        assert_file(at->fd, "p/out/keep/_x", "new");
        assert_int_equal(count_entries(at->fd, "p"), 1);
        scratch_remove(state);
        (void)setup(state);
    }
}

/* A link among the files that stay is not followed when folders are made: it is in the way. */
static void test_links_are_not_followed(void **state)
{
    (void)state;
    make_parents(at->fd, "p/elsewhere/");
    char target[160];
    (void)snprintf(target, sizeof target, "%s/p/elsewhere", at->path);
    write_text(at->fd, "p/out/z.csv", "z");
    assert_int_equal(symlinkat(target, at->fd, "p/out/k=v"), 0);
    char *before = tree_text(at->fd, "p");
    begin(0);
    move("z.csv", "k=v/z.csv");
    assert_failed(rewrite_commit(&r, &e), &e, ERR_OUTPUT, "create the folder ");
    assert_contains(e.text, "/p/out/k=v: File exists");
    assert_tree(at->fd, "p", before);
}

/* Enough for threads, few descriptors; a failure at the very end leaves nothing. */
static void test_many_files(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    char path[64];
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit few = {.rlim_cur = 32, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof path, "p/out/s%02d/%04d", i % 50, i);
        write_text(at->fd, path, path + 6);
    }
    write_text(at->fd, "p/out/zz", "z");
    for (size_t i = 0; i < COUNT(BOTH); i++) {
        char *before = tree_text(at->fd, "p");
        begin(BOTH[i]);
        for (size_t k = 0; k < MANY; k++) {
            (void)snprintf(path, sizeof path, "k=%zu/%zu", k % 70, k);
            rewrite_move(r, k, path);
        }
        move("zz", "k=0/0");
        assert_failed(rewrite_commit(&r, &e), &e, ERR_OUTPUT,
                      "\"s00/0000\" and \"zz\" would both become \"k=0/0\"");
        assert_tree(at->fd, "p", before);
    }
    begin(0);
    for (size_t k = 0; k < MANY; k++) {
        (void)snprintf(path, sizeof path, "k=%zu/%s", k % 70, strrchr(files.v[k].path, '/') + 1);
        rewrite_move(r, k, path);
    }
    assert_ok(rewrite_commit(&r, &e), &e);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(count_entries(at->fd, "p"), 1);
    assert_int_equal(count_entries(at->fd, "p/out"), 71);
    for (size_t k = 0; k < MANY; k += 7) {
        (void)snprintf(path, sizeof path, "p/out/k=%zu/%s", k % 70,
                       strrchr(files.v[k].path, '/') + 1);
        assert_file(at->fd, path, files.v[k].path);
    }
}

static void test_bad_folders(void **state)
{
    (void)state;
    assert_failed(rewrite_open(&r, "/nowhere/at/all", &files, 0, &e), &e, ERR_OUTPUT,
                  "/nowhere/at/all: No such file or directory");
    assert_null(r);
    assert_ok(rewrite_recover("/nowhere/at/all", &e), &e);
    rewrite_abort(&r);
}

/* The folder's name is a link: what it points to is rewritten, the link stays. */
static void test_folder_behind_a_link(void **state)
{
    (void)state;
    write_text(at->fd, "p/out/a.csv", "a");
    assert_int_equal(symlinkat("p/out", at->fd, "link"), 0);
    (void)snprintf(out_path, sizeof out_path, "%s/link", at->path);
    begin(0);
    move("a.csv", "k=v/a.csv");
    assert_ok(rewrite_commit(&r, &e), &e);
    assert_file(at->fd, "link/k=v/a.csv", "a");
    assert_int_equal(count_entries(at->fd, "p"), 1);
    assert_int_equal(count_entries(at->fd, "."), 2);
}

/* A hidden folder that somebody holds keeps its folder from being exchanged. */
static void test_folder_with_a_live_one(void **state)
{
    (void)state;
    struct hidden live = HIDDEN_NONE;
    write_text(at->fd, "p/out/a.csv", "a");
    int out = openat(at->fd, "p/out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(hidden_make(&live, out, "out", &e), &e);
    write_text(live.fd, "file", "alive");
    ino_t before = inode("p/out");
    assert_ok(rewrite_recover(out_path, &e), &e);
    begin(0);
    move("a.csv", "k=v/a.csv");
    assert_ok(rewrite_commit(&r, &e), &e);
    assert_int_equal(inode("p/out"), before);
    assert_file(live.fd, "file", "alive");
    assert_int_equal(count_entries(at->fd, "p/out"), 2);
    assert_int_equal(hidden_remove(&live), 0);
    assert_int_equal(count_entries(at->fd, "p/out"), 1);
    (void)close(out);
}

/* ---- other surroundings: in a process of its own ---- */

/* Runs `f` in a child, as another user or with mounts of its own; a failed assertion there is a
 * failed one here. Skips the test when `enter` cannot. */
static void elsewhere(int (*enter)(void), void (*f)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        in_child = true;
        if (enter() != 0) {
            _exit(77);
        }
        f();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

#define CHECK(condition)                                              \
    do {                                                              \
        if (!(condition)) {                                           \
            (void)fprintf(stderr, "line %d: %s\n", __LINE__, e.text); \
            _exit(1);                                                 \
        }                                                             \
    } while (0)

static int own_mounts(void)
{
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(flags) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return -1;
    }
    /* a descriptor from before sees the mounts from before */
    return dup2(open(at->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), at->fd) < 0;
}

static char *below_out(const char *name)
{
    char *path = NULL;
    CHECK(asprintf(&path, "%s/%s", out_path, name) > 0);
    return path;
}

/* "a.csv" and "s ub/c.csv" move; with "s ub" on a mount. Folders count as empty only there. */
static void rewrite_over_mount(void)
{
    struct stat st;
    const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5, .tv_nsec = 7}};
    CHECK(utimensat(at->fd, "p/out/s ub/c.csv", times, 0) == 0);
    CHECK(fchmodat(at->fd, "p/out/s ub/c.csv", 0640, 0) == 0);
    CHECK(dir_list(AT_FDCWD, out_path, "", 0, ERR_OUTPUT, &files, &e) == 0);
    CHECK(rewrite_open(&r, out_path, &files, 0, &e) == 0);
    ino_t out = inode("p/out");
    move("a.csv", "k=v/a.csv");
    move("s ub/c.csv", "k=v/c.csv");
    rewrite_drop(r, place("s ub/d.csv"));
    CHECK(rewrite_commit(&r, &e) == 0);
    CHECK(inode("p/out") == out);
    CHECK(fstatat(at->fd, "p/out/k=v/c.csv", &st, 0) == 0);
    CHECK(st.st_size == 1 && st.st_mtim.tv_sec == 5 && st.st_mtim.tv_nsec == 7 &&
          (st.st_mode & 07777) == 0640);
    CHECK(exists(at->fd, "p/out/k=v/a.csv") && exists(at->fd, "p/out/s ub/_stay"));
    CHECK(count_entries(at->fd, "p/out") == 2 && count_entries(at->fd, "p/out/s ub") == 1);
    CHECK(count_entries(at->fd, "p") == 1);
}

static void fill_mount(void)
{
    write_text(at->fd, "p/out/a.csv", "a");
    write_text(at->fd, "p/out/s ub/c.csv", "c");
    write_text(at->fd, "p/out/s ub/d.csv", "d");
    write_text(at->fd, "p/out/s ub/_stay", "s");
}

static void over_tmpfs(void)
{
    char *sub = below_out("s ub");
    CHECK(mount("none", sub, "tmpfs", 0, "size=1m") == 0);
    free(sub);
    fill_mount();
    rewrite_over_mount();
}

/* The same device, yet no renames across. */
static void over_bind(void)
{
    char *sub = below_out("s ub");
    char *other = NULL;
    CHECK(asprintf(&other, "%s/other", at->path) > 0);
    CHECK(mount(other, sub, NULL, MS_BIND, NULL) == 0);
    free(sub);
    free(other);
    fill_mount();
    rewrite_over_mount();
}

/* An empty folder below is a mount point: it must not go with the old tree. */
static void over_empty(void)
{
    char *sub = below_out("s ub");
    CHECK(mount("none", sub, "tmpfs", 0, "size=1m") == 0);
    free(sub);
    write_text(at->fd, "p/out/a.csv", "a");
    CHECK(dir_list(AT_FDCWD, out_path, "", 0, ERR_OUTPUT, &files, &e) == 0);
    CHECK(rewrite_open(&r, out_path, &files, 0, &e) == 0);
    move("a.csv", "k=v/a.csv");
    CHECK(rewrite_commit(&r, &e) == 0);
    CHECK(exists(at->fd, "p/out/s ub") && exists(at->fd, "p/out/k=v/a.csv"));
    CHECK(count_entries(at->fd, "p") == 1);
}

static void move_one(void)
{
    ino_t out = inode("p/out");
    CHECK(dir_list(AT_FDCWD, out_path, "", 0, ERR_OUTPUT, &files, &e) == 0);
    CHECK(rewrite_open(&r, out_path, &files, 0, &e) == 0);
    write_text(rewrite_fd(r), "k=w/new", "new");
    move("a.csv", "k=v/a.csv");
    CHECK(rewrite_commit(&r, &e) == 0);
    CHECK(inode("p/out") == out);
    CHECK(exists(at->fd, "p/out/k=w/new") && exists(at->fd, "p/out/k=v/a.csv"));
}

/* The folder itself is a mount point, of the same file system. */
static void is_mount(void)
{
    CHECK(mount(out_path, out_path, NULL, MS_BIND, NULL) == 0);
    move_one();
}

static void test_mount_below(void **state)
{
    (void)state;
    make_parents(at->fd, "p/out/s ub/");
    elsewhere(own_mounts, over_tmpfs);
}

static void test_bind_mount_below(void **state)
{
    (void)state;
    make_parents(at->fd, "other/");
    make_parents(at->fd, "p/out/s ub/");
    elsewhere(own_mounts, over_bind);
}

static void test_empty_mount_below(void **state)
{
    (void)state;
    make_parents(at->fd, "p/out/s ub/");
    elsewhere(own_mounts, over_empty);
}

static void test_mount_point(void **state)
{
    (void)state;
    write_text(at->fd, "p/out/a.csv", "a");
    elsewhere(own_mounts, is_mount);
    assert_int_equal(count_entries(at->fd, "p"), 1);
    assert_int_equal(count_entries(at->fd, "p/out"), 2);
}

static int as_nobody(void)
{
    return geteuid() == 0 ? setgid(65534) != 0 || setuid(65534) != 0 : 0;
}

static void test_parent_that_cannot_be_written(void **state)
{
    (void)state;
    write_text(at->fd, "p/out/a.csv", "a");
    chmod_to(".", 0755);
    chmod_to("p", 0555);
    chmod_to("p/out", 0777);
    elsewhere(as_nobody, move_one);
    chmod_to("p", 0755);
    assert_int_equal(count_entries(at->fd, "p"), 1);
    assert_int_equal(count_entries(at->fd, "p/out"), 2);
}

/* A file of another user's that we may rename but, by fs.protected_hardlinks, not link: the rewrite
 * begins as an exchange and goes on in place. */
static void test_files_that_cannot_be_linked(void **state)
{
    (void)state;
    int fd = open("/proc/sys/fs/protected_hardlinks", O_RDONLY | O_CLOEXEC);
    char on = '0';
    bool known = fd >= 0 && read(fd, &on, 1) == 1;
    (void)close(fd);
    if (geteuid() != 0 || !known || on != '1') {
        skip(); /* needs root and the setting */
    }
    write_text(at->fd, "p/out/a.csv", "a");
    write_text(at->fd, "p/out/z/b.csv", "b");
    assert_int_equal(fchownat(at->fd, "p/out/a.csv", 65534, 65534, 0), 0);
    chmod_to(".", 0755);
    chmod_to("p", 0777);
    chmod_to("p/out", 0777);
    elsewhere(as_nobody, move_one);
    assert_int_equal(count_entries(at->fd, "p"), 1);
    assert_int_equal(count_entries(at->fd, "p/out"), 3);
    assert_file(at->fd, "p/out/z/b.csv", "b");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything),
        TEST(test_abort_and_stop),
        TEST(test_names_that_two_want),
        TEST(test_names_change_hands),
        TEST(test_links_are_not_followed),
        TEST(test_many_files),
        TEST(test_bad_folders),
        TEST(test_folder_behind_a_link),
        TEST(test_folder_with_a_live_one),
        TEST(test_mount_below),
        TEST(test_bind_mount_below),
        TEST(test_empty_mount_below),
        TEST(test_mount_point),
        TEST(test_parent_that_cannot_be_written),
        TEST(test_files_that_cannot_be_linked),
    };
    return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
