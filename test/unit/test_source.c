/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/source: plain and gzip files, what is taken off their begin, and chunks
 * of whole records.
 */
#include "unit.h"

#include <zlib.h>

#include "../csvref.h"
#include "partition/source.h"

static const struct dialect CSV = {.delimiter = ',', .quote = '"'};
static struct err e;
static struct source_file src;
static const struct scratch *at;

static int setup(void **state)
{
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    src = (struct source_file)SOURCE_NONE;
    return 0;
}

static int teardown(void **state)
{
    source_close(&src);
    return scratch_remove(state);
}

/* How a file is opened. */
struct how {
    bool gzip;
    bool lines;
    bool header;
    bool exact;
    struct dialect dialect;
};

static int open_as(const char *path, struct how how)
{
    source_close(&src);
    return source_open(&src, at->fd, path, how.dialect.delimiter ? &how.dialect : &CSV, how.gzip,
                       how.lines, how.header, how.exact, &e);
}

/* Reads on to the end; every chunk's number, and every record's end, is checked. */
static int read_all(struct str *out, size_t *n_chunks)
{
    struct chunk c = {0};
    bool last = false;
    int rc = 0;
    str_clear(out);
    for (*n_chunks = 0; (rc = source_next(&src, &c, &e)) > 0; ++*n_chunks) {
        assert_int_equal(c.number, *n_chunks);
        assert_false(last);
        last = c.last;
        str_add(out, (const char *)c.text, c.n);
        if (c.kind == CHUNK_RECORDS && !c.last && !src.lines && src.exact) {
            assert_int_equal(model_cut(&CSV, c.text, c.n), c.n);
        }
        if (!c.last) {
            assert_true(c.n > 0);
        }
    }
    chunk_free(&c);
    return rc;
}

static void expect(const char *path, struct how how, const char *header, const char *rest)
{
    struct str out = STR_INIT(0);
    size_t n = 0;
    assert_ok(open_as(path, how), &e);
    assert_ok(read_all(&out, &n), &e);
    assert_string_equal(str_text(&out), rest);
    if (header) {
        assert_int_equal(src.n_header, strlen(header));
        assert_memory_equal(src.header, header, src.n_header);
    } else {
        assert_null(src.header);
    }
    str_free(&out);
}

/* ---- gzip ---- */

/* Appends one member to `out`. */
static void add_member(struct str *out, const char *text, size_t n)
{
    enum { GZIP = 15 + 16 };
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t cap = deflateBound(&z, n) + 64;
    char *packed = malloc(cap);
    assert_non_null(packed);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)packed;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    str_add(out, packed, cap - z.avail_out);
    (void)deflateEnd(&z);
    free(packed);
}

static void test_gzip(void **state)
{
    (void)state;
    struct str z = STR_INIT(0);
    struct how how = {.gzip = true, .header = true};
    add_member(&z, "a,b\n1,", 6);
    write_bytes(at->fd, "one", z.s, z.len);
    expect("one", how, "a,b\n", "1,");
    add_member(&z, "", 0);
    add_member(&z, "2\n3,4\n", 6);
    write_bytes(at->fd, "three", z.s, z.len);
    expect("three", how, "a,b\n", "1,2\n3,4\n");
    size_t whole = z.len;
    static const char ZEROS[600] = {0};
    str_add(&z, ZEROS, sizeof ZEROS);
    write_bytes(at->fd, "padded", z.s, z.len);
    expect("padded", how, "a,b\n", "1,2\n3,4\n");
    z.len = whole;
    for (size_t cut = 1; cut <= 12; cut++) {
        write_bytes(at->fd, "cut", z.s, whole - cut);
        assert_failed(open_as("cut", how), &e, ERR_OUTPUT, "\"cut\": the gzip data ends too early");
    }
    str_puts(&z, "garbage");
    write_bytes(at->fd, "garbage", z.s, z.len);
    assert_failed(open_as("garbage", how), &e, ERR_OUTPUT, "\"garbage\": ");
    z.s[whole - 6] ^= 1; /* in the checksum */
    write_bytes(at->fd, "sum", z.s, whole);
    assert_failed(open_as("sum", how), &e, ERR_OUTPUT, "incorrect data check");
    write_text(at->fd, "plain", "a,b\n1,2\n");
    assert_failed(open_as("plain", how), &e, ERR_OUTPUT, "incorrect header check");
    write_text(at->fd, "zeros", "");
    write_bytes(at->fd, "zeros", ZEROS, 10);
    assert_failed(open_as("zeros", how), &e, ERR_OUTPUT, "incorrect header check");
    str_free(&z);
}

/* ---- the begin ---- */

static void test_begin(void **state)
{
    (void)state;
    struct how header = {.header = true};
    struct how none = {0};
    write_text(at->fd, "a", "k,v\r\n1,2\r\n");
    expect("a", header, "k,v\r\n", "1,2\r\n");
    assert_int_equal(src.columns, 2);
    assert_int_equal(src.header_row.n_delimiters, 1);
    assert_int_equal(src.header_row.delimiters[0], 1);
    assert_int_equal(src.header_row.stop, 3);
    expect("a", none, NULL, "k,v\r\n1,2\r\n");
    assert_int_equal(src.dialect.columns, 2);
    write_text(at->fd, "bom",
               "\xef\xbb\xbf"
               "k,v\n1,2");
    expect("bom", header, "k,v\n", "1,2");
    expect("bom", none, NULL, "k,v\n1,2");
    write_text(at->fd, "blank", "\n\r\nk\nx\n");
    expect("blank", header, "k\n", "x\n");
    write_text(at->fd, "quoted", "\"a\nb\",\"c,\"\"d\"\n1,2\n");
    expect("quoted", header, "\"a\nb\",\"c,\"\"d\"\n", "1,2\n");
    assert_int_equal(src.columns, 2);
    write_text(at->fd, "only", "a,b,c");
    expect("only", header, "a,b,c", "");
    assert_int_equal(src.columns, 3);
    write_text(at->fd, "empty", "");
    expect("empty", header, NULL, "");
    expect("empty", none, NULL, "");
    assert_int_equal(src.columns, 0);
    write_text(at->fd, "bom-only", "\xef\xbb\xbf");
    expect("bom-only", header, NULL, "");
    write_text(at->fd, "lines", "{\"a\":\n\n1}\n\"");
    expect("lines", (struct how){.lines = true}, NULL, "{\"a\":\n\n1}\n\"");
    /* columns that are given are not looked for */
    struct how given = {.dialect = {.delimiter = ',', .quote = '"', .columns = 5}};
    expect("a", given, NULL, "k,v\r\n1,2\r\n");
    assert_int_equal(src.columns, 5);
}

static void test_begin_faults(void **state)
{
    (void)state;
    struct how header = {.header = true};
    write_bytes(at->fd, "le",
                "\xff\xfe"
                "a\0",
                4);
    assert_failed(open_as("le", header), &e, ERR_OUTPUT, "\"le\" is UTF-16; write it as UTF-8");
    write_bytes(at->fd, "be", "\xfe\xff\0a", 4);
    assert_failed(open_as("be", (struct how){0}), &e, ERR_OUTPUT, "is UTF-16");
    write_text(at->fd, "stray", "a\"b\n1\n");
    assert_failed(open_as("stray", header), &e, ERR_OUTPUT,
                  "\"stray\": row 1, the header, has a quote inside a field");
    write_text(at->fd, "open", "\"a\n1\n");
    assert_failed(open_as("open", header), &e, ERR_OUTPUT,
                  "row 1, the header, begins a quoted field that never ends");
    assert_failed(open_as("none", header), &e, ERR_OUTPUT, "open \"none\": No such file");
    assert_int_equal(symlinkat("stray", at->fd, "link"), 0);
    assert_failed(open_as("link", header), &e, ERR_OUTPUT, "open \"link\"");
    assert_int_equal(mkdirat(at->fd, "folder", 0777), 0);
    assert_failed(open_as("folder", header), &e, ERR_OUTPUT, "read \"folder\": Is a directory");
    assert_failed(open_as("folder", (struct how){.gzip = true}), &e, ERR_OUTPUT,
                  "read \"folder\": Is a directory");
    /* without a header a faulty first row is no failure of the file's */
    assert_ok(open_as("stray", (struct how){0}), &e);
    assert_int_equal(src.columns, 0);
    /* where such rows are set aside, the first good one tells the columns */
    write_text(at->fd, "late", "a\"b\n\n\"x\"y,1\n1,2,3\n4\n");
    expect("late", (struct how){.exact = true}, NULL, "a\"b\n\n\"x\"y,1\n1,2,3\n4\n");
    assert_int_equal(src.columns, 3);
}

static void test_long_header(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20 };
    char *text = malloc(BYTES + 16);
    assert_non_null(text);
    for (size_t i = 0; i < BYTES; i++) {
        text[i] = i % 8 == 7 ? ',' : 'h';
    }
    memcpy(text + BYTES, "\n1,2\n", 6);
    write_text(at->fd, "long", text);
    text[BYTES + 1] = '\0';
    expect("long", (struct how){.header = true}, text, "1,2\n");
    assert_int_equal(src.columns, BYTES / 8 + 1);
    assert_int_equal(src.header_row.delimiters[BYTES / 8 - 1], BYTES - 1);
    struct how limited = {.header = true,
                          .dialect = {.delimiter = ',', .quote = '"', .max_row = BYTES}};
    assert_failed(open_as("long", limited), &e, ERR_OUTPUT,
                  "row 1, the header, is longer than max_row_size");
    limited.dialect.max_row = BYTES / 3 - 1;
    assert_failed(open_as("long", limited), &e, ERR_OUTPUT, "row 1 is longer than max_row_size");
    free(text);
}

/* ---- chunks ---- */

/* Records of several shapes, `n` bytes of them or a little more. */
static void make_records(struct str *out, size_t n)
{
    for (unsigned i = 0; out->len < n; i++) {
        str_printf(out, "%u,\"x%.*s\"%s", i, (int)(i % 37),
                   "\n,\"\"\r\n,,\"\"\"\"\n\n\n\n,a\"\"\n\n\n\n\n\n\n\n\n\n\n",
                   i % 3 ? "\n" : "\r\n");
    }
}

static void test_chunks(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct str out = STR_INIT(0);
    struct str z = STR_INIT(0);
    size_t n = 0;
    while (text.len < (5 << 20) + 12345) { /* quotes come in pairs */
        str_printf(&text, "%zu,\"a\n,\"\"\n\",%zu\r\n\n\"\n\"\n", text.len, text.len * 7);
    }
    str_puts(&text, "last,\"\n\"");
    write_bytes(at->fd, "big", text.s, text.len);
    add_member(&z, text.s, 1000001);
    add_member(&z, text.s + 1000001, text.len - 1000001);
    write_bytes(at->fd, "big.gz", z.s, z.len);
    for (unsigned i = 0; i < 8; i++) {
        bool gzip = i & 1;
        struct how how = {.gzip = gzip, .exact = i & 2, .header = i & 4};
        assert_ok(open_as(gzip ? "big.gz" : "big", how), &e);
        if (i < 4) {
            src.step = 70001; /* more and other chunks */
        }
        assert_ok(read_all(&out, &n), &e);
        assert_true(n >= 5);
        assert_int_equal(src.n_header + out.len, text.len);
        assert_memory_equal(str_text(&out), text.s + src.n_header, out.len);
    }
    str_free(&text);
    str_free(&out);
    str_free(&z);
}

static void test_any_step(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct str out = STR_INIT(0);
    size_t n = 0;
    make_records(&text, (1 << 20) + 20000);
    write_bytes(at->fd, "f", text.s, text.len);
    for (size_t step = 1; step < 400; step = step * 3 + 1) {
        for (int exact = 0; exact < 2; exact++) {
            assert_ok(open_as("f", (struct how){.exact = exact}), &e);
            src.step = step;
            assert_ok(read_all(&out, &n), &e);
            assert_int_equal(out.len, text.len);
            assert_memory_equal(out.s, text.s, text.len);
        }
    }
    str_free(&text);
    str_free(&out);
}

/* ---- records that are too long ---- */

enum { LONG = 4 << 20 };

/* good rows, a record of LONG bytes and a few, good rows. `quoted`: it has newlines inside. */
static void write_long(const char *path, struct str *text, bool quoted, const char *end)
{
    str_clear(text);
    str_puts(text, "a,b\nc,d\n");
    str_puts(text, quoted ? "\"" : "");
    for (size_t i = 0; i < LONG / 8; i++) {
        str_puts(text, quoted ? "1234\"\"\n," : "1234567,");
    }
    str_puts(text, quoted ? "\"" : "");
    str_puts(text, end);
    write_bytes(at->fd, path, text->s, text->len);
}

/* Reads a file whose third record is in pieces; what they add up to. */
static size_t read_pieces(struct str *out, size_t *begins)
{
    struct chunk c = {0};
    size_t sum = 0;
    bool inside = false;
    *begins = 0;
    str_clear(out);
    while (source_next(&src, &c, &e) > 0) {
        bool piece = c.kind == CHUNK_PIECE;
        assert_true(c.kind != CHUNK_CUT && (!c.continues || (piece && inside)));
        sum += piece ? c.n : 0;
        inside = piece;
        *begins += piece && !c.continues;
        str_add(out, (const char *)c.text, c.n);
    }
    chunk_free(&c);
    return sum;
}

static void test_too_long_exact(void **state)
{
    (void)state;
    static const char *const ENDS[] = {"\ne,f\n", "\r\ne,f", "", "\n", "\n\n\ne,f\n"};
    struct str text = STR_INIT(0);
    struct str out = STR_INIT(0);
    for (unsigned i = 0; i < 2 * COUNT(ENDS); i++) {
        const char *end = ENDS[i / 2];
        struct how how = {.exact = true,
                          .dialect = {.delimiter = ',', .quote = '"', .max_row = 100 + LONG / 2}};
        write_long("f", &text, i % 2, end);
        assert_ok(open_as("f", how), &e);
        size_t begins = 0;
        size_t sum = read_pieces(&out, &begins);
        assert_int_equal(out.len, text.len);
        assert_memory_equal(out.s, text.s, text.len);
        assert_int_equal(begins, 1);
        assert_int_equal(sum, LONG + (i % 2 ? 2 : 0) +
                                  (strchr(end, '\n') ? strchr(end, '\n') - end + 1 : 0));
    }
    str_free(&text);
    str_free(&out);
}

static void test_too_long_counting(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    for (unsigned i = 0; i < 2; i++) {
        struct how how = {.dialect = {.delimiter = ',', .quote = '"', .max_row = LONG / 2}};
        struct chunk c = {0};
        write_long("f", &text, i % 2, "\ne,f\n");
        assert_ok(open_as("f", how), &e);
        assert_int_equal(source_next(&src, &c, &e), 1);
        if (c.kind == CHUNK_RECORDS) {
            assert_int_equal(c.n, 8);
            assert_int_equal(source_next(&src, &c, &e), 1);
        }
        assert_int_equal(c.kind, CHUNK_CUT);
        assert_int_equal(source_next(&src, &c, &e), 0);
        chunk_free(&c);
    }
    str_free(&text);
}

static void test_too_long_lines(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct str out = STR_INIT(0);
    size_t begins = 0;
    struct how how = {
        .lines = true, .exact = true, .dialect = {.delimiter = '\n', .max_row = LONG / 2}};
    write_long("f", &text, false, "\n{}\n");
    assert_ok(open_as("f", how), &e);
    assert_int_equal(read_pieces(&out, &begins), LONG + 1);
    assert_int_equal(begins, 1);
    assert_int_equal(out.len, text.len);
    str_free(&text);
    str_free(&out);
}

/* The file becomes shorter than its begin promised: gzip that is cut in its middle. */
static void test_late_failure(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct str z = STR_INIT(0);
    struct str out = STR_INIT(0);
    size_t n = 0;
    make_records(&text, 3 << 20);
    add_member(&z, text.s, text.len);
    write_bytes(at->fd, "f", z.s, z.len - 9);
    assert_ok(open_as("f", (struct how){.gzip = true}), &e);
    assert_failed(read_all(&out, &n), &e, ERR_OUTPUT, "\"f\": the gzip data ends too early");
    write_bytes(at->fd, "g", text.s, text.len);
    assert_ok(open_as("g", (struct how){0}), &e);
    (void)close(src.fd);
    src.fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC); /* address 0: EIO */
    assert_failed(read_all(&out, &n), &e, ERR_OUTPUT, "read \"g\": Input/output error");
    str_free(&text);
    str_free(&z);
    str_free(&out);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        test(test_gzip),           test(test_begin),
        test(test_begin_faults),   test(test_long_header),
        test(test_chunks),         test(test_any_step),
        test(test_too_long_exact), test(test_too_long_counting),
        test(test_too_long_lines), test(test_late_failure),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
