// SPDX-License-Identifier: MIT
// test_bus_table.c - the buses as control knows them: names and graphs.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/bus_table.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

static struct arena arena;
static struct bus_table table;

static int set_up(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 24) || bus_table_init(&table, arena_allocator(&arena), 1024, 2);
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void add_buses(uint64_t *seed, uint32_t n, bool chain)
{
    while (table.n_buses < n) {
        char name[32];
        snprintf(name, sizeof name, "bus %u", table.n_buses);
        uint32_t parent = chain ? table.n_buses - 1 : random_below(seed, table.n_buses);
        assert_int_not_equal(bus_add(&table, name, parent), BUS_NONE);
    }
}

static void test_starts_with_master(void **state)
{
    (void)state;
    assert_int_equal(table.n_buses, 1);
    assert_int_equal(bus_find(&table, "master"), BUS_MASTER);
    assert_int_equal(bus_find(&table, "Master"), BUS_NONE);
    assert_int_equal(bus_find(&table, ""), BUS_NONE);
    assert_true(table.graph_in_use[0]);
    assert_int_equal(table.graphs[0].n_buses, 1);
    assert_int_equal(table.graphs[0].out[0], 1);
    assert_int_equal(table.graphs[0].width[0], 2);

    struct bus_table mono;
    assert_int_equal(bus_table_init(&mono, arena_allocator(&arena), 1, 1), STATUS_OK);
    assert_int_equal(mono.graphs[0].width[0], 1);
    assert_int_equal(bus_add(&mono, "one more", 0), BUS_NONE);
}

static void test_full(void **state)
{
    (void)state;
    uint64_t seed = 1;
    add_buses(&seed, 1024, false);
    assert_int_equal(bus_add(&table, "one more", 0), BUS_NONE);
    assert_int_equal(bus_find(&table, "one more"), BUS_NONE);
    for (uint32_t i = 1; i < 1024; i++) {
        char name[32];
        snprintf(name, sizeof name, "bus %u", i);
        assert_int_equal(bus_find(&table, name), i);
    }
}

static void test_longest_name(void **state)
{
    (void)state;
    char name[CONFIG_NAME_BYTES];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(bus_add(&table, name, 0), 1);
    assert_int_equal(bus_find(&table, name), 1);
    assert_string_equal(table.entries[1].name, name);
}

static void test_the_newest_is_taken_back(void **state)
{
    (void)state;
    assert_int_equal(bus_add(&table, "music", 0), 1);
    assert_int_equal(bus_add(&table, "drums", 1), 2);
    bus_remove_last(&table);
    assert_int_equal(bus_find(&table, "drums"), BUS_NONE);
    assert_int_equal(bus_find(&table, "music"), 1);
    assert_int_equal(bus_add(&table, "drums", 0), 2);
    assert_int_equal(table.entries[2].parent, 0);
    assert_int_equal(bus_find(&table, "drums"), 2);
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/// A deep tree is no reason to keep requests waiting.
static void test_deep_trees_are_quick(void **state)
{
    (void)state;
    uint64_t seed = 1;
    add_buses(&seed, 1024, true);
    double before = seconds_now();
    assert_true(bus_make_graph(&table) != NULL);
    assert_true(seconds_now() - before < 0.1);
}

// ---- graphs ----

static void test_graphs_run_out_and_come_back(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < MAX_GRAPHS; i++) {
        const struct bus_graph *g = bus_make_graph(&table);
        assert_non_null(g);
        assert_int_equal(g->index, i);
    }
    assert_null(bus_make_graph(&table));
    table.graph_in_use[17] = false;
    assert_int_equal(bus_make_graph(&table)->index, 17);
    assert_null(bus_make_graph(&table));
}

static void test_graph_is_the_tree(void **state)
{
    (void)state;
    uint64_t seed = 4;
    add_buses(&seed, 64, false);
    table.entries[5].out = 3;
    table.entries[5].width = 1;
    const struct bus_graph *g = bus_make_graph(&table);
    assert_int_equal(g->n_buses, 64);
    assert_int_equal(g->order[63], BUS_MASTER);
    for (uint32_t i = 1; i < 64; i++)
        assert_int_equal(g->parent[i], table.entries[i].parent);
    assert_int_equal(g->out[5], 3);
    assert_int_equal(g->width[5], 1);
    assert_int_equal(g->out[6], 0);
}

static enum status init_one(void *object, struct allocator *a)
{
    return bus_table_init(object, a, 64, 2);
}

static void test_small_arenas(void **state)
{
    (void)state;
    static struct bus_table t;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &t});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_starts_with_master),   TEST(test_full),
        TEST(test_longest_name),         TEST(test_the_newest_is_taken_back),
        TEST(test_deep_trees_are_quick), TEST(test_graphs_run_out_and_come_back),
        TEST(test_graph_is_the_tree),    TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
