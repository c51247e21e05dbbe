// SPDX-License-Identifier: MIT
// adaptors.c - allocators that stand before another one: they lock, insist, refuse or count.
#include "alloc/adaptors.h"

#include <stdio.h>
#include <stdlib.h>

/// The inner one counts what it refuses, whoever asks.
static void *inner_alloc(struct allocator *inner, size_t bytes, size_t align, const char *where)
{
    void *p = inner->alloc(inner->ctx, bytes, align, where);
    if (!p) inner->n_refused++;
    return p;
}

static void inner_free(struct allocator *inner, void *p, size_t bytes)
{
    if (inner->free) inner->free(inner->ctx, p, bytes);
}

// ---- one at a time ----

void locked_init(struct locked *l, struct allocator *inner)
{
    l->inner = inner;
    pthread_mutex_init(&l->mutex, NULL); // cannot fail without attributes
}

void locked_fini(struct locked *l)
{
    if (l->inner) pthread_mutex_destroy(&l->mutex);
    *l = (struct locked){0};
}

static void *locked_alloc(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct locked *l = ctx;
    pthread_mutex_lock(&l->mutex);
    void *p = inner_alloc(l->inner, bytes, align, where);
    pthread_mutex_unlock(&l->mutex);
    return p;
}

static void locked_free(void *ctx, void *p, size_t bytes)
{
    struct locked *l = ctx;
    pthread_mutex_lock(&l->mutex);
    inner_free(l->inner, p, bytes);
    pthread_mutex_unlock(&l->mutex);
}

struct allocator locked_allocator(struct locked *l)
{
    // No tags: those of several threads would mix.
    return (struct allocator){.alloc = locked_alloc, .free = locked_free, .ctx = l};
}

// ---- never NULL ----

static void *insisting_alloc(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct insisting *i = ctx;
    void *p = inner_alloc(i->inner, bytes, align, where);
    if (p) return p;
    fprintf(stderr, "chimed: no memory: %s%s%s asked for %zu bytes%s%s\n", i->name, i->tag ? ", " : "",
            i->tag ? i->tag : "", bytes, where ? " at " : "", where ? where : "");
    abort();
}

static void insisting_free(void *ctx, void *p, size_t bytes)
{
    inner_free(((struct insisting *)ctx)->inner, p, bytes);
}

static void insisting_tag(void *ctx, const char *name)
{
    struct insisting *i = ctx;
    i->tag = name;
    allocator_tag(i->inner, name);
}

struct allocator *insisting_allocator(struct insisting *i, struct allocator *inner, const char *name)
{
    *i = (struct insisting){.inner = inner, .name = name};
    i->allocator = (struct allocator){insisting_alloc, insisting_free, insisting_tag, i, 0};
    return &i->allocator;
}

// ---- refuses one request ----

static void *failing_alloc(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct failing *f = ctx;
    uint64_t i = f->n_seen++;
    if (i == f->n_before || (f->and_later && i > f->n_before)) return NULL;
    return inner_alloc(f->inner, bytes, align, where);
}

static void failing_free(void *ctx, void *p, size_t bytes)
{
    inner_free(((struct failing *)ctx)->inner, p, bytes);
}

static void failing_tag(void *ctx, const char *name)
{
    allocator_tag(((struct failing *)ctx)->inner, name);
}

struct allocator *failing_allocator(struct failing *f, struct allocator *inner, uint64_t n_before,
                                    bool and_later)
{
    *f = (struct failing){.inner = inner, .n_before = n_before, .and_later = and_later};
    f->allocator = (struct allocator){failing_alloc, failing_free, failing_tag, f, 0};
    return &f->allocator;
}

// ---- counts ----

static void *counting_alloc(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct counting *c = ctx;
    void *p = inner_alloc(c->inner, bytes, align, where);
    if (!p) {
        c->n_refused++;
        return NULL;
    }
    c->n_made++;
    c->live_bytes += bytes;
    if (c->live_bytes > c->high_bytes) c->high_bytes = c->live_bytes;
    return p;
}

static void counting_free(void *ctx, void *p, size_t bytes)
{
    struct counting *c = ctx;
    c->n_freed++;
    c->live_bytes -= bytes;
    inner_free(c->inner, p, bytes);
}

static void counting_tag(void *ctx, const char *name)
{
    allocator_tag(((struct counting *)ctx)->inner, name);
}

struct allocator *counting_allocator(struct counting *c, struct allocator *inner)
{
    *c = (struct counting){.inner = inner};
    c->allocator = (struct allocator){counting_alloc, counting_free, counting_tag, c, 0};
    return &c->allocator;
}
