// SPDX-License-Identifier: MIT
// test_chain.c - the chain of backends, on backends that fail, hang, vanish and return on command.
#include "engine/backends/chain.h"
#include "engine/backends/planes.h"
#include "tests/player.h"

// These take the place of pick.c: jack and alsa are backends that obey the test, null is the real one.

enum how { FAILS, IS_BUSY, WORKS, HANGS_IN_OPEN, HANGS_IN_CLOSE, OTHER_RATE, BAD_RATE };

struct fake {
    struct backend base;
    struct planes planes;
    pthread_t thread;
    _Atomic bool stopping;
    bool started;
};

static _Atomic enum how how[N_BACKEND_KINDS];
static _Atomic bool stands_still[N_BACKEND_KINDS], let_go;
static _Atomic uint32_t n_open[N_BACKEND_KINDS], n_opened[N_BACKEND_KINDS], n_in_cycle, n_together, n_looks;
static struct fake *_Atomic newest[N_BACKEND_KINDS];

static const struct backend_ops fake_jack, fake_alsa;

void chimed_rt_enter(void)
{
    if (atomic_fetch_add(&n_in_cycle, 1) > 0) atomic_fetch_add(&n_together, 1);
}

void chimed_rt_leave(void)
{
    atomic_fetch_sub(&n_in_cycle, 1);
}

static enum backend_kind kind_of(const struct backend *b)
{
    return b->ops == &fake_jack ? BACKEND_JACK : BACKEND_ALSA;
}

static void *fake_run(void *argument)
{
    struct fake *f = argument;
    while (!atomic_load(&f->stopping)) {
        if (!atomic_load(&stands_still[kind_of(&f->base)])) backend_cycle(&f->base, f->planes.plane, 64);
        nanosleep(&(struct timespec){.tv_nsec = 1300000}, NULL);
    }
    return NULL;
}

static enum status fake_open(enum backend_kind kind, const struct backend_ops *ops,
                             const struct config *config, struct backend **backend, char *reason)
{
    while (how[kind] == HANGS_IN_OPEN && !let_go)
        sleep_ms(1);
    snprintf(reason, BACKEND_REASON_BYTES, "the test does not want it");
    if (how[kind] == IS_BUSY && n_open[kind] > 0) return STATUS_BUSY; // one program at a time, as hw: has it
    if (how[kind] == FAILS || how[kind] == HANGS_IN_OPEN) return STATUS_NOT_FOUND;
    struct fake *f = backend_make(sizeof *f);
    assert_non_null(f);
    assert_int_equal(planes_init(&f->planes, &f->base.memory, config->channels, 64), STATUS_OK);
    f->base.ops = ops;
    f->base.config = config;
    f->base.rate = how[kind] == OTHER_RATE ? 44100 : how[kind] == BAD_RATE ? 384000 : 48000;
    f->base.n_channels = config->channels;
    f->base.period_frames = 64;
    newest[kind] = f;
    n_open[kind]++;
    n_opened[kind]++;
    *backend = &f->base;
    return STATUS_OK;
}

static enum status jack_open(const struct config *config, const char *target, struct backend **b,
                             char *reason)
{
    (void)target;
    return fake_open(BACKEND_JACK, &fake_jack, config, b, reason);
}

static enum status alsa_open(const struct config *config, const char *target, struct backend **b,
                             char *reason)
{
    (void)target;
    return fake_open(BACKEND_ALSA, &fake_alsa, config, b, reason);
}

static enum status fake_start(struct backend *b, struct cycle *cycle, char *reason)
{
    struct fake *f = (struct fake *)b;
    (void)reason;
    b->cycle = cycle;
    f->started = true;
    return backend_thread_start(&f->thread, fake_run, f);
}

static void fake_stop(struct backend *b)
{
    struct fake *f = (struct fake *)b;
    if (!f->started) return;
    atomic_store(&f->stopping, true);
    pthread_join(f->thread, NULL);
    f->started = false;
}

static void fake_close(struct backend *b)
{
    while (how[kind_of(b)] == HANGS_IN_CLOSE && !let_go)
        sleep_ms(1);
    fake_stop(b);
    n_open[kind_of(b)]--;
    planes_fini(&((struct fake *)b)->planes);
    backend_unmake(b, sizeof(struct fake));
}

static void fake_look(struct backend *b)
{
    (void)b;
    n_looks++;
}

static void fake_describe(const struct backend *b, char *text, uint32_t size)
{
    (void)b;
    snprintf(text, size, "of the test");
}

static const struct backend_ops fake_jack = {.name = "jack",
                                             .open = jack_open,
                                             .start = fake_start,
                                             .stop = fake_stop,
                                             .close = fake_close,
                                             .look = fake_look,
                                             .describe = fake_describe};
static const struct backend_ops fake_alsa = {.name = "alsa",
                                             .open = alsa_open,
                                             .start = fake_start,
                                             .stop = fake_stop,
                                             .close = fake_close,
                                             .describe = fake_describe};

const struct backend_ops *backend_ops_of(enum backend_kind kind)
{
    return kind == BACKEND_JACK ? &fake_jack : kind == BACKEND_ALSA ? &fake_alsa : &backend_null;
}

enum status backend_open(const struct backend_choice *choice, const struct config *config, struct backend **b,
                         char *reason)
{
    return backend_ops_of(choice->kind)->open(config, choice->target, b, reason);
}

enum status backend_pick(const struct backend_list *list, const struct config *config, uint32_t *index,
                         struct backend **b, char *reason)
{
    enum status status = STATUS_NOT_FOUND;
    for (*index = 0; *index < list->n && status; ++*index)
        status = backend_open(&list->choices[*index], config, b, reason);
    --*index;
    return status;
}

// ---- a chain that is turned as the daemon does it ----

static struct chain chain;
static struct player *player;
static uint64_t frames_before;

static void turn(void)
{
    chain_turn(&chain, (int64_t)cycle_now_ns());
    assert_true(player->cycle.frames >= frames_before);
    frames_before = player->cycle.frames;
    sleep_ms(1);
}

static const char *plays(void)
{
    return chain.current->choice.word;
}

static void turn_until(const char *word, uint64_t most_ms)
{
    uint64_t start_ns = cycle_now_ns();
    while (strcmp(plays(), word) != 0 || chain.next) {
        if (ms_since(start_ns) > most_ms) fail_msg("%s plays, not %s", plays(), word);
        turn();
    }
}

static void turn_for(uint64_t ms)
{
    uint64_t start_ns = cycle_now_ns();
    while (ms_since(start_ns) < ms)
        turn();
}

static void begin(const char *list)
{
    char reason[BACKEND_REASON_BYTES];
    struct config config = make_config("", "");
    snprintf(config.backend, sizeof config.backend, "%s", list);
    player = player_new(2);
    frames_before = 0;
    let_go = false;
    for (uint32_t i = 0; i < N_BACKEND_KINDS; i++) {
        n_opened[i] = 0;
        stands_still[i] = false;
    }
    n_looks = n_together = n_in_cycle = 0;
    n_open[BACKEND_JACK] = n_open[BACKEND_ALSA] = 0;
    if (chain_open(&chain, &config, reason)) fail_msg("%s", reason);
    assert_int_equal(chain_start(&chain, &player->cycle, reason), STATUS_OK);
}

static void end(void)
{
    let_go = true;
    chain_stop(&chain);
    for (uint32_t i = 0; i < N_BACKEND_KINDS; i++)
        assert_int_equal(n_open[i], 0);
    assert_int_equal(n_together, 0); // never two threads in the engine
    assert_int_equal(n_in_cycle, 0);
    player_free(player);
}

static void lose(enum backend_kind kind)
{
    struct fake *f = newest[kind];
    atomic_store(&f->base.lost, true);
    backend_tell(&f->base);
}

// ---- the tests ----

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

// ---- another configuration ----

static struct config configuration;

static enum status reconfigure(const char *list, const char *device, uint32_t period)
{
    char reason[BACKEND_REASON_BYTES];
    configuration = make_config("", "");
    snprintf(configuration.backend, sizeof configuration.backend, "%s", list);
    snprintf(configuration.device, sizeof configuration.device, "%s", device);
    configuration.period = period;
    return chain_reconfigure(&chain, &configuration, reason);
}

static const char *order(void)
{
    static char text[256];
    const struct chain_entry *entries[CHAIN_MAX_ENTRIES];
    struct strbuf s = strbuf_make(text, sizeof text);
    uint32_t n = chain_order(&chain, entries);
    for (uint32_t i = 0; i < n; i++)
        strbuf_format(&s, "%s%s", i > 0 ? " " : "", entries[i]->choice.word);
    return text;
}

static void expect_order(const char *words)
{
    assert_string_equal(order(), words);
}

static void turn_until_order(const char *words)
{
    uint64_t start_ns = cycle_now_ns();
    while (strcmp(order(), words) != 0) {
        if (ms_since(start_ns) > 3000) fail_msg("%s, not %s", order(), words);
        turn();
    }
}

static void test_what_plays_goes_on_in_another_list(void **state)
{
    (void)state;
    how[BACKEND_JACK] = FAILS;
    how[BACKEND_ALSA] = WORKS;
    begin("jack,alsa,null");
    assert_string_equal(plays(), "alsa");
    const struct backend *before = chain_backend(&chain);
    assert_int_equal(reconfigure("alsa,jack", "", chain.config.period), STATUS_OK);
    expect_order("alsa jack null");
    turn_for(100);
    assert_ptr_equal(chain_backend(&chain), before); // and nothing was opened
    assert_int_equal(n_opened[BACKEND_ALSA], 1);
    assert_string_equal(chain_best(&chain)->choice.word, "alsa");
    assert_int_equal(reconfigure("jack:other,alsa,jack,null", "", chain.config.period), STATUS_OK);
    expect_order("jack:other alsa jack null");
    how[BACKEND_JACK] = WORKS;
    turn_until("jack:other", 3000);
    // No list at all changes nothing.
    assert_int_equal(reconfigure("pulse", "", chain.config.period), STATUS_BAD_FORMAT);
    expect_order("jack:other alsa jack null");
    assert_int_equal(chain.n_losses, 0);
    end();
}

static void test_one_that_is_gone_from_the_list_is_let_go(void **state)
{
    (void)state;
    how[BACKEND_JACK] = FAILS;
    how[BACKEND_ALSA] = WORKS;
    begin("alsa,null");
    assert_int_equal(reconfigure("jack", "", chain.config.period), STATUS_OK); // which is not there
    turn_until("null", 3000);
    turn_until_order("jack null");
    assert_int_equal(n_open[BACKEND_ALSA], 0);
    how[BACKEND_JACK] = WORKS;
    turn_until("jack", 3000);
    assert_int_equal(reconfigure("null,jack", "", chain.config.period),
                     STATUS_OK); // the timer is what is wanted
    turn_until("null", 3000);
    while (n_open[BACKEND_JACK] > 0)
        turn();
    assert_int_equal(chain.n_losses, 0);
    end();
}

static void test_a_device_is_opened_anew_beside_the_old_one(void **state)
{
    (void)state;
    how[BACKEND_ALSA] = WORKS;
    begin("alsa");
    const struct backend *before = chain_backend(&chain);
    assert_int_equal(reconfigure("alsa", "hw:1", chain.config.period), STATUS_OK);
    while (chain_backend(&chain) == before) {
        assert_string_equal(plays(), "alsa"); // never the timer
        turn();
    }
    assert_string_equal(chain.current->config.device, "hw:1");
    turn_until_order("alsa null"); // the old one is closed
    assert_int_equal(n_open[BACKEND_ALSA], 1);
    end();
}

static void test_a_device_that_is_needed_is_given_up_for_a_moment(void **state)
{
    (void)state;
    how[BACKEND_ALSA] = WORKS;
    begin("alsa");
    how[BACKEND_ALSA] = IS_BUSY;
    uint32_t period = 2 * chain.config.period;
    assert_int_equal(reconfigure("alsa", chain.config.device, period), STATUS_OK);
    turn_until("null", 3000);
    assert_int_equal(chain_backend(&chain)->period_frames, period); // the timer takes it, too
    turn_until("alsa", 3000);
    assert_int_equal(chain.current->config.period, period);
    assert_int_equal(n_opened[BACKEND_ALSA], 2);
    assert_int_equal(chain.n_losses, 0);
    end();
}

static void test_a_wrong_device_does_not_end_the_right_one(void **state)
{
    (void)state;
    how[BACKEND_ALSA] = WORKS;
    begin("alsa,null");
    how[BACKEND_ALSA] = FAILS;
    const struct backend *before = chain_backend(&chain);
    assert_int_equal(reconfigure("alsa,null", "hw:wrong", chain.config.period), STATUS_OK);
    turn_for(500);
    assert_ptr_equal(chain_backend(&chain), before);
    assert_string_equal(chain_best(&chain)->reason, "the test does not want it");
    // Neither does another one, again and again; what is not wanted any more makes room.
    for (int i = 0; i < 3 * CHAIN_MAX_ENTRIES; i++) {
        char device[32];
        snprintf(device, sizeof device, "hw:%d", i);
        assert_int_equal(reconfigure("alsa,null", device, chain.config.period), STATUS_OK);
        turn_for(20);
    }
    assert_ptr_equal(chain_backend(&chain), before);
    how[BACKEND_ALSA] = WORKS;
    while (chain_backend(&chain) == before)
        turn();
    assert_string_equal(plays(), "alsa");
    end();
}

static void test_what_was_asked_for_stays(void **state)
{
    (void)state;
    char reason[BACKEND_REASON_BYTES];
    how[BACKEND_JACK] = how[BACKEND_ALSA] = WORKS;
    begin("jack,alsa,null");
    assert_int_equal(chain_ask(&chain, "alsa", reason), STATUS_OK);
    turn_until("alsa", 3000);
    assert_int_equal(reconfigure("jack,null", "", chain.config.period), STATUS_OK);
    turn_for(200);
    assert_string_equal(plays(), "alsa");
    assert_int_equal(chain_ask(&chain, "auto", reason), STATUS_OK);
    turn_until("jack", 3000);
    end();
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
        cmocka_unit_test(test_what_plays_goes_on_in_another_list),
        cmocka_unit_test(test_one_that_is_gone_from_the_list_is_let_go),
        cmocka_unit_test(test_a_device_is_opened_anew_beside_the_old_one),
        cmocka_unit_test(test_a_device_that_is_needed_is_given_up_for_a_moment),
        cmocka_unit_test(test_a_wrong_device_does_not_end_the_right_one),
        cmocka_unit_test(test_what_was_asked_for_stays),
    };
    return cmocka_run_group_tests(tests, player_set_up, player_tear_down);
}
