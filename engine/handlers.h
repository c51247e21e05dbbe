// SPDX-License-Identifier: MIT
// handlers.h - what each method does. Control thread. Every call is answered once, now or when its load has
// ended.
#ifndef ENGINE_HANDLERS_H
#define ENGINE_HANDLERS_H
#include "engine/control.h"

void handle_play(struct control *c, const struct call *call);
void handle_stop(struct control *c, const struct call *call);
void handle_pause(struct control *c, const struct call *call);
void handle_resume(struct control *c, const struct call *call);
void handle_seek(struct control *c, const struct call *call);
void handle_voice_set(struct control *c, const struct call *call);
void handle_voice_list(struct control *c, const struct call *call);
void handle_sound_load(struct control *c, const struct call *call);
void handle_sound_unload(struct control *c, const struct call *call);
void handle_sound_list(struct control *c, const struct call *call);
void handle_bus_new(struct control *c, const struct call *call);
void handle_bus_set(struct control *c, const struct call *call);
void handle_bus_list(struct control *c, const struct call *call);
void handle_status(struct control *c, const struct call *call);
void handle_memory(struct control *c, const struct call *call);
void handle_time(struct control *c, const struct call *call);
void handle_clear(struct control *c, const struct call *call);
void handle_hello(struct control *c, const struct call *call);
void handle_ping(struct control *c, const struct call *call);
void handle_sync(struct control *c, const struct call *call);
void handle_quit(struct control *c, const struct call *call);

// ---- what handlers began and events end ----

/// Starts the voices that waited for a sound, or tells them why not.
void start_pending_voices(struct control *c, uint32_t sound);
void fail_pending_voices(struct control *c, uint32_t sound, enum api_error error, const char *text);
/// A voice that waits is stopped: its /play is answered with API_CANCELLED.
void cancel_pending_voice(struct control *c, uint32_t slot);
/// Reads `quality`, if it is there. False when it is no quality: that was answered.
bool read_quality(struct control *c, const struct call *call, enum interpolation *quality);
/// What a voice's gain and pan come to on its sound.
struct level voice_level(const struct control *c, const struct voice_entry *v, uint32_t ramp_frames);
/// Hands the voices that wait for one sound to another, which is ready.
void move_pending_voices(struct control *c, uint32_t from, uint32_t to);
/// A load that has been begun comes to nothing: nobody is told, and what it brings goes.
void drop_load(struct control *c, uint32_t sound);
/// A scheduled start was dropped ("dropped") or taken back ("cancelled"): its slot and its sound go back, and
/// who asked to be notified hears of its end.
void finish_unstarted_voice(struct control *c, uint32_t slot, const char *why);
/// A load came back from the worker.
void finish_load(struct control *c, uint32_t sound, struct load *load);
/// rt says that a voice has ended.
void finish_voice(struct control *c, uint32_t slot, enum voice_end why);
/// Sends rt the syncs whose loads have ended.
void push_syncs(struct control *c);
/// Silences everything that goes to the device, over `ramp_frames`. False when rt cannot be told.
bool control_fade_outputs(struct control *c, uint32_t ramp_frames);
/// rt says that a sync has come through.
void finish_sync(struct control *c);

#endif
