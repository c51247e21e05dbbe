// SPDX-License-Identifier: MIT
// stack.h - memory for nested work: what was pushed last is popped first.
#ifndef ALLOC_STACK_H
#define ALLOC_STACK_H
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Owned by one thread. A zeroed one has room for nothing.
struct stack {
    uint8_t *base;
    size_t size_bytes, used_bytes, high_bytes;
    uint64_t n_refused;
    uint64_t n_disordered;      // pops of a block that was not the last one
    struct allocator allocator; // made of it
};

/// `size_bytes`: up to 4 GiB.
NODISCARD enum status stack_init(struct stack *s, struct allocator *a, size_t size_bytes);
/// `a`: the same. Accepts a zeroed one.
void stack_fini(struct stack *s, struct allocator *a);

/// Counts a pop of another block than the last one, or ends the process.
void stack_pop_disordered(struct stack *s);

/// Stands right before each block: where the stack ends without it, and (the lower half) with it. Two widths,
/// so that compilers do not join the two stores in a vector register, which takes longer than both.
struct stack_link {
    size_t before_bytes;
    uint32_t end;
};

/// All blocks begin and end on multiples of this.
#define STACK_ALIGN sizeof(struct stack_link)

/// `n` items of `item_bytes` on a boundary of `align` (a power of two, at most CACHE_LINE); their content is
/// arbitrary. NULL when full.
static inline void *stack_push(struct stack *s, size_t n, size_t item_bytes, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= CACHE_LINE);
    size_t bytes, start = s->used_bytes + sizeof(struct stack_link);
    if (align > STACK_ALIGN) start = (start + align - 1) & ~(align - 1);
    if (!size_multiply(n, item_bytes, &bytes) || !size_align(bytes, STACK_ALIGN, &bytes) ||
        start > s->size_bytes || bytes > s->size_bytes - start) {
        s->n_refused++;
        return NULL;
    }
    struct stack_link *link = (struct stack_link *)(void *)(s->base + start) - 1;
    if (!debug_revive(link, sizeof *link + bytes))
        debug_fail("stack: memory was written to after it was popped");
    link->before_bytes = s->used_bytes;
    link->end = (uint32_t)(start + bytes);
    s->used_bytes = start + bytes;
    if (s->used_bytes > s->high_bytes) s->high_bytes = s->used_bytes;
    return link + 1;
}

/// `n` items of `type`.
#define STACK_PUSH(stack, type, n) ((type *)stack_push((stack), (n), sizeof(type), _Alignof(type)))

/// Gives back the block that was pushed last; NULL does nothing. Any other block stays, and is counted; where
/// guards are built in it ends the process.
static inline void stack_pop(struct stack *s, void *p)
{
    if (!p) return;
    const struct stack_link *link = (const struct stack_link *)p - 1;
    size_t before_bytes = link->before_bytes;
    if (link->end != (uint32_t)s->used_bytes) {
        stack_pop_disordered(s);
        return;
    }
    debug_retire(s->base + before_bytes, s->used_bytes - before_bytes);
    s->used_bytes = before_bytes;
}

/// As much as an allocator, for those who give back in reverse.
struct allocator *stack_allocator(struct stack *s);

#endif
