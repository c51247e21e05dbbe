// SPDX-License-Identifier: MIT
// streams.c - connections: UNIX streams and TCP, with OSC in either framing or lines of text.
#include "engine/osc/streams.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/osc/refusal.h"
#include "engine/osc/text.h"

/// With more blocks to be sent than this a client is not read from: it should read first.
#define MAX_BLOCKS_TO_READ 4
/// How long one that was cut off may take to read the end of it.
#define CUT_OFF_PATIENCE_NS 10000000000ll
/// How long what still comes is thrown away before a connection is closed.
#define SHUT_PATIENCE_NS 1000000000ll
/// The loop looks again after so long when a connection has no tokens; has something to send; awaits an
/// answer.
#define STARVED_NS 1000000ll
#define WAITING_NS 50000000ll
#define IDLE_NS    1000000000ll

// ---- set-up ----

enum status streams_init(struct streams *s, struct allocator *a, uint32_t n_max, uint32_t rate,
                         int64_t patience_ns)
{
    *s = (struct streams){
        .n_max = n_max, .rate = rate, .patience_ns = patience_ns, .epoll_fd = -1, .wake_ns = IDLE_NS};
    s->streams = make(struct stream, n_max, a);
    s->open = make(uint32_t, n_max, a);
    s->seats = make(struct seat, n_max, a);
    uint8_t *bytes = make_bytes(n_max, FRAMING_BYTES, a);
    if (!s->streams || !s->open || !s->seats || !bytes) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < n_max; i++) {
        s->streams[i].fd = -1;
        s->streams[i].in.bytes = bytes + (size_t)i * FRAMING_BYTES;
    }
    return pool_init(&s->blocks, a, N_OUTGOING_BLOCKS, sizeof(struct outgoing_block));
}

void streams_watch(struct streams *s, int epoll_fd, uint64_t tag)
{
    s->epoll_fd = epoll_fd;
    s->tag = tag;
}

void streams_close_one(struct streams *s, uint32_t index)
{
    struct stream *st = &s->streams[index];
    outgoing_clear(&st->out, &s->blocks);
    close(st->fd); // which takes it out of epoll
    st->fd = -1;
    st->generation++;
    uint32_t at = 0;
    while (s->open[at] != index)
        at++;
    s->open[at] = s->open[--s->n_open];
}

void streams_close(struct streams *s)
{
    while (s->n_open > 0)
        streams_close_one(s, s->open[0]);
}

// ---- errors ----

void streams_refuse(struct streams *s, struct stream *st, enum api_error error, const char *text)
{
    uint8_t message[OSC_MAX_MESSAGE_BYTES];
    uint32_t n = refusal_write(message, "", error, text);
    bool added = outgoing_add(&st->out, &s->blocks, st->in.kind, message, n);
    (void)added; // best effort
}

/// Nothing of what waits will be sent but the end of what is under way, and why.
static void cut_off(struct streams *s, struct stream *st)
{
    s->n_slow++;
    outgoing_cut(&st->out, &s->blocks, st->in.kind);
    streams_refuse(
        s, st, API_SLOW_READER,
        "answers were not read, so the connection ends; read while you write, or ask for less at a time");
    st->is_closing = true;
    st->progress_ns = s->now_ns;
}

// ---- packets ----

/// Throws away what comes on a connection that ends.
static void discard(struct streams *s, uint32_t index)
{
    uint8_t bytes[4096];
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(s->streams[index].fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) continue;
        if (n == 0 || errno != EAGAIN) streams_close_one(s, index);
        return;
    }
}

void streams_read(struct streams *s, uint32_t index, bool is_hung_up, int64_t now_ns)
{
    struct stream *st = &s->streams[index];
    if (st->fd < 0) return;
    if (st->is_closing) {
        if (st->is_shut) discard(s, index);
        return;
    }
    if (st->is_ended) {
        if (is_hung_up) streams_close_one(s, index); // nobody is there for the answers that it awaits
        return;
    }
    uint32_t n_room;
    uint8_t *room = framing_room(&st->in, &n_room);
    ssize_t n =
        recv(st->fd, room, n_room, MSG_DONTWAIT); // descriptors that come along are closed by the kernel
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) streams_close_one(s, index);
        return;
    }
    framing_add(&st->in, (uint32_t)n);
    s->seats[index].heard_ns = now_ns;
    st->has_more = true;
    if (n > 0) return;
    st->is_ended = true;
    st->answer_ns = now_ns;
}

/// Browsers can be made to send to this machine, by any page that they show: what they say first is no
/// command, and nothing behind it is taken for one.
static bool is_from_browser(const uint8_t *line, uint32_t n_bytes)
{
    return memmem(line, n_bytes, " HTTP/", 6) != NULL;
}

/// A line as a message. False when it is none, which was answered.
static bool take_line(struct streams *s, struct stream *st, const uint8_t **bytes, uint32_t *n_bytes)
{
    bool is_first = !st->had_line;
    st->had_line = true;
    if (is_first && is_from_browser(*bytes, *n_bytes)) {
        s->n_lost++;
        st->is_closing = true;
        return false;
    }
    char text[256];
    struct strbuf why = strbuf_make(text, sizeof text);
    size_t n = text_to_osc((const char *)*bytes, *n_bytes, s->line, sizeof s->line, &why);
    if (n == 0) streams_refuse(s, st, API_BAD_PACKET, text);
    *bytes = s->line;
    *n_bytes = (uint32_t)n;
    return n > 0;
}

/// The next packet, of which `has_more` tells whether there may be one.
static bool take_packet(struct streams *s, struct stream *st, const uint8_t **bytes, uint32_t *n_bytes)
{
    const char *why = "";
    while (!st->is_closing) {
        enum frame frame = framing_next(&st->in, bytes, n_bytes, &why);
        if (frame == FRAME_NONE && st->is_ended) frame = framing_last(&st->in, bytes, n_bytes);
        switch (frame) {
        case FRAME_PACKET: return true;
        case FRAME_LINE:
            if (take_line(s, st, bytes, n_bytes)) return true;
            break;
        case FRAME_LONG_LINE:
            streams_refuse(s, st, API_BAD_PACKET, "a line is longer than 4096 bytes");
            break;
        case FRAME_LOST:
            s->n_lost++;
            streams_refuse(s, st, API_BAD_PACKET, why);
            st->is_closing = true;
            break;
        case FRAME_NONE: return false;
        }
    }
    return false;
}

bool streams_next(struct streams *s, uint32_t index, int64_t now_ns, const uint8_t **bytes, uint32_t *n_bytes,
                  struct client *client)
{
    struct stream *st = &s->streams[index];
    s->now_ns = now_ns;
    if (st->fd < 0 || !st->has_more || st->out.n_blocks > MAX_BLOCKS_TO_READ) return false;
    st->is_starved = !bucket_has(&st->bucket, s->rate, now_ns);
    if (st->is_starved) return false;
    if (!take_packet(s, st, bytes, n_bytes)) {
        st->has_more = false;
        return false;
    }
    uint32_t n_messages = packet_count_messages(*bytes, *n_bytes);
    bucket_take(&st->bucket, n_messages > 0 ? n_messages : 1);
    st->n_asked++; // until streams_expect() says how many answers there will be
    *client = (struct client){.kind = CLIENT_STREAM,
                              .role = st->role,
                              .address_bytes = sizeof client->address.stream,
                              .address.stream = {index, st->generation}};
    return true;
}

bool streams_have_more(const struct streams *s, uint32_t index)
{
    return s->streams[index].has_more;
}

// ---- answers ----

static struct stream *find_stream(struct streams *s, const struct client *client)
{
    const struct stream_ref *ref = &client->address.stream;
    struct stream *st = ref->index < s->n_max ? &s->streams[ref->index] : NULL;
    return st && st->fd >= 0 && st->generation == ref->generation ? st : NULL;
}

void streams_expect(struct streams *s, const struct client *client, uint32_t n_answers)
{
    struct stream *st = find_stream(s, client);
    if (st) st->n_asked += n_answers - UINT64_C(1);
}

/// What every command gets one of.
static bool is_answer(const uint8_t *message, uint32_t n_bytes)
{
    return n_bytes >= 8 && (memcmp(message, "/done\0\0", 8) == 0 || memcmp(message, "/error\0", 8) == 0 ||
                            memcmp(message, "/synced", 8) == 0 || memcmp(message, "/hello\0", 8) == 0);
}

bool streams_send(struct streams *s, const struct client *to, const uint8_t *message, uint32_t n_bytes)
{
    struct stream *st = find_stream(s, to);
    if (!st || st->is_closing || st->is_deaf) return false;
    if (is_answer(message, n_bytes)) st->n_answered++;
    if (outgoing_add(&st->out, &s->blocks, st->in.kind, message, n_bytes)) return true;
    // What the kernel takes now makes room for the rest of a long list.
    while (outgoing_send(&st->out, &s->blocks, st->fd) > 0)
        if (outgoing_add(&st->out, &s->blocks, st->in.kind, message, n_bytes)) return true;
    cut_off(s, st);
    return false;
}

static void send_waiting(struct streams *s, struct stream *st)
{
    while (!outgoing_is_empty(&st->out)) {
        ssize_t n = outgoing_send(&st->out, &s->blocks, st->fd);
        if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) return;
        if (n < 0) {
            st->is_deaf = true;
            outgoing_clear(&st->out, &s->blocks);
            break;
        }
        st->progress_ns = st->answer_ns = s->now_ns;
    }
    if (!st->is_shut) st->progress_ns = s->now_ns;
}

/// True when nothing is left to do for a connection.
static bool is_finished(struct streams *s, struct stream *st)
{
    int64_t waited_ns = s->now_ns - st->progress_ns;
    if (!outgoing_is_empty(&st->out)) {
        if (st->is_closing) return waited_ns > CUT_OFF_PATIENCE_NS;
        if (waited_ns > s->patience_ns) cut_off(s, st);
        return false;
    }
    if (st->is_closing && !st->is_shut) {
        st->is_shut = true;
        shutdown(st->fd, SHUT_WR);
    }
    if (st->is_shut) return st->is_ended || waited_ns > SHUT_PATIENCE_NS;
    if (!st->is_ended || st->has_more) return false;
    return st->is_deaf || st->n_answered >= st->n_asked ||
           s->now_ns - st->answer_ns > HALF_CLOSED_PATIENCE_NS;
}

/// Has epoll wake the loop up for what can be done. One that must wait is not watched at all: else the news
/// that its client has gone would come again and again.
static void set_interest(struct streams *s, uint32_t index)
{
    struct stream *st = &s->streams[index];
    bool may_read = st->is_closing ? st->is_shut : !st->is_ended && st->out.n_blocks <= MAX_BLOCKS_TO_READ;
    struct epoll_event event = {.data.u64 = s->tag | index};
    if (may_read && !st->has_more) event.events |= EPOLLIN;
    if (!outgoing_is_empty(&st->out)) event.events |= EPOLLOUT;
    bool is_watched = event.events != 0 || !st->has_more;
    if (event.events == st->interest && is_watched == st->is_watched) return;
    int change = !is_watched ? EPOLL_CTL_DEL : st->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    epoll_ctl(s->epoll_fd, change, st->fd, &event);
    st->interest = event.events;
    st->is_watched = is_watched;
}

static int64_t wake_of(const struct stream *st)
{
    if (st->has_more && !st->is_closing && st->out.n_blocks <= MAX_BLOCKS_TO_READ)
        return st->is_starved ? STARVED_NS : 0;
    return !outgoing_is_empty(&st->out) || st->is_shut ? WAITING_NS : IDLE_NS;
}

void streams_flush(struct streams *s, int64_t now_ns)
{
    s->now_ns = now_ns;
    s->wake_ns = IDLE_NS;
    for (uint32_t i = s->n_open; i-- > 0;) {
        uint32_t index = s->open[i];
        struct stream *st = &s->streams[index];
        send_waiting(s, st);
        if (is_finished(s, st)) {
            streams_close_one(s, index);
            continue;
        }
        set_interest(s, index);
        int64_t wake_ns = wake_of(st);
        if (wake_ns < s->wake_ns) s->wake_ns = wake_ns;
    }
}
