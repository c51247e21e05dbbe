// SPDX-License-Identifier: MIT
// handlers.h - what each method does. Control thread. Every call is answered once, now or when its load has
// ended.
#ifndef ENGINE_HANDLERS_H
#define ENGINE_HANDLERS_H
#include "engine/answer.h"
#include "engine/control.h"
#include "engine/log.h"
#include "engine/staging.h"

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
void handle_histogram(struct control *c, const struct call *call);
void handle_log_lines(struct control *c, const struct call *call);
void handle_log_level(struct control *c, const struct call *call);
void handle_subscribe(struct control *c, const struct call *call);
void handle_unsubscribe(struct control *c, const struct call *call);
void handle_dump(struct control *c, const struct call *call);
void handle_time(struct control *c, const struct call *call);
void handle_clear(struct control *c, const struct call *call);
void handle_backend(struct control *c, const struct call *call);
void handle_hello(struct control *c, const struct call *call);
void handle_ping(struct control *c, const struct call *call);
void handle_sync(struct control *c, const struct call *call);
void handle_reload(struct control *c, const struct call *call);
void handle_quit(struct control *c, const struct call *call);

// ---- checks ----
// Of those that dispatch.c calls when all other messages of the bundle have been accepted: whether they will
// be able to do what they are asked for. They refuse the call, or do nothing.

void check_sound_unload(struct control *c, const struct call *call);
void check_clear(struct control *c, const struct call *call);
void check_subscribe(struct control *c, const struct call *call);
void check_unsubscribe(struct control *c, const struct call *call);
void check_query(struct control *c, const struct call *call);
void check_backend(struct control *c, const struct call *call);
void check_log_level(struct control *c, const struct call *call);
void check_sync(struct control *c, const struct call *call);

// ---- what they share ----

/// The voice that a request names, for what its commands do when they are due; VOICE_NONE when the call has
/// been refused.
uint32_t find_voice(struct control *c, const struct call *call, enum param p);
enum interpolation request_quality(const struct request *r, enum interpolation otherwise);
/// A change of a parameter, with `ramp` and `curve`.
struct change request_change(const struct control *c, const struct request *r, enum param p);
/// What /play asked for, in frames of a sound. False with a sentence when its times make no sense.
bool voice_place(const struct control *c, const struct play *p, const struct sound *sound,
                 struct voice_start *s, struct strbuf *why);
/// The command that starts a voice on its sound, which is ready; likewise.
bool voice_start_command(struct control *c, uint32_t slot, struct command *command, struct strbuf *why);
/// A voice begins to use its sound.
void voice_has_sound(struct control *c, uint32_t slot, enum voice_slot_state state);
/// What rt tells of a bus; zeros when it does not know it yet.
const struct bus_report *bus_report_of(const struct control *c, uint32_t bus);

// ---- list items ----

/// A line of the log, as arguments.
void log_add_line(struct osc_writer *w, const struct log_copy *line);
void sound_send_info(struct control *c, uint32_t sound, const struct client *to);
void bus_send_info(struct control *c, uint32_t bus, const struct client *to);
/// `r`: NULL when rt has not started it yet.
void voice_send_info(struct control *c, uint32_t slot, const struct voice_report *r, const struct client *to);
/// The messages that rebuild it; counts them, or that it is left out.
void dump_sound(struct control *c, struct query *q, uint32_t sound);
void dump_bus(struct control *c, struct query *q, uint32_t bus);
void dump_voice(struct control *c, struct query *q, uint32_t slot, const struct voice_report *r);

// ---- lists ----

/// Answers a call with a list, now or little by little; refuses it when too many wait.
void query_ask(struct control *c, const struct call *call);
/// Goes on as far as rt, its queue and the clients' patience allow. Call it again in the next turn. Not while
/// a packet is being checked.
void queries_step(struct control *c);
/// True while some wait.
bool queries_wait(const struct control *c);

/// rt has published a snapshot for a query (EVENT_SYNCED with QUERY_TOKEN), or reports on a voice.
void query_take_snapshot(struct control *c);
void query_take_report(struct control *c, const struct event *e);

// ---- the journal ----

/// Starts the disk's thread and asks for what the last run has left.
NODISCARD enum status journal_start(struct control *c);
/// Goes on with the resume, the pass and the disk, as far as they have come. Once a turn of the loop.
void journal_turn(struct control *c, int64_t now_ns);
/// How long the loop may sleep as far as the journal is concerned.
int64_t journal_patience_ns(const struct control *c, int64_t now_ns);
/// The daemon ends: writes what is news, or removes all. Call journal_turn() until journal_is_over(), or
/// until it takes too long.
void journal_begin_end(struct control *c, bool is_kept);
bool journal_is_over(const struct control *c);
/// False when the disk hangs: then no memory must be given back.
bool journal_stop(struct control *c);
/// Why the state is not being kept though it should be; NULL when all is well.
const char *journal_problem(const struct control *c);
/// "off", "resuming", "kept", "failing" or "stalled".
const char *journal_state(const struct control *c);

/// From the dump: the message in the writer belongs to the journal; the next argument is the position of a
/// voice that moves.
void journal_take_message(struct control *c);
void journal_note_motion(struct control *c);
/// From rt, with JOURNAL_TOKEN.
void journal_take_snapshot(struct control *c);
void journal_take_report(struct control *c, const struct event *e);

/// Takes what the disk has found, and goes on record by record.
void resume_begin(struct control *c, const struct journal_result *result, int64_t now_ns);
void resume_turn(struct control *c, int64_t now_ns);

// ---- what handlers began and events end ----

/// Starts the voices that waited for a sound, or tells them why not.
void start_pending_voices(struct control *c, uint32_t sound);
void fail_pending_voices(struct control *c, uint32_t sound, enum api_error error, const char *text);
/// A voice that waits is stopped: its /play is answered with API_CANCELLED.
void cancel_pending_voice(struct control *c, uint32_t slot);
/// A voice waits for a sound that is being loaded.
void pending_append(struct control *c, uint32_t sound, uint32_t slot);
/// Hands the voices that wait for one sound to another, which is ready.
void move_pending_voices(struct control *c, uint32_t from, uint32_t to);
/// rt has begun a voice.
void begin_voice(struct control *c, uint32_t slot);
/// A scheduled start was dropped ("dropped") or taken back ("cancelled"): its slot and its sound go back, and
/// who asked to be notified hears of its end.
void finish_unstarted_voice(struct control *c, uint32_t slot, const char *why);
/// A load came back from the worker.
void finish_load(struct control *c, uint32_t sound, struct load *load);
/// rt says that a voice has ended.
void finish_voice(struct control *c, uint32_t slot, enum voice_end why);
/// rt says what became of a scheduled command.
void finish_scheduled(struct control *c, uint32_t entry, const struct due *due);
/// Asks rt for the scheduled commands that are to be taken back, as many as there is room for now.
void push_unschedules(struct control *c);
/// Sends rt the syncs whose loads have ended.
void push_syncs(struct control *c);
/// Answers the /backend that has come to its end.
void finish_backend_switch(struct control *c);
/// Silences everything that goes to the device, over `ramp_frames`. False when rt cannot be told.
bool control_fade_outputs(struct control *c, uint32_t ramp_frames);
/// rt says that a sync has come through.
void finish_sync(struct control *c);

// ---- another sample rate (resample.c) ----

/// The engine has this rate from now on.
void resample_set_rate(struct control *c, uint32_t rate);
/// A sound has come that was decoded for the rate before.
void resample_want(struct control *c);
/// Begins with the next one, when there is one and nothing else is under way. In every turn of the loop.
void resample_turn(struct control *c);
/// A sound has come back from the worker.
void resample_take(struct control *c, uint32_t sound, struct load *load);
/// rt has moved all voices.
void resample_moved(struct control *c);
/// Sounds that do not have the engine's rate.
uint32_t resample_n_left(const struct control *c);

#endif
