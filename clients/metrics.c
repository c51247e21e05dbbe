// SPDX-License-Identifier: MIT
// metrics.c - asks a daemon for its figures.
#include "clients/metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/// More than any message of these answers takes.
#define MESSAGE_BYTES 8192

static const char *const questions[] = {"/status", "/memory", "/backend", "/histogram"};

// What comes before the answers.
struct taker {
    struct metrics *metrics;
    bool is_full; // there was no memory
};

static bool make_room(struct metrics *m)
{
    if (m->n < m->n_slots) return true;
    size_t n = m->n_slots ? m->n_slots * 2 : 128;
    struct chime_message **messages = reallocarray(m->messages, n, sizeof(struct chime_message *));
    if (!messages) return false;
    m->messages = messages;
    m->n_slots = n;
    return true;
}

// A copy, because the callback only borrows its message.
static void take(const struct chime_message *message, void *context)
{
    struct taker *taker = context;
    struct metrics *m = taker->metrics;
    char bytes[MESSAGE_BYTES];
    size_t length;
    if (chime_message_pack(message, bytes, sizeof bytes, &length) != CHIME_OK) return;
    if (make_room(m) && chime_message_unpack(bytes, length, &m->messages[m->n]) == CHIME_OK)
        m->n++;
    else
        taker->is_full = true;
}

enum chime_status metrics_collect(struct metrics *m, struct chime *chime, double timeout_s,
                                  struct chime_message **answer)
{
    struct taker taker = {.metrics = m};
    enum chime_status status = CHIME_OK;
    *answer = NULL;
    for (size_t i = 0; i < sizeof questions / sizeof *questions && status == CHIME_OK; i++) {
        struct chime_message *question = chime_message_new(questions[i]);
        if (!question) return CHIME_NO_MEMORY;
        status = chime_call(chime, question, -1, timeout_s, take, &taker, answer);
        chime_message_free(question);
        if (status != CHIME_OK) return status;
        chime_message_free(*answer);
        *answer = NULL;
    }
    return taker.is_full ? CHIME_NO_MEMORY : CHIME_OK;
}

void metrics_free(struct metrics *m)
{
    for (size_t i = 0; i < m->n; i++)
        chime_message_free(m->messages[i]);
    free(m->messages);
    *m = (struct metrics){0};
}

const char *metrics_format_name(enum metrics_format format)
{
    return format == METRICS_PROMETHEUS ? "prometheus" : "openmetrics";
}

const char *metrics_format_type(enum metrics_format format)
{
    return format == METRICS_PROMETHEUS ? "text/plain; version=0.0.4; charset=utf-8"
                                        : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}
