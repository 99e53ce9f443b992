/* SPDX-License-Identifier: MIT
 *
 * partition/source and partition/rows, and the plan partition/split makes for them: a file is read
 * and its rows placed. What is kept of each row, where it goes and which rows are set aside must be
 * what a model of the rules says; setting rows aside or not makes no difference where no row is
 * bad; a dry run of split_file counts the same. The first four bytes choose format and plan; the
 * rest is the file.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../csvref.h"
#include "fuzz.h"
#include "job.h"
#include "partition/split.h"

static int folder = -1;
static char folder_path[] = "/tmp/procagent-fuzz-XXXXXX";

static void remove_folder(void)
{
    (void)unlinkat(folder, "in", 0);
    (void)rmdir(folder_path);
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

/* What one file is read as. */
struct setup {
    bool lines;
    bool gzip;
    bool reject;
    bool keep;
    size_t key; /* from 0 */
    struct job job;
    struct output out;
    struct layout layout;
    struct layout bound;
    struct dialect dialect;
};

/* What came of it. */
struct outcome {
    struct str rows;  /* a line for each row: its folder; then its bytes */
    struct str bytes; /* all bytes kept or set aside */
    uint64_t n;       /* rows kept */
    uint64_t rejected;
    uint64_t blank_lines;
    bool failed;
    bool named; /* a column of the header may be called as the key's number: not for dry_run */
};

static void outcome_free(struct outcome *o)
{
    str_free(&o->rows);
    str_free(&o->bytes);
}

static void add_outcome(struct outcome *o, const char *dir, const char *bytes, size_t n, bool whole)
{
    str_add(&o->bytes, bytes, n);
    if (whole) {
        bool bad = strcmp(dir, "_rejected") == 0;
        o->rejected += bad;
        o->n += !bad;
        str_printf(&o->rows, "%s %zu\n", dir, n);
    }
}

/* ---- the file ---- */

static void put(int fd, const void *bytes, size_t n)
{
    REQUIRE(write(fd, bytes, n) == (ssize_t)n);
}

/* One gzip member. */
static void put_member(int fd, const uint8_t *data, size_t n)
{
    enum { GZIP = 15 + 16 };
    z_stream z = {0};
    REQUIRE(deflateInit2(&z, 1, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t cap = deflateBound(&z, n) + 64;
    unsigned char *out = xmalloc(cap);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    put(fd, out, cap - z.avail_out);
    (void)deflateEnd(&z);
    free(out);
}

static void write_input(const struct setup *s, const uint8_t *data, size_t n)
{
    int fd = openat(folder, "in", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    if (s->gzip) {
        put_member(fd, data, n / 3);
        put_member(fd, data + n / 3, n - n / 3);
    } else {
        put(fd, data, n);
    }
    (void)close(fd);
}

/* ---- the plan, and reading with it ---- */

static bool make_plan(const struct setup *s, const struct source_file *f, struct parts *ps,
                      struct row_plan *plan)
{
    size_t columns = f->columns;
    *plan = (struct row_plan){.bound = &s->bound,
                              .rules = {.tz = &s->job.tz, .table = &s->out.table},
                              .parts = ps,
                              .name = "in",
                              .dialect = f->dialect,
                              .columns_of = "the first row has",
                              .lines = s->lines,
                              .reject = s->reject,
                              .n_keys = 1,
                              .whole = s->lines || s->keep || columns == 0};
    plan->key_field[0] = s->key;
    if (s->lines || columns == 0) {
        return true;
    }
    if (s->key >= columns || (!s->keep && columns == 1)) {
        return false;
    }
    if (!plan->whole) {
        if (s->key > 0) {
            plan->runs[plan->n_runs++] = (struct run){.first = 0, .last = s->key - 1};
        }
        if (s->key + 1 < columns) {
            plan->runs[plan->n_runs++] = (struct run){.first = s->key + 1, .last = columns - 1};
        }
        plan->single = columns == 2;
        plan->tail = s->key + 1 == columns;
    }
    return true;
}

static void take_rows(const struct row_plan *plan, const struct rows *r, const struct chunk *c,
                      struct outcome *o)
{
    size_t stride = rows_stride(plan);
    struct str kept = STR_INIT(0);
    for (size_t i = 0; i < r->n; i++) {
        str_clear(&kept);
        if (r->v[i].quotes) {
            str_putc(&kept, (char)plan->dialect.quote);
            str_putc(&kept, (char)plan->dialect.quote);
        }
        for (size_t k = 0; k < stride; k++) {
            const struct piece_of_row *p = &r->pieces[i * stride + k];
            REQUIRE(p->start <= c->n && p->n <= c->n - p->start);
            str_add(&kept, (const char *)c->text + p->start, p->n);
        }
        REQUIRE(kept.len == r->v[i].bytes);
        add_outcome(o, r->v[i].part->dir, str_text(&kept), kept.len, true);
    }
    str_free(&kept);
}

/* Reads the file; false when there is no plan for it. The begin alone may fail, too. */
static bool read_rows(const struct setup *s, struct outcome *o)
{
    struct source_file f = SOURCE_NONE;
    struct err e = {0};
    struct row_plan plan;
    struct rows r;
    struct parts ps;
    struct chunk c = {0};
    parts_init(&ps, -1);
    bool planned = true;
    int rc = source_open(&f, folder, "in", &s->dialect, s->gzip, s->lines,
                         s->out.table.header && !s->lines, s->reject, &e);
    o->named = f.header && memchr(f.header, '1' + (int)s->key, f.n_header);
    o->blank_lines = f.blank_lines;
    if (rc == 0) {
        planned = make_plan(s, &f, &ps, &plan);
    }
    if (rc == 0 && planned) {
        rows_init(&r, &plan, 100);
        while (!o->failed && (rc = source_next(&f, &c, &e)) > 0) {
            bool piece = c.kind == CHUNK_PIECE;
            if (piece) {
                add_outcome(o, "_rejected", (const char *)c.text, c.n, !c.continues);
                continue;
            }
            rows_begin(&r, &plan, &c);
            for (bool more = true; more;) {
                more = rows_batch(&r, &plan, &c);
                take_rows(&plan, &r, &c, o);
            }
            o->blank_lines += r.blank_lines;
            o->failed = r.failed;
        }
        rows_free(&r);
    }
    if (rc < 0) {
        require_error(rc, &e);
        o->failed = true;
    }
    chunk_free(&c);
    source_close(&f);
    parts_free(&ps);
    return planned;
}

/* ---- the model ---- */

/* One good record: its folder, or false; what is kept of it in `kept`. */
static bool model_place(const struct setup *s, const uint8_t *t, const struct model_row *row,
                        size_t columns, struct str *dir, struct str *kept)
{
    size_t at = row->start;
    size_t stop = row->stop - (row->ended && row->stop > row->start && t[row->stop - 1] == '\r');
    struct str room = STR_INIT(0);
    str_reserve(&room, row->stop - row->start);
    struct field_text value = {0};
    for (size_t i = 0; i < columns; i++) {
        size_t end = at;
        bool quoted = s->dialect.quote && at < stop && t[at] == s->dialect.quote;
        bool inside = false;
        for (; end < stop && (inside || t[end] != s->dialect.delimiter); end++) {
            inside ^= quoted && t[end] == s->dialect.quote;
        }
        if (i == s->key) {
            value = field_decode(s->dialect.quote, (const char *)t + at, end - at, &room);
        } else {
            bool empty = columns == 2 && at == end && s->dialect.quote;
            const char quotes[2] = {(char)s->dialect.quote, (char)s->dialect.quote};
            str_add(kept, quotes, empty ? 2 : 0);
            str_add(kept, (const char *)t + at, end - at);
            bool more = i + 1 < columns && !(s->key + 1 == columns && i + 2 == columns);
            str_add(kept, (const char *)t + end, more);
        }
        at = end + 1;
    }
    str_add(kept, (const char *)t + stop, row->next - stop);
    if (s->keep) {
        str_clear(kept);
        str_add(kept, (const char *)t + row->start, row->next - row->start);
    }
    struct value_rules rules = {.tz = &s->job.tz, .table = &s->out.table};
    struct err e = {0};
    int rc = layout_fill(&s->bound, &rules, &value, ERR_OUTPUT, dir, &e);
    str_free(&room);
    return rc == 0;
}

/* All rows of a CSV file as the rules have them. */
static void model_rows(const struct setup *s, const uint8_t *t, size_t n, struct outcome *o)
{
    struct dialect d = s->dialect;
    struct str dir = STR_INIT(0);
    struct str kept = STR_INIT(0);
    size_t start = n >= 3 && memcmp(t, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    bool header = s->out.table.header;
    /* the first record says how many columns there are; where rows are set aside, a good one */
    bool known = false;
    for (size_t at = start; at < n && !known;) {
        struct model_row row = model_record(&d, t, n, at);
        bool good = row.fault == ROW_GOOD;
        known = !model_blank(&d, &row, t) && (good || header || !s->reject);
        d.columns = known && good ? row.n_delimiters + 1 : 0;
        at = row.next;
    }
    for (size_t at = start; at < n && !o->failed;) {
        struct model_row row = model_record(&d, t, n, at);
        at = row.next;
        struct dialect many = d;
        many.columns = header ? 0 : d.columns;
        if (model_blank(&many, &row, t)) {
            o->blank_lines++;
            continue;
        }
        if (header) {
            header = false;
            o->failed = row.fault != ROW_GOOD;
            continue;
        }
        str_clear(&dir);
        str_clear(&kept);
        if (row.fault == ROW_GOOD && row.n_delimiters + 1 == d.columns &&
            model_place(s, t, &row, d.columns, &dir, &kept)) {
            add_outcome(o, str_text(&dir), str_text(&kept), kept.len, true);
        } else if (s->reject) {
            add_outcome(o, "_rejected", (const char *)t + row.start, row.next - row.start, true);
        } else {
            o->failed = true;
        }
    }
    str_free(&dir);
    str_free(&kept);
}

static void same(const struct outcome *a, const struct outcome *b)
{
    REQUIRE(a->n == b->n && a->rejected == b->rejected && a->failed == b->failed);
    REQUIRE(a->failed || a->blank_lines == b->blank_lines);
    REQUIRE(str_same(str_text(&a->rows), str_text(&b->rows)));
    REQUIRE(a->bytes.len == b->bytes.len);
    REQUIRE(memcmp(str_text(&a->bytes), str_text(&b->bytes), a->bytes.len) == 0);
}

/* JSON Lines: rows are lines, and all of them are there. */
static void check_lines(const uint8_t *t, size_t n, const struct outcome *o)
{
    size_t at = n >= 3 && memcmp(t, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    uint64_t blank = 0;
    size_t used = 0;
    while (at < n) {
        const uint8_t *newline = memchr(t + at, '\n', n - at);
        size_t next = newline ? (size_t)(newline - t) + 1 : n;
        size_t white = 0;
        while (at + white < next && memchr(" \t\r\n", t[at + white], 4)) {
            white++;
        }
        if (at + white == next) {
            blank++;
        } else {
            REQUIRE(used + next - at <= o->bytes.len);
            REQUIRE(memcmp(o->bytes.s + used, t + at, next - at) == 0);
            used += next - at;
        }
        at = next;
    }
    REQUIRE(used == o->bytes.len && blank == o->blank_lines);
}

/* ---- all of it ---- */

static void dry_run(const struct setup *s, bool planned, size_t size, const struct outcome *o)
{
    struct splitter sp;
    struct err e = {0};
    splitter_init(&sp, &s->job, &s->out, folder, -1, 0);
    struct split_source from = {.path = "in",
                                .size = size,
                                .name = "in",
                                .bound = &s->bound,
                                .format = s->lines ? FORMAT_JSONL : FORMAT_CSV,
                                .gzip = s->gzip};
    int rc = split_file(&sp, &from, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(!planned || o->failed);
    } else {
        REQUIRE(planned && !o->failed);
        rc = splitter_end(&sp, &e);
        REQUIRE(rc == 0);
        REQUIRE(sp.rows_out == o->n && sp.parts.rejects.rows == o->rejected);
        REQUIRE(sp.blank_lines == o->blank_lines && sp.rows_in == o->n + o->rejected);
    }
    splitter_free(&sp);
}

static void read_and_check(struct setup *s, const uint8_t *data, size_t size)
{
    struct outcome found = {.rows = STR_INIT(0), .bytes = STR_INIT(0)};
    struct outcome want = {.rows = STR_INIT(0), .bytes = STR_INIT(0)};
    bool utf16 =
        size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0);
    write_input(s, data, size);
    bool planned = read_rows(s, &found);
    if (!found.named) {
        dry_run(s, planned, size, &found);
    }
    if (utf16) {
        REQUIRE(found.failed);
    } else if (s->lines) {
        if (!found.failed) {
            check_lines(data, size, &found);
        }
    } else if (planned) {
        model_rows(s, data, size, &want);
        same(&found, &want);
    }
    /* without bad rows it does not matter what would be done with them */
    bool clean = planned && s->reject && !found.failed && found.rejected == 0;
    if (clean) {
        struct outcome counted = {.rows = STR_INIT(0), .bytes = STR_INIT(0)};
        s->reject = s->out.table.reject_bad_rows = false;
        (void)read_rows(s, &counted);
        same(&found, &counted);
        outcome_free(&counted);
    }
    outcome_free(&found);
    outcome_free(&want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CHOICES = 4, LINES = 1, GZIP = 2, REJECT = 4, KEEP = 8, HEADER = 16, FAIL_NULL = 32 };
    if (size < CHOICES) {
        return 0;
    }
    uint8_t flags = data[0];
    struct setup s = {.lines = flags & LINES,
                      .gzip = flags & GZIP,
                      .reject = flags & REJECT,
                      .keep = flags & KEEP,
                      .key = data[1] % 4};
    struct table *t = &s.out.table;
    table_init(t);
    t->header = flags & HEADER;
    t->keep_columns = s.keep;
    t->reject_bad_rows = s.reject;
    t->null = flags & FAIL_NULL ? NULL_FAIL : NULL_PARTITION;
    t->delimiter = ",;\t|"[data[2] % 4];
    t->quote = "\"'\"\0"[data[3] % 4];
    s.dialect = (struct dialect){.delimiter = (unsigned char)(s.lines ? '\n' : t->delimiter),
                                 .quote = (unsigned char)(s.lines ? 0 : t->quote),
                                 .max_row = t->max_row_size};
    char text[32];
    struct err e = {0};
    (void)snprintf(text, sizeof text, s.lines ? "k={column.k}" : "k={column.%zu}", s.key + 1);
    REQUIRE(layout_parse(text, &s.layout, &e) == 0);
    REQUIRE(layout_bind(&s.layout, &s.job, NULL, ERR_CONFIG, &s.bound, &e) == 0);
    read_and_check(&s, data + CHOICES, size - CHOICES);
    layout_free(&s.layout);
    layout_free(&s.bound);
    free(t->null_value);
    return 0;
}
