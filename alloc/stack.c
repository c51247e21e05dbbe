// SPDX-License-Identifier: MIT
// stack.c - memory for nested work: what was pushed last is popped first.
#include "alloc/stack.h"

#include <assert.h>
#include <string.h>

/// Stands right before each block: the stack as it was without it.
struct link {
    size_t used_bytes, top;
};

enum status stack_init(struct stack *s, struct allocator *a, size_t size_bytes)
{
    *s = (struct stack){0};
    if (size_bytes == 0) return STATUS_BAD_ARGUMENT;
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

void *stack_push(struct stack *s, size_t n, size_t item_bytes, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= CACHE_LINE);
    if (align < _Alignof(struct link)) align = _Alignof(struct link);
    size_t bytes, start = (s->used_bytes + sizeof(struct link) + align - 1) & ~(align - 1);
    if (!size_multiply(n, item_bytes, &bytes) || start > s->size_bytes || bytes > s->size_bytes - start) {
        s->n_refused++;
        return NULL;
    }
    uint8_t *p = s->base + start;
    struct link *link = (struct link *)(void *)p - 1;
    if (!debug_revive(link, sizeof *link + bytes))
        debug_fail("stack: memory was written to after it was popped");
    *link = (struct link){s->used_bytes, s->top};
    s->used_bytes = start + bytes;
    s->top = start;
    s->n_blocks++;
    if (s->used_bytes > s->high_bytes) s->high_bytes = s->used_bytes;
    return p;
}

void stack_pop(struct stack *s, void *p)
{
    if (!p) return;
    if (s->n_blocks == 0 || (uint8_t *)p != s->base + s->top) {
        if (CHIMED_MEMORY_GUARDS) debug_fail("stack: pop of a block that is not the last one");
        s->n_disordered++;
        return;
    }
    struct link before = ((struct link *)p)[-1];
    debug_retire(s->base + before.used_bytes, s->used_bytes - before.used_bytes);
    s->used_bytes = before.used_bytes;
    s->top = before.top;
    s->n_blocks--;
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
