// SPDX-License-Identifier: MIT
// resume.c - a start after a crash goes on with what the journal says: its messages go through the
// dispatcher, as if a client had sent them.
#include <math.h>
#include <string.h>

#include "engine/dispatch.h"
#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/motion.h"
#include "engine/now.h"
#include "engine/osc/packet.h"
#include "engine/osc/request_write.h"
#include "engine/publish.h"

/// Records that one turn of the loop takes.
#define RECORDS_A_TURN 64
/// Loads under way at once: others' find room beside them.
#define LOADS_AT_ONCE 64
/// Voices start together, so far ahead that their commands are there in time.
#define AHEAD_NS INT64_C(100000000)
#define LEAST_NS INT64_C(20000000)
/// So long voices wait for the audio clock.
#define CLOCK_NS INT64_C(2000000000)
/// So long after their time voices have certainly started.
#define STARTED_NS INT64_C(50000000)
/// A voice comes back in the midst of its sound.
#define FADE_S 0.02

/// Seconds from 1900 to 1970, as 32.32.
#define NTP_OF_1970 (UINT64_C(2208988800) << 32)

// ---- records to requests ----

struct reading {
    struct request *request;
    enum api_error error;
};

static void read_message(void *context, const struct osc_message *message)
{
    struct reading *reading = context;
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    enum method method = method_find(message->path);
    reading->error =
        method == N_METHODS ? API_UNKNOWN_METHOD : parse_message(message, method, reading->request, &why);
}

static bool is_of_kind(enum journal_kind kind, enum method m)
{
    switch (kind) {
    case JOURNAL_BUS: return m == METHOD_BUS_NEW || m == METHOD_BUS_SET;
    case JOURNAL_SOUND:
    case JOURNAL_CACHED_SOUND: return m == METHOD_SOUND_LOAD;
    case JOURNAL_VOICE: return m == METHOD_PLAY;
    default: return method_info(m)->is_timed;
    }
}

/// False when the record is none that this version writes.
static bool read_request(const struct journal_record *r, struct request *request)
{
    struct reading reading = {.request = request, .error = API_BAD_PACKET};
    bool is_message = r->n_bytes > 0 && r->message[0] == '/' && !osc_packet_check(r->message, r->n_bytes);
    if (is_message) osc_packet_visit(r->message, r->n_bytes, read_message, &reading);
    return !reading.error && is_of_kind(r->kind, request->method);
}

// ---- to the dispatcher ----

static struct client journal_client(void)
{
    return (struct client){.kind = CLIENT_JOURNAL, .role = ROLE_PLAY};
}

/// False when it was refused at once.
static bool dispatch(struct control *c, const uint8_t *packet, uint32_t n_bytes)
{
    uint64_t n_before = c->resume.n_refused;
    struct datagram d = {.bytes = packet,
                         .n_bytes = n_bytes,
                         .client = journal_client(),
                         .fd = -1,
                         .arrival_ns = monotonic_ns()};
    control_handle(c, &d);
    return c->resume.n_refused == n_before;
}

/// In a bundle with a time tag.
static bool send_at(struct control *c, uint64_t ntp, const uint8_t *message, uint32_t n_bytes)
{
    uint8_t packet[20 + OSC_MAX_MESSAGE_BYTES] = "#bundle";
    osc_write_u32(packet + 8, (uint32_t)(ntp >> 32));
    osc_write_u32(packet + 12, (uint32_t)ntp);
    osc_write_u32(packet + 16, n_bytes);
    memcpy(packet + 20, message, n_bytes);
    return dispatch(c, packet, 20 + n_bytes);
}

static void lose(struct control *c, const struct journal_record *r, const char *why)
{
    c->resume.n_lost++;
    if (c->resume.n_refused++ < RESUME_MAX_TOLD)
        log_warning("cannot be resumed: %s: %s", (const char *)r->message, why);
}

// ---- buses and sounds ----

static bool has_loads_under_way(const struct control *c)
{
    return sound_oldest_load(&c->sounds) < c->resume.n_loads;
}

static void feed_bus(struct control *c, const struct journal_record *r, const struct request *q)
{
    bool is_there =
        q->method == METHOD_BUS_NEW && bus_find(&c->buses, request_text(q, PARAM_NAME, "")) != BUS_NONE;
    if (!is_there && !dispatch(c, r->message, r->n_bytes)) c->resume.n_lost++;
}

static void feed_sound(struct control *c, const struct journal_record *r, const struct request *q)
{
    uint64_t n_loads = c->sounds.n_loads;
    bool is_begun = dispatch(c, r->message, r->n_bytes);
    c->resume.n_sounds += is_begun;
    c->resume.n_lost += !is_begun;
    if (r->kind != JOURNAL_CACHED_SOUND || c->sounds.n_loads == n_loads) return;
    uint32_t sound = sound_find(&c->sounds, request_text(q, PARAM_NAME, ""));
    if (sound != SOUND_NONE) c->sounds.entries[sound].is_cached = true;
}

// ---- voices ----

static void set_float(struct request *q, enum param p, double value)
{
    q->set |= UINT64_C(1) << p;
    q->values[p].f = value;
}

static void set_int(struct request *q, enum param p, int64_t value)
{
    q->set |= UINT64_C(1) << p;
    q->values[p].i = value;
}

/// Where it is in whole frames: the nearest one, but none that lies behind its loop or its end.
static double whole_frame(const struct motion *m)
{
    double nearest = floor(m->position + 0.5);
    double edge = m->position < m->loop_end ? fmin(m->loop_end, m->end) : m->end;
    return fmax(nearest < edge ? nearest : floor(m->position), 0);
}

/// Moves a voice on by so many frames. False when it has ended meanwhile.
static bool advance(struct request *q, double n_frames, double n_sound_frames, double frame_s)
{
    double rate = request_float(q, PARAM_RATE, 1);
    double end = request_float(q, PARAM_END, -1) / frame_s;
    struct motion m = {.position = request_float(q, PARAM_START, 0) / frame_s,
                       .step = rate,
                       .start = rate < 0 && end >= 0 ? end : 0,
                       .end = rate > 0 && end >= 0 ? end : n_sound_frames,
                       .loop_start = request_float(q, PARAM_LOOP_START, 0) / frame_s,
                       .loop_end = request_float(q, PARAM_LOOP_END, n_sound_frames * frame_s) / frame_s,
                       .passes_left = (uint32_t)request_int(q, PARAM_LOOP_COUNT, 0),
                       .looping = request_int(q, PARAM_LOOP, 0)};
    if (!motion_advance(&m, n_frames)) return false;
    set_float(q, PARAM_START, whole_frame(&m) * frame_s);
    set_int(q, PARAM_LOOP, m.looping);
    if (m.passes_left > 0) set_int(q, PARAM_LOOP_COUNT, m.passes_left);
    set_float(q, PARAM_FADE, FADE_S);
    return true;
}

/// All that are sent before that time start at one frame: so they keep their distance from one another.
static void choose_time(struct control *c)
{
    struct resume *s = &c->resume;
    if (s->voices_realtime_ns >= now_ns(CLOCK_REALTIME) + LEAST_NS) return;
    struct boot_time now;
    boot_time_now(&now);
    s->voices_realtime_ns = now.realtime_ns + AHEAD_NS;
    s->voices_passed_ns = boot_time_passed_ns(&s->head.written, &now) + AHEAD_NS;
}

/// Frames of output from when a voice was where its record says to when it starts again.
static double frames_since(const struct control *c, const struct journal_record *r)
{
    const struct resume *s = &c->resume;
    const struct clock_state *clock = latest_read(&c->rt->clock_state);
    int64_t ns = s->voices_passed_ns + (s->head.written.boottime_ns - (int64_t)r->time);
    return (double)ns * 1e-9 * c->rate + clock->period; // what has a time is heard one period behind it
}

static bool is_wanted(const struct control *c, const struct request *q)
{
    return strcmp(c->config->resume, "all") == 0 || request_int(q, PARAM_LOOP, 0);
}

static void start_voice(struct control *c, const struct journal_record *r, struct request *q, uint32_t sound)
{
    struct resume *s = &c->resume;
    choose_time(c);
    double n_frames = frames_since(c, r);
    const struct sound *of = &c->sounds.entries[sound].decoded.sound;
    double n_sound_frames = (double)of->n_frames * c->rate / of->rate;
    if (!request_int(q, PARAM_PAUSED, 0) && !advance(q, n_frames, n_sound_frames, 1.0 / c->rate)) {
        s->n_ended++;
        return;
    }
    uint8_t message[OSC_MAX_MESSAGE_BYTES];
    struct osc_writer w;
    request_write(&w, q, 0);
    uint32_t n_bytes = (uint32_t)osc_end(&w, message);
    bool is_done =
        send_at(c, clock_ntp_of_ns((uint64_t)s->voices_realtime_ns) + NTP_OF_1970, message, n_bytes);
    s->n_voices += is_done;
    s->n_lost += !is_done;
}

static void feed_voice(struct control *c, const struct journal_record *r, struct request *q)
{
    uint32_t sound = sound_find(&c->sounds, request_text(q, PARAM_SOUND, ""));
    if (!is_wanted(c, q)) return;
    if (sound == SOUND_NONE || c->sounds.entries[sound].state != SOUND_READY)
        lose(c, r, request_text(q, PARAM_SOUND, ""));
    else
        start_voice(c, r, q, sound);
}

/// Voices start when their sounds are there and the audio clock runs.
static bool are_voices_ready(struct control *c, int64_t now_ns)
{
    struct resume *s = &c->resume;
    const struct clock_state *clock = latest_read(&c->rt->clock_state);
    if (!s->has_loads) {
        s->has_loads = true;
        s->n_loads = c->sounds.n_loads;
    }
    bool has_clock = clock->rate_hz > 0 && clock->ntp > 0;
    return !has_loads_under_way(c) && (has_clock || now_ns - s->begun_ns > CLOCK_NS);
}

// ---- what waited for its time ----

/// In one boot a time keeps its distance from now, as it does while the daemon runs.
static uint64_t present_time(const struct control *c, uint64_t ntp)
{
    const struct boot_time *then = &c->resume.head.written;
    struct boot_time now;
    boot_time_now(&now);
    int64_t step_ns = now.realtime_ns - then->realtime_ns - boot_time_passed_ns(then, &now);
    return step_ns < 0 ? ntp - clock_ntp_of_ns((uint64_t)-step_ns) : ntp + clock_ntp_of_ns((uint64_t)step_ns);
}

static void feed_scheduled(struct control *c, const struct journal_record *r)
{
    if (strcmp(c->config->resume, "all") != 0) return;
    // An id that the engine has chosen is in the message; the next one it chooses is another one.
    bool is_done = send_at(c, present_time(c, r->time), r->message, r->n_bytes);
    c->resume.n_scheduled += is_done;
    c->resume.n_lost += !is_done;
}

// ---- record by record ----

/// False when it must wait.
static bool has_room(struct control *c, const struct journal_record *r, int64_t now_ns)
{
    switch (r->kind) {
    case JOURNAL_SOUND:
    case JOURNAL_CACHED_SOUND: return c->sounds.n_under_way < LOADS_AT_ONCE;
    case JOURNAL_VOICE:
    case JOURNAL_SCHEDULED:
        return are_voices_ready(c, now_ns) && 2 * c->book.n_used <= c->book.n_entries &&
               control_has_room(c, c->rt->commands.n_slots / 2);
    default: return true;
    }
}

static void feed(struct control *c, const struct journal_record *r)
{
    struct request q;
    if (!read_request(r, &q)) {
        lose(c, r, "it is no message of this version");
        return;
    }
    switch (r->kind) {
    case JOURNAL_BUS: feed_bus(c, r, &q); break;
    case JOURNAL_SOUND:
    case JOURNAL_CACHED_SOUND: feed_sound(c, r, &q); break;
    case JOURNAL_VOICE: feed_voice(c, r, &q); break;
    default: feed_scheduled(c, r); break;
    }
}

static void feed_some(struct control *c, int64_t now_ns)
{
    struct resume *s = &c->resume;
    const struct journal_file *f = &c->journal.file;
    struct journal_record r;
    for (int i = 0; i < RECORDS_A_TURN; i++) {
        size_t at = s->at;
        if (!journal_next(f, &at, &r)) {
            s->n_loads = c->sounds.n_loads;
            s->step = RESUME_SETTLES;
            return;
        }
        if (!has_room(c, &r, now_ns)) return;
        s->at = at;
        feed(c, &r);
    }
}

// ---- begin and end ----

void resume_begin(struct control *c, const struct journal_result *result, int64_t now_ns)
{
    struct journal *j = &c->journal;
    const char *folder = c->config->state_folder;
    c->resume = (struct resume){.head = result->head, .at = JOURNAL_HEADER_BYTES, .begun_ns = now_ns};
    if (result->error) log_warning("the state folder %s cannot be written to: %s", folder, result->reason);
    if (result->found == JOURNAL_DAMAGED) {
        j->set_aside = "damaged";
        log_error("%s/journal is set aside as journal.damaged, for %s: nothing is resumed", folder,
                  result->reason);
    }
    if (result->found == JOURNAL_CRASHED) {
        j->set_aside = "crashed";
        log_error(
            "%s/journal is set aside as journal.crashed, for the daemon ended soon after it had resumed "
            "from it: nothing is resumed",
            folder);
    }
    if (result->found != JOURNAL_WHOLE) return;
    j->is_marked = true;
    if (result->head.next_id >= FIRST_ENGINE_ID) c->voices.next_id = result->head.next_id;
    c->resume.step = RESUME_FEEDS;
}

static void finish(struct control *c, int64_t now_ns)
{
    struct resume *s = &c->resume;
    s->step = RESUME_OVER;
    s->over_ns = now_ns;
    // Loads that came to nothing are told when they end; all else has been counted at once.
    uint32_t n_loads_lost = (uint32_t)(s->n_refused - s->n_lost);
    s->n_lost += n_loads_lost;
    s->n_sounds -= n_loads_lost < s->n_sounds ? n_loads_lost : s->n_sounds;
    c->journal.n_changes++;
    if (s->n_sounds + s->n_voices + s->n_scheduled + s->n_lost == 0) return;
    log_line(s->n_lost > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
             "resumed: %u sounds, %u voices, %u scheduled commands; %u could not be", s->n_sounds,
             s->n_voices, s->n_scheduled, s->n_lost);
    publish_resumed(c);
}

/// Until then the state is not what it will be.
static bool have_voices_started(const struct control *c)
{
    return now_ns(CLOCK_REALTIME) > c->resume.voices_realtime_ns + STARTED_NS;
}

void resume_turn(struct control *c, int64_t now_ns)
{
    struct resume *s = &c->resume;
    if (s->step == RESUME_FEEDS) feed_some(c, now_ns);
    if (s->step == RESUME_SETTLES && !has_loads_under_way(c) && have_voices_started(c)) finish(c, now_ns);
}
