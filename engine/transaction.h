// SPDX-License-Identifier: MIT
// transaction.h - all messages of a packet, or none: commands, changes of the books and answers wait until
// every message has been accepted. Control thread.
//
// A handler stages its commands, says how each of its changes to the books is undone, and ends with one
// call_done or one refusal. After the last message the commands are handed to rt together and the answers are
// sent; or, when one was refused, the commands are forgotten, the changes undone in reverse, and every
// message is answered with an error. Methods that cannot be undone are called when all others have been
// accepted.
//
// A message that is part of no bundle, and whose path is a pattern, is as many packets as it matches methods.
#ifndef ENGINE_TRANSACTION_H
#define ENGINE_TRANSACTION_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/call.h"

/// Messages of a packet, each counted once for every method that its pattern of paths stands for; the longest
/// packet holds 8190 of the shortest kind.
#define MAX_CALLS 8192

/// Changes that can be undone, and those that must be free before a call begins.
#define MAX_UNDOS       32768
#define UNDOS_OF_A_CALL 16

/// Loads that one packet may begin with /sound/load, and calls of it that may wait for a load.
#define MAX_NEW_LOADS 256
#define MAX_WAITS     256

struct control;

/// How a change of the books is taken back.
typedef void undo(struct control *c, uint32_t index, uint64_t old);

struct undo_step {
    undo *take_back;
    uint32_t index;
    uint64_t old;
};

/// What a call will be answered.
struct answer {
    enum {
        ANSWER_NOT_YET, // a load's end will answer it
        ANSWER_DONE,    // /done path
        ANSWER_INT,     // /done path number
        ANSWER_TEXT,    // /done path text
        ANSWER_VOICE,   // /done path id
        ANSWER_ITS_OWN, // it is called when all others have been accepted
    } kind;
    enum method method;
    const char *id; // "#17", in the packet; ""
    union {
        int32_t number;
        const char *text;
        uint32_t slot;
    };
};

/// A call, counted from 0 in its packet, and a sound that it loads or waits for.
struct call_sound {
    uint32_t call, sound;
};

enum transaction_phase {
    TRANSACTION_NONE,    // no packet is being handled
    TRANSACTION_CHECKS,  // messages are accepted or refused
    TRANSACTION_ANSWERS, // all have been accepted: what cannot be undone is done, and all is answered
};

/// Owned by control.
struct transaction {
    enum transaction_phase phase;
    struct request request; // of the present call
    bool is_bundle;
    bool has_graph;              // the tree of buses has changed
    bool has_last;               // some method is called when all others have been accepted
    uint16_t n_last[N_METHODS];  // calls of each of these that have been accepted
    int32_t n_new_subscriptions; // that they will make, less those that they will end
    uint32_t n_reserved;         // commands that they will push
    uint32_t ticket;             // of the present call, for what it schedules
    enum when last_when;         // of the command that was staged last, if any
    uint64_t last_time;
    bool has_staged;
    struct answer *answers; // MAX_CALLS, of each call
    uint32_t n_answers;
    struct undo_step *undos; // MAX_UNDOS
    uint32_t n_undos;
    struct call_sound new_loads[MAX_NEW_LOADS];
    uint32_t n_new_loads;
    struct call_sound waits[MAX_WAITS];
    uint32_t n_waits; // above 0: the packet must wait
    // the packet is refused
    enum api_error error;
    uint32_t bad_call;
    char text[ERROR_TEXT_BYTES];
};

// ---- set-up ----

NODISCARD enum status transaction_init(struct transaction *t, struct allocator *a);

// ---- control thread ----

/// Refuses the packet for one of its calls, unless it has been refused.
void transaction_refuse(struct transaction *t, uint32_t call, enum api_error error, const char *text);

#endif
