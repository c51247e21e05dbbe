// SPDX-License-Identifier: MIT
// reply.c - answers: builds them, packs list items into bundles, sends them to who asked.
#include "engine/osc/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/log.h"

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

static void send_bytes(struct replies *r, const struct client *to, const uint8_t *bytes, size_t n)
{
    if (r->transport && (to->kind == CLIENT_UNIX || to->kind == CLIENT_UDP))
        transport_send(r->transport, to, bytes, (uint32_t)n);
}

void reply_flush(struct replies *r)
{
    if (r->n_bundle > 0) send_bytes(r, &r->bundle_to, r->bundle, r->n_bundle);
    r->n_bundle = 0;
}

/// Ends the message that was begun. All that answers are made of has a limit, so it fits.
static size_t end_message(struct replies *r)
{
    size_t n = osc_end(&r->writer, r->message);
    assert(n > 0);
    return n;
}

void reply_send(struct replies *r, const struct client *to)
{
    reply_flush(r);
    size_t n = end_message(r);
    if (n > 0) send_bytes(r, to, r->message, n);
}

void reply_add_item(struct replies *r, const struct client *to)
{
    static const uint8_t header[16] = "#bundle\0\0\0\0\0\0\0\0\1"; // time tag: now
    size_t n = end_message(r);
    if (n == 0) return;
    if (!client_is(&r->bundle_to, to)) reply_flush(r);
    if (r->n_bundle + 4 + n > sizeof r->bundle) reply_flush(r);
    if (sizeof header + 4 + n > sizeof r->bundle) { // an item that fills a datagram of its own
        send_bytes(r, to, r->message, n);
        return;
    }
    if (r->n_bundle == 0) {
        memcpy(r->bundle, header, sizeof header);
        r->n_bundle = sizeof header;
        r->bundle_to = *to;
    }
    osc_write_u32(r->bundle + r->n_bundle, (uint32_t)n);
    memcpy(r->bundle + r->n_bundle + 4, r->message, n);
    r->n_bundle += 4 + (uint32_t)n;
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
