// SPDX-License-Identifier: MIT
// health.c - how the daemon is, in one word and a sentence why.
#include "engine/health.h"

#include <stdio.h>
#include <string.h>

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {[VERDICT_HEALTHY] = "healthy",
                                        [VERDICT_DEGRADED] = "degraded",
                                        [VERDICT_RECOVERING] = "recovering",
                                        [VERDICT_STALLED] = "stalled",
                                        [VERDICT_SILENT] = "silent"};
    return names[v];
}

static enum verdict degraded_by(const struct signs *s, char *why)
{
    const char *what = NULL;
    if (s->is_storm)
        what = "periods come too late again and again: chime status tells whose fault it is";
    else if (s->is_not_realtime)
        what = "the audio thread has no real-time priority: see chime doctor";
    else if (s->is_unlocked)
        what = "its memory is not locked: see chime doctor";
    if (what) snprintf(why, HEALTH_WHY_BYTES, "%s", what);
    if (!what && s->journal)
        snprintf(why, HEALTH_WHY_BYTES, "the state is not kept for a start after a crash: %.160s",
                 s->journal);
    if (s->is_fallback)
        snprintf(why, HEALTH_WHY_BYTES, "plays on %.60s, for %.60s does not play: %.100s", s->backend,
                 s->wanted, s->reason);
    return what || s->journal || s->is_fallback ? VERDICT_DEGRADED : VERDICT_HEALTHY;
}

static enum verdict judge(const struct signs *s, char *why)
{
    why[0] = 0;
    if (s->mute_ns > HEALTH_SILENCE_NS) {
        snprintf(why, HEALTH_WHY_BYTES, "voices sound and buses are up, but what leaves is silence");
        return VERDICT_SILENT;
    }
    if (s->quiet_ns > HEALTH_STALL_NS) {
        snprintf(why, HEALTH_WHY_BYTES, "the audio clock stands still");
        return VERDICT_STALLED;
    }
    if (s->is_on_timer) {
        snprintf(why, HEALTH_WHY_BYTES, "goes on without sound, for %.60s does not play: %.150s", s->wanted,
                 s->reason);
        return VERDICT_RECOVERING;
    }
    return degraded_by(s, why);
}

bool health_judge(struct health *h, const struct signs *s)
{
    char why[HEALTH_WHY_BYTES];
    enum verdict verdict = judge(s, why);
    bool is_new = verdict != h->verdict || strcmp(why, h->why) != 0;
    h->verdict = verdict;
    memcpy(h->why, why, sizeof why);
    h->n_changes += is_new;
    return is_new;
}
