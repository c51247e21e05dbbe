// SPDX-License-Identifier: MIT
// publish.c - tells subscribers what has happened and how things stand.
#include "engine/publish.h"

#include <stdio.h>
#include <string.h>

#include "engine/handlers.h"
#include "mixer/pan.h"

// ---- what has happened ----

static struct osc_writer *begin(struct control *c, enum osc_event event)
{
    return reply_begin(&c->replies, osc_event_path(event));
}

/// The next subscriber from `*i` on that is to get an occurrence; NULL behind the last.
static const struct client *next_subscriber(struct control *c, enum osc_event event, uint32_t *i)
{
    struct subscriptions *all = &c->subscriptions;
    while (*i < all->n_used) {
        struct subscription *s = &all->entries[(*i)++];
        if (subscription_wants(s, event) && subscription_takes(all, s)) return &s->client;
    }
    return NULL;
}

/// Voices come and go by the thousand: only what nobody asked for is worth more than debugging.
static void log_voice(const struct control *c, enum osc_event event, const struct voice_entry *v,
                      const char *reason)
{
    bool is_shed = reason && strcmp(reason, "shed") == 0;
    enum log_level level = is_shed ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;
    if (!log_wants(level)) return;
    const char *sound = c->sounds.entries[v->sound].name, *what = strrchr(osc_event_path(event), '/') + 1;
    char id[VOICE_NAME_BYTES];
    snprintf(id, sizeof id, "%s", v->name);
    if (!v->name[0]) snprintf(id, sizeof id, "%d", v->number);
    log_fields(level, LOG_WITH({"CHIMED_VOICE", id}, {"CHIMED_SOUND", sound}), "voice %s of %s: %s%s%s", id,
               sound, what, reason ? ", " : "", reason ? reason : "");
}

void publish_voice(struct control *c, enum osc_event event, uint32_t slot, const char *reason)
{
    log_voice(c, event, &c->voices.entries[slot], reason);
    if (!subscriptions_want(&c->subscriptions, event)) return;
    const struct voice_entry *v = &c->voices.entries[slot];
    const struct client *to;
    for (uint32_t i = 0; (to = next_subscriber(c, event, &i));) {
        struct osc_writer *w = begin(c, event);
        voice_add_id(w, v);
        if (event == OSC_EVENT_STARTED) osc_add_text(w, c->sounds.entries[v->sound].name);
        if (reason) osc_add_text(w, reason);
        reply_send(&c->replies, to);
    }
}

void publish_clock_step(struct control *c, double seconds)
{
    const struct client *to;
    for (uint32_t i = 0; (to = next_subscriber(c, OSC_EVENT_CLOCK, &i));) {
        osc_add_double(begin(c, OSC_EVENT_CLOCK), seconds);
        reply_send(&c->replies, to);
    }
}

void publish_rate(struct control *c)
{
    const struct client *to;
    for (uint32_t i = 0; (to = next_subscriber(c, OSC_EVENT_RATE, &i));) {
        osc_add_int(begin(c, OSC_EVENT_RATE), (int32_t)c->rate);
        reply_send(&c->replies, to);
    }
}

void publish_health(struct control *c)
{
    const struct client *to;
    for (uint32_t i = 0; (to = next_subscriber(c, OSC_EVENT_HEALTH, &i));) {
        struct osc_writer *w = begin(c, OSC_EVENT_HEALTH);
        osc_add_text(w, verdict_name(c->health.verdict));
        osc_add_text(w, c->health.why);
        reply_send(&c->replies, to);
    }
}

void publish_resumed(struct control *c)
{
    const struct resume *s = &c->resume;
    const struct client *to;
    for (uint32_t i = 0; (to = next_subscriber(c, OSC_EVENT_STATE, &i));) {
        struct osc_writer *w = begin(c, OSC_EVENT_STATE);
        osc_add_int(w, (int32_t)s->n_sounds);
        osc_add_int(w, (int32_t)s->n_voices);
        osc_add_int(w, (int32_t)s->n_scheduled);
        osc_add_int(w, (int32_t)s->n_lost);
        reply_send(&c->replies, to);
    }
}

static void publish_log(struct control *c)
{
    struct log_copy line;
    for (uint64_t newest = log_newest(); c->log_seen < newest && log_take(c->log_seen, &line);
         c->log_seen = line.n) {
        const struct client *to;
        for (uint32_t i = 0; (to = next_subscriber(c, OSC_EVENT_LOG, &i));) {
            log_add_line(begin(c, OSC_EVENT_LOG), &line);
            reply_send(&c->replies, to);
        }
    }
}

// ---- how things stand ----

/// FNV-1a (Fowler, Noll, Vo), over values one after the other.
static uint64_t digest(uint64_t before, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        before = (before ^ p[i]) * UINT64_C(0x100000001b3);
    return before;
}

#define DIGEST_START UINT64_C(0xcbf29ce484222325)

static void send_count(struct control *c, struct subscription *s, enum osc_event event, uint64_t count)
{
    if (!subscription_has_changed(s, event, count)) return;
    osc_add_long(begin(c, event), (int64_t)count);
    reply_send(&c->replies, &s->client);
}

static void send_meters(struct control *c, struct subscription *s)
{
    const struct snapshot *now = c->snapshot;
    uint32_t n = now->n_buses < c->buses.n_buses ? now->n_buses : c->buses.n_buses;
    uint64_t sum = DIGEST_START;
    for (uint32_t bus = 0; bus < n; bus++)
        sum = digest(sum, &now->buses[bus].meter, sizeof now->buses[bus].meter);
    if (!subscription_has_changed(s, OSC_EVENT_METER, sum)) return;
    for (uint32_t bus = 0; bus < n; bus++) {
        const struct bus_meter *m = &now->buses[bus].meter;
        struct osc_writer *w = begin(c, OSC_EVENT_METER);
        osc_add_text(w, c->buses.entries[bus].name);
        osc_add_float(w, gain_to_db(m->peak_left));
        osc_add_float(w, gain_to_db(m->peak_right));
        osc_add_float(w, gain_to_db(m->rms_left));
        osc_add_float(w, gain_to_db(m->rms_right));
        reply_send(&c->replies, &s->client);
    }
}

/// In thousandths: smaller changes are no news.
static void send_load(struct control *c, struct subscription *s)
{
    if (!c->cycle) return;
    // relaxed: figures for people, each for itself.
    uint32_t average = atomic_load_explicit(&c->cycle->load_average_ppm, memory_order_relaxed) / 1000;
    uint32_t worst = (uint32_t)(load_window_worst(&c->load_window, c->cycle) * 1e3);
    if (!subscription_has_changed(s, OSC_EVENT_LOAD, (uint64_t)average << 32 | worst)) return;
    struct osc_writer *w = begin(c, OSC_EVENT_LOAD);
    osc_add_float(w, (float)average * 1e-3f);
    osc_add_float(w, (float)worst * 1e-3f);
    reply_send(&c->replies, &s->client);
}

static void send_memory(struct control *c, struct subscription *s)
{
    struct memory_usage usage[MEMORY_REGIONS];
    uint64_t sum = DIGEST_START;
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        memory_usage(c->memory, (enum memory_region)i, &usage[i]);
        sum = digest(sum, &usage[i].used_bytes, sizeof usage[i].used_bytes);
    }
    if (!subscription_has_changed(s, OSC_EVENT_MEMORY_USE, sum)) return;
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct osc_writer *w = begin(c, OSC_EVENT_MEMORY_USE);
        osc_add_text(w, usage[i].name);
        osc_add_long(w, (int64_t)usage[i].used_bytes);
        osc_add_long(w, (int64_t)usage[i].budget_bytes);
        reply_send(&c->replies, &s->client);
    }
}

static void send_xruns(struct control *c, struct subscription *s)
{
    if (!c->cycle) return;
    // relaxed: likewise
    uint64_t ours = atomic_load_explicit(&c->cycle->n_xruns_ours, memory_order_relaxed);
    uint64_t late = atomic_load_explicit(&c->cycle->n_xruns_late, memory_order_relaxed);
    uint64_t device = atomic_load_explicit(&c->cycle->n_xruns_device, memory_order_relaxed);
    if (!subscription_has_changed(s, OSC_EVENT_XRUNS, ours + late + device)) return;
    struct osc_writer *w = begin(c, OSC_EVENT_XRUNS);
    osc_add_long(w, (int64_t)(ours + late + device));
    osc_add_long(w, (int64_t)ours);
    osc_add_long(w, (int64_t)late);
    osc_add_long(w, (int64_t)device);
    reply_send(&c->replies, &s->client);
}

static void send_states(struct control *c, struct subscription *s)
{
    if (subscription_wants(s, OSC_EVENT_METER)) send_meters(c, s);
    if (subscription_wants(s, OSC_EVENT_LOAD)) send_load(c, s);
    if (subscription_wants(s, OSC_EVENT_XRUNS)) send_xruns(c, s);
    if (subscription_wants(s, OSC_EVENT_LATENESS)) send_count(c, s, OSC_EVENT_LATENESS, c->book.n_late);
    if (subscription_wants(s, OSC_EVENT_LOST) && c->transport)
        send_count(c, s, OSC_EVENT_LOST, transport_count_drops(c->transport));
    if (subscription_wants(s, OSC_EVENT_MEMORY_USE)) send_memory(c, s);
}

void publish_due(struct control *c, int64_t now_ns)
{
    struct subscriptions *all = &c->subscriptions;
    if (!subscriptions_want(all, OSC_EVENT_LOG)) c->log_seen = log_newest();
    if (all->n_used == 0) return;
    subscriptions_expire(all, now_ns);
    publish_watch(c);
    publish_log(c);
    for (uint32_t i = 0; i < all->n_used; i++) {
        struct subscription *s = &all->entries[i];
        uint32_t n_missed;
        if (!subscription_is_due(s, now_ns, &n_missed)) continue;
        if (n_missed > 0) {
            osc_add_int(begin(c, OSC_EVENT_MISSED), (int32_t)n_missed);
            reply_send(&c->replies, &s->client);
        }
        send_states(c, s);
    }
}

void publish_watch(struct control *c)
{
    const struct subscriptions *all = &c->subscriptions;
    bool wanted = subscriptions_want(all, OSC_EVENT_LOOPED) || subscriptions_want(all, OSC_EVENT_PAUSED) ||
                  subscriptions_want(all, OSC_EVENT_RESUMED);
    if (wanted == c->watches_voices) return;
    struct command command = {.type = COMMAND_WATCH_VOICES, .flag.on = wanted};
    if (control_push(c, &command)) c->watches_voices = wanted;
}

int64_t publish_patience_ns(const struct control *c, int64_t now_ns)
{
    // Occurrences come from rt, which cannot wake this thread.
    const uint64_t occurrences = UINT64_C(1) << OSC_EVENT_STARTED | UINT64_C(1) << OSC_EVENT_LOOPED |
                                 UINT64_C(1) << OSC_EVENT_PAUSED | UINT64_C(1) << OSC_EVENT_RESUMED |
                                 UINT64_C(1) << OSC_EVENT_ENDED;
    int64_t next = subscriptions_next_ns(&c->subscriptions);
    if (next == INT64_MAX) return INT64_MAX;
    int64_t patience = next > now_ns ? next - now_ns : 0;
    if (c->subscriptions.wanted & occurrences && c->voices.n_used > 0 && patience > 2000000) return 2000000;
    return patience;
}
