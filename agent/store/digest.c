/* SPDX-License-Identifier: MIT
 *
 * Checksums of objects. See digest.h.
 */
#include "store/digest.h"

#include <libdeflate.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

struct digest {
    const char *name;   /* for the message */
    char expected[128]; /* as S3 writes it */
    bool hex;           /* MD5 of an ETag; the others are base64 */
    EVP_MD_CTX *sum;    /* NULL: crc32 */
    uint32_t crc;
};

static void crc_text(uint32_t crc, char *out)
{
    const unsigned char bytes[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                    (unsigned char)(crc >> 8), (unsigned char)crc};
    (void)EVP_EncodeBlock((unsigned char *)out, bytes, sizeof bytes);
}

void digest_crc32(const void *bytes, size_t n, char *out)
{
    crc_text(libdeflate_crc32(0, bytes, n), out);
}

bool digest_fits_parts(const char *crc32, const struct digest_part *v, size_t n)
{
    uint32_t of_sums = 0;
    uint32_t whole = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char raw[16] = {0};
        (void)EVP_DecodeBlock(raw, (const unsigned char *)v[i].crc32, (int)strlen(v[i].crc32));
        of_sums = libdeflate_crc32(of_sums, raw, 4);
        uint32_t part =
            (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
        whole = (uint32_t)crc32_combine(whole, part, (z_off_t)v[i].size);
    }
    char text[16];
    char numbered[40];
    crc_text(of_sums, text);
    (void)snprintf(numbered, sizeof numbered, "%s-%zu", text, n);
    if (strcmp(crc32, text) == 0 || strcmp(crc32, numbered) == 0) {
        return true;
    }
    crc_text(whole, text);
    return strcmp(crc32, text) == 0;
}

/* An ETag is the content's MD5 unless it is of a multipart upload (32 digits, "-", parts) or
 * encrypted with a key of KMS. */
static bool is_md5(const struct call_answer *a)
{
    return strlen(a->etag) == 32 && strspn(a->etag, "0123456789abcdef") == 32 &&
           strncmp(a->encryption, "aws:kms", 7) != 0;
}

struct digest *digest_start(const struct call_answer *a)
{
    const EVP_MD *kind = NULL;
    struct digest start = {0};
    const char *expected = a->crc32;
    if (*a->crc32 && !strchr(a->crc32, '-')) { /* "-3": of three parts, not of the whole */
        start.name = "CRC-32";
    } else if (*a->sha256 && !strchr(a->sha256, '-')) {
        start.name = "SHA-256";
        expected = a->sha256;
        kind = EVP_sha256();
    } else if (*a->sha1 && !strchr(a->sha1, '-')) {
        start.name = "SHA-1";
        expected = a->sha1;
        kind = EVP_sha1();
    } else if (is_md5(a)) {
        start.name = "MD5";
        start.hex = true;
        expected = a->etag;
        kind = EVP_md5();
    } else {
        return NULL;
    }
    struct digest *d = xcalloc(1, sizeof *d);
    *d = start;
    (void)snprintf(d->expected, sizeof d->expected, "%s", expected);
    d->sum = kind ? EVP_MD_CTX_new() : NULL;
    if (kind && (!d->sum || EVP_DigestInit_ex(d->sum, kind, NULL) != 1)) {
        digest_free(&d);
    }
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    if (d && d->sum) {
        (void)EVP_DigestUpdate(d->sum, bytes, n);
    } else if (d) {
        d->crc = libdeflate_crc32(d->crc, bytes, n);
    }
}

int digest_finish(struct digest **dp, const struct call *call, struct err *e)
{
    struct digest *d = *dp;
    unsigned char raw[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned n = 0;
    if (!d) {
        return 0;
    }
    if (!d->sum) {
        crc_text(d->crc, text);
    } else if (EVP_DigestFinal_ex(d->sum, raw, &n) == 1) {
        if (!d->hex) {
            (void)EVP_EncodeBlock((unsigned char *)text, raw, (int)n);
        }
        for (unsigned i = 0; d->hex && i < n; i++) {
            (void)snprintf(text + (size_t)2 * i, 3, "%02x", raw[i]);
        }
    }
    int rc =
        strcmp(text, d->expected) == 0
            ? 0
            : err_set(e, ERR_INPUT,
                      "s3://%s/%s: what came is not what is stored: its %s is %s, should be %s",
                      call->bucket, call->key, d->name, text, QUOTED(d->expected));
    digest_free(dp);
    return rc;
}

void digest_free(struct digest **dp)
{
    if (*dp) {
        EVP_MD_CTX_free((*dp)->sum);
    }
    free(*dp);
    *dp = NULL;
}
