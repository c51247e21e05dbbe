// SPDX-License-Identifier: MIT
// test_shared_pool.c - the pool that threads share without a lock: no block has two owners, none is lost.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/shared_pool.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/child.h"
#include "tests/random.h"

static void test_fills_and_empties(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct shared_pool p;
    uint64_t handles[10], none;
    assert_int_equal(shared_pool_init(&p, &libc, 10, 100), STATUS_OK);
    assert_int_equal(p.block_bytes, 128);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 10; i++) {
            uint8_t *block = shared_pool_alloc(&p, &handles[i]);
            assert_non_null(block);
            memset(block, (int)i, 128);
            assert_int_equal(shared_pool_count_used(&p), i + 1);
        }
        assert_null(shared_pool_alloc(&p, &none)); // one more than full
        assert_int_equal(none, 0);
        assert_null(shared_pool_alloc(&p, NULL));
        for (uint32_t i = 0; i < 10; i++) {
            uint8_t *block = shared_pool_get(&p, handles[i]);
            assert_int_equal(block[0], i);
            assert_int_equal(block[127], i);
            assert_true(shared_pool_free(&p, handles[i]));
            assert_null(shared_pool_get(&p, handles[i]));
            assert_false(shared_pool_free(&p, handles[i])); // twice
        }
    }
    assert_false(shared_pool_free(&p, 0));
    assert_null(shared_pool_get(&p, UINT64_MAX));
    assert_int_equal(shared_pool_count_used(&p), 0);
    assert_int_equal(atomic_load(&p.n_refused), 6);
    assert_int_equal(atomic_load(&p.n_stale), 31);
    shared_pool_fini(&p, &libc);
    shared_pool_fini(&p, &libc); // a zeroed one
    assert_null(shared_pool_alloc(&p, NULL));
}

/// The counter beside the index comes around to where it began.
static void test_counter_wraps(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct shared_pool p;
    assert_int_equal(shared_pool_init(&p, &libc, 3, 8), STATUS_OK);
    atomic_store(&p.head, (uint64_t)(UINT32_MAX - 2) << 32 | 0);
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t a, b;
        assert_non_null(shared_pool_alloc(&p, &a));
        assert_non_null(shared_pool_alloc(&p, &b));
        assert_int_not_equal((uint32_t)a, (uint32_t)b);
        assert_true(shared_pool_free(&p, a));
        assert_true(shared_pool_free(&p, b));
    }
    assert_int_equal(shared_pool_count_used(&p), 0);
    shared_pool_fini(&p, &libc);
}

/// What would go wrong without the counter: one thread has read the head and its next; meanwhile the top two
/// blocks are taken and the top one is given back. The head has the same index on top, and must differ all
/// the same.
static void test_the_same_top_is_another_head(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct shared_pool p;
    uint64_t a, b;
    assert_int_equal(shared_pool_init(&p, &libc, 3, 8), STATUS_OK);
    uint64_t before = atomic_load(&p.head);
    assert_non_null(shared_pool_alloc(&p, &a));
    assert_non_null(shared_pool_alloc(&p, &b));
    assert_true(shared_pool_free(&p, a));
    uint64_t after = atomic_load(&p.head);
    assert_int_equal((uint32_t)before, (uint32_t)after);
    assert_int_not_equal(before, after);
    shared_pool_fini(&p, &libc);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct shared_pool p;
    assert_int_equal(shared_pool_init(&p, &libc, 0, 8), STATUS_BAD_ARGUMENT);
    assert_int_equal(shared_pool_init(&p, &libc, (1u << 24) + 1, 8), STATUS_BAD_ARGUMENT);
    assert_int_equal(shared_pool_init(&p, &libc, 1, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(shared_pool_init(&p, &libc, 1, (1u << 30) + 1), STATUS_BAD_ARGUMENT);
}

// ---- threads ----

#define N_THREADS 3
/// Few blocks: the threads get into each other's way, and the pool runs empty at times.
#define N_BLOCKS    8
#define N_HELD      4
#define BLOCK_WORDS 8

struct worker {
    struct shared_pool *pool;
    uint64_t id, n_steps;
    const char *fault;
};

struct held {
    uint64_t *block, handle;
};

/// Takes and gives back at random; what it holds is marked as its own, word for word.
static void *work(void *ctx)
{
    struct worker *w = ctx;
    struct held held[N_HELD];
    uint32_t n_held = 0;
    uint64_t seed = w->id + 1;
    for (uint64_t i = 0; i < w->n_steps && !w->fault; i++) {
        if (n_held < N_HELD && (n_held == 0 || random_below(&seed, 2))) {
            struct held *h = &held[n_held];
            h->block = shared_pool_alloc(w->pool, &h->handle);
            if (!h->block) continue; // the others have them all
            n_held++;
            for (int k = 0; k < BLOCK_WORDS; k++)
                h->block[k] = w->id << 32 | h->handle;
        } else {
            struct held h = held[--n_held];
            for (int k = 0; k < BLOCK_WORDS; k++)
                if (h.block[k] != (w->id << 32 | h.handle)) w->fault = "a block has two owners";
            if (shared_pool_get(w->pool, h.handle) != h.block)
                w->fault = "a handle went stale in its owner's hands";
            if (!shared_pool_free(w->pool, h.handle)) w->fault = "a block was given back by another";
        }
    }
    while (n_held > 0)
        shared_pool_free(w->pool, held[--n_held].handle);
    return NULL;
}

/// Takes of `n_steps` in all, taking and giving back, by `n_threads`.
static void hammer(uint64_t n_steps, uint32_t n_threads)
{
    struct allocator libc = libc_allocator();
    struct shared_pool p;
    pthread_t threads[N_THREADS];
    struct worker workers[N_THREADS];
    assert_int_equal(shared_pool_init(&p, &libc, N_BLOCKS, BLOCK_WORDS * sizeof(uint64_t)), STATUS_OK);
    for (uint32_t i = 0; i < n_threads; i++) {
        workers[i] = (struct worker){&p, i, n_steps / n_threads, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        if (workers[i].fault) fail_msg("%s", workers[i].fault);
    }
    assert_int_equal(shared_pool_count_used(&p), 0);
    for (uint32_t i = 0; i < N_BLOCKS; i++) // none is lost, none is there twice
        assert_non_null(shared_pool_alloc(&p, NULL));
    assert_null(shared_pool_alloc(&p, NULL));
    assert_int_equal(shared_pool_count_used(&p), N_BLOCKS);
    assert_int_equal(atomic_load(&p.n_stale), 0);
    shared_pool_fini(&p, &libc);
}

/// SHARED_POOL_STEPS sets another number, for tools under which every step is dear.
static uint64_t n_steps(void)
{
    const char *text = getenv("SHARED_POOL_STEPS");
    if (text) return strtoull(text, NULL, 10);
    return TSAN || MEMORY_ASAN ? 2000000 : 100000000;
}

static void test_two_threads(void **state)
{
    (void)state;
    hammer(n_steps(), 2);
}

static void test_more_threads_than_cores(void **state)
{
    (void)state;
    hammer(n_steps() / 20, N_THREADS);
}

/// One thread only takes, the other only gives back: blocks go through the pool as through a queue.
struct relay {
    struct shared_pool pool;
    _Atomic uint64_t slot;
    uint64_t n;
};

static void *give_back(void *ctx)
{
    struct relay *r = ctx;
    for (uint64_t i = 0; i < r->n; i++) {
        uint64_t handle;
        while ((handle = atomic_exchange_explicit(&r->slot, 0, memory_order_acquire)) == 0)
            sched_yield();
        uint64_t *block = shared_pool_get(&r->pool, handle);
        if (!block || block[0] != handle || !shared_pool_free(&r->pool, handle)) return "lost";
    }
    return NULL;
}

static void test_one_takes_and_one_gives_back(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    static struct relay r;
    r.n = n_steps() / 500;
    assert_int_equal(shared_pool_init(&r.pool, &libc, 4, 8), STATUS_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, give_back, &r), 0);
    for (uint64_t i = 0; i < r.n; i++) {
        uint64_t handle, *block;
        while (!(block = shared_pool_alloc(&r.pool, &handle)))
            sched_yield();
        block[0] = handle;
        uint64_t empty = 0;
        while (!atomic_compare_exchange_weak_explicit(&r.slot, &empty, handle, memory_order_release,
                                                      memory_order_relaxed)) {
            empty = 0;
            sched_yield();
        }
    }
    void *fault;
    pthread_join(thread, &fault);
    assert_null(fault);
    assert_int_equal(shared_pool_count_used(&r.pool), 0);
    shared_pool_fini(&r.pool, &libc);
}

static enum status init_one(void *object, struct allocator *a)
{
    return shared_pool_init(object, a, 100, 40);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct shared_pool p;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &p});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_and_empties),
        cmocka_unit_test(test_counter_wraps),
        cmocka_unit_test(test_the_same_top_is_another_head),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_more_threads_than_cores),
        cmocka_unit_test(test_one_takes_and_one_gives_back),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
