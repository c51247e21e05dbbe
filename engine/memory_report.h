// SPDX-License-Identifier: MIT
// memory_report.h - what --debug-memory prints: the map once set-up is over, and at the end what is left.
//
// Between the two nothing may have been lost: every region has what it had, the sample store what its sounds
// hold, and loads have given back what they took.
#ifndef ENGINE_MEMORY_REPORT_H
#define ENGINE_MEMORY_REPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "alloc/attr.h"
#include "engine/engine.h"

/// A point in time.
struct memory_report {
    uint64_t since;
    size_t used_bytes[MEMORY_REGIONS];
};

/// Prints the map on `to`, and keeps the figures. Set-up is over.
void memory_report_begin(struct memory_report *r, const struct engine *e, FILE *to);

/// Ends the worker, and prints what is left and, in builds with CHIMED_MEMORY_TRACKING, each live allocation.
/// False when something was lost. Nothing else may be done with the engine but engine_fini().
NODISCARD bool memory_report_end(const struct memory_report *r, struct engine *e, FILE *to);

#endif
