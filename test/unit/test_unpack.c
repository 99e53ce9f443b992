/* SPDX-License-Identifier: MIT
 *
 * Unit tests of stage/unpack. Archives are written here byte by byte, because no tool would write
 * the hostile ones; some real ones are the fuzz target's seeds.
 */
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "base/scope.h"
#include "stage/unpack.h"

static struct err e;
static uint64_t files, bytes;
static const struct unpack_limits LIMITS = UNPACK_LIMITS_DEFAULT;

/* ---- writing archives ---- */

enum { BLOCK = 512 };

/* A ustar member. `type` is its type flag, `mode` octal digits. */
static void tar_add(struct str *out, char type, const char *mode, const char *name,
                    const char *link, const char *data)
{
    char h[BLOCK + 1] = {0};
    unsigned n = data ? (unsigned)strlen(data) : 0;
    (void)snprintf(h, 101, "%s", name);
    (void)snprintf(h + 100, 8, "%s", mode);
    (void)snprintf(h + 124, 12, "%011o", n);
    (void)snprintf(h + 136, 12, "%011o", 0);
    h[156] = type;
    (void)snprintf(h + 157, 101, "%s", link ? link : "");
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        sum += (unsigned char)h[i];
    }
    (void)snprintf(h + 148, 8, "%06o", sum);
    str_add(out, h, BLOCK);
    str_add(out, data ? data : "", n);
    while (out->len % BLOCK != 0) {
        str_putc(out, '\0');
    }
}

static void tar_end(struct str *out)
{
    static const char zeros[2 * BLOCK];
    str_add(out, zeros, sizeof zeros);
}

static void pax_record(struct str *records, const char *key, const char *value)
{
    size_t n = strlen(key) + strlen(value) + 3; /* blank, =, newline */
    size_t digits = n + 1 < 10 ? 1 : n + 2 < 100 ? 2 : n + 3 < 1000 ? 3 : 4;
    str_printf(records, "%zu %s=%s\n", n + digits, key, value);
}

/* An extended header with one record for the member that follows. */
static void tar_pax(struct str *out, const char *key, const char *value)
{
    struct str records = STR_INIT(0);
    pax_record(&records, key, value);
    tar_add(out, 'x', "644", "pax", NULL, records.s);
    str_free(&records);
}

static void le(struct str *out, size_t width, uint32_t v)
{
    for (size_t i = 0; i < width; i++) {
        str_putc(out, (char)(v >> 8 * i & 0xff));
    }
}

struct zip {
    struct str body, directory;
    uint32_t n;
};

/* A stored member. */
static void zip_add(struct zip *z, unsigned flags, unsigned mode, const char *name,
                    const char *data)
{
    uint32_t at = (uint32_t)z->body.len;
    uint32_t n = (uint32_t)strlen(data);
    struct str common = STR_INIT(0);
    le(&common, 2, 20);
    le(&common, 2, flags);
    le(&common, 2, 0); /* stored */
    le(&common, 4, 0x21 << 16);
    le(&common, 4, (uint32_t)crc32(0, (const Bytef *)data, n));
    le(&common, 4, n);
    le(&common, 4, n);
    le(&common, 2, (uint32_t)strlen(name));
    le(&common, 2, 0);
    str_puts(&z->body, "PK\3\4");
    str_add(&z->body, common.s, common.len);
    str_puts(&z->body, name);
    str_puts(&z->body, data);
    str_puts(&z->directory, "PK\1\2");
    le(&z->directory, 2, 3 << 8 | 20); /* made on Unix */
    str_add(&z->directory, common.s, common.len);
    le(&z->directory, 4, 0);
    le(&z->directory, 2, 0);
    le(&z->directory, 4, mode << 16);
    le(&z->directory, 4, at);
    str_puts(&z->directory, name);
    str_free(&common);
    z->n++;
}

static void zip_end(struct zip *z)
{
    uint32_t at = (uint32_t)z->body.len;
    str_add(&z->body, str_text(&z->directory), z->directory.len);
    str_puts(&z->body, "PK\5\6");
    le(&z->body, 4, 0);
    le(&z->body, 2, z->n);
    le(&z->body, 2, z->n);
    le(&z->body, 4, (uint32_t)z->directory.len);
    le(&z->body, 4, at);
    le(&z->body, 2, 0);
    str_free(&z->directory);
}

static void gzip_add(struct str *out, const char *data, size_t n)
{
    size_t cap = n + n / 100 + 1024;
    char *to = malloc(cap);
    assert_non_null(to);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)n,
                  .next_out = (Bytef *)to,
                  .avail_out = (uInt)cap};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    str_add(out, to, cap - z.avail_out);
    (void)deflateEnd(&z);
    free(to);
}

/* ---- unpacking them ---- */

static int unpack_with(const struct scratch *at, const char *name,
                       const struct unpack_limits *limits)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", at->path, name);
    files = bytes = 99;
    e = (struct err){0};
    return unpack_file(path, limits, &files, &bytes, &e);
}

static int unpack(const struct scratch *at, const char *name)
{
    return unpack_with(at, name, &LIMITS);
}

/* The archive is refused, and nothing has changed. */
static void assert_refused(const struct scratch *at, const char *name,
                           const struct unpack_limits *limits, const char *piece)
{
    char *before = tree_text(at->fd, ".");
    assert_failed(unpack_with(at, name, limits), &e, ERR_INPUT, piece);
    assert_contains(e.text, name); /* which archive */
    assert_tree(at->fd, ".", before);
    assert_int_equal(files, 99);
}

static void test_wanted(void **state)
{
    (void)state;
    static const char *const YES[] = {"a.tar.gz", "a.tgz",    "a.tar.zst", "a.tar", "a.zip",
                                      "a.gz",     "a.csv.gz", "d/a.zip",   ".a.gz", "a.tar.gz.gz"};
    static const char *const NO[] = {"a",       "a.csv",    "gz",    ".gz",
                                     ".tar.gz", "d/.zip",   "a.zst", "a.tar.bz2",
                                     "a.zip.x", "a.gz/b.c", "a.GZ",  ""};
    for (size_t i = 0; i < COUNT(YES); i++) {
        assert_true(unpack_wanted(YES[i]));
    }
    for (size_t i = 0; i < COUNT(NO); i++) {
        assert_false(unpack_wanted(NO[i]));
    }
}

/* Made by GNU tar, zip, gzip and zstd, and by Python's modules; each holds the same tree. The first
 * byte of a seed chooses the kind. */
static void test_real_archives(void **state)
{
    const struct scratch *at = *state;
    static const struct {
        const char *seed, *name;
    } CASES[] = {
        {"gnu.tar", "a.tar"},       {"pax.tar", "a.tar"},    {"v7.tar", "a.tar"},
        {"gnu.tar.gz", "a.tar.gz"}, {"gnu.tar.gz", "a.tgz"}, {"gnu.tar.zst", "a.tar.zst"},
        {"info.zip", "a.zip"},      {"python.zip", "a.zip"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char seed[128];
        size_t n = 0;
        (void)snprintf(seed, sizeof seed, "test/fuzz/seeds/fuzz_unpack/%s", CASES[i].seed);
        char *archive = read_bytes(AT_FDCWD, seed, &n);
        write_bytes(at->fd, CASES[i].name, archive + 1, n - 1);
        free(archive);
        assert_ok(unpack(at, CASES[i].name), &e);
        char *found = tree_text(at->fd, ".");
        assert_string_equal(found, "040755 data\n"
                                   "100644 data/2021.csv=1,2\n\n"
                                   "100755 data/run.sh=#!/bin/sh\n\n"
                                   "100644 data/\xe6\x97\xa5\xe6\x9c\xac.csv=3\n\n");
        free(found);
        assert_int_equal(files, 3);
        assert_int_equal(bytes, 4 + 10 + 2);
        assert_int_equal(dir_remove_tree(at->fd, "data"), 0);
    }
}

/* Links, folders that come late or twice, modes, names in other spellings. */
static void test_tar_members(void **state)
{
    const struct scratch *at = *state;
    struct str tar = STR_INIT(0);
    tar_add(&tar, '5', "1777", "./", NULL, NULL);
    tar_add(&tar, '0', "4755", "./d//e/./x", NULL, "x");
    tar_add(&tar, '0', "0600", "d/y", NULL, "yy");
    tar_add(&tar, '5', "0700", "d", NULL, NULL);
    tar_add(&tar, '5', "0000", "d/", NULL, NULL);
    tar_add(&tar, '1', "0600", "h", "./d/y", NULL);
    tar_add(&tar, '2', "0777", "d/e/up", "../../h", NULL);
    tar_add(&tar, '2', "0777", "dangling", "nowhere", NULL);
    tar_add(&tar, '2', "0777", "l/m", "../d", NULL);
    tar_pax(&tar, "path", "long/pax name");
    tar_add(&tar, '0', "0644", "short", NULL, "");
    tar_add(&tar, '0', "0644", "__MACOSX/._x", NULL, "m");
    tar_add(&tar, '0', "0644", "inner.tar.gz", NULL, "not looked at");
    tar_end(&tar);
    mode_t mask = umask(022);
    write_bytes(at->fd, "in/a.tar", tar.s, tar.len);
    write_text(at->fd, "in/d/old", "old");
    assert_int_equal(chmod(at->path, 0700), 0);
    assert_ok(unpack(at, "in/a.tar"), &e);
    char *found = tree_text(at->fd, "in");
    assert_string_equal(found, "040755 __MACOSX\n"
                               "100644 __MACOSX/._x=m\n"
                               "040755 d\n"
                               "040755 d/e\n"
                               "120777 d/e/up->../../h\n"
                               "100755 d/e/x=x\n"
                               "100644 d/old=old\n"
                               "100644 d/y=yy\n"
                               "120777 dangling->nowhere\n"
                               "100644 h=yy\n"
                               "100644 inner.tar.gz=not looked at\n"
                               "040755 l\n"
                               "120777 l/m->../d\n"
                               "040755 long\n"
                               "100644 long/pax name=\n");
    free(found);
    assert_int_equal(files, 9);
    assert_int_equal(bytes, 1 + 2 + 1 + 13);
    /* and less the umask */
    str_clear(&tar);
    tar_add(&tar, '0', "0755", "private/x", NULL, "x");
    tar_end(&tar);
    write_bytes(at->fd, "b.tar", tar.s, tar.len);
    (void)umask(077);
    assert_ok(unpack(at, "b.tar"), &e);
    (void)umask(mask);
    found = tree_text(at->fd, "private");
    assert_string_equal(found, "100700 x=x\n");
    free(found);
    str_free(&tar);
}

/* One member each, behind a good file "f", a folder "d" and a link "l" to it. */
static void test_hostile_tars(void **state)
{
    const struct scratch *at = *state;
    static const struct {
        char type;
        const char *name, *link, *piece;
    } CASES[] = {
        {'0', "/etc/x", NULL, "member \"/etc/x\" has an absolute name"},
        {'0', "../x", NULL, "member \"../x\" has \"..\" in its name"},
        {'0', "d/../../x", NULL, "has \"..\" in its name"},
        {'5', "..", NULL, "has \"..\" in its name"},
        {'0', ".", NULL, "member \".\" has no name"},
        {'2', "./", "d", "member"}, /* a link called as a folder */
        {'0', "a.tar", NULL, "has the name of the archive itself"},
        {'0', ".procagent-0/journal", NULL, "kept for the agent's own files"},
        {'0', "f", NULL, "member \"f\" is there twice"},
        {'5', "f", NULL, "member \"f\" is there twice, or is a file and a folder"},
        {'0', "d", NULL, "member \"d\" is a folder, and also a file"},
        {'0', "f/x", NULL, "member \"f/x\" lies below another one that is a file"},
        {'0', "f/x/y", NULL, "lies below another one that is a file"},
        {'2', "f", "d", "member \"f\" is there twice"},
        {'2', "d", "f", "member \"d\" is a folder, and also a file or link"},
        {'2', "l", "f", "member \"l\" is there twice"},
        {'0', "l/x", NULL, "member \"l\" is a folder, and also a file or link"},
        {'5', "l", NULL, "member \"l\" is a folder, and also a file or link"},
        {'0', "l", NULL, "member \"l\" is there twice"},
        {'2', "m", "/etc/passwd", "member \"m\" is a link to no path below the folder"},
        {'2', "m", "", "is a link to no path"},
        {'2', "m", "../x", "is a link out of the folder"},
        {'2', "d/m", "../../x", "is a link out of the folder"},
        {'2', "m", "l/../..", "behind a name"},
        {'1', "h", "/etc/passwd", "member \"h\" is a hard link to \"/etc/passwd\", which is no"},
        {'1', "h", "../f", "is a hard link to \"../f\", which is no earlier file"},
        {'1', "h", "later", "is a hard link to \"later\", which is no earlier file"},
        {'1', "h", "l", "is a hard link to \"l\", which is no earlier file"},
        {'1', "h", "d", "is a hard link to \"d\", which is no earlier file"},
        {'1', "h", "l/f", "which is no earlier file"},
        {'1', "f", "f", "member \"f\" is there twice"},
        {'3', "dev", NULL, "member \"dev\" is neither file, folder nor link"},
        {'4', "dev", NULL, "is neither file, folder nor link"},
        {'6', "fifo", NULL, "is neither file, folder nor link"},
    };
    write_text(at->fd, "outside", "outside");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str tar = STR_INIT(0);
        tar_add(&tar, '0', "0644", "f", NULL, "f");
        tar_add(&tar, '5', "0755", "d", NULL, NULL);
        tar_add(&tar, '2', "0777", "l", "d", NULL);
        tar_add(&tar, CASES[i].type, "0644", CASES[i].name, CASES[i].link, NULL);
        tar_end(&tar);
        write_bytes(at->fd, "in/a.tar", tar.s, tar.len);
        str_free(&tar);
        assert_refused(at, "in/a.tar", &LIMITS, CASES[i].piece);
    }
    /* the first one alone is fine */
    struct str tar = STR_INIT(0);
    tar_add(&tar, '0', "0644", "f", NULL, "f");
    tar_end(&tar);
    write_bytes(at->fd, "in/a.tar", tar.s, tar.len);
    str_free(&tar);
    assert_ok(unpack(at, "in/a.tar"), &e);
}

static void test_long_paths(void **state)
{
    const struct scratch *at = *state;
    static const struct {
        size_t parts, n;
        const char *piece; /* NULL: fine */
    } CASES[] = {
        {1, 255, NULL},          {1, 256, "255 bytes"},
        {100, 3, NULL},          {101, 3, "100 folders deep"},
        {15, 255, NULL},         {16, 255, "path of more than 4095 bytes in its folder"},
        {17, 255, "4095 bytes"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str name = STR_INIT(0);
        for (size_t k = 0; k < CASES[i].parts; k++) {
            str_puts(&name, k ? "/" : "");
            for (size_t j = 0; j < CASES[i].n; j++) {
                str_putc(&name, (char)('a' + i));
            }
        }
        struct str tar = STR_INIT(0);
        tar_pax(&tar, "path", name.s);
        tar_add(&tar, '0', "0644", "short", NULL, "x");
        tar_end(&tar);
        write_bytes(at->fd, "a.tar", tar.s, tar.len);
        if (CASES[i].piece) {
            assert_refused(at, "a.tar", &LIMITS, CASES[i].piece);
        } else {
            assert_ok(unpack(at, "a.tar"), &e);
            assert_file(at->fd, name.s, "x");
        }
        str_free(&tar);
        str_free(&name);
    }
}

static void test_zip_members(void **state)
{
    const struct scratch *at = *state;
    enum { FILE_MODE = 0100644, LINK_MODE = 0120777, UTF8 = 1 << 11, ENCRYPTED = 1 };
    static const struct {
        unsigned flags, mode;
        const char *name, *data, *piece; /* piece NULL: fine */
    } CASES[] = {
        {0, FILE_MODE, "x", "text", NULL},
        {0, 0100711, "d/x", "text", NULL},
        {0, 0040755, "e/", "", NULL},
        {0, 0, "plain", "text", NULL}, /* as made on DOS: no mode */
        {UTF8, FILE_MODE, "\xe6\x97\xa5\xe6\x9c\xac", "text", NULL},
        {0, FILE_MODE, "\x93\xfa\x96\x7b", "text", NULL}, /* Shift JIS, and not marked */
        {0, LINK_MODE, "d/l", "../x", NULL},
        {UTF8, FILE_MODE, "\xff\xfe", "text", "member 2 has a name that is not UTF-8"},
        {0, FILE_MODE, "../x", "text", "member \"../x\" has \"..\" in its name"},
        {0, FILE_MODE, "..\\x", "text", "has \"..\" in its name"},
        {0, FILE_MODE, "/x", "text", "absolute"},
        {0, FILE_MODE, "first", "text", "member \"first\" is there twice"},
        {0, LINK_MODE, "l", "/etc/passwd", "is a link to no path below the folder"},
        {0, LINK_MODE, "l", "..", "is a link out of the folder"},
        {ENCRYPTED, FILE_MODE, "secret", "0123456789abcdef", "member \"secret\" is encrypted"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct zip z = {0};
        zip_add(&z, 0, FILE_MODE, "first", "1");
        zip_add(&z, CASES[i].flags, CASES[i].mode, CASES[i].name, CASES[i].data);
        zip_end(&z);
        write_bytes(at->fd, "a.zip", z.body.s, z.body.len);
        str_free(&z.body);
        if (CASES[i].piece) {
            assert_refused(at, "a.zip", &LIMITS, CASES[i].piece);
            continue;
        }
        assert_ok(unpack(at, "a.zip"), &e);
        assert_file(at->fd, "first", "1");
        assert_true(exists(at->fd, CASES[i].name));
        assert_false(exists(at->fd, "a.zip"));
        assert_int_equal(files, str_ends(CASES[i].name, "/") ? 1 : 2);
    }
    /* a name as macOS writes it, e and an accent, comes as one letter */
    struct zip z = {0};
    zip_add(&z, UTF8, FILE_MODE, "caf\x65\xcc\x81", "text");
    zip_end(&z);
    write_bytes(at->fd, "a.zip", z.body.s, z.body.len);
    str_free(&z.body);
    assert_ok(unpack(at, "a.zip"), &e);
    assert_true(exists(at->fd, "caf\xc3\xa9"));
}

static void test_gz(void **state)
{
    const struct scratch *at = *state;
    struct str gz = STR_INIT(0);
    gzip_add(&gz, "one\n", 4);
    gzip_add(&gz, "two\n", 4);
    write_bytes(at->fd, "d/a.csv.gz", gz.s, gz.len);
    assert_ok(unpack(at, "d/a.csv.gz"), &e);
    assert_file(at->fd, "d/a.csv", "one\ntwo\n");
    assert_int_equal(count_entries(at->fd, "d"), 1);
    assert_int_equal(files, 1);
    assert_int_equal(bytes, 8);
    /* gzip in gzip: one layer only */
    struct str twice = STR_INIT(0);
    gzip_add(&twice, gz.s, gz.len);
    write_bytes(at->fd, "d/b.gz.gz", twice.s, twice.len);
    assert_ok(unpack(at, "d/b.gz.gz"), &e);
    size_t n = 0;
    char *found = read_bytes(at->fd, "d/b.gz", &n);
    assert_int_equal(n, gz.len);
    assert_memory_equal(found, gz.s, n);
    free(found);
    /* nothing, compressed */
    str_clear(&gz);
    gzip_add(&gz, "", 0);
    write_bytes(at->fd, "d/empty.gz", gz.s, gz.len);
    assert_ok(unpack(at, "d/empty.gz"), &e);
    assert_file(at->fd, "d/empty", "");
    /* no gzip file, cut short, in the way */
    write_text(at->fd, "d/c.gz", "text");
    assert_refused(at, "d/c.gz", &LIMITS, "c.gz\": is no gzip file");
    write_bytes(at->fd, "d/c.gz", twice.s, twice.len - 1);
    assert_refused(at, "d/c.gz", &LIMITS, "c.gz\": is cut short; fetch it again");
    write_bytes(at->fd, "d/c.gz", twice.s, twice.len);
    write_text(at->fd, "d/c", "other");
    assert_refused(at, "d/c.gz", &LIMITS, "member \"c\" is in the way of another file");
    str_free(&gz);
    str_free(&twice);
}

/* A tar.gz that is cut anywhere, or whose checksum is wrong, leaves only itself; so does a tar that
 * is cut inside a member, and a zip. */
static void test_cut_and_damaged(void **state)
{
    const struct scratch *at = *state;
    struct str tar = STR_INIT(0);
    struct str gz = STR_INIT(0);
    tar_add(&tar, '0', "0644", "a", NULL, "some text");
    tar_add(&tar, '0', "0644", "b/c", NULL, "more text");
    tar_end(&tar);
    gzip_add(&gz, tar.s, tar.len);
    for (size_t n = 1; n < gz.len; n++) {
        write_bytes(at->fd, "a.tar.gz", gz.s, n);
        assert_refused(at, "a.tar.gz", &LIMITS, n < 2 ? "is no gzip file" : "is cut short");
    }
    gz.s[gz.len - 6] ^= 1; /* the sum, which stands behind all that tar reads */
    write_bytes(at->fd, "a.tar.gz", gz.s, gz.len);
    assert_refused(at, "a.tar.gz", &LIMITS, "is damaged (incorrect data check); fetch it again");
    assert_int_equal(unlinkat(at->fd, "a.tar.gz", 0), 0);

    static const size_t CUTS[] = {1, 511, 513, BLOCK + 5, 2 * BLOCK + 100, 3 * BLOCK + 4};
    for (size_t i = 0; i < COUNT(CUTS); i++) {
        write_bytes(at->fd, "a.tar", tar.s, CUTS[i]);
        assert_refused(at, "a.tar", &LIMITS, "a.tar\": ");
    }
    tar.s[BLOCK + BLOCK + 3] ^= 1; /* in the second header */
    write_bytes(at->fd, "a.tar", tar.s, tar.len);
    assert_refused(at, "a.tar", &LIMITS, "is damaged or no tar (");
    write_text(at->fd, "a.tar", "year,amount\n2021,5\n");
    assert_refused(at, "a.tar", &LIMITS, "is damaged or no tar (");
    write_text(at->fd, "a.tar", "");
    assert_refused(at, "a.tar", &LIMITS, "is empty; fetch it again");
    assert_int_equal(unlinkat(at->fd, "a.tar", 0), 0);

    struct zip z = {0};
    zip_add(&z, 0, 0100644, "a", "some text");
    zip_end(&z);
    for (size_t n = 1; n < z.body.len; n++) {
        write_bytes(at->fd, "a.zip", z.body.s, n);
        assert_refused(at, "a.zip", &LIMITS, "is damaged or no zip (");
    }
    z.body.s[33] ^= 1; /* in the text */
    write_bytes(at->fd, "a.zip", z.body.s, z.body.len);
    assert_refused(at, "a.zip", &LIMITS, "member \"a\" is damaged (ZIP bad CRC");
    str_free(&z.body);
    str_free(&tar);
    str_free(&gz);
}

static void test_no_members(void **state)
{
    const struct scratch *at = *state;
    struct str tar = STR_INIT(0);
    struct str gz = STR_INIT(0);
    struct zip z = {0};
    tar_end(&tar);
    gzip_add(&gz, tar.s, tar.len);
    zip_end(&z);
    write_bytes(at->fd, "a.tar", tar.s, tar.len);
    write_bytes(at->fd, "a.tar.gz", gz.s, gz.len);
    write_bytes(at->fd, "a.zip", z.body.s, z.body.len);
    static const char *const NAMES[] = {"a.tar", "a.tar.gz", "a.zip"};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        assert_ok(unpack(at, NAMES[i]), &e);
        assert_int_equal(files + bytes, 0);
    }
    assert_int_equal(count_entries(at->fd, "."), 0);
    str_free(&tar);
    str_free(&gz);
    str_free(&z.body);
}

static void test_limits(void **state)
{
    const struct scratch *at = *state;
    struct str tar = STR_INIT(0);
    tar_add(&tar, '0', "0644", "a/b/x", NULL, "0123456789"); /* and two folders */
    tar_add(&tar, '0', "0644", "a/y", NULL, "0123456789");
    tar_end(&tar);
    write_bytes(at->fd, "a.tar", tar.s, tar.len);
    struct unpack_limits few = {.max_entries = 3};
    assert_refused(at, "a.tar", &few, "has more than 3 members; raise unpack_max_entries");
    struct unpack_limits small = {.max_bytes = 19};
    assert_refused(at, "a.tar", &small,
                   "holds more than 19 bytes (in member \"a/y\"); raise unpack_max_size");
    struct unpack_limits enough = {.max_entries = 4, .max_bytes = 20, .max_ratio = 1};
    assert_ok(unpack_with(at, "a.tar", &enough), &e);
    str_free(&tar);

    /* a ratio counts above 16 MiB only */
    struct unpack_limits ratio = {.max_ratio = 10};
    enum { MIB = 1 << 20 };
    char *zeros = calloc(17, MIB);
    assert_non_null(zeros);
    struct str gz = STR_INIT(0);
    gzip_add(&gz, zeros, 16 * MIB);
    write_bytes(at->fd, "z.gz", gz.s, gz.len);
    assert_ok(unpack_with(at, "z.gz", &ratio), &e);
    assert_int_equal(bytes, 16 * MIB);
    str_clear(&gz);
    gzip_add(&gz, zeros, 16 * MIB + 1);
    write_bytes(at->fd, "b.gz", gz.s, gz.len);
    assert_refused(at, "b.gz", &ratio,
                   "holds more than 10 times its size (in member \"b\"); "
                   "raise unpack_max_ratio");
    struct unpack_limits none = {0};
    assert_ok(unpack_with(at, "b.gz", &none), &e);
    free(zeros);
    str_free(&gz);
}

/* GNU's sparse format 0.1: 1 MiB of which the last 3 bytes, or none, are there. */
static void test_sparse(void **state)
{
    const struct scratch *at = *state;
    static const struct {
        const char *map, *data;
    } CASES[] = {{"1048573,3", "end"}, {"0,3,1048576,0", "beg"}, {"1048576,0", ""}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str tar = STR_INIT(0);
        struct str records = STR_INIT(0);
        pax_record(&records, "GNU.sparse.map", CASES[i].map);
        pax_record(&records, "GNU.sparse.size", "1048576");
        pax_record(&records, "GNU.sparse.name", "big");
        tar_add(&tar, 'x', "644", "pax", NULL, records.s);
        str_free(&records);
        tar_add(&tar, '0', "644", "sparse", NULL, CASES[i].data);
        tar_end(&tar);
        write_bytes(at->fd, "a.tar", tar.s, tar.len);
        struct unpack_limits less = {.max_bytes = 1048575};
        assert_refused(at, "a.tar", &less, "holds more than 1048575 bytes");
        assert_ok(unpack(at, "a.tar"), &e);
        assert_int_equal(bytes, 1048576);
        size_t n = 0;
        char *found = read_bytes(at->fd, "big", &n);
        assert_int_equal(n, 1048576);
        size_t where = i == 0 ? n - 3 : 0;
        assert_memory_equal(found + where, CASES[i].data, strlen(CASES[i].data));
        assert_int_equal(found[n / 2], 0);
        free(found);
        str_free(&tar);
        assert_int_equal(unlinkat(at->fd, "big", 0), 0);
    }
}

/* What is there: folders are merged, the same file is fine (a killed run left it), others are not,
 * and a link in the place of a folder is not followed. */
static void test_what_is_there(void **state)
{
    const struct scratch *at = *state;
    struct str tar = STR_INIT(0);
    tar_add(&tar, '0', "0644", "a", NULL, "a");
    tar_add(&tar, '0', "0644", "d/x", NULL, "x");
    tar_add(&tar, '2', "0777", "d/l", "x", NULL);
    tar_end(&tar);
    write_bytes(at->fd, "in/a.tar", tar.s, tar.len);
    write_text(at->fd, "in/d/x", "y");
    assert_refused(at, "in/a.tar", &LIMITS, "member \"d/x\" is in the way of another file");
    assert_int_equal(dir_remove_tree(at->fd, "in/d"), 0);
    write_text(at->fd, "elsewhere/old", "old");
    assert_int_equal(symlinkat("../elsewhere", at->fd, "in/d"), 0);
    assert_refused(at, "in/a.tar", &LIMITS, "member \"d\" is in the way of another file");
    assert_int_equal(unlinkat(at->fd, "in/d", 0), 0);
    /* a killed run: some members in place, its hidden folder unheld, with a name of ours in it */
    write_text(at->fd, "in/d/x", "x");
    write_text(at->fd, "in/.procagent-0123456789abcdef/tree/journal", "no journal");
    assert_ok(unpack(at, "in/a.tar"), &e);
    char *found = tree_text(at->fd, "in");
    assert_string_equal(found, "100644 a=a\n040755 d\n120777 d/l->x\n100644 d/x=x\n");
    free(found);
    str_free(&tar);
}

static void test_no_archive(void **state)
{
    const struct scratch *at = *state;
    assert_failed(unpack(at, "a.zip"), &e, ERR_INPUT, "a.zip\": open: No such file or directory");
    assert_failed(unpack(at, "nowhere/a.zip"), &e, ERR_INPUT, "open its folder: No such file");
    assert_failed(unpack(at, "a.csv"), &e, ERR_INTERNAL, "is no archive by its name");
    assert_int_equal(mkdirat(at->fd, "folder.zip", 0777), 0);
    assert_refused(at, "folder.zip", &LIMITS, "is no regular file");
    assert_int_equal(mkfifoat(at->fd, "fifo.gz", 0666), 0);
    assert_failed(unpack(at, "fifo.gz"), &e, ERR_INPUT, "is no regular file");
    write_text(at->fd, "real", "x");
    assert_int_equal(symlinkat("real", at->fd, "link.gz"), 0);
    assert_refused(at, "link.gz", &LIMITS, "open: Too many levels of symbolic links");
}

/* The disk is full, as far as one can tell: only the archive is left. */
static void test_failing_write(void **state)
{
    const struct scratch *at = *state;
    enum { SIZE = 300 * 1000 };
    char *text = calloc(1, SIZE);
    assert_non_null(text);
    struct str tar = STR_INIT(0);
    struct str gz = STR_INIT(0);
    memset(text, 'x', SIZE - 1);
    tar_add(&tar, '0', "0644", "first", NULL, "0123456789");
    tar_add(&tar, '0', "0644", "d/large", NULL, text);
    tar_end(&tar);
    gzip_add(&gz, tar.s, tar.len);
    write_bytes(at->fd, "a.tar.gz", gz.s, gz.len);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit low = {.rlim_cur = 100 * 1000, .rlim_max = before.rlim_max};
    struct sigaction old;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &old), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    char *was = tree_text(at->fd, ".");
    int rc = unpack(at, "a.tar.gz");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_failed(rc, &e, ERR_INPUT, "write member \"d/large\", ");
    assert_contains(e.text, " bytes into the archive; make room or unpack elsewhere: File too");
    assert_int_equal(e.sys, EFBIG);
    assert_tree(at->fd, ".", was);
    assert_ok(unpack(at, "a.tar.gz"), &e);
    assert_int_equal(bytes, 10 + SIZE - 1);
    assert_int_equal(sigaction(SIGXFSZ, &old, NULL), 0);
    free(text);
    str_free(&tar);
    str_free(&gz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wanted),       unit_test_scratch(test_real_archives),
        unit_test_scratch(test_tar_members), unit_test_scratch(test_hostile_tars),
        unit_test_scratch(test_long_paths),  unit_test_scratch(test_zip_members),
        unit_test_scratch(test_gz),          unit_test_scratch(test_cut_and_damaged),
        unit_test_scratch(test_no_members),  unit_test_scratch(test_limits),
        unit_test_scratch(test_sparse),      unit_test_scratch(test_what_is_there),
        unit_test_scratch(test_no_archive),  unit_test_scratch(test_failing_write),
    };
    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
