/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/split through split_file and splitter_end: what lies in the folders
 * afterwards, on one CPU and on all of them.
 */
#include "unit.h"

#include <sched.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/scope.h"
#include "partition/split.h"

static struct job job;
static struct output out;
static struct splitter sp;
static struct err e;
static const struct scratch *at;

static int setup(void **state)
{
    log_set_level(LOG_ERROR);
    (void)scratch_make(state);
    at = *state;
    e = (struct err){0};
    job_init(&job);
    out = (struct output){0};
    table_init(&out.table);
    sp = (struct splitter){.parts = {.root_fd = -1, .rejects = {.fd = -1}}};
    return 0;
}

static int teardown(void **state)
{
    strvec_free(&out.table.columns);
    job_free(&job);
    return scratch_remove(state);
}

/* The result: sums of the splitter, and the files with their bytes. */
struct result {
    struct str files; /* "path size: bytes\n" of each, sorted */
    uint64_t rows_in;
    uint64_t rows_out;
    uint64_t rejected;
    uint64_t blank_lines;
    uint64_t n_files;
    uint64_t partitions;
};

static void read_tree(const char *dir, struct str *text)
{
    SCOPE_FD int fd = openat(at->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE(dir_listing_free) struct dir_listing files = {0};
    assert_ok(dir_list(fd, ".", "", 0, ERR_OUTPUT, &files, &e), &e);
    struct strvec paths = {0};
    for (size_t i = 0; i < files.n; i++) {
        if (S_ISREG(files.v[i].mode)) {
            strvec_add(&paths, files.v[i].path);
        }
    }
    strvec_sort(&paths);
    for (size_t i = 0; i < paths.n; i++) {
        size_t n = 0;
        char *bytes = read_bytes(fd, paths.v[i], &n);
        str_printf(text, "%s %zu: ", paths.v[i], n);
        str_add(text, bytes, n);
        str_puts(text, n > 0 && bytes[n - 1] == '\n' ? "" : "$\n");
        free(bytes);
    }
    strvec_free(&paths);
}

/* Splits the files `names` (ended by NULL) by `layout` into the folder `to`; NULL: a dry run. */
static int split_into(const char *to, const char *layout, const char *const *names,
                      struct result *r)
{
    struct layout read = {0};
    struct layout bound = {0};
    int to_fd = -1;
    if (to) {
        assert_int_equal(mkdirat(at->fd, to, 0777), 0);
        to_fd = openat(at->fd, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    assert_ok(layout_parse(layout, &read, &e), &e);
    assert_ok(layout_bind(&read, &job, NULL, ERR_CONFIG, &bound, &e), &e);
    splitter_init(&sp, &job, &out, at->fd, to_fd, 0);
    int rc = 0;
    for (; rc == 0 && *names; names++) {
        size_t stem = 0;
        struct stat st;
        assert_int_equal(fstatat(at->fd, *names, &st, 0), 0);
        struct split_source from = {
            .path = *names, .size = (uint64_t)st.st_size, .name = *names, .bound = &bound};
        from.format = format_of_name(*names, &from.gzip, &stem);
        assert_true(from.format != FORMAT_BY_NAME);
        rc = split_file(&sp, &from, &e);
    }
    rc = rc ? rc : splitter_end(&sp, &e);
    *r = (struct result){.files = STR_INIT(0),
                         .rows_in = sp.rows_in,
                         .rows_out = sp.rows_out,
                         .rejected = sp.parts.rejects.rows,
                         .blank_lines = sp.blank_lines,
                         .n_files = sp.parts.files,
                         .partitions = sp.parts.n};
    if (to && rc == 0) {
        read_tree(to, &r->files);
    }
    splitter_free(&sp);
    layout_free(&read);
    layout_free(&bound);
    if (to_fd >= 0) {
        (void)close(to_fd);
    }
    return rc;
}

static void same_counts(const struct result *a, const struct result *b)
{
    assert_int_equal(a->rows_in, b->rows_in);
    assert_int_equal(a->rows_out, b->rows_out);
    assert_int_equal(a->rejected, b->rejected);
    assert_int_equal(a->blank_lines, b->blank_lines);
    assert_int_equal(a->n_files, b->n_files);
    assert_int_equal(a->partitions, b->partitions);
}

/* Splits one file that holds `text`: the tree must be `want`, a dry run must count the same. */
static void expect(const char *name, const char *text, const char *layout, const char *want)
{
    static unsigned n;
    char to[16];
    struct result r;
    struct result dry;
    (void)snprintf(to, sizeof to, "to%u", n++);
    write_text(at->fd, name, text);
    assert_ok(split_into(to, layout, (const char *const[]){name, NULL}, &r), &e);
    if (strcmp(str_text(&r.files), want) != 0) {
        fail_msg("found\n%s\nexpected\n%s", str_text(&r.files), want);
    }
    assert_ok(split_into(NULL, layout, (const char *const[]){name, NULL}, &dry), &e);
    same_counts(&r, &dry);
    str_free(&r.files);
}

static void expect_failure(const char *name, const char *text, const char *layout, const char *why)
{
    static unsigned n;
    char to[16];
    struct result r;
    (void)snprintf(to, sizeof to, "bad%u", n++);
    write_text(at->fd, name, text);
    const char *const names[] = {name, NULL};
    assert_failed(split_into(to, layout, names, &r), &e, ERR_OUTPUT, why);
    assert_failed(split_into(NULL, layout, names, &r), &e, ERR_OUTPUT, why);
}

/* ---- small files ---- */

static void test_csv(void **state)
{
    (void)state;
    expect("a.csv", "k,v,w\nx,1,2\ny,3,4\nx,\"5\n\",6\n", "k={column.k}",
           "k=x/a.csv 15: v,w\n1,2\n\"5\n\",6\nk=y/a.csv 8: v,w\n3,4\n");
    expect("b.csv", "v,k\r\n1,x\r\n2,y", "k={column.k}",
           "k=x/b.csv 6: v\r\n1\r\nk=y/b.csv 4: v\r\n2$\n");
    expect("c.csv", "a,k,b,j,c\n1,x,2,y,3\n4,x,5,\"y\",6\n", "j={column.j}/k={column.2}",
           "j=y/k=x/c.csv 18: a,b,c\n1,2,3\n4,5,6\n");
    expect("d.csv", "k,v\n\n\"x\"\"/\",1\n\n,2\n", "k={column.k}",
           "k=__HIVE_DEFAULT_PARTITION__/d.csv 4: v\n2\nk=x%22%2F/d.csv 4: v\n1\n");
    expect("e.tsv", "k\tv\nx\t1,2\n", "k={column.k}", "k=x/e.tsv 6: v\n1,2\n");
    expect("f.csv", "k,v\n", "k={column.k}", "");
    expect("g.csv", "", "k={column.k}", "");
    expect("h.csv", "k,j,v\nx,x,1\n", "a={column.k}/b={column.k}-{column.j}",
           "a=x/b=x-x/h.csv 4: v\n1\n");
}

/* A row that would be an empty line is "" instead. */
static void test_empty_rows(void **state)
{
    (void)state;
    expect("a.csv", "k,v\nx,\nx,\"\"\nx,1\n", "k={column.k}", "k=x/a.csv 10: v\n\"\"\n\"\"\n1\n");
    expect("b.csv", "v,k\r\n,x\r\n1,x\r\n,x", "k={column.k}",
           "k=x/b.csv 12: v\r\n\"\"\r\n1\r\n\"\"$\n");
    expect("c.csv", "k,\nx,1\n", "k={column.k}", "k=x/c.csv 5: \"\"\n1\n");
    expect("d.csv", "k,v,w\nx,,\n", "k={column.k}", "k=x/d.csv 6: v,w\n,\n");
    /* rows of one column: an empty line is one */
    out.table.keep_columns = true;
    expect("e.csv", "k\nx\n\nx\n", "k={column.k}",
           "k=__HIVE_DEFAULT_PARTITION__/e.csv 3: k\n\nk=x/e.csv 6: k\nx\nx\n");
}

static void test_columns(void **state)
{
    (void)state;
    out.table.keep_columns = true;
    expect("a.csv", "k,v\nx,1\n", "k={column.k}", "k=x/a.csv 8: k,v\nx,1\n");
    out.table.keep_columns = false;
    expect_failure("b.csv", "k,j\nx,y\n", "k={column.k}/j={column.j}",
                   "\"b.csv\" has no columns but those of the layout");
    expect_failure("c.csv", "country,v\nx,1\n", "k={column.contry}",
                   "\"c.csv\" has no column \"contry\", did you mean \"country\"?");
    expect_failure("d.csv", "k,v,k\nx,1,y\n", "k={column.k}",
                   "\"d.csv\" has 2 columns called \"k\"; use the number");
    expect("d.csv", "k,v,k\nx,1,y\n", "k={column.3}", "k=y/d.csv 8: k,v\nx,1\n");
    expect_failure("e.csv", "k,v\nx,1\n", "k={column.3}",
                   "\"e.csv\" has 2 columns, so no {column.3}");
    expect("f.csv", "\"k \"\"1\"\"\",2,v\nx,y,1\n", "k={column.2}/j={column.k \"1\"}",
           "k=y/j=x/f.csv 4: v\n1\n");
}

static void test_without_header(void **state)
{
    (void)state;
    out.table.header = false;
    expect("a.csv", "x,1\ny,2\n", "k={column.1}", "k=x/a.csv 2: 1\nk=y/a.csv 2: 2\n");
    expect_failure("b.csv", "x,1\n", "k={column.k}", "has no header to find {column.k} in");
    expect_failure("c.csv", "x,1\ny\n", "k={column.1}",
                   "\"c.csv\": row 2 has 1 field, the first row has 2");
    expect_failure("d.csv", "x\"y,1\nz,2\n", "k={column.1}", "\"d.csv\": row 1 has a quote inside");
    /* the columns are those of the first row that is not set aside */
    out.table.reject_bad_rows = true;
    expect("e.csv", "x\"y,1\nv,z,2\nw,q\nv,u,3", "k={column.2}",
           "_rejected/e.csv 10: x\"y,1\nw,q\nk=u/e.csv 3: v,3$\nk=z/e.csv 4: v,2\n");
    expect("f.csv", "a\"b\nc\"d\n", "k={column.2}", "_rejected/f.csv 8: a\"b\nc\"d\n");
    strvec_add(&out.table.columns, "v");
    strvec_add(&out.table.columns, "k");
    expect("g.csv", "1,2,3\n1,x\n\"\n", "k={column.k}",
           "_rejected/g.csv 8: 1,2,3\n\"\nk=x/g.csv 2: 1\n");
    expect_failure("h.csv", "1,2,3\n1,x\n", "k={column.3}", "has 2 columns, so no {column.3}");
    out.table.reject_bad_rows = false;
    expect_failure("i.csv", "1,2,3\n", "k={column.k}", "row 1 has 3 fields, columns = names 2");
}

static void test_bad_rows(void **state)
{
    (void)state;
    static const char TEXT[] =
        "k,v\nx,1\n\ny\"z,2\n\"x\"y,3\nx\nx,4,5\nx,\xff\n\xff,6\nx,7\r\r\nx,8\n";
    expect_failure("a.csv", TEXT, "k={column.k}",
                   "\"a.csv\": row 3 has a quote inside a field that does not begin with one: "
                   "\"y\"z,2\"; on_bad_row = reject sets such rows aside");
    expect_failure("b.csv", "k,v\nx,1\nx\n", "k={column.k}",
                   "\"b.csv\": row 3 has 1 field, the header has 2: \"x\"");
    expect_failure("c.csv", "k,v\nx,1\n\xff,2\n", "k={column.k}",
                   "\"c.csv\": row 3 cannot be placed: ");
    out.table.reject_bad_rows = true;
    expect("a.csv", TEXT, "k={column.k}",
           "_rejected/a.csv 35: k,v\ny\"z,2\n\"x\"y,3\nx\nx,4,5\n\xff,6\nx,7\r\r\n"
           "k=x/a.csv 8: v\n1\n\xff\n8\n");
    out.table.null = NULL_FAIL;
    expect("d.csv", "k,v\n,1\nx,2", "k={column.k}",
           "_rejected/d.csv 7: k,v\n,1\nk=x/d.csv 3: v\n2$\n");
    out.table.max_row_size = 5;
    expect("e.csv", "k,v\nx,12\nx,123\n", "k={column.k}",
           "_rejected/e.csv 10: k,v\nx,123\nk=x/e.csv 5: v\n12\n");
}

static void test_json_lines(void **state)
{
    (void)state;
    expect("a.jsonl",
           "{\"k\":\"x\",\"v\":1}\n\n {\"v\":2, \"k\":7}\r\n{\"k\":true}\n{\"k\":null}\n{}\n"
           "{\"k\":\"\\u00e9\"}",
           "k={column.k}",
           "k=7/a.jsonl 17:  {\"v\":2, \"k\":7}\r\n"
           "k=__HIVE_DEFAULT_PARTITION__/a.jsonl 14: {\"k\":null}\n{}\n"
           "k=true/a.jsonl 11: {\"k\":true}\n"
           "k=x/a.jsonl 16: {\"k\":\"x\",\"v\":1}\n"
           "k=\xc3\xa9/a.jsonl 14: {\"k\":\"\\u00e9\"}$\n");
    expect("b.ndjson", "{\"k\":\"a\",\"j\":\"b\"}\n{\"k\":\"ab\",\"j\":\"\"}\n",
           "k={column.k}/j={column.j}",
           "k=a/j=b/b.ndjson 18: {\"k\":\"a\",\"j\":\"b\"}\n"
           "k=ab/j=__HIVE_DEFAULT_PARTITION__/b.ndjson 18: {\"k\":\"ab\",\"j\":\"\"}\n");
    expect_failure("c.jsonl", "{\"k\":1}\n\n[1]\n", "k={column.k}",
                   "\"c.jsonl\": row 2 is no JSON object");
    expect_failure("d.jsonl", "{\"k\":1.5}\n", "k={column.k}",
                   "row 1 cannot be placed: the field \"k\" is a fraction");
    out.table.reject_bad_rows = true;
    expect(
        "e.jsonl", "{\"k\":1}\n{\"k\"\n{\"k\":1,\"k\":2}\n{\"k\":[]}\n", "k={column.k}",
        "_rejected/e.jsonl 28: {\"k\"\n{\"k\":1,\"k\":2}\n{\"k\":[]}\nk=1/e.jsonl 8: {\"k\":1}\n");
}

static void test_two_sources(void **state)
{
    (void)state;
    struct result r;
    write_text(at->fd, "a.csv", "k,v\nx,1\ny,2\n");
    write_text(at->fd, "b.csv", "v;w,k\n3;4,x\n");
    const char *const names[] = {"a.csv", "b.csv", NULL};
    assert_ok(split_into("to", "k={column.k}", names, &r), &e);
    assert_string_equal(str_text(&r.files), "k=x/a.csv 4: v\n1\nk=x/b.csv 8: v;w\n3;4\n"
                                            "k=y/a.csv 4: v\n2\n");
    assert_int_equal(r.rows_in, 3);
    assert_int_equal(r.partitions, 2);
    str_free(&r.files);
    out.table.max_partitions = 1;
    assert_failed(split_into("more", "k={column.k}", names, &r), &e, ERR_OUTPUT,
                  "max_partitions = 1");
    assert_contains(e.text, "\"a.csv\": row 3");
}

static void test_compress(void **state)
{
    (void)state;
    struct result r;
    out.table.compress = true;
    out.table.reject_bad_rows = true;
    write_text(at->fd, "a.csv", "k,v\nx,1\ny\n");
    assert_ok(split_into("to", "k={column.k}", (const char *const[]){"a.csv", NULL}, &r), &e);
    assert_true(exists(at->fd, "to/k=x/a.csv.gz") && exists(at->fd, "to/_rejected/a.csv"));
    assert_false(exists(at->fd, "to/k=x/a.csv"));
    str_free(&r.files);
    /* which is read again, to the same rows */
    assert_int_equal(renameat(at->fd, "to/k=x/a.csv.gz", at->fd, "b.csv.gz"), 0);
    out.table.compress = false;
    out.table.keep_columns = true;
    assert_ok(split_into("again", "v={column.v}", (const char *const[]){"b.csv.gz", NULL}, &r), &e);
    assert_string_equal(str_text(&r.files), "v=1/b.csv.gz 4: v\n1\n");
    str_free(&r.files);
}

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum data_format format;
        size_t stem;
    } CASES[] = {{"a.csv", FORMAT_CSV, 5},      {"a.CSV.gz", FORMAT_CSV, 5},
                 {"a.tsv", FORMAT_TSV, 5},      {"a.jsonl.gz", FORMAT_JSONL, 7},
                 {"a.ndjson", FORMAT_JSONL, 8}, {"a.txt", FORMAT_BY_NAME, 5},
                 {".csv", FORMAT_BY_NAME, 4},   {"a.gz", FORMAT_BY_NAME, 1}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        bool gzip = false;
        size_t stem = 0;
        assert_int_equal(format_of_name(CASES[i].name, &gzip, &stem), CASES[i].format);
        assert_int_equal(stem, CASES[i].stem);
        assert_int_equal(gzip, strlen(CASES[i].name) != stem);
    }
}

/* ---- large files, several chunks ---- */

/* On one CPU. */
static int alone(const char *to, const char *layout, const char *const *names, struct result *r)
{
    cpu_set_t all;
    cpu_set_t one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &all)) {
            CPU_SET(i, &one);
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int rc = split_into(to, layout, names, r);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    return rc;
}

/* One CPU and all of them: the same files, byte for byte; a dry run counts the same. */
static void compare(const char *name, const char *layout, struct result *kept)
{
    const char *const names[] = {name, NULL};
    struct result one;
    struct result all;
    struct result dry;
    char to[64];
    (void)snprintf(to, sizeof to, "one-%s", name);
    assert_ok(alone(to, layout, names, &one), &e);
    (void)snprintf(to, sizeof to, "all-%s", name);
    assert_ok(split_into(to, layout, names, &all), &e);
    same_counts(&one, &all);
    assert_true(one.files.len > (2 << 20));
    assert_int_equal(one.files.len, all.files.len);
    assert_memory_equal(one.files.s, all.files.s, one.files.len);
    assert_ok(split_into(NULL, layout, names, &dry), &e);
    same_counts(&one, &dry);
    str_free(&all.files);
    *kept = one;
}

static void add_rows(struct str *text, size_t n)
{
    for (uint64_t i = 0; text->len < n; i++) {
        uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15) >> 40;
        str_printf(text, "%llu,%s%llu%s,\"text, of\nrow \"\"%llu\"\"\",%llu%s",
                   (unsigned long long)i, x % 5 ? "" : "\"", (unsigned long long)(x % 23),
                   x % 5 ? "" : "\"", (unsigned long long)x, (unsigned long long)(x * x),
                   x % 11 ? "\n" : "\r\n");
        if (x % 97 == 0) {
            str_puts(text, "\n");
        }
    }
}

static void test_large_csv(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct result r;
    str_puts(&text, "id,k,text,n\n");
    add_rows(&text, 6 << 20);
    write_bytes(at->fd, "a.csv", text.s, text.len);
    compare("a.csv", "k={column.k}", &r);
    assert_int_equal(r.partitions, 23);
    assert_int_equal(r.n_files, 23);
    assert_true(r.blank_lines > 100 && r.rejected == 0);
    str_free(&r.files);
    /* many files of each partition, two columns taken out */
    out.table.max_file_size = 20000;
    write_bytes(at->fd, "b.csv", text.s, text.len);
    compare("b.csv", "k={column.k}/n={column.2}", &r);
    assert_int_equal(r.partitions, 23);
    assert_in_range(r.n_files, 200, 400);
    str_free(&r.files);
    str_free(&text);
}

static void test_large_json(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct result r;
    for (unsigned i = 0; text.len < (3 << 20); i++) {
        str_printf(&text, "{\"i\":%u,\"k\":\"%u\",\"pad\":\"pppppppppppppppppppppppp\"}\n%s", i,
                   i * 2654435761u >> 28, i % 10 ? "" : "  \n");
    }
    write_bytes(at->fd, "a.jsonl", text.s, text.len);
    compare("a.jsonl", "k={column.k}", &r);
    assert_int_equal(r.partitions, 16);
    str_free(&r.files);
    str_free(&text);
}

/* Faulty rows everywhere, also such that quotes are odd for the rest of a chunk. */
static void test_large_rejects(void **state)
{
    (void)state;
    static const char *const BAD[] = {"1,x\"y,\"a,2\n", "\"1\"2,x,t,3\n", "1,2\n", "1,\ry,z,1\n",
                                      "9,x\"\"\",t,1\n"};
    struct str text = STR_INIT(0);
    struct result r;
    out.table.reject_bad_rows = true;
    str_puts(&text, "id,k,text,n\n");
    uint64_t bad = 0;
    for (unsigned i = 0; i < 60; i++) {
        add_rows(&text, text.len + 50000 + 1000 * i);
        /* the first one's last field goes on to the next quote: here, to the row's own end */
        str_puts(&text, i % 5 ? BAD[i % 5] : "1,x\"y,\"a\n\",2\n");
        bad++;
    }
    write_bytes(at->fd, "a.csv", text.s, text.len);
    compare("a.csv", "k={column.k}", &r);
    assert_int_equal(r.rejected, bad);
    str_free(&r.files);
    str_free(&text);
}

/* Row numbers count over chunks, whatever the number of CPUs. */
static void test_large_failures(void **state)
{
    (void)state;
    /* the last one opens a quoted field behind the fault: nothing may be swallowed by it */
    static const char *const BAD[][2] = {
        {"1,2\n", "has 2 fields, the header has 4"},
        {"1,a\"b,2,3\n", "has a quote inside a field"},
        {"1,\"a\"b,2,3\n", "has text between a closing quote"},
        {"1,a\"b,\"2,3\n", "has a quote inside a field"},
    };
    static const size_t BEFORE[] = {1000, 1 << 20, (2 << 20) + 77, 0};
    for (size_t i = 0; i < COUNT(BAD) * COUNT(BEFORE); i++) {
        struct str text = STR_INIT(0);
        struct result r;
        char why[200];
        unsigned long long row = 2;
        str_puts(&text, "id,k,text,n\n");
        for (; text.len < BEFORE[i % COUNT(BEFORE)]; row++) {
            str_printf(&text, "%llu,key,\"some\ntext\",1\n", row);
        }
        str_puts(&text, BAD[i / COUNT(BEFORE)][0]);
        while (text.len < (5 << 20)) {
            str_puts(&text, "3,key,plain text,4\n");
        }
        char name[16];
        char to[16];
        (void)snprintf(name, sizeof name, "%zu.csv", i);
        (void)snprintf(to, sizeof to, "one%zu", i);
        (void)snprintf(why, sizeof why, "\"%s\": row %llu %s", name, row,
                       BAD[i / COUNT(BEFORE)][1]);
        write_bytes(at->fd, name, text.s, text.len);
        const char *const names[] = {name, NULL};
        assert_failed(alone(to, "k={column.k}", names, &r), &e, ERR_OUTPUT, why);
        assert_failed(split_into(NULL, "k={column.k}", names, &r), &e, ERR_OUTPUT, why);
        (void)snprintf(to, sizeof to, "all%zu", i);
        assert_failed(split_into(to, "k={column.k}", names, &r), &e, ERR_OUTPUT, why);
        str_free(&text);
    }
}

/* A row that is longer than a chunk, and than max_row_size. */
static void test_long_rows(void **state)
{
    (void)state;
    struct str text = STR_INIT(0);
    struct result r;
    out.table.max_row_size = 2 << 20;
    out.table.reject_bad_rows = true;
    str_puts(&text, "id,k,text,n\n");
    add_rows(&text, 1 << 20);
    str_puts(&text, "1,x,\"");
    size_t stop = text.len + (5 << 20);
    while (text.len < stop) {
        str_puts(&text, "long, \"\"row\"\"\n");
    }
    str_puts(&text, "\",2\n");
    add_rows(&text, text.len + (2 << 20));
    write_bytes(at->fd, "a.csv", text.s, text.len);
    compare("a.csv", "k={column.k}", &r);
    assert_int_equal(r.rejected, 1);
    assert_int_equal(r.rows_in, r.rows_out + 1);
    str_free(&r.files);
    out.table.reject_bad_rows = false;
    assert_failed(split_into("to", "k={column.k}", (const char *const[]){"a.csv", NULL}, &r), &e,
                  ERR_OUTPUT, "is longer than max_row_size");
    out.table.max_row_size = 8 << 20;
    write_bytes(at->fd, "b.csv", text.s, text.len);
    compare("b.csv", "q={column.k}", &r);
    str_free(&r.files);
    str_free(&text);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        test(test_csv),
        test(test_empty_rows),
        test(test_columns),
        test(test_without_header),
        test(test_bad_rows),
        test(test_json_lines),
        test(test_two_sources),
        test(test_compress),
        test(test_formats),
        test(test_large_csv),
        test(test_large_json),
        test(test_large_rejects),
        test(test_large_failures),
        test(test_long_rows),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
