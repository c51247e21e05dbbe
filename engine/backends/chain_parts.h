// SPDX-License-Identifier: MIT
// chain_parts.h - what the files of the chain ask of one another. For the chain alone.
#ifndef ENGINE_BACKENDS_CHAIN_PARTS_H
#define ENGINE_BACKENDS_CHAIN_PARTS_H
#include "engine/backends/chain.h"

// ---- chain_list.c: which there are, and in which order they are wanted ----

/// Makes the entries of a list, and the timer if it is not in there. A zeroed chain with its config.
NODISCARD enum status chain_fill(struct chain *c, const struct backend_list *list, char *reason);

/// The entry of this word, or of this kind ("alsa": the best of the list). NULL when there is none.
struct chain_entry *chain_find_entry(struct chain *c, const struct backend_choice *choice);

/// One that is not in the list. NULL while too many are being closed.
struct chain_entry *chain_make_entry(struct chain *c, const struct backend_choice *choice);

/// Tells one that runs what may have changed since it was opened.
void chain_configure_entry(const struct chain *c, struct chain_entry *e);

/// Nobody wants what has no rank.
#define CHAIN_NO_RANK UINT32_MAX
/// Low is good, and two apart.
uint32_t chain_rank(const struct chain *c, const struct chain_entry *e);
/// What the list has in place of the one that is to fall back on. NULL: nothing.
const struct chain_entry *chain_replacement(const struct chain *c);
/// It has been taken out of the list, or what it was opened with has.
bool chain_is_left_over(const struct chain *c, const struct chain_entry *e);

// ---- chain_attempts.c: what helpers do, and when they are asked to ----

/// It calls, so that it can take over.
bool chain_is_proven(const struct chain *c, const struct chain_entry *e);
/// Opens one with what it is to be opened with.
void chain_try(struct chain *c, struct chain_entry *e, int64_t now_ns);
/// Has a running one looked at or closed; false when no helper could be made.
bool chain_start_job(struct chain *c, struct chain_entry *e, enum entry_state what, int64_t now_ns);
/// If it is open, and nobody's.
void chain_close_entry(struct chain *c, struct chain_entry *e, int64_t now_ns);
/// Of a helper that is done.
void chain_take_result(struct chain *c, struct chain_entry *e, int64_t now_ns);
/// A helper is at work that does not hang: the next attempt has to wait.
bool chain_has_job(const struct chain *c, int64_t now_ns);
/// The next attempt comes after a pause, longer than the last one.
void chain_put_off(struct chain_entry *e, int64_t now_ns);
/// Tells why, and puts it off.
void chain_attempt_failed(struct chain *c, struct chain_entry *e, const char *reason, int64_t now_ns);
/// What may have come is tried at once.
void chain_take_hints(struct chain *c, int64_t now_ns);

// ---- chain_switch.c: from one that renders to the next ----

/// `at_once`: without a fade.
void chain_begin_switch(struct chain *c, struct chain_entry *to, bool at_once, int64_t now_ns);
/// Ends a switch once no cycle runs any more.
void chain_go_on_switching(struct chain *c, int64_t now_ns);

#endif
