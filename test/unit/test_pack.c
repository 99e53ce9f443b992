/* SPDX-License-Identifier: MIT
 *
 * Unit tests of pack/; pack.c is included so that files can change between two reads. Archives are
 * read back by libarchive, and by GNU tar, bsdtar and Python's tarfile where the machine has them.
 */
#include <unistd.h>

static ssize_t read_hooked(int fd, void *buf, size_t n);
#define read(fd, buf, n) read_hooked(fd, buf, n)
#include "../../agent/pack/pack.c"
#undef read
#include "pack/tarball.h"
#include "pack/zipfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

static const int64_t JOB_TIME = 1671981804; /* 2022-12-25T15:23:24Z */
static char dir[64];                        /* the output's folder */
static struct output out;
static struct job job;
static struct err e;

/* What happens at the n-th read of a member. */
static int (*on_read)(unsigned n);
static unsigned reads;

static ssize_t read_hooked(int fd, void *buf, size_t n)
{
    reads++;
    int sys = on_read ? on_read(reads) : 0;
    if (sys != 0) {
        errno = sys;
        return -1;
    }
    return read(fd, buf, n);
}

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, sizeof dir, "%.40s/pack-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) {
        return -1;
    }
    out = (struct output){.name = (char *)(uintptr_t) "note book",
                          .dir = dir,
                          .pack = (char *)(uintptr_t) "output.tar.gz",
                          .pack_origin = (char *)(uintptr_t) "agent.ini:12"};
    job = (struct job){.outputs = &out, .n_outputs = 1, .time_ns = JOB_TIME * NS_PER_S + 640000000};
    e = (struct err){0};
    on_read = NULL;
    reads = 0;
    log_set_level(LOG_ERROR);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dir_remove_tree(AT_FDCWD, dir);
}

static char *in_dir(const char *rel)
{
    return path_join(dir, rel);
}

static void put_bytes(const char *rel, const char *bytes, size_t n, mode_t mode)
{
    SCOPE_FREE char *path = in_dir(rel);
    SCOPE_FREE char *parent = xstrndup(path, (size_t)(path_base(path) - path) - 1);
    assert_int_equal(io_mkdirs(AT_FDCWD, parent), 0);
    SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(io_write_all(fd, bytes, n), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void put(const char *rel, const char *text)
{
    put_bytes(rel, text, strlen(text), 0640);
}

static void put_size(const char *rel, size_t n)
{
    SCOPE_FREE char *bytes = xmalloc(n);
    memset(bytes, 'x', n);
    put_bytes(rel, bytes, n, 0600);
}

static bool there(const char *rel)
{
    SCOPE_FREE char *path = in_dir(rel);
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The bytes of a file; `*n` of them. */
static char *bytes_of(const char *path, size_t *n)
{
    SCOPE(str_free) struct str s = STR_INIT(64u << 20);
    assert_int_equal(io_read_file(AT_FDCWD, path, &s, ERR_INPUT, &e), 0);
    *n = s.len;
    return str_take(&s);
}

/* Nothing of ours is left, not even a temporary. */
static void assert_no_archive(void)
{
    SCOPE_DIR DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *item = readdir(d); item; item = readdir(d)) {
        assert_false(str_starts(item->d_name, OWN_TEMP_PREFIX));
    }
    assert_false(there("output.tar.gz"));
    assert_int_equal(out.members, 0);
    assert_int_equal(out.packed_bytes, 0);
}

static void pack_ok(uint64_t members)
{
    int rc = pack_outputs(&job, &e);
    if (rc != 0) {
        fail_msg("%s", e.text);
    }
    assert_int_equal(out.members, members);
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    struct stat st;
    assert_int_equal(stat(path, &st), members ? 0 : -1);
    assert_true(members == 0 || (uint64_t)st.st_size == out.packed_bytes);
}

/* The tar inside the archive; `*n` bytes. */
static char *tar_bytes(size_t *n)
{
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    SCOPE(str_free) struct str tar = STR_INIT(0);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    assert_int_equal(archive_read_support_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_format_raw(a), ARCHIVE_OK);
    assert_int_equal(archive_read_open_filename(a, path, 65536), ARCHIVE_OK);
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
    char buf[8192];
    la_ssize_t got;
    while ((got = archive_read_data(a, buf, sizeof buf)) > 0) {
        str_add(&tar, buf, (size_t)got);
    }
    assert_int_equal(got, 0);
    (void)archive_read_free(a);
    *n = tar.len;
    return str_take(&tar);
}

struct member {
    const char *name;
    unsigned mode;
    const char *text; /* NULL: any */
};

/* The archive's members, in order, as libarchive reads them. */
static void assert_members(const struct member *want, size_t n)
{
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    assert_int_equal(archive_read_support_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_format_tar(a), ARCHIVE_OK);
    assert_int_equal(archive_read_open_filename(a, path, 65536), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++) {
        /* A warning: the name is not the locale's. */
        assert_in_range(archive_read_next_header(a, &entry) - ARCHIVE_WARN, 0, -ARCHIVE_WARN);
        assert_string_equal(archive_entry_pathname(entry), want[i].name);
        assert_int_equal(archive_entry_mode(entry), S_IFREG | want[i].mode);
        assert_int_equal(archive_entry_mtime(entry), JOB_TIME);
        assert_int_equal(archive_entry_mtime_nsec(entry), 0);
        assert_false(archive_entry_atime_is_set(entry));
        assert_false(archive_entry_ctime_is_set(entry));
        assert_int_equal(archive_entry_uid(entry), 0);
        assert_int_equal(archive_entry_gid(entry), 0);
        assert_true(!archive_entry_uname(entry) || !*archive_entry_uname(entry));
        if (want[i].text) {
            char text[64] = "";
            assert_int_equal(archive_entry_size(entry), strlen(want[i].text));
            assert_true(archive_read_data(a, text, sizeof text - 1) >= 0);
            assert_string_equal(text, want[i].text);
        }
    }
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
    (void)archive_read_free(a);
}

#define TEN(s) s s s s s s s s s s
#define LONG_NAME TEN("0123456789ab")                          /* 120 bytes */
#define LONG_PATH LONG_NAME ".d/" LONG_NAME "/" LONG_NAME ".x" /* 366 bytes */
#define LONG_UTF8 TEN("\xe3\x83\x8e\xe3\x83\xbc\xe3\x83\x88")  /* 90 bytes */

static const struct member ODD_TREE[] = {
    {LONG_NAME, 0644, "l"},
    {LONG_PATH, 0644, "L"},
    {"a b\nc", 0644, "newline"},
    {"bad\xff\xc3name", 0644, "bytes"},
    {"empty", 0644, ""},
    {"qiitasampl.ipynb", 0644, "{}"},
    {"sub-a", 0644, "before sub/"},
    {"sub/.hidden", 0644, "h"},
    {"sub/run.sh", 0755, "#!/bin/sh\n"},
    {"\xe3\x82\xb0\xe3\x83\xa9\xe3\x83\x95/" LONG_UTF8 LONG_UTF8, 0644, "long"},
    {"\xe3\x82\xb0\xe3\x83\xa9\xe3\x83\x95/\xe6\x97\xa5\xe6\x9c\xac.csv", 0644, "1,2\n"},
};
enum { ODD_COUNT = sizeof ODD_TREE / sizeof *ODD_TREE };

static void put_odd_tree(bool backwards)
{
    for (size_t i = 0; i < ODD_COUNT; i++) {
        const struct member *m = &ODD_TREE[backwards ? ODD_COUNT - 1 - i : i];
        put_bytes(m->name, m->text, strlen(m->text), m->mode == 0755 ? 0750 : 0600);
    }
}

static void test_members_come_back(void **state)
{
    (void)state;
    put_odd_tree(false);
    pack_ok(ODD_COUNT);
    assert_members(ODD_TREE, ODD_COUNT);
}

/* Runs a program with the archive's path as $1 and an empty folder as $2; its exit status. */
static int run_shell(const char *script, const char *archive, const char *into)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script, "sh", archive, into, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The tree that a program made of the archive is the tree that was packed. */
static void assert_extracts(const char *program, const char *script)
{
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    SCOPE_FREE char *into = in_dir("extracted");
    assert_int_equal(mkdir(into, 0700), 0);
    int status = run_shell(script, path, into);
    if (status == 77) {
        print_message("# skipped: no %s here\n", program);
        assert_int_equal(dir_remove_tree(AT_FDCWD, into), 0);
        return;
    }
    if (status != 0) {
        fail_msg("%s: exit status %d", program, status);
    }
    SCOPE(dir_listing_free) struct dir_listing list = {0};
    assert_int_equal(dir_list(AT_FDCWD, into, "", 0, ERR_INPUT, &list, &e), 0);
    assert_int_equal(list.n, ODD_COUNT);
    for (size_t i = 0; i < list.n; i++) {
        SCOPE_FREE char *file = path_join(into, list.v[i].path);
        size_t n = 0;
        SCOPE_FREE char *text = bytes_of(file, &n);
        struct stat st;
        assert_string_equal(list.v[i].path, ODD_TREE[i].name);
        assert_string_equal(text, ODD_TREE[i].text);
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, ODD_TREE[i].mode);
        assert_int_equal(st.st_mtime, JOB_TIME);
    }
    assert_int_equal(dir_remove_tree(AT_FDCWD, into), 0);
}

static void test_other_readers(void **state)
{
    (void)state;
    put_odd_tree(false);
    pack_ok(ODD_COUNT);
    mode_t mask = umask(022);
    static const char *const locales[] = {"C", "C.UTF-8"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(setenv("LC_ALL", locales[i], 1), 0);
        assert_extracts(
            "GNU tar",
            "tar --version 2>/dev/null | grep -q 'GNU tar' || exit 77; "
            "tar -xzf \"$1\" -C \"$2\" 2>\"$2/../tar-said\" && "
            /* the one name that is not UTF-8 is all it may remark on */
            "! grep -v \"unknown extended header keyword 'hdrcharset'\" \"$2/../tar-said\"");
        assert_extracts("bsdtar", /* in the C locale it remarks on every name, and exits with 1 */
                        "command -v bsdtar >/dev/null || exit 77; "
                        "bsdtar -xzf \"$1\" -C \"$2\" 2>/dev/null || [ $LC_ALL = C ]");
        assert_extracts(
            "python3",
            "command -v python3 >/dev/null || exit 77; "
            "PYTHONUTF8=1 python3 -W ignore -c 'import sys, tarfile\n"
            "with tarfile.open(sys.argv[1]) as t: t.extractall(sys.argv[2])' \"$1\" \"$2\"");
    }
    (void)unsetenv("LC_ALL");
    (void)umask(mask);
}

static void test_bytes_are_those_of_the_tree(void **state)
{
    (void)state;
    put_odd_tree(false);
    put_size("big", 3 << 20);
    pack_ok(ODD_COUNT + 1);
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    size_t first_n = 0;
    SCOPE_FREE char *first = bytes_of(path, &first_n);
    assert_int_equal(unlink(path), 0);

    /* Written in another order, at another time, under another umask and locale. */
    mode_t mask = umask(077);
    (void)setlocale(LC_ALL, "C.UTF-8");
    put_size("big", 3 << 20);
    put_odd_tree(true);
    pack_ok(ODD_COUNT + 1);
    (void)setlocale(LC_ALL, "C");
    (void)umask(mask);
    size_t second_n = 0;
    SCOPE_FREE char *second = bytes_of(path, &second_n);
    assert_int_equal(first_n, second_n);
    assert_memory_equal(first, second, first_n);
}

static void test_extended_headers_only_where_needed(void **state)
{
    (void)state;
    put("a.csv", "1\n");
    put("sub/" TEN("0123456789") "/b.csv", "2\n"); /* fits ustar's two fields */
    pack_ok(2);
    size_t n = 0;
    SCOPE_FREE char *tar = tar_bytes(&n);
    assert_int_equal(n, 512 * (2 + 2 + 2)); /* header and data, twice; the end */
    assert_int_equal(tar[156], '0');
    assert_int_equal(tar[1024 + 156], '0');
}

static void test_charset_is_marked_only_where_it_is_not_utf8(void **state)
{
    (void)state;
    put("\xe6\x97\xa5.csv", "1\n");
    pack_ok(1);
    size_t n = 0;
    SCOPE_FREE char *tar = tar_bytes(&n);
    assert_int_equal(n, 512 * (2 + 2 + 2));
    assert_int_equal(tar[156], 'x');
    assert_string_equal(tar + 512, "16 path=\xe6\x97\xa5.csv\n");
    assert_string_equal(tar + 1024, "\xe6\x97\xa5.csv"); /* for readers that know no pax */
}

static int count_bytes(void *to, const void *bytes, size_t n, struct err *err)
{
    (void)err;
    str_add(to, bytes, n);
    return 0;
}

static void test_sizes_beyond_ustar(void **state)
{
    (void)state;
    SCOPE(str_free) struct str tar = STR_INIT(1 << 20);
    struct tarball *t = NULL;
    assert_int_equal(tarball_open(&t, JOB_TIME, count_bytes, &tar, &e), 0);
    assert_int_equal(tarball_member(t, "\xe6\x97\xa5", 0600, UINT64_C(9663676416), &e), 0);
    assert_int_equal(tar.len, 1536);
    assert_string_equal(tar.s + 512, "12 path=\xe6\x97\xa5\n19 size=9663676416\n");
    tarball_abort(&t);
    assert_int_equal(tar.len, 1536);
}

static int refuse_bytes(void *to, const void *bytes, size_t n, struct err *err)
{
    (void)bytes;
    size_t *left = to;
    if (n > *left) {
        return err_sys(err, ERR_OUTPUT, EDQUOT, "sink");
    }
    *left -= n;
    return 0;
}

static void test_sink_failure_is_handed_on(void **state)
{
    (void)state;
    for (size_t room = 0; room < 512 * 6; room += 512) {
        struct tarball *t = NULL;
        size_t left = room;
        e = (struct err){0};
        assert_int_equal(tarball_open(&t, JOB_TIME, refuse_bytes, &left, &e), 0);
        int rc = tarball_member(t, "\xe6\x97\xa5", 0600, 3, &e);
        rc = rc ? rc : tarball_data(t, "abc", 3, &e);
        rc = rc ? rc : tarball_finish(&t, &e);
        assert_int_equal(rc, -ERR_OUTPUT);
        assert_int_equal(e.sys, EDQUOT);
        assert_true(str_starts(e.text, "sink: "));
        tarball_abort(&t);
    }
}

static void test_loose_files_go_others_stay(void **state)
{
    (void)state;
    put("a", "1");
    put("deep/er/b", "2");
    put("mixed/c", "3");
    put(OWN_TEMP_PREFIX "0123456789abcdef.tmp", "of a killed run");
    SCOPE_FREE char *link = in_dir("mixed/link");
    SCOPE_FREE char *fifo = in_dir("fifo");
    SCOPE_FREE char *empty = in_dir("empty");
    assert_int_equal(symlink("../a", link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(empty, 0700), 0);
    pack_ok(3);
    assert_false(there("a") || there("deep") || there("mixed/c") || there("empty"));
    assert_false(there(OWN_TEMP_PREFIX "0123456789abcdef.tmp"));
    assert_true(there("mixed/link") && there("fifo"));
    static const struct member want[] = {
        {"a", 0644, "1"}, {"deep/er/b", 0644, "2"}, {"mixed/c", 0644, "3"}};
    assert_members(want, 3);
}

static void test_patterns_choose(void **state)
{
    (void)state;
    put("a.csv", "1");
    put("a.log", "2");
    put("sub/b.csv", "3");
    put("sub/tmp/c.csv", "4");
    strvec_add(&out.packing.include, "*.csv");
    strvec_add(&out.packing.include, "*.json");
    strvec_add(&out.packing.exclude, "sub/tmp/**");
    pack_ok(2);
    static const struct member want[] = {{"a.csv", 0644, "1"}, {"sub/b.csv", 0644, "3"}};
    assert_members(want, 2);
    assert_true(there("a.log") && there("sub/tmp/c.csv"));
    assert_false(there("a.csv") || there("sub/b.csv"));
    strvec_free(&out.packing.include);
    strvec_add(&out.packing.exclude, "*.log");
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    assert_int_equal(unlink(path), 0);
    pack_ok(0); /* all that is left is excluded */
    assert_true(there("a.log") && there("sub/tmp/c.csv"));
    strvec_free(&out.packing.exclude);
}

static void test_nothing_to_pack(void **state)
{
    (void)state;
    pack_ok(0);
    SCOPE_FREE char *sub = in_dir("sub");
    assert_int_equal(mkdir(sub, 0700), 0);
    pack_ok(0);
    SCOPE_FREE char *missing = in_dir("missing");
    out.dir = missing;
    pack_ok(0);
}

static void test_the_archives_own_name(void **state)
{
    (void)state;
    put("output.tar.gz", "of the run before");
    pack_outputs(&job, &e);
    size_t n = 0;
    SCOPE_FREE char *path = in_dir("output.tar.gz");
    SCOPE_FREE char *old = bytes_of(path, &n);
    assert_string_equal(old, "of the run before"); /* alone: nothing to pack, nothing touched */
    put("a", "1");
    put("sub/output.tar.gz", "2");
    pack_ok(2);
    static const struct member want[] = {{"a", 0644, "1"}, {"sub/output.tar.gz", 0644, "2"}};
    assert_members(want, 2);
}

static void test_a_folder_of_the_archives_name(void **state)
{
    (void)state;
    put("output.tar.gz/a", "1");
    put("b", "2");
    assert_int_equal(pack_outputs(&job, &e), -ERR_OUTPUT);
    assert_non_null(strstr(e.text, "output.tar.gz"));
    assert_true(there("output.tar.gz/a") && there("b"));
}

static void test_folder_that_keeps_its_files(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("# skipped: root may remove files from any folder\n");
        skip();
    }
    put("a", "1");
    put("closed/b", "2");
    SCOPE_FREE char *closed = in_dir("closed");
    assert_int_equal(chmod(closed, 0500), 0);
    assert_int_equal(pack_outputs(&job, &e), -ERR_OUTPUT);
    assert_non_null(strstr(e.text, "closed/"));
    assert_no_archive();
    assert_true(there("a") && there("closed/b"));
    assert_int_equal(chmod(closed, 0700), 0);
}

enum { BIG = 1 << 20 };

static int truncate_big(unsigned n)
{
    SCOPE_FREE char *path = in_dir("big");
    return n == 2 && truncate(path, 300000) != 0 ? errno : 0;
}

static int append_to_all(unsigned n)
{
    if (n == 1) {
        put_size("big", BIG + 1);
        put("small", "12345+");
    }
    return 0;
}

static void test_file_that_shrinks(void **state)
{
    (void)state;
    put_size("big", BIG);
    put("small", "12345");
    on_read = truncate_big;
    pack_ok(2);
    size_t n = 0;
    SCOPE_FREE char *tar = tar_bytes(&n);
    assert_int_equal(n, 512 + BIG + 1024 + 1024);
    for (size_t i = 0; i < BIG; i++) {
        assert_int_equal(tar[512 + i], i < 300000 ? 'x' : 0);
    }
    static const struct member want[] = {{"big", 0644, NULL}, {"small", 0644, "12345"}};
    assert_members(want, 2);
}

static void test_file_that_grows(void **state)
{
    (void)state;
    put_size("big", BIG);
    on_read = append_to_all; /* small, which is opened later, is packed as it is then */
    pack_ok(1);
    static const struct member want[] = {{"big", 0644, NULL}};
    assert_members(want, 1);
    size_t n = 0;
    SCOPE_FREE char *tar = tar_bytes(&n);
    assert_int_equal(n, 512 + BIG + 1024);
    assert_int_equal(tar[512 + BIG - 1], 'x');
}

static int fail_third(unsigned n)
{
    return n == 3 ? EIO : 0;
}

static int remove_small(unsigned n)
{
    SCOPE_FREE char *path = in_dir("small");
    return n == 1 && unlink(path) != 0 ? errno : 0;
}

static int fifo_for_small(unsigned n)
{
    SCOPE_FREE char *path = in_dir("small");
    return n == 1 && (unlink(path) != 0 || mkfifo(path, 0600) != 0) ? errno : 0;
}

static void test_file_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        int (*hook)(unsigned n);
        const char *name;
        int sys;
    } cases[] = {{fail_third, "\"big\"", EIO},
                 {remove_small, "\"small\"", ENOENT},
                 {fifo_for_small, "\"small\"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_size("big", BIG);
        put("small", "12345");
        on_read = cases[i].hook;
        reads = 0;
        assert_int_equal(pack_outputs(&job, &e), -ERR_OUTPUT);
        assert_int_equal(e.code, ERR_OUTPUT);
        assert_int_equal(e.sys, cases[i].sys);
        assert_non_null(strstr(e.text, cases[i].name));
        assert_true(str_starts(e.text, "output \"note book\": "));
        assert_no_archive();
        assert_true(there("big"));
        SCOPE_FREE char *small = in_dir("small");
        (void)unlink(small);
    }
}

/* Calls pack_outputs in a process of its own, where `prepare` did its worst. */
static void assert_fails_apart(void (*prepare)(void), int rc, const char *part)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prepare();
        int got = pack_outputs(&job, &e);
        _exit(got != rc ? 1 : !strstr(e.text, part) ? 2 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_no_archive();
    assert_true(there("big") && there("small"));
}

static void limit_file_size(void)
{
    struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGXFSZ, &ignore, NULL);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}

static int terminate(unsigned n)
{
    if (n == 5) {
        (void)raise(SIGTERM);
    }
    return 0;
}

static void stop_on_the_way(void)
{
    (void)signals_init(&e);
    on_read = terminate;
}

static void test_full_disk_and_stop(void **state)
{
    (void)state;
    SCOPE_FREE char *noise = xmalloc(BIG);
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < BIG; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        noise[i] = (char)(seed >> 24);
    }
    put_bytes("big", noise, BIG, 0600);
    put("small", "12345");
    assert_fails_apart(limit_file_size, -ERR_OUTPUT, "\"output.tar.gz\": write: ");
    assert_fails_apart(stop_on_the_way, -ERR_STOPPED, "SIGTERM");
}

static void test_check(void **state)
{
    (void)state;
    static char too_long[300];
    memset(too_long, 'n', sizeof too_long - 1);
    memcpy(too_long + sizeof too_long - 8, ".tar.gz", 8);
    static const struct {
        const char *name;
        const char *part; /* of the message; NULL: the name is good */
    } cases[] = {
        {"output.tar.gz", NULL},
        {"a.tgz", NULL},
        {".x.tar.gz", NULL},
        {"\xe5\x87\xba\xe5\x8a\x9b.tar.gz", NULL},
        {"", "must be a file name"},
        {"..", "must be a file name"},
        {"a/output.tar.gz", "without \"/\""},
        {"/output.tar.gz", "without \"/\""},
        {".procagent-x.tar.gz", "must not begin with"},
        {"output.zip", NULL},
        {"output.tar.zst", NULL},
        {".zip", "before its ending"},
        {"output.ZIP", ".tar.zst or .zip"},
        {"output.zst", ".tar.zst or .zip"},
        {"output.tar", ".tar.zst or .zip"},
        {"output.tar.gz ", ".tar.zst or .zip"},
        {"output.TGZ", ".tar.zst or .zip"},
        {".tgz", "before its ending"},
        {"\xff.tar.gz", "UTF-8"},
        {too_long, "255 bytes"},
        {too_long + 44, NULL}, /* 255 bytes */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        out.pack = (char *)(uintptr_t)cases[i].name;
        e = (struct err){0};
        int rc = pack_check(&job, &e);
        assert_int_equal(rc, cases[i].part ? -ERR_CONFIG : 0);
        assert_int_equal(e.code, cases[i].part ? ERR_CONFIG : ERR_NONE);
        if (cases[i].part &&
            (!strstr(e.text, cases[i].part) || !str_starts(e.text, "agent.ini:12: "))) {
            fail_msg("%s", e.text);
        }
    }
    out.pack = (char *)(uintptr_t) "o.tgz";
    out.upload_mode = UPLOAD_CONTINUOUS;
    assert_int_equal(pack_check(&job, &e), -ERR_CONFIG);
    assert_true(str_starts(e.text, "agent.ini:12: "));
    assert_non_null(strstr(e.text, "use S3UploadMode EndOfJob"));
    out.upload_mode = UPLOAD_END_OF_JOB;
    out.dir = NULL;
    assert_int_equal(pack_check(&job, &e), -ERR_CONFIG);
    assert_true(str_starts(e.text, "agent.ini:12: "));
    out.pack = NULL;
    out.upload_mode = UPLOAD_CONTINUOUS;
    out.packing.origin = (char *)(uintptr_t) "agent.ini:13: pack_level";
    assert_int_equal(pack_check(&job, &e), -ERR_CONFIG);
    assert_true(str_starts(e.text, "agent.ini:13: pack_level: output \"note book\" has no pack"));
    out.packing.origin = NULL;
    assert_int_equal(pack_check(&job, &e), 0);
    assert_int_equal(pack_outputs(&job, &e), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_members_come_back),
        TEST(test_other_readers),
        TEST(test_bytes_are_those_of_the_tree),
        TEST(test_extended_headers_only_where_needed),
        TEST(test_charset_is_marked_only_where_it_is_not_utf8),
        TEST(test_sizes_beyond_ustar),
        TEST(test_sink_failure_is_handed_on),
        TEST(test_loose_files_go_others_stay),
        TEST(test_patterns_choose),
        TEST(test_nothing_to_pack),
        TEST(test_the_archives_own_name),
        TEST(test_a_folder_of_the_archives_name),
        TEST(test_folder_that_keeps_its_files),
        TEST(test_file_that_shrinks),
        TEST(test_file_that_grows),
        TEST(test_file_that_cannot_be_read),
        TEST(test_full_disk_and_stop),
        TEST(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
