/* SPDX-License-Identifier: MIT
 *
 * A thread's memory of which key bytes belong to which partition, so that a value is decoded,
 * escaped and looked up once and not once per row. Bounded: when it is full it is emptied.
 */
#ifndef PARTITION_KEYS_H
#define PARTITION_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct partition;

/* So many bytes behind a key must be readable: keys are read in whole words. */
enum { KEY_PADDING = 8 };

struct key_slot {
    uint64_t hash;          /* 0: free */
    uint32_t text;          /* where the key's bytes are in keys.bytes */
    uint32_t n;             /* how many */
    struct partition *part; /* borrowed */
};

struct keys {
    struct key_slot *slots; /* owned */
    size_t n_slots;         /* a power of two */
    size_t used;
    size_t max_used; /* emptied above */
    char *bytes;     /* owned: the keys' bytes, each followed by KEY_PADDING zeros */
    size_t n_bytes;
    size_t cap_bytes;
};

/* At most `max_used` keys are remembered. */
void keys_init(struct keys *keys, size_t max_used);
void keys_free(struct keys *keys);
void keys_clear(struct keys *keys);

/* Never 0. KEY_PADDING bytes behind the text are read (not used). */
uint64_t key_hash(const char *text, size_t n);

/* The same for any text. */
uint64_t key_hash_text(const char *text, size_t n);

/* The partition of a key, or NULL when it is not remembered. */
struct partition *keys_find(const struct keys *keys, uint64_t hash, const char *text, size_t n);
void keys_add(struct keys *keys, uint64_t hash, const char *text, size_t n, struct partition *part);

#endif
