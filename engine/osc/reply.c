// SPDX-License-Identifier: MIT
// reply.c - answers: builds them, packs them into as few datagrams as they fit into, sends them to who asked.
#include "engine/osc/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/log.h"
#include "engine/osc/refusal.h"

struct osc_writer *reply_begin(struct replies *r, const char *path)
{
    osc_begin(&r->writer, path);
    return &r->writer;
}

struct osc_writer *reply_done(struct replies *r, const char *path)
{
    osc_begin(&r->writer, "/done");
    osc_add_text(&r->writer, path);
    return &r->writer;
}

// ---- datagrams ----

static uint32_t max_bytes(const struct client *to)
{
    return to->kind == CLIENT_UDP ? MAX_UDP_BYTES : MAX_UNIX_BYTES;
}

/// Writes `/part list i` or, with `n`, `/part list i n` before `at`, as the first element of a bundle.
/// Returns where it begins.
static uint8_t *put_part(uint8_t *at, int32_t list, uint32_t i, uint32_t n)
{
    uint32_t n_bytes = n ? 28 : 20;
    at -= 4 + n_bytes;
    osc_write_u32(at, n_bytes);
    memcpy(at + 4, "/part\0\0", 8);
    memcpy(at + 12, n ? ",iii\0\0\0" : ",ii", n ? 8 : 4);
    uint8_t *values = at + 12 + (n ? 8 : 4);
    osc_write_u32(values, (uint32_t)list);
    osc_write_u32(values + 4, i);
    if (n) osc_write_u32(values + 8, n);
    return at;
}

/// Sends the datagram and begins another one. `is_last`: it ends the list that is under way.
static void send_datagram(struct replies *r, bool is_last)
{
    static const uint8_t header[16] = "#bundle\0\0\0\0\0\0\0\0\1"; // time tag: now
    struct reply_datagram *d = &r->datagram;
    if (d->n_messages == 0) return;
    uint8_t *end = d->bytes + d->end, *begin = d->bytes + REPLY_HEAD_BYTES;
    bool is_part = d->is_list && d->to.kind == CLIENT_UDP && (!is_last || r->n_parts > 0);
    if (is_part) {
        begin = put_part(begin, r->list, r->n_parts, is_last ? r->n_parts + 1 : 0);
        r->n_parts++;
    }
    if (is_part || d->n_messages > 1) {
        begin -= sizeof header;
        memcpy(begin, header, sizeof header);
    } else {
        begin += 4; // a message by itself has no length before it
    }
    transport_send(r->transport, &d->to, begin, (uint32_t)(end - begin));
    d->n_messages = 0;
    d->is_list = false;
}

/// Adds a message of `n` bytes to the datagram, which is sent before if it has no room or goes elsewhere.
static void add_message(struct replies *r, const struct client *to, uint32_t n, bool is_item)
{
    struct reply_datagram *d = &r->datagram;
    if (d->n_messages > 0 &&
        (d->is_list != is_item || !client_is(&d->to, to) || d->end + 4 + n > max_bytes(to)))
        send_datagram(r, false);
    if (d->n_messages++ == 0) {
        d->to = *to;
        d->end = REPLY_HEAD_BYTES;
        d->is_list = is_item;
    }
    osc_write_u32(d->bytes + d->end, n);
    memcpy(d->bytes + d->end + 4, r->message, n);
    d->end += 4 + n;
}

// ---- messages ----

/// What an answer is about: the path behind /done, or its own.
static const char *subject(const uint8_t *message)
{
    const char *path = (const char *)message;
    return strcmp(path, "/done") == 0 && message[9] == 's' ? path + 8 + (strlen(path + 8) / 4 + 1) * 4 : path;
}

/// Ends the message that was begun. Returns its length: of a refusal in its place, if it is too long for
/// `to`.
static uint32_t end_message(struct replies *r, const struct client *to)
{
    size_t n = osc_end(&r->writer, r->message);
    assert(n > 0); // all that answers are made of has a limit
    if (n + 4 + REPLY_HEAD_BYTES <= max_bytes(to) || to->kind == CLIENT_STREAM) return (uint32_t)n;
    r->n_errors++;
    r->transport->n_too_long++;
    return refusal_write(r->message, subject(r->message), API_TOO_LONG,
                         "the answer is too long for a datagram: ask over the UNIX socket or TCP");
}

static bool is_reachable(const struct replies *r, const struct client *to)
{
    return r->transport && to->kind != CLIENT_NONE && to->kind != CLIENT_SCORE && to->kind != CLIENT_JOURNAL;
}

void reply_send(struct replies *r, const struct client *to)
{
    if (!is_reachable(r, to)) return;
    uint32_t n = end_message(r, to);
    if (n == 0) return;
    if (to->kind == CLIENT_STREAM) {
        transport_send(r->transport, to, r->message, n);
        return;
    }
    bool ends_list = r->in_list && client_is(&r->list_to, to);
    add_message(r, to, n, ends_list);
    if (!ends_list) return;
    send_datagram(r, true);
    r->in_list = false;
}

void reply_add_item(struct replies *r, const struct client *to)
{
    if (!is_reachable(r, to)) return;
    uint32_t n = end_message(r, to);
    if (n == 0) return;
    if (to->kind == CLIENT_STREAM) {
        transport_send(r->transport, to, r->message, n);
        return;
    }
    if (!r->in_list || !client_is(&r->list_to, to)) {
        r->in_list = true;
        r->list_to = *to;
        r->list = (int32_t)((uint32_t)r->list + 1);
        r->n_parts = 0;
    }
    add_message(r, to, n, true);
}

void reply_error(struct replies *r, const struct client *to, const char *path, enum api_error error,
                 const char *text)
{
    char shown[OSC_MAX_PATH_BYTES]; // no method has a longer path; an answer must come all the same
    snprintf(shown, sizeof shown, "%s", path);
    r->n_errors++;
    if (to->kind == CLIENT_SCORE) {
        log_error("%s: %s: %s", shown, api_error_code(error), text);
        return;
    }
    struct osc_writer *w = reply_begin(r, "/error");
    osc_add_text(w, shown);
    osc_add_text(w, api_error_code(error));
    osc_add_text(w, text);
    reply_send(r, to);
}

void reply_flush(struct replies *r)
{
    if (r->transport) send_datagram(r, false);
}
