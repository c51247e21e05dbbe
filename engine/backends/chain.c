// SPDX-License-Identifier: MIT
// chain.c - keeps the best backend of a list playing: falls back when one is lost, and returns when it is
// back.
#include "engine/backends/chain.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/log.h"

#define NS_PER_MS INT64_C(1000000)
/// Pauses between two attempts.
#define MIN_BACK_OFF_NS (100 * NS_PER_MS)
#define MAX_BACK_OFF_NS (5000 * NS_PER_MS)
/// After so long without trouble the pauses begin anew.
#define PROVEN_NS (10000 * NS_PER_MS)
/// A backend that does not call for this long, and for so many periods, makes no progress.
#define MIN_QUIET_NS  (200 * NS_PER_MS)
#define QUIET_PERIODS 8
/// One that has hung for so long is closed.
#define MAX_QUIET_NS (10000 * NS_PER_MS)
/// Calls and time after which a backend counts as running: many devices begin with a burst.
#define PROOF_CALLS 3
#define PROOF_NS    (50 * NS_PER_MS)
/// A fade out that takes longer is cut off.
#define MAX_FADE_NS (300 * NS_PER_MS)
/// Changes are looked at when they are that old: a server that leaves disconnects everything first.
#define SETTLE_NS (500 * NS_PER_MS)
/// What control sees of a pause of its own, so that its own sleep is nobody's fault.
#define MAX_SEEN_NS (100 * NS_PER_MS)
/// How long the loop sleeps while something is under way, and otherwise.
#define BUSY_PATIENCE_NS (2 * NS_PER_MS)
#define IDLE_PATIENCE_NS (100 * NS_PER_MS)
/// An attempt that takes longer does not hold up the others. More than libjack is given.
#define HANG_NS (4000 * NS_PER_MS)

static bool is_running(const struct chain_entry *e)
{
    return e->state == ENTRY_RUNNING || e->state == ENTRY_LOOKING;
}

static bool is_lost(const struct chain_entry *e)
{
    return atomic_load_explicit(&e->backend->lost, memory_order_acquire);
}

/// Low is good, and two apart. Nobody wants what has none.
#define NO_RANK UINT32_MAX
/// What the list has in place of the one that is to fall back on. NULL: nothing.
static const struct chain_entry *replacement(const struct chain *c)
{
    for (uint32_t i = 0; c->fallback && i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (e->place != ENTRY_UNLISTED && strcmp(e->choice.word, c->fallback->choice.word) == 0) return e;
    }
    return NULL;
}

static uint32_t rank_of(const struct chain *c, const struct chain_entry *e)
{
    if (e == c->pinned) return 0;
    if (e->place != ENTRY_UNLISTED) return 2 * (1 + e->place);
    if (e == c->timer) return NO_RANK - 1;
    const struct chain_entry *other = e == c->fallback ? replacement(c) : NULL;
    if (!other) return NO_RANK;
    // One that was refused is not tried again while the old one plays; one that was busy is.
    return 2 * (1 + other->place) + (other->job_status == STATUS_BUSY);
}

uint32_t chain_rate(const struct chain *c)
{
    return c->config.rate;
}

const struct chain_entry *chain_best(const struct chain *c)
{
    // What has just been asked for may come to nothing.
    const struct chain_entry *pinned = c->request == REQUEST_WAITS ? c->pinned_before : c->pinned;
    if (pinned) return pinned;
    const struct chain_entry *e = c->entries;
    while (e->place != 0)
        e++; // there is one
    return e;
}

// ---- signs of life ----

static int64_t quiet_limit_ns(const struct chain_entry *e)
{
    // relaxed: a number that stands for itself, here and below.
    uint64_t period = atomic_load_explicit(&e->backend->period_frames, memory_order_relaxed);
    int64_t ns = (int64_t)(QUIET_PERIODS * period * 1000000000 / e->backend->rate);
    return ns > MIN_QUIET_NS ? ns : MIN_QUIET_NS;
}

static bool is_quiet(const struct chain_entry *e)
{
    return e->quiet_ns > quiet_limit_ns(e);
}

static bool is_proven(const struct chain *c, const struct chain_entry *e)
{
    if (e == c->timer) return true; // it sleeps until it is wanted
    return is_running(e) && !is_lost(e) && e->quiet_ns < MIN_QUIET_NS / 2 &&
           e->n_calls_seen - e->n_calls_before >= PROOF_CALLS && c->turn_ns - e->since_ns > PROOF_NS;
}

static void watch(struct chain_entry *e, int64_t passed_ns)
{
    uint64_t n_calls = atomic_load_explicit(&e->backend->n_calls, memory_order_relaxed);
    e->quiet_ns = n_calls == e->n_calls_seen ? e->quiet_ns + passed_ns : 0;
    e->n_calls_seen = n_calls;
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
    return is_quiet(e) && e != c->timer ? "hangs" : "ready";
}

// ---- attempts ----

static void put_off(struct chain_entry *e, int64_t now_ns)
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

static void attempt_failed(struct chain *c, struct chain_entry *e, const char *reason, int64_t now_ns)
{
    if (strcmp(e->reason, reason) != 0)
        log_fields(LOG_LEVEL_INFO, LOG_WITH({"CHIMED_BACKEND", e->choice.word}), "backend: not %s: %s",
                   e->choice.word, reason);
    snprintf(e->reason, sizeof e->reason, "%s", reason);
    e->is_tried = true;
    put_off(e, now_ns);
    if (c->request == REQUEST_WAITS && e == c->pinned) fail_request(c, reason);
}

static bool start_job(struct chain *c, struct chain_entry *e, enum entry_state what, int64_t now_ns)
{
    c->lacks_threads = !entry_start_job(e, what, now_ns);
    return !c->lacks_threads;
}

static void close_entry(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    if (e == c->timer || e->state != ENTRY_RUNNING) return;
    (void)start_job(c, e, ENTRY_CLOSING, now_ns); // if not now, in a later turn
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

static void take_result(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    if (!entry_end_job(e)) return;
    enum entry_state was = e->state;
    e->since_ns = now_ns;
    e->state = e->backend ? ENTRY_RUNNING : ENTRY_CLOSED;
    if (was == ENTRY_CLOSING && e->is_evicted) c->fallback = e;
    if (was == ENTRY_CLOSING) try_busy_ones(c, now_ns);
    if (was != ENTRY_OPENING) return;
    if (!e->backend) {
        attempt_failed(c, e, e->job_reason, now_ns);
        return;
    }
    chain_configure_entry(c, e);
    e->quiet_ns = 0;
    e->n_calls_seen = e->n_calls_before = atomic_load_explicit(&e->backend->n_calls, memory_order_relaxed);
}

/// A helper is at work that does not hang: the next attempt has to wait.
static bool has_job(const struct chain *c, int64_t now_ns)
{
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        bool is_attempt = e->state == ENTRY_OPENING || e->state == ENTRY_LOOKING;
        if (is_attempt && now_ns - e->since_ns < HANG_NS) return true;
    }
    return false;
}

// ---- who renders ----

static void begin_switch(struct chain *c, struct chain_entry *to, bool at_once, int64_t now_ns)
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

/// Ends a switch once no cycle runs any more.
static void go_on_switching(struct chain *c, int64_t now_ns)
{
    struct chain_entry *old = c->current, *e = c->next;
    if (!e) return;
    bool fades = atomic_load(&old->backend->gate) != GATE_SHUT;
    if (fades && c->switch_ns != 0 && now_ns - c->switch_ns < MAX_FADE_NS && !is_lost(old)) return;
    if (!backend_shut_gate(old->backend)) return;
    c->next = NULL;
    if (e != c->timer && !is_proven(c, e)) e = c->timer; // it went meanwhile
    c->current = e;
    if (e == replacement(c)) c->fallback = NULL;
    e->taken_ns = now_ns;
    e->quiet_ns = 0;
    e->reason[0] = 0;
    follow_rate(c, e->backend);
    backend_open_gate(e->backend, e != c->timer);
    if (e == old) return; // the same one, at another rate
    note_return(c, e, now_ns);
    if (rank_of(c, old) > rank_of(c, e)) close_entry(c, old, now_ns);
}

/// The one that renders is of no use any more: the timer goes on.
static void lose(struct chain *c, struct chain_entry *e, const char *why, int64_t now_ns)
{
    if (e == c->timer || (c->next == c->timer && c->switch_ns == 0)) return;
    log_fields(LOG_LEVEL_ERROR, LOG_WITH({"CHIMED_BACKEND", e->choice.word}),
               "%s: %s; going on without sound, on a timer", e->choice.word, why);
    snprintf(e->reason, sizeof e->reason, "%s", why);
    put_off(e, now_ns);
    e->n_calls_before = e->n_calls_seen;
    c->n_losses++;
    if (c->lost_ns == 0) c->lost_ns = now_ns;
    begin_switch(c, c->timer, true, now_ns);
}

static void look_after(struct chain *c, struct chain_entry *e, int64_t now_ns)
{
    if (!is_running(e)) return;
    if (e == c->current) {
        if (is_lost(e))
            lose(c, e, "the device or server is gone", now_ns);
        else if (is_quiet(e))
            lose(c, e, "the device or server makes no progress", now_ns);
        return;
    }
    if (e == c->timer || e == c->next) return;
    bool is_useless = is_lost(e) || e->quiet_ns > MAX_QUIET_NS || rank_of(c, e) > rank_of(c, c->current);
    if (!is_useless) return;
    if (e->quiet_ns > MAX_QUIET_NS) attempt_failed(c, e, "it is open, but does not run", now_ns);
    close_entry(c, e, now_ns);
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
        begin_switch(c, c->current, true, now_ns);
}

/// Connections that somebody has made, when they have settled.
static void look_at_changes(struct chain *c, int64_t now_ns)
{
    struct chain_entry *e = c->current;
    struct backend *b = e->backend;
    if (!b->ops->look || e->state != ENTRY_RUNNING || is_lost(e)) return;
    if (atomic_exchange_explicit(&b->has_changed, false, memory_order_relaxed)) e->changed_ns = now_ns;
    if (e->changed_ns == 0 || now_ns - e->changed_ns < SETTLE_NS || has_job(c, now_ns)) return;
    if (start_job(c, e, ENTRY_LOOKING, now_ns)) e->changed_ns = 0;
}

/// It has been taken out of the list, or what it was opened with has.
static bool is_left_over(const struct chain *c, const struct chain_entry *e)
{
    return rank_of(c, e) == NO_RANK;
}

/// One that is left over plays on until another one can, unless it has the device that this one needs, or
/// there is nothing to wait for. If the device refuses what it is to be opened with, it comes back.
static void let_go(struct chain *c, int64_t now_ns)
{
    struct chain_entry *old = c->current;
    bool is_needed = false, is_replaced = false, is_busy = false;
    if (c->next || !is_left_over(c, old)) return;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (e->place == ENTRY_UNLISTED || e == c->timer) continue;
        is_replaced = is_replaced || strcmp(e->choice.word, old->choice.word) == 0;
        is_needed = is_needed || e->state != ENTRY_CLOSED || !e->is_tried;
        is_busy = is_busy || (e->state == ENTRY_CLOSED && e->job_status == STATUS_BUSY);
    }
    old->is_evicted = is_busy;
    if (is_busy || (!is_needed && !is_replaced)) begin_switch(c, c->timer, false, now_ns);
}

/// What it is opened with: that of the configuration, or again that of before.
static void take_settings(const struct chain *c, struct chain_entry *e)
{
    if (e != c->fallback) e->config = c->config;
    e->config.rate = c->config.rate;
}

/// Opens or hands over to the best one that can be had.
static void improve(struct chain *c, int64_t now_ns)
{
    if (c->next) return;
    for (uint32_t wanted = 0; wanted < rank_of(c, c->current) && wanted <= 2 * c->n_listed + 1; wanted++)
        for (uint32_t i = 0; i < c->n_entries; i++) {
            struct chain_entry *e = &c->entries[i];
            if (rank_of(c, e) != wanted || now_ns < e->next_try_ns) continue;
            if (e == c->timer && wanted > 2 && is_left_over(c, c->current)) continue; // see let_go()
            if (is_proven(c, e) && (e == c->timer || is_running(e))) {
                begin_switch(c, e, c->current == c->timer, now_ns);
                return;
            }
            if (e->state != ENTRY_CLOSED || has_job(c, now_ns)) continue;
            take_settings(c, e);
            if (!start_job(c, e, ENTRY_OPENING, now_ns))
                attempt_failed(c, e, "the system gives no thread to open it with", now_ns);
            return;
        }
}

/// What may have come is tried at once.
static void take_hints(struct chain *c, int64_t now_ns)
{
    uint32_t kinds = hints_take(&c->hints);
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        if (e->state != ENTRY_CLOSED || !(kinds >> e->choice.kind & 1)) continue;
        e->back_off_ns = 0;
        e->next_try_ns = now_ns;
    }
}

static void settle_request(struct chain *c)
{
    if (c->request == REQUEST_WAITS && c->current == c->pinned && !c->next) c->request = REQUEST_DONE;
}

void chain_turn(struct chain *c, int64_t now_ns)
{
    eventfd_t n;
    (void)eventfd_read(c->wake_fd, &n);
    int64_t passed_ns = now_ns - c->turn_ns;
    if (passed_ns > MAX_SEEN_NS) passed_ns = MAX_SEEN_NS;
    c->turn_ns = now_ns;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        take_result(c, e, now_ns);
        if (is_running(e) && (e != c->timer || e == c->current)) watch(e, passed_ns);
        look_after(c, e, now_ns);
    }
    take_hints(c, now_ns);
    look_at_rate(c, now_ns);
    go_on_switching(c, now_ns);
    look_at_changes(c, now_ns);
    improve(c, now_ns);
    let_go(c, now_ns);
    go_on_switching(c, now_ns);
    settle_request(c);
}

int64_t chain_patience_ns(const struct chain *c, int64_t now_ns)
{
    int64_t patience_ns = IDLE_PATIENCE_NS;
    if (c->next) return BUSY_PATIENCE_NS;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (rank_of(c, e) >= rank_of(c, c->current) || e == c->timer) continue;
        if (is_running(e) && !is_proven(c, e) && !is_quiet(e)) return BUSY_PATIENCE_NS;
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

// ---- set-up ----

/// What is opened borrows its target from an entry, which stays, and not from the list, which goes.
static void lend_targets(const struct chain *c, struct backend_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        list->choices[i].target = c->entries[i].choice.target;
}

enum status chain_open(struct chain *c, const struct config *config, char *reason)
{
    struct backend_list list;
    struct strbuf what = strbuf_make(reason, BACKEND_REASON_BYTES);
    uint32_t index = 0;
    struct backend *b = NULL;
    *c = (struct chain){
        .config = *config, .first = *config, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    hints_open(&c->hints);
    enum status status = backend_list_parse(&list, config->backend, &what);
    if (!status) status = chain_fill(c, &list, reason);
    if (status) return status;
    lend_targets(c, &list);
    status = backend_pick(&list, &c->first, &index, &b, reason);
    if (status) return status;
    c->current = &c->entries[index];
    c->current->backend = b;
    c->current->config = c->first;
    c->current->state = ENTRY_RUNNING;
    c->config.rate = b->rate;
    c->config.channels = b->n_channels;
    if (c->current == c->timer) return STATUS_OK;
    c->timer->config = c->config;
    status = backend_ops_of(BACKEND_NULL)->open(&c->timer->config, "", &c->timer->backend, reason);
    if (!status) c->timer->state = ENTRY_RUNNING;
    return status;
}

enum status chain_start(struct chain *c, struct cycle *cycle, char *reason)
{
    c->cycle = cycle;
    cycle->wake_fd = c->wake_fd;
    for (uint32_t i = 0; i < c->n_entries; i++)
        c->entries[i].cycle = cycle;
    struct backend *b = c->current->backend, *timer = c->timer->backend;
    b->cycle = cycle;
    backend_open_gate(b, false);
    enum status status = timer->ops->start(timer, cycle, reason);
    if (!status && b != timer) status = b->ops->start(b, cycle, reason);
    return status;
}

bool chain_stop(struct chain *c)
{
    struct timespec pause = {.tv_nsec = 10 * NS_PER_MS};
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        // Long enough for what libjack is given, and less than the time in which the daemon has to leave.
        bool is_ours = !entry_has_job(e) || entry_end_job(e);
        for (int n = 0; n < 120 && !is_ours; n++) {
            nanosleep(&pause, NULL);
            is_ours = entry_end_job(e);
        }
        if (!is_ours) continue; // it hangs: it goes with the process
        if (e->backend) e->backend->ops->close(e->backend);
        e->backend = NULL;
        e->state = ENTRY_CLOSED;
    }
    if (c->n_entries > 0) hints_close(&c->hints);
    c->current = NULL;
    return backend_memory_bytes().live_bytes == 0;
}
