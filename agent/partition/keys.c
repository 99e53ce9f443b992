/* SPDX-License-Identifier: MIT
 *
 * Keys already seen. See keys.h.
 */
#include "partition/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_SLOTS = 256 };

void keys_init(struct keys *keys, size_t max_used)
{
    *keys = (struct keys){.n_slots = FIRST_SLOTS, .max_used = max_used};
    keys->slots = xcalloc(keys->n_slots, sizeof *keys->slots);
}

void keys_free(struct keys *keys)
{
    free(keys->slots);
    free(keys->bytes);
    *keys = (struct keys){0};
}

void keys_clear(struct keys *keys)
{
    if (keys->used > 0) {
        memset(keys->slots, 0, keys->n_slots * sizeof *keys->slots);
        keys->used = keys->n_bytes = 0;
    }
}

/* The next eight bytes, or fewer at the end with zeros behind. */
static uint64_t word_of(const char *text, size_t n)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return n >= 8 ? word : n == 0 ? 0 : word & (~UINT64_C(0) >> (64 - 8 * n));
}

/* The two halves of a 128-bit product: every bit of the factors reaches the middle. */
static uint64_t mix(uint64_t a)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t key_hash(const char *text, size_t n)
{
    uint64_t hash = n * UINT64_C(0xd6e8feb86659fd93) + 1;
    size_t at = 0;
    do {
        hash = mix(hash ^ word_of(text + at, n - at));
        at += 8;
    } while (at < n);
    return hash ? hash : 1;
}

uint64_t key_hash_text(const char *text, size_t n)
{
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        hash = mix(hash ^ (unsigned char)text[i]);
    }
    return mix(hash ^ n);
}

static int same_text(const char *a, const char *b, size_t n)
{
    for (size_t at = 0; at < n; at += 8) {
        if (word_of(a + at, n - at) != word_of(b + at, n - at)) {
            return 0;
        }
    }
    return 1;
}

struct partition *keys_find(const struct keys *keys, uint64_t hash, const char *text, size_t n)
{
    for (size_t i = hash & (keys->n_slots - 1);; i = (i + 1) & (keys->n_slots - 1)) {
        const struct key_slot *slot = &keys->slots[i];
        if (slot->hash == 0) {
            return NULL;
        }
        if (slot->hash == hash && slot->n == n && same_text(keys->bytes + slot->text, text, n)) {
            return slot->part;
        }
    }
}

static void insert(struct keys *keys, const struct key_slot *slot)
{
    size_t i = slot->hash & (keys->n_slots - 1);
    while (keys->slots[i].hash != 0) {
        i = (i + 1) & (keys->n_slots - 1);
    }
    keys->slots[i] = *slot;
}

static void grow(struct keys *keys)
{
    struct key_slot *old = keys->slots;
    size_t n = keys->n_slots;
    keys->n_slots = 2 * n;
    keys->slots = xcalloc(keys->n_slots, sizeof *keys->slots);
    for (size_t i = 0; i < n; i++) {
        if (old[i].hash != 0) {
            insert(keys, &old[i]);
        }
    }
    free(old);
}

void keys_add(struct keys *keys, uint64_t hash, const char *text, size_t n, struct partition *part)
{
    enum { BYTES_MAX = 8 << 20 };
    if (keys->used >= keys->max_used || keys->n_bytes + n > BYTES_MAX) {
        keys_clear(keys);
    }
    if (n > BYTES_MAX / 64) {
        return; /* not worth remembering */
    }
    if (2 * keys->used >= keys->n_slots) {
        grow(keys);
    }
    size_t need = keys->n_bytes + n + KEY_PADDING;
    if (need > keys->cap_bytes) {
        keys->cap_bytes = 2 * need;
        keys->bytes = xreallocarray(keys->bytes, 1, keys->cap_bytes);
    }
    struct key_slot slot = {
        .hash = hash, .text = (uint32_t)keys->n_bytes, .n = (uint32_t)n, .part = part};
    memcpy(keys->bytes + keys->n_bytes, text, n);
    memset(keys->bytes + keys->n_bytes + n, 0, KEY_PADDING);
    keys->n_bytes = need;
    insert(keys, &slot);
    keys->used++;
}
