/* SPDX-License-Identifier: MIT
 *
 * The tar writer. See tarball.h.
 *
 * Names: libarchive turns a name into pax's UTF-8 by way of the locale, and a static program in an
 * empty image has only "C", in which no name beyond ASCII can be turned. So the writer runs with
 * hdrcharset=BINARY, where names are bytes and neither locale nor iconv is asked. It then marks
 * every member with a record of that name, which GNU tar warns about and which is untrue of a name
 * that is UTF-8. Hence each header is collected, and that record taken out of it again where the
 * name is UTF-8; where nothing else is left, the whole extended header goes. Other names keep it:
 * it is how pax says "not UTF-8".
 */
#include "pack/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

/* A tar header block, as far as we read or change it. */
enum {
    BLOCK = 512,
    SIZE_AT = 124,
    SIZE_DIGITS = 11,
    SUM_AT = 148,
    SUM_LEN = 8,
    TYPE_AT = 156,
    HEADER_MAX = 64 * 1024, /* a header with its extension: names are at most PATH_MAX long */
};

static const char BINARY_RECORD[] = "21 hdrcharset=BINARY\n";

/* The tar formats call this for entries they cannot store, which ours never are. In libarchive it
 * shares an object file with a table of all formats, and that table would bring xar, and libxml2
 * and ICU with it, into a static program. Defined here, the object file is not wanted. */
/* NOLINTBEGIN(bugprone-reserved-identifier): the name is libarchive's */
void __archive_write_entry_filetype_unsupported(struct archive *a, struct archive_entry *entry,
                                                const char *format);
void __archive_write_entry_filetype_unsupported(struct archive *a, struct archive_entry *entry,
                                                const char *format)
{
    archive_set_error(a, EINVAL, "%s: %s: file type not supported", format,
                      archive_entry_pathname(entry));
}
/* NOLINTEND(bugprone-reserved-identifier) */

struct tarball {
    struct archive *a;           /* libarchive's writer */
    struct archive_entry *entry; /* of the current member; reused */
    int64_t mtime;
    int (*sink)(void *to, const void *bytes, size_t n, struct err *e);
    void *to;          /* the sink's */
    struct err *e;     /* where a failure of the sink is told: the current call's */
    int sink_rc;       /* its failure, else 0 */
    bool given_up;     /* nothing is sent any more */
    bool collecting;   /* bytes are a header's and go to `header` */
    struct str header; /* the member's header as libarchive made it */
};

static la_ssize_t on_write(struct archive *a, void *data, const void *bytes, size_t n)
{
    struct tarball *t = data;
    if (t->given_up) {
        return -1;
    }
    if (t->collecting) {
        str_add(&t->header, bytes, n);
        return (la_ssize_t)n;
    }
    t->sink_rc = t->sink(t->to, bytes, n, t->e);
    if (t->sink_rc != 0) {
        archive_set_error(a, EIO, "sink");
        return -1;
    }
    return (la_ssize_t)n;
}

/* A call into libarchive failed: the sink's error when it was that, else libarchive's own. */
static int failed(const struct tarball *t, struct err *e)
{
    if (t->sink_rc != 0) {
        return t->sink_rc;
    }
    const char *text = archive_error_string(t->a);
    return err_set(e, ERR_OUTPUT, "tar: %s", text ? text : "failed");
}

int tarball_open(struct tarball **out, int64_t mtime,
                 int (*sink)(void *to, const void *bytes, size_t n, struct err *e), void *to,
                 struct err *e)
{
    struct tarball *t = xcalloc(1, sizeof *t);
    *t = (struct tarball){
        .mtime = mtime, .sink = sink, .to = to, .e = e, .header = STR_INIT(HEADER_MAX)};
    t->a = archive_write_new();
    t->entry = archive_entry_new();
    if (!t->a || !t->entry) {
        tarball_abort(&t);
        return err_sys(e, ERR_INTERNAL, ENOMEM, "tar");
    }
    if (archive_write_set_format_pax_restricted(t->a) != ARCHIVE_OK ||
        archive_write_set_format_option(t->a, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(t->a, 0) != ARCHIVE_OK || /* 0: no buffer in between */
        archive_write_open(t->a, t, NULL, on_write, NULL) != ARCHIVE_OK) {
        int rc = failed(t, e);
        tarball_abort(&t);
        return rc;
    }
    *out = t;
    return 0;
}

static size_t rounded_up(size_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

/* Bytes of the extended header at the front of `h` if it begins with BINARY_RECORD, else 0. */
static size_t marked_extension(const struct str *h)
{
    const size_t record = sizeof BINARY_RECORD - 1;
    if (h->len < 3 * BLOCK || h->s[TYPE_AT] != 'x' ||
        memcmp(h->s + BLOCK, BINARY_RECORD, record) != 0) {
        return 0;
    }
    char digits[SIZE_DIGITS + 1] = {0};
    memcpy(digits, h->s + SIZE_AT, SIZE_DIGITS);
    size_t n = strtoul(digits, NULL, 8);
    /* Exactly: extended header, its records, the member's own header. */
    return n >= record && n < h->len && rounded_up(n) + 2 * BLOCK == h->len ? n : 0;
}

static void set_size(char *block, size_t size)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%0*zo", SIZE_DIGITS, size);
    memcpy(block + SIZE_AT, text, SIZE_DIGITS);
    memset(block + SUM_AT, ' ', SUM_LEN); /* the sum is taken with its own field blank */
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        sum += (unsigned char)block[i];
    }
    (void)snprintf(text, sizeof text, "%06o", sum);
    memcpy(block + SUM_AT, text, SUM_LEN - 1); /* six digits, NUL, blank */
}

/* Sends the collected header on, without the charset record when the name needs none. */
static int send_header(struct tarball *t, bool utf8, struct err *e)
{
    static const char zeros[BLOCK];
    struct str *h = &t->header;
    size_t n = utf8 ? marked_extension(h) : 0;
    if (n == 0) {
        return t->sink(t->to, h->s, h->len, e);
    }
    const size_t record = sizeof BINARY_RECORD - 1;
    size_t rest = n - record;
    int rc = 0;
    if (rest > 0) {
        set_size(h->s, rest);
        rc = t->sink(t->to, h->s, BLOCK, e);
        rc = rc ? rc : t->sink(t->to, h->s + BLOCK + record, rest, e);
        rc = rc ? rc : t->sink(t->to, zeros, rounded_up(rest) - rest, e);
    }
    return rc ? rc : t->sink(t->to, h->s + h->len - BLOCK, BLOCK, e);
}

/* The zeros that a member still lacks; libarchive would write them with the next header. */
static int end_member(struct tarball *t, struct err *e)
{
    t->e = e;
    return archive_write_finish_entry(t->a) < ARCHIVE_WARN ? failed(t, e) : 0;
}

int tarball_member(struct tarball *t, const char *name, mode_t mode, uint64_t size, struct err *e)
{
    int rc = end_member(t, e);
    if (rc != 0) {
        return rc;
    }
    archive_entry_clear(t->entry);
    archive_entry_copy_pathname(t->entry, name);
    archive_entry_set_filetype(t->entry, AE_IFREG);
    archive_entry_set_perm(t->entry, mode & 0111 ? 0755 : 0644);
    archive_entry_set_size(t->entry, (la_int64_t)size);
    archive_entry_set_mtime(t->entry, (time_t)t->mtime, 0);
    str_clear(&t->header);
    t->collecting = true;
    int status = archive_write_header(t->a, t->entry);
    t->collecting = false;
    if (status < ARCHIVE_WARN) {
        return failed(t, e);
    }
    if (t->header.overflow) {
        return err_set(e, ERR_OUTPUT, "tar: name too long");
    }
    return send_header(t, utf8_valid(name, strlen(name)), e);
}

int tarball_data(struct tarball *t, const void *bytes, size_t n, struct err *e)
{
    t->e = e;
    la_ssize_t put = archive_write_data(t->a, bytes, n);
    if (put < 0) {
        return failed(t, e);
    }
    return (size_t)put == n ? 0 : err_set(e, ERR_INTERNAL, "tar: data beyond the member's size");
}

int tarball_finish(struct tarball **tp, struct err *e)
{
    struct tarball *t = *tp;
    t->e = e;
    int rc = archive_write_close(t->a) != ARCHIVE_OK ? failed(t, e) : 0;
    tarball_abort(tp);
    return rc;
}

void tarball_abort(struct tarball **tp)
{
    struct tarball *t = *tp;
    if (!t) {
        return;
    }
    if (t->a) {
        /* Freeing closes, which would write the rest of the archive. archive_write_fail would
         * prevent that, but libarchive 3.6 then forgets to free two things. */
        t->given_up = true;
        (void)archive_write_free(t->a);
    }
    archive_entry_free(t->entry);
    str_free(&t->header);
    free(t);
    *tp = NULL;
}
