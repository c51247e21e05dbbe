// SPDX-License-Identifier: MIT
// motion.c - where a voice is in its sound after some time that nobody rendered.
#include "engine/motion.h"

#include <math.h>

/// Behind the loop a voice does not come back.
static bool is_in_loop(const struct motion *m)
{
    if (!m->looping || m->loop_end <= m->loop_start) return false;
    return m->step > 0 ? m->position < m->loop_end : m->position >= m->loop_start;
}

/// Takes a position beyond the edge of the loop back into it, as often as passes are left.
static double wrap(struct motion *m, double position)
{
    double length = m->loop_end - m->loop_start;
    double beyond = m->step > 0 ? position - m->loop_end : m->loop_start - position;
    bool is_beyond = m->step > 0 ? beyond >= 0 : beyond > 0;
    if (!is_beyond) return position;
    // In reverse the first frame of the loop belongs to the pass.
    double n = m->step > 0 ? floor(beyond / length) + 1 : ceil(beyond / length);
    if (m->passes_left > 0) {
        n = fmin(n, m->passes_left - 1.0);
        m->passes_left -= (uint32_t)n;
        m->looping = m->passes_left > 1;
    }
    return m->step > 0 ? position - n * length : position + n * length;
}

bool motion_advance(struct motion *m, double n_frames)
{
    double position = m->position + m->step * n_frames;
    m->position = is_in_loop(m) ? wrap(m, position) : position;
    return m->step > 0 ? m->position < m->end : m->position >= m->start;
}
