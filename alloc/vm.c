// SPDX-License-Identifier: MIT
// vm.c - address space: reserved once, committed in pages, locked into memory.
#include "alloc/vm.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

size_t vm_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t vm_round_to_pages(size_t bytes)
{
    size_t mask = vm_page_bytes() - 1;
    size_t sum;
    if (__builtin_add_overflow(bytes, mask, &sum)) return 0;
    return sum & ~mask;
}

enum status vm_reserve(size_t bytes, void **base)
{
    // Reserved with some more, of which what is before and behind the boundaries is given back.
    size_t more = bytes >= VM_HUGE_PAGE_BYTES ? VM_HUGE_PAGE_BYTES : 0, all;
    if (__builtin_add_overflow(bytes, more, &all)) return STATUS_NO_MEMORY;
    void *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return STATUS_NO_MEMORY;
    size_t before = more ? -(uintptr_t)p & (VM_HUGE_PAGE_BYTES - 1) : 0;
    if (before > 0) munmap(p, before);
    if (more > before) munmap((char *)p + before + bytes, more - before);
    *base = (char *)p + before;
    return STATUS_OK;
}

void vm_release(void *base, size_t bytes)
{
    if (base) munmap(base, bytes);
}

enum status vm_commit(void *base, size_t bytes)
{
    return mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0 ? STATUS_OK : status_from_errno(errno);
}

void vm_prefer_huge_pages(void *base, size_t bytes)
{
    (void)madvise(base, bytes, MADV_HUGEPAGE);
}

void vm_decommit(void *base, size_t bytes)
{
    // A fresh mapping over the old one drops pages, locks and rights in one call.
    (void)mmap(base, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

bool vm_lock(void *base, size_t bytes)
{
    return mlock(base, bytes) == 0;
}
