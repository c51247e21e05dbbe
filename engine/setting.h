// SPDX-License-Identifier: MIT
// setting.h - one value of a configuration: what it may be, and how it is read from text.
#ifndef ENGINE_SETTING_H
#define ENGINE_SETTING_H
#include <stdbool.h>
#include <stddef.h>

#include "alloc/attr.h"
#include "alloc/status.h"
#include "alloc/strbuf.h"

/// What a setting is in its struct: uint32_t, float, bool, char[size] (TEXT, PATH, CHOICE).
enum setting_kind {
    SETTING_INT,
    SETTING_POWER_OF_TWO,
    SETTING_FLOAT,
    SETTING_BOOL,
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_CHOICE
};

struct setting {
    const char *section, *name;
    enum setting_kind kind;
    size_t offset, size; // in the struct that it is of; bytes, for texts with the closing 0
    double min, max;     // for numbers
    const char *unit;    // for people; may be empty
    const char *choices; // for CHOICE: "a|b|c"
    bool may_be_empty;   // for TEXT and PATH
};

/// Reads `value` into the struct at `base`. Fails with STATUS_BAD_FORMAT, says in `what` what was found and
/// what was expected, and leaves the struct as it was.
NODISCARD enum status setting_set(const struct setting *setting, void *base, const char *value,
                                  struct strbuf *what);

#endif
