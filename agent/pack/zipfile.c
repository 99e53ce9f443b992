/* SPDX-License-Identifier: MIT
 *
 * The zip writer. See zipfile.h.
 *
 * libarchive asks the locale whether names are UTF-8, and the machine's time zone for the time that
 * zip's own fields hold; neither may decide what comes out. So it writes each member's header, and
 * at the end the directory, into a buffer, where the mark and the time are set before they go on.
 */
#include "pack/zipfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

/* A member's header in front of its data, and its record in the directory, as far as we read or
 * change them. */
struct layout {
    char mark[5];     /* how it begins */
    size_t flags_at;  /* two bytes */
    size_t time_at;   /* two of time, two of date */
    size_t name_at;   /* where the length of the name stands; the lengths of the rest follow */
    size_t n_lengths; /* name, extra field, and in the directory a comment */
    size_t fixed;     /* bytes in front of the name */
};
static const struct layout HEADER = {"PK\3\4", 6, 10, 26, 2, 30};
static const struct layout RECORD = {"PK\1\2", 8, 12, 28, 3, 46};

enum { UTF8_FLAG = 0x08, ZEROS = 16 * 1024 }; /* the flag is in the second byte */

struct zipfile {
    struct archive *a;           /* libarchive's writer */
    struct archive_entry *entry; /* of the current member; reused */
    int64_t mtime;
    unsigned char dos[4]; /* the same as zip has it: time and date, UTC */
    uint64_t left;        /* bytes that the current member still lacks */
    int (*sink)(void *to, const void *bytes, size_t n, struct err *e);
    void *to;          /* the sink's */
    struct err *e;     /* where a failure of the sink is told: the current call's */
    int sink_rc;       /* its failure, else 0 */
    bool given_up;     /* nothing is sent any more */
    bool collecting;   /* bytes are a header's or the directory's and go to `header` */
    struct str header; /* those, as libarchive made them */
};

/* Two seconds are the unit, and 1980 to 2107 all the years there are. */
static void set_dos_time(struct zipfile *z)
{
    struct tm tm;
    time_t t = (time_t)z->mtime;
    bool known = gmtime_r(&t, &tm) != NULL;
    unsigned time = 0;
    unsigned date = 1u << 5 | 1u; /* 1980-01-01 */
    if (known && tm.tm_year > 207) {
        time = 23u << 11 | 59u << 5 | 29u;
        date = 127u << 9 | 12u << 5 | 31u;
    } else if (known && tm.tm_year >= 80) {
        time = (unsigned)tm.tm_hour << 11 | (unsigned)tm.tm_min << 5 | (unsigned)tm.tm_sec / 2;
        date = (unsigned)(tm.tm_year - 80) << 9 | (unsigned)(tm.tm_mon + 1) << 5 |
               (unsigned)tm.tm_mday;
    }
    z->dos[0] = (unsigned char)(time & 0xff);
    z->dos[1] = (unsigned char)(time >> 8);
    z->dos[2] = (unsigned char)(date & 0xff);
    z->dos[3] = (unsigned char)(date >> 8);
}

/* Never tells libarchive of a failure, for it would then forget to free what zlib allocated:
 * whoever called it looks at sink_rc. */
static la_ssize_t on_write(struct archive *a, void *data, const void *bytes, size_t n)
{
    (void)a;
    struct zipfile *z = data;
    if (z->collecting) {
        str_add(&z->header, bytes, n);
    } else if (z->sink_rc == 0 && !z->given_up) {
        z->sink_rc = z->sink(z->to, bytes, n, z->e);
    }
    return (la_ssize_t)n;
}

/* A call into libarchive failed: the sink's error when it was that, else libarchive's own. */
static int failed(const struct zipfile *z, struct err *e)
{
    if (z->sink_rc != 0) {
        return z->sink_rc;
    }
    const char *text = archive_error_string(z->a);
    return err_set(e, ERR_OUTPUT, "zip: %s", text ? text : "failed");
}

int zipfile_open(struct zipfile **out, int64_t mtime, int level,
                 int (*sink)(void *to, const void *bytes, size_t n, struct err *e), void *to,
                 struct err *e)
{
    struct zipfile *z = xcalloc(1, sizeof *z);
    *z = (struct zipfile){.mtime = mtime, .sink = sink, .to = to, .e = e, .header = STR_INIT(0)};
    set_dos_time(z);
    z->a = archive_write_new();
    z->entry = archive_entry_new();
    if (!z->a || !z->entry) {
        zipfile_abort(&z);
        return err_sys(e, ERR_INTERNAL, ENOMEM, "zip");
    }
    char digit[2] = {(char)('0' + level), '\0'};
    if (archive_write_set_format_zip(z->a) != ARCHIVE_OK ||
        archive_write_set_format_option(z->a, "zip", "compression", "deflate") != ARCHIVE_OK ||
        archive_write_set_format_option(z->a, "zip", "compression-level", digit) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(z->a, 0) != ARCHIVE_OK ||
        archive_write_open(z->a, z, NULL, on_write, NULL) != ARCHIVE_OK) {
        int rc = failed(z, e);
        zipfile_abort(&z);
        return rc;
    }
    *out = z;
    return 0;
}

static size_t number_at(const char *bytes)
{
    return (size_t)(unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8;
}

static bool has_other_than_ascii(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)bytes[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

/* Sets time and mark of the header or record at `bytes`; its length, or 0 when there is none. */
static size_t mend(const struct zipfile *z, const struct layout *as, char *bytes, size_t n)
{
    if (n < as->fixed || memcmp(bytes, as->mark, 4) != 0) {
        return 0;
    }
    size_t whole = as->fixed;
    for (size_t i = 0; i < as->n_lengths; i++) {
        whole += number_at(bytes + as->name_at + 2 * i);
    }
    size_t name = number_at(bytes + as->name_at);
    if (whole > n) {
        return 0;
    }
    memcpy(bytes + as->time_at, z->dos, sizeof z->dos);
    if (has_other_than_ascii(bytes + as->fixed, name) && utf8_valid(bytes + as->fixed, name)) {
        bytes[as->flags_at + 1] = (char)((unsigned char)bytes[as->flags_at + 1] | UTF8_FLAG);
    }
    return whole;
}

/* The zeros that a member still lacks. */
static int end_member(struct zipfile *z, struct err *e)
{
    static const char zeros[ZEROS];
    z->e = e;
    while (z->left > 0) {
        size_t n = z->left < sizeof zeros ? (size_t)z->left : sizeof zeros;
        int rc = zipfile_data(z, zeros, n, e);
        if (rc != 0) {
            return rc;
        }
    }
    bool ok = archive_write_finish_entry(z->a) >= ARCHIVE_WARN && z->sink_rc == 0;
    return ok ? 0 : failed(z, e);
}

int zipfile_member(struct zipfile *z, const char *name, mode_t mode, uint64_t size, struct err *e)
{
    int rc = end_member(z, e);
    if (rc != 0) {
        return rc;
    }
    archive_entry_clear(z->entry);
    archive_entry_copy_pathname(z->entry, name);
    archive_entry_set_filetype(z->entry, AE_IFREG);
    archive_entry_set_perm(z->entry, mode & 0111 ? 0755 : 0644);
    archive_entry_set_size(z->entry, (la_int64_t)size);
    archive_entry_set_mtime(z->entry, (time_t)z->mtime, 0);
    str_clear(&z->header);
    z->collecting = true;
    int status = archive_write_header(z->a, z->entry);
    z->collecting = false;
    if (status < ARCHIVE_WARN) {
        return failed(z, e);
    }
    if (mend(z, &HEADER, z->header.s, z->header.len) != z->header.len) {
        return err_set(e, ERR_INTERNAL, "zip: an unexpected header of %s", QUOTED(name));
    }
    z->left = size;
    return z->sink(z->to, z->header.s, z->header.len, e);
}

int zipfile_data(struct zipfile *z, const void *bytes, size_t n, struct err *e)
{
    z->e = e;
    if (n > z->left) {
        return err_set(e, ERR_INTERNAL, "zip: data beyond the member's size");
    }
    la_ssize_t put = archive_write_data(z->a, bytes, n);
    if (put < 0 || z->sink_rc != 0) {
        return failed(z, e);
    }
    z->left -= n;
    return (size_t)put == n ? 0 : err_set(e, ERR_INTERNAL, "zip: data was not taken");
}

int zipfile_finish(struct zipfile **zp, struct err *e)
{
    struct zipfile *z = *zp;
    int rc = end_member(z, e);
    if (rc == 0) {
        str_clear(&z->header);
        z->collecting = true;
        rc = archive_write_close(z->a) != ARCHIVE_OK ? failed(z, e) : 0;
        z->collecting = false;
    }
    struct str *h = &z->header;
    for (size_t at = 0, n = 1; rc == 0 && n > 0; at += n) {
        n = mend(z, &RECORD, h->s + at, h->len - at);
    }
    rc = rc ? rc : z->sink(z->to, h->s, h->len, e);
    zipfile_abort(zp);
    return rc;
}

void zipfile_abort(struct zipfile **zp)
{
    struct zipfile *z = *zp;
    if (!z) {
        return;
    }
    if (z->a) {
        z->collecting = false;
        z->given_up = true; /* freeing closes, which would write the directory */
        (void)archive_write_free(z->a);
    }
    archive_entry_free(z->entry);
    str_free(&z->header);
    free(z);
    *zp = NULL;
}
