// SPDX-License-Identifier: MIT
// health.c - how the daemon is, in one word and a sentence why.
#include "engine/health.h"

#include <stdio.h>
#include <string.h>

#include "alloc/strbuf.h"

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {[VERDICT_HEALTHY] = "healthy",
                                        [VERDICT_DEGRADED] = "degraded",
                                        [VERDICT_RECOVERING] = "recovering",
                                        [VERDICT_STALLED] = "stalled",
                                        [VERDICT_SILENT] = "silent"};
    return names[v];
}

static void add(struct strbuf *why, bool holds, const char *what)
{
    if (!holds) return;
    if (why->length > 0) strbuf_append(why, "; ");
    strbuf_append(why, what);
}

/// All that is not as it should be, but leaves the sound to be heard.
static void add_troubles(const struct signs *s, struct strbuf *why)
{
    add(why, s->is_storm, "periods come too late again and again: chime status tells whose fault it is");
    add(why, s->is_not_realtime, "the audio thread has no real-time priority: see chime doctor");
    add(why, s->is_unlocked, "its memory is not locked: see chime doctor");
    add(why, s->journal != NULL, "the state is not kept for a start after a crash: ");
    if (s->journal) strbuf_format(why, "%.160s", s->journal);
    add(why, s->is_out_of_fds, "no file descriptor is left, so that connections wait for one");
    add(why, s->is_out_of_threads, "the system gives no more threads or processes");
    add(why, s->lost_socket != NULL, "a socket is gone and cannot be made again: ");
    if (s->lost_socket) strbuf_append(why, s->lost_socket);
    if (s->lost_unit) strbuf_format(why, " (restart %s)", s->lost_unit[0] ? s->lost_unit : "its unit");
}

static enum verdict judge(const struct signs *s, struct strbuf *why)
{
    enum verdict verdict = VERDICT_HEALTHY;
    if (s->mute_ns > HEALTH_SILENCE_NS) {
        verdict = VERDICT_SILENT;
        strbuf_append(why, "voices sound and buses are up, but what leaves is silence");
    } else if (s->quiet_ns > HEALTH_STALL_NS) {
        verdict = VERDICT_STALLED;
        strbuf_append(why, "the audio clock stands still");
    } else if (s->is_on_timer) {
        verdict = VERDICT_RECOVERING;
        strbuf_format(why, "goes on without sound, for %.60s does not play: %.150s", s->wanted, s->reason);
    } else if (s->is_fallback && strcmp(s->backend, s->wanted) == 0) {
        verdict = VERDICT_DEGRADED;
        strbuf_format(why, "plays with earlier settings, for %.60s does not with the new ones: %.100s",
                      s->wanted, s->reason);
    } else if (s->is_fallback) {
        verdict = VERDICT_DEGRADED;
        strbuf_format(why, "plays on %.60s, for %.60s does not play: %.100s", s->backend, s->wanted,
                      s->reason);
    }
    add_troubles(s, why);
    return verdict == VERDICT_HEALTHY && why->length > 0 ? VERDICT_DEGRADED : verdict;
}

bool health_judge(struct health *h, const struct signs *s)
{
    char why[HEALTH_WHY_BYTES];
    struct strbuf text = strbuf_make(why, sizeof why);
    enum verdict verdict = judge(s, &text);
    bool is_new = verdict != h->verdict || strcmp(why, h->why) != 0;
    h->verdict = verdict;
    snprintf(h->why, sizeof h->why, "%s", why);
    h->n_changes += is_new;
    return is_new;
}
