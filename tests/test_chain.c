// SPDX-License-Identifier: MIT
// test_chain.c - the chain of backends: which one plays when some fail, hang, vanish and return.
#include "tests/chain_rig.h"

static void lose(enum backend_kind kind)
{
    struct fake *f = newest[kind];
    atomic_store(&f->base.lost, true);
    backend_tell(&f->base);
}

static void test_the_first_plays(void **state)
{
    (void)state;
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa, null");
    assert_string_equal(plays(), "jack");
    turn_for(100);
    assert_string_equal(plays(), "jack");
    assert_true(player->cycle.frames > 1000);
    assert_int_equal(n_opened[BACKEND_ALSA], 0);
    end();
    how[BACKEND_JACK] = FAILS;
    begin("jack, alsa, null");
    assert_string_equal(plays(), "alsa");
    end();
}

/// Frames go on at once, by the clock, and the next one of the chain takes over; then the best one again.
static void test_falls_and_returns(void **state)
{
    (void)state;
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa");
    turn_for(50);
    how[BACKEND_JACK] = FAILS;
    lose(BACKEND_JACK);
    turn();
    turn();
    assert_string_equal(plays(), "null");
    turn_until("alsa", 2000);
    assert_int_equal(chain.n_losses, 1);
    turn_for(300);
    assert_non_null(strstr(chain.entries[0].reason, "the test does not want it"));
    how[BACKEND_JACK] = WORKS;
    turn_until("jack", 6000);
    turn_for(100);
    assert_int_equal(n_open[BACKEND_ALSA], 0); // given free
    assert_true(chain.recovery_ns > 0);
    end();
}

static void test_attempts_back_off(void **state)
{
    (void)state;
    how[BACKEND_JACK] = WORKS;
    how[BACKEND_ALSA] = FAILS;
    begin("jack");
    turn_for(20);
    how[BACKEND_JACK] = FAILS;
    lose(BACKEND_JACK);
    int64_t pauses[8], n = 0, last_ns = 0;
    uint64_t start_ns = cycle_now_ns();
    while (ms_since(start_ns) < 2500 && n < 5) {
        int64_t before_ns = chain.entries[0].back_off_ns;
        turn();
        if (chain.entries[0].back_off_ns != before_ns) pauses[n++] = chain.entries[0].back_off_ns;
    }
    assert_in_range(n, 4, 5);
    for (int64_t i = 0; i < n; i++) {
        assert_true(pauses[i] >= 100000000 && pauses[i] <= 5000000000 && pauses[i] > last_ns);
        last_ns = pauses[i];
    }
    assert_true(chain_patience_ns(&chain, (int64_t)cycle_now_ns()) <= 100000000);
    end();
}

/// One that stands still is not closed: it goes on where it can.
static void test_stands_still(void **state)
{
    (void)state;
    how[BACKEND_JACK] = WORKS;
    begin("jack");
    turn_for(50);
    stands_still[BACKEND_JACK] = true;
    turn_until("null", 1000);
    assert_string_equal(chain_entry_state(&chain, &chain.entries[0]), "hangs");
    turn_for(400);
    assert_string_equal(plays(), "null");
    stands_still[BACKEND_JACK] = false;
    turn_until("jack", 3000);
    assert_int_equal(n_opened[BACKEND_JACK], 1);
    end();
}

/// An open() or close() that does not come back holds up neither the audio nor, for long, the others.
static void test_hangs(void **state)
{
    (void)state;
    how[BACKEND_JACK] = WORKS;
    how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa");
    turn_for(50);
    how[BACKEND_JACK] = HANGS_IN_CLOSE;
    lose(BACKEND_JACK);
    uint64_t frames = player->cycle.frames, start_ns = cycle_now_ns();
    turn_for(500);
    uint64_t passed = (player->cycle.frames - frames) * 1000 / 48000;
    assert_in_range(passed, ms_since(start_ns) - 100, ms_since(start_ns) + 100);
    assert_string_equal(plays(), "alsa");
    assert_string_equal(chain_entry_state(&chain, &chain.entries[0]), "closing");
    how[BACKEND_JACK] = HANGS_IN_OPEN; // the close comes to its end
    turn_for(500);
    assert_string_equal(chain_entry_state(&chain, &chain.entries[0]), "opening");
    how[BACKEND_ALSA] = WORKS;
    lose(BACKEND_ALSA);
    turn_for(100);
    assert_string_equal(plays(), "null");
    turn_until("alsa", 8000); // the job of the first counts as hung
    let_go = true;
    how[BACKEND_JACK] = WORKS;
    turn_until("jack", 8000);
    end();
}

/// The engine, the timer and whatever comes next go on at the rate of the one that plays.
static void test_another_rate_is_followed(void **state)
{
    (void)state;
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa");
    how[BACKEND_JACK] = OTHER_RATE;
    lose(BACKEND_JACK);
    turn_until("alsa", 3000);
    assert_int_equal(chain_rate(&chain), 48000);
    turn_until("jack", 3000);
    assert_int_equal(chain_rate(&chain), 44100);
    assert_int_equal(player->engine.clock.rate, 44100);
    assert_int_equal(player->engine.mixer.voices.rate, 44100);
    assert_int_equal(chain.timer->backend->rate, 44100);
    how[BACKEND_JACK] = FAILS;
    how[BACKEND_ALSA] = FAILS;
    lose(BACKEND_JACK);
    turn_until("null", 3000);
    uint64_t start_ns = cycle_now_ns(), frames = player->cycle.frames;
    turn_for(500);
    double seconds = (double)(cycle_now_ns() - start_ns) * 1e-9;
    assert_in_range(player->cycle.frames - frames, (uint64_t)(44100 * (seconds - 0.1)),
                    (uint64_t)(44100 * (seconds + 0.1)));
    how[BACKEND_ALSA] = WORKS;
    turn_until("alsa", 6000);
    assert_int_equal(chain.config.rate, 48000);
    assert_int_equal(chain.n_rate_changes, 2);
    end();
}

/// PipeWire does that.
static void test_a_rate_changes_while_it_plays(void **state)
{
    (void)state;
    how[BACKEND_JACK] = WORKS;
    begin("jack");
    turn_for(50);
    atomic_store(&newest[BACKEND_JACK]->base.next_rate, 96000);
    turn_for(50);
    assert_string_equal(plays(), "jack");
    assert_int_equal(chain_rate(&chain), 96000);
    assert_int_equal(player->engine.clock.rate, 96000);
    assert_int_equal(newest[BACKEND_JACK]->base.rate, 96000);
    assert_int_equal(n_opened[BACKEND_JACK], 1);
    assert_int_equal(chain.n_losses, 0);
    end();
}

static void test_an_impossible_rate_is_refused(void **state)
{
    (void)state;
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa");
    how[BACKEND_JACK] = BAD_RATE;
    lose(BACKEND_JACK);
    turn_until("alsa", 3000);
    turn_for(400);
    assert_string_equal(plays(), "alsa");
    assert_non_null(strstr(chain.entries[0].reason, "384000 Hz"));
    end();
}

static void test_switches_by_hand(void **state)
{
    (void)state;
    char reason[BACKEND_REASON_BYTES];
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack");
    for (uint32_t round = 0; round < 10; round++) {
        assert_int_equal(chain_ask(&chain, "null", reason), STATUS_OK);
        assert_int_equal(chain_ask(&chain, "jack", reason), STATUS_BUSY);
        turn_until("null", 2000);
        turn();
        assert_int_equal(chain.request, REQUEST_DONE);
        assert_int_equal(chain_ask(&chain, "jack", reason), STATUS_OK);
        turn_until("jack", 2000);
        turn();
    }
    // One that is not in the list, and one that does not work: what plays goes on.
    assert_int_equal(chain_ask(&chain, "alsa:hw:7", reason), STATUS_OK);
    turn_until("alsa:hw:7", 2000);
    turn_for(50);
    assert_string_equal(plays(), "alsa:hw:7");
    how[BACKEND_JACK] = FAILS;
    assert_int_equal(chain_ask(&chain, "jack", reason), STATUS_OK);
    turn_for(100);
    assert_int_equal(chain.request, REQUEST_FAILED);
    assert_string_equal(plays(), "alsa:hw:7");
    how[BACKEND_JACK] = WORKS;
    assert_int_equal(chain_ask(&chain, "auto", reason), STATUS_OK);
    turn_until("jack", 6000);
    assert_int_equal(chain_ask(&chain, "drums", reason), STATUS_BAD_FORMAT);
    end();
}

static void test_changes_are_looked_at(void **state)
{
    (void)state;
    how[BACKEND_JACK] = WORKS;
    begin("jack");
    atomic_store(&newest[BACKEND_JACK]->base.has_changed, true);
    turn_for(300);
    assert_int_equal(n_looks, 0); // not settled yet
    turn_for(500);
    assert_int_equal(n_looks, 1);
    end();
}

/// Comes and goes at random for a while: no two threads in the engine, nothing left open.
static void test_all_at_once(void **state)
{
    (void)state;
    uint32_t seed = 1;
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa, null");
    uint64_t start_ns = cycle_now_ns();
    while (ms_since(start_ns) < 4000) {
        seed = seed * 1664525 + 1013904223;
        enum backend_kind kind = seed >> 30 & 1 ? BACKEND_JACK : BACKEND_ALSA;
        how[kind] = seed >> 28 & 1 ? WORKS : FAILS;
        stands_still[kind] = (seed >> 25 & 7) == 0;
        const struct backend *b = chain_backend(&chain);
        if (b->ops != &backend_null && (seed >> 20 & 3) == 0) {
            atomic_store(&chain.current->backend->lost, true);
            backend_tell(chain.current->backend);
        }
        turn_for(seed >> 16 & 31);
    }
    assert_true(player->cycle.frames > 48000);
    end();
}

/// A helper opens the first of the list, and has not come back.
static struct chain_entry *begin_opening(void)
{
    how[BACKEND_JACK] = FAILS;
    how[BACKEND_ALSA] = WORKS;
    begin("jack, alsa");
    how[BACKEND_JACK] = HANGS_IN_OPEN;
    while (chain.entries[0].state != ENTRY_OPENING)
        turn();
    return &chain.entries[0];
}

static void expect_all_closed(void)
{
    assert_true(chain_stop(&chain)); // or its audio thread would run on without an engine
    assert_int_equal(n_opened[BACKEND_JACK], 1);
    assert_int_equal(n_open[BACKEND_JACK], 0);
    leave();
}

static void test_stops_before_what_was_opened_is_taken(void **state)
{
    (void)state;
    const struct chain_entry *e = begin_opening();
    how[BACKEND_JACK] = WORKS;
    while (!atomic_load(&e->is_done))
        sleep_ms(1);
    expect_all_closed();
}

static void *come_back(void *argument)
{
    (void)argument;
    sleep_ms(100);
    how[BACKEND_JACK] = WORKS;
    return NULL;
}

static void test_stops_while_one_is_opened(void **state)
{
    (void)state;
    pthread_t thread;
    (void)begin_opening();
    assert_int_equal(pthread_create(&thread, NULL, come_back, NULL), 0);
    expect_all_closed();
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_plays),
        cmocka_unit_test(test_falls_and_returns),
        cmocka_unit_test(test_attempts_back_off),
        cmocka_unit_test(test_stands_still),
        cmocka_unit_test(test_hangs),
        cmocka_unit_test(test_another_rate_is_followed),
        cmocka_unit_test(test_a_rate_changes_while_it_plays),
        cmocka_unit_test(test_an_impossible_rate_is_refused),
        cmocka_unit_test(test_switches_by_hand),
        cmocka_unit_test(test_changes_are_looked_at),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_stops_before_what_was_opened_is_taken),
        cmocka_unit_test(test_stops_while_one_is_opened),
    };
    return cmocka_run_group_tests(tests, player_set_up, player_tear_down);
}
