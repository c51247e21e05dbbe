// SPDX-License-Identifier: MIT
// chain_switch.c - hands the engine from the backend of a chain that renders to the next one.
#include <stdio.h>

#include "engine/backends/chain_parts.h"
#include "engine/log.h"

#define NS_PER_MS INT64_C(1000000)
/// A fade out that takes longer is cut off.
#define MAX_FADE_NS (300 * NS_PER_MS)

void chain_begin_switch(struct chain *c, struct chain_entry *to, bool at_once, int64_t now_ns)
{
    c->next = to;
    c->switch_ns = at_once ? 0 : now_ns;
    if (!at_once) backend_fade_out(c->current->backend);
}

static void note_return(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    char after[64] = "";
    if (e == c->timer) return;
    if (c->lost_ns != 0) {
        c->recovery_ns = now_ns - c->lost_ns;
        c->lost_ns = 0;
        c->n_returns++;
        snprintf(after, sizeof after, ", after %.3f s", (double)c->recovery_ns * 1e-9);
    }
    log_fields(LOG_LEVEL_INFO, LOG_WITH({"CHIMED_BACKEND", e->choice.word}), "backend: %s plays%s%s",
               e->choice.word, e == c->fallback ? " with the settings of before" : "", after);
}

/// While no cycle runs.
static void follow_rate(struct chain *c, struct backend *b)
{
    uint32_t before = c->config.rate;
    if (!backend_follow_rate(b, c->timer->backend)) return;
    c->config.rate = b->rate;
    c->n_rate_changes++;
    log_info("the sample rate is %u Hz, and was %u Hz", c->config.rate, before);
}

void chain_go_on_switching(struct chain *c, int64_t now_ns)
{
    struct chain_entry *old = c->current, *e = c->next;
    if (!e) return;
    bool fades = atomic_load(&old->backend->gate) != GATE_SHUT;
    if (fades && c->switch_ns != 0 && now_ns - c->switch_ns < MAX_FADE_NS && !entry_is_lost(old)) return;
    if (!backend_shut_gate(old->backend)) return;
    c->next = NULL;
    if (e != c->timer && !chain_is_proven(c, e)) e = c->timer; // it went meanwhile
    c->current = e;
    if (e == chain_replacement(c)) c->fallback = NULL;
    e->taken_ns = now_ns;
    e->quiet_ns = 0;
    e->reason[0] = 0;
    follow_rate(c, e->backend);
    backend_open_gate(e->backend, e != c->timer);
    if (e == old) return; // the same one, at another rate
    note_return(c, e, now_ns);
    if (chain_rank(c, old) > chain_rank(c, e)) chain_close_entry(c, old, now_ns);
}
