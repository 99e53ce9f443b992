/* SPDX-License-Identifier: MIT
 *
 * Archives of all kinds. See bundle.h.
 */
#include "pack/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/pargz.h"
#include "pack/tarball.h"
#include "pack/zipfile.h"

struct bundle {
    struct tarball *tar; /* a tar, which writes to `z`; or NULL */
    struct pargz *z;     /* compresses that to `fd` */
    struct zipfile *zip; /* a zip, which writes to `fd`; or NULL */
    int fd;              /* borrowed */
    uint64_t size;       /* bytes that the zip has */
};

static const struct {
    const char *ending;
    enum bundle_kind kind;
} ENDINGS[] = {
    {".tar.gz", BUNDLE_TAR_GZ},
    {".tgz", BUNDLE_TAR_GZ},
    {".tar.zst", BUNDLE_TAR_ZST},
    {".zip", BUNDLE_ZIP},
};

/* As each compressor counts: libdeflate, zstd, zlib. Measured by `scripts/bench.sh pack`. */
static const int LEVELS[][3] = {
    [BUNDLE_TAR_GZ] = {[PACK_NORMAL] = PARGZ_LEVEL, [PACK_FAST] = 1, [PACK_BEST] = 9},
    [BUNDLE_TAR_ZST] = {[PACK_NORMAL] = 3, [PACK_FAST] = 1, [PACK_BEST] = 12},
    [BUNDLE_ZIP] = {[PACK_NORMAL] = 6, [PACK_FAST] = 1, [PACK_BEST] = 9},
};

enum bundle_kind bundle_kind_of(const char *name, const char **ending)
{
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        if (str_ends(name, ENDINGS[i].ending)) {
            if (ending) {
                *ending = ENDINGS[i].ending;
            }
            return ENDINGS[i].kind;
        }
    }
    return BUNDLE_NONE;
}

static int to_pargz(void *to, const void *bytes, size_t n, struct err *e)
{
    const struct bundle *b = to;
    return pargz_write(b->z, bytes, n, e);
}

static int to_file(void *to, const void *bytes, size_t n, struct err *e)
{
    struct bundle *b = to;
    if (io_write_all(b->fd, bytes, n) != 0) {
        return err_sys(e, ERR_OUTPUT, errno, "write");
    }
    b->size += n;
    return 0;
}

int bundle_open(struct bundle **out, int fd, enum bundle_kind kind, enum pack_level level,
                int64_t mtime, struct err *e)
{
    struct bundle *b = xcalloc(1, sizeof *b);
    b->fd = fd;
    int how = LEVELS[kind][level];
    int rc;
    if (kind == BUNDLE_ZIP) {
        rc = zipfile_open(&b->zip, mtime, how, to_file, b, e);
    } else {
        enum shrink_format format = kind == BUNDLE_TAR_ZST ? SHRINK_ZSTD : SHRINK_GZIP;
        rc = pargz_open_as(&b->z, fd, format, how, e);
        rc = rc ? rc : tarball_open(&b->tar, mtime, to_pargz, b, e);
    }
    if (rc != 0) {
        bundle_abort(&b);
        return rc;
    }
    *out = b;
    return 0;
}

int bundle_member(struct bundle *b, const char *name, mode_t mode, uint64_t size, struct err *e)
{
    return b->zip ? zipfile_member(b->zip, name, mode, size, e)
                  : tarball_member(b->tar, name, mode, size, e);
}

int bundle_data(struct bundle *b, const void *bytes, size_t n, struct err *e)
{
    return b->zip ? zipfile_data(b->zip, bytes, n, e) : tarball_data(b->tar, bytes, n, e);
}

int bundle_finish(struct bundle **bp, uint64_t *size, struct err *e)
{
    struct bundle *b = *bp;
    int rc;
    if (b->zip) {
        rc = zipfile_finish(&b->zip, e);
    } else {
        rc = tarball_finish(&b->tar, e);
        rc = rc ? rc : pargz_finish(&b->z, &b->size, e);
    }
    if (rc == 0) {
        *size = b->size;
    }
    bundle_abort(bp);
    return rc;
}

void bundle_abort(struct bundle **bp)
{
    struct bundle *b = *bp;
    if (!b) {
        return;
    }
    tarball_abort(&b->tar);
    zipfile_abort(&b->zip);
    pargz_abort(&b->z); /* joins the pool, which writes to fd */
    free(b);
    *bp = NULL;
}
