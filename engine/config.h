// SPDX-License-Identifier: MIT
// config.h - what the configuration files and the command line say.
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/status.h"

#define CONFIG_MAX_ALLOW  16
#define CONFIG_MAX_BUSES  64
#define CONFIG_NAME_BYTES 64
#define CONFIG_PATH_BYTES 1024

/// A [bus NAME] section.
struct config_bus {
    char name[CONFIG_NAME_BYTES], parent[CONFIG_NAME_BYTES];
    float gain_db, pan;
    bool mute;
    uint32_t out, width;
};

/// One field for each row of config.def, and what may stand more than once. Read-only once main has started.
struct config {
#define CONFIG_INT(section, name, value, min, max, unit, doc)   uint32_t name;
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc) float name;
#define CONFIG_TEXT(section, name, value, size, doc)            char name[size];
#define CONFIG_CHOICE(section, name, value, choices, doc)       char name[16];
#include "engine/config.def"
    char allow[CONFIG_MAX_ALLOW]
              [CONFIG_PATH_BYTES]; // [paths] allow = FOLDER, once for each; empty: forget all
    uint32_t n_allow;
    struct config_bus bus[CONFIG_MAX_BUSES];
    uint32_t n_bus;
};

/// Longest message of config_read() and config_set(), with its closing 0.
#define CONFIG_ERROR_BYTES 512

/// Every value at its default; /usr/share/sounds is allowed.
void config_defaults(struct config *c);

/// Reads an INI file over what `c` holds. STATUS_NOT_FOUND when there is none; else on failure `error` says
/// file, line and what was expected.
NODISCARD enum status config_read(struct config *c, const char *path, char *error);

/// Sets one key as if it stood in a file, for the flags of the command line.
NODISCARD enum status config_set(struct config *c, const char *section, const char *name, const char *value,
                                 char *error);

/// Fills in what depends on the user and the environment (socket, sound_folder), and checks values against
/// one another.
NODISCARD enum status config_finish(struct config *c, char *error);

#endif
