// SPDX-License-Identifier: MIT
// stack.c - memory for nested work: what was pushed last is popped first.
#include "alloc/stack.h"

#include <string.h>

enum status stack_init(struct stack *s, struct allocator *a, size_t size_bytes)
{
    *s = (struct stack){0};
    if (size_bytes == 0 || size_bytes > UINT32_MAX) return STATUS_BAD_ARGUMENT;
    s->base = make(uint8_t, size_bytes, a);
    if (!s->base) return STATUS_NO_MEMORY;
    s->size_bytes = size_bytes;
    debug_retire(s->base, size_bytes);
    return STATUS_OK;
}

void stack_fini(struct stack *s, struct allocator *a)
{
    ASAN_UNPOISON_MEMORY_REGION(s->base, s->size_bytes);
    unmake(s->base, s->size_bytes, a);
    *s = (struct stack){0};
}

void stack_pop_disordered(struct stack *s)
{
    if (CHIMED_MEMORY_GUARDS) debug_fail("stack: pop of a block that is not the last one");
    s->n_disordered++;
}

static void *push_for_allocator(void *ctx, size_t bytes, size_t align, const char *where)
{
    (void)where;
    void *p = align <= CACHE_LINE ? stack_push(ctx, 1, bytes, align) : NULL;
    return p ? memset(p, 0, bytes) : NULL;
}

static void pop_for_allocator(void *ctx, void *p, size_t bytes)
{
    (void)bytes;
    stack_pop(ctx, p);
}

struct allocator *stack_allocator(struct stack *s)
{
    // The count of refusals stays what it is.
    s->allocator.alloc = push_for_allocator;
    s->allocator.free = pop_for_allocator;
    s->allocator.ctx = s;
    return &s->allocator;
}
