// SPDX-License-Identifier: MIT
// test_refcount.c - who owns what, and what is undone: reference counts and the cleanup stack.
#include <pthread.h>
#include <string.h>

#include "alloc/cleanup.h"
#include "alloc/refcount.h"
#include "tests/check.h"
#include "tests/child.h"

// ---- refcount ----

struct object {
    struct refcount refs;
    int n_destroyed;
    uint64_t values[4];
};

static void destroy(void *ctx)
{
    ((struct object *)ctx)->n_destroyed++;
}

static void test_the_last_one_destroys(void **state)
{
    (void)state;
    struct object o = {0};
    refcount_init(&o.refs, destroy, &o);
    assert_int_equal(refcount_get(&o.refs), 1);
    refcount_acquire(&o.refs);
    refcount_acquire(&o.refs);
    assert_int_equal(refcount_get(&o.refs), 3);
    assert_false(refcount_release(&o.refs));
    assert_false(refcount_release(&o.refs));
    assert_int_equal(o.n_destroyed, 0);
    assert_true(refcount_release(&o.refs));
    assert_int_equal(o.n_destroyed, 1);

    refcount_init(&o.refs, NULL, NULL);
    assert_true(refcount_release(&o.refs));
}

static void release_once_more(void *ctx)
{
    struct object *o = ctx;
    refcount_init(&o->refs, destroy, o);
    refcount_release(&o->refs);
    refcount_release(&o->refs);
}

static void acquire_what_is_gone(void *ctx)
{
    struct object *o = ctx;
    refcount_init(&o->refs, destroy, o);
    refcount_release(&o->refs);
    refcount_acquire(&o->refs);
}

static void acquire_too_often(void *ctx)
{
    struct object *o = ctx;
    refcount_init(&o->refs, destroy, o);
    atomic_store(&o->refs.n, UINT32_MAX);
    refcount_acquire(&o->refs);
}

static void test_mistakes_are_found(void **state)
{
    (void)state;
    struct object o = {0};
    check_dies(release_once_more, &o, "release of an object that is gone");
    check_dies(acquire_what_is_gone, &o, "object that is gone");
    check_dies(acquire_too_often, &o, "one too many");
}

#define N_THREADS 3
#define N_ROUNDS  200000

/// Each thread writes its own value before it lets go; who destroys must see all of them.
struct shared {
    struct object object;
    uint64_t sum;
};

static void add_up(void *ctx)
{
    struct shared *s = ctx;
    s->object.n_destroyed++;
    for (int i = 0; i < N_THREADS; i++)
        s->sum += s->object.values[i];
}

struct owner {
    struct shared *shared;
    int index;
};

static void *own(void *ctx)
{
    struct owner *o = ctx;
    struct object *object = &o->shared->object;
    for (int i = 0; i < N_ROUNDS; i++) {
        refcount_acquire(&object->refs);
        object->values[o->index]++;
        refcount_release(&object->refs);
    }
    refcount_release(&object->refs); // the one that it was started with
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static struct shared s;
    pthread_t threads[N_THREADS];
    struct owner owners[N_THREADS];
    refcount_init(&s.object.refs, add_up, &s);
    for (int i = 0; i < N_THREADS; i++) {
        owners[i] = (struct owner){&s, i};
        refcount_acquire(&s.object.refs);
        assert_int_equal(pthread_create(&threads[i], NULL, own, &owners[i]), 0);
    }
    refcount_release(&s.object.refs);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(s.object.n_destroyed, 1);
    assert_int_equal(s.sum, N_THREADS * N_ROUNDS);
}

// ---- cleanup ----

static char order[CLEANUP_MAX + 1];

static void note(void *ctx)
{
    size_t n = strlen(order);
    order[n] = *(const char *)ctx;
    order[n + 1] = 0;
}

static void test_runs_in_reverse(void **state)
{
    (void)state;
    struct cleanup c = {0};
    char letters[] = "abcd";
    order[0] = 0;
    cleanup_run(&c); // nothing
    cleanup_pop(&c);
    for (int i = 0; i < 4; i++)
        cleanup_push(&c, note, &letters[i]);
    cleanup_pop(&c);
    assert_string_equal(order, "d");
    cleanup_push(&c, note, &letters[0]);
    cleanup_run(&c);
    assert_string_equal(order, "dacba");
    cleanup_run(&c);
    assert_string_equal(order, "dacba");
    cleanup_push(&c, note, &letters[0]);
    cleanup_forget(&c);
    cleanup_run(&c);
    assert_string_equal(order, "dacba");
}

static void push_too_many(void *ctx)
{
    struct cleanup *c = ctx;
    static char letter = 'x';
    for (int i = 0; i <= CLEANUP_MAX; i++)
        cleanup_push(c, note, &letter);
}

static void test_holds_so_many(void **state)
{
    (void)state;
    struct cleanup c = {0};
    char letter = 'x';
    order[0] = 0;
    for (int i = 0; i < CLEANUP_MAX; i++)
        cleanup_push(&c, note, &letter);
    cleanup_run(&c);
    assert_int_equal(strlen(order), CLEANUP_MAX);
    check_dies(push_too_many, &c, "steps to undo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_one_destroys),
        cmocka_unit_test(test_mistakes_are_found),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_runs_in_reverse),
        cmocka_unit_test(test_holds_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
