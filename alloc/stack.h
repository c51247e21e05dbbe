// SPDX-License-Identifier: MIT
// stack.h - memory for nested work: what was pushed last is popped first.
#ifndef ALLOC_STACK_H
#define ALLOC_STACK_H
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Owned by one thread. A zeroed one has room for nothing.
struct stack {
    uint8_t *base;
    size_t size_bytes, used_bytes, high_bytes;
    size_t top; // where the block that was pushed last begins; 0: there is none
    uint32_t n_blocks;
    uint64_t n_refused;
    uint64_t n_disordered;      // pops of a block that was not the last one
    struct allocator allocator; // made of it
};

NODISCARD enum status stack_init(struct stack *s, struct allocator *a, size_t size_bytes);
/// `a`: the same. Accepts a zeroed one.
void stack_fini(struct stack *s, struct allocator *a);

/// `n` items of `item_bytes` on a boundary of `align` (a power of two, at most CACHE_LINE); their content is
/// arbitrary. NULL when full.
void *stack_push(struct stack *s, size_t n, size_t item_bytes, size_t align);

/// `n` items of `type`.
#define STACK_PUSH(stack, type, n) ((type *)stack_push((stack), (n), sizeof(type), _Alignof(type)))

/// Gives back the block that was pushed last; NULL does nothing. Any other block stays, and is counted; where
/// guards are built in it ends the process.
void stack_pop(struct stack *s, void *p);

/// As much as an allocator, for those who give back in reverse.
struct allocator *stack_allocator(struct stack *s);

#endif
