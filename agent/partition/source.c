/* SPDX-License-Identifier: MIT
 *
 * Source files. See source.h.
 */
#include "partition/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/str.h"

enum {
    STEP = 1 << 20, /* a chunk: fits the cache, and what it costs to hand over is little */
    PACKED_STEP = 256 << 10,
};

void chunk_free(struct chunk *c)
{
    free(c->text);
    *c = (struct chunk){0};
}

static void chunk_room(struct chunk *c, size_t need)
{
    if (c->cap < need) {
        c->text = xreallocarray(c->text, 1, need + SCAN_PADDING);
        c->cap = need;
        /* what lies behind the text is read in whole words and blocks, if not used */
        memset(c->text + need, 0, SCAN_PADDING);
    }
}

/* ---- bytes ---- */

static int bad_gzip(const struct source_file *s, const char *why, struct err *e)
{
    return err_set(e, ERR_OUTPUT, "%s: %s", QUOTED(s->path), why);
}

/* More packed bytes for zlib; 0 at the end of the file. */
static int refill(struct source_file *s, struct err *e)
{
    if (s->z.avail_in > 0) {
        return 1;
    }
    ssize_t got = io_read_some(s->fd, s->packed, PACKED_STEP);
    if (got < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "read %s", QUOTED(s->path));
    }
    s->z.next_in = s->packed;
    s->z.avail_in = (uInt)got;
    return got > 0;
}

/* Behind a member: another one, zeros up to the end (tape padding), or the end. 0 at the end. */
static int next_member(struct source_file *s, struct err *e)
{
    int rc = refill(s, e);
    while (rc > 0 && s->any_member && *s->z.next_in == 0) {
        s->z.next_in++;
        s->z.avail_in--;
        rc = refill(s, e);
    }
    if (rc <= 0) {
        return rc;
    }
    if (inflateReset(&s->z) != Z_OK) {
        return bad_gzip(s, "zlib cannot begin a gzip member", e);
    }
    s->member_done = false;
    s->any_member = true;
    return 1;
}

/* Up to `n` unpacked bytes; 0 at the end. */
static ssize_t read_gzip(struct source_file *s, unsigned char *to, size_t n, struct err *e)
{
    s->z.next_out = to;
    s->z.avail_out = (uInt)n;
    while (s->z.avail_out == n) {
        int rc = s->member_done ? next_member(s, e) : refill(s, e);
        if (rc < 0) {
            return rc;
        }
        if (rc == 0) {
            return s->member_done ? 0 : bad_gzip(s, "the gzip data ends too early", e);
        }
        int z = inflate(&s->z, Z_NO_FLUSH);
        if (z == Z_STREAM_END) {
            s->member_done = true;
        } else if (z != Z_OK && z != Z_BUF_ERROR) {
            return bad_gzip(s, s->z.msg ? s->z.msg : "is not gzip data", e);
        }
    }
    return (ssize_t)(n - s->z.avail_out);
}

/* Reads until `c` holds `want` bytes or the file ends. */
static int read_up_to(struct source_file *s, struct chunk *c, size_t want, struct err *e)
{
    chunk_room(c, want);
    while (!s->ended && c->n < want) {
        ssize_t got = s->gzip ? read_gzip(s, c->text + c->n, want - c->n, e)
                              : io_read_some(s->fd, c->text + c->n, want - c->n);
        if (got < 0) {
            return s->gzip ? -(int)e->code
                           : err_sys(e, ERR_OUTPUT, errno, "read %s", QUOTED(s->path));
        }
        s->ended = got == 0;
        c->n += (size_t)got;
    }
    return 0;
}

/* ---- chunks ---- */

/* Where the last whole record ends; 0 when there is none. */
static size_t find_cut(struct source_file *s, const struct chunk *c)
{
    if (s->lines || s->dialect.quote == 0) {
        const unsigned char *at = memrchr(c->text, '\n', c->n);
        return at ? (size_t)(at - c->text) + 1 : 0;
    }
    if (!s->exact) {
        return scan_cut(&s->scanner, c->text, c->n);
    }
    struct row_span row;
    scanner_text(&s->scanner, c->text, c->n, false);
    while (scanner_next(&s->scanner, &row)) {
    }
    return s->scanner.pos;
}

static void keep_for_later(struct source_file *s, struct chunk *c, size_t cut)
{
    size_t n = c->n - cut;
    if (s->cap_carry < n) {
        s->carry = xreallocarray(s->carry, 1, n);
        s->cap_carry = n;
    }
    if (n > 0) {
        memcpy(s->carry, c->text + cut, n);
    }
    s->n_carry = n;
    c->n = cut;
}

/* A piece of a record that is too long, as much as was read. */
static void take_piece(struct source_file *s, struct chunk *c)
{
    bool ended = false;
    size_t n = scan_skip(&s->dialect, &s->state, c->text, c->n, &ended);
    ended = ended || s->ended;
    keep_for_later(s, c, n);
    c->kind = CHUNK_PIECE;
    c->continues = s->skipping;
    s->skipping = !ended;
    c->last = s->ended && s->n_carry == 0;
}

/* Reads on until the chunk holds whole records; what is behind them is carried over. */
static int take_records(struct source_file *s, struct chunk *c, struct err *e)
{
    for (size_t want = s->n_carry + s->step;; want = 2 * c->n) {
        int rc = read_up_to(s, c, want, e);
        if (rc != 0) {
            return rc;
        }
        c->last = s->ended;
        size_t cut = s->ended ? c->n : find_cut(s, c);
        if (cut > 0 || s->ended) {
            keep_for_later(s, c, cut);
            return 0;
        }
        if (s->dialect.max_row && c->n > s->dialect.max_row) {
            break;
        }
    }
    if (s->exact) {
        s->state = s->lines || !s->dialect.quote ? FIELD_PLAIN : FIELD_BEGIN;
        take_piece(s, c);
    } else {
        c->kind = CHUNK_CUT;
        s->over = true;
    }
    return 0;
}

int source_next(struct source_file *s, struct chunk *c, struct err *e)
{
    c->n = 0;
    c->kind = CHUNK_RECORDS;
    c->continues = false;
    if (s->over) {
        return 0;
    }
    chunk_room(c, s->n_carry + s->step);
    if (s->n_carry > 0) {
        memcpy(c->text, s->carry, s->n_carry);
    }
    c->n = s->n_carry;
    int rc = 0;
    if (s->skipping) {
        rc = read_up_to(s, c, s->n_carry + s->step, e);
        s->n_carry = 0;
        take_piece(s, c);
    } else {
        rc = take_records(s, c, e);
    }
    s->over = s->over || c->last;
    c->number = s->next_number++;
    return rc ? rc : 1;
}

/* ---- the begin ---- */

static int check_encoding(const struct source_file *s, const struct chunk *c, struct err *e)
{
    const unsigned char *t = c->text;
    if (c->n >= 2 && ((t[0] == 0xff && t[1] == 0xfe) || (t[0] == 0xfe && t[1] == 0xff))) {
        return err_set(e, ERR_OUTPUT, "%s is UTF-16; write it as UTF-8", QUOTED(s->path));
    }
    return 0;
}

static void drop_front(struct chunk *c, size_t n)
{
    memmove(c->text, c->text + n, c->n - n);
    c->n -= n;
}

/* The record that tells the columns, read on until it is whole: the header, or the first row. Where
 * rows that have a fault are set aside it is the first that has none. False in *found when the file
 * has no such record. */
static int first_record(struct source_file *s, struct chunk *c, bool header, struct row_span *row,
                        bool *found, struct err *e)
{
    bool any = header || !s->exact;
    for (;;) {
        scanner_text(&s->scanner, c->text, c->n, s->ended);
        do {
            *found = scanner_next(&s->scanner, row);
        } while (*found && !any && row_fault_text(row->fault));
        if (*found || s->ended) {
            return 0;
        }
        if (s->dialect.max_row && c->n > s->dialect.max_row) {
            return any ? err_set(e, ERR_OUTPUT, "%s: row 1 %s", QUOTED(s->path),
                                 row_fault_text(ROW_TOO_LONG))
                       : err_set(e, ERR_OUTPUT,
                                 "%s: its first %zu bytes hold no row without a fault that would "
                                 "tell how many columns there are; name them with columns = a,b,c",
                                 QUOTED(s->path), c->n);
        }
        int rc = read_up_to(s, c, 2 * c->n, e);
        if (rc != 0) {
            return rc;
        }
    }
}

/* Takes the header off the chunk. */
static int take_header(struct source_file *s, struct chunk *c, const struct row_span *row,
                       struct err *e)
{
    const char *fault = row_fault_text(row->fault);
    if (fault) {
        return err_set(e, ERR_OUTPUT, "%s: row 1, the header, %s", QUOTED(s->path), fault);
    }
    s->blank_lines = s->scanner.blank_lines; /* before it; they go with it */
    s->n_header = row->next - row->start;
    s->header = xmalloc(s->n_header + SCAN_PADDING);
    memset(s->header, 0, s->n_header + SCAN_PADDING);
    memcpy(s->header, c->text + row->start, s->n_header);
    uint32_t *at = xcalloc(row->n_delimiters + 1, sizeof *at);
    for (size_t i = 0; i < row->n_delimiters; i++) {
        at[i] = row->delimiters[i] - row->start;
    }
    s->header_row = *row;
    s->header_row.delimiters = at;
    s->header_row.stop -= row->start;
    s->header_row.next -= row->start;
    s->header_row.start = 0;
    drop_front(c, row->next);
    return 0;
}

static int read_begin(struct source_file *s, struct chunk *c, bool header, struct err *e)
{
    int rc = read_up_to(s, c, STEP, e);
    rc = rc ? rc : check_encoding(s, c, e);
    if (rc != 0) {
        return rc;
    }
    if (c->n >= 3 && memcmp(c->text, "\xef\xbb\xbf", 3) == 0) {
        drop_front(c, 3);
    }
    struct row_span row;
    bool found = false;
    bool known = s->lines || s->columns > 0;
    rc = known ? 0 : first_record(s, c, header, &row, &found, e);
    if (rc == 0 && found) {
        bool whole = row_fault_text(row.fault) == NULL;
        s->columns = whole ? row.n_delimiters + 1 : 0;
        rc = header ? take_header(s, c, &row, e) : 0;
    }
    keep_for_later(s, c, 0);
    return rc;
}

int source_open(struct source_file *s, int dir_fd, const char *path, const struct dialect *dialect,
                bool gzip, bool lines, bool header, bool exact, struct err *e)
{
    *s = (struct source_file){.fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW),
                              .path = path,
                              .gzip = gzip,
                              .lines = lines,
                              .exact = exact,
                              .dialect = *dialect,
                              .member_done = true,
                              .step = STEP};
    s->dialect.columns = 0;
    s->columns = lines || header ? 0 : dialect->columns;
    scanner_init(&s->scanner, &s->dialect);
    if (s->fd < 0) {
        return err_sys(e, ERR_OUTPUT, errno, "open %s", QUOTED(path));
    }
    (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (gzip) {
        enum { GZIP_ONLY = 15 + 16 };
        s->packed = xmalloc(PACKED_STEP);
        if (inflateInit2(&s->z, GZIP_ONLY) != Z_OK) {
            return err_set(e, ERR_INTERNAL, "zlib cannot begin");
        }
    }
    SCOPE(chunk_free) struct chunk c = {0};
    int rc = read_begin(s, &c, header, e);
    s->dialect.columns = s->columns;
    return rc;
}

void source_close(struct source_file *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    if (s->packed) {
        (void)inflateEnd(&s->z);
    }
    scanner_free(&s->scanner);
    free(s->header);
    free((uint32_t *)(uintptr_t)s->header_row.delimiters);
    free(s->packed);
    free(s->carry);
    *s = (struct source_file)SOURCE_NONE;
}
