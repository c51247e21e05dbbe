// SPDX-License-Identifier: MIT
// test_chain_list.c - the chain of backends takes another list and other settings while it plays.
#include "tests/chain_rig.h"

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

static void turn_until_period(uint32_t period)
{
    uint64_t start_ns = cycle_now_ns();
    while (strcmp(plays(), "alsa") != 0 || chain.current->config.period != period) {
        if (ms_since(start_ns) > 3000) fail_msg("%s plays, period %u", plays(), chain.current->config.period);
        turn();
    }
}

/// A device that is given up for settings that it refuses plays again with those that it had.
static void test_refused_settings_bring_the_old_ones_back(void **state)
{
    (void)state;
    how[BACKEND_ALSA] = WORKS;
    begin("alsa,null");
    how[BACKEND_ALSA] = IS_CHOOSY;
    for (uint32_t round = 1; round < 4; round++) { // another refusal is no other thing
        assert_int_equal(reconfigure("alsa,null", chain.config.device, 64u << round), STATUS_OK);
        turn_until("null", 3000);
        turn_until_period(64);
        assert_string_equal(chain_best(&chain)->reason, "the test does not want it");
        assert_true(chain.current != chain_best(&chain));
        uint32_t n = n_opened[BACKEND_ALSA];
        turn_for(500);
        assert_true(strcmp(plays(), "alsa") == 0 && n_opened[BACKEND_ALSA] == n); // it stays so
    }
    // The old settings are what is wanted again: nothing happens.
    const struct backend *before = chain_backend(&chain);
    assert_int_equal(reconfigure("alsa,null", chain.config.device, 64), STATUS_OK);
    turn_for(200);
    assert_ptr_equal(chain_backend(&chain), before);
    assert_ptr_equal(chain.current, chain_best(&chain));
    // Others that are not refused take over, and there is nothing to fall back on any more.
    how[BACKEND_ALSA] = IS_BUSY;
    assert_int_equal(reconfigure("alsa,null", chain.config.device, 512), STATUS_OK);
    turn_until("null", 3000);
    turn_until_period(512);
    turn_until_order("alsa null");
    assert_int_equal(n_open[BACKEND_ALSA], 1);
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
        cmocka_unit_test(test_what_plays_goes_on_in_another_list),
        cmocka_unit_test(test_one_that_is_gone_from_the_list_is_let_go),
        cmocka_unit_test(test_a_device_is_opened_anew_beside_the_old_one),
        cmocka_unit_test(test_a_device_that_is_needed_is_given_up_for_a_moment),
        cmocka_unit_test(test_refused_settings_bring_the_old_ones_back),
        cmocka_unit_test(test_a_wrong_device_does_not_end_the_right_one),
        cmocka_unit_test(test_what_was_asked_for_stays),
    };
    return cmocka_run_group_tests(tests, player_set_up, player_tear_down);
}
