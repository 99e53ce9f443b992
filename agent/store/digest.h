/* SPDX-License-Identifier: MIT
 *
 * Does an object's content fit what S3 says of it? One sum is kept while the bytes go by: the
 * cheapest of the checksums that came with the answer, else MD5 where the ETag is one.
 */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/call.h"

struct digest; /* NULL: there is nothing to compare with */

/* Begins what the answer's headers allow, for a whole object. */
struct digest *digest_start(const struct call_answer *answer);
void digest_add(struct digest *d, const void *bytes, size_t n);
/* ERR_INPUT when the bytes were others; `call` for the message. Frees it. NULL is fine. */
int digest_finish(struct digest **d, const struct call *call, struct err *e);
void digest_free(struct digest **d);

/* base64 of a CRC-32, as S3 writes it; `out` has 16 bytes. */
void digest_crc32(const void *bytes, size_t n, char *out);

/* A part of a multipart upload. */
struct digest_part {
    const char *crc32; /* base64 */
    uint64_t size;
};

/* Is `crc32`, an object's, that of these parts? Servers say the CRC-32 of the parts' CRC-32s, with
 * "-" and their number behind it (not all do), or that of the whole. */
bool digest_fits_parts(const char *crc32, const struct digest_part *v, size_t n);

#endif
