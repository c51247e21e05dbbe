// SPDX-License-Identifier: MIT
// schedule.c - set-up of the schedule.
#include "engine/rt/schedule.h"

enum status schedule_init(struct schedule *s, struct allocator *a, uint32_t n_entries)
{
    *s = (struct schedule){0};
    if (n_entries < 1 || n_entries > UINT16_MAX) return STATUS_BAD_ARGUMENT;
    uint64_t n_before = a->n_refused;
    s->commands = make(struct command, n_entries, a);
    s->time = make(uint64_t, n_entries, a);
    s->sequence = make(uint64_t, n_entries, a);
    s->heap = make(uint16_t, n_entries, a);
    s->place = make(uint16_t, n_entries, a);
    if (allocator_refused(a, n_before)) return STATUS_NO_MEMORY;
    s->n_entries = n_entries;
    return STATUS_OK;
}
