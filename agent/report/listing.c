/* SPDX-License-Identifier: MIT
 *
 * What `procagent partition` prints: the partitions of a folder. See report.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "base/utf8.h"
#include "report/facts.h"
#include "report/report.h"

/* A table is one screen line wide per partition; longer paths push their numbers out. */
enum { MAX_PATH_COLUMNS = 60, NUMBER_TEXT = 24 };

/* Appends `path` as a terminal may have it: bytes of control characters (C1 too, which are two
 * bytes of UTF-8) and of no UTF-8 as \xNN. Answers the characters. */
static size_t add_visible(struct str *out, const char *path)
{
    size_t n = strlen(path);
    size_t characters = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)path[i];
        size_t len = utf8_sequence(path + i, n - i);
        bool c1 = len == 2 && c == 0xc2 && (unsigned char)path[i + 1] < 0xa0;
        if (len == 0 || c < 0x20 || c == 0x7f || c1) {
            str_printf(out, "\\x%02X", c);
            characters += 4;
            i++; /* a C1 character's second byte is ill-formed by itself, and so shown too */
            continue;
        }
        str_add(out, path + i, len);
        characters++;
        i += len;
    }
    return characters;
}

static const char *rows_text(char buf[NUMBER_TEXT], uint64_t rows)
{
    (void)snprintf(buf, NUMBER_TEXT, "%" PRIu64, rows);
    return rows > 0 ? buf : "-";
}

static void print_line(const char *name, size_t width, uint64_t files, uint64_t rows,
                       uint64_t bytes)
{
    char text[NUMBER_TEXT];
    SCOPE(str_free) struct str shown = STR_INIT(0);
    size_t used = add_visible(&shown, name);
    printf("%s%*s %9" PRIu64 " %12s %15" PRIu64 "\n", str_text(&shown),
           (int)(used < width ? width - used : 0), "", files, rows_text(text, rows), bytes);
}

static void print_table(const struct output *out)
{
    char total[64];
    uint64_t files = 0;
    uint64_t rows = 0;
    uint64_t bytes = 0;
    (void)snprintf(total, sizeof total, "total: %zu partition%s", out->n_leaves,
                   out->n_leaves == 1 ? "" : "s");
    size_t width = strlen(total);
    for (size_t i = 0; i < out->n_leaves; i++) {
        SCOPE(str_free) struct str shown = STR_INIT(0);
        size_t used = add_visible(&shown, out->leaves[i].path);
        width = used > width ? used : width;
    }
    width = width < MAX_PATH_COLUMNS ? width : MAX_PATH_COLUMNS;
    printf("%-*s %9s %12s %15s\n", (int)width, "partition", "files", "rows", "bytes");
    for (size_t i = 0; i < out->n_leaves; i++) {
        const struct leaf *leaf = &out->leaves[i];
        print_line(leaf->path, width, leaf->files, leaf->rows, leaf->bytes);
        files += leaf->files;
        rows += leaf->rows;
        bytes += leaf->bytes;
    }
    print_line(total, width, files, rows, bytes);
}

static int print_json(const struct job *job, const struct output *out)
{
    json_t *root = json_object();
    fact_set(root, "version", json_integer(1));
    fact_set(root, "dir", fact_text(out->dir));
    fact_set(root, "dry_run", json_boolean(job->dry_run));
    fact_set(root, "layout", fact_text(out->layout));
    fact_set(root, "partitions", fact_leaves(out));
    fact_count(root, "split", out->split);
    fact_count(root, "moved", out->moved);
    fact_count(root, "rows_in", out->rows_in);
    fact_count(root, "rows_out", out->rows_out);
    fact_count(root, "rows_rejected", out->rows_rejected);
    fact_count(root, "blank_lines", out->blank_lines);
    int rc = json_dumpf(root, stdout, JSON_INDENT(2));
    json_decref(root);
    return rc == 0 && putchar('\n') != EOF ? 0 : -1;
}

int report_partitions(const struct job *job, bool json)
{
    const struct output *out = &job->outputs[0];
    int rc = 0;
    if (json) {
        rc = print_json(job, out);
    } else {
        print_table(out);
    }
    return rc == 0 && fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}
