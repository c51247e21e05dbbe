// SPDX-License-Identifier: MIT
// dispatch.c - takes packets to the handlers of their messages, once each has been accepted.
#include "engine/dispatch.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "engine/handlers.h"
#include "engine/now.h"
#include "engine/osc/pattern.h"

/// An untimed method in a bundle whose time tag lies further ahead is refused.
#define MAX_AHEAD_NTP (UINT64_C(1) << 32)

/// Seconds from 1900 to 1970.
#define NTP_OF_1970 UINT64_C(2208988800)

/// The words of `policy`, as api.def has them.
enum policy { POLICY_PLAY, POLICY_DROP };

static const char *const role_names[] = {[ROLE_READ] = "read", [ROLE_PLAY] = "play", [ROLE_ADMIN] = "admin"};

typedef void handler(struct control *c, const struct call *call);
typedef void check(struct control *c, const struct call *call);

/// When a method is called.
enum order {
    FIRST, // in order, while messages are accepted; what it does can be undone
    LAST,  // in order, when all have been accepted: what it does cannot be undone, or it tells of what others
           // did
};

static const struct {
    handler *handle;
    enum order order;
    check *check; // LAST: in a bundle, called in its place while messages are accepted; or NULL
} handlers[N_METHODS] = {
    [METHOD_PLAY] = {handle_play, FIRST, NULL},
    [METHOD_STOP] = {handle_stop, FIRST, NULL},
    [METHOD_PAUSE] = {handle_pause, FIRST, NULL},
    [METHOD_RESUME] = {handle_resume, FIRST, NULL},
    [METHOD_SEEK] = {handle_seek, FIRST, NULL},
    [METHOD_VOICE_SET] = {handle_voice_set, FIRST, NULL},
    [METHOD_VOICE_LIST] = {handle_voice_list, LAST, check_query},
    [METHOD_SOUND_LOAD] = {handle_sound_load, FIRST, NULL},
    [METHOD_SOUND_UNLOAD] = {handle_sound_unload, LAST, check_sound_unload},
    [METHOD_SOUND_LIST] = {handle_sound_list, LAST, check_query},
    [METHOD_BUS_NEW] = {handle_bus_new, FIRST, NULL},
    [METHOD_BUS_SET] = {handle_bus_set, FIRST, NULL},
    [METHOD_BUS_LIST] = {handle_bus_list, LAST, check_query},
    [METHOD_STATUS] = {handle_status, LAST, NULL},
    [METHOD_MEMORY] = {handle_memory, LAST, NULL},
    [METHOD_HISTOGRAM] = {handle_histogram, LAST, NULL},
    [METHOD_LOG_LINES] = {handle_log_lines, LAST, NULL},
    [METHOD_LOG_LEVEL] = {handle_log_level, LAST, check_log_level},
    [METHOD_TIME] = {handle_time, LAST, NULL},
    [METHOD_CLEAR] = {handle_clear, LAST, check_clear},
    [METHOD_SUBSCRIBE] = {handle_subscribe, LAST, check_subscribe},
    [METHOD_UNSUBSCRIBE] = {handle_unsubscribe, LAST, check_unsubscribe},
    [METHOD_DUMP] = {handle_dump, LAST, check_query},
    [METHOD_BACKEND] = {handle_backend, LAST, check_backend},
    [METHOD_HELLO] = {handle_hello, LAST, NULL},
    [METHOD_PING] = {handle_ping, FIRST, NULL},
    [METHOD_SYNC] = {handle_sync, LAST, check_sync},
    [METHOD_RELOAD] = {handle_reload, LAST, NULL},
    [METHOD_QUIT] = {handle_quit, LAST, NULL},
};

// ---- messages to calls ----

struct visit;
typedef void take_call(struct visit *v, const struct osc_message *message, enum method method);

/// A packet while its messages are visited.
struct visit {
    struct control *control;
    struct datagram *datagram;
    const struct hold *hold; // NULL: it is handled for the first time
    enum method only;        // of those that a pattern matches; N_METHODS: all
    take_call *take;
    uint32_t n_calls; // visited before the present one
    uint64_t now_ntp; // 0: not asked yet
};

/// Hands on a call for each method that the message's path stands for; N_METHODS when there is none.
static void visit_message(void *visit, const struct osc_message *message)
{
    struct visit *v = visit;
    enum method method = method_find(message->path);
    uint32_t n_before = v->n_calls;
    if (method == N_METHODS && pattern_is(message->path)) {
        for (unsigned m = 0; m < N_METHODS; m++) {
            if (v->only != N_METHODS && v->only != (enum method)m) continue;
            if (!pattern_matches(message->path, method_info((enum method)m)->path)) continue;
            v->take(v, message, (enum method)m);
            v->n_calls++;
        }
        if (v->n_calls > n_before) return;
    }
    v->take(v, message, method);
    v->n_calls++;
}

static void visit_calls(struct visit *v, take_call *take)
{
    v->take = take;
    v->n_calls = 0;
    osc_packet_visit(v->datagram->bytes, v->datagram->n_bytes, visit_message, v);
}

static struct call make_call(const struct visit *v, const struct osc_message *message, enum method method)
{
    bool is_journal = v->datagram->client.kind == CLIENT_JOURNAL; // has its sounds loaded before
    return (struct call){.request = &v->control->transaction.request,
                         .client = &v->datagram->client,
                         .path = method < N_METHODS ? method_info(method)->path : message->path,
                         .fd = &v->datagram->fd,
                         .index = message->index,
                         .n_tries = v->hold ? v->hold->n_tries : is_journal};
}

// ---- checks of every call: method, role, arguments, time ----

/// The present as an OSC time tag.
static uint64_t ntp_now(struct visit *v)
{
    if (v->now_ntp == 0) v->now_ntp = clock_ntp_of_ns((uint64_t)now_ns(CLOCK_REALTIME)) + (NTP_OF_1970 << 32);
    return v->now_ntp;
}

/// The time tag of a bundle, in the era that is meant: the seconds begin anew in 2036, and what looks as if
/// it lay behind that is long past instead, but for the year before.
static uint64_t read_tag(struct visit *v, uint64_t tag)
{
    uint64_t now = ntp_now(v);
    bool is_past = tag < now && (int64_t)(tag - now) > 0 && now >> 57 != UINT64_MAX >> 57;
    return is_past ? now - INT64_MAX / 2 : tag;
}

/// The frame that a score's time tag stands for.
static bool lies_ahead_offline(const struct engine_rt *rt, uint64_t tag)
{
    return clock_frame_of_ntp(&rt->clock, tag) > (int64_t)rt->frame;
}

/// True when a time tag says when, and `*tag` says so to rt. Offline what has been rendered up to is done
/// now.
static bool is_scheduled(struct visit *v, uint64_t *tag)
{
    if (*tag == OSC_NOW) return false;
    if (v->control->is_offline) return lies_ahead_offline(v->control->rt, *tag);
    *tag = read_tag(v, *tag);
    return true;
}

/// The time `seconds` after the call came in: worked out once for a datagram, so that calls of one keep their
/// order.
static uint64_t ntp_after(struct visit *v, double seconds)
{
    const struct engine_rt *rt = v->control->rt;
    struct datagram *d = v->datagram;
    if (v->control->is_offline)
        d->arrival_ntp = clock_exact_ntp(&rt->clock, rt->frame);
    else if (d->arrival_ntp == 0)
        d->arrival_ntp = ntp_now(v) - clock_ntp_of_ns((uint64_t)(monotonic_ns() - d->arrival_ns));
    return d->arrival_ntp + (uint64_t)(seconds * 4294967296.0);
}

static bool place_untimed(struct visit *v, struct call *call, uint64_t tag)
{
    call->when = WHEN_NOW;
    bool is_ahead = !v->control->is_offline && is_scheduled(v, &tag) &&
                    (int64_t)(tag - ntp_now(v)) > (int64_t)MAX_AHEAD_NTP;
    if (is_ahead)
        control_refuse(v->control, call, API_UNSUPPORTED,
                       "%s is done when it comes in, but it has a time tag that lies ahead: send it without",
                       call->path);
    return !is_ahead;
}

/// When the commands of a call are done.
static bool place_in_time(struct visit *v, struct call *call, uint64_t tag)
{
    const struct request *r = call->request;
    if (!method_info(r->method)->is_timed) return place_untimed(v, call, tag);
    bool is_tagged = is_scheduled(v, &tag), has_at = request_has(r, PARAM_AT);
    bool is_immediate = request_int(r, PARAM_IMMEDIATE, 0);
    if (is_tagged + has_at + is_immediate > 1) {
        control_refuse(v->control, call, API_BAD_ARGUMENTS,
                       "at, immediate and the time tag of a bundle exclude one another: take one of them");
        return false;
    }
    call->drop_late = request_choice(r, PARAM_POLICY, POLICY_PLAY) == POLICY_DROP;
    call->when = v->control->is_offline || is_immediate ? WHEN_NOW : WHEN_ARRIVAL;
    call->time = (uint64_t)v->datagram->arrival_ns;
    if (is_tagged || has_at) call->when = WHEN_TIME;
    if (is_tagged) call->time = tag;
    if (has_at) call->time = ntp_after(v, request_float(r, PARAM_AT, 0));
    return true;
}

static bool check_call(struct visit *v, const struct osc_message *message, enum method method,
                       struct call *call)
{
    struct control *c = v->control;
    struct transaction *t = &c->transaction;
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    if (method == N_METHODS) {
        t->request.id = parse_request_id(message);
        control_refuse(c, call, API_UNKNOWN_METHOD, "no method has the path %.64s", message->path);
        return false;
    }
    enum api_error error = parse_message(message, method, &t->request, &why);
    if (method_info(method)->role > call->client->role)
        control_refuse(c, call, API_FORBIDDEN, "%s is not allowed to clients with the role %s", call->path,
                       role_names[call->client->role]);
    else if (error)
        control_refuse(c, call, error, "%s", text);
    else
        return place_in_time(v, call, message->time);
    return false;
}

// ---- the first pass: every call is accepted, or one is refused ----

/// The call has begun a load in an earlier try.
static bool is_begun(const struct visit *v)
{
    return v->hold && v->n_calls < MAX_CALLS && (v->hold->is_begun[v->n_calls / 8] >> v->n_calls % 8 & 1);
}

/// While the packet waits for loads, the only other calls that matter are those that begin further ones.
static bool is_worth_a_call(const struct visit *v, enum method method)
{
    bool waits = v->control->transaction.n_waits > 0;
    return !is_begun(v) && (!waits || method == METHOD_PLAY || method == METHOD_SOUND_LOAD);
}

static void accept_call(struct visit *v, const struct osc_message *message, enum method method)
{
    struct control *c = v->control;
    struct transaction *t = &c->transaction;
    if (t->error) return;
    struct call call = make_call(v, message, method);
    if (!staging_add(c, &call) || !check_call(v, message, method, &call)) return;
    call.is_alone = !t->is_bundle && call.when != WHEN_TIME;
    if (handlers[method].order == FIRST) {
        if (is_worth_a_call(v, method)) handlers[method].handle(c, &call);
    } else if (call.is_alone) {
        staging_commit(c);
        handlers[method].handle(c, &call);
    } else {
        t->answers[t->n_answers - 1].kind = ANSWER_ITS_OWN;
        t->has_last = true;
        if (handlers[method].check) handlers[method].check(c, &call);
        t->n_last[method]++;
    }
}

// ---- the second pass: what has been accepted is answered ----

static void finish_call(struct visit *v, const struct osc_message *message, enum method method)
{
    struct control *c = v->control;
    const struct answer *a = &c->transaction.answers[v->n_calls];
    if (a->kind != ANSWER_ITS_OWN) {
        call_send_answer(c, &v->datagram->client, a);
        return;
    }
    struct call call = make_call(v, message, method);
    if (check_call(v, message, method, &call)) handlers[method].handle(c, &call);
}

static void finish(struct visit *v)
{
    struct control *c = v->control;
    struct transaction *t = &c->transaction;
    if (t->phase == TRANSACTION_ANSWERS) return; // a single method, which has answered
    staging_commit(c);
    for (uint32_t i = 0; !t->has_last && i < t->n_answers; i++)
        call_send_answer(c, &v->datagram->client, &t->answers[i]);
    if (t->has_last) visit_calls(v, finish_call);
}

// ---- or: it is refused, or waits ----

static void refuse_call(struct visit *v, const struct osc_message *message, enum method method)
{
    struct control *c = v->control;
    struct transaction *t = &c->transaction;
    if (is_begun(v)) return; // its load answers
    t->request.id = parse_request_id(message);
    struct call call = make_call(v, message, method);
    if (v->n_calls == t->bad_call)
        call_send_error(c, &call, t->error, t->text);
    else
        call_send_error(c, &call, API_NOT_DONE, "another message of the bundle was refused");
}

static void refuse(struct visit *v)
{
    struct control *c = v->control;
    staging_rollback(c, false);
    visit_calls(v, refuse_call);
}

/// The packet will be tried again, or is refused when it has been tried too often or there is no room for it.
static bool wait(struct visit *v, struct hold *hold)
{
    struct control *c = v->control;
    struct transaction *t = &c->transaction;
    bool is_over = hold && hold->n_tries == MAX_TRIES;
    if (!hold) hold = holds_keep(&c->holds, v->datagram);
    if (hold && !is_over) {
        hold->only = v->only;
        staging_rollback(c, true);
        holds_wait(&c->holds, hold, t, c->sounds.n_loads);
        hold->datagram.fd = v->datagram->fd;
        v->datagram->fd = -1;
        return true;
    }
    t->bad_call = t->waits[0].call;
    t->error = is_over ? API_REFUSED : API_FULL;
    if (is_over)
        snprintf(t->text, sizeof t->text,
                 "its sounds were loaded and went again %d times: is there room for them?", MAX_TRIES);
    else
        snprintf(t->text, sizeof t->text,
                 "%u packets wait for sounds already: load sounds before they are played", c->holds.n_used);
    refuse(v);
    return false;
}

// ---- packets ----

/// Empties the queue, so that all of it is there for the packet.
static void take_commands_offline(struct control *c)
{
    while (queue_used(&c->rt->commands) > 0)
        engine_rt_process(c->rt, NULL, NULL, 0, 0);
    control_drain_events(c);
}

/// Handles all of a packet, or only one method of those that its message's pattern matches. Returns true when
/// the packet is kept: `hold` again, or a new one.
static bool handle_packet(struct control *c, struct datagram *d, struct hold *hold, enum method only)
{
    struct visit v = {.control = c, .datagram = d, .hold = hold, .only = only};
    struct transaction *t = &c->transaction;
    bool is_kept = false;
    if (c->is_offline) take_commands_offline(c);
    staging_begin(c, d->n_bytes > 0 && d->bytes[0] == '#');
    if (hold && hold->error)
        transaction_refuse(t, hold->bad_call, hold->error, hold->reason);
    else
        visit_calls(&v, accept_call);
    if (!hold && only == N_METHODS && c->transport) transport_expect(c->transport, &d->client, v.n_calls);
    if (t->error)
        refuse(&v);
    else if (t->n_waits > 0)
        is_kept = wait(&v, hold);
    else
        finish(&v);
    staging_end(c);
    return is_kept;
}

/// The methods that a message matches by its pattern: each is called for itself, and what one refuses does
/// not concern the others. Returns how many; none when it has no pattern, or matches nothing.
static uint32_t handle_each(struct control *c, struct datagram *d)
{
    enum method methods[N_METHODS];
    uint32_t n = 0;
    const char *path = (const char *)d->bytes; // ends with a 0, as has been checked
    if (!pattern_is(path)) return 0;
    for (unsigned m = 0; m < N_METHODS; m++)
        if (pattern_matches(path, method_info((enum method)m)->path)) methods[n++] = (enum method)m;
    if (n > 0 && c->transport) transport_expect(c->transport, &d->client, n);
    for (uint32_t i = 0; i < n; i++)
        handle_packet(c, d, NULL, methods[i]);
    return n;
}

/// What came as a descriptor may take its time to be closed: the worker has it.
static void close_fd(struct control *c, struct datagram *d)
{
    worker_close(&c->worker, d->fd);
    d->fd = -1;
}

void control_handle(struct control *c, struct datagram *d)
{
    // Slots of voices that have ended, and entries of the schedule, are wanted for what is new.
    if (queue_used(&c->rt->events) > 0) control_drain_events(c);
    const char *problem = osc_packet_check(d->bytes, d->n_bytes);
    if (problem) {
        c->n_bad_packets++;
        reply_error(&c->replies, &d->client, "", API_BAD_PACKET, problem);
    } else {
        bool is_done = d->bytes[0] != '#' && handle_each(c, d) > 0;
        if (!is_done) handle_packet(c, d, NULL, N_METHODS);
    }
    close_fd(c, d);
}

void control_retry_holds(struct control *c)
{
    // Each is tried once: one that waits again goes behind the others.
    uint32_t n = c->holds.n_used;
    for (struct hold *hold; n-- > 0 && (hold = holds_ready(&c->holds, sound_oldest_load(&c->sounds)));) {
        struct datagram d = hold->datagram;
        hold->n_tries++;
        if (handle_packet(c, &d, hold, hold->only)) continue;
        close_fd(c, &d);
        holds_release(&c->holds, hold);
    }
}

void control_drain_results(struct control *c)
{
    eventfd_t n;
    struct job_result result;
    eventfd_read(c->worker.result_fd, &n);
    while (worker_pop(&c->worker, &result))
        if (result.is_resampled)
            resample_take(c, result.token, result.load);
        else
            finish_load(c, result.token, result.load);
    control_retry_holds(c);
    push_syncs(c);
}
