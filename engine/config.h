// SPDX-License-Identifier: MIT
// config.h - what the configuration files and the command line say.
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/status.h"

#define CONFIG_MAX_ALLOW  16
#define CONFIG_MAX_LISTEN 8
#define CONFIG_MAX_FROM   16
#define CONFIG_MAX_BUSES  64
#define CONFIG_NAME_BYTES 64
#define CONFIG_PATH_BYTES 1024
/// Of an IPv6 address and what may stand behind it.
#define CONFIG_ADDRESS_BYTES 64
/// Of an ALSA card's name, with room to spare.
#define CONFIG_INSTANCE_BYTES 32

/// A [bus NAME] section.
struct config_bus {
    char name[CONFIG_NAME_BYTES], parent[CONFIG_NAME_BYTES];
    float gain_db, pan;
    bool mute;
    uint32_t out, width;
};

/// A number for each row of config.def.
enum config_key {
#define CONFIG_INT(section, name, value, min, max, unit, doc)   CONFIG_KEY_##name,
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc) CONFIG_KEY_##name,
#define CONFIG_TEXT(section, name, value, size, doc)            CONFIG_KEY_##name,
#define CONFIG_CHOICE(section, name, value, choices, doc)       CONFIG_KEY_##name,
#include "engine/config.def"
    CONFIG_N_KEYS
};

/// Files that one configuration is read from.
#define CONFIG_MAX_FILES 2

/// Where a value was set: line 0 and file 0 for the default, line 0 and a file for the command line.
struct config_origin {
    uint16_t file; // counted from 1
    uint16_t line;
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
    char listen[CONFIG_MAX_LISTEN][CONFIG_ADDRESS_BYTES]; // [control] listen = ADDRESS, likewise
    uint32_t n_listen;
    char allow_from[CONFIG_MAX_FROM][CONFIG_ADDRESS_BYTES]; // [access] allow_from = ADDRESS[/BITS], likewise
    uint32_t n_allow_from;
    struct config_bus bus[CONFIG_MAX_BUSES];
    uint32_t n_bus;
    char instance[CONFIG_INSTANCE_BYTES]; // --instance; empty: the only daemon
    struct config_origin origins[CONFIG_N_KEYS];
    struct config_origin here; // where keys are being set just now
    char files[CONFIG_MAX_FILES][CONFIG_PATH_BYTES];
    uint32_t n_files;
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

struct setting;
/// What the key may be, and where it stands in struct config.
const struct setting *config_setting(enum config_key key);

/// "[section] name", a literal.
const char *config_key_name(enum config_key key);

/// Says in `text` where a key was set: "FILE:LINE", "the command line" or "the default".
void config_say_origin(const struct config *c, enum config_key key, char *text, size_t size);

/// Fills in what depends on the user and the environment (sockets, sound_folder), and checks values against
/// one another.
NODISCARD enum status config_finish(struct config *c, char *error);

#endif
