/* SPDX-License-Identifier: MIT
 *
 * Unit tests of partition/keys.
 */
#include "unit.h"

#include <sys/mman.h>

#include "partition/keys.h"
#include "partition/parts.h"

static struct partition parts[2000];

/* The name of key `i`: 0 to 40 bytes, with NULs in it. */
static size_t name_of(size_t i, char *name)
{
    size_t n = i % 41;
    memset(name, 0, 64);
    for (size_t k = 0; k < n; k++) {
        name[k] = (char)(k % 3 == 2 ? 0 : 'a' + (i / 41 + k) % 26);
    }
    if (n >= 2) {
        name[n - 1] = (char)(i / 41 % 256);
        name[0] = (char)(i / 41 / 256 % 256);
    }
    return n;
}

static void add(struct keys *keys, const char *name, size_t n, struct partition *part)
{
    keys_add(keys, key_hash(name, n), name, n, part);
}

static struct partition *find(const struct keys *keys, const char *name, size_t n)
{
    return keys_find(keys, key_hash(name, n), name, n);
}

static void test_find_add_clear(void **state)
{
    (void)state;
    struct keys keys;
    keys_init(&keys, 100);
    static const char TEXT[32] = "abcdefghijklmnop";
    assert_null(find(&keys, TEXT, 0));
    keys_clear(&keys);
    for (size_t n = 0; n <= 16; n++) {
        assert_null(find(&keys, TEXT, n));
        add(&keys, TEXT, n, &parts[n]);
    }
    for (size_t n = 0; n <= 16; n++) {
        assert_ptr_equal(find(&keys, TEXT, n), &parts[n]);
    }
    /* what is behind a key is not part of it */
    assert_ptr_equal(find(&keys, "abcXXXXXXXXXXXXX", 3), &parts[3]);
    assert_ptr_equal(find(&keys, "abcdefghiXXXXXXXXXXX", 9), &parts[9]);
    assert_null(find(&keys, "abcdefghiX\0\0\0\0\0\0\0\0\0", 10));
    assert_null(find(&keys, "Xbcdefgh\0\0\0\0\0\0\0\0\0", 8));
    keys_clear(&keys);
    assert_int_equal(keys.used, 0);
    assert_null(find(&keys, TEXT, 5));
    add(&keys, TEXT, 5, &parts[1]);
    assert_ptr_equal(find(&keys, TEXT, 5), &parts[1]);
    keys_free(&keys);
}

static void test_same_hash(void **state)
{
    (void)state;
    struct keys keys;
    keys_init(&keys, 1000);
    char name[64];
    for (size_t i = 0; i < 300; i++) {
        size_t n = name_of(i + 82, name);
        keys_add(&keys, 7, name, n, &parts[i]);
    }
    for (size_t i = 0; i < 300; i++) {
        size_t n = name_of(i + 82, name);
        struct partition *found = keys_find(&keys, 7, name, n);
        size_t first = n < 2 ? n : i; /* the short ones are all alike */
        assert_true(found == &parts[i] || (n < 2 && found < &parts[300]));
        assert_true(n < 2 || found == &parts[first]);
    }
    assert_null(keys_find(&keys, 8, "a\0\0\0\0\0\0\0", 1));
    keys_free(&keys);
}

static void test_growth_and_limit(void **state)
{
    (void)state;
    struct keys keys;
    char name[64];
    keys_init(&keys, 1000);
    for (size_t i = 0; i < 2000; i++) {
        size_t n = (size_t)snprintf(name, sizeof name, "key %zu", i);
        assert_null(find(&keys, name, n));
        add(&keys, name, n, &parts[i]);
        assert_ptr_equal(find(&keys, name, n), &parts[i]);
        assert_true(keys.used >= 1 && keys.used <= 1000);
        assert_true(2 * keys.used <= keys.n_slots + 2);
    }
    /* emptied once, at the thousand and first */
    assert_int_equal(keys.used, 1000);
    for (size_t i = 0; i < 2000; i++) {
        size_t n = (size_t)snprintf(name, sizeof name, "key %zu", i);
        assert_ptr_equal(find(&keys, name, n), i < 1000 ? NULL : &parts[i]);
    }
    keys_free(&keys);
    /* the least there can be */
    keys_init(&keys, 1);
    add(&keys, "a\0\0\0\0\0\0\0", 1, &parts[0]);
    add(&keys, "b\0\0\0\0\0\0\0", 1, &parts[1]);
    assert_null(find(&keys, "a\0\0\0\0\0\0\0", 1));
    assert_ptr_equal(find(&keys, "b\0\0\0\0\0\0\0", 1), &parts[1]);
    keys_free(&keys);
}

static void test_long_keys(void **state)
{
    (void)state;
    struct keys keys;
    enum { BIG = 100000, HUGE_KEY = 1 << 20 };
    char *text = calloc(1, HUGE_KEY + KEY_PADDING);
    assert_non_null(text);
    keys_init(&keys, 1000);
    for (size_t i = 0; i < 1000; i++) {
        (void)snprintf(text, 16, "%zu", i);
        add(&keys, text, BIG, &parts[i]);
        assert_ptr_equal(find(&keys, text, BIG), &parts[i]);
        assert_true(keys.n_bytes <= (8 << 20) + BIG); /* memory is bounded, too */
        assert_true(keys.cap_bytes <= 2 * ((8 << 20) + BIG + KEY_PADDING));
    }
    assert_true(keys.used < 100);
    /* one that is not worth it */
    add(&keys, text, HUGE_KEY, &parts[0]);
    assert_null(find(&keys, text, HUGE_KEY));
    free(text);
    keys_free(&keys);
}

/* Keys of 0 to 40 bytes, each with its padding right before memory that cannot be read. */
static void test_page_ends(void **state)
{
    (void)state;
    long page = sysconf(_SC_PAGESIZE);
    char *map =
        mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    char *end = map + page;
    assert_int_equal(mprotect(end, (size_t)page, PROT_NONE), 0);
    struct keys keys;
    keys_init(&keys, 5000);
    for (size_t i = 0; i < 2000; i++) {
        char name[64];
        size_t n = name_of(i, name);
        char *key = end - KEY_PADDING - n;
        memset(map, (int)(i % 256), (size_t)page); /* anything behind the key */
        memcpy(key, name, n);
        uint64_t hash = key_hash(key, n);
        assert_int_equal(hash, key_hash(name, n));
        assert_true(hash != 0);
        if (!keys_find(&keys, hash, key, n)) {
            keys_add(&keys, hash, key, n, &parts[i]);
        }
        assert_non_null(find(&keys, name, n));
        /* no padding at all for this one */
        memcpy(end - n, name, n);
        assert_int_equal(key_hash_text(end - n, n), key_hash_text(name, n));
    }
    assert_true(keys.used > 1800);
    keys_free(&keys);
    assert_int_equal(munmap(map, (size_t)page * 2), 0);
}

/* Hashes of alike keys fall apart, also in the low bits, which choose the slot. */
static void test_spread(void **state)
{
    (void)state;
    enum { SLOTS = 4096 };
    static unsigned char used[2][SLOTS];
    size_t slots[2] = {0};
    for (size_t i = 0; i < SLOTS; i++) {
        char name[64] = {0};
        size_t n = (size_t)snprintf(name, sizeof name, "2021-%02zu-%02zu", i / 64, i % 64);
        uint64_t hashes[2] = {key_hash(name, n), key_hash_text(name, n)};
        for (int k = 0; k < 2; k++) {
            slots[k] += !used[k][hashes[k] % SLOTS];
            used[k][hashes[k] % SLOTS] = 1;
        }
    }
    /* 1 - 1/e of them would be used by chance */
    assert_in_range(slots[0], SLOTS * 60 / 100, SLOTS);
    assert_in_range(slots[1], SLOTS * 60 / 100, SLOTS);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_find_add_clear),   cmocka_unit_test(test_same_hash),
        cmocka_unit_test(test_growth_and_limit), cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_page_ends),        cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
