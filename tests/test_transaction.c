// SPDX-License-Identifier: MIT
// test_transaction.c - packets through the whole engine: all of their messages or none, also when they wait
// for sounds.
#include "engine/handlers.h"
#include "tests/offline_rig.h"
#include "tests/random.h"

// ---- all or none ----

static void test_a_bundle_is_done_whole(void **state)
{
    (void)state;
    begin(OSC_NOW);
    add("/bus/new", "s", "music");
    add("/play", "ssisssi", "step", "id", 1, "bus", "music", "notify", 1);
    add("/voice/set", "isf", 1, "gain", -6.0);
    add("/voice/set", "isf", 1, "pan", -1.0);
    assert_int_equal(handle(), API_OK);
    struct books b = read_books();
    assert_int_equal(b.n_voices, 1);
    assert_int_equal(b.n_voices_of_step, 1);
    assert_int_equal(b.n_buses, 2);
    assert_int_equal(b.n_commands, 4); // with the tree of buses
    render(N_FRAMES);
    assert_int_equal(onset(), 0);
}

/// Good messages in any number and order, a bad one among them.
static void test_whatever_was_done_is_undone(void **state)
{
    (void)state;
    uint64_t seed = 5;
    send_one("/play", "ssi", "step", "id", 100);
    send_one("/play", "ssisi", "step", "id", 101, "loop", 1);
    render(64);
    for (int i = 0; i < 3000; i++) {
        struct books before = read_books();
        uint32_t n = 1 + random_below(&seed, 12), bad = random_below(&seed, n);
        char name[16];
        begin(OSC_NOW);
        for (uint32_t k = 0; k < n; k++) {
            snprintf(name, sizeof name, "bus%u", k);
            if (k == bad) {
                add("/voice/set", "isf", 99, "gain", 0.0);
                continue;
            }
            switch (random_below(&seed, 9)) {
            case 0: add("/play", "ssisi", "step", "id", (int)k, "notify", 1); break;
            case 1: add("/play", "ssf", "step", "at", 1.0); break;
            case 2: add("/voice/set", "isfsf", 100, "gain", -1.0, "at", 2.0); break;
            case 3: add("/bus/new", "s", name); break;
            case 4: add("/bus/set", "ssfsi", "master", "gain", -3.0, "mute", 1); break;
            case 5: add("/stop", "s", "all"); break;
            case 6: add("/seek", "if", 101, 0.01); break;
            case 7: add("/quit", ""); break;
            case 8: add("/clear", "s", "all"); break;
            }
        }
        assert_int_not_equal(handle(), API_OK);
        assert_books(&before);
        assert_false(engine.control.quit);
    }
    // What was undone is there for others.
    for (int i = 0; i < 14; i++)
        assert_int_equal(send_one("/play", "ssi", "step", "id", i), API_OK);
    assert_int_equal(engine.control.voices.n_used, 16);
}

static void test_the_first_bad_message_is_told(void **state)
{
    (void)state;
    begin(OSC_NOW);
    add("/ping", "");
    add("/voice/set", "isf", 99, "gain", 0.0);
    add("/nonsense", "");
    uint64_t n_before = engine.control.replies.n_errors;
    assert_int_equal(handle(), API_UNKNOWN_VOICE);
    assert_int_equal(engine.control.transaction.bad_call, 1);
    assert_int_equal(engine.control.replies.n_errors, n_before + 3); // each is answered
}

static void test_roles(void **state)
{
    (void)state;
    struct books before = read_books();
    role = ROLE_READ;
    assert_int_equal(send_one("/play", "s", "step"), API_FORBIDDEN);
    assert_int_equal(send_one("/ping", ""), API_OK);
    begin(OSC_NOW);
    add("/ping", "");
    add("/bus/new", "s", "mine");
    assert_int_equal(handle(), API_FORBIDDEN);
    role = ROLE_PLAY;
    assert_int_equal(send_one("/quit", ""), API_FORBIDDEN);
    assert_false(engine.control.quit);
    assert_books(&before);
    assert_int_equal(send_one("/play", "s", "step"), API_OK);
}

static void test_more_than_a_packet_may_ask_for(void **state)
{
    (void)state;
    begin(OSC_NOW);
    for (int i = 0; i < 4000; i++)
        add("/ping", "");
    assert_int_equal(handle(), API_OK);
    begin(OSC_NOW);
    for (int i = 0; i < 5000; i++) { // without type tags, as they are shorter
        size_t at = build_begin(&packet);
        build_text(&packet, "/?i*"); // ping and time
        build_end(&packet, at);
    }
    assert_int_equal(handle(), API_REFUSED);
    assert_int_equal(engine.control.transaction.bad_call, MAX_CALLS - 1);
}

static void test_more_commands_than_the_queue_has_room_for(void **state)
{
    (void)state;
    send_one("/play", "ssi", "step", "id", 1);
    render(64);
    struct books before = read_books();
    for (int n = 64; n <= 65; n++) {
        begin(OSC_NOW);
        for (int i = 0; i < n; i++)
            add("/seek", "if", 1, 0.0);
        assert_int_equal(handle(), n == 64 ? API_OK : API_FULL);
        if (n == 64) render(64);
        assert_books(&before);
    }
}

/// What is done last has its room in the queue kept, wherever in the bundle it stands.
static void test_room_for_what_is_done_last(void **state)
{
    (void)state;
    send_one("/play", "ssi", "step", "id", 1);
    render(64);
    struct books before = read_books();
    engine.control.is_offline = false; // nobody empties the queue meanwhile
    for (int i = 0; i < 3; i++) {
        int n = i == 2 ? 63 : 64;
        begin(OSC_NOW);
        if (i != 1) add("/sound/unload", "ssf", "step", "fade", 0.0);
        for (int k = 0; k < n; k++)
            add("/seek", "if", 1, 0.0);
        if (i == 1) add("/sound/unload", "ssf", "step", "fade", 0.0);
        assert_int_equal(handle(), i == 2 ? API_OK : API_FULL);
        if (i < 2) {
            assert_int_equal(engine.control.transaction.bad_call, 64);
            assert_books(&before);
        }
    }
    assert_int_equal(queue_used(&engine.rt.commands), 64);
    assert_int_equal(sound_find(&engine.control.sounds, "step"), SOUND_NONE);
    engine.control.is_offline = true;
}

// ---- packets that wait for sounds ----

static void test_a_bundle_waits_for_its_loads(void **state)
{
    (void)state;
    char b[64], c[64];
    path_of(b, "b.wav");
    path_of(c, "c.wav");
    begin(OSC_NOW);
    add("/play", "ssi", b, "id", 1);
    add("/voice/set", "isf", 1, "gain", -6.0);
    add("/play", "ssi", c, "id", 2);
    assert_int_equal(handle(), API_OK);
    assert_int_equal(engine.control.holds.n_used, 1);
    assert_int_equal(engine.control.voices.n_used, 0);
    assert_int_equal(engine.control.sounds.n_under_way, 2); // both at once
    settle();
    assert_int_equal(engine.control.holds.n_used, 0);
    assert_int_equal(engine.control.voices.n_used, 2);
    render(N_FRAMES);
    assert_int_equal(onset(), 0);
}

static void test_a_load_and_what_plays_it(void **state)
{
    (void)state;
    char b[64];
    path_of(b, "b.wav");
    begin(OSC_NOW);
    add("/sound/load", "ss", "new", b);
    add("/play", "ssi", "new", "id", 1);
    assert_int_equal(handle(), API_OK);
    assert_int_equal(engine.control.sounds.n_under_way, 1);
    settle();
    assert_int_equal(engine.control.holds.n_used, 0);
    assert_int_equal(engine.control.voices.n_used, 1);
    assert_int_equal(engine.control.sounds.n_loads, 2); // "step", and this one once
}

static void test_a_load_of_a_refused_bundle_is_dropped(void **state)
{
    (void)state;
    char b[64];
    path_of(b, "b.wav");
    begin(OSC_NOW);
    add("/sound/load", "ss", "new", b);
    add("/seek", "if", 99, 0.0);
    assert_int_equal(handle(), API_UNKNOWN_VOICE);
    settle();
    assert_int_equal(sound_find(&engine.control.sounds, "new"), SOUND_NONE);
    assert_int_equal(engine.control.sounds.n_free, 2);
}

static void test_a_load_that_fails_refuses_the_bundle(void **state)
{
    (void)state;
    struct books before = read_books();
    begin(OSC_NOW);
    add("/play", "ssi", "step", "id", 1);
    add("/play", "ssi", "/no/such/file.wav", "id", 2);
    assert_int_equal(handle(), API_OK);
    assert_int_equal(engine.control.holds.n_used, 1);
    settle();
    assert_int_equal(engine.control.transaction.error, API_NOT_FOUND);
    assert_int_equal(engine.control.transaction.bad_call, 1);
    assert_int_equal(engine.control.holds.n_used, 0);
    assert_books(&before);
}

/// There are three places for sounds, and one of them is taken.
static void test_more_sounds_than_there_is_room_for(void **state)
{
    (void)state;
    static const char *const names[] = {"b.wav", "c.wav", "d.wav"};
    struct books before = read_books();
    begin(OSC_NOW);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[64];
        path_of(path, names[i]);
        add("/play", "s", path);
    }
    assert_int_equal(handle(), API_OK);
    settle();
    assert_int_equal(engine.control.transaction.error, API_REFUSED);
    assert_int_equal(engine.control.holds.n_used, 0);
    assert_books(&before);
}

/// What it waits for is unloaded as often as it has been loaded.
static void test_a_bundle_is_not_tried_for_ever(void **state)
{
    (void)state;
    struct control *c = &engine.control;
    char b[64];
    path_of(b, "b.wav");
    struct books before = read_books();
    begin(OSC_NOW);
    add("/play", "s", b);
    add("/ping", "");
    assert_int_equal(handle(), API_OK);
    for (int i = 0; i < MAX_TRIES; i++) {
        struct job_result result;
        assert_int_equal(c->holds.n_used, 1);
        while (!worker_pop(&c->worker, &result))
            usleep(1000);
        finish_load(c, result.token, result.load);
        sound_unlist(&c->sounds, sound_find(&c->sounds, b));
        control_retry_holds(c);
    }
    assert_int_equal(c->holds.n_used, 0);
    assert_int_equal(c->transaction.error, API_REFUSED);
    assert_int_equal(c->transaction.bad_call, 0);
    settle();
    assert_books(&before);
}

static void test_a_sync_waits_for_what_is_held(void **state)
{
    (void)state;
    char b[64];
    path_of(b, "b.wav");
    begin(OSC_NOW);
    add("/play", "s", b);
    add("/ping", "");
    handle();
    send_one("/sync", "i", 7);
    assert_int_equal(engine.control.syncs.next_to_push, engine.control.syncs.first);
    settle();
    assert_int_equal(engine.control.voices.n_used, 1);
    assert_int_equal(engine.control.syncs.next_to_push, engine.control.syncs.end);
    // Behind the commands of the bundle.
    render(0);
    assert_int_equal(engine.control.syncs.first, engine.control.syncs.end);
    assert_int_equal(engine.rt.mixer.voices.n_active, 1);
}

static void test_what_is_scheduled_waits_for_its_load(void **state)
{
    (void)state;
    char b[64];
    path_of(b, "b.wav");
    assert_int_equal(send_one("/play", "ssf", b, "at", 0.01), API_OK);
    assert_int_equal(engine.control.holds.n_used, 1);
    settle();
    assert_int_equal(engine.control.book.n_used, 1);
    render(N_FRAMES);
    assert_int_equal(onset(), 480);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_bundle_is_done_whole),
        TEST(test_whatever_was_done_is_undone),
        TEST(test_the_first_bad_message_is_told),
        TEST(test_roles),
        TEST(test_more_than_a_packet_may_ask_for),
        TEST(test_more_commands_than_the_queue_has_room_for),
        TEST(test_room_for_what_is_done_last),
        TEST(test_a_bundle_waits_for_its_loads),
        TEST(test_a_load_and_what_plays_it),
        TEST(test_a_load_of_a_refused_bundle_is_dropped),
        TEST(test_a_load_that_fails_refuses_the_bundle),
        TEST(test_more_sounds_than_there_is_room_for),
        TEST(test_a_bundle_is_not_tried_for_ever),
        TEST(test_a_sync_waits_for_what_is_held),
        TEST(test_what_is_scheduled_waits_for_its_load),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
