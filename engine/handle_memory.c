// SPDX-License-Identifier: MIT
// handle_memory.c - tells where the memory goes.
#include "engine/handlers.h"

static void send_region(struct control *c, const struct call *call, const struct memory_usage *usage)
{
    struct osc_writer *w = reply_begin(&c->replies, "/memory/region");
    osc_add_text(w, usage->name);
    osc_add_long(w, (int64_t)usage->budget_bytes);
    osc_add_long(w, (int64_t)usage->committed_bytes);
    osc_add_long(w, (int64_t)usage->used_bytes);
    osc_add_long(w, (int64_t)usage->high_bytes);
    osc_add_long(w, (int64_t)usage->n_refused);
    osc_add_long(w, (int64_t)usage->locked_bytes);
    reply_add_item(&c->replies, call->client);
}

static void send_pool(struct control *c, const struct call *call, const char *name,
                      const struct pool_usage *usage)
{
    struct osc_writer *w = reply_begin(&c->replies, "/memory/pool");
    osc_add_text(w, name);
    osc_add_long(w, (int64_t)usage->n_used);
    osc_add_long(w, (int64_t)usage->n_blocks);
    osc_add_long(w, (int64_t)usage->n_high);
    osc_add_long(w, (int64_t)usage->n_refused);
    reply_add_item(&c->replies, call->client);
}

static struct pool_usage usage_of(const struct pool *p)
{
    return (struct pool_usage){pool_n_used(p), p->n_blocks, pool_n_high(p), p->n_refused};
}

static void send_pools(struct control *c, const struct call *call)
{
    const struct voice_table *v = &c->voices;
    send_pool(c, call, "voices", &(struct pool_usage){v->n_used, v->n_slots, v->n_high, v->n_refused});
    uint32_t n_sounds = c->sounds.max_sounds - c->sounds.n_free;
    send_pool(c, call, "sounds",
              &(struct pool_usage){n_sounds, c->sounds.max_sounds, c->sounds.n_high, c->sounds.n_refused});
    struct shared_pool *loads = &c->worker.loads;
    send_pool(
        c, call, "loads",
        &(struct pool_usage){c->sounds.n_under_way, loads->n_blocks, c->sounds.n_under_way_high,
                             atomic_load_explicit(&loads->n_refused, memory_order_relaxed)}); // a figure
    if (!c->transport) return;
    static const char *const names[POOLS_SIZES] = {"answers, 64 B", "answers, 256 B", "answers, 1 KiB"};
    for (int i = 0; i < POOLS_SIZES; i++) {
        struct pool_usage usage = usage_of(&c->transport->outbox.answers.pools[i]);
        send_pool(c, call, names[i], &usage);
    }
    struct pool_usage usage = usage_of(&c->transport->outbox.long_answers);
    send_pool(c, call, "answers, 4 KiB", &usage);
}

static void add_int(struct osc_writer *w, const char *name, uint64_t value)
{
    osc_add_text(w, name);
    osc_add_long(w, (int64_t)value);
}

void handle_memory(struct control *c, const struct call *call)
{
    uint64_t locked = 0;
    struct memory_usage usage, store = {0};
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        memory_usage(c->memory, (enum memory_region)i, &usage);
        send_region(c, call, &usage);
        locked += usage.locked_bytes;
        if (i == MEMORY_SOUNDS) store = usage;
    }
    send_pools(c, call);

    const struct scratch *scratch = &c->rt->mixer.scratch;
    struct osc_writer *w = call_answer(c, call);
    add_int(w, "locked", locked);
    add_int(w, "store_free", store.free_bytes);
    add_int(w, "store_largest_free", store.largest_free_bytes);
    osc_add_text(w, "fragmentation");
    double largest = (double)store.largest_free_bytes, all = (double)store.free_bytes;
    osc_add_float(w, all > 0 ? (float)(1 - largest / all) : 0);
    add_int(w, "scratch_high", scratch_high_bytes(scratch));
    add_int(w, "scratch_refused", scratch_n_refused(scratch));
    add_int(w, "stack_high", c->stack.high_bytes);
    add_int(w, "rt_page_faults", control_page_faults_when_warm(c));
    if (chimed_rt_allocations) add_int(w, "rt_allocations", chimed_rt_allocations());
    call_send(c, call);
}
