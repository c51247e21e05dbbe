// SPDX-License-Identifier: MIT
// memory_report.c - what --debug-memory prints: the map once set-up is over, and at the end what is left.
#include "engine/memory_report.h"

#include "alloc/debug.h"
#include "alloc/vm.h"

// ---- begin ----

void memory_report_begin(struct memory_report *r, const struct engine *e, FILE *to)
{
    r->since = memory_now(&e->memory);
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct memory_usage usage;
        memory_usage(&e->memory, (enum memory_region)i, &usage);
        r->used_bytes[i] = usage.used_bytes;
    }
    engine_print_memory(e, to);
}

// ---- end ----

/// What sounds hold of the store: those in the table, and those that were loaded when nobody waited for them
/// any more.
static size_t held_by_sounds(struct engine *e, uint32_t *n_sounds)
{
    struct control *c = &e->control;
    struct job_result result;
    size_t bytes = 0;
    *n_sounds = 0;
    for (uint32_t i = 0; i < c->sounds.max_sounds; i++) {
        const struct decoded *d = &c->sounds.entries[i].decoded;
        if (!d->memory) continue;
        bytes += vm_round_to_pages(d->bytes);
        ++*n_sounds;
    }
    const struct decoded *const between[] = {&c->resample.made, &c->resample.old};
    const enum resample_step steps[] = {RESAMPLE_MADE, RESAMPLE_MOVING};
    for (uint32_t i = 0; i < COUNT_OF(between); i++) {
        if (c->resample.step != steps[i]) continue;
        bytes += vm_round_to_pages(between[i]->bytes);
        ++*n_sounds;
    }
    while (worker_pop(&c->worker, &result)) {
        const struct decoded *d = &result.load->decoded;
        if (!d->memory) continue;
        bytes += vm_round_to_pages(d->bytes);
        ++*n_sounds;
    }
    return bytes;
}

/// The difference, whichever way it goes: what a region has less was given back twice.
static size_t difference(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/// Returns the bytes that were lost.
static size_t print_regions(const struct memory_report *r, struct engine *e, FILE *to)
{
    uint32_t n_sounds;
    size_t sums[2] = {0}, lost = 0, held = held_by_sounds(e, &n_sounds);
    fprintf(to, "%-30s %14s %14s %14s %14s\n", "memory, in bytes", "at start", "at exit", "highest", "lost");
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct memory_usage usage;
        memory_usage(&e->memory, (enum memory_region)i, &usage);
        size_t wanted = i == MEMORY_SOUNDS ? held : r->used_bytes[i];
        size_t lost_here = difference(usage.used_bytes, wanted);
        fprintf(to, "%-30s %14zu %14zu %14zu %14zu\n", usage.name, r->used_bytes[i], usage.used_bytes,
                usage.high_bytes, lost_here);
        sums[0] += r->used_bytes[i];
        sums[1] += usage.used_bytes;
        lost += lost_here;
    }
    size_t temporary = e->control.worker.results_bytes;
    fprintf(to, "%-30s %14d %14zu %14zu %14zu\n", "temporary, of loads", 0, temporary,
            e->control.worker.results_high, temporary);
    lost += temporary;
    fprintf(to, "%-30s %14zu %14zu %14s %14zu\n", "in all", sums[0], sums[1] + temporary, "", lost);
    fprintf(to, "sounds that are still loaded: %u, %zu bytes\n", n_sounds, held);
    fprintf(to, "gaps in the sample store: %u\n", e->control.worker.store.n_free_runs);
    return lost;
}

/// What is live of one place in the program.
struct site {
    const char *owner, *where, *tag;
    size_t bytes;
    uint32_t n;
};

/// In a program of this size there are fewer; what finds no room is counted alone.
#define MAX_SITES 256

struct sites {
    struct site items[MAX_SITES];
    uint32_t n, n_left_out;
};

static void add_live(void *context, const struct guard_live *live)
{
    struct sites *sites = context;
    uint32_t i = 0;
    // Literals: the same text at another address would only be another line.
    while (i < sites->n && (sites->items[i].where != live->where || sites->items[i].tag != live->tag ||
                            sites->items[i].owner != live->owner))
        i++;
    if (i == MAX_SITES) {
        sites->n_left_out++;
        return;
    }
    if (i == sites->n) sites->items[sites->n++] = (struct site){live->owner, live->where, live->tag, 0, 0};
    sites->items[i].n++;
    sites->items[i].bytes += live->bytes;
}

/// Prints what was made since then and is still live. Returns how many allocations that are.
static uint32_t print_live(const struct memory *m, uint64_t since, FILE *to)
{
    struct sites sites = {0};
    uint32_t n = memory_each_live(m, since, add_live, &sites);
    for (uint32_t i = 0; i < sites.n; i++) {
        const struct site *s = &sites.items[i];
        fprintf(to, "  %-8s %6u %14zu  %s  for %s\n", s->owner, s->n, s->bytes, s->where,
                s->tag ? s->tag : "no tag");
    }
    if (sites.n_left_out > 0) fprintf(to, "  and %u more\n", sites.n_left_out);
    return n;
}

/// Returns how many allocations are live that set-up did not make.
static uint32_t print_list(const struct memory_report *r, const struct memory *m, FILE *to)
{
    if (!CHIMED_MEMORY_TRACKING) {
        fputs("live allocations: not known; this build has no CHIMED_MEMORY_TRACKING\n", to);
        return 0;
    }
    fputs("live allocations: region, number, bytes, place, purpose\n", to);
    uint32_t n = print_live(m, 0, to);
    fprintf(to, "live allocations: %u; of them made since the start:\n", n);
    n = print_live(m, r->since, to);
    fprintf(to, "made since the start: %u\n", n);
    return n;
}

bool memory_report_end(const struct memory_report *r, struct engine *e, FILE *to)
{
    char fault[256];
    bool has_ended = worker_stop(&e->control.worker); // where it hangs, what it has is told as lost
    (void)has_ended;
    size_t lost = print_regions(r, e, to);
    uint32_t n_leaks = print_list(r, &e->memory, to);
    bool is_whole =
        memory_is_whole(&e->memory, fault, sizeof fault) && pages_is_whole(&e->control.worker.store);
    if (!is_whole) fprintf(to, "the books are wrong: %s\n", fault[0] ? fault : "sample store");
    bool good = lost == 0 && n_leaks == 0 && is_whole;
    fputs(good ? "nothing was lost\n" : "memory was lost\n", to);
    return good;
}
