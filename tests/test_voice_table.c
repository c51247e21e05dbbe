// SPDX-License-Identifier: MIT
// test_voice_table.c - the voices as control knows them: slots, ids of both kinds, and generations.
#include <stdio.h>
#include <string.h>

#include "engine/voice_table.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_SLOTS 64

static struct arena arena;
static struct voice_table table;

static int set_up(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 24) || voice_table_init(&table, arena_allocator(&arena), N_SLOTS);
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct voice_id number(int32_t n)
{
    return (struct voice_id){.number = n};
}

static struct voice_id text(const char *t)
{
    return (struct voice_id){.text = t, .number = -1};
}

/// An id that is drawn: the engine's, a number or a text of its own, in `name`.
static struct voice_id draw_id(uint64_t *seed, int i, char *name)
{
    snprintf(name, VOICE_NAME_BYTES, "%s%d", random_below(seed, 2) ? "" : "a voice with quite a long name ",
             i);
    switch (random_below(seed, 3)) {
    case 0: return number(-1);
    case 1: return number(i + 5000000);
    default: return text(name);
    }
}

static void check_books(const bool *used)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < N_SLOTS; i++) {
        n += used[i];
        assert_int_equal(table.entries[i].state != SLOT_FREE, used[i]);
        if (used[i]) assert_int_equal(voice_find(&table, voice_id_of(&table.entries[i])), i);
    }
    assert_int_equal(table.n_used, n);
}

static void release(uint32_t slot, bool *used)
{
    char name[VOICE_NAME_BYTES];
    struct voice_id id = voice_id_of(&table.entries[slot]);
    if (id.text) {
        snprintf(name, sizeof name, "%s", id.text);
        id.text = name;
    }
    voice_release(&table, slot);
    used[slot] = false;
    assert_int_equal(voice_find(&table, id), VOICE_NONE);
}

static void test_slots(void **state)
{
    (void)state;
    uint64_t seed = 3;
    bool used[N_SLOTS] = {false};
    uint32_t generations[N_SLOTS] = {0};
    for (int i = 0; i < 20000; i++) {
        char name[VOICE_NAME_BYTES];
        uint32_t slot = random_below(&seed, N_SLOTS);
        if (used[slot] && random_below(&seed, 100) < 60) {
            release(slot, used);
        } else {
            struct voice_id id = draw_id(&seed, i, name);
            bool is_full = table.n_used == N_SLOTS;
            slot = voice_acquire(&table, id);
            assert_int_equal(slot == VOICE_NONE, is_full);
            if (slot == VOICE_NONE) continue;
            const struct voice_entry *v = &table.entries[slot];
            assert_false(used[slot]);
            used[slot] = true;
            if (id.text) assert_string_equal(v->name, name);
            if (!id.text && id.number >= 0) assert_int_equal(v->number, id.number);
            if (!id.text && id.number < 0) assert_true(v->number >= FIRST_ENGINE_ID);
            assert_int_equal(v->state, SLOT_PENDING);
            assert_int_equal(v->next_pending, VOICE_NONE);
            assert_int_equal(v->generation, ++generations[slot]);
        }
        if (i % 16 == 0) check_books(used);
    }
}

static void test_none_is_left(void **state)
{
    (void)state;
    struct voice_table t;
    assert_int_equal(voice_table_init(&t, arena_allocator(&arena), 2), STATUS_OK);
    assert_int_equal(voice_acquire(&t, number(-1)), 0);
    assert_int_equal(voice_acquire(&t, text("x")), 1);
    assert_int_equal(t.n_refused, 0);
    assert_int_equal(voice_acquire(&t, number(-1)), VOICE_NONE);
    assert_int_equal(voice_acquire(&t, number(5)), VOICE_NONE);
    assert_int_equal(voice_acquire(&t, text("y")), VOICE_NONE);
    assert_int_equal(t.n_refused, 3);
    voice_release(&t, 0);
    assert_int_equal(voice_acquire(&t, number(5)), 0);
}

/// The engine's ids go round behind the largest and step over those that clients took.
static void test_numbers_go_round(void **state)
{
    (void)state;
    assert_int_not_equal(voice_acquire(&table, number(FIRST_ENGINE_ID)), VOICE_NONE);
    assert_int_not_equal(voice_acquire(&table, number(INT32_MAX - 1)), VOICE_NONE);
    table.next_id = INT32_MAX - 1;
    static const int32_t expected[] = {INT32_MAX, FIRST_ENGINE_ID + 1, FIRST_ENGINE_ID + 2};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        uint32_t slot = voice_acquire(&table, number(-1));
        assert_int_equal(table.entries[slot].number, expected[i]);
    }
    assert_int_equal(voice_find(&table, number(0)), VOICE_NONE);
    assert_int_not_equal(voice_acquire(&table, number(0)), VOICE_NONE);
    assert_int_not_equal(voice_find(&table, number(0)), VOICE_NONE);
}

static void test_numbers_and_texts_do_not_meet(void **state)
{
    (void)state;
    char shown[VOICE_NAME_BYTES], longest[VOICE_NAME_BYTES];
    uint32_t by_number = voice_acquire(&table, number(42)), by_text = voice_acquire(&table, text("42"));
    assert_int_equal(voice_find(&table, number(42)), by_number);
    assert_int_equal(voice_find(&table, text("42")), by_text);
    assert_string_equal(voice_id_text(number(42), shown), "42");
    assert_string_equal(voice_id_text(text("42"), shown), "42");
    voice_release(&table, by_number);
    assert_int_equal(voice_find(&table, number(42)), VOICE_NONE);
    assert_int_equal(voice_find(&table, text("42")), by_text);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    uint32_t slot = voice_acquire(&table, text(longest));
    assert_string_equal(table.entries[slot].name, longest);
    longest[sizeof longest - 2] = 0;
    assert_int_equal(voice_find(&table, text(longest)), VOICE_NONE);
}

static void test_clients_that_listen_are_counted(void **state)
{
    (void)state;
    struct client client = {.kind = CLIENT_UDP, .address_bytes = 16};
    for (uint32_t i = 0; i < 8; i++)
        voice_set_client(&table, voice_acquire(&table, number((int32_t)i)), &client, i % 2);
    assert_int_equal(table.n_notify, 4);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(table.entries[i].client.kind, CLIENT_UDP);
        voice_release(&table, voice_find(&table, number((int32_t)i)));
    }
    assert_int_equal(table.n_notify, 0);
    assert_int_equal(table.n_used, 0);
}

static enum status init_voices(void *object, struct allocator *a)
{
    return voice_table_init(object, a, 100);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct voice_table t;
    check_arena_sizes(&(struct arena_user){init_voices, NULL, &t});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slots),
        TEST(test_none_is_left),
        TEST(test_numbers_go_round),
        TEST(test_numbers_and_texts_do_not_meet),
        TEST(test_clients_that_listen_are_counted),
        TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
