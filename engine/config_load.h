// SPDX-License-Identifier: MIT
// config_load.h - the whole configuration: defaults, files, command line, in this order, each over the one
// before.
#ifndef ENGINE_CONFIG_LOAD_H
#define ENGINE_CONFIG_LOAD_H
#include <stddef.h>

#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/config.h"

/// A key that the command line sets.
struct config_override {
    const char *section, *key, *value;
};

#define CONFIG_MAX_OVERRIDES 16

/// Where a configuration comes from: kept, so that the same can be read again. Borrows its texts.
struct config_source {
    const char *file;     // instead of the usual ones; NULL: those
    const char *instance; // one of several daemons on this machine; NULL: the only one
    struct config_override overrides[CONFIG_MAX_OVERRIDES];
    uint32_t n_overrides;
};

/// Reads all of it into `c` and finishes it. On failure `error` (CONFIG_ERROR_BYTES) says what is wrong and
/// where, and `c` is of no use.
NODISCARD enum status config_load(struct config *c, const struct config_source *source, char *error);

#endif
