// SPDX-License-Identifier: MIT
// test_scratch.c - memory that is taken and given back in order: scratch, stack and ring.
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "alloc/ring.h"
#include "alloc/scratch.h"
#include "alloc/stack.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/child.h"
#include "tests/random.h"

// ---- scratch ----

static void test_scratch_fills_and_resets(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct scratch s;
    assert_int_equal(scratch_init(&s, &libc, 1000), STATUS_OK); // 16 cache lines
    for (int round = 0; round < 3; round++) {
        uint8_t *a = scratch_push(&s, 1, 1), *b = scratch_push(&s, 1, 1);
        assert_int_equal((uintptr_t)a % CACHE_LINE, 0);
        assert_ptr_equal(b, a + CACHE_LINE);
        float *c = SCRATCH_PUSH(&s, float, 64);
        assert_ptr_equal(c, b + CACHE_LINE);
        memset(c, 0, 64 * sizeof *c);
        assert_int_equal(s.used_bytes, 128 + 256);
        assert_null(scratch_push(&s, 641, 1)); // one more than is left
        uint8_t *d = scratch_push(&s, 640, 1); // the last byte
        assert_ptr_equal(d, a + 384);
        memset(d, 1, 640);
        assert_null(scratch_push(&s, 1, 1));
        assert_null(scratch_push(&s, SIZE_MAX, 1));
        assert_null(scratch_push(&s, SIZE_MAX, 2));
        assert_non_null(scratch_push(&s, 0, 1));
        scratch_reset(&s);
        assert_int_equal(s.used_bytes, 0);
    }
    assert_int_equal(scratch_high_bytes(&s), 1024);
    assert_int_equal(scratch_n_refused(&s), 12);
    scratch_fini(&s, &libc);
    scratch_fini(&s, &libc); // a zeroed one
    assert_null(scratch_push(&s, 1, 1));
    scratch_reset(&s);
    assert_int_equal(scratch_init(&s, &libc, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(scratch_init(&s, &libc, SIZE_MAX), STATUS_BAD_ARGUMENT);
}

static void test_scratch_scopes(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct scratch s;
    assert_int_equal(scratch_init(&s, &libc, 4096), STATUS_OK);
    uint32_t *kept = SCRATCH_PUSH(&s, uint32_t, 4);
    kept[3] = 42;
    for (int i = 0; i < 100; i++) { // far more than fits at once
        struct scratch_mark mark = scratch_begin(&s);
        memset(SCRATCH_PUSH(&s, uint8_t, 3000), i, 3000);
        scratch_end(&s, mark);
    }
    assert_int_equal(kept[3], 42);
    assert_int_equal(s.used_bytes, CACHE_LINE);
    assert_int_equal(scratch_n_refused(&s), 0);
    scratch_fini(&s, &libc);
}

static void scratch_use_after_reset(void *ctx)
{
    struct scratch *s = ctx;
    volatile float *p = SCRATCH_PUSH(s, float, 64);
    scratch_reset(s);
    p[10] = 1;
    (void)SCRATCH_PUSH(s, float, 64);
}

// ---- stack ----

static void test_stack_pushes_and_pops(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct stack s;
    assert_int_equal(stack_init(&s, &libc, 1 << 16), STATUS_OK);
    void *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        size_t align = (size_t)1 << i % 7;
        blocks[i] = stack_push(&s, i, 1, align);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % align, 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 200; i-- > 0;) {
        for (size_t k = 0; k < i; k++)
            assert_int_equal(((uint8_t *)blocks[i])[k], i);
        stack_pop(&s, blocks[i]);
    }
    assert_int_equal(s.used_bytes, 0);
    stack_pop(&s, NULL);
    assert_int_equal(s.n_disordered, 0);
    stack_fini(&s, &libc);
    stack_fini(&s, &libc);
    assert_null(stack_push(&s, 1, 1, 1)); // a zeroed one
}

static void test_stack_fills(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct stack s;
    assert_int_equal(stack_init(&s, &libc, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(stack_init(&s, &libc, (size_t)UINT32_MAX + 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(stack_init(&s, &libc, 1024), STATUS_OK);
    assert_null(stack_push(&s, 1024 - 15, 1, 1)); // its link takes 16
    assert_null(stack_push(&s, SIZE_MAX, 2, 1));
    assert_null(stack_push(&s, SIZE_MAX, 1, 1));
    void *all = stack_push(&s, 1024 - 16, 1, 1);
    assert_non_null(all);
    assert_null(stack_push(&s, 0, 1, 1));
    assert_int_equal(s.n_refused, 4);
    assert_int_equal(s.high_bytes, 1024);
    stack_pop(&s, all);
    double *numbers = STACK_PUSH(&s, double, 3);
    assert_non_null(numbers);
    struct allocator *a = stack_allocator(&s);
    uint64_t *p = make(uint64_t, 10, a), *q = make(uint64_t, 10, a);
    assert_int_equal(p[9] | q[9], 0);
    unmake(q, 10, a);
    unmake(p, 10, a);
    assert_null(make(uint64_t, 1000, a));
    assert_null(allocator_make(a, 1, 1, 4096, NULL));
    stack_pop(&s, numbers);
    assert_int_equal(s.used_bytes, 0);
    stack_fini(&s, &libc);
}

static void pop_in_the_wrong_order(void *ctx)
{
    struct stack *s = ctx;
    void *a = stack_push(s, 10, 1, 1);
    (void)stack_push(s, 10, 1, 1);
    stack_pop(s, a);
}

static void pop_twice(void *ctx)
{
    struct stack *s = ctx;
    void *a = stack_push(s, 10, 1, 1);
    stack_pop(s, a);
    stack_pop(s, a);
}

static void stack_use_after_pop(void *ctx)
{
    struct stack *s = ctx;
    volatile uint8_t *p = stack_push(s, 100, 1, 1);
    stack_pop(s, (void *)(uintptr_t)p);
    p[50] = 1;
    (void)stack_push(s, 100, 1, 1);
}

static void test_mistakes_are_found(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct scratch scratch;
    struct stack stack;
    assert_int_equal(scratch_init(&scratch, &libc, 4096), STATUS_OK);
    assert_int_equal(stack_init(&stack, &libc, 4096), STATUS_OK);
    if (CHIMED_MEMORY_GUARDS || MEMORY_ASAN) {
        if (HAS_ASSERT)
            check_dies(scratch_use_after_reset, &scratch, MEMORY_ASAN ? "use-after-poison" : "untouched");
        check_dies(stack_use_after_pop, &stack,
                   MEMORY_ASAN ? "use-after-poison" : "written to after it was popped");
    }
    if (CHIMED_MEMORY_GUARDS) {
        check_dies(pop_in_the_wrong_order, &stack, "not the last one");
        check_dies(pop_twice, &stack, MEMORY_ASAN ? "use-after-poison" : "not the last one");
    } else {
        pop_in_the_wrong_order(&stack);
        assert_int_equal(stack.n_disordered, 1);
        assert_int_equal(stack.used_bytes, 2 * (16 + 16)); // nothing has happened
    }
    stack_fini(&stack, &libc);
    scratch_fini(&scratch, &libc);
}

// ---- ring ----

static void test_ring_frees_itself(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    for (uint32_t n_cycles = 1; n_cycles < 6; n_cycles++) {
        struct ring r;
        assert_int_equal(ring_init(&r, &libc, 1024, n_cycles), STATUS_OK);
        uint64_t value = 1;
        struct ring_ref refs[64];
        for (uint32_t cycle = 0; cycle < 64; cycle++) {
            refs[cycle] = ring_put(&r, &value, sizeof value);
            assert_int_equal(refs[cycle].bytes, sizeof value);
            for (uint32_t old = 0; old <= cycle; old++) {
                uint64_t got = 0;
                bool live = old + n_cycles > cycle;
                assert_int_equal(ring_get(&r, refs[old], &got), live);
                if (live) assert_int_equal(got, old + 1);
            }
            value++;
            ring_advance(&r);
        }
        assert_int_equal(r.n_refused, 0);
        ring_fini(&r, &libc);
    }
}

static void test_ring_fills_and_wraps(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct ring r;
    assert_int_equal(ring_init(&r, &libc, 256, 1), STATUS_OK);
    assert_null(ring_push(&r, 257, 1, 1));
    assert_null(ring_push(&r, SIZE_MAX, 2, 1));
    uint8_t *all = ring_push(&r, 256, 1, 1);
    assert_ptr_equal(all, r.base);
    assert_null(ring_push(&r, 1, 1, 1));
    ring_advance(&r);
    assert_ptr_equal(ring_push(&r, 200, 1, 1), r.base);
    assert_null(ring_push(&r, 57, 1, 1)); // 56 are left, and not across the end
    assert_non_null(ring_push(&r, 56, 1, 1));
    ring_advance(&r);
    assert_non_null(ring_push(&r, 100, 1, 1));
    ring_advance(&r);
    assert_null(
        ring_push(&r, 200, 1, 1)); // nothing is live, but 156 are left before the end and 100 behind it
    assert_ptr_equal(ring_push(&r, 156, 1, 1), r.base + 100);
    ring_advance(&r);
    assert_ptr_equal(ring_push(&r, 200, 1, 1), r.base);
    ring_advance(&r);
    assert_ptr_equal(ring_push(&r, 57, 1, 1), r.base); // 56 are left before the end: skipped
    assert_int_equal(r.n_refused, 5);
    assert_int_equal(r.high_bytes, 256);
    struct ring_ref none = ring_put(&r, r.base, 0);
    assert_int_equal(none.bytes, 0);
    assert_false(ring_get(&r, none, all));
    none = ring_put(&r, all, 200);
    assert_false(ring_get(&r, none, all));

    ring_advance(&r);
    struct allocator *a = ring_allocator(&r);
    uint32_t *numbers = make(uint32_t, 10, a);
    assert_int_equal(numbers[0] | numbers[9], 0);
    unmake(numbers, 10, a);
    assert_null(make(uint32_t, 100, a));
    assert_null(allocator_make(a, 1, 1, 4096, NULL));
    ring_fini(&r, &libc);
    ring_fini(&r, &libc);
    assert_null(ring_push(&r, 1, 1, 1)); // a zeroed one
    ring_advance(&r);
}

static void test_ring_bad_arguments(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct ring r;
    assert_int_equal(ring_init(&r, &libc, 0, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(ring_init(&r, &libc, 32, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(ring_init(&r, &libc, 100, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(ring_init(&r, &libc, 128, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(ring_init(&r, &libc, 128, 65537), STATUS_BAD_ARGUMENT);
}

/// Records of every size come out whole, and not a byte more.
static void test_ring_records_of_any_size(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct ring r;
    uint8_t in[300], out[301];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7);
    assert_int_equal(ring_init(&r, &libc, 1024, 2), STATUS_OK);
    for (uint32_t bytes = 1; bytes <= 300; bytes++) {
        memset(out, 0xee, sizeof out);
        struct ring_ref ref = ring_put(&r, in, bytes);
        assert_true(ring_get(&r, ref, out));
        assert_memory_equal(in, out, bytes);
        assert_int_equal(out[bytes], 0xee);
        ring_advance(&r);
    }
    ring_fini(&r, &libc);
}

/// Where the writer leaves its records; the reader is often late.
struct shared {
    struct ring ring;
    _Atomic uint64_t position;
    _Atomic uint32_t bytes, stop;
    uint64_t n_read, n_late;
};

#define RECORD_WORDS 24
/// Sanitizers make each one dear.
#define N_RECORDS (TSAN || MEMORY_ASAN ? 100000u : 2000000u)

static void *read_records(void *ctx)
{
    struct shared *s = ctx;
    uint64_t record[RECORD_WORDS];
    while (!atomic_load(&s->stop)) {
        struct ring_ref ref = {atomic_load_explicit(&s->position, memory_order_acquire), sizeof record};
        if (!ring_get(&s->ring, ref, record)) {
            s->n_late++;
            continue;
        }
        for (int i = 1; i < RECORD_WORDS; i++)
            if (record[i] != record[0]) return "a record is half of another one";
        s->n_read++;
    }
    return NULL;
}

static void test_ring_between_threads(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    static struct shared s;
    uint64_t record[RECORD_WORDS] = {0};
    assert_int_equal(ring_init(&s.ring, &libc, 1024, 3), STATUS_OK);
    struct ring_ref first = ring_put(&s.ring, record, sizeof record);
    atomic_store(&s.position, first.position);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_records, &s), 0);
    for (uint64_t n = 1; n < N_RECORDS; n++) {
        for (int i = 0; i < RECORD_WORDS; i++)
            record[i] = n;
        struct ring_ref ref = ring_put(&s.ring, record, sizeof record);
        assert_int_equal(ref.bytes, sizeof record);
        // The reference of an older record: it is on the point of being written over.
        if (n % 3 == 0) atomic_store_explicit(&s.position, ref.position, memory_order_release);
        ring_advance(&s.ring);
    }
    atomic_store(&s.stop, 1);
    void *fault;
    pthread_join(reader, &fault);
    if (fault) fail_msg("%s", (const char *)fault);
    assert_true(s.n_read + s.n_late > 0);
    ring_fini(&s.ring, &libc);
}

// ---- set-up ----

static enum status init_scratch(void *object, struct allocator *a)
{
    return scratch_init(object, a, 5000);
}

static enum status init_stack(void *object, struct allocator *a)
{
    return stack_init(object, a, 5000);
}

static enum status init_ring(void *object, struct allocator *a)
{
    return ring_init(object, a, 4096, 100);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct scratch scratch;
    struct stack stack;
    struct ring ring;
    check_arena_sizes(&(struct arena_user){init_scratch, NULL, &scratch});
    check_arena_sizes(&(struct arena_user){init_stack, NULL, &stack});
    check_arena_sizes(&(struct arena_user){init_ring, NULL, &ring});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scratch_fills_and_resets),
        cmocka_unit_test(test_scratch_scopes),
        cmocka_unit_test(test_stack_pushes_and_pops),
        cmocka_unit_test(test_stack_fills),
        cmocka_unit_test(test_mistakes_are_found),
        cmocka_unit_test(test_ring_frees_itself),
        cmocka_unit_test(test_ring_fills_and_wraps),
        cmocka_unit_test(test_ring_bad_arguments),
        cmocka_unit_test(test_ring_records_of_any_size),
        cmocka_unit_test(test_ring_between_threads),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
