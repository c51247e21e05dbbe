// SPDX-License-Identifier: MIT
// subscriptions.h - who wants to hear of which events, how often, and for how long. Control thread.
//
// Events are of two kinds. An occurrence (a voice has started) is sent when it happens; in one interval a
// subscriber gets at most so many, and is told how many it missed. A state (meters, load) is looked at once
// in an interval, and sent when it has changed since.
#ifndef ENGINE_OSC_SUBSCRIPTIONS_H
#define ENGINE_OSC_SUBSCRIPTIONS_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/client.h"
#include "engine/osc/methods.h"
#include "engine/osc/pattern.h"

/// In all, and of one client.
#define MAX_SUBSCRIPTIONS          1024
#define MAX_SUBSCRIPTIONS_A_CLIENT 64

/// Occurrences that a subscriber gets in one interval.
#define MAX_OCCURRENCES_AN_INTERVAL 256

#define DEFAULT_INTERVAL_S 0.1
#define DEFAULT_LEASE_S    60.0

struct subscription {
    struct client client;
    char pattern[PATTERN_BYTES];
    uint64_t events; // a bit for each enum osc_event that the pattern matches
    int64_t interval_ns;
    int64_t next_ns, end_ns;     // CLOCK_MONOTONIC: when states are looked at again, when the lease ends
    uint64_t known;              // a bit for each state that was sent
    uint64_t sent[N_OSC_EVENTS]; // its digest, as it was sent last
    uint32_t n_occurrences;      // sent in this interval
    uint32_t n_missed;           // left out in this interval
};

struct subscriptions {
    struct subscription *entries; // n_used of them, in no order
    uint32_t n_used;
    uint64_t wanted; // events that anybody wants
    uint64_t n_refused, n_missed;
};

NODISCARD enum status subscriptions_init(struct subscriptions *s, struct allocator *a);

/// What subscriptions_add() would answer when the client had made `n_more` others before (less than 0:
/// ended).
/// `*n_new`: 1 when it is not there yet.
NODISCARD enum api_error subscriptions_check(const struct subscriptions *s, const struct client *client,
                                             const char *pattern, int32_t n_more, int32_t *n_new);

/// How many subscriptions_remove() would end.
uint32_t subscriptions_count(const struct subscriptions *s, const struct client *client, const char *pattern);

/// Adds or renews one; the pattern is well formed. API_REFUSED when there are too many, API_BAD_ARGUMENTS
/// when it matches no event.
NODISCARD enum api_error subscriptions_add(struct subscriptions *s, const struct client *client,
                                           const char *pattern, double interval_s, double lease_s,
                                           int64_t now_ns);

/// Ends those of a client with this pattern; NULL: all of them. Returns how many.
uint32_t subscriptions_remove(struct subscriptions *s, const struct client *client, const char *pattern);

/// Ends those whose lease is over.
void subscriptions_expire(struct subscriptions *s, int64_t now_ns);

static inline bool subscriptions_want(const struct subscriptions *s, enum osc_event event)
{
    return s->wanted >> event & 1;
}

static inline bool subscription_wants(const struct subscription *s, enum osc_event event)
{
    return s->events >> event & 1;
}

/// True when one more occurrence may be sent in this interval; else it is counted.
bool subscription_takes(struct subscriptions *all, struct subscription *s);

/// True when the interval is over: states are to be looked at, and what `*n_missed` says is to be told.
/// Begins the next interval.
bool subscription_is_due(struct subscription *s, int64_t now_ns, uint32_t *n_missed);

/// True when a state, of which `digest` tells one value from another, is not what was sent last.
bool subscription_has_changed(struct subscription *s, enum osc_event event, uint64_t digest);

/// When one is due next; INT64_MAX when there are none.
int64_t subscriptions_next_ns(const struct subscriptions *s);

#endif
