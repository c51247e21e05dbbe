// SPDX-License-Identifier: MIT
// queries.h - answers that are long, or that rt must be asked for: lists and the dump, a piece at a time, one
// after the other.
#ifndef ENGINE_QUERIES_H
#define ENGINE_QUERIES_H
#include <stdbool.h>
#include <stdint.h>

#include "engine/call.h"
#include "engine/rt/event.h"

/// Queries that may wait; each costs no more than its place.
#define MAX_QUERIES 256

/// In the tokens of queries, so that they are told from those of syncs.
#define QUERY_TOKEN (UINT64_C(1) << 63)

/// What a query does, in this order; each kind leaves some out.
enum query_step {
    QUERY_BEGINS,
    QUERY_SNAPSHOT, // waits until rt has published one
    QUERY_SOUNDS,
    QUERY_BUSES,
    QUERY_VOICES,
    QUERY_ENDS,
};

struct query {
    struct client client;
    char request_id[REQUEST_ID_BYTES];
    enum method method;   // SOUND_LIST, BUS_LIST, VOICE_LIST or DUMP
    enum query_step step; //
    uint32_t next;        // sound, bus or voice slot of this step that is looked at next
    uint32_t n_awaited;   // voice reports that rt has been asked for
    uint32_t n_items;     // sent
    uint32_t n_left_out;  // DUMP: what messages cannot rebuild
};

/// In order of arrival; the first one is under way. Indices run free.
struct queries {
    struct query ring[MAX_QUERIES];
    uint32_t first, end;
};

#endif
