// SPDX-License-Identifier: MIT
// chain.c - keeps the best backend of a list playing: falls back when one is lost, and returns when it is
// back.
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "engine/backends/chain_parts.h"
#include "engine/log.h"

#define NS_PER_MS INT64_C(1000000)
/// One that has hung for so long is closed.
#define MAX_QUIET_NS (10000 * NS_PER_MS)
/// Changes are looked at when they are that old: a server that leaves disconnects everything first.
#define SETTLE_NS (500 * NS_PER_MS)
/// What control sees of a pause of its own, so that its own sleep is nobody's fault.
#define MAX_SEEN_NS (100 * NS_PER_MS)
/// How long the loop sleeps while something is under way, and otherwise.
#define BUSY_PATIENCE_NS (2 * NS_PER_MS)
#define IDLE_PATIENCE_NS (100 * NS_PER_MS)

uint32_t chain_rate(const struct chain *c)
{
    return c->config.rate;
}

int64_t chain_quiet_ns(const struct chain *c)
{
    return c->current ? c->current->quiet_ns : 0;
}

const char *chain_entry_state(const struct chain *c, const struct chain_entry *e)
{
    if (e == c->current) return "plays";
    switch (e->state) {
    case ENTRY_OPENING: return "opening";
    case ENTRY_CLOSING: return "closing";
    case ENTRY_CLOSED: return "waits";
    case ENTRY_RUNNING:
    case ENTRY_LOOKING: break;
    }
    return entry_is_quiet(e) && e != c->timer ? "hangs" : "ready";
}

// ---- the one that renders, and those that run behind it ----

/// The one that renders is of no use any more: the timer goes on.
static void lose(struct chain *c, struct chain_entry *e, const char *why, int64_t now_ns)
{
    if (e == c->timer || (c->next == c->timer && c->switch_ns == 0)) return;
    log_fields(LOG_LEVEL_ERROR, LOG_WITH({"CHIMED_BACKEND", e->choice.word}),
               "%s: %s; going on without sound, on a timer", e->choice.word, why);
    snprintf(e->reason, sizeof e->reason, "%s", why);
    chain_put_off(e, now_ns);
    e->n_calls_before = e->n_calls_seen;
    c->n_losses++;
    if (c->lost_ns == 0) c->lost_ns = now_ns;
    chain_begin_switch(c, c->timer, true, now_ns);
}

static void look_after(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    if (!entry_is_running(e)) return;
    if (e == c->current) {
        if (entry_is_lost(e))
            lose(c, e, "the device or server is gone", now_ns);
        else if (entry_is_quiet(e))
            lose(c, e, "the device or server makes no progress", now_ns);
        return;
    }
    if (e == c->timer || e == c->next) return;
    bool is_useless =
        entry_is_lost(e) || e->quiet_ns > MAX_QUIET_NS || chain_rank(c, e) > chain_rank(c, c->current);
    if (!is_useless) return;
    if (e->quiet_ns > MAX_QUIET_NS) chain_attempt_failed(c, e, "it is open, but does not run", now_ns);
    chain_close_entry(c, e, now_ns);
}

/// The server has taken another rate.
static void look_at_rate(struct chain *c, int64_t now_ns)
{
    struct backend *b = c->current->backend;
    uint32_t next = atomic_load_explicit(&b->next_rate, memory_order_relaxed);
    if (next == 0 || c->next) return;
    if (next < CHAIN_MIN_RATE || next > CHAIN_MAX_RATE)
        atomic_store_explicit(&b->lost, true, memory_order_relaxed); // opened anew, it tells why not
    else
        chain_begin_switch(c, c->current, true, now_ns);
}

/// Connections that somebody has made, when they have settled.
static void look_at_changes(struct chain *c, int64_t now_ns)
{
    struct chain_entry *e = c->current;
    struct backend *b = e->backend;
    if (!b->ops->look || e->state != ENTRY_RUNNING || entry_is_lost(e)) return;
    if (atomic_exchange_explicit(&b->has_changed, false, memory_order_relaxed)) e->changed_ns = now_ns;
    if (e->changed_ns == 0 || now_ns - e->changed_ns < SETTLE_NS || chain_has_job(c, now_ns)) return;
    if (chain_start_job(c, e, ENTRY_LOOKING, now_ns)) e->changed_ns = 0;
}

// ---- which one should ----

/// One that is left over plays on until another one can, unless it has the device that this one needs, or
/// there is nothing to wait for. If the device refuses what it is to be opened with, it comes back.
static void let_go(struct chain *c, int64_t now_ns)
{
    struct chain_entry *old = c->current;
    bool is_needed = false, is_replaced = false, is_busy = false;
    if (c->next || !chain_is_left_over(c, old)) return;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (e->place == ENTRY_UNLISTED || e == c->timer) continue;
        is_replaced = is_replaced || strcmp(e->choice.word, old->choice.word) == 0;
        is_needed = is_needed || e->state != ENTRY_CLOSED || !e->is_tried;
        is_busy = is_busy || (e->state == ENTRY_CLOSED && e->job_status == STATUS_BUSY);
    }
    old->is_evicted = is_busy;
    if (is_busy || (!is_needed && !is_replaced)) chain_begin_switch(c, c->timer, false, now_ns);
}

/// Opens or hands over to the best one that can be had.
static void improve(struct chain *c, int64_t now_ns)
{
    if (c->next) return;
    for (uint32_t wanted = 0; wanted < chain_rank(c, c->current) && wanted <= 2 * c->n_listed + 1; wanted++)
        for (uint32_t i = 0; i < c->n_entries; i++) {
            struct chain_entry *e = &c->entries[i];
            if (chain_rank(c, e) != wanted || now_ns < e->next_try_ns) continue;
            if (e == c->timer && wanted > 2 && chain_is_left_over(c, c->current)) continue; // see let_go()
            if (chain_is_proven(c, e) && (e == c->timer || entry_is_running(e))) {
                chain_begin_switch(c, e, c->current == c->timer, now_ns);
                return;
            }
            if (e->state != ENTRY_CLOSED || chain_has_job(c, now_ns)) continue;
            chain_try(c, e, now_ns);
            return;
        }
}

static void settle_request(struct chain *c)
{
    if (c->request == REQUEST_WAITS && c->current == c->pinned && !c->next) c->request = REQUEST_DONE;
}

// ---- in every turn of the loop ----

void chain_turn(struct chain *c, int64_t now_ns)
{
    eventfd_t n;
    (void)eventfd_read(c->wake_fd, &n);
    int64_t passed_ns = now_ns - c->turn_ns;
    if (passed_ns > MAX_SEEN_NS) passed_ns = MAX_SEEN_NS;
    c->turn_ns = now_ns;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        chain_take_result(c, e, now_ns);
        if (entry_is_running(e) && (e != c->timer || e == c->current)) entry_watch(e, passed_ns);
        look_after(c, e, now_ns);
    }
    chain_take_hints(c, now_ns);
    look_at_rate(c, now_ns);
    chain_go_on_switching(c, now_ns);
    look_at_changes(c, now_ns);
    improve(c, now_ns);
    let_go(c, now_ns);
    chain_go_on_switching(c, now_ns);
    settle_request(c);
}

int64_t chain_patience_ns(const struct chain *c, int64_t now_ns)
{
    int64_t patience_ns = IDLE_PATIENCE_NS;
    if (c->next) return BUSY_PATIENCE_NS;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (chain_rank(c, e) >= chain_rank(c, c->current) || e == c->timer) continue;
        if (entry_is_running(e) && !chain_is_proven(c, e) && !entry_is_quiet(e)) return BUSY_PATIENCE_NS;
        int64_t until_ns = e->next_try_ns - now_ns;
        if (until_ns > 0 && until_ns < patience_ns) patience_ns = until_ns;
    }
    return patience_ns;
}

// ---- what somebody asks for ----

enum status chain_ask(struct chain *c, const char *word, char *reason)
{
    struct backend_choice choice;
    struct strbuf what = strbuf_make(reason, BACKEND_REASON_BYTES);
    struct chain_entry *e = NULL;
    bool is_auto = strcmp(word, "auto") == 0;
    if (c->request == REQUEST_WAITS) {
        strbuf_append(&what, "another switch is under way: ask again when it has ended");
        return STATUS_BUSY;
    }
    if (!is_auto && backend_choice_parse(&choice, word, &what)) return STATUS_BAD_FORMAT;
    if (!is_auto) e = chain_find_entry(c, &choice);
    if (!is_auto && !e && !(e = chain_make_entry(c, &choice))) {
        strbuf_append(&what, "the backend that was asked for before is still being closed: ask again");
        return STATUS_BUSY;
    }
    c->pinned_before = c->pinned;
    c->pinned = e;
    if (e) e->next_try_ns = e->back_off_ns = 0;
    c->request = is_auto ? REQUEST_DONE : REQUEST_WAITS;
    return STATUS_OK;
}
