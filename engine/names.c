// SPDX-License-Identifier: MIT
// names.c - finds records by the hash of their name or number; the records themselves live elsewhere.
#include "engine/names.h"

#include <string.h>

enum status names_init(struct names *n, struct allocator *a, uint32_t n_records)
{
    uint32_t n_buckets = 16;
    while (n_buckets < n_records)
        n_buckets *= 2;
    *n = (struct names){.mask = n_buckets - 1};
    uint64_t n_before = a->n_refused;
    n->buckets = make(uint32_t, n_buckets, a);
    n->next = make(uint32_t, n_records, a);
    n->hashes = make(uint32_t, n_records, a);
    if (allocator_refused(a, n_before)) return STATUS_NO_MEMORY;
    memset(n->buckets, 0xff, n_buckets * sizeof n->buckets[0]); // NAMES_NONE
    return STATUS_OK;
}

uint32_t names_hash_text(const char *text)
{
    uint32_t h = 2166136261u; // FNV-1a, 32 bits
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return names_hash_int(h); // the low bits choose the bucket
}

uint32_t names_hash_int(uint32_t number)
{
    number = (number ^ number >> 16) * 0x85ebca6bu; // the finaliser of MurmurHash3
    number = (number ^ number >> 13) * 0xc2b2ae35u;
    return number ^ number >> 16;
}

void names_insert(struct names *n, uint32_t hash, uint32_t record)
{
    uint32_t *bucket = &n->buckets[hash & n->mask];
    n->hashes[record] = hash;
    n->next[record] = *bucket;
    *bucket = record;
}

void names_remove(struct names *n, uint32_t record)
{
    uint32_t *link = &n->buckets[n->hashes[record] & n->mask];
    while (*link != record)
        link = &n->next[*link];
    *link = n->next[record];
}

static uint32_t same_hash(const struct names *n, uint32_t record, uint32_t hash)
{
    while (record != NAMES_NONE && n->hashes[record] != hash)
        record = n->next[record];
    return record;
}

uint32_t names_first(const struct names *n, uint32_t hash)
{
    return same_hash(n, n->buckets[hash & n->mask], hash);
}

uint32_t names_next(const struct names *n, uint32_t record)
{
    return same_hash(n, n->next[record], n->hashes[record]);
}
