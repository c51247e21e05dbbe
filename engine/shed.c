// SPDX-License-Identifier: MIT
// shed.c - stops the quietest voices when the load is too high.
#include "engine/shed.h"

/// Gains in whole dB, from -200 to 24.
#define N_STEPS 225

static uint32_t step_of(const struct voice_entry *v)
{
    float gain_db = v->play.gain_db;
    return gain_db <= -200 ? 0 : gain_db >= 24 ? N_STEPS - 1 : (uint32_t)(gain_db + 200);
}

/// The gain up to which at least `n` voices lie.
static uint32_t find_limit(const struct voice_table *t, uint32_t n)
{
    uint32_t counts[N_STEPS] = {0}, sum = 0, step = 0;
    for (uint32_t slot = 0; slot < t->n_slots; slot++)
        if (t->entries[slot].state == SLOT_LIVE) counts[step_of(&t->entries[slot])]++;
    while (step < N_STEPS - 1 && (sum += counts[step]) < n)
        step++;
    return step;
}

static bool shed_voice(struct control *c, uint32_t slot)
{
    struct voice_entry *v = &c->voices.entries[slot];
    struct command stop = {.type = COMMAND_VOICE_STOP,
                           .slot = slot,
                           .generation = v->generation,
                           .fade.frames = c->declick_frames};
    if (!control_has_room(c, c->rt->commands.n_slots / 2) || !control_push(c, &stop)) return false;
    v->is_shed = true;
    return true;
}

uint32_t shed_voices(struct control *c)
{
    struct voice_table *t = &c->voices;
    uint32_t n_live = 0, n_shed = 0;
    for (uint32_t slot = 0; slot < t->n_slots; slot++)
        n_live += t->entries[slot].state == SLOT_LIVE && !t->entries[slot].is_shed;
    uint32_t n = (n_live + 3) / 4, limit = find_limit(t, n);
    for (uint32_t below = 0; below < 2; below++) // first those below the limit, then those at it
        for (uint32_t slot = 0; slot < t->n_slots && n_shed < n; slot++) {
            const struct voice_entry *v = &t->entries[slot];
            if (v->state != SLOT_LIVE || v->is_shed) continue;
            if (below == 0 ? step_of(v) >= limit : step_of(v) > limit) continue;
            if (!shed_voice(c, slot)) return n_shed;
            n_shed++;
        }
    return n_shed;
}
