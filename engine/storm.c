// SPDX-License-Identifier: MIT
// storm.c - tells a storm of xruns from single ones, and when it is time to lower the load.
#include "engine/storm.h"

bool storm_step(struct storm *s, uint64_t n_xruns, uint64_t n_ours, int64_t now_ns)
{
    uint64_t n_new = n_xruns - s->n_seen;
    for (uint64_t i = 0; i < n_new && i < XRUN_STORM; i++)
        s->times_ns[(s->n_seen + i) % XRUN_STORM] = now_ns;
    if (n_new >= XRUN_STORM)
        for (uint32_t i = 0; i < XRUN_STORM; i++)
            s->times_ns[i] = now_ns;
    s->n_seen = n_xruns;
    s->n_ours = n_ours;
    int64_t oldest_ns = s->times_ns[s->n_seen % XRUN_STORM];
    int64_t newest_ns = s->n_seen > 0 ? s->times_ns[(s->n_seen - 1) % XRUN_STORM] : 0;
    bool was_on = s->is_on;
    if (!was_on && s->n_seen >= XRUN_STORM && n_new > 0 && now_ns - oldest_ns < XRUN_STORM_NS) {
        s->is_on = true;
        s->n_storms++;
        s->n_before = n_xruns > XRUN_STORM ? n_xruns - XRUN_STORM : 0;
        s->ours_before = n_ours > XRUN_STORM ? n_ours - XRUN_STORM : 0;
        s->shed_ns = 0;
    }
    if (was_on && now_ns - newest_ns > XRUN_CALM_NS) s->is_on = false;
    return s->is_on != was_on;
}

bool storm_sheds(struct storm *s, int64_t now_ns)
{
    uint64_t n = s->n_seen - s->n_before, n_ours = s->n_ours - s->ours_before;
    int64_t newest_ns = s->n_seen > 0 ? s->times_ns[(s->n_seen - 1) % XRUN_STORM] : 0;
    bool is_due = s->is_on && n_ours * 2 > n && newest_ns > s->shed_ns && now_ns - s->shed_ns >= XRUN_SHED_NS;
    if (is_due) s->shed_ns = now_ns;
    return is_due;
}
