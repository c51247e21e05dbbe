// SPDX-License-Identifier: MIT
// schedule.h - commands that wait for their time: a heap of fixed size, by NTP time and then by order of
// arrival.
#ifndef ENGINE_RT_SCHEDULE_H
#define ENGINE_RT_SCHEDULE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/rt/command.h"

/// A binary heap (Williams, "Algorithm 232", 1964) of entries 0 to n_entries - 1, each of which knows its
/// place, so that any can be taken out. Control gives the entries out and sees to it that none is given
/// twice. Owned by rt.
struct schedule {
    struct command *commands; // of each entry
    uint64_t *time;           // of each entry: NTP time minus `shift`
    uint64_t *sequence;       // of each entry: order of arrival
    uint16_t *heap;           // entries, the next one first
    uint16_t *place;          // of each entry in the heap, counted from 1; 0: it is not there
    uint32_t n_entries, n_used;
    uint64_t n_pushed;
    uint64_t shift;
};

// ---- set-up: before any thread runs ----

/// `n_entries`: 1 to 65535. Fails with STATUS_NO_MEMORY or STATUS_BAD_ARGUMENT.
NODISCARD enum status schedule_init(struct schedule *s, struct allocator *a, uint32_t n_entries);

// ---- rt ----

/// For command->time. Its entry must be free. Times may wrap: any two that wait lie less than 68 years apart.
RT_SAFE void schedule_push(struct schedule *s, const struct command *command);
/// The next one; NULL when there is none. Stays valid until the next push of the same entry. Its `time` is
/// without the shifts.
RT_SAFE const struct command *schedule_first(const struct schedule *s);
/// The NTP time of the next one, shifts included. There must be one.
RT_SAFE uint64_t schedule_first_time(const struct schedule *s);
RT_SAFE void schedule_pop(struct schedule *s);
/// Takes an entry out. False when it is not there.
RT_SAFE bool schedule_remove(struct schedule *s, uint32_t entry);
/// The same sound at another sample rate, for all voices that are to start. As many steps as commands wait.
RT_SAFE void schedule_replace_sound(struct schedule *s, const struct sound *old, const struct sound *sound);
/// Moves all times by `ntp` (32.32 seconds, two's complement).
RT_SAFE void schedule_shift(struct schedule *s, uint64_t ntp);

#endif
