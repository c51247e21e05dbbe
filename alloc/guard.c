// SPDX-License-Identifier: MIT
// guard.c - an allocator that distrusts whoever uses it: canaries, a list of all that is live, and a
// quarantine.
#include "alloc/guard.h"

#include <assert.h>
#include <string.h>

#include "alloc/debug.h"

#define CANARY_LIVE UINT64_C(0xa11fe0fc0ffee5ed)
#define CANARY_DEAD UINT64_C(0xdeadbeefdeadbea7)

/// Bytes and value of the canary behind a block.
#define BACK_BYTES 16
#define BACK_BYTE  0xbd

/// Stands right before the memory that the user sees; its last word is the canary there.
struct guard_block {
    struct guard_block *next, *previous;
    size_t bytes, front; // the user's bytes, and what was taken before them
    const char *where, *tag;
    uint64_t serial;
    uint64_t canary; // bound to its own address, so that a copied header is no header
};

static_assert(sizeof(struct guard_block) == CACHE_LINE, "the user's memory keeps its alignment");

static uint8_t *user(const struct guard_block *b)
{
    return (uint8_t *)(uintptr_t)(b + 1);
}

static uint64_t canary_of(const struct guard_block *b, uint64_t kind)
{
    return kind ^ (uintptr_t)b;
}

/// The canaries are poisoned while nobody looks.
static void hide_canaries(struct guard_block *b)
{
    ASAN_POISON_MEMORY_REGION(&b->canary, sizeof b->canary);
    ASAN_POISON_MEMORY_REGION(user(b) + b->bytes, BACK_BYTES);
}

/// With the canary behind it: the two may share a granule, and half of one cannot be poisoned.
static void hide_user(const struct guard_block *b)
{
    ASAN_POISON_MEMORY_REGION(user(b), b->bytes + BACK_BYTES);
}

static void show_canaries(const struct guard_block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(&b->canary, sizeof b->canary);
    ASAN_UNPOISON_MEMORY_REGION(user(b) + b->bytes, BACK_BYTES);
}

_Noreturn static void fail(const struct guard *g, const struct guard_block *b, const char *what)
{
    debug_fail("%s: %s: %zu bytes at %p, made at %s for %s", g->name, what, b->bytes, (const void *)user(b),
               b->where ? b->where : "a place that was not tracked", b->tag ? b->tag : "no tag");
}

// ---- lists ----

static void append(struct guard_block **first, struct guard_block **last, struct guard_block *b)
{
    b->next = NULL;
    b->previous = *last;
    *(*last ? &(*last)->next : first) = b;
    *last = b;
}

static void unlink_block(struct guard_block **first, struct guard_block **last, struct guard_block *b)
{
    *(b->previous ? &b->previous->next : first) = b->next;
    *(b->next ? &b->next->previous : last) = b->previous;
}

// ---- checks ----

/// What is wrong with a live block; NULL: nothing.
static const char *live_fault(struct guard_block *b)
{
    show_canaries(b);
    const char *fault = NULL;
    if (b->canary != canary_of(b, CANARY_LIVE)) fault = "written to before its start";
    if (!debug_is_filled(user(b) + b->bytes, BACK_BYTE, BACK_BYTES)) fault = "written to behind its end";
    hide_canaries(b);
    return fault;
}

static const char *dead_fault(const struct guard_block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(user(b), b->bytes);
    bool untouched = debug_is_filled(user(b), DEBUG_FREE_BYTE, b->bytes);
    hide_user(b);
    return untouched ? NULL : "written to after it was given back";
}

/// Takes the oldest block out of quarantine.
static void let_go(struct guard *g)
{
    struct guard_block *b = g->dead;
    const char *fault = dead_fault(b);
    if (fault) fail(g, b, fault);
    unlink_block(&g->dead, &g->dead_last, b);
    g->n_dead--;
    show_canaries(b);
    ASAN_UNPOISON_MEMORY_REGION(user(b), b->bytes);
    if (g->inner->free) g->inner->free(g->inner->ctx, user(b) - b->front, b->front + b->bytes + BACK_BYTES);
}

/// The header before `p`, which must be that of a live block.
static struct guard_block *find(const struct guard *g, void *p)
{
    struct guard_block *b = (struct guard_block *)p - 1;
    ASAN_UNPOISON_MEMORY_REGION(&b->canary, sizeof b->canary);
    if ((uintptr_t)p % CACHE_LINE == 0 && b->canary == canary_of(b, CANARY_LIVE)) return b;
    if ((uintptr_t)p % CACHE_LINE == 0 && b->canary == canary_of(b, CANARY_DEAD))
        fail(g, b, "given back twice");
    for (struct guard_block *live = g->live; live; live = live->next)
        if (live == b) fail(g, b, "written to before its start");
    debug_fail("%s: %p is given back, but was not made here", g->name, p);
}

// ---- as an allocator ----

static void *guarded_alloc(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct guard *g = ctx;
    size_t front = align > sizeof(struct guard_block) ? align : sizeof(struct guard_block), total;
    if (!size_add(bytes, front + BACK_BYTES, &total)) total = SIZE_MAX;
    uint8_t *p = g->inner->alloc(g->inner->ctx, total, align > CACHE_LINE ? align : CACHE_LINE, where);
    if (!p) {
        g->inner->n_refused++;
        return NULL;
    }
    struct guard_block *b = (struct guard_block *)(void *)(p + front) - 1;
    *b = (struct guard_block){.bytes = bytes, .front = front, .where = where, .tag = g->tag};
    b->serial = ++*g->serial;
    b->canary = canary_of(b, CANARY_LIVE);
    memset(user(b) + bytes, BACK_BYTE, BACK_BYTES);
    hide_canaries(b);
    append(&g->live, &g->live_last, b);
    g->n_live++;
    g->live_bytes += bytes;
    return user(b);
}

static void guarded_free(void *ctx, void *p, size_t bytes)
{
    struct guard *g = ctx;
    struct guard_block *b = find(g, p);
    const char *fault = live_fault(b);
    if (!fault && bytes != b->bytes) fault = "given back with another size";
    if (fault) fail(g, b, fault);

    unlink_block(&g->live, &g->live_last, b);
    g->n_live--;
    g->live_bytes -= b->bytes;
    show_canaries(b);
    b->canary = canary_of(b, CANARY_DEAD);
    memset(user(b), DEBUG_FREE_BYTE, b->bytes);
    hide_canaries(b);
    hide_user(b);
    append(&g->dead, &g->dead_last, b);
    if (++g->n_dead > GUARD_QUARANTINE) let_go(g);
}

static void guarded_tag(void *ctx, const char *name)
{
    struct guard *g = ctx;
    g->tag = name;
    allocator_tag(g->inner, name);
}

struct allocator *guard_allocator(struct guard *g)
{
    // The count of refusals stays what it is.
    g->allocator.alloc = guarded_alloc;
    g->allocator.free = guarded_free;
    g->allocator.set_tag = guarded_tag;
    g->allocator.ctx = g;
    return &g->allocator;
}

// ---- set-up and reports ----

void guard_init(struct guard *g, struct allocator *inner, const char *name, uint64_t *serial)
{
    *g = (struct guard){.inner = inner, .name = name, .serial = serial};
}

static struct guard_live describe(const struct guard *g, const struct guard_block *b)
{
    return (struct guard_live){user(b), b->bytes, g->name, b->tag, b->where, b->serial};
}

uint32_t guard_fini(struct guard *g)
{
    for (struct guard_block *b = g->live; b; b = b->next) {
        const char *fault = live_fault(b);
        if (fault) fail(g, b, fault);
    }
    while (g->dead)
        let_go(g);
    uint32_t n_live = g->n_live;
    *g = (struct guard){0};
    return n_live;
}

bool guard_is_whole(const struct guard *g, struct guard_live *fault)
{
    for (struct guard_block *b = g->live; b; b = b->next) {
        *fault = describe(g, b);
        if (live_fault(b)) return false;
    }
    for (const struct guard_block *b = g->dead; b; b = b->next) {
        *fault = describe(g, b);
        if (dead_fault(b)) return false;
    }
    return true;
}

uint32_t guard_each_live(const struct guard *g, uint64_t since,
                         void (*report)(void *ctx, const struct guard_live *live), void *ctx)
{
    uint32_t n = 0;
    for (const struct guard_block *b = g->live; b; b = b->next) {
        if (b->serial <= since) continue;
        struct guard_live live = describe(g, b);
        report(ctx, &live);
        n++;
    }
    return n;
}
