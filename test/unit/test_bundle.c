/* SPDX-License-Identifier: MIT
 *
 * Archives of all kinds, read back by libarchive: members, their data, what is missing of it, and
 * that the locale and the time zone have no say. A zip's own fields are looked at byte by byte.
 */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <time.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/scope.h"
#include "pack/bundle.h"
#include "pack/zipfile.h"

static const int64_t TIME = 1671981804; /* 2022-12-25T15:23:24Z */
static struct err e;

static const struct {
    const char *name;
    mode_t mode;
    const char *text; /* of it so much is given; the rest is zeros */
    uint64_t size;
} MEMBERS[] = {
    {"a.csv", 0640, "1,2\n", 4},          {"empty", 0600, "", 0},
    {"short", 0600, "xyz", 40000},        {"sub/run.sh", 0700, "#!/bin/sh\n", 10},
    {"\xe6\x97\xa5.txt", 0644, "day", 3},
};

/* The archive in a file without a name; its bytes in `*size`. */
static char *make(enum bundle_kind kind, enum pack_level level, uint64_t *size)
{
    char path[] = "/tmp/procagent-bundle-XXXXXX";
    SCOPE_FD int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    SCOPE(bundle_abort) struct bundle *b = NULL;
    assert_ok(bundle_open(&b, fd, kind, level, TIME, &e), &e);
    for (size_t i = 0; i < COUNT(MEMBERS); i++) {
        size_t n = strlen(MEMBERS[i].text);
        assert_ok(bundle_member(b, MEMBERS[i].name, MEMBERS[i].mode, MEMBERS[i].size, &e), &e);
        assert_ok(bundle_data(b, MEMBERS[i].text, n, &e), &e);
    }
    assert_int_equal(bundle_data(b, "much", 4, &e), -ERR_INTERNAL); /* more than is due */
    e = (struct err){0};
    assert_ok(bundle_finish(&b, size, &e), &e);
    assert_null(b);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, *size);
    char *bytes = xmalloc((size_t)*size);
    assert_int_equal(pread(fd, bytes, (size_t)*size, 0), *size);
    return bytes;
}

static void assert_holds(const char *bytes, uint64_t size)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    assert_int_equal(archive_read_support_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_filter_zstd(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_format_tar(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_format_zip_streamable(a), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(a, bytes, (size_t)size), ARCHIVE_OK);
    SCOPE_FREE char *data = xmalloc(50000);
    for (size_t i = 0; i < COUNT(MEMBERS); i++) {
        assert_in_range(archive_read_next_header(a, &entry) - ARCHIVE_WARN, 0, -ARCHIVE_WARN);
        assert_non_null(archive_entry_pathname(entry));
        assert_string_equal(archive_entry_pathname(entry), MEMBERS[i].name);
        assert_int_equal(archive_entry_mtime(entry), TIME);
        assert_int_equal(archive_read_data(a, data, 50000), MEMBERS[i].size);
        size_t given = strlen(MEMBERS[i].text);
        assert_memory_equal(data, MEMBERS[i].text, given);
        for (size_t k = given; k < MEMBERS[i].size; k++) {
            assert_int_equal(data[k], 0);
        }
    }
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
    (void)archive_read_free(a);
}

static void test_kinds(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        print_message("# skipped: libarchive reads no names beyond ASCII without C.UTF-8\n");
        skip();
    }
    for (int kind = BUNDLE_TAR_GZ; kind <= BUNDLE_ZIP; kind++) {
        for (int level = 0; level <= PACK_BEST; level++) {
            uint64_t size = 0;
            SCOPE_FREE char *bytes = make((enum bundle_kind)kind, (enum pack_level)level, &size);
            assert_holds(bytes, size);
        }
    }
    (void)setlocale(LC_ALL, "C");
}

static void test_surroundings_have_no_say(void **state)
{
    (void)state;
    for (int kind = BUNDLE_TAR_GZ; kind <= BUNDLE_ZIP; kind++) {
        uint64_t size = 0;
        uint64_t other_size = 0;
        SCOPE_FREE char *bytes = make((enum bundle_kind)kind, PACK_NORMAL, &size);
        assert_int_equal(setenv("TZ", "JST-9", 1), 0);
        tzset();
        (void)setlocale(LC_ALL, "C.UTF-8");
        SCOPE_FREE char *other = make((enum bundle_kind)kind, PACK_NORMAL, &other_size);
        (void)setlocale(LC_ALL, "C");
        (void)unsetenv("TZ");
        tzset();
        assert_int_equal(size, other_size);
        assert_memory_equal(bytes, other, (size_t)size);
    }
}

/* Both places where a zip says what a member is. */
static void test_zip_fields(void **state)
{
    (void)state;
    uint64_t size = 0;
    SCOPE_FREE char *zip = make(BUNDLE_ZIP, PACK_NORMAL, &size);
    /* 15:23:24 and 2022-12-25, as 5+6+5 and 7+4+5 bits */
    static const unsigned char when[] = {0xec, 0x7a, 0x99, 0x55};
    assert_memory_equal(zip, "PK\3\4", 4);
    assert_memory_equal(zip + 10, when, 4);
    assert_int_equal(zip[7] & 8, 0); /* ASCII: no mark */
    const char *name = NULL;
    size_t found = 0;
    for (uint64_t i = 46; i + 7 < size; i++) {
        if (memcmp(zip + i, "\xe6\x97\xa5.txt", 7) != 0) {
            continue;
        }
        name = zip + i;
        const char *head = name - (found == 0 ? 30 : 46);
        size_t at = found == 0 ? 6 : 8;
        assert_memory_equal(head, found == 0 ? "PK\3\4" : "PK\1\2", 4);
        assert_int_equal(head[at + 1] & 8, 8);
        assert_memory_equal(head + at + 4, when, 4);
        found++;
    }
    assert_int_equal(found, 2);
}

static int count_bytes(void *to, const void *bytes, size_t n, struct err *err)
{
    (void)err;
    str_add(to, bytes, n);
    return 0;
}

static void test_zip_years(void **state)
{
    (void)state;
    static const struct {
        int64_t time;
        unsigned char dos[4];
    } cases[] = {{0, {0, 0, 0x21, 0}},
                 {315532800, {0, 0, 0x21, 0}},                    /* 1980 */
                 {INT64_C(4354819199), {0x7d, 0xbf, 0x9f, 0xff}}, /* the last second of 2107 */
                 {INT64_C(4354819200), {0x7d, 0xbf, 0x9f, 0xff}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SCOPE(str_free) struct str out = STR_INIT(0);
        struct zipfile *z = NULL;
        assert_ok(zipfile_open(&z, cases[i].time, 6, count_bytes, &out, &e), &e);
        assert_ok(zipfile_member(z, "a", 0600, 0, &e), &e);
        assert_memory_equal(out.s + 10, cases[i].dos, 4);
        zipfile_abort(&z);
    }
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

static void test_zip_sink_failure(void **state)
{
    (void)state;
    for (size_t room = 0; room < 150; room += 9) {
        struct zipfile *z = NULL;
        size_t left = room;
        e = (struct err){0};
        assert_int_equal(zipfile_open(&z, TIME, 6, refuse_bytes, &left, &e), 0);
        int rc = zipfile_member(z, "a", 0600, 3, &e);
        rc = rc ? rc : zipfile_data(z, "abc", 3, &e);
        rc = rc ? rc : zipfile_finish(&z, &e);
        assert_int_equal(rc, -ERR_OUTPUT);
        assert_int_equal(e.sys, EDQUOT);
        zipfile_abort(&z);
    }
    e = (struct err){0};
}

static void test_endings(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum bundle_kind kind;
    } cases[] = {{"a.tar.gz", BUNDLE_TAR_GZ},   {"a.tgz", BUNDLE_TAR_GZ},
                 {"a.tar.zst", BUNDLE_TAR_ZST}, {"a.zip", BUNDLE_ZIP},
                 {"a.gz", BUNDLE_NONE},         {"a.zst", BUNDLE_NONE},
                 {"zip", BUNDLE_NONE}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *ending = NULL;
        assert_int_equal(bundle_kind_of(cases[i].name, &ending), cases[i].kind);
        assert_int_equal(ending != NULL, cases[i].kind != BUNDLE_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_surroundings_have_no_say),
        cmocka_unit_test(test_zip_fields),
        cmocka_unit_test(test_zip_years),
        cmocka_unit_test(test_zip_sink_failure),
        cmocka_unit_test(test_endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
