// SPDX-License-Identifier: MIT
// journal.c - keeps the state on disk, so that a start after a crash can go on with it.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/now.h"

/// A pass begins no sooner after another one, nor after the first change: others may follow it.
#define PASS_NS   INT64_C(1000000000)
#define GATHER_NS INT64_C(100000000)
/// Where voices are is worked out from where they were: so seldom is it written when nothing else is news.
/// The clocks of good devices are 50 ppm apart from the system's: that is 0.5 ms.
#define MOTION_NS INT64_C(10000000000)
/// After a failure.
#define RETRY_NS INT64_C(10000000000)
/// So long a write may take before it is told.
#define STALLED_NS INT64_C(5000000000)
/// A crash so soon after a resume is put down to it.
#define SETTLE_NS INT64_C(10000000000)
/// So long the end waits for a disk that hangs.
#define END_NS INT64_C(700000000)

/// Records that are made in one turn: some 50 us.
#define ITEMS_A_TURN 64

// ---- set-up ----

/// What records take, names of a usual length; what does not fit is left out, and that is told.
static size_t file_bytes(const struct config *config)
{
    return 65536 + (size_t)config->sounds * 320 + (size_t)config->buses * 384 + (size_t)config->voices * 512 +
           (size_t)config->schedule * 256;
}

enum status journal_init(struct journal *j, struct allocator *a, const struct config *config)
{
    *j = (struct journal){.is_on = true, .set_aside = ""};
    j->query = (struct query){.client = {.kind = CLIENT_JOURNAL}, .method = METHOD_DUMP};
    j->file.capacity = file_bytes(config);
    j->file.bytes = make(uint8_t, j->file.capacity, a);
    enum status status = j->file.bytes ? STATUS_OK : STATUS_NO_MEMORY;
    if (!status) status = scheduled_texts_init(&j->texts, a, config->schedule);
    if (!status) status = journal_disk_init(&j->disk, a, config->state_folder);
    return status;
}

enum status journal_start(struct control *c)
{
    struct journal *j = &c->journal;
    enum status status = journal_disk_start(&j->disk);
    if (status) return status;
    c->book.texts = &j->texts;
    j->is_wanted = strcmp(c->config->resume, "none") != 0;
    (void)journal_disk_begin(&j->disk, j->is_wanted ? JOURNAL_JOB_READ : JOURNAL_JOB_REMOVE, &j->file);
    if (j->is_wanted) c->resume.step = RESUME_READS;
    return STATUS_OK;
}

// ---- records ----

void journal_note_motion(struct control *c)
{
    c->journal.moving_at = c->replies.writer.n_args;
    c->journal.has_motion = true;
}

/// Of all but where a moving voice is.
static uint64_t sum_news(const struct journal *j, const struct journal_record *r, size_t n_args)
{
    uint64_t sum = journal_sum(j->sum, (const uint8_t *)&r->kind, sizeof r->kind);
    if (j->moving_at == SIZE_MAX) return journal_sum(sum, r->message, r->n_bytes);
    size_t at = r->n_bytes - n_args + j->moving_at;
    sum = journal_sum(sum, r->message, at);
    return journal_sum(sum, r->message + at + sizeof(double), r->n_bytes - at - sizeof(double));
}

static void add_record(struct journal *j, const struct journal_record *r, size_t n_args)
{
    if (r->n_bytes > 0 && journal_add(&j->file, r)) {
        j->head.n_records[r->kind]++;
        j->sum = sum_news(j, r, n_args);
    } else {
        j->head.n_left_out++;
    }
    j->moving_at = SIZE_MAX;
}

void journal_take_message(struct control *c)
{
    struct journal *j = &c->journal;
    struct osc_writer *w = &c->replies.writer;
    j->record.message = c->replies.message;
    j->record.n_bytes = (uint32_t)osc_end(w, c->replies.message);
    add_record(j, &j->record, w->n_args);
}

// ---- a pass ----

static void enter(struct journal *j, enum journal_step step)
{
    j->step = step;
    j->query.next = 0;
}

static bool begin_pass(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    struct command command = {.type = COMMAND_SNAPSHOT, .token = JOURNAL_TOKEN};
    if (!control_push(c, &command)) return false;
    journal_begin(&j->file);
    j->head = (struct journal_head){0};
    j->query.n_awaited = j->query.n_left_out = 0;
    j->sum = JOURNAL_SUM_START;
    j->moving_at = SIZE_MAX;
    j->has_motion = false;
    j->seen_changes = j->n_changes;
    j->seen_moves = j->n_moves;
    j->changed_ns = 0;
    j->begun_ns = now_ns;
    enter(j, JOURNAL_SNAPSHOT);
    return true;
}

/// A frame, and when it began, as the smoothed clock has it.
static void note_moment(struct control *c)
{
    struct journal *j = &c->journal;
    const struct clock_state *s = latest_read(&c->rt->clock_state);
    int64_t asleep_ns = now_ns(CLOCK_BOOTTIME) - monotonic_ns();
    j->frame = s->frame;
    j->frame_boottime_ns = (s->rate_hz > 0 ? (int64_t)s->monotonic_ns : monotonic_ns()) + asleep_ns;
}

void journal_take_snapshot(struct control *c)
{
    assert(c->journal.step == JOURNAL_SNAPSHOT);
    c->snapshot = latest_read(&c->rt->snapshot);
    note_moment(c);
    enter(&c->journal, JOURNAL_BUSES);
}

static void gather_buses(struct control *c)
{
    struct journal *j = &c->journal;
    j->record = (struct journal_record){.kind = JOURNAL_BUS};
    for (uint32_t n = 0; n < ITEMS_A_TURN && j->query.next < c->buses.n_buses; n++)
        dump_bus(c, &j->query, j->query.next++);
    if (j->query.next >= c->buses.n_buses) enter(j, JOURNAL_USED_SOUNDS);
}

/// Those that voices wait for come before the voices; all others need not be there when these begin.
static void gather_sounds(struct control *c, bool used, enum journal_step next)
{
    struct journal *j = &c->journal;
    uint32_t n_items = j->query.n_items, end = j->query.next + 16 * ITEMS_A_TURN;
    while (j->query.next < c->sounds.max_sounds && j->query.next < end &&
           j->query.n_items - n_items < ITEMS_A_TURN) {
        const struct sound_entry *e = &c->sounds.entries[j->query.next];
        j->record = (struct journal_record){.kind = e->is_cached ? JOURNAL_CACHED_SOUND : JOURNAL_SOUND};
        if (e->state != SOUND_FREE && !e->is_dropped && (sound_n_voices(e) > 0) == used)
            dump_sound(c, &j->query, j->query.next);
        j->query.next++;
    }
    if (j->query.next >= c->sounds.max_sounds) enter(j, next);
}

/// Asks rt for some voices; what it says comes with journal_take_report().
static void gather_voices(struct control *c)
{
    struct journal *j = &c->journal;
    struct query *q = &j->query;
    uint32_t n_kept = c->rt->commands.n_slots / 2;
    while (q->next < c->voices.n_slots && q->n_awaited < MAX_JOURNAL_EVENTS) {
        const struct voice_entry *v = &c->voices.entries[q->next];
        struct command command = {.type = COMMAND_VOICE_REPORT,
                                  .slot = q->next,
                                  .generation = v->generation,
                                  .token = JOURNAL_TOKEN | v->generation};
        if (v->state == SLOT_LIVE) {
            if (!control_has_room(c, n_kept) || !control_push(c, &command)) return;
            q->n_awaited++;
        }
        q->next++;
    }
    if (q->next < c->voices.n_slots || q->n_awaited > 0) return;
    scheduled_texts_begin(&j->texts);
    enter(j, JOURNAL_MESSAGES);
}

/// CLOCK_BOOTTIME at which an engine frame begins. All of a pass refer to one moment and the nominal rate, as
/// the resume does: so the smoothing of the clock does not come between them.
static int64_t boottime_of_frame(const struct control *c, uint64_t frame)
{
    int64_t distance = (int64_t)(frame - c->journal.frame);
    return c->journal.frame_boottime_ns + distance * 1000000000 / (int64_t)c->rate;
}

void journal_take_report(struct control *c, const struct event *e)
{
    struct journal *j = &c->journal;
    assert(j->query.n_awaited > 0);
    j->query.n_awaited--;
    const struct voice_entry *v = &c->voices.entries[e->slot];
    bool is_it = v->state == SLOT_LIVE && v->generation == (uint32_t)e->token;
    if (!is_it || e->report.state == VOICE_FREE) return;
    j->record =
        (struct journal_record){.kind = JOURNAL_VOICE, .time = (uint64_t)boottime_of_frame(c, e->frame)};
    dump_voice(c, &j->query, e->slot, &e->report);
}

static void gather_messages(struct control *c)
{
    struct journal *j = &c->journal;
    const struct scheduled_text *text;
    struct journal_record r = {.kind = JOURNAL_SCHEDULED};
    for (uint32_t n = 0; n < ITEMS_A_TURN; n++) {
        if (!scheduled_texts_next(&j->texts, &text, &r.time)) {
            enter(j, JOURNAL_OTHER_SOUNDS);
            return;
        }
        r.message = text->bytes;
        r.n_bytes = text->n_bytes;
        add_record(j, &r, 0);
        j->sum = journal_sum(j->sum, (const uint8_t *)&text->time, sizeof text->time);
    }
}

/// Hands the file to the disk, if it says anything new.
static void end_pass(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    j->step = JOURNAL_RESTS;
    j->head.n_left_out += j->query.n_left_out;
    j->n_left_out = j->head.n_left_out;
    bool is_old = j->has_motion && now_ns - j->written_ns >= MOTION_NS;
    bool is_new = j->sum != j->written_sum || j->seen_moves != j->written_moves || j->written_ns == 0;
    if (!is_old && !is_new && !j->needs_write && !(j->is_ending && j->has_motion)) return;
    boot_time_now(&j->head.written);
    j->head.next_id = c->voices.next_id;
    journal_end(&j->file, &j->head);
    (void)journal_disk_begin(&j->disk, JOURNAL_JOB_WRITE, &j->file); // it rests: else no pass had begun
}

static void gather(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    switch (j->step) {
    case JOURNAL_RESTS:
    case JOURNAL_SNAPSHOT: return;
    case JOURNAL_BUSES: gather_buses(c); return;
    case JOURNAL_USED_SOUNDS: gather_sounds(c, true, JOURNAL_VOICES); return;
    case JOURNAL_VOICES: gather_voices(c); return;
    case JOURNAL_MESSAGES: gather_messages(c); return;
    case JOURNAL_OTHER_SOUNDS: break;
    }
    gather_sounds(c, false, JOURNAL_RESTS);
    if (j->step == JOURNAL_RESTS) end_pass(c, now_ns);
}

// ---- when a pass is due ----

/// CLOCK_MONOTONIC; INT64_MAX while nothing is to be kept.
static int64_t due_ns(const struct control *c)
{
    const struct journal *j = &c->journal;
    if (c->resume.step != RESUME_OVER || j->step != JOURNAL_RESTS || j->disk.is_busy) return INT64_MAX;
    if (j->is_ending || !j->is_wanted) return INT64_MAX;
    int64_t due = INT64_MAX, soonest = j->begun_ns + (j->error ? RETRY_NS : PASS_NS);
    if (j->changed_ns > 0) due = j->changed_ns + GATHER_NS;
    if (j->needs_write) due = soonest;
    if (j->has_motion && j->written_ns + MOTION_NS < due) due = j->written_ns + MOTION_NS;
    return due > soonest ? due : soonest;
}

static void notice_changes(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    bool has_changed = j->n_changes != j->seen_changes || j->n_moves != j->seen_moves;
    if (has_changed && j->changed_ns == 0) j->changed_ns = now_ns;
}

// ---- the disk ----

static void tell_write(struct control *c, const struct journal_result *r, int64_t now_ns)
{
    struct journal *j = &c->journal;
    j->needs_write = r->error != 0;
    if (r->error) {
        j->n_failures++;
        if (r->error != j->error)
            log_warning("the state cannot be kept in %s: %s; it is tried again every %d s",
                        c->config->state_folder, r->reason, (int)(RETRY_NS / 1000000000));
        snprintf(j->reason, sizeof j->reason, "%s", r->reason);
    } else {
        if (j->error) log_info("the state is kept in %s again", c->config->state_folder);
        j->written_sum = j->sum;
        j->written_moves = j->seen_moves;
        j->written_ns = now_ns;
        j->bytes = j->file.n_bytes;
        j->n_written++;
    }
    j->error = r->error;
}

static void take_result(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    struct journal_result r;
    if (!journal_disk_end(&j->disk, &r)) return;
    if (j->is_stalled) log_info("the disk of %s goes on", c->config->state_folder);
    j->is_stalled = false;
    switch ((enum journal_job_type)r.type) {
    case JOURNAL_JOB_READ: resume_begin(c, &r, now_ns); break;
    case JOURNAL_JOB_WRITE: tell_write(c, &r, now_ns); break;
    case JOURNAL_JOB_SETTLE:
        if (r.error) log_debug("journal.resuming cannot be removed: %s", r.reason);
        break;
    case JOURNAL_JOB_REMOVE:
        if (r.error) log_warning("the state in %s cannot be removed: %s", c->config->state_folder, r.reason);
        break;
    case JOURNAL_JOB_QUIT: break;
    }
}

static void watch_disk(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    if (!j->disk.is_busy || j->is_stalled || now_ns - j->disk.busy_since_ns < STALLED_NS) return;
    j->is_stalled = true;
    log_warning("the disk of %s hangs: the state is not being kept", c->config->state_folder);
}

/// The resume has gone well when the daemon lives long enough.
static void settle(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    bool is_due = c->resume.step == RESUME_OVER && now_ns - c->resume.over_ns >= SETTLE_NS;
    if (j->is_marked && (is_due || j->is_ending) && journal_disk_begin(&j->disk, JOURNAL_JOB_SETTLE, NULL))
        j->is_marked = false;
}

// ---- the end ----

void journal_begin_end(struct control *c, bool is_kept)
{
    c->journal.is_ending = true;
    c->journal.is_kept = is_kept && c->journal.is_wanted;
}

/// A pass that is under way is finished before. What the last run left, and is being resumed, stays as it is.
static void end(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    if (j->disk.is_busy || j->step != JOURNAL_RESTS) return;
    bool is_first = !j->has_last;
    j->has_last = true;
    if (is_first && !j->is_kept) {
        j->is_marked = false;
        (void)journal_disk_begin(&j->disk, JOURNAL_JOB_REMOVE, NULL);
        return;
    }
    bool is_news = j->changed_ns > 0 || j->needs_write;
    if (is_first && is_news && c->resume.step == RESUME_OVER && begin_pass(c, now_ns)) return;
    settle(c, now_ns);
    j->is_over = !j->disk.is_busy;
}

bool journal_is_over(const struct control *c)
{
    return !c->journal.is_on || c->journal.is_over;
}

bool journal_stop(struct control *c)
{
    return !c->journal.is_on || journal_disk_stop(&c->journal.disk, END_NS);
}

// ---- the loop ----

void journal_turn(struct control *c, int64_t now_ns)
{
    struct journal *j = &c->journal;
    if (!j->is_on || !j->disk.is_running) return;
    take_result(c, now_ns);
    watch_disk(c, now_ns);
    notice_changes(c, now_ns);
    if (!j->is_ending) resume_turn(c, now_ns);
    if (j->is_ending)
        end(c, now_ns);
    else if (due_ns(c) <= now_ns)
        (void)begin_pass(c, now_ns); // tried again when the queue is full
    gather(c, now_ns);
    if (!j->is_ending) settle(c, now_ns);
}

int64_t journal_patience_ns(const struct control *c, int64_t now_ns)
{
    const struct journal *j = &c->journal;
    if (!j->is_on) return INT64_MAX;
    if (c->resume.step != RESUME_OVER || j->step != JOURNAL_RESTS || j->is_ending) return 2000000;
    int64_t due = due_ns(c);
    return due == INT64_MAX ? INT64_MAX : due > now_ns ? due - now_ns : 0;
}

// ---- how it is ----

const char *journal_problem(const struct control *c)
{
    const struct journal *j = &c->journal;
    if (j->is_stalled) return "its disk hangs";
    return j->error ? j->reason : NULL;
}

const char *journal_state(const struct control *c)
{
    const struct journal *j = &c->journal;
    if (!j->is_on || !j->is_wanted) return "off";
    if (j->is_stalled) return "stalled";
    if (j->error) return "failing";
    return c->resume.step == RESUME_OVER ? "kept" : "resuming";
}
