// SPDX-License-Identifier: MIT
// schedule_rt.c - the heap of commands that wait for their time.
#include <assert.h>

#include "engine/rt/schedule.h"

// Every loop here goes along one way between the root and a leaf: 16 steps at the most.

RT_SAFE static bool is_before(const struct schedule *s, uint32_t a, uint32_t b)
{
    int64_t distance = (int64_t)(s->time[a] - s->time[b]);
    return distance != 0 ? distance < 0 : s->sequence[a] < s->sequence[b];
}

RT_SAFE static void put(struct schedule *s, uint32_t place, uint32_t entry)
{
    s->heap[place] = (uint16_t)entry;
    s->place[entry] = (uint16_t)(place + 1);
}

/// Puts `entry` at `hole` or nearer to the root.
RT_SAFE static void rise(struct schedule *s, uint32_t hole, uint32_t entry)
{
    while (hole > 0) {
        uint32_t parent = (hole - 1) / 2;
        if (!is_before(s, entry, s->heap[parent])) break;
        put(s, hole, s->heap[parent]);
        hole = parent;
    }
    put(s, hole, entry);
}

/// Puts `entry` at `hole` or further from the root.
RT_SAFE static void sink(struct schedule *s, uint32_t hole, uint32_t entry)
{
    for (uint32_t child = 2 * hole + 1; child < s->n_used; child = 2 * hole + 1) {
        if (child + 1 < s->n_used && is_before(s, s->heap[child + 1], s->heap[child])) child++;
        if (!is_before(s, s->heap[child], entry)) break;
        put(s, hole, s->heap[child]);
        hole = child;
    }
    put(s, hole, entry);
}

/// Fills the hole with the last entry of the heap.
RT_SAFE static void close_hole(struct schedule *s, uint32_t hole)
{
    uint32_t last = s->heap[--s->n_used];
    if (hole == s->n_used) return;
    if (hole > 0 && is_before(s, last, s->heap[(hole - 1) / 2]))
        rise(s, hole, last);
    else
        sink(s, hole, last);
}

RT_SAFE void schedule_push(struct schedule *s, const struct command *command)
{
    uint32_t entry = command->entry;
    assert(entry < s->n_entries && s->place[entry] == 0);
    s->commands[entry] = *command;
    s->time[entry] = command->time - s->shift;
    s->sequence[entry] = s->n_pushed++;
    rise(s, s->n_used++, entry);
}

RT_SAFE const struct command *schedule_first(const struct schedule *s)
{
    return s->n_used > 0 ? &s->commands[s->heap[0]] : NULL;
}

RT_SAFE uint64_t schedule_first_time(const struct schedule *s)
{
    assert(s->n_used > 0);
    return s->time[s->heap[0]] + s->shift;
}

RT_SAFE void schedule_pop(struct schedule *s)
{
    assert(s->n_used > 0);
    (void)schedule_remove(s, s->heap[0]);
}

RT_SAFE bool schedule_remove(struct schedule *s, uint32_t entry)
{
    if (entry >= s->n_entries || s->place[entry] == 0) return false;
    uint32_t hole = s->place[entry] - 1u;
    s->place[entry] = 0;
    close_hole(s, hole);
    return true;
}

RT_SAFE void schedule_replace_sound(struct schedule *s, const struct sound *old, const struct sound *sound)
{
    for (uint32_t i = 0; i < s->n_used; i++) {
        struct command *c = &s->commands[s->heap[i]];
        if (c->type == COMMAND_VOICE_START && c->start.sound == old)
            voice_start_replace_sound(&c->start, sound);
    }
}

RT_SAFE void schedule_shift(struct schedule *s, uint64_t ntp)
{
    s->shift += ntp;
}
