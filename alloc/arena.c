// SPDX-License-Identifier: MIT
// arena.c - linear memory: handed out front to back, given back as a whole or down to a mark.
#include "alloc/arena.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "alloc/vm.h"

// ---- set-up ----

enum status arena_init(struct arena *a, size_t size_bytes)
{
    *a = (struct arena){0};
    size_t bytes = vm_round_to_pages(size_bytes);
    if (bytes == 0) return STATUS_BAD_ARGUMENT;

    void *base;
    enum status status = vm_reserve(bytes, &base);
    if (status) return status;
    arena_init_at(a, "arena", base, bytes);
    a->owns_space = true;
    return STATUS_OK;
}

void arena_init_at(struct arena *a, const char *name, void *base, size_t size_bytes)
{
    *a = (struct arena){.base = base, .size_bytes = size_bytes, .name = name};
}

void arena_fini(struct arena *a)
{
    ASAN_UNPOISON_MEMORY_REGION(a->base, a->committed_bytes); // the next mapping may lie here
    if (a->owns_space)
        vm_release(a->base, a->size_bytes);
    else if (a->committed_bytes > 0)
        vm_decommit(a->base, a->committed_bytes);
    *a = (struct arena){0};
}

bool arena_seal(struct arena *a, bool lock)
{
    a->sealed = true;
    a->limit_bytes = 0;
    if (lock && vm_lock(a->base, a->committed_bytes)) return true;
    vm_prefault(a->base, a->committed_bytes);
    return !lock;
}

// ---- pushes ----

static const char *present_tag(const struct arena *a)
{
    return a->n_tags > 0 ? a->tags[a->n_tags - 1].name : NULL;
}

static void *refuse(struct arena *a, size_t bytes, const char *where)
{
    if (CHIMED_MEMORY_GUARDS && a->sealed)
        debug_fail("arena %s is sealed: push of %zu bytes at %s", a->name ? a->name : "?", bytes,
                   where ? where : "a place that was not tracked");
    if (a->n_refused++ == 0) a->refusal = (struct arena_refusal){bytes, a->used_bytes, present_tag(a), where};
    return NULL;
}

/// Commits pages until `end` is covered.
static bool grow(struct arena *a, size_t end)
{
    if (end <= a->committed_bytes) return true;
    size_t committed = vm_round_to_pages(end), more = committed - a->committed_bytes;
    if (vm_commit(a->base + a->committed_bytes, more)) return false;
    ASAN_POISON_MEMORY_REGION(a->base + a->committed_bytes, more);
    a->committed_bytes = committed;
    // Guards look at every push.
    if (!CHIMED_MEMORY_GUARDS && !MEMORY_ASAN)
        a->limit_bytes = committed < a->size_bytes ? committed : a->size_bytes;
    return true;
}

void *arena_push_slow(struct arena *a, size_t bytes, size_t align, const char *where)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= 4096);
    size_t start, end;
    if (!size_align(a->used_bytes, align, &start) || a->sealed || !size_add(start, bytes, &end) ||
        end > a->size_bytes || !grow(a, end))
        return refuse(a, bytes, where);

    uint8_t *p = a->base + start;
    if (start < a->high_bytes) {
        size_t again = (end < a->high_bytes ? end : a->high_bytes) - start;
        if (!debug_revive(p, again))
            debug_fail("arena %s: memory was written to after it was given back; found by the push of %zu "
                       "bytes at %s",
                       a->name, bytes, where ? where : "a place that was not tracked");
        memset(p, 0, again);
    }
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    a->used_bytes = end;
    return p;
}

static void *push_for_allocator(void *ctx, size_t bytes, size_t align, const char *where)
{
    return arena_push_at(ctx, 1, bytes, align, where);
}

static void tag_for_allocator(void *ctx, const char *name)
{
    arena_tag(ctx, name);
}

struct allocator *arena_allocator(struct arena *a)
{
    // The count of refusals stays what it is.
    a->allocator.alloc = push_for_allocator;
    a->allocator.set_tag = tag_for_allocator;
    a->allocator.ctx = a;
    return &a->allocator;
}

void arena_tag(struct arena *a, const char *name)
{
    if (a->n_tags == ARENA_MAX_TAGS) return;
    a->tags[a->n_tags++] = (struct arena_tag){name, a->used_bytes};
}

size_t arena_tag_bytes(const struct arena *a, uint32_t i)
{
    assert(i < a->n_tags);
    size_t end = i + 1 < a->n_tags ? a->tags[i + 1].start_bytes : a->used_bytes;
    return end - a->tags[i].start_bytes;
}

// ---- scopes ----

/// Gives back all above `used_bytes`, which the first `n_tags` tags are for.
static void rewind_to(struct arena *a, size_t used_bytes, uint32_t n_tags)
{
    assert(!a->sealed);
    if (a->used_bytes > a->high_bytes) a->high_bytes = a->used_bytes;
    debug_retire(a->base + used_bytes, a->used_bytes - used_bytes);
    a->used_bytes = used_bytes;
    a->n_tags = n_tags;
}

struct arena_mark arena_begin(struct arena *a)
{
    return (struct arena_mark){a->used_bytes, a->depth++, a->n_tags};
}

void arena_end(struct arena *a, struct arena_mark mark)
{
    assert(mark.depth + 1 == a->depth && mark.used_bytes <= a->used_bytes); // the last one begun ends first
    a->depth = mark.depth;
    rewind_to(a, mark.used_bytes, mark.n_tags);
}

void arena_reset(struct arena *a)
{
    a->depth = 0;
    rewind_to(a, 0, 0);
}

// ---- looking at it ----

size_t arena_high_bytes(const struct arena *a)
{
    return a->used_bytes > a->high_bytes ? a->used_bytes : a->high_bytes;
}

void arena_explain(const struct arena *a, char *text, size_t size)
{
    const struct arena_refusal *r = &a->refusal;
    text[0] = 0;
    if (a->n_refused == 0) return;
    snprintf(text, size, "%s%s%s: asked for %zu bytes with %zu of %zu in use%s%s",
             a->name ? a->name : "arena", r->tag ? ", " : "", r->tag ? r->tag : "", r->bytes, r->used_bytes,
             a->size_bytes, r->where ? " at " : "", r->where ? r->where : "");
}

bool arena_is_whole(const struct arena *a)
{
    size_t start = 0;
    for (uint32_t i = 0; i < a->n_tags; i++) {
        if (a->tags[i].start_bytes < start) return false;
        start = a->tags[i].start_bytes;
    }
    return start <= a->used_bytes && a->used_bytes <= a->size_bytes && a->used_bytes <= a->committed_bytes &&
           a->n_tags <= ARENA_MAX_TAGS;
}
