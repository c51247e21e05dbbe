// SPDX-License-Identifier: MIT
// chain_attempts.c - opens and closes the backends of a chain through helpers, with pauses between the
// attempts.
#include <stdio.h>
#include <string.h>

#include "engine/backends/chain_parts.h"
#include "engine/log.h"

#define NS_PER_MS INT64_C(1000000)
/// Pauses between two attempts.
#define MIN_BACK_OFF_NS (100 * NS_PER_MS)
#define MAX_BACK_OFF_NS (5000 * NS_PER_MS)
/// After so long without trouble the pauses begin anew.
#define PROVEN_NS (10000 * NS_PER_MS)
/// Calls and time after which a backend counts as running: many devices begin with a burst.
#define PROOF_CALLS 3
#define PROOF_NS    (50 * NS_PER_MS)
/// An attempt that takes longer does not hold up the others. More than libjack is given.
#define HANG_NS (4000 * NS_PER_MS)

bool chain_is_proven(const struct chain *c, const struct chain_entry *e)
{
    if (e == c->timer) return true; // it sleeps until it is wanted
    return entry_is_running(e) && !entry_is_lost(e) && e->quiet_ns < ENTRY_MIN_QUIET_NS / 2 &&
           e->n_calls_seen - e->n_calls_before >= PROOF_CALLS && c->turn_ns - e->since_ns > PROOF_NS;
}

void chain_put_off(struct chain_entry *e, int64_t now_ns)
{
    if (e->taken_ns != 0 && now_ns - e->taken_ns > PROVEN_NS) e->back_off_ns = 0;
    e->taken_ns = 0;
    e->back_off_ns *= 2;
    if (e->back_off_ns < MIN_BACK_OFF_NS) e->back_off_ns = MIN_BACK_OFF_NS;
    if (e->back_off_ns > MAX_BACK_OFF_NS) e->back_off_ns = MAX_BACK_OFF_NS;
    e->next_try_ns = now_ns + e->back_off_ns;
}

static void fail_request(struct chain *c, const char *reason)
{
    c->request = REQUEST_FAILED;
    snprintf(c->request_reason, sizeof c->request_reason, "%s", reason);
    c->pinned = c->pinned_before;
}

void chain_attempt_failed(struct chain *c, struct chain_entry *e, const char *reason, int64_t now_ns)
{
    if (strcmp(e->reason, reason) != 0)
        log_fields(LOG_LEVEL_INFO, LOG_WITH({"CHIMED_BACKEND", e->choice.word}), "backend: not %s: %s",
                   e->choice.word, reason);
    snprintf(e->reason, sizeof e->reason, "%s", reason);
    e->is_tried = true;
    chain_put_off(e, now_ns);
    if (c->request == REQUEST_WAITS && e == c->pinned) fail_request(c, reason);
}

bool chain_start_job(struct chain *c, struct chain_entry *e, enum entry_state what, int64_t now_ns)
{
    c->lacks_threads = !entry_start_job(e, what, now_ns);
    return !c->lacks_threads;
}

void chain_close_entry(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    if (e == c->timer || e->state != ENTRY_RUNNING) return;
    (void)chain_start_job(c, e, ENTRY_CLOSING, now_ns); // if not now, in a later turn
}

/// Those that have waited for a device that another one of the chain had.
static void try_busy_ones(struct chain *c, int64_t now_ns)
{
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        if (e->state != ENTRY_CLOSED || e->job_status != STATUS_BUSY) continue;
        e->back_off_ns = 0;
        e->next_try_ns = now_ns;
    }
}

void chain_take_result(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    if (!entry_end_job(e)) return;
    enum entry_state was = e->state;
    e->since_ns = now_ns;
    e->state = e->backend ? ENTRY_RUNNING : ENTRY_CLOSED;
    if (was == ENTRY_CLOSING && e->is_evicted) c->fallback = e;
    if (was == ENTRY_CLOSING) try_busy_ones(c, now_ns);
    if (was != ENTRY_OPENING) return;
    if (!e->backend) {
        chain_attempt_failed(c, e, e->job_reason, now_ns);
        return;
    }
    chain_configure_entry(c, e);
    e->quiet_ns = 0;
    e->n_calls_seen = e->n_calls_before = atomic_load_explicit(&e->backend->n_calls, memory_order_relaxed);
}

bool chain_has_job(const struct chain *c, int64_t now_ns)
{
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        bool is_attempt = e->state == ENTRY_OPENING || e->state == ENTRY_LOOKING;
        if (is_attempt && now_ns - e->since_ns < HANG_NS) return true;
    }
    return false;
}

/// What it is opened with: that of the configuration, or again that of before.
static void take_settings(const struct chain *c, struct chain_entry *e)
{
    if (e != c->fallback) e->config = c->config;
    e->config.rate = c->config.rate;
}

void chain_try(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    take_settings(c, e);
    if (!chain_start_job(c, e, ENTRY_OPENING, now_ns))
        chain_attempt_failed(c, e, "the system gives no thread to open it with", now_ns);
}

void chain_take_hints(struct chain *c, int64_t now_ns)
{
    uint32_t kinds = hints_take(&c->hints);
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        if (e->state != ENTRY_CLOSED || !(kinds >> e->choice.kind & 1)) continue;
        e->back_off_ns = 0;
        e->next_try_ns = now_ns;
    }
}
