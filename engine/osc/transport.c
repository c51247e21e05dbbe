// SPDX-License-Identifier: MIT
// transport.c - what comes in over all sockets, packet by packet, and what goes out.
#include "engine/osc/transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/now.h"
#include "engine/osc/refusal.h"

#define REASON_BYTES LISTEN_REASON_BYTES

/// Packets of one connection before it is the turn of others.
#define MAX_IN_A_ROW 64

/// A client that is too fast is told so once in so long.
#define SCOLD_NS 1000000000ll

/// Where there is no descriptor for a connection, its listener is left alone for so long.
#define MUTE_NS 100000000ll
/// That this was so is told for so long.
#define STARVED_NS 5000000000ll
/// How often the sockets' files are looked at.
#define MEND_NS 1000000000ll

// ---- refusals ----

static void refuse(struct transport *t, const struct client *to, enum api_error error, const char *text)
{
    uint8_t message[OSC_MAX_MESSAGE_BYTES];
    transport_send(t, to, message, refusal_write(message, "", error, text));
}

/// True when the client is below its rate.
static bool is_slow_enough(struct transport *t, struct client_entry *e, const struct datagram *d)
{
    if (bucket_has(&e->bucket, t->clients.rate, t->now_ns)) {
        uint32_t n = packet_count_messages(d->bytes, d->n_bytes);
        bucket_take(&e->bucket, n > 0 ? n : 1);
        return true;
    }
    t->n_too_fast++;
    if (t->now_ns - e->last_scolded_ns >= SCOLD_NS) {
        char text[128];
        snprintf(text, sizeof text, "more than %u messages a second; what comes in excess is not done",
                 t->clients.rate);
        e->last_scolded_ns = t->now_ns;
        refuse(t, &d->client, API_TOO_FAST, text);
    }
    return false;
}

// ---- trouble ----

/// What waits at a listener goes on waiting, and does not wake the loop up again and again.
static void mute(struct transport *t, uint32_t index)
{
    t->listeners.sockets[index].is_muted = true;
    t->starved_ns = t->now_ns;
    t->unmute_ns = t->now_ns + MUTE_NS;
    (void)transport_watch_listener(t, index, EPOLL_CTL_MOD);
}

static void unmute(struct transport *t)
{
    t->unmute_ns = 0;
    for (uint32_t i = 0; i < t->listeners.n; i++) {
        if (!t->listeners.sockets[i].is_muted) continue;
        t->listeners.sockets[i].is_muted = false;
        (void)transport_watch_listener(t, i, EPOLL_CTL_MOD);
    }
}

bool transport_is_starved(const struct transport *t, int64_t now_ns)
{
    return t->starved_ns != 0 && now_ns - t->starved_ns < STARVED_NS;
}

static void mend(struct transport *t, uint32_t index)
{
    char reason[REASON_BYTES];
    struct listener *l = &t->listeners.sockets[index];
    bool was_lost = l->is_lost;
    uint32_t n_before = t->listeners.n;
    enum mending mending = listeners_mend(&t->listeners, index, reason);
    if (mending == MENDING_DONE && transport_watch_listener(t, index, EPOLL_CTL_ADD))
        log_warning("somebody has removed the socket %s: it is made anew", l->name);
    if (t->listeners.n > n_before)
        (void)transport_watch_listener(t, n_before, EPOLL_CTL_MOD); // the old one, in another place
    if (mending == MENDING_FAILED && !was_lost)
        log_error("the socket %s is gone: %s%s", l->name, reason,
                  l->is_given ? "" : "; it is tried again each second");
}

void transport_mend(struct transport *t, int64_t now_ns)
{
    // What was seen by its place in the list is dealt with first.
    if (now_ns - t->mend_ns < MEND_NS || t->next_ready < t->n_ready) return;
    t->mend_ns = now_ns;
    for (uint32_t i = 0, n = t->listeners.n; i < n; i++)
        mend(t, i);
}

const struct listener *transport_lost_socket(const struct transport *t)
{
    for (uint32_t i = 0; i < t->listeners.n; i++)
        if (t->listeners.sockets[i].is_lost) return &t->listeners.sockets[i];
    return NULL;
}

// ---- another configuration ----

static enum role role_of_entry(const struct access *a, const struct client_entry *e)
{
    if (e->client.kind == CLIENT_UDP) return a->udp_role;
    return e->uid == (uid_t)-1 ? a->unix_role : access_role(a, e->uid, &e->gid, 1);
}

void transport_set_access(struct transport *t, const struct access *access)
{
    t->access = *access;
    for (uint32_t i = 0; i < t->clients.n_used; i++)
        t->clients.entries[i].client.role = role_of_entry(access, &t->clients.entries[i]);
    streams_set_access(&t->streams, access);
}

void transport_set_limits(struct transport *t, uint32_t rate, int64_t patience_ns)
{
    t->clients.rate = t->streams.rate = rate;
    t->streams.patience_ns = patience_ns;
}

// ---- in ----

static enum role role_of(struct transport *t, struct client_entry *e, const struct datagram *d,
                         const struct batch_sender *sender, bool is_new)
{
    bool is_unix = d->client.kind == CLIENT_UNIX, is_known = is_unix && sender->pid != 0;
    uid_t uid = is_known ? sender->uid : (uid_t)-1;
    if (!is_new && (!is_unix || (e->uid == uid && e->gid == sender->gid))) return e->client.role;
    enum role role = is_known  ? access_role(&t->access, uid, &sender->gid, 1)
                     : is_unix ? t->access.unix_role
                               : t->access.udp_role;
    e->uid = uid;
    e->gid = sender->gid;
    e->client.role = role;
    access_log(&t->access, t->listeners.sockets[t->batch_from].name, role, uid, sender->gid, sender->pid,
               t->now_ns);
    return role;
}

/// What there is to know of a datagram beside its bytes. False when it goes no further.
static bool admit(struct transport *t, struct datagram *d, const struct batch_sender *sender)
{
    const struct listener *from = &t->listeners.sockets[t->batch_from];
    d->client.kind = from->kind == LISTEN_UDP ? CLIENT_UDP : CLIENT_UNIX;
    d->client.socket = (uint16_t)t->batch_from;
    if (!from->is_loopback && !access_allows(&t->access, &d->client.address.any)) {
        t->n_not_allowed++;
        return false;
    }
    bool is_new;
    struct client_entry *e = clients_hear(&t->clients, &d->client, t->now_ns, &is_new);
    if (d->client.kind == CLIENT_UDP) client_earn(e, d->n_bytes);
    d->client.role = role_of(t, e, d, sender, is_new);
    t->n_received++;
    return is_slow_enough(t, e, d);
}

static bool next_datagram(struct transport *t, struct datagram *d)
{
    struct batch_sender sender;
    while (batch_next(&t->batch, d, &sender)) {
        if (admit(t, d, &sender)) return true;
        if (d->fd >= 0) close(d->fd);
    }
    return false;
}

static bool next_of_stream(struct transport *t, uint32_t index, bool is_hung_up, struct datagram *d)
{
    if (!streams_have_more(&t->streams, index)) streams_read(&t->streams, index, is_hung_up, t->now_ns);
    d->fd = -1;
    d->arrival_ns = t->now_ns;
    d->arrival_ntp = 0;
    return streams_next(&t->streams, index, t->now_ns, &d->bytes, &d->n_bytes, &d->client);
}

static void add_ready(struct transport *t, struct ready ready)
{
    t->ready[t->n_ready++] = ready;
}

static void look(struct transport *t)
{
    struct epoll_event events[TRANSPORT_MAX_READY];
    t->n_ready = t->next_ready = t->n_taken = 0;
    t->may_have_more = false;
    int n = epoll_wait(t->epoll_fd, events, TRANSPORT_MAX_READY, 0);
    for (int i = 0; i < n; i++)
        add_ready(t, (struct ready){.index = (uint32_t)events[i].data.u64,
                                    .is_stream = events[i].data.u64 >= TRANSPORT_STREAM_TAG,
                                    .is_hung_up = events[i].events & (EPOLLHUP | EPOLLERR)});
    // Connections of which more was read than could be taken; epoll does not know of that.
    for (uint32_t i = 0; i < t->streams.n_open; i++)
        if (streams_have_more(&t->streams, t->streams.open[i]))
            add_ready(t, (struct ready){.index = t->streams.open[i], .is_stream = true});
}

void transport_begin(struct transport *t)
{
    t->now_ns = monotonic_ns();
    if (t->unmute_ns != 0 && t->now_ns >= t->unmute_ns) unmute(t);
    if (t->next_ready == t->n_ready) look(t); // else what the last turn did not come to goes first
}

/// The next packet of what is ready; false when it is the turn of another.
static bool take(struct transport *t, struct ready *r, struct datagram *d)
{
    const struct listener *from = r->is_stream ? NULL : &t->listeners.sockets[r->index];
    if (r->is_stream) {
        bool found = t->n_taken < MAX_IN_A_ROW && next_of_stream(t, r->index, r->is_hung_up, d);
        t->n_taken += found;
        t->n_received += found;
        t->may_have_more |= t->n_taken > 0;
        return found;
    }
    if (from->kind == LISTEN_UNIX_STREAM || from->kind == LISTEN_TCP) {
        bool is_tcp = from->kind == LISTEN_TCP;
        if (!streams_accept(&t->streams, from->fd, is_tcp, &t->access, t->now_ns)) mute(t, r->index);
        return false;
    }
    if (!r->is_read) {
        t->batch_from = r->index;
        batch_read(&t->batch, from->fd);
        t->may_have_more |= t->batch.was_full;
        r->is_read = true;
    }
    return next_datagram(t, d);
}

bool transport_next(struct transport *t, struct datagram *d)
{
    for (;;) {
        while (t->next_ready < t->n_ready) {
            if (take(t, &t->ready[t->next_ready], d)) return true;
            t->next_ready++;
            t->n_taken = 0;
        }
        if (!t->may_have_more) return false;
        look(t);
    }
}

void transport_expect(struct transport *t, const struct client *client, uint32_t n_answers)
{
    if (client->kind == CLIENT_STREAM) streams_expect(&t->streams, client, n_answers);
}

int64_t transport_patience_ns(const struct transport *t)
{
    if (t->next_ready < t->n_ready) return 0;
    int64_t ns = t->streams.wake_ns;
    if (t->unmute_ns != 0 && ns > MUTE_NS) ns = MUTE_NS;
    return t->outbox.n_waiting > 0 && ns > 1000000 ? 1000000 : ns;
}

// ---- out ----

static void note_gone(struct transport *t, const struct client *client)
{
    if (t->n_gone < TRANSPORT_MAX_GONE) t->gone[t->n_gone++] = *client;
}

bool transport_next_gone(struct transport *t, struct client *gone)
{
    if (t->n_gone == 0) return false;
    *gone = t->gone[--t->n_gone];
    return true;
}

/// False when the client has no room. True when nothing is left to do: it is sent, or the client is gone, or
/// the answer can never be sent (counted).
static bool try_send(void *transport, const struct client *to, const uint8_t *bytes, uint32_t n_bytes)
{
    struct transport *t = transport;
    int fd = t->listeners.sockets[to->socket].fd;
    ssize_t n = to->kind == CLIENT_UNIX ? senders_send(&t->senders, fd, to, bytes, n_bytes)
                                        : sendto(fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                                                 &to->address.any, to->address_bytes);
    if (n >= 0) return true;
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case EINTR: return false;
    case ECONNREFUSED: // it has closed its socket,
    case ENOENT:       // and removed its file,
        if (to->kind == CLIENT_UNIX) note_gone(t, to);
        return true;
    case EPERM: return true; // or connected it to another one
    default: t->n_answers_dropped++; return true;
    }
}

/// False when this may not be sent to an address that could be forged.
static bool may_send(struct transport *t, const struct client *to, uint32_t n_bytes)
{
    bool may = !address_is_barred(&to->address.any);
    if (may && !address_is_loopback(&to->address.any)) {
        struct client_entry *e = clients_find(&t->clients, to);
        may = e && client_spend(e, n_bytes, t->now_ns);
    }
    if (!may) t->n_unproved++;
    return may;
}

void transport_send(struct transport *t, const struct client *to, const uint8_t *bytes, uint32_t n_bytes)
{
    if (to->kind == CLIENT_STREAM) {
        if (!streams_send(&t->streams, to, bytes, n_bytes)) note_gone(t, to);
        return;
    }
    // A UNIX client that did not bind its socket has no address to answer to.
    if (to->kind == CLIENT_UNIX && to->address_bytes <= sizeof(sa_family_t)) return;
    if (to->kind == CLIENT_UDP && !may_send(t, to, n_bytes)) return;
    if (!outbox_has(&t->outbox, to) && try_send(t, to, bytes, n_bytes)) return;
    if (!outbox_keep(&t->outbox, to, bytes, n_bytes, monotonic_ns() + ANSWER_PATIENCE_NS))
        t->n_answers_dropped++;
}

void transport_flush(struct transport *t)
{
    int64_t now_ns = monotonic_ns();
    if (t->outbox.n_waiting > 0) t->n_answers_dropped += outbox_flush(&t->outbox, try_send, t, now_ns);
    streams_flush(&t->streams, now_ns);
}

// ---- proof of addresses ----

/// The entry of a client that has something to prove, or NULL.
static struct client_entry *doubtful(struct transport *t, const struct client *client)
{
    if (client->kind != CLIENT_UDP || address_is_loopback(&client->address.any)) return NULL;
    return clients_find(&t->clients, client);
}

uint64_t access_token_for(struct transport *t, const struct client *client)
{
    struct client_entry *e = doubtful(t, client);
    return e ? client_token(e) : 0;
}

bool access_prove(struct transport *t, const struct client *client, uint64_t token)
{
    struct client_entry *e = doubtful(t, client);
    return e ? client_prove(e, token, t->now_ns) : true;
}

// ---- figures ----

uint64_t transport_count_drops(struct transport *t)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->listeners.n; i++)
        n += listener_count_drops(&t->listeners.sockets[i]);
    return n;
}
