// SPDX-License-Identifier: MIT
// apply_rt.c - carries out commands: one switch from the record to the mixer.
#include "engine/rt/engine_rt.h"

RT_SAFE static void start_voice(struct engine_rt *e, const struct command *c)
{
    voices_start(&e->mixer.voices, c->slot, &c->start);
    emit_event(e, EVENT_VOICE_STARTED, c->slot, 0);
}

RT_SAFE static void set_graph(struct engine_rt *e, const struct command *c)
{
    const struct bus_graph *old = buses_set_graph(&e->mixer.buses, c->graph);
    emit_event(e, EVENT_GRAPH_RETIRED, old->index, 0);
}

RT_SAFE void apply_command(struct engine_rt *e, const struct command *c)
{
    struct voices *voices = &e->mixer.voices;
    switch ((enum command_type)c->type) {
    case COMMAND_VOICE_START: start_voice(e, c); break;
    case COMMAND_VOICE_STOP: voices_stop(voices, c->slot, c->fade_frames); break;
    case COMMAND_VOICE_PAUSE: voices_pause(voices, c->slot, c->fade_frames); break;
    case COMMAND_VOICE_RESUME: voices_resume(voices, c->slot, c->fade_frames); break;
    case COMMAND_VOICE_SEEK: voices_seek(voices, c->slot, c->position); break;
    case COMMAND_VOICE_LEVEL: voices_set_level(voices, c->slot, &c->level); break;
    case COMMAND_VOICE_RATE: voices_set_increment(voices, c->slot, c->increment); break;
    case COMMAND_VOICE_INTERPOLATION:
        voices_set_interpolation(voices, c->slot, (enum interpolation)c->interpolation);
        break;
    case COMMAND_VOICE_LEAVE_LOOP: voices_leave_loop(voices, c->slot); break;
    case COMMAND_VOICE_LOOP: voices_loop(voices, c->slot); break;
    case COMMAND_BUS_LEVEL: buses_set_level(&e->mixer.buses, c->slot, &c->level); break;
    case COMMAND_BUS_GRAPH: set_graph(e, c); break;
    case COMMAND_SYNC: emit_event(e, EVENT_SYNCED, 0, c->token); break;
    }
}
