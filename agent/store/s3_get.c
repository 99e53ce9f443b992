/* SPDX-License-Identifier: MIT
 *
 * Objects into files: small ones whole and many at a time, large ones in ranges that are written to
 * where they belong in any order. A file gets its name when all of it is there and fits what S3
 * says of it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/newfile.h"
#include "base/progress.h"
#include "base/scope.h"
#include "store/digest.h"
#include "store/s3_state.h"

/* A file that is being filled. */
struct incoming {
    const struct store_transfer *at;
    struct store_batch *batch;
    size_t index; /* in the batch */
    struct newfile file;
    uint64_t asked; /* bytes asked for so far */
    size_t holders; /* calls in flight, and who still asks for ranges */
    bool whole;     /* one request for all of it */
};

/* One request's part of it. */
struct piece {
    struct incoming *in;
    uint64_t first;        /* where its bytes begin */
    uint64_t written;      /* of this try */
    struct digest *digest; /* of a whole object */
};

struct fetch {
    struct store_batch *batch;
    uint64_t part_size;
    size_t next;              /* transfer to begin with next */
    struct incoming *current; /* has ranges that were not asked for, or NULL */
};

static void leave(struct incoming *in)
{
    if (--in->holders == 0) {
        newfile_discard(&in->file);
        free(in);
    }
}

static int write_at(int fd, const char *bytes, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t put = pwrite(fd, bytes, n, (off_t)at);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        if (put > 0) {
            bytes += put;
            n -= (size_t)put;
            at += (uint64_t)put;
        }
    }
    return 0;
}

static int take_piece(struct call *call, const void *bytes, size_t n, struct err *e)
{
    struct piece *piece = call->ctx;
    struct incoming *in = piece->in;
    if (piece->written == 0 && in->whole) {
        piece->digest = digest_start(&call->answer);
    }
    if (write_at(in->file.fd, bytes, n, piece->first + piece->written) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "write %s", in->at->path);
    }
    digest_add(piece->digest, bytes, n);
    piece->written += n;
    progress_add(in->batch->progress, 0, (int64_t)n);
    return 0;
}

/* Another try begins at the piece's first byte again. */
static void rewind_piece(struct call *call)
{
    struct piece *piece = call->ctx;
    progress_add(piece->in->batch->progress, 0, -(int64_t)piece->written);
    piece->written = 0;
    digest_free(&piece->digest);
}

static int check_piece(struct call *call, struct err *e)
{
    struct piece *piece = call->ctx;
    return digest_finish(&piece->digest, call, e);
}

static int finish_piece(struct call *call, struct err *e)
{
    struct piece *piece = call->ctx;
    struct incoming *in = piece->in;
    if (in->holders > 1) { /* not the last one */
        return 0;
    }
    int rc = newfile_commit(&in->file, 0, e);
    progress_add(in->batch->progress, rc == 0, 0);
    return rc;
}

static void drop_piece(struct call *call)
{
    struct piece *piece = call->ctx;
    digest_free(&piece->digest);
    leave(piece->in);
    free(piece);
    call_free(call);
}

static struct call *ask(struct incoming *in, uint64_t n)
{
    struct piece *piece = xcalloc(1, sizeof *piece);
    *piece = (struct piece){.in = in, .first = in->asked};
    struct call *call = call_new(CALL_GET, in->at->bucket, in->at->key);
    call->size = n;
    call->first = in->asked;
    call->ranged = !in->whole;
    call->etag = in->at->etag;
    call->data = take_piece;
    call->again = rewind_piece;
    call->check = check_piece;
    call->done = finish_piece;
    call->drop = drop_piece;
    call->ctx = piece;
    in->asked += n;
    in->holders++;
    return call;
}

static int begin_file(struct fetch *fetch, struct err *e)
{
    const struct store_transfer *at = &fetch->batch->v[fetch->next];
    struct incoming *in = xcalloc(1, sizeof *in);
    *in = (struct incoming){.at = at,
                            .batch = fetch->batch,
                            .index = fetch->next,
                            .file = NEWFILE_NONE,
                            .holders = 1,
                            .whole = at->size <= fetch->part_size};
    fetch->batch->failed = fetch->next;
    int rc = newfile_open_path(&in->file, at->path, e);
    /* A disk that has no room for it says so now. */
    if (rc == 0 && !in->whole && fallocate(in->file.fd, 0, 0, (off_t)at->size) != 0 &&
        (errno == ENOSPC || errno == EDQUOT)) {
        rc = err_sys(e, ERR_OUTPUT, errno, "write %s", at->path);
    }
    if (rc != 0) {
        leave(in);
        return rc;
    }
    fetch->batch->failed = fetch->batch->n;
    fetch->next++;
    fetch->current = in;
    return 0;
}

static int next_piece(void *ctx, struct call **out, struct err *e)
{
    struct fetch *fetch = ctx;
    if (!fetch->current && fetch->next == fetch->batch->n) {
        return 0;
    }
    int rc = fetch->current ? 0 : begin_file(fetch, e);
    if (rc != 0) {
        return rc;
    }
    struct incoming *in = fetch->current;
    uint64_t left = in->at->size - in->asked;
    uint64_t n = in->whole || left < fetch->part_size ? left : fetch->part_size;
    *out = ask(in, n);
    if (in->asked == in->at->size) {
        leave(TAKE_PTR(fetch->current));
    }
    return 0;
}

static void tell_failed(void *ctx, const struct call *call)
{
    const struct fetch *fetch = ctx;
    fetch->batch->failed = ((const struct piece *)call->ctx)->in->index;
}

int s3_get(void *self, struct store_batch *batch, struct err *e)
{
    struct s3 *s3 = self;
    struct fetch fetch = {.batch = batch, .part_size = caller_settings(s3->caller)->part_size};
    const struct call_source source = {.next = next_piece, .failed = tell_failed, .ctx = &fetch};
    int rc = calls_run(s3->caller, &source, e);
    if (fetch.current) { /* its last call was dropped while ranges were still to be asked for */
        leave(fetch.current);
    }
    return rc;
}
