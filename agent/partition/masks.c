/* SPDX-License-Identifier: MIT
 *
 * The mask kernels. See masks.h.
 */
#include "partition/masks.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

static int always(void)
{
    return 1;
}

/* ---- a word at a time, anywhere ---- */

#define EVERY_BYTE UINT64_C(0x0101010101010101)
#define LOW_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)

/* Bit i is set when byte i of `word` (the first byte lowest) is `c`. */
static uint64_t word_mask(uint64_t word, unsigned char c)
{
    uint64_t x = word ^ (EVERY_BYTE * c);
    /* the high bit of each byte that is zero: exact, no borrow crosses a byte */
    uint64_t zero = ~(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS);
    /* gathers the eight high bits in the topmost byte */
    return ((zero >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static uint64_t load_word(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static void kernel_word(const unsigned char *p, size_t n_blocks, const struct mask_bytes *bytes,
                        struct masks *out)
{
    for (size_t i = 0; i < n_blocks; i++, p += MASK_BLOCK) {
        struct masks m = {0};
        for (unsigned k = 0; k < MASK_BLOCK; k += 8) {
            uint64_t word = load_word(p + k);
            m.quote |= word_mask(word, bytes->quote) << k;
            m.delimiter |= word_mask(word, bytes->delimiter) << k;
            m.newline |= word_mask(word, '\n') << k;
            m.cr |= word_mask(word, '\r') << k;
            m.nul |= word_mask(word, 0) << k;
        }
        m.quote &= bytes->has_quote;
        out[i] = m;
    }
}

/* ---- x86-64: SSE2 is always there, AVX2 is asked for ---- */

#if defined(__x86_64__)

static uint64_t sse2_mask(const __m128i *v, unsigned char c)
{
    __m128i want = _mm_set1_epi8((char)c);
    uint64_t mask = 0;
    for (unsigned k = 0; k < 4; k++) {
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[k], want)) << (16 * k);
    }
    return mask;
}

static void kernel_sse2(const unsigned char *p, size_t n_blocks, const struct mask_bytes *bytes,
                        struct masks *out)
{
    for (size_t i = 0; i < n_blocks; i++, p += MASK_BLOCK) {
        __m128i v[4];
        memcpy(v, p, sizeof v);
        out[i] = (struct masks){.quote = sse2_mask(v, bytes->quote) & bytes->has_quote,
                                .delimiter = sse2_mask(v, bytes->delimiter),
                                .newline = sse2_mask(v, '\n'),
                                .cr = sse2_mask(v, '\r'),
                                .nul = sse2_mask(v, 0)};
    }
}

__attribute__((target("avx2"))) static inline uint64_t avx2_mask(__m256i low, __m256i high,
                                                                 unsigned char c)
{
    __m256i want = _mm256_set1_epi8((char)c);
    uint64_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, want));
    uint64_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, want));
    return a | b << 32;
}

__attribute__((target("avx2"))) static void kernel_avx2(const unsigned char *p, size_t n_blocks,
                                                        const struct mask_bytes *bytes,
                                                        struct masks *out)
{
    for (size_t i = 0; i < n_blocks; i++, p += MASK_BLOCK) {
        __m256i low = _mm256_loadu_si256((const __m256i_u *)p);
        __m256i high = _mm256_loadu_si256((const __m256i_u *)(p + 32));
        out[i] = (struct masks){.quote = avx2_mask(low, high, bytes->quote) & bytes->has_quote,
                                .delimiter = avx2_mask(low, high, bytes->delimiter),
                                .newline = avx2_mask(low, high, '\n'),
                                .cr = avx2_mask(low, high, '\r'),
                                .nul = avx2_mask(low, high, 0)};
    }
}

static int have_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

/* ---- AArch64: NEON is always there ---- */

#elif defined(__aarch64__)

static uint64_t neon_mask(const uint8x16_t *v, unsigned char c)
{
    static const uint8_t BITS[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t want = vdupq_n_u8(c);
    uint8x16_t bit = vld1q_u8(BITS);
    /* pairwise sums bring each eight bytes' bits into one byte */
    uint8x16_t a =
        vpaddq_u8(vandq_u8(vceqq_u8(v[0], want), bit), vandq_u8(vceqq_u8(v[1], want), bit));
    uint8x16_t b =
        vpaddq_u8(vandq_u8(vceqq_u8(v[2], want), bit), vandq_u8(vceqq_u8(v[3], want), bit));
    a = vpaddq_u8(a, b);
    a = vpaddq_u8(a, a);
    return vgetq_lane_u64(vreinterpretq_u64_u8(a), 0);
}

static void kernel_neon(const unsigned char *p, size_t n_blocks, const struct mask_bytes *bytes,
                        struct masks *out)
{
    for (size_t i = 0; i < n_blocks; i++, p += MASK_BLOCK) {
        uint8x16_t v[4] = {vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)};
        out[i] = (struct masks){.quote = neon_mask(v, bytes->quote) & bytes->has_quote,
                                .delimiter = neon_mask(v, bytes->delimiter),
                                .newline = neon_mask(v, '\n'),
                                .cr = neon_mask(v, '\r'),
                                .nul = neon_mask(v, 0)};
    }
}

#endif

const struct masks_choice MASKS_CHOICES[] = {
#if defined(__x86_64__)
    {"avx2", kernel_avx2, have_avx2},
    {"sse2", kernel_sse2, always},
#elif defined(__aarch64__)
    {"neon", kernel_neon, always},
#endif
    {"word", kernel_word, always},
    {NULL, NULL, NULL},
};

masks_kernel *masks_best(void)
{
    const struct masks_choice *c = MASKS_CHOICES;
    while (!c->usable()) {
        c++;
    }
    return c->kernel;
}
