// SPDX-License-Identifier: MIT
// voices.c - set-up of the voices.
#include "mixer/voices.h"

#include <assert.h>

static_assert(sizeof(struct voice) <= CACHE_LINE, "what every block needs of a voice is one cache line");
static_assert(N_KERNELS <= 16, "the groups of a bus are marked in 16 bits");
static_assert(SOUND_PAD_FRAMES >= SINC_MAX_TAPS / 2 + KERNEL_SLACK_FRAMES,
              "kernels read padding at the most");

enum status voices_init(struct voices *v, struct arena *a, uint32_t n_slots, uint32_t declick_frames)
{
    *v = (struct voices){0};
    if (n_slots < 1 || n_slots > 65536 || declick_frames < 1) return STATUS_BAD_ARGUMENT;

    v->groups = ARENA_PUSH(a, struct voice_group, VOICES_MAX_BUSES * N_KERNELS);
    v->used_groups = ARENA_PUSH(a, uint16_t, VOICES_MAX_BUSES);
    v->next = ARENA_PUSH(a, uint32_t, n_slots);
    v->previous = ARENA_PUSH(a, uint32_t, n_slots);
    v->voices = ARENA_PUSH(a, struct voice, n_slots);
    v->ramps = ARENA_PUSH(a, struct kernel_ramps, n_slots);
    v->state = ARENA_PUSH(a, uint8_t, n_slots);
    v->group = ARENA_PUSH(a, uint8_t, n_slots);
    v->interpolation = ARENA_PUSH(a, uint8_t, n_slots);
    v->bus = ARENA_PUSH(a, uint16_t, n_slots);
    v->sound = ARENA_PUSH(a, const struct sound *, n_slots);
    v->start_frame = ARENA_PUSH(a, uint32_t, n_slots);
    v->end_frame = ARENA_PUSH(a, uint32_t, n_slots);
    v->loop_start = ARENA_PUSH(a, uint32_t, n_slots);
    v->loop_end = ARENA_PUSH(a, uint32_t, n_slots);
    v->passes_left = ARENA_PUSH(a, uint32_t, n_slots);
    v->looping = ARENA_PUSH(a, uint8_t, n_slots);
    v->passes_over = ARENA_PUSH(a, uint32_t, n_slots);
    v->fade_out_frames = ARENA_PUSH(a, uint32_t, n_slots);
    v->seek_position = ARENA_PUSH(a, int64_t, n_slots);
    v->ended = ARENA_PUSH(a, uint32_t, n_slots);
    v->ended_why = ARENA_PUSH(a, uint8_t, n_slots);
    // An arena that refused one request may have room for a smaller one behind it: it counts what it refused.
    if (a->refused_bytes > 0) return STATUS_NO_MEMORY;

    enum status status = sinc_init(&v->sinc, a);
    if (status) return status;

    v->kernels = kernel_pick();
    v->n_slots = n_slots;
    v->declick_frames = declick_frames;
    return STATUS_OK;
}
