// SPDX-License-Identifier: MIT
// subscriptions.c - who wants to hear of which events, how often, and for how long.
#include "engine/osc/subscriptions.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(N_OSC_EVENTS <= 64, "a subscription marks its events in 64 bits");

#define NS_PER_SECOND 1e9

enum status subscriptions_init(struct subscriptions *s, struct allocator *a)
{
    *s = (struct subscriptions){0};
    allocator_tag(a, "subscriptions");
    s->entries = make(struct subscription, MAX_SUBSCRIPTIONS, a);
    return s->entries ? STATUS_OK : STATUS_NO_MEMORY;
}

static uint64_t matching_events(const char *pattern)
{
    uint64_t events = 0;
    for (unsigned e = 0; e < N_OSC_EVENTS; e++)
        if (pattern_matches(pattern, osc_event_path((enum osc_event)e))) events |= UINT64_C(1) << e;
    return events;
}

static void update_wanted(struct subscriptions *s)
{
    s->wanted = 0;
    for (uint32_t i = 0; i < s->n_used; i++)
        s->wanted |= s->entries[i].events;
}

static void remove_at(struct subscriptions *s, uint32_t i)
{
    s->entries[i] = s->entries[--s->n_used];
}

/// Its pattern does not matter when `pattern` is NULL.
static bool is_one_of(const struct subscription *e, const struct client *client, const char *pattern)
{
    return client_is(&e->client, client) && (!pattern || strcmp(e->pattern, pattern) == 0);
}

uint32_t subscriptions_count(const struct subscriptions *s, const struct client *client, const char *pattern)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_used; i++)
        n += is_one_of(&s->entries[i], client, pattern);
    return n;
}

enum api_error subscriptions_check(const struct subscriptions *s, const struct client *client,
                                   const char *pattern, int32_t n_more, int32_t *n_new)
{
    if (!matching_events(pattern)) return API_BAD_ARGUMENTS;
    *n_new = subscriptions_count(s, client, pattern) == 0;
    if (!*n_new) return API_OK;
    bool has_room = (int32_t)subscriptions_count(s, client, NULL) + n_more < MAX_SUBSCRIPTIONS_A_CLIENT &&
                    (int32_t)s->n_used + n_more < MAX_SUBSCRIPTIONS;
    return has_room ? API_OK : API_REFUSED;
}

/// The one to renew, or a new one; NULL when there are too many.
static struct subscription *find_or_make(struct subscriptions *s, const struct client *client,
                                         const char *pattern)
{
    for (uint32_t i = 0; i < s->n_used; i++)
        if (is_one_of(&s->entries[i], client, pattern)) return &s->entries[i];
    int32_t n_new;
    if (subscriptions_check(s, client, pattern, 0, &n_new)) return NULL;
    struct subscription *e = &s->entries[s->n_used++];
    *e = (struct subscription){.client = *client};
    snprintf(e->pattern, sizeof e->pattern, "%s", pattern);
    return e;
}

enum api_error subscriptions_add(struct subscriptions *s, const struct client *client, const char *pattern,
                                 double interval_s, double lease_s, int64_t now_ns)
{
    uint64_t events = matching_events(pattern);
    if (!events) return API_BAD_ARGUMENTS;
    struct subscription *e = find_or_make(s, client, pattern);
    if (!e) {
        s->n_refused++;
        return API_REFUSED;
    }
    e->events = events;
    e->interval_ns = (int64_t)(interval_s * NS_PER_SECOND);
    e->end_ns = now_ns + (int64_t)(lease_s * NS_PER_SECOND);
    if (e->next_ns == 0 || e->next_ns > now_ns + e->interval_ns) e->next_ns = now_ns;
    s->wanted |= events;
    return API_OK;
}

uint32_t subscriptions_remove(struct subscriptions *s, const struct client *client, const char *pattern)
{
    uint32_t n_before = s->n_used;
    for (uint32_t i = s->n_used; i-- > 0;) {
        if (is_one_of(&s->entries[i], client, pattern)) remove_at(s, i);
    }
    update_wanted(s);
    return n_before - s->n_used;
}

void subscriptions_expire(struct subscriptions *s, int64_t now_ns)
{
    uint32_t n_before = s->n_used;
    for (uint32_t i = s->n_used; i-- > 0;)
        if (s->entries[i].end_ns <= now_ns) remove_at(s, i);
    if (s->n_used != n_before) update_wanted(s);
}

bool subscription_takes(struct subscriptions *all, struct subscription *s)
{
    if (s->n_occurrences < MAX_OCCURRENCES_AN_INTERVAL) {
        s->n_occurrences++;
        return true;
    }
    s->n_missed++;
    all->n_missed++;
    return false;
}

bool subscription_is_due(struct subscription *s, int64_t now_ns, uint32_t *n_missed)
{
    if (now_ns < s->next_ns) return false;
    *n_missed = s->n_missed;
    s->n_occurrences = s->n_missed = 0;
    // In step with itself, unless it has fallen behind.
    s->next_ns += s->interval_ns;
    if (s->next_ns <= now_ns) s->next_ns = now_ns + s->interval_ns;
    return true;
}

bool subscription_has_changed(struct subscription *s, enum osc_event event, uint64_t digest)
{
    uint64_t bit = UINT64_C(1) << event;
    if (s->known & bit && s->sent[event] == digest) return false;
    s->known |= bit;
    s->sent[event] = digest;
    return true;
}

int64_t subscriptions_next_ns(const struct subscriptions *s)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < s->n_used; i++) {
        const struct subscription *e = &s->entries[i];
        if (e->next_ns < next) next = e->next_ns;
        if (e->end_ns < next) next = e->end_ns;
    }
    return next;
}
