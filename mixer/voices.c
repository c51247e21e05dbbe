// SPDX-License-Identifier: MIT
// voices.c - set-up of the voice columns.
#include "mixer/voices.h"

enum status voices_init(struct voices *v, struct arena *a, uint32_t n_slots, uint32_t declick_frames)
{
    *v = (struct voices){0};
    if (n_slots < 1 || n_slots > 65536 || declick_frames < 1) return STATUS_BAD_ARGUMENT;

    v->active = ARENA_PUSH(a, uint32_t, n_slots);
    v->state = ARENA_PUSH(a, uint8_t, n_slots);
    v->bus = ARENA_PUSH(a, uint16_t, n_slots);
    v->position = ARENA_PUSH(a, int64_t, n_slots);
    v->increment = ARENA_PUSH(a, int64_t, n_slots);
    v->sound = ARENA_PUSH(a, const struct sound *, n_slots);
    v->left = ARENA_PUSH(a, struct ramp, n_slots);
    v->right = ARENA_PUSH(a, struct ramp, n_slots);
    v->envelope = ARENA_PUSH(a, struct ramp, n_slots);
    v->tail = ARENA_PUSH(a, struct ramp, n_slots);
    v->start_frame = ARENA_PUSH(a, uint32_t, n_slots);
    v->end_frame = ARENA_PUSH(a, uint32_t, n_slots);
    v->loop_start = ARENA_PUSH(a, uint32_t, n_slots);
    v->loop_end = ARENA_PUSH(a, uint32_t, n_slots);
    v->passes_left = ARENA_PUSH(a, uint32_t, n_slots);
    v->looping = ARENA_PUSH(a, uint8_t, n_slots);
    v->wrapped = ARENA_PUSH(a, uint8_t, n_slots);
    v->fade_out_frames = ARENA_PUSH(a, uint32_t, n_slots);
    v->seek_position = ARENA_PUSH(a, int64_t, n_slots);
    v->ended = ARENA_PUSH(a, uint32_t, n_slots);
    v->ended_why = ARENA_PUSH(a, uint8_t, n_slots);
    // An arena that refused one request may have room for a smaller one behind it: it counts what it refused.
    if (a->refused_bytes > 0) return STATUS_NO_MEMORY;

    v->n_slots = n_slots;
    v->declick_frames = declick_frames;
    return STATUS_OK;
}
