// SPDX-License-Identifier: MIT
// config_key.h - one key of the configuration: which there are, and what each may be.
#ifndef ENGINE_CONFIG_KEY_H
#define ENGINE_CONFIG_KEY_H
#include "alloc/strbuf.h"
#include "engine/config.h"

/// Checks the name of a section ("engine", "bus NAME") and makes the bus of a bus section. On failure says in
/// `what`: what was found; what was expected.
NODISCARD
enum status config_open_section(struct config *c, const char *section, struct strbuf *what);

/// Sets one key from its text. Fails like config_open_section(), and leaves the value as it was.
NODISCARD
enum status config_set_key(struct config *c, const char *section, const char *name, const char *value,
                           struct strbuf *what);

#endif
