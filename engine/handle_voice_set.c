// SPDX-License-Identifier: MIT
// handle_voice_set.c - changes voices: gain, pan, rate, quality and loop.
#include <math.h>
#include <string.h>

#include "engine/handlers.h"

// ---- voices that still wait for their sound: what is set holds from their start ----

static void undo_rate(struct control *c, uint32_t slot, uint64_t old)
{
    memcpy(&c->voices.entries[slot].play.rate, &old, sizeof old);
}

static void undo_gain(struct control *c, uint32_t slot, uint64_t old)
{
    memcpy(&c->voices.entries[slot].play.gain_db, &(uint32_t){(uint32_t)old}, sizeof(float));
}

static void undo_pan(struct control *c, uint32_t slot, uint64_t old)
{
    memcpy(&c->voices.entries[slot].play.pan, &(uint32_t){(uint32_t)old}, sizeof(float));
}

static void undo_quality(struct control *c, uint32_t slot, uint64_t old)
{
    c->voices.entries[slot].play.quality = (uint8_t)old;
}

static void undo_loop(struct control *c, uint32_t slot, uint64_t old)
{
    c->voices.entries[slot].play.loop = old;
}

static uint64_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/// What a parameter comes to, as rt would work it out.
static double new_value(const struct request *r, enum param p, double old)
{
    double value = request_float(r, p, old);
    if (!request_is_relative(r, p)) return value;
    const struct param_info *info = &param_infos[p];
    if (info->type != PARAM_TYPE_RATE) return fmin(fmax(old + value, info->min), info->max);
    double magnitude = old < 0 ? -old - value : old + value; // it does not turn round
    return copysign(fmin(fmax(magnitude, info->min), info->max), old);
}

static void set_pending(struct control *c, const struct request *r, uint32_t slot)
{
    struct play *p = &c->voices.entries[slot].play;
    uint64_t rate;
    memcpy(&rate, &p->rate, sizeof rate);
    control_undo_later(c, undo_rate, slot, rate);
    control_undo_later(c, undo_gain, slot, bits_of_float(p->gain_db));
    control_undo_later(c, undo_pan, slot, bits_of_float(p->pan));
    control_undo_later(c, undo_quality, slot, p->quality);
    control_undo_later(c, undo_loop, slot, p->loop);
    p->rate = new_value(r, PARAM_RATE, p->rate);
    p->gain_db = (float)new_value(r, PARAM_GAIN, (double)p->gain_db);
    p->pan = (float)new_value(r, PARAM_PAN, (double)p->pan);
    p->quality = (uint8_t)request_quality(r, (enum interpolation)p->quality);
    p->loop = request_int(r, PARAM_LOOP, p->loop);
}

// ---- voices that rt has, or will have ----

struct change request_change(const struct control *c, const struct request *r, enum param p)
{
    return (struct change){.value = request_float(r, p, 0),
                           .ramp_frames = control_frames(c, request_float(r, PARAM_RAMP, 0)),
                           .curve =
                               (uint8_t)request_choice(r, PARAM_CURVE, CURVE_LINEAR), // in api.def's order
                           .relative = request_is_relative(r, p)};
}

/// Stages a change of one parameter, if it is set. False when the call has been refused.
static bool stage_change(struct control *c, const struct call *call, struct command *command,
                         enum command_type type, enum param p)
{
    if (!request_has(call->request, p)) return true;
    command->type = (uint8_t)type;
    command->change = request_change(c, call->request, p);
    return control_stage(c, call, command);
}

static bool stage_quality(struct control *c, const struct call *call, struct command *command)
{
    if (!request_has(call->request, PARAM_QUALITY)) return true;
    command->type = COMMAND_VOICE_INTERPOLATION;
    command->interpolation = request_quality(call->request, INTERPOLATION_CUBIC);
    return control_stage(c, call, command);
}

static bool stage_loop(struct control *c, const struct call *call, struct command *command)
{
    if (!request_has(call->request, PARAM_LOOP)) return true;
    bool on = request_int(call->request, PARAM_LOOP, 0);
    command->type = on ? COMMAND_VOICE_LOOP : COMMAND_VOICE_LEAVE_LOOP;
    return control_stage(c, call, command);
}

void handle_voice_set(struct control *c, const struct call *call)
{
    uint32_t slot = find_voice(c, call, PARAM_ID);
    if (slot == VOICE_NONE) return;
    const struct voice_entry *v = &c->voices.entries[slot];
    if (v->state == SLOT_PENDING && call->when != WHEN_TIME) {
        set_pending(c, call->request, slot);
        call_done_voice(c, call, slot);
        return;
    }
    struct command command = {.slot = slot, .generation = v->generation};
    if (stage_change(c, call, &command, COMMAND_VOICE_GAIN, PARAM_GAIN) &&
        stage_change(c, call, &command, COMMAND_VOICE_PAN, PARAM_PAN) &&
        stage_change(c, call, &command, COMMAND_VOICE_RATE, PARAM_RATE) && stage_quality(c, call, &command) &&
        stage_loop(c, call, &command))
        call_done_voice(c, call, slot);
}
