// SPDX-License-Identifier: MIT
// test_buses.c - trees of buses against a recursive double-precision reference; meters, scrubbing and
// outputs.
#include <float.h>

#include "tests/arena_limits.h"
#include "tests/buses_rig.h"

// ---- graphs ----

static void check_order(void)
{
    bool seen[MAX_BUSES] = {false};
    for (uint32_t i = 0; i < f.graph.n_buses; i++) {
        uint32_t bus = f.graph.order[i];
        assert_true(bus < f.graph.n_buses && !seen[bus]);
        seen[bus] = true;
        if (bus != BUS_MASTER) assert_false(seen[f.graph.parent[bus]]);
    }
}

static void test_sort_puts_parents_last(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (uint32_t n = 1; n <= 64; n++) {
        for (int round = 0; round < 20; round++) {
            random_tree(&seed, n, round % 2);
            bus_graph_sort(&f.graph);
            check_order();
        }
    }
    random_tree(&seed, MAX_BUSES, true);
    bus_graph_sort(&f.graph);
    check_order();
}

// ---- sums ----

static float input[2 * MAX_BUSES][BLOCK_FRAMES];

static void fill_planes(uint64_t *seed, uint32_t n_frames)
{
    buses_clear(&f.buses, BLOCK_FRAMES);
    for (uint32_t p = 0; p < 2 * f.graph.n_buses; p++)
        for (uint32_t i = 0; i < n_frames; i++)
            f.buses.planes[p][i] = input[p][i] = (float)random_between(seed, -1, 1);
    memset(f.out, 0, sizeof f.out);
}

/// What a bus comes to behind its gain: itself and all that feed it.
static double reference_bus(uint32_t bus, uint32_t side, uint32_t i)
{
    double sum = (double)input[2 * bus + side][i];
    for (uint32_t other = 1; other < f.graph.n_buses; other++)
        if (f.graph.parent[other] == bus && f.graph.out[other] == 0) sum += reference_bus(other, side, i);
    return sum * (double)(side ? f.buses.right[bus].to : f.buses.left[bus].to);
}

static double reference_out(uint32_t channel, uint32_t i)
{
    double sum = 0;
    for (uint32_t bus = 0; bus < f.graph.n_buses; bus++) {
        uint32_t first = f.graph.out[bus];
        if (first == 0) continue;
        double left = reference_bus(bus, 0, i), right = reference_bus(bus, 1, i);
        if (f.graph.width[bus] == 1 && first - 1 == channel) sum += (left + right) / 2;
        if (f.graph.width[bus] == 2 && first - 1 == channel) sum += left;
        if (f.graph.width[bus] == 2 && first == channel) sum += right;
    }
    return sum;
}

static void test_trees_against_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 200; round++) {
        random_tree(&seed, 1 + random_below(&seed, 64), round % 3 == 0);
        for (uint32_t bus = 0; bus < f.graph.n_buses; bus++) {
            f.buses.switches[bus].has_sounded = false; // takes changes at once
            buses_set_gain(&f.buses, bus, &(struct change){.value = random_between(&seed, -60, 0)});
            buses_set_pan(&f.buses, bus, &(struct change){.value = random_between(&seed, -1, 1)});
            // Some feed the device by themselves; some want channels that it does not have.
            if (bus == 0 || random_below(&seed, 4) == 0) {
                f.graph.out[bus] = (uint16_t)(1 + random_below(&seed, N_CHANNELS + 2));
                f.graph.width[bus] = (uint8_t)(1 + random_below(&seed, 2));
            }
        }
        bus_graph_sort(&f.graph);
        uint32_t n = 1 + random_below(&seed, BLOCK_FRAMES);
        fill_planes(&seed, n);
        buses_render(&f.buses, f.planes, N_CHANNELS, n);
        for (uint32_t c = 0; c < N_CHANNELS; c++) {
            for (uint32_t i = 0; i < n; i++)
                assert_true(fabs((double)f.out[c][i] - reference_out(c, i)) < 1e-4);
            for (uint32_t i = n; i < BLOCK_FRAMES; i++)
                assert_true(f.out[c][i] == 0.0f);
        }
        assert_int_equal(f.buses.n_nonfinite, 0);
    }
}

static void test_new_graph_gives_the_old_one_back(void **state)
{
    (void)state;
    struct bus_graph other = f.graph;
    assert_ptr_equal(buses_set_graph(&f.buses, &other), &f.graph);
    assert_ptr_equal(buses_set_graph(&f.buses, &f.graph), &other);
}

// ---- scrubbing ----

static void test_what_is_no_number_is_counted_once(void **state)
{
    (void)state;
    uint64_t seed = 5;
    random_tree(&seed, 8, true);
    bus_graph_sort(&f.graph);
    for (uint32_t n = 1; n <= BLOCK_FRAMES; n++) {
        fill_planes(&seed, n);
        uint32_t deepest = f.graph.order[0], middle = f.graph.order[4];
        f.buses.planes[2 * deepest][0] = NAN;
        f.buses.planes[2 * deepest + 1][n - 1] = INFINITY;
        f.buses.planes[2 * middle][n / 2] = -INFINITY;
        buses_render(&f.buses, f.planes, N_CHANNELS, n);
        assert_int_equal(f.buses.n_nonfinite, 2);
        assert_int_equal(f.buses.nonfinite_bus[0], deepest);
        assert_int_equal(f.buses.nonfinite_count[0], 2);
        assert_int_equal(f.buses.nonfinite_bus[1], middle);
        assert_int_equal(f.buses.nonfinite_count[1], 1);
        for (uint32_t i = 0; i < n; i++)
            assert_true(isfinite(f.out[0][i]) && isfinite(f.out[1][i]));
    }
}

static void test_loud_is_not_wrong(void **state)
{
    (void)state;
    buses_clear(&f.buses, BLOCK_FRAMES);
    memset(f.out, 0, sizeof f.out);
    for (int i = 0; i < BLOCK_FRAMES; i++)
        f.buses.planes[0][i] = 1e30f; // its square is no float
    buses_render(&f.buses, f.planes, N_CHANNELS, BLOCK_FRAMES);
    assert_int_equal(f.buses.n_nonfinite, 0);
    assert_true(f.out[0][5] == 1e30f);
}

static void test_silenced_bus_still_scrubs(void **state)
{
    (void)state;
    buses_set_mute(&f.buses, 0, true, 0);
    buses_clear(&f.buses, BLOCK_FRAMES);
    memset(f.out, 0, sizeof f.out);
    f.buses.planes[0][3] = NAN; // times 0 is still none
    buses_render(&f.buses, f.planes, N_CHANNELS, BLOCK_FRAMES);
    assert_int_equal(f.buses.nonfinite_count[0], 1);
    for (int i = 0; i < BLOCK_FRAMES; i++)
        assert_true(f.out[0][i] == 0.0f);
}

// ---- meters ----

static void test_meters(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (int window = 0; window < 3; window++) {
        double squares[2] = {0, 0}, peaks[2] = {0, 0};
        struct bus_meter before = f.buses.meters[0];
        for (uint32_t done = 0; done < 4800; done += 60) {
            fill_planes(&seed, 60);
            if (done == 1200) f.buses.planes[0][7] = NAN; // counts as silence
            for (uint32_t side = 0; side < 2; side++) {
                for (uint32_t i = 0; i < 60; i++) {
                    double x = (double)f.buses.planes[side][i];
                    if (isnan(x)) continue;
                    squares[side] += x * x;
                    peaks[side] = fmax(peaks[side], fabs(x));
                }
            }
            assert_memory_equal(&f.buses.meters[0], &before, sizeof before); // holds until the window is over
            buses_render(&f.buses, f.planes, N_CHANNELS, 60);
        }
        const struct bus_meter *m = &f.buses.meters[0];
        assert_true((double)m->peak_left == peaks[0] && (double)m->peak_right == peaks[1]);
        assert_true(fabs((double)m->rms_left - sqrt(squares[0] / 4800)) < 1e-5);
        assert_true(fabs((double)m->rms_right - sqrt(squares[1] / 4800)) < 1e-5);
    }
}

/// Samples whose squares no float holds: the meters still tell numbers.
static void test_meters_of_huge_samples(void **state)
{
    (void)state;
    for (uint32_t done = 0; done < 4800; done += 60) {
        for (uint32_t i = 0; i < 60; i++) {
            f.buses.planes[0][i] = i == 0 ? 1e30f : 0.0f;
            f.buses.planes[1][i] = i == 0 ? -FLT_MAX : 0.5f;
        }
        buses_render(&f.buses, f.planes, N_CHANNELS, 60);
        assert_int_equal(f.buses.n_nonfinite, 0);
    }
    const struct bus_meter *m = &f.buses.meters[0];
    assert_true(m->peak_left == 1e30f && m->peak_right == FLT_MAX);
    assert_true(m->rms_left <= m->peak_left && m->rms_right <= m->peak_right);
    assert_true(m->rms_left > 1.0f && m->rms_right > 1.0f);
}

// ---- set-up ----

static void test_bad_arguments(void **state)
{
    (void)state;
    struct buses b;
    assert_int_equal(buses_init(&b, arena_allocator(&f.arena), 0, &f.graph, 1, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(buses_init(&b, arena_allocator(&f.arena), 1025, &f.graph, 1, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(buses_init(&b, arena_allocator(&f.arena), 1, &f.graph, 0, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(buses_init(&b, arena_allocator(&f.arena), 1, &f.graph, 1, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(buses_init(&b, arena_allocator(&f.arena), 1, &f.graph, 1, 1), STATUS_OK);
}

static enum status init_buses(void *object, struct allocator *a)
{
    return buses_init(object, a, 64, &f.graph, 4800, 240);
}

static enum status init_graph(void *object, struct allocator *a)
{
    return bus_graph_init(object, a, 1024);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct buses b;
    struct bus_graph g;
    check_arena_sizes(&(struct arena_user){init_buses, NULL, &b});
    check_arena_sizes(&(struct arena_user){init_graph, NULL, &g});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sort_puts_parents_last),
        TEST(test_trees_against_the_reference),
        TEST(test_new_graph_gives_the_old_one_back),
        TEST(test_what_is_no_number_is_counted_once),
        TEST(test_loud_is_not_wrong),
        TEST(test_silenced_bus_still_scrubs),
        TEST(test_meters),
        TEST(test_meters_of_huge_samples),
        TEST(test_bad_arguments),
        TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
