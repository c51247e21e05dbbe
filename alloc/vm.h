// SPDX-License-Identifier: MIT
// vm.h - address space: reserved once, committed in pages, locked into memory.
#ifndef ALLOC_VM_H
#define ALLOC_VM_H
#include <stdbool.h>
#include <stddef.h>

#include "alloc/attr.h"
#include "alloc/status.h"

/// The bytes of a page, as the system says.
size_t vm_page_bytes(void);

/// `bytes` rounded up to whole pages; 0 when that overflows.
size_t vm_round_to_pages(size_t bytes);

/// Bytes of a huge page; one spares the processor the addresses of 512 small ones.
#define VM_HUGE_PAGE_BYTES ((size_t)2 << 20)

/// Reserves address space that nobody may touch yet; it costs no memory. Whole pages only. What is as long as
/// a huge page begins where one can.
NODISCARD enum status vm_reserve(size_t bytes, void **base);

/// Gives everything back, committed or not.
void vm_release(void *base, size_t bytes);

/// Makes whole pages of a reservation readable and writable; they read as zero.
NODISCARD enum status vm_commit(void *base, size_t bytes);

/// Gives the memory of whole committed pages back and makes touching them a crash again. Where the system
/// cannot do so, they are zeroed at least.
void vm_decommit(void *base, size_t bytes);

/// Makes committed pages resident now, so that none of them faults later. What they hold stays.
void vm_prefault(void *base, size_t bytes);

/// Keeps pages in memory and makes them resident now. False when the limit (RLIMIT_MEMLOCK) does not allow
/// it: the pages are usable all the same.
bool vm_lock(void *base, size_t bytes);

/// The bytes of a huge page; 0 when the system has none.
size_t vm_huge_page_bytes(void);

/// Asks for huge pages where a whole one fits into committed memory that was not touched yet.
/// STATUS_UNSUPPORTED where the system has none or gives none: small pages do the same work.
NODISCARD enum status vm_use_huge_pages(void *base, size_t bytes);

/// Brings the code and data of the program, and of every library that is loaded now, into memory, so that a
/// path that runs for the first time takes no page fault; with `lock` it also keeps them there. False when
/// not all could be locked: they are resident all the same.
bool vm_hold_program(bool lock);

#endif
