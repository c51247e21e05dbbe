// SPDX-License-Identifier: MIT
// voices.c - set-up of the voice columns.
#include "mixer/voices.h"

enum status voices_init(struct voices *v, struct allocator *a, uint32_t n_slots, uint32_t declick_frames)
{
    *v = (struct voices){0};
    if (n_slots < 1 || n_slots > 65536 || declick_frames < 1) return STATUS_BAD_ARGUMENT;

    uint64_t n_before = a->n_refused;
    v->active = make(uint32_t, n_slots, a);
    v->state = make(uint8_t, n_slots, a);
    v->bus = make(uint16_t, n_slots, a);
    v->position = make(int64_t, n_slots, a);
    v->increment = make(int64_t, n_slots, a);
    v->sound = make(const struct sound *, n_slots, a);
    v->left = make(struct ramp, n_slots, a);
    v->right = make(struct ramp, n_slots, a);
    v->envelope = make(struct ramp, n_slots, a);
    v->tail = make(struct ramp, n_slots, a);
    v->start_frame = make(uint32_t, n_slots, a);
    v->end_frame = make(uint32_t, n_slots, a);
    v->loop_start = make(uint32_t, n_slots, a);
    v->loop_end = make(uint32_t, n_slots, a);
    v->passes_left = make(uint32_t, n_slots, a);
    v->looping = make(uint8_t, n_slots, a);
    v->wrapped = make(uint8_t, n_slots, a);
    v->fade_out_frames = make(uint32_t, n_slots, a);
    v->seek_position = make(int64_t, n_slots, a);
    v->ended = make(uint32_t, n_slots, a);
    v->ended_why = make(uint8_t, n_slots, a);
    if (allocator_refused(a, n_before)) return STATUS_NO_MEMORY;

    v->n_slots = n_slots;
    v->declick_frames = declick_frames;
    return STATUS_OK;
}
