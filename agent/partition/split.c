/* SPDX-License-Identifier: MIT
 *
 * Splitting. See split.h.
 *
 * Each worker takes the next chunk of the source (one at a time may: reading is in order), finds
 * its rows and their partitions alone, waits until all chunks before are appended, appends its own,
 * lets the next one go, and writes the buffers that became full. So reading, looking at rows,
 * copying and writing of different chunks overlap, and rows keep their order.
 */
#include "partition/split.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/signals.h"
#include "partition/gzip.h"
#include "partition/rows.h"
#include "partition/source.h"

enum {
    MAX_WORKERS = 8,
    KEYS_IN_ALL = 512 * 1024, /* remembered by all workers together */
    ALONE_BELOW = 2 << 20,    /* bytes: a smaller file is not worth a thread */
};

/* One file being split. */
struct split {
    struct splitter *sp;
    const struct split_source *from;
    struct row_plan plan;
    struct source_file source;
    struct str header;
    uint64_t first_row; /* the number of the first row: 2 behind a header */

    pthread_mutex_t reading; /* guards source */
    pthread_mutex_t lock;    /* guards all below */
    pthread_cond_t moved;    /* turn or failed changed */
    uint64_t turn;           /* the chunk that may be appended */
    bool failed;
    struct err e; /* the first failure */

    uint64_t rows;           /* appended or set aside so far; whoever has the turn */
    struct partition **used; /* at the end: the partitions to be finished */
    size_t n_used;
    atomic_size_t next_used;
};

struct worker {
    struct split *split;
    struct rows rows;
    struct chunk chunk;
    struct flushes flushes;
    pthread_t id;
    bool started;
};

/* ---- the plan ---- */

enum data_format format_of_name(const char *name, bool *gzip, size_t *stem)
{
    static const struct {
        const char *extension;
        enum data_format format;
    } FORMATS[] = {{".csv", FORMAT_CSV},
                   {".tsv", FORMAT_TSV},
                   {".jsonl", FORMAT_JSONL},
                   {".ndjson", FORMAT_JSONL}};
    *gzip = str_ends(name, ".gz");
    *stem = strlen(name) - (*gzip ? strlen(".gz") : 0);
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        size_t n = strlen(FORMATS[i].extension);
        if (*stem > n && strncasecmp(name + *stem - n, FORMATS[i].extension, n) == 0) {
            return FORMATS[i].format;
        }
    }
    return FORMAT_BY_NAME;
}

static bool is_number(const char *name)
{
    return *name && strspn(name, "0123456789") == strlen(name);
}

/* The names of a file's columns: of its header, or those agent.ini gives. */
static void column_names(const struct split *s, struct strvec *names)
{
    const struct table *t = &s->sp->out->table;
    if (!s->source.header) {
        for (size_t i = 0; i < t->columns.n; i++) {
            strvec_add(names, t->columns.v[i]);
        }
        return;
    }
    const struct row_span *row = &s->source.header_row;
    struct str room = STR_INIT(0);
    str_reserve(&room, s->source.n_header);
    for (size_t i = 0; i <= row->n_delimiters; i++) {
        uint32_t begin = field_begin(row, i);
        struct field_text f = field_decode(s->source.dialect.quote, s->source.header + begin,
                                           field_end(row, i) - begin, &room);
        strvec_take(names, xstrndup(f.s, f.n));
    }
    str_free(&room);
}

static int no_such_column(const struct split *s, const char *name, const struct strvec *names,
                          struct err *e)
{
    if (names->n == 0) {
        return err_set(e, ERR_OUTPUT,
                       "%s has no header to find {column.%s} in; name its fields with columns = "
                       "a,b,c or use their numbers: {column.1}",
                       QUOTED(s->from->path), name);
    }
    const char *near = nearest_name(name, (const char *const *)names->v, names->n);
    return err_set(e, ERR_OUTPUT, "%s has no column %s%s%s%s", QUOTED(s->from->path), QUOTED(name),
                   near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Which field a {column.NAME} or {column.N} is. */
static int find_column(const struct split *s, const char *name, const struct strvec *names,
                       size_t *field, struct err *e)
{
    size_t found = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->v[i], name) == 0) {
            *field = i;
            found++;
        }
    }
    if (found > 1) {
        return err_set(e, ERR_OUTPUT,
                       "%s has %zu columns called %s; use the number of the one you mean",
                       QUOTED(s->from->path), found, QUOTED(name));
    }
    if (found == 0 && is_number(name)) {
        unsigned long n = strtoul(name, NULL, 10);
        if (n > s->source.columns) {
            return err_set(e, ERR_OUTPUT, "%s has %zu columns, so no {column.%s}",
                           QUOTED(s->from->path), s->source.columns, name);
        }
        *field = n - 1;
        return 0;
    }
    return found ? 0 : no_such_column(s, name, names, e);
}

static bool is_key(const struct row_plan *plan, size_t field)
{
    for (size_t i = 0; i < plan->n_keys; i++) {
        if (plan->key_field[i] == field) {
            return true;
        }
    }
    return false;
}

/* The runs of fields that stay. */
static int plan_runs(struct split *s, struct err *e)
{
    struct row_plan *plan = &s->plan;
    size_t kept = 0;
    for (size_t i = 0; i < plan->dialect.columns; i++) {
        if (is_key(plan, i)) {
            continue;
        }
        if (kept == 0 || plan->runs[plan->n_runs - 1].last + 1 != i) {
            plan->runs[plan->n_runs++].first = i;
        }
        plan->runs[plan->n_runs - 1].last = i;
        kept++;
    }
    if (kept == 0) {
        return err_set(e, ERR_OUTPUT,
                       "%s has no columns but those of the layout, so nothing would be left in its "
                       "rows; keep_columns = yes keeps them",
                       QUOTED(s->from->path));
    }
    plan->single = kept == 1;
    plan->tail = plan->runs[plan->n_runs - 1].last + 1 != plan->dialect.columns;
    return 0;
}

static int plan_columns(struct split *s, struct err *e)
{
    SCOPE(strvec_free) struct strvec names = {0};
    const struct strvec *wanted = &s->from->bound->columns;
    column_names(s, &names);
    for (size_t i = 0; i < wanted->n; i++) {
        int rc = find_column(s, wanted->v[i], &names, &s->plan.key_field[i], e);
        if (rc != 0) {
            return rc;
        }
    }
    return s->plan.whole ? 0 : plan_runs(s, e);
}

/* Which columns the layout has only through a format. */
static void find_formatted(struct row_plan *plan)
{
    for (size_t i = 0; i < plan->n_keys; i++) {
        plan->formatted[i] = true;
    }
    for (size_t i = 0; i < plan->bound->n; i++) {
        for (size_t k = 0; k < plan->bound->levels[i].n; k++) {
            const struct part *part = &plan->bound->levels[i].parts[k];
            if (part->source == SOURCE_COLUMN && !part->text) {
                plan->formatted[part->column] = false;
            }
        }
    }
}

static int make_plan(struct split *s, struct err *e)
{
    const struct table *t = &s->sp->out->table;
    const struct strvec *wanted = &s->from->bound->columns;
    bool lines = s->from->format == FORMAT_JSONL;
    struct row_plan *plan = &s->plan;
    if (wanted->n > PLAN_MAX_KEYS) {
        return err_set(e, ERR_CONFIG, "the layout uses %zu columns, at most %d can be", wanted->n,
                       PLAN_MAX_KEYS);
    }
    *plan = (struct row_plan){.bound = s->from->bound,
                              .rules = {.tz = &s->sp->job->tz, .table = t},
                              .parts = &s->sp->parts,
                              .name = s->from->name,
                              .dialect = s->source.dialect,
                              .lines = lines,
                              .reject = t->reject_bad_rows,
                              .n_keys = wanted->n,
                              .whole = lines || t->keep_columns || s->source.columns == 0};
    plan->columns_of = s->source.header ? "the header has"
                       : t->columns.n   ? "columns = names"
                                        : "the first row has";
    find_formatted(plan);
    return lines || s->source.columns == 0 ? 0 : plan_columns(s, e);
}

static struct dialect dialect_of(const struct split_source *from, const struct table *t)
{
    if (from->format == FORMAT_JSONL) {
        return (struct dialect){.delimiter = '\n', .max_row = t->max_row_size};
    }
    unsigned char usual = from->format == FORMAT_TSV ? '\t' : ',';
    return (struct dialect){.delimiter = t->delimiter ? (unsigned char)t->delimiter : usual,
                            .quote = (unsigned char)t->quote,
                            .columns = t->header ? 0 : t->columns.n,
                            .max_row = t->max_row_size};
}

/* ---- workers ---- */

static void fail(struct split *s, const struct err *e)
{
    (void)pthread_mutex_lock(&s->lock);
    if (!s->failed) {
        s->failed = true;
        s->e = *e;
    }
    (void)pthread_cond_broadcast(&s->moved);
    (void)pthread_mutex_unlock(&s->lock);
}

static bool has_failed(struct split *s)
{
    (void)pthread_mutex_lock(&s->lock);
    bool failed = s->failed;
    (void)pthread_mutex_unlock(&s->lock);
    return failed;
}

/* The next chunk; false when there is none, or no more is wanted. */
static bool take_chunk(struct worker *w, bool main_thread)
{
    struct split *s = w->split;
    struct err e = {0};
    if (has_failed(s)) {
        return false;
    }
    int rc = main_thread ? stop_check(&e) : 0;
    (void)pthread_mutex_lock(&s->reading);
    rc = rc ? rc : source_next(&s->source, &w->chunk, &e);
    (void)pthread_mutex_unlock(&s->reading);
    if (rc < 0) {
        fail(s, &e);
    }
    return rc > 0;
}

/* Waits until all chunks before this one are appended; false when the split failed. */
static bool wait_for_turn(struct split *s, uint64_t number)
{
    (void)pthread_mutex_lock(&s->lock);
    while (s->turn != number && !s->failed) {
        (void)pthread_cond_wait(&s->moved, &s->lock);
    }
    bool go = !s->failed;
    (void)pthread_mutex_unlock(&s->lock);
    return go;
}

static void end_turn(struct split *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->turn++;
    (void)pthread_cond_broadcast(&s->moved);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Buffers of many partitions do not fit the cache: what will be wanted is fetched some rows ahead,
 * the partition first, then the end of its buffer. */
static void fetch_ahead(const struct rows *r, size_t i)
{
    enum { PARTITION_AHEAD = 24, BUFFER_AHEAD = 12 };
    if (i + PARTITION_AHEAD < r->n) {
        __builtin_prefetch(&r->v[i + PARTITION_AHEAD].part->buf);
        const struct partition *p = r->v[i + BUFFER_AHEAD].part;
        if (p->buf) {
            __builtin_prefetch(p->buf + p->len, 1);
            __builtin_prefetch(p->buf + p->len + PART_SLACK, 1);
        }
    }
}

static int append_rows(struct worker *w, struct err *e)
{
    struct split *s = w->split;
    struct parts *ps = s->plan.parts;
    const struct rows *r = &w->rows;
    size_t stride = rows_stride(&s->plan);
    const char *text = (const char *)w->chunk.text;
    const struct piece_of_row *piece = r->pieces;
    for (size_t i = 0; i < r->n; i++, piece += stride) {
        const struct row *row = &r->v[i];
        if (ps->root_fd < 0) {
            if (parts_count(ps, row->part, row->bytes, e) != 0) {
                return -(int)e->code;
            }
            continue;
        }
        fetch_ahead(r, i);
        char *to = parts_room(ps, row->part, row->bytes, &w->flushes, e);
        if (!to) {
            return -(int)e->code;
        }
        if (row->quotes) {
            *to++ = (char)s->plan.dialect.quote;
            *to++ = (char)s->plan.dialect.quote;
        }
        for (size_t k = 0; k < stride; k++) {
            to = copy_in_words(to, text + piece[k].start, piece[k].n);
        }
    }
    return 0;
}

/* The row that ended the batch, in words. */
static void say_row(struct worker *w, uint64_t row)
{
    struct split *s = w->split;
    struct err *e = &w->rows.e;
    if (w->rows.bad_row) {
        char what[ERR_TEXT_MAX];
        (void)snprintf(what, sizeof what, "%s", e->text);
        err_set(e, ERR_OUTPUT, "%s: row %llu %s%s", QUOTED(s->from->path), (unsigned long long)row,
                what, "; on_bad_row = reject sets such rows aside");
    } else {
        err_prefix(e, "%s: row %llu", QUOTED(s->from->path), (unsigned long long)row);
    }
}

/* A chunk with a piece of a row that is too long and set aside. */
static int append_piece(struct worker *w, struct err *e)
{
    struct split *s = w->split;
    struct parts *ps = s->plan.parts;
    struct partition *rejects = &ps->rejects;
    const struct chunk *c = &w->chunk;
    if (ps->root_fd < 0) {
        if (parts_count(ps, rejects, c->n, e) != 0) {
            return -(int)e->code;
        }
    } else {
        char *to = parts_room(ps, rejects, c->n, &w->flushes, e);
        if (!to) {
            return -(int)e->code;
        }
        memcpy(to, c->text, c->n);
    }
    if (c->continues) {
        rejects->file_rows--; /* the row was counted with its first piece */
    } else {
        s->rows++;
    }
    return 0;
}

/* One chunk, from its text to its rows' places in buffers; the turn is taken and given on. */
static int do_chunk(struct worker *w)
{
    struct split *s = w->split;
    struct rows *r = &w->rows;
    const struct chunk *c = &w->chunk;
    struct err e = {0};
    int rc = 0;
    if (c->kind == CHUNK_PIECE) {
        if (!wait_for_turn(s, c->number)) {
            return -1;
        }
        rc = append_piece(w, &e);
    } else {
        rows_begin(r, &s->plan, c);
        bool more = rows_batch(r, &s->plan, c);
        if (!wait_for_turn(s, c->number)) {
            return -1;
        }
        for (rc = append_rows(w, &e); rc == 0 && more; rc = append_rows(w, &e)) {
            more = rows_batch(r, &s->plan, c);
        }
        s->rows += r->begun;
        s->sp->blank_lines += r->blank_lines;
        if (rc == 0 && r->failed) {
            say_row(w, s->first_row + s->rows - 1);
            e = r->e;
            rc = -(int)e.code;
        }
    }
    if (rc != 0) {
        fail(s, &e);
        return rc;
    }
    end_turn(s);
    rc = parts_write(s->plan.parts, &w->flushes, &e);
    if (rc != 0) {
        err_prefix(&e, "%s", QUOTED(s->from->path));
        fail(s, &e);
    }
    return rc;
}

static void work(struct worker *w, bool main_thread)
{
    while (take_chunk(w, main_thread) && do_chunk(w) == 0) {
    }
}

static void *work_thread(void *arg)
{
    work(arg, false);
    return NULL;
}

static void *end_thread(void *arg)
{
    struct split *s = ((struct worker *)arg)->split;
    struct err e = {0};
    if (parts_end(s->plan.parts, s->used, s->n_used, &s->next_used, &e) != 0) {
        err_prefix(&e, "%s", QUOTED(s->from->path));
        fail(s, &e);
    }
    return NULL;
}

/* Runs `thread` on all workers but the first, which is the caller's. A thread that cannot be had is
 * not missed. */
static void start_all(struct worker *workers, unsigned n, void *(*thread)(void *))
{
    for (unsigned i = 1; i < n; i++) {
        workers[i].started = pthread_create(&workers[i].id, NULL, thread, &workers[i]) == 0;
    }
}

static void join_all(struct worker *workers, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        if (workers[i].started) {
            (void)pthread_join(workers[i].id, NULL);
        }
    }
}

static void run_workers(struct split *s)
{
    unsigned n = s->from->size < ALONE_BELOW ? 1 : cpu_count(MAX_WORKERS);
    struct worker *workers = xcalloc(n, sizeof *workers);
    for (unsigned i = 0; i < n; i++) {
        workers[i].split = s;
        rows_init(&workers[i].rows, &s->plan, KEYS_IN_ALL / n);
    }
    start_all(workers, n, work_thread);
    work(&workers[0], true);
    join_all(workers, n);
    s->used = parts_used(s->plan.parts, &s->n_used);
    if (!s->failed) {
        start_all(workers, s->n_used > 1 ? n : 1, end_thread);
        (void)end_thread(&workers[0]);
        join_all(workers, s->n_used > 1 ? n : 1);
    }
    for (unsigned i = 0; i < n; i++) {
        size_t lossy = workers[i].rows.lossy;
        if (lossy && !s->sp->lossy) {
            s->sp->lossy = xstrdup(s->from->bound->columns.v[lossy - 1]);
        }
        rows_free(&workers[i].rows);
        chunk_free(&workers[i].chunk);
        flushes_free(&workers[i].flushes);
    }
    free(s->used);
    free(workers);
}

/* ---- a file ---- */

static void split_free(struct split *s)
{
    source_close(&s->source);
    str_free(&s->header);
    (void)pthread_mutex_destroy(&s->reading);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->moved);
}

static int split_rows(struct split *s, struct err *e)
{
    struct parts *ps = &s->sp->parts;
    rows_header(&s->plan, &s->source, &s->header);
    parts_begin(ps, s->from->name,
                (struct header){.text = str_text(&s->header), .n = s->header.len},
                (struct header){.text = s->source.header, .n = s->source.n_header});
    s->first_row = s->source.header ? 2 : 1;
    run_workers(s);
    s->sp->rows_in += s->rows;
    if (s->failed) {
        *e = s->e;
        return -(int)e->code;
    }
    return parts_reset(ps, e);
}

int split_file(struct splitter *sp, const struct split_source *source, struct err *e)
{
    const struct table *t = &sp->out->table;
    SCOPE(split_free)
    struct split s = {.sp = sp, .from = source, .source = SOURCE_NONE, .header = STR_INIT(0)};
    (void)pthread_mutex_init(&s.reading, NULL);
    (void)pthread_mutex_init(&s.lock, NULL);
    (void)pthread_cond_init(&s.moved, NULL);
    struct dialect dialect = dialect_of(source, t);
    bool lines = source->format == FORMAT_JSONL;
    int rc = source_open(&s.source, sp->from_fd, source->path, &dialect, source->gzip, lines,
                         t->header && !lines, t->reject_bad_rows, e);
    rc = rc ? rc : make_plan(&s, e);
    rc = rc ? rc : split_rows(&s, e);
    sp->blank_lines += s.source.blank_lines;
    sp->sources += rc == 0;
    return rc;
}

/* ---- all files ---- */

void splitter_init(struct splitter *sp, const struct job *job, const struct output *out,
                   int from_fd, int to_fd, uint64_t other_files)
{
    *sp = (struct splitter){.job = job, .out = out, .from_fd = from_fd};
    parts_init(&sp->parts, to_fd);
    sp->parts.max_partitions = out->table.max_partitions;
    sp->parts.max_files = out->table.max_files;
    sp->parts.max_file_size = out->table.max_file_size;
    sp->parts.key_prefix = key_prefix(out->s3_uri) + (out->table.compress ? strlen(".gz") : 0);
    sp->parts.other_files = other_files;
}

void splitter_free(struct splitter *sp)
{
    free(sp->lossy);
    parts_free(&sp->parts);
}

int splitter_end(struct splitter *sp, struct err *e)
{
    sp->rows_out = 0;
    for (size_t i = 0; i < sp->parts.n_table; i++) {
        for (const struct partition *p = sp->parts.table[i]; p; p = p->same) {
            sp->rows_out += p->rows;
        }
    }
    uint64_t rejected = sp->parts.rejects.rows;
    if (sp->rows_in != sp->rows_out + rejected) {
        return err_set(
            e, ERR_INTERNAL,
            "%llu rows came in, but %llu went out and %llu were set aside; the files are "
            "left as they were",
            (unsigned long long)sp->rows_in, (unsigned long long)sp->rows_out,
            (unsigned long long)rejected);
    }
    bool compress = sp->out->table.compress && sp->parts.root_fd >= 0;
    return compress ? gzip_tree(sp->parts.root_fd, "_rejected/", e) : 0;
}
