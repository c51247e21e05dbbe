// SPDX-License-Identifier: MIT
// pool_rt.c - finds the handle that belongs to a block.
#include "alloc/pool.h"

RT_SAFE pool_handle pool_handle_of(const struct pool *p, const void *block)
{
    uintptr_t offset = (uintptr_t)block - (uintptr_t)p->blocks; // below the first block it is huge
    if (p->n_blocks == 0 || offset >= (size_t)p->n_blocks * p->block_bytes || offset % p->block_bytes)
        return POOL_NONE;
    uint32_t i = (uint32_t)(offset / p->block_bytes);
    if (!(p->generations[i] & 1)) return POOL_NONE;
    return (pool_handle)p->generations[i] << 32 | i;
}
