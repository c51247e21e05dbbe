// SPDX-License-Identifier: MIT
// vm.c - address space: reserved once, committed in pages, locked into memory.
#include "alloc/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
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

void vm_decommit(void *base, size_t bytes)
{
    // A fresh mapping over the old one drops pages, locks and rights in one call.
    if (mmap(base, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
        MAP_FAILED)
        return;
    // The process may have no more mappings (vm.max_map_count). What the pages held must go all the same;
    // when they are locked they cannot be dropped. Their rights may stay.
    if (madvise(base, bytes, MADV_DONTNEED) != 0) memset(base, 0, bytes);
    (void)mprotect(base, bytes, PROT_NONE);
}

/// Goes over memory that nobody may use yet, so AddressSanitizer must not look.
__attribute__((no_sanitize("address"))) static void touch(void *base, size_t bytes)
{
    for (size_t i = 0, page = vm_page_bytes(); i < bytes; i += page) {
        volatile uint8_t *p = (uint8_t *)base + i;
        *p = *p; // a write makes the page our own
    }
}

void vm_prefault(void *base, size_t bytes)
{
    // One call, in half the time of a fault (or two) for each page. Kernels before 5.14 do not know it.
    if (madvise(base, bytes, MADV_POPULATE_WRITE) != 0) touch(base, bytes);
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

struct hold {
    bool lock, all_locked;
};

/// Page by page where it may be written: what relocation has made read-only lies among it. Kernels
/// before 5.14 know neither call: the first run of a path takes its fault there.
static void populate(uint8_t *base, size_t bytes, bool is_writable)
{
    size_t step = is_writable ? vm_page_bytes() : bytes;
    for (size_t i = 0; i < bytes; i += step)
        if (!is_writable || madvise(base + i, step, MADV_POPULATE_WRITE) != 0)
            madvise(base + i, step, MADV_POPULATE_READ);
}

/// One loaded object: makes each of its segments resident, and locks it if asked to.
static int hold_object(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    struct hold *hold = context;
    size_t mask = vm_page_bytes() - 1;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~mask;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + mask) & ~mask;
        void *base = (void *)start; // NOLINT(performance-no-int-to-ptr)
        if (hold->lock && mlock(base, end - start) == 0) continue;
        hold->all_locked = false;
        populate(base, end - start, segment->p_flags & PF_W);
    }
    return 0;
}

bool vm_hold_program(bool lock)
{
    struct hold hold = {.lock = lock, .all_locked = true};
    dl_iterate_phdr(hold_object, &hold);
    return hold.all_locked || !lock;
}
