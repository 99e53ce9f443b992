/* SPDX-License-Identifier: MIT
 *
 * stage/unpack: bytes as an archive of each kind. Whatever they are, the folder then holds either
 * the archive and nothing else or what came out, counted; what lies beside the folder is untouched;
 * every link leads to something below it. The first byte chooses the kind, '0' being the first; the
 * rest is the archive.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "fuzz.h"
#include "stage/unpack.h"

static const char *const NAMES[] = {"a.tar.gz", "a.tgz", "a.tar.zst", "a.tar", "a.zip", "a.gz"};
enum { N_NAMES = sizeof NAMES / sizeof *NAMES, MAX_BYTES = 1 << 20 };

static int folder = -1;
static char folder_path[] = "/tmp/procagent-fuzz-XXXXXX";

static void remove_folder(void)
{
    (void)dir_remove_tree(AT_FDCWD, folder_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    REQUIRE(mkdtemp(folder_path));
    folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(folder >= 0);
    (void)atexit(remove_folder);
    return 0;
}

static void write_archive(const char *path, const uint8_t *data, size_t size)
{
    int fd = openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, data, size) == (ssize_t)size);
    (void)close(fd);
}

/* The link, followed as text from its own folder, stays below the folder, and so does the way the
 * kernel takes. */
static void check_link(const char *path)
{
    char target[PATH_MAX + 1];
    char real[PATH_MAX];
    char whole[2 * PATH_MAX];
    (void)snprintf(whole, sizeof whole, "%s/in/%s", folder_path, path);
    ssize_t n = readlink(whole, target, sizeof target - 1);
    REQUIRE(n > 0);
    target[n] = '\0';
    REQUIRE(target[0] != '/');
    (void)snprintf(whole, sizeof whole, "%s/in", folder_path);
    size_t len = strlen(whole);
    (void)snprintf(whole + len, sizeof whole - len, "/%s", path);
    if (realpath(whole, real)) {
        REQUIRE(strncmp(real, whole, len) == 0 && (real[len] == '/' || real[len] == '\0'));
    }
}

/* What came out is what was counted. */
static void check_tree(const struct dir_listing *all, uint64_t files, uint64_t bytes)
{
    uint64_t found = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct dir_entry *at = &all->v[i];
        REQUIRE(S_ISREG(at->mode) || S_ISLNK(at->mode) || S_ISDIR(at->mode));
        REQUIRE((at->mode & 07000) == 0);
        REQUIRE(strncmp(at->path, OWN_TEMP_PREFIX, strlen(OWN_TEMP_PREFIX)) != 0);
        REQUIRE(!strstr(at->path, "/" OWN_TEMP_PREFIX));
        found += !S_ISDIR(at->mode);
        sum += S_ISREG(at->mode) ? at->size : 0;
        if (S_ISLNK(at->mode)) {
            check_link(at->path);
        }
    }
    REQUIRE(found == files);
    REQUIRE(sum >= bytes && bytes <= MAX_BYTES); /* a hard link's size counts once */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *name = NAMES[(uint8_t)(data[0] - '0') % N_NAMES];
    char path[64];
    (void)snprintf(path, sizeof path, "%s/in/%s", folder_path, name);
    REQUIRE(mkdirat(folder, "in", 0755) == 0);
    write_archive(path, data + 1, size - 1);
    struct unpack_limits limits = {.max_entries = 100, .max_bytes = MAX_BYTES, .max_ratio = 1000};
    uint64_t files = 0;
    uint64_t bytes = 0;
    struct err e = {0};
    struct dir_listing all = {0};
    struct dir_listing top = {0};
    int rc = unpack_file(path, &limits, &files, &bytes, &e);
    struct err ignored;
    unsigned flags = DIR_WITH_DIRS | DIR_WITH_OWN;
    REQUIRE(dir_list(folder, "in", "", flags, ERR_INPUT, &all, &ignored) == 0);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(all.n == 1 && strcmp(all.v[0].path, name) == 0 && all.v[0].size == size - 1);
    } else {
        check_tree(&all, files, bytes);
    }
    REQUIRE(dir_remove_tree(folder, "in") == 0);
    REQUIRE(dir_list(folder, ".", "", flags, ERR_INPUT, &top, &ignored) == 0);
    REQUIRE(top.n == 0);
    dir_listing_free(&all);
    dir_listing_free(&top);
    return 0;
}
