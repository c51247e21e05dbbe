// SPDX-License-Identifier: MIT
// resample.c - makes all sounds again when the engine's sample rate has changed.
#include <assert.h>

#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/publish.h"

static bool has_other_rate(const struct control *c, const struct sound_entry *e)
{
    return e->state == SOUND_READY && e->decoded.sound.rate != c->rate;
}

/// One that plays before one that does not.
static uint32_t find_next(const struct control *c)
{
    uint32_t found = SOUND_NONE;
    for (uint32_t i = 0; i < c->sounds.max_sounds; i++) {
        const struct sound_entry *e = &c->sounds.entries[i];
        if (!has_other_rate(c, e) || e->stays_at == c->rate) continue;
        if (sound_n_voices(e) > 0) return i;
        if (found == SOUND_NONE) found = i;
    }
    return found;
}

static void tell_end(struct control *c)
{
    struct resample *r = &c->resample;
    r->is_wanted = false;
    if (r->n_made + r->n_left == 0) return;
    log_info("%llu sounds have been resampled to %u Hz", (unsigned long long)r->n_made, c->rate);
    if (r->n_left > 0)
        log_warning("%llu sounds could not be resampled and are interpolated when they play",
                    (unsigned long long)r->n_left);
    r->n_made = r->n_left = 0;
}

/// Ends with this sound. `left`: samples that go.
static void end_step(struct control *c, const struct decoded *left)
{
    struct resample *r = &c->resample;
    uint32_t sound = r->sound;
    r->step = RESAMPLE_IDLE;
    r->sound = SOUND_NONE;
    sound_end_resample(&c->sounds, sound, left);
}

/// The voices that play it, and those that are to start, are rt's to move.
static void exchange(struct control *c)
{
    struct resample *r = &c->resample;
    struct sound_entry *e = &c->sounds.entries[r->sound];
    if (r->made.sound.rate != c->rate) { // the rate has changed again meanwhile
        end_step(c, &r->made);
        return;
    }
    bool is_used = sound_n_voices(e) > 0;
    if (is_used && !control_has_room(c, 1)) return; // in the next turn
    struct command command = {.type = COMMAND_REPLACE_SOUND, .replacement.old = sound_lent(e)};
    sound_exchange(&c->sounds, r->sound, &r->made, &r->old);
    r->n_made++;
    if (!is_used) {
        end_step(c, &r->old);
        return;
    }
    command.replacement.sound = sound_lent(e);
    bool pushed = control_push(c, &command);
    assert(pushed); // there was room
    (void)pushed;
    r->step = RESAMPLE_MOVING;
}

// ---- what the loop and the other threads bring ----

void resample_set_rate(struct control *c, uint32_t rate)
{
    c->rate = rate;
    c->worker.engine_rate = rate;
    c->declick_frames = control_frames(c, (double)c->config->ramp);
    c->resample.n_made = c->resample.n_left = 0;
    resample_want(c);
    publish_rate(c);
}

void resample_want(struct control *c)
{
    c->resample.is_wanted = true;
}

void resample_turn(struct control *c)
{
    struct resample *r = &c->resample;
    if (r->step == RESAMPLE_MADE) exchange(c);
    if (!r->is_wanted || r->step != RESAMPLE_IDLE) return;
    r->sound = find_next(c);
    if (r->sound == SOUND_NONE)
        tell_end(c);
    else if (sound_begin_resample(&c->sounds, r->sound))
        r->step = RESAMPLE_MAKING;
}

void resample_take(struct control *c, uint32_t sound, struct load *load)
{
    struct resample *r = &c->resample;
    struct sound_entry *e = &c->sounds.entries[sound];
    assert(r->step == RESAMPLE_MAKING && r->sound == sound);
    r->made = load->decoded;
    if (load->error) r->made = (struct decoded){0};
    if (load->error == API_REFUSED && sound_evict_one(&c->sounds)) {
        end_step(c, &r->made); // there may be room now
    } else if (load->error) {
        e->stays_at = load->engine_rate;
        r->n_left++;
        log_warning("%s stays at %u Hz: %s", e->name, e->decoded.sound.rate, load->reason);
        end_step(c, &r->made);
    } else {
        r->step = RESAMPLE_MADE;
        exchange(c);
    }
    worker_end_load(&c->worker, load);
}

void resample_moved(struct control *c)
{
    end_step(c, &c->resample.old);
}

uint32_t resample_n_left(const struct control *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->sounds.max_sounds; i++)
        n += has_other_rate(c, &c->sounds.entries[i]);
    return n;
}
