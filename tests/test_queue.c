// SPDX-License-Identifier: MIT
// test_queue.c - the queue between two threads.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/queue.h"
#include "tests/arena_limits.h"
#include "tests/check.h"

/// Wide enough that a torn copy shows.
struct record {
    uint64_t first, middle[5], last;
};

static struct record make_record(uint64_t n)
{
    return (struct record){n, {n, n, n, n, n}, n};
}

static void open_queue(struct queue *q, struct arena *a, uint32_t n_slots, uint32_t start)
{
    assert_int_equal(arena_init(a, 1 << 22), STATUS_OK);
    assert_int_equal(queue_init(q, arena_allocator(a), n_slots, sizeof(struct record)), STATUS_OK);
    atomic_store(&q->head, start);
    atomic_store(&q->tail, start);
    q->head_seen = q->tail_seen = start;
}

static void push(struct queue *q, uint64_t n, bool expected)
{
    struct record r = make_record(n);
    assert_int_equal(queue_push(q, &r), expected);
}

static void pop(struct queue *q, uint64_t n)
{
    struct record r, expected = make_record(n);
    assert_true(queue_pop(q, &r));
    assert_memory_equal(&r, &expected, sizeof r);
}

static void check_sizes(struct queue *q, uint32_t used)
{
    assert_int_equal(queue_used(q), used);
    assert_int_equal(queue_room(q), q->n_slots - used);
}

/// Empty, one, one less than full, full, one more than full, and back, from a given index.
static void fill_and_empty(uint32_t n_slots, uint32_t start)
{
    struct arena a;
    struct queue q;
    struct record r;
    open_queue(&q, &a, n_slots, start);
    for (int round = 0; round < 3; round++) {
        check_sizes(&q, 0);
        assert_false(queue_pop(&q, &r));
        for (uint32_t i = 0; i < n_slots; i++) {
            push(&q, i, true);
            check_sizes(&q, i + 1);
        }
        push(&q, 999, false);
        check_sizes(&q, n_slots);
        pop(&q, 0);
        push(&q, n_slots, true);
        push(&q, 999, false);
        for (uint32_t i = 1; i <= n_slots; i++) {
            pop(&q, i);
            check_sizes(&q, n_slots - i);
        }
    }
    arena_fini(&a);
}

static void test_fills_and_empties(void **state)
{
    (void)state;
    for (uint32_t n_slots = 2; n_slots <= 64; n_slots *= 2)
        fill_and_empty(n_slots, 0);
}

static void test_indices_wrap(void **state)
{
    (void)state;
    for (uint32_t n_slots = 2; n_slots <= 64; n_slots *= 2)
        for (uint32_t before = 0; before < 2 * n_slots; before++)
            fill_and_empty(n_slots, UINT32_MAX - before);
}

static void test_works_without_asking_for_sizes(void **state)
{
    (void)state;
    struct arena a;
    struct queue q;
    open_queue(&q, &a, 4, UINT32_MAX - 2);
    // Push and pop alone keep what they saw of the other side up to date.
    for (uint64_t i = 0; i < 100; i++) {
        for (uint64_t k = 0; k < 4; k++)
            push(&q, 4 * i + k, true);
        push(&q, 0, false);
        for (uint64_t k = 0; k < 4; k++)
            pop(&q, 4 * i + k);
        struct record r;
        assert_false(queue_pop(&q, &r));
    }
    arena_fini(&a);
}

static void test_records_of_any_size(void **state)
{
    (void)state;
    for (uint32_t bytes = 1; bytes < 200; bytes++) {
        struct arena a;
        struct queue q;
        uint8_t in[200], out[201];
        assert_int_equal(arena_init(&a, 1 << 16), STATUS_OK);
        assert_int_equal(queue_init(&q, arena_allocator(&a), 4, bytes), STATUS_OK);
        for (uint32_t i = 0; i < 9; i++) {
            memset(in, (int)(i + bytes), sizeof in);
            memset(out, 0xee, sizeof out);
            assert_true(queue_push(&q, in));
            assert_true(queue_pop(&q, out));
            assert_memory_equal(in, out, bytes);
            assert_int_equal(out[bytes], 0xee); // not a byte more
        }
        arena_fini(&a);
    }
}

static void test_bad_arguments(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0,        1,        3,         5, 6, 100, 65535, (1u << 24) + 1,
                                     1u << 25, 1u << 31, UINT32_MAX};
    struct arena a = {0};
    struct queue q;
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        assert_int_equal(queue_init(&q, arena_allocator(&a), sizes[i], 8), STATUS_BAD_ARGUMENT);
    assert_int_equal(queue_init(&q, arena_allocator(&a), 2, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(queue_init(&q, arena_allocator(&a), 1u << 24, UINT32_MAX), STATUS_NO_MEMORY);
}

static enum status init_one(void *object, struct allocator *a)
{
    return queue_init(object, a, 1024, sizeof(struct record));
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct queue q;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &q});
}

// ---- groups ----

static void stage(struct queue *q, uint64_t n, bool expected)
{
    struct record r = make_record(n);
    assert_int_equal(queue_stage(q, &r), expected);
}

/// Groups of every size that fits, from every state of the queue, near a wrap of the indices.
static void test_groups_come_whole(void **state)
{
    (void)state;
    for (uint32_t before = 0; before < 8; before++)
        for (uint32_t size = 0; size <= 8 - before; size++) {
            struct arena a;
            struct queue q;
            struct record r;
            open_queue(&q, &a, 8, UINT32_MAX - 3);
            for (uint32_t i = 0; i < before; i++)
                push(&q, i, true);
            for (uint32_t i = 0; i < size; i++) {
                stage(&q, before + i, true);
                assert_int_equal(queue_used(&q), before); // not seen yet
                assert_int_equal(queue_room(&q), 8 - before - i - 1);
            }
            for (uint32_t i = 0; i < before; i++)
                pop(&q, i);
            assert_false(queue_pop(&q, &r));
            queue_commit(&q);
            check_sizes(&q, size);
            for (uint32_t i = 0; i < size; i++)
                pop(&q, before + i);
            assert_false(queue_pop(&q, &r));
            queue_commit(&q); // of nothing
            check_sizes(&q, 0);
            arena_fini(&a);
        }
}

static void test_groups_can_be_taken_back(void **state)
{
    (void)state;
    struct arena a;
    struct queue q;
    struct record r;
    open_queue(&q, &a, 4, UINT32_MAX - 1);
    push(&q, 0, true);
    for (uint64_t round = 0; round < 10; round++) {
        stage(&q, 100, true);
        stage(&q, 101, true);
        stage(&q, 102, true);
        stage(&q, 103, false); // full: what is staged stays so
        assert_int_equal(queue_room(&q), 0);
        queue_unstage(&q);
        check_sizes(&q, 1);
        push(&q, round + 1, true);
        pop(&q, round);
    }
    pop(&q, 10);
    assert_false(queue_pop(&q, &r));
    arena_fini(&a);
}

static void test_room_comes_back_while_staged(void **state)
{
    (void)state;
    struct arena a;
    struct queue q;
    open_queue(&q, &a, 2, 0);
    push(&q, 0, true);
    stage(&q, 1, true);
    stage(&q, 2, false);
    pop(&q, 0);
    stage(&q, 2, true);
    queue_commit(&q);
    pop(&q, 1);
    pop(&q, 2);
    arena_fini(&a);
}

// ---- two threads ----

#define N_RECORDS 300000u

static void *produce(void *context)
{
    struct queue *q = context;
    for (uint64_t n = 0; n < N_RECORDS;) {
        struct record r = make_record(n);
        if (n % 3 == 0 && queue_room(q) == 0) {
            sched_yield();
            continue;
        }
        if (queue_push(q, &r))
            n++;
        else
            sched_yield();
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    for (uint32_t n_slots = 2; n_slots <= 1024; n_slots *= 8) {
        struct arena a;
        struct queue q;
        pthread_t thread;
        open_queue(&q, &a, n_slots, UINT32_MAX - 1000);
        assert_int_equal(pthread_create(&thread, NULL, produce, &q), 0);
        for (uint64_t n = 0; n < N_RECORDS;) {
            struct record r, expected = make_record(n);
            if (n % 5 == 0) assert_true(queue_used(&q) <= n_slots);
            if (!queue_pop(&q, &r)) {
                sched_yield();
                continue;
            }
            if (memcmp(&r, &expected, sizeof r) != 0) fail_msg("record %llu is torn", (unsigned long long)n);
            n++;
        }
        pthread_join(thread, NULL);
        check_sizes(&q, 0);
        arena_fini(&a);
    }
}

#define GROUP 7u

/// Groups of GROUP records; every other one is taken back first.
static void *produce_groups(void *context)
{
    struct queue *q = context;
    for (uint64_t n = 0; n < N_RECORDS / GROUP * GROUP;) {
        uint64_t i = 0;
        for (; i < GROUP; i++) {
            struct record r = make_record(n + i);
            if (!queue_stage(q, &r)) break;
        }
        if (i == GROUP && n % 2) {
            struct record r = make_record(UINT64_MAX);
            while (queue_stage(q, &r))
                continue; // until it is full
            queue_unstage(q);
            for (i = 0; i < GROUP; i++) {
                r = make_record(n + i);
                if (!queue_stage(q, &r)) abort(); // there was room for it
            }
        }
        if (i == GROUP) {
            queue_commit(q);
            n += GROUP;
        } else {
            queue_unstage(q);
            sched_yield();
        }
    }
    return NULL;
}

static void test_groups_of_two_threads(void **state)
{
    (void)state;
    struct arena a;
    struct queue q;
    pthread_t thread;
    open_queue(&q, &a, 16, UINT32_MAX - 1000);
    assert_int_equal(pthread_create(&thread, NULL, produce_groups, &q), 0);
    for (uint64_t n = 0; n < N_RECORDS / GROUP * GROUP;) {
        struct record r, expected = make_record(n);
        uint32_t used = queue_used(&q);
        if (used % GROUP != (GROUP - (uint32_t)(n % GROUP)) % GROUP)
            fail_msg("%u records wait before record %llu: a group was cut", used, (unsigned long long)n);
        if (!queue_pop(&q, &r)) {
            sched_yield();
            continue;
        }
        if (memcmp(&r, &expected, sizeof r) != 0) fail_msg("record %llu is torn", (unsigned long long)n);
        n++;
    }
    pthread_join(thread, NULL);
    check_sizes(&q, 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_and_empties),
        cmocka_unit_test(test_indices_wrap),
        cmocka_unit_test(test_works_without_asking_for_sizes),
        cmocka_unit_test(test_records_of_any_size),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_small_arenas),
        cmocka_unit_test(test_groups_come_whole),
        cmocka_unit_test(test_groups_can_be_taken_back),
        cmocka_unit_test(test_room_comes_back_while_staged),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_groups_of_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
