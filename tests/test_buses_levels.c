// SPDX-License-Identifier: MIT
// test_buses_levels.c - gain, pan, mute and solo of buses: curves against their formulas, trees against the
// rule as people say it.
#include "tests/buses_rig.h"

// ---- gain and pan ----

static void test_levels_ramp(void **state)
{
    (void)state;
    render_ones(1); // from here on it has sounded
    buses_set_gain(&f.buses, 0, &(struct change){.value = -6, .ramp_frames = 1}); // takes the declick ramp
    double gain = pow(10, -6.0 / 20);
    for (uint32_t done = 0; done < 320; done += BLOCK_FRAMES) {
        render_ones(BLOCK_FRAMES);
        for (uint32_t i = 0; i < BLOCK_FRAMES; i++) {
            double way = done + i < 240 ? (double)(done + i) / 240 : 1.0;
            assert_true(fabs((double)f.out[0][i] - (1 - (1 - gain) * way)) < 1e-6);
            assert_true(f.out[1][i] == f.out[0][i]);
        }
    }
}

static void test_level_along_curves(void **state)
{
    (void)state;
    static float heard[2][640];
    for (uint32_t block = 1; block <= BLOCK_FRAMES; block += 9) {
        tear_down(state);
        set_up(state);
        render_ones(1);
        buses_set_gain(&f.buses, 0, &(struct change){-40, 640, CURVE_DB, false});
        buses_set_pan(&f.buses, 0, &(struct change){1, 320, CURVE_S, false});
        for (uint32_t done = 0, n; done < 640; done += n) {
            n = 640 - done < block ? 640 - done : block;
            render_ones(n);
            for (uint32_t i = 0; i < n; i++) {
                if (block > 1)
                    assert_true(heard[0][done + i] == f.out[0][i] && heard[1][done + i] == f.out[1][i]);
                heard[0][done + i] = f.out[0][i];
                heard[1][done + i] = f.out[1][i];
            }
        }
        for (uint32_t i = 0; i < 640; i += CURVE_PIECE_FRAMES) {
            double gain = pow(10, -40.0 * i / 640 / 20), way = i < 320 ? (1 - cos(M_PI * i / 320)) / 2 : 1;
            assert_true(fabs((double)heard[0][i] - gain * M_SQRT2 * cos((1 + way) * M_PI / 4)) < 2e-6);
            assert_true(fabs((double)heard[1][i] - gain * M_SQRT2 * sin((1 + way) * M_PI / 4)) < 2e-6);
        }
    }
}

/// A bus on which nothing plays goes its way all the same.
static void test_silence_moves_ramps_on(void **state)
{
    (void)state;
    render_ones(1);
    buses_set_gain(&f.buses, 0, &(struct change){-6, 1000, CURVE_S, false});
    buses_clear(&f.buses, BLOCK_FRAMES);
    for (uint32_t i = 0; i < 10; i++)
        buses_render(&f.buses, f.planes, N_CHANNELS, 50);
    render_ones(1);
    assert_true(fabs((double)f.out[0][0] - (1 + pow(10, -6.0 / 20)) / 2) < 1e-5);
}

static void test_before_the_first_sound(void **state)
{
    (void)state;
    buses_set_gain(&f.buses, 0, &(struct change){.value = -200});
    buses_set_gain(&f.buses, 0, &(struct change){.value = 0, .ramp_frames = 100}); // was asked for
    render_ones(50);
    for (uint32_t i = 0; i < 50; i++)
        assert_true(fabs((double)f.out[0][i] - i / 100.0) < 1e-6);
    buses_set_mute(&f.buses, 0, true, 0); // it sounds now
    render_ones(2);
    assert_true(f.out[0][1] > 0.4f);
}

static void test_relative_changes(void **state)
{
    (void)state;
    struct bus_report is;
    buses_set_gain(&f.buses, 0, &(struct change){.value = -3, .ramp_frames = 1000});
    buses_set_gain(&f.buses, 0, &(struct change){.value = -3, .relative = true});
    buses_set_pan(&f.buses, 0, &(struct change){.value = 0.25});
    buses_set_pan(&f.buses, 0, &(struct change){.value = 0.5, .ramp_frames = 100, .relative = true});
    buses_report(&f.buses, 0, &is);
    assert_true(is.gain_db == -6.0f && is.pan == 0.75f);
    assert_false(is.mute || is.solo || is.is_silenced);
}

// ---- mute and solo ----

static bool lies_below(uint32_t bus, uint32_t other)
{
    for (; bus != BUS_MASTER; bus = f.graph.parent[bus])
        if (bus == other) return true;
    return other == BUS_MASTER;
}

/// As people say it: every bus against every other.
static bool is_heard(uint32_t bus, const bool *mute, const bool *solo)
{
    bool any_solo = false, is_near_one = false;
    for (uint32_t other = 0; other < f.graph.n_buses; other++) {
        any_solo = any_solo || solo[other];
        is_near_one = is_near_one || (solo[other] && (lies_below(bus, other) || lies_below(other, bus)));
    }
    return !mute[bus] && (!any_solo || is_near_one);
}

static void check_heard(const bool *mute, const bool *solo)
{
    for (uint32_t bus = 0; bus < f.graph.n_buses; bus++) {
        struct bus_report is;
        bool heard = is_heard(bus, mute, solo);
        buses_report(&f.buses, bus, &is);
        assert_int_equal(is.mute, mute[bus]);
        assert_int_equal(is.solo, solo[bus]);
        assert_int_equal(is.is_silenced, !heard);
        assert_true(f.buses.left[bus].to == (heard ? 1.0f : 0.0f));
        assert_true(f.buses.right[bus].to == (heard ? 1.0f : 0.0f));
    }
}

static void test_mute_and_solo_on_random_trees(void **state)
{
    uint64_t seed = 12;
    for (int round = 0; round < 200; round++) {
        bool mute[64] = {false}, solo[64] = {false};
        tear_down(state);
        set_up(state);
        uint32_t n = 1 + random_below(&seed, 64);
        random_tree(&seed, n, round % 5 == 0);
        bus_graph_sort(&f.graph);
        for (int step = 0; step < 40; step++) {
            uint32_t bus = random_below(&seed, n);
            bool on = random_below(&seed, 3) == 0;
            if (random_below(&seed, 2))
                buses_set_mute(&f.buses, bus, mute[bus] = on, 0);
            else
                buses_set_solo(&f.buses, bus, solo[bus] = on, random_below(&seed, 500));
            for (uint32_t i = 0; i < f.graph.n_buses; i++) // let what was asked for arrive
                ramp_advance(&f.buses.left[i], 500), ramp_advance(&f.buses.right[i], 500);
            check_heard(mute, solo);
        }
    }
}

static void test_mute_ramps_and_comes_back(void **state)
{
    (void)state;
    render_ones(1);
    buses_set_mute(&f.buses, 0, true, 1000);
    for (uint32_t done = 0; done < 500; done += 50) {
        render_ones(50);
        for (uint32_t i = 0; i < 50; i++)
            assert_true(fabs((double)f.out[0][i] - (1 - (done + i) / 1000.0)) < 1e-6);
    }
    buses_set_mute(&f.buses, 0, false, 0); // by the declick ramp, from where it is
    render_ones(1);
    assert_true(f.out[0][0] == 0.5f);
    for (uint32_t i = 0; i < 4; i++)
        render_ones(60);
    assert_true(f.out[0][59] == 1.0f);
}

/// The graph that brings it finds it at its level, or silent, although nobody could hear it get there.
static void test_new_bus(void **state)
{
    (void)state;
    struct bus_graph bigger;
    assert_int_equal(bus_graph_init(&bigger, arena_allocator(&f.arena), MAX_BUSES), STATUS_OK);
    bigger.n_buses = 4; // 1 and 2 feed master, 3 feeds 1
    bigger.parent[3] = 1;
    bigger.out[0] = 1;
    bigger.width[0] = 2;
    bus_graph_sort(&bigger);
    render_ones(1);
    buses_set_gain(&f.buses, 1, &(struct change){.value = -12}); // none of them is in the graph yet
    buses_set_solo(&f.buses, 1, true, 0);
    render_ones(1);
    assert_true(f.out[0][0] == 1.0f);
    assert_ptr_equal(buses_set_graph(&f.buses, &bigger), &f.graph);
    assert_true(fabs((double)ramp_value(&f.buses.left[1]) - pow(10, -12.0 / 20)) < 1e-6);
    assert_true(ramp_value(&f.buses.left[2]) == 0.0f); // bus 1 is soloed
    assert_true(ramp_value(&f.buses.left[3]) == 1.0f); // and 3 is below it
    assert_true(ramp_value(&f.buses.left[0]) == 1.0f);
    buses_set_solo(&f.buses, 1, false, 0);
    assert_true(ramp_value(&f.buses.left[2]) == 1.0f);
}

static void test_fade_out(void **state)
{
    (void)state;
    f.graph.n_buses = 3; // bus 1 feeds the device by itself, bus 2 feeds master
    f.graph.out[1] = 3;
    f.graph.width[1] = f.graph.width[2] = 2;
    bus_graph_sort(&f.graph);
    buses_set_graph(&f.buses, &f.graph);
    for (uint32_t done = 0; done < 1100; done += 50) {
        buses_clear(&f.buses, BLOCK_FRAMES);
        for (int i = 0; i < 50; i++)
            for (int p = 0; p < 6; p++)
                f.buses.planes[p][i] = 0.5f;
        memset(f.out, 0, sizeof f.out);
        buses_render(&f.buses, f.planes, N_CHANNELS, 50);
        for (uint32_t i = 0; i < 50 && done >= 50; i++) { // one straight line, however deep the tree
            double way = done - 50 + i < 1000 ? 1 - (done - 50 + i) / 1000.0 : 0;
            assert_true(fabs((double)f.out[0][i] - way) < 1e-6 && fabs((double)f.out[2][i] - way / 2) < 1e-6);
        }
        if (done == 0) buses_fade_out(&f.buses, 1000);
        if (done == 600) { // nothing brings the sound back
            buses_set_mute(&f.buses, 0, true, 0);
            buses_set_mute(&f.buses, 0, false, 0);
            buses_set_solo(&f.buses, 2, true, 0);
            buses_set_solo(&f.buses, 2, false, 0);
        }
    }
    buses_set_gain(&f.buses, 0, &(struct change){.value = 24});
    render_ones(BLOCK_FRAMES);
    assert_true(f.out[0][63] == 0.0f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_levels_ramp),
        TEST(test_level_along_curves),
        TEST(test_silence_moves_ramps_on),
        TEST(test_before_the_first_sound),
        TEST(test_relative_changes),
        TEST(test_mute_and_solo_on_random_trees),
        TEST(test_mute_ramps_and_comes_back),
        TEST(test_new_bus),
        TEST(test_fade_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
