// SPDX-License-Identifier: MIT
// vm.c - address space: reserved once, committed in pages, locked into memory.
#include "alloc/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return STATUS_NO_MEMORY;
    *base = p;
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

void vm_decommit(void *base, size_t bytes)
{
    // A fresh mapping over the old one drops pages, locks and rights in one call.
    (void)mmap(base, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

void vm_prefault(void *base, size_t bytes)
{
    for (size_t i = 0, page = vm_page_bytes(); i < bytes; i += page) {
        volatile uint8_t *p = (uint8_t *)base + i;
        *p = *p; // a write makes the page our own
    }
}

bool vm_lock(void *base, size_t bytes)
{
    return mlock(base, bytes) == 0;
}

/// Reads a small file of the system. False when there is none.
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

size_t vm_huge_page_bytes(void)
{
    char text[32];
    if (!read_text("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", text, sizeof text)) return 0;
    return strtoul(text, NULL, 10);
}

enum status vm_use_huge_pages(void *base, size_t bytes)
{
    // madvise() says yes even where the administrator has said never.
    char text[64];
    if (!read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text) ||
        strstr(text, "[never]"))
        return STATUS_UNSUPPORTED;
    return madvise(base, bytes, MADV_HUGEPAGE) == 0 ? STATUS_OK : STATUS_UNSUPPORTED;
}
