// SPDX-License-Identifier: MIT
// test_health.c - verdicts on how the daemon is, and storms of xruns.
#include <string.h>

#include "engine/health.h"
#include "engine/storm.h"
#include "tests/check.h"

#define MS INT64_C(1000000)

static struct signs good(void)
{
    return (struct signs){.backend = "jack", .wanted = "jack", .reason = ""};
}

static void expect(struct signs s, enum verdict verdict, const char *why)
{
    struct health h = {0};
    (void)health_judge(&h, &s);
    assert_int_equal(h.verdict, verdict);
    if (!strstr(h.why, why)) fail_msg("\"%s\" lacks \"%s\"", h.why, why);
}

static void test_each_sign(void **state)
{
    (void)state;
    struct signs s = good();
    expect(s, VERDICT_HEALTHY, "");
    s.is_unlocked = true;
    expect(s, VERDICT_DEGRADED, "locked");
    s.is_not_realtime = true;
    expect(s, VERDICT_DEGRADED, "real-time");
    expect(s, VERDICT_DEGRADED, "see chime doctor; its memory is not locked");
    s.is_storm = true;
    expect(s, VERDICT_DEGRADED, "too late");
    s.is_out_of_fds = s.is_out_of_threads = true, s.lost_socket = "/run/a";
    expect(s, VERDICT_DEGRADED, "no file descriptor is left");
    expect(s, VERDICT_DEGRADED, "no more threads");
    expect(s, VERDICT_DEGRADED, "made again: /run/a");
    s.lost_unit = "a.socket";
    expect(s, VERDICT_DEGRADED, "made again: /run/a (restart a.socket)");
    s.is_fallback = true;
    s.backend = "alsa", s.reason = "no JACK server";
    expect(s, VERDICT_DEGRADED, "plays on alsa, for jack does not play: no JACK server");
    s.wanted = "alsa", s.reason = "the device is busy";
    expect(s, VERDICT_DEGRADED,
           "plays with earlier settings, for alsa does not with the new ones: the device is busy");
    s.wanted = "jack", s.reason = "no JACK server";
    s.is_fallback = false, s.is_on_timer = true, s.backend = "null";
    expect(s, VERDICT_RECOVERING, "jack does not play: no JACK server; periods come too late");
    s.quiet_ns = HEALTH_STALL_NS;
    expect(s, VERDICT_RECOVERING, "");
    s.quiet_ns++;
    expect(s, VERDICT_STALLED, "stands still");
    s.mute_ns = HEALTH_SILENCE_NS + 1;
    expect(s, VERDICT_SILENT, "silence");
}

static void test_changes_are_noticed(void **state)
{
    (void)state;
    struct health h = {0};
    struct signs s = good();
    assert_false(health_judge(&h, &s));
    s.is_on_timer = true;
    assert_true(health_judge(&h, &s));
    assert_false(health_judge(&h, &s));
    s.reason = "another one";
    assert_true(health_judge(&h, &s));
    s.is_on_timer = false;
    assert_true(health_judge(&h, &s));
    assert_int_equal(h.n_changes, 3);
    assert_string_equal(h.why, "");
    assert_string_equal(verdict_name(h.verdict), "healthy");
}

/// One xrun at each of `n` moments that lie `step_ns` apart.
static bool xruns(struct storm *s, uint32_t n, int64_t *now_ns, int64_t step_ns, bool ours)
{
    bool changed = false;
    for (uint32_t i = 0; i < n; i++) {
        *now_ns += step_ns;
        changed |= storm_step(s, s->n_seen + 1, s->n_ours + ours, *now_ns);
    }
    return changed;
}

static void test_storm_begins_and_ends(void **state)
{
    (void)state;
    struct storm s = {0};
    int64_t now = 1000000 * MS;
    assert_false(xruns(&s, 100, &now, 300 * MS, true)); // a third of what a storm takes
    assert_false(s.is_on);
    now += 10000 * MS;
    assert_false(storm_step(&s, s.n_seen, s.n_ours, now));
    assert_false(xruns(&s, XRUN_STORM - 1, &now, 100 * MS, true));
    assert_true(xruns(&s, 1, &now, 100 * MS, true));
    assert_true(s.is_on);
    assert_int_equal(s.n_storms, 1);
    now += XRUN_CALM_NS;
    assert_false(storm_step(&s, s.n_seen, s.n_ours, now));
    now++;
    assert_true(storm_step(&s, s.n_seen, s.n_ours, now));
    assert_false(s.is_on);
    assert_true(storm_step(&s, s.n_seen + 1000, s.n_ours, now)); // many at once
    assert_true(s.is_on);
}

static void test_only_our_own_load_is_lowered(void **state)
{
    (void)state;
    int64_t now = 1000000 * MS;
    struct storm theirs = {0}, ours = {0};
    xruns(&theirs, 50, &now, 50 * MS, false);
    assert_true(theirs.is_on);
    assert_false(storm_sheds(&theirs, now));
    xruns(&ours, XRUN_STORM, &now, 50 * MS, true);
    assert_true(storm_sheds(&ours, now));
    assert_false(storm_sheds(&ours, now));
    now += XRUN_SHED_NS;
    assert_false(storm_sheds(&ours, now)); // none since
    xruns(&ours, 1, &now, MS, true);
    assert_true(storm_sheds(&ours, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_sign),
        cmocka_unit_test(test_changes_are_noticed),
        cmocka_unit_test(test_storm_begins_and_ends),
        cmocka_unit_test(test_only_our_own_load_is_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
