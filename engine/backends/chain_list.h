// SPDX-License-Identifier: MIT
// chain_list.h - which backends a chain has, and in which order they are wanted. For the chain alone.
#ifndef ENGINE_BACKENDS_CHAIN_LIST_H
#define ENGINE_BACKENDS_CHAIN_LIST_H
#include "engine/backends/chain.h"

/// Makes the entries of a list, and the timer if it is not in there. A zeroed chain with its config.
NODISCARD enum status chain_fill(struct chain *c, const struct backend_list *list, char *reason);

/// The entry of this word, or of this kind ("alsa": the best of the list). NULL when there is none.
struct chain_entry *chain_find_entry(struct chain *c, const struct backend_choice *choice);

/// One that is not in the list. NULL while too many are being closed.
struct chain_entry *chain_make_entry(struct chain *c, const struct backend_choice *choice);

/// Tells one that runs what may have changed since it was opened.
void chain_configure_entry(const struct chain *c, struct chain_entry *e);

#endif
