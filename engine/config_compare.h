// SPDX-License-Identifier: MIT
// config_compare.h - the keys of two configurations, one by one: what differs, in words, and taking one over.
#ifndef ENGINE_CONFIG_COMPARE_H
#define ENGINE_CONFIG_COMPARE_H
#include <stdbool.h>
#include <stddef.h>

#include "engine/config.h"

/// True for a key that takes effect on a reload, false for one that does after a restart.
bool config_key_is_live(enum config_key key);

bool config_key_is_same(const struct config *a, const struct config *b, enum config_key key);

/// Takes the value, and where it was set.
void config_key_copy(struct config *to, const struct config *from, enum config_key key);

/// The value as it would stand in a file; cut when it is longer.
void config_key_say(const struct config *c, enum config_key key, char *text, size_t size);

#endif
