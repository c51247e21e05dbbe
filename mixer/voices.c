// SPDX-License-Identifier: MIT
// voices.c - set-up of the voices.
#include "mixer/voices.h"

#include <assert.h>

static_assert(sizeof(struct voice) <= CACHE_LINE, "what every block needs of a voice is one cache line");
static_assert(N_KERNELS <= 16, "the groups of a bus are marked in 16 bits");
static_assert(SOUND_PAD_FRAMES >= SINC_MAX_TAPS / 2 + KERNEL_SLACK_FRAMES,
              "kernels read padding at the most");

enum status voices_init(struct voices *v, struct allocator *a, const struct sinc *sinc, uint32_t n_slots,
                        uint32_t rate, uint32_t declick_frames)
{
    *v = (struct voices){0};
    if (n_slots < 1 || n_slots > 65536 || rate < 1 || declick_frames < 1) return STATUS_BAD_ARGUMENT;

    uint64_t n_before = a->n_refused;
    v->groups = make(struct voice_group, VOICES_MAX_BUSES * N_KERNELS, a);
    v->used_groups = make(uint16_t, VOICES_MAX_BUSES, a);
    v->next = make(uint32_t, n_slots, a);
    v->previous = make(uint32_t, n_slots, a);
    v->voices = make(struct voice, n_slots, a);
    v->ramps = make(struct kernel_ramps, n_slots, a);
    v->faders = make(struct fader, n_slots, a);
    v->rates = make(struct voice_rate, n_slots, a);
    v->state = make(uint8_t, n_slots, a);
    v->group = make(uint8_t, n_slots, a);
    v->interpolation = make(uint8_t, n_slots, a);
    v->bus = make(uint16_t, n_slots, a);
    v->sound = make(const struct sound *, n_slots, a);
    v->start_frame = make(uint32_t, n_slots, a);
    v->end_frame = make(uint32_t, n_slots, a);
    v->loop_start = make(uint32_t, n_slots, a);
    v->loop_end = make(uint32_t, n_slots, a);
    v->passes_left = make(uint32_t, n_slots, a);
    v->looping = make(uint8_t, n_slots, a);
    v->passes_over = make(uint32_t, n_slots, a);
    v->fade_out_frames = make(uint32_t, n_slots, a);
    v->seek_position = make(int64_t, n_slots, a);
    v->ended = make(uint32_t, n_slots, a);
    v->ended_why = make(uint8_t, n_slots, a);
    v->looped = make(uint32_t, n_slots, a);
    v->paused = make(uint32_t, n_slots, a);
    if (allocator_refused(a, n_before)) return STATUS_NO_MEMORY;

    v->sinc = sinc;
    v->kernels = kernel_pick();
    v->n_slots = n_slots;
    v->rate = rate;
    v->declick_frames = declick_frames;
    return STATUS_OK;
}
