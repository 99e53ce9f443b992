/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/scan and partition/masks: hand-made records, and random ones against
 * libcsv and a model of the rules (csvref.h), with every kernel.
 */
#include "unit.h"

#include "../csvref.h"

static const struct dialect PLAIN = {.delimiter = ',', .quote = '"'};

/* ---- random numbers, the same in every run ---- */

static uint64_t seed = UINT64_C(0x2545f4914f6cdd1d);

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x9e3779b97f4a7c15) >> 11;
}

static size_t below(size_t n)
{
    return (size_t)(draw() % n);
}

/* ---- hand-made texts ---- */

/* What the scanner says, one piece for each record: its fields between bars, or its fault. */
static char *spell(const struct dialect *d, masks_kernel *kernel, const char *text, size_t n)
{
    static const char *const FAULTS[] = {"",         "FIELDS", "STRAY", "AFTER",
                                         "UNCLOSED", "NUL",    "CR",    "LONG"};
    struct str out = STR_INIT(0);
    unsigned char *copy = ref_text(d, text, n);
    struct scanner s;
    struct row_span row;
    scanner_init(&s, d);
    if (kernel) {
        s.kernel = kernel;
    }
    scanner_text(&s, copy, n, true);
    while (scanner_next(&s, &row)) {
        str_puts(&out, "[");
        if (row.fault != ROW_GOOD) {
            str_puts(&out, FAULTS[row.fault]);
            str_puts(&out, ":");
        }
        if (row.fault == ROW_GOOD || row.fault == ROW_FIELDS) {
            for (size_t i = 0; i <= row.n_delimiters; i++) {
                size_t begin = i == 0 ? row.start : row.delimiters[i - 1] + 1;
                size_t end = i == row.n_delimiters ? row.stop : row.delimiters[i];
                str_add(&out, (const char *)copy + begin, end - begin);
                str_puts(&out, i == row.n_delimiters ? "" : "|");
            }
        } else {
            str_add(&out, (const char *)copy + row.start, row.stop - row.start);
        }
        str_puts(&out, "]");
    }
    str_printf(&out, "%u", (unsigned)s.blank_lines);
    assert_int_equal(s.pos, n);
    scanner_free(&s);
    free(copy);
    return str_take(&out);
}

static void expect(const struct dialect *d, const char *text, const char *want)
{
    for (const struct masks_choice *c = MASKS_CHOICES; c->name; c++) {
        if (!c->usable()) {
            continue;
        }
        char *found = spell(d, c->kernel, text, strlen(text));
        if (strcmp(found, want) != 0) {
            fail_msg("%s, %s: found %s, expected %s", c->name, text, found, want);
        }
        free(found);
    }
}

static void test_records(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "0"},
        {"\n", "1"},
        {"\r\n", "1"},
        {"a", "[a]0"},
        {"a\n", "[a]0"},
        {"a\r\n", "[a]0"},
        {"a,b\nc,d\n", "[a|b][c|d]0"},
        {"a,b\r\nc,d", "[a|b][c|d]0"},
        {"\n\na\n\r\n\nb\n\n", "[a][b]5"},
        {",\n,,", "[|][||]0"},
        {" a , b ", "[ a | b ]0"},
        {"\"\"\n", "[\"\"]0"},
        {"\"a,b\",c\n", "[\"a,b\"|c]0"},
        {"\"a\nb\",\"\r\n\"\n", "[\"a\nb\"|\"\r\n\"]0"},
        {"\"a\"\"b\",\"\"\"\"\n", "[\"a\"\"b\"|\"\"\"\"]0"},
        {"\"a\rb\"\r\n", "[\"a\rb\"]0"},
        {"\"a\"\r\n\"b\"", "[\"a\"][\"b\"]0"},
        {"\"\"\"\n,\"\n", "[\"\"\"\n,\"]0"},
        {"'a,b'\n", "['a|b']0"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        expect(&PLAIN, CASES[i][0], CASES[i][1]);
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"x\na\"b\ny\n", "[x][STRAY:a\"b][y]0"},
        {"x\n \"b\"\ny\n", "[x][STRAY: \"b\"][y]0"},
        {"x\n\"a\"b\ny\n", "[x][AFTER:\"a\"b][y]0"},
        {"x\n\"a\" ,b\ny\n", "[x][AFTER:\"a\" ,b][y]0"},
        {"x\n\"a\"b\"c,d\ny\n", "[x][AFTER:\"a\"b\"c,d][y]0"},
        {"x\n\"a\ny\n", "[x][UNCLOSED:\"a\ny\n]0"},
        {"x\n\"a\ny\"\"", "[x][UNCLOSED:\"a\ny\"\"]0"},
        {"x\n\"", "[x][UNCLOSED:\"]0"},
        {"x\na\rb\ny\n", "[x][CR:a\rb][y]0"},
        {"x\na\r\r\ny\n", "[x][CR:a\r\r][y]0"},
        {"x\n\"a\"\rb\ny\n", "[x][CR:\"a\"\rb][y]0"},
        {"x\na\r", "[x][CR:a\r]0"},
        {"x\n\r", "[x][CR:\r]0"},
        {"x\n\"a\"\r", "[x][CR:\"a\"\r]0"},
        /* a quoted field behind the fault still holds newlines */
        {"a\"b,\"c\nd\",e\ny\n", "[STRAY:a\"b,\"c\nd\",e][y]0"},
        /* but the field of the fault does not */
        {"a\"b\nc\"d\ny\n", "[STRAY:a\"b][STRAY:c\"d][y]0"},
        /* the first fault of a record names it */
        {"a\rb\"c\n", "[CR:a\rb\"c]0"},
        {"a\"b\rc\n", "[STRAY:a\"b\rc]0"},
        {"a\"b,\"c\n", "[STRAY:a\"b,\"c\n]0"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        expect(&PLAIN, CASES[i][0], CASES[i][1]);
    }
    char *found = spell(&PLAIN, NULL, "x\na\0b\n\"\0\n\"\ny\n", 13);
    assert_memory_equal(found, "[x][NUL:a\0b][NUL:\"\0\n\"][y]0", 27);
    free(found);
    for (enum row_fault f = ROW_GOOD; f <= ROW_TOO_LONG; f++) {
        assert_true((row_fault_text(f) == NULL) == (f == ROW_GOOD || f == ROW_FIELDS));
    }
}

static void test_columns(void **state)
{
    (void)state;
    struct dialect d = PLAIN;
    d.columns = 2;
    expect(&d, "a,b\n\nc\nd,e,f\ng,h", "[a|b][FIELDS:c][FIELDS:d|e|f][g|h]1");
    expect(&d, "a\"b,c,d\n1,2\n", "[STRAY:a\"b,c,d][1|2]0");
    d.columns = 1;
    expect(&d, "a\n\n\r\nb\n", "[a][][][b]0");
    expect(&d, "a,b\n\n", "[FIELDS:a|b][]0");
    d.columns = 3;
    expect(&d, "a,,\n,,\n\"x,y\",,z", "[a||][||][\"x,y\"||z]0");
    d.columns = 300;
    expect(&d, "a,b\n", "[FIELDS:a|b]0");
}

static void test_dialects(void **state)
{
    (void)state;
    expect(&(struct dialect){.delimiter = ';', .quote = '\''}, "'a;\n';b,\"c\n", "['a;\n'|b,\"c]0");
    expect(&(struct dialect){.delimiter = '\t', .quote = '"'}, "a,b\t\"\t\"\n", "[a,b|\"\t\"]0");
    expect(&(struct dialect){.delimiter = ','}, "\"a,b\"c\n\"\n", "[\"a|b\"c][\"]0");
    /* no quotes: a NUL is a fault all the same, and no quote */
    char *found = spell(&(struct dialect){.delimiter = ','}, NULL, "a\0\n\0,b\nc\n", 9);
    assert_memory_equal(found, "[NUL:a\0][NUL:\0,b][c]0", 22);
    free(found);
}

static void test_max_row(void **state)
{
    (void)state;
    struct dialect d = PLAIN;
    d.max_row = 4;
    expect(&d, "abc\nabcd\nab\r\nabc\r\nabcd", "[abc][LONG:abcd][ab][LONG:abc][abcd]0");
    expect(&d, "abcde", "[LONG:abcde]0");
    expect(&d, "\"a\nb\"\nx\n", "[LONG:\"a\nb\"][x]0");
    expect(&d, "a\"bc\nx\"\n", "[LONG:a\"bc][STRAY:x\"]0");
    expect(&d, "x\n\"abcdef", "[x][LONG:\"abcdef]0");
}

/* Every shape at every place in and around a block. */
static void test_block_boundaries(void **state)
{
    (void)state;
    static const char *const SHAPES[] = {
        "\"\"",   "\"x\"",    "\"\"\"\"", "\"\n\"",   "\"\r\n\"", "\"a\"\r\n", "a\"",
        "\"a\"b", "\"a\"\"b", "\r",       "\r\n",     ",\"",      "\n\"",      "\"\",\"\"",
        "x\ry",   "\n\n",     "\"\"\n",   "\"\"\r\n", "\"\"\r",   "\"a\"\"\"", "\"\"a",
    };
    static const char *const TAILS[] = {"", "\n", ",b\n", "\nc,d\n\"e\"\n", "\"\n"};
    char text[400];
    for (size_t shape = 0; shape < COUNT(SHAPES); shape++) {
        for (size_t pad = 0; pad <= 196; pad++) {
            /* 0: one field before, 1: a delimiter before, 2: a newline before, 3: in quotes */
            for (unsigned how = 0; how < 4 && (pad > 0 || how == 0); how++) {
                memset(text, 'p', pad);
                text[how == 3 ? 0 : pad ? pad - 1 : 0] = "p,\n\""[how];
                const char *tail = TAILS[(shape + pad) % COUNT(TAILS)];
                int n = snprintf(text + pad, sizeof text - pad, "%s%s", SHAPES[shape], tail);
                size_t len = pad + (size_t)n;
                unsigned char *copy = ref_text(&PLAIN, text, len);
                const char *model = model_compare(&PLAIN, masks_best(), copy, len, len / 2);
                const char *ref = ref_compare(&PLAIN, masks_best(), copy, len);
                if (model || ref) {
                    fail_msg("%.*s: %s", (int)len, text, model ? model : ref);
                }
                free(copy);
            }
        }
    }
}

/* Records longer than the scanner's window of 64 KiB, among short ones. */
static void test_long_records(void **state)
{
    (void)state;
    static const size_t SIZES[] = {65534, 65535, 65536, 65537, 131072, 300000};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        size_t n = SIZES[i];
        char *text = malloc(2 * n + 100);
        assert_non_null(text);
        size_t at = (size_t)snprintf(text, 100, "a,b\n\"");
        for (size_t k = 0; k < n; k++) {
            text[at++] = ",\nx\"\"y\r"[k % 7];
        }
        /* even: the last pair of quotes is whole */
        while ((at - 5) % 7 != 0) {
            at--;
        }
        at += (size_t)snprintf(text + at, 100, "\",c\r\nd,e\n");
        memset(text + at, 'z', n);
        at += n;
        at += (size_t)snprintf(text + at, 100, ",\"y\"\nf,g\n");
        unsigned char *copy = ref_text(&PLAIN, text, at);
        static const size_t BEHIND[] = {0, 1, 65536, 65541};
        for (size_t k = 0; k < COUNT(BEHIND); k++) {
            assert_null(model_compare(&PLAIN, masks_best(), copy, at, at - BEHIND[k]));
        }
        assert_null(ref_compare(&PLAIN, masks_best(), copy, at));
        copy[at - 1] = '"'; /* the last byte makes a fault */
        assert_null(model_compare(&PLAIN, masks_best(), copy, at, at / 2));
        free(copy);
        free(text);
    }
}

/* ---- kernels ---- */

static uint64_t slow_mask(const unsigned char *p, unsigned char c)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < MASK_BLOCK; i++) {
        mask |= (uint64_t)(p[i] == c) << i;
    }
    return mask;
}

static void check_kernel(const struct masks_choice *c, const unsigned char *p, size_t blocks,
                         const struct mask_bytes *bytes)
{
    struct masks found[8];
    c->kernel(p, blocks, bytes, found);
    for (size_t i = 0; i < blocks; i++, p += MASK_BLOCK) {
        assert_int_equal(found[i].quote, slow_mask(p, bytes->quote) & bytes->has_quote);
        assert_int_equal(found[i].delimiter, slow_mask(p, bytes->delimiter));
        assert_int_equal(found[i].newline, slow_mask(p, '\n'));
        assert_int_equal(found[i].cr, slow_mask(p, '\r'));
        assert_int_equal(found[i].nul, slow_mask(p, 0));
    }
}

static void test_kernels(void **state)
{
    (void)state;
    static const unsigned char NEAR[] = {'"',  ',',  '\n', '\r', 0,   1,
                                         0x80, 0x8a, 0xa2, 0xff, '#', '-'};
    unsigned char bytes[9 * MASK_BLOCK];
    size_t usable = 0;
    for (const struct masks_choice *c = MASKS_CHOICES; c->name; c++) {
        usable += c->usable() != 0;
    }
    assert_true(usable >= 1);
    for (unsigned round = 0; round < 64; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = round % 2 ? NEAR[below(sizeof NEAR)] : (unsigned char)draw();
        }
        struct mask_bytes want = {.quote = round % 3 ? '"' : (unsigned char)draw(),
                                  .delimiter = round % 5 ? ',' : (unsigned char)draw(),
                                  .has_quote = round % 7 ? ~UINT64_C(0) : 0};
        for (const struct masks_choice *c = MASKS_CHOICES; c->name; c++) {
            for (size_t at = 0; c->usable() && at < MASK_BLOCK; at++) {
                check_kernel(c, bytes + at, 1 + below(8), &want);
            }
        }
    }
    check_kernel(&MASKS_CHOICES[0], bytes, 0, &(struct mask_bytes){0});
}

/* ---- random texts ---- */

/* How texts are made: how often each byte comes. */
struct alphabet {
    unsigned quote;
    unsigned delimiter;
    unsigned newline;
    unsigned crlf;
    unsigned cr;
    unsigned nul;
    unsigned letter;
};

static const struct alphabet ALPHABETS[] = {
    {4, 4, 4, 2, 1, 1, 4},  {6, 3, 3, 1, 0, 0, 2},   {2, 2, 1, 0, 0, 0, 30},
    {1, 8, 8, 0, 0, 0, 8},  {8, 1, 1, 1, 0, 0, 1},   {1, 1, 1, 1, 6, 0, 6},
    {0, 3, 3, 2, 0, 0, 9},  {1, 1, 0, 0, 0, 0, 200}, {1, 40, 9, 0, 0, 1, 99},
    {20, 1, 1, 0, 0, 0, 0},
};

static size_t add_noise(unsigned char *out, const struct dialect *d, const struct alphabet *a)
{
    const struct {
        unsigned weight;
        unsigned char byte;
    } parts[] = {{a->quote, d->quote ? d->quote : '"'},
                 {a->delimiter, d->delimiter},
                 {a->newline, '\n'},
                 {a->cr, '\r'},
                 {a->nul, 0},
                 {a->letter, (unsigned char)('a' + below(3))}};
    size_t sum = a->crlf;
    for (size_t i = 0; i < COUNT(parts); i++) {
        sum += parts[i].weight;
    }
    size_t pick = below(sum);
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (pick < parts[i].weight) {
            out[0] = parts[i].byte;
            return 1;
        }
        pick -= parts[i].weight;
    }
    out[0] = '\r';
    out[1] = '\n';
    return 2;
}

/* A well-formed field. */
static size_t add_field(unsigned char *out, const struct dialect *d)
{
    const unsigned char inside[] = {'a', 'b', d->delimiter, '\n', '\r', d->quote};
    size_t n = below(12);
    size_t at = 0;
    bool quoted = d->quote && below(3) == 0;
    if (quoted) {
        out[at++] = d->quote;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = inside[below(quoted ? sizeof inside : 2)];
        if (quoted && c == d->quote) {
            out[at++] = c;
        }
        out[at++] = c;
    }
    if (quoted) {
        out[at++] = d->quote;
    }
    return at;
}

/* A text of at most `n` bytes (and a few more): noise, or records with a fault here and there. */
static size_t make_text(unsigned char *out, size_t n, const struct dialect *d, unsigned faults)
{
    size_t at = 0;
    bool noise = below(2) == 0 && faults;
    const struct alphabet *a = &ALPHABETS[below(COUNT(ALPHABETS))];
    while (at < n) {
        if (noise || (faults && below(400) < faults)) {
            at += add_noise(out + at, d, a);
            continue;
        }
        at += add_field(out + at, d);
        size_t what = below(8);
        if (what == 0) {
            out[at++] = '\r';
        }
        out[at++] = what < 3 ? '\n' : d->delimiter;
    }
    return at;
}

static struct dialect make_dialect(void)
{
    static const unsigned char DELIMITERS[] = ",,,;\t|x ";
    static const unsigned char QUOTES[] = {'"', '"', '"', '"', '\'', '~', 0};
    struct dialect d = {.delimiter = DELIMITERS[below(8)], .quote = QUOTES[below(sizeof QUOTES)]};
    if (below(2)) {
        d.columns = below(5);
    }
    return d;
}

static masks_kernel *any_kernel(void)
{
    size_t n = 0;
    while (MASKS_CHOICES[n].name) {
        n++;
    }
    for (;;) {
        const struct masks_choice *c = &MASKS_CHOICES[below(n)];
        if (c->usable()) {
            return c->kernel;
        }
    }
}

enum { TEXT_MAX = 5000, TEXT_ROOM = TEXT_MAX + 64 };

/* Shows the smallest of what was found wrong. */
static void complain(const char *who, const char *what, const struct dialect *d,
                     const unsigned char *text, size_t n)
{
    struct str hex = STR_INIT(2000);
    for (size_t i = 0; i < n; i++) {
        str_printf(&hex, text[i] >= ' ' && text[i] < 127 ? "%c" : "\\x%02x", text[i]);
    }
    fail_msg("%s: %s; delimiter %d, quote %d, columns %zu, %zu bytes: %s", who, what, d->delimiter,
             d->quote, d->columns, n, str_text(&hex));
}

static size_t any_length(unsigned round)
{
    return round % 16 == 0 ? below(TEXT_MAX) : below(round % 4 ? 40 : 300);
}

static void test_random_against_libcsv(void **state)
{
    (void)state;
    unsigned char text[TEXT_ROOM];
    unsigned clean = 0;
    for (unsigned round = 0; round < 60000; round++) {
        struct dialect d = make_dialect();
        size_t n = make_text(text, any_length(round), &d, (unsigned)below(3) * 10);
        unsigned char *copy = ref_text(&d, text, n);
        const char *differs = ref_compare(&d, any_kernel(), copy, n);
        if (differs) {
            complain("libcsv", differs, &d, copy, n);
        }
        clean += model_clean(&d, copy, n);
        free(copy);
    }
    assert_true(clean > 10000 && clean < 50000);
}

static void test_random_against_model(void **state)
{
    (void)state;
    unsigned char text[TEXT_ROOM];
    for (unsigned round = 0; round < 60000; round++) {
        struct dialect d = make_dialect();
        if (below(8) == 0) {
            d.max_row = 1 + below(60);
        }
        size_t n = make_text(text, any_length(round), &d, 5 + (unsigned)below(3) * 30);
        unsigned char *copy = ref_text(&d, text, n);
        const char *differs = model_compare(&d, any_kernel(), copy, n, below(n + 1));
        if (differs) {
            complain("model", differs, &d, copy, n);
        }
        free(copy);
    }
}

/* Long texts: many windows, records that span them. */
static void test_windows(void **state)
{
    (void)state;
    enum { LONG = 400000 };
    unsigned char *text = malloc(LONG + 64);
    assert_non_null(text);
    for (unsigned round = 0; round < 24; round++) {
        struct dialect d = make_dialect();
        size_t n = make_text(text, LONG, &d, round % 2 ? 1 : 0);
        for (unsigned k = 0; k < round; k++) { /* some long fields */
            size_t at = below(n / 2);
            memset(text + at, 'l', below(100000));
        }
        unsigned char *copy = ref_text(&d, text, n);
        const char *differs = model_compare(&d, any_kernel(), copy, n, below(n + 1));
        differs = differs ? differs : ref_compare(&d, any_kernel(), copy, n);
        if (differs) {
            fail_msg("round %u: %s", round, differs);
        }
        free(copy);
    }
    free(text);
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    unsigned char text[TEXT_ROOM];
    for (unsigned round = 0; round < 400; round++) {
        struct dialect d = make_dialect();
        size_t n = make_text(text, 30 + below(250), &d, (unsigned)below(4) * 10);
        unsigned char *copy = ref_text(&d, text, n);
        masks_kernel *kernel = any_kernel();
        for (size_t cut = 0; cut <= n; cut++) {
            const char *differs = model_compare(&d, kernel, copy, n, cut);
            if (differs) {
                complain("cut", differs, &d, copy, n);
            }
        }
        free(copy);
    }
}

static void test_scan_cut(void **state)
{
    (void)state;
    unsigned char text[TEXT_ROOM];
    size_t found = 0;
    for (unsigned round = 0; round < 2000; round++) {
        struct dialect d = make_dialect();
        struct scanner s;
        size_t n = make_text(text, any_length(round), &d, 0);
        scanner_init(&s, &d);
        s.kernel = any_kernel();
        assert_true(model_clean(&d, text, n));
        for (size_t i = 0; i < 40; i++) {
            size_t k = i == 0 ? n : below(n + 1);
            unsigned char *copy = ref_text(&d, text, k);
            size_t cut = scan_cut(&s, copy, k);
            if (cut != model_cut(&d, copy, k)) {
                complain("scan_cut", "cuts elsewhere", &d, copy, k);
            }
            found += cut > 0;
            free(copy);
        }
        scanner_free(&s);
    }
    assert_true(found > 1000);
}

/* Any record, read on from any of its bytes. */
static void test_scan_skip(void **state)
{
    (void)state;
    unsigned char text[TEXT_ROOM];
    for (unsigned round = 0; round < 3000; round++) {
        struct dialect d = make_dialect();
        size_t n = make_text(text, 1 + any_length(round), &d, 20);
        for (size_t at = 0; at < n;) {
            struct model_row want = model_record(&d, text, n, at);
            enum field_state field = FIELD_BEGIN;
            bool ended = false;
            while (at < n && !ended) {
                size_t piece = 1 + below(n - at);
                at += scan_skip(&d, &field, text + at, piece, &ended);
            }
            if (at != want.next || ended != want.ended) {
                complain("scan_skip", "ends elsewhere", &d, text, n);
            }
        }
    }
    bool ended = true;
    enum field_state field = FIELD_QUOTED;
    assert_int_equal(scan_skip(&PLAIN, &field, (const unsigned char *)"", 0, &ended), 0);
    assert_true(!ended && field == FIELD_QUOTED);
}

static void test_decode(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", ""},
        {"a", "a"},
        {"\"\"", ""},
        {"\"a\"", "a"},
        {"\"\"\"\"", "\""},
        {"\"a\"\"\"", "a\""},
        {"\"\"\"a\"", "\"a"},
        {"\"a,\n\"", "a,\n"},
        {"'a'", "'a'"},
        {"\"a\"\"\"\"b\"", "a\"\"b"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str room = STR_INIT(0);
        size_t n = strlen(CASES[i][0]);
        str_reserve(&room, n);
        struct field_text f = field_decode('"', CASES[i][0], n, &room);
        assert_int_equal(f.n, strlen(CASES[i][1]));
        assert_memory_equal(f.s, CASES[i][1], f.n);
        f = field_decode(0, CASES[i][0], n, &room);
        assert_int_equal(f.n, n);
        str_free(&room);
    }
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_max_row),
        cmocka_unit_test(test_block_boundaries),
        cmocka_unit_test(test_long_records),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_random_against_libcsv),
        cmocka_unit_test(test_random_against_model),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_scan_cut),
        cmocka_unit_test(test_scan_skip),
        cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
