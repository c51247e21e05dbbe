// SPDX-License-Identifier: MIT
// write.h - builds OSC messages in memory of its own size; never allocates.
#ifndef ENGINE_OSC_WRITE_H
#define ENGINE_OSC_WRITE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"

/// Longest message that a writer holds.
#define OSC_MAX_MESSAGE_BYTES 4096

/// Room for its arguments, and for its path.
#define OSC_MAX_ARGS_BYTES (OSC_MAX_MESSAGE_BYTES / 2)
#define OSC_MAX_PATH_BYTES 256

/// A message under construction. What does not fit is left out and remembered.
struct osc_writer {
    char tags[OSC_MAX_MESSAGE_BYTES / 16];
    uint8_t path[OSC_MAX_PATH_BYTES], args[OSC_MAX_ARGS_BYTES];
    size_t n_path, n_tags, n_args;
    bool overflow;
};

void osc_begin(struct osc_writer *w, const char *path);
void osc_add_int(struct osc_writer *w, int32_t value);
void osc_add_long(struct osc_writer *w, int64_t value);
void osc_add_float(struct osc_writer *w, float value);
void osc_add_double(struct osc_writer *w, double value);
/// An NTP time stamp.
void osc_add_time(struct osc_writer *w, uint64_t value);
void osc_add_text(struct osc_writer *w, const char *value);

/// Writes the message to `out` (OSC_MAX_MESSAGE_BYTES) and returns its length; 0 after an overflow.
NODISCARD size_t osc_end(const struct osc_writer *w, uint8_t *out);

/// Big-endian, as everything in OSC.
void osc_write_u32(uint8_t *out, uint32_t value);

#endif
