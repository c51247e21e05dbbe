// SPDX-License-Identifier: MIT
// names.h - finds records by the hash of their name or number; the records themselves live elsewhere.
#ifndef ENGINE_NAMES_H
#define ENGINE_NAMES_H
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

#define NAMES_NONE UINT32_MAX

/// A chained hash table over records 0 to n - 1. Owned by one thread.
struct names {
    uint32_t *buckets, *next, *hashes;
    uint32_t mask;
};

/// For at most `n_records`.
NODISCARD enum status names_init(struct names *n, struct allocator *a, uint32_t n_records);

uint32_t names_hash_text(const char *text);
uint32_t names_hash_int(uint32_t number);

/// `record` must not be in the table.
void names_insert(struct names *n, uint32_t hash, uint32_t record);
/// `record` must be in the table.
void names_remove(struct names *n, uint32_t record);

/// The records with this hash, one after the other, newest first; NAMES_NONE behind the last. The caller
/// compares.
uint32_t names_first(const struct names *n, uint32_t hash);
uint32_t names_next(const struct names *n, uint32_t record);

#endif
