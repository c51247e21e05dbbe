// SPDX-License-Identifier: MIT
// test_names.c - the hash table of names, and the table of voices that stands on it.
#include <stdio.h>
#include <string.h>

#include "engine/names.h"
#include "engine/voice_table.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    return (int)arena_init(&arena, 1 << 24);
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool holds(const struct names *n, uint32_t hash, uint32_t record)
{
    for (uint32_t i = names_first(n, hash); i != NAMES_NONE; i = names_next(n, i))
        if (i == record) return true;
    return false;
}

static void test_empty(void **state)
{
    (void)state;
    struct names n;
    assert_int_equal(names_init(&n, &arena, 1), STATUS_OK);
    for (uint32_t hash = 0; hash < 1000; hash++)
        assert_int_equal(names_first(&n, hash), NAMES_NONE);
}

static void test_full_and_empty_again(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 15, 16, 17, 1000};
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        struct names n;
        assert_int_equal(names_init(&n, &arena, sizes[k]), STATUS_OK);
        for (uint32_t i = 0; i < sizes[k]; i++)
            names_insert(&n, names_hash_int(i), i);
        for (uint32_t i = 0; i < sizes[k]; i++)
            assert_int_equal(names_first(&n, names_hash_int(i)), i);
        assert_int_equal(names_first(&n, names_hash_int(sizes[k])), NAMES_NONE);
        for (uint32_t i = 0; i < sizes[k]; i++) {
            names_remove(&n, i);
            assert_int_equal(names_first(&n, names_hash_int(i)), NAMES_NONE);
        }
    }
}

/// Records of one hash, and of one bucket: newest first, and any of them may go.
static void test_collisions(void **state)
{
    (void)state;
    struct names n;
    assert_int_equal(names_init(&n, &arena, 16), STATUS_OK);
    for (uint32_t i = 0; i < 16; i++)
        names_insert(&n, i % 2 ? 7 : 7 + 16, i);
    uint32_t expected = 15;
    for (uint32_t i = names_first(&n, 7); i != NAMES_NONE; i = names_next(&n, i), expected -= 2)
        assert_int_equal(i, expected);
    assert_int_equal(expected, UINT32_MAX);
    static const uint32_t order[] = {15, 1, 7, 0, 14, 8};
    for (size_t k = 0; k < COUNT_OF(order); k++) {
        names_remove(&n, order[k]);
        for (uint32_t i = 0; i < 16; i++) {
            bool gone = false;
            for (size_t g = 0; g <= k; g++)
                gone |= order[g] == i;
            assert_int_equal(holds(&n, i % 2 ? 7 : 23, i), !gone);
        }
    }
}

static void test_hashes_spread(void **state)
{
    (void)state;
    uint32_t by_number[256] = {0}, by_name[256] = {0};
    for (uint32_t i = 0; i < 25600; i++) {
        char name[32];
        snprintf(name, sizeof name, "/sounds/door-%u.wav", i);
        by_number[names_hash_int(i) % 256]++;
        by_name[names_hash_text(name) % 256]++;
    }
    for (int i = 0; i < 256; i++) { // 100 each, give or take six standard deviations
        assert_in_range(by_number[i], 40, 160);
        assert_in_range(by_name[i], 40, 160);
    }
    assert_int_not_equal(names_hash_text("ab"), names_hash_text("ba"));
    assert_int_equal(names_hash_text("\xff"), names_hash_text("\xff"));
}

// ---- voices ----

#define N_SLOTS 64

static void check_books(const struct voice_table *t, const bool *used, const int32_t *ids)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < N_SLOTS; i++) {
        n += used[i];
        assert_int_equal(t->entries[i].state != SLOT_FREE, used[i]);
        if (used[i]) assert_int_equal(voice_find(t, ids[i]), i);
    }
    assert_int_equal(t->n_used, n);
}

static void test_voice_slots(void **state)
{
    (void)state;
    struct voice_table t;
    uint64_t seed = 3;
    bool used[N_SLOTS] = {false};
    int32_t ids[N_SLOTS];
    assert_int_equal(voice_table_init(&t, &arena, N_SLOTS), STATUS_OK);
    for (int i = 0; i < 20000; i++) {
        uint32_t slot = random_below(&seed, N_SLOTS);
        if (used[slot] && random_below(&seed, 100) < 60) {
            voice_release(&t, slot);
            used[slot] = false;
            assert_int_equal(voice_find(&t, ids[slot]), VOICE_NONE);
        } else {
            int32_t id = random_below(&seed, 2) ? (int32_t)(i + 5000000) : -1;
            slot = voice_acquire(&t, id);
            if (t.n_used < N_SLOTS) assert_int_not_equal(slot, VOICE_NONE);
            if (slot == VOICE_NONE) continue;
            assert_false(used[slot]);
            used[slot] = true;
            ids[slot] = t.entries[slot].id;
            if (id >= 0) assert_int_equal(ids[slot], id);
            if (id < 0) assert_true(ids[slot] >= FIRST_ENGINE_ID);
            assert_int_equal(t.entries[slot].state, SLOT_PENDING);
            assert_int_equal(t.entries[slot].next_pending, VOICE_NONE);
        }
        if (i % 16 == 0) check_books(&t, used, ids);
    }
}

static void test_no_voice_is_left(void **state)
{
    (void)state;
    struct voice_table t;
    assert_int_equal(voice_table_init(&t, &arena, 2), STATUS_OK);
    assert_int_equal(voice_acquire(&t, -1), 0);
    assert_int_equal(voice_acquire(&t, -1), 1);
    assert_int_equal(t.n_refused, 0);
    assert_int_equal(voice_acquire(&t, -1), VOICE_NONE);
    assert_int_equal(voice_acquire(&t, 5), VOICE_NONE);
    assert_int_equal(t.n_refused, 2);
    voice_release(&t, 0);
    assert_int_equal(voice_acquire(&t, 5), 0);
}

/// The engine's ids go round behind the largest and step over those that clients took.
static void test_ids_go_round(void **state)
{
    (void)state;
    struct voice_table t;
    assert_int_equal(voice_table_init(&t, &arena, 8), STATUS_OK);
    assert_int_not_equal(voice_acquire(&t, FIRST_ENGINE_ID), VOICE_NONE);
    assert_int_not_equal(voice_acquire(&t, INT32_MAX - 1), VOICE_NONE);
    t.next_id = INT32_MAX - 1;
    static const int32_t expected[] = {INT32_MAX, FIRST_ENGINE_ID + 1, FIRST_ENGINE_ID + 2};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        uint32_t slot = voice_acquire(&t, -1);
        assert_int_equal(t.entries[slot].id, expected[i]);
    }
    assert_int_equal(voice_find(&t, 0), VOICE_NONE);
    assert_int_not_equal(voice_acquire(&t, 0), VOICE_NONE);
    assert_int_not_equal(voice_find(&t, 0), VOICE_NONE);
}

static void test_clients_that_listen_are_counted(void **state)
{
    (void)state;
    struct voice_table t;
    struct client client = {.kind = CLIENT_UDP, .address_bytes = 16};
    assert_int_equal(voice_table_init(&t, &arena, 8), STATUS_OK);
    for (uint32_t i = 0; i < 8; i++)
        voice_set_client(&t, voice_acquire(&t, (int32_t)i), &client, i % 2);
    assert_int_equal(t.n_notify, 4);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(t.entries[i].client.kind, CLIENT_UDP);
        voice_release(&t, voice_find(&t, (int32_t)i));
    }
    assert_int_equal(t.n_notify, 0);
    assert_int_equal(t.n_used, 0);
}

// ---- set-up ----

static enum status init_names(void *object, struct arena *a)
{
    return names_init(object, a, 1000);
}

static enum status init_voices(void *object, struct arena *a)
{
    return voice_table_init(object, a, 100);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct names n;
    struct voice_table t;
    check_arena_sizes(&(struct arena_user){init_names, NULL, &n});
    check_arena_sizes(&(struct arena_user){init_voices, NULL, &t});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_empty),        TEST(test_full_and_empty_again),
        TEST(test_collisions),   TEST(test_hashes_spread),
        TEST(test_voice_slots),  TEST(test_no_voice_is_left),
        TEST(test_ids_go_round), TEST(test_clients_that_listen_are_counted),
        TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
