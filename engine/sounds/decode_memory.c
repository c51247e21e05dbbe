// SPDX-License-Identifier: MIT
// decode_memory.c - malloc() in chimed-decode: where there is no more, the process ends with that answer.
//
// libsndfile and the decoders behind it do not look whether they got what they asked for.
#include <errno.h>
#include <stddef.h>

#include "engine/sounds/decode_process.h"

// glibc's own names: what stands below takes the place of the usual ones, for all libraries too.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *insist(void *memory)
{
    if (!memory) decode_out_of_memory();
    return memory;
}

#pragma GCC visibility push(default)

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *memory, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **memory, size_t alignment, size_t size);

void *malloc(size_t size)
{
    return insist(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return insist(__libc_calloc(n, size));
}

void *realloc(void *memory, size_t size)
{
    void *p = __libc_realloc(memory, size);
    return size == 0 ? p : insist(p); // it was given back
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return insist(__libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    *memory = insist(__libc_memalign(alignment, size));
    return 0;
}
