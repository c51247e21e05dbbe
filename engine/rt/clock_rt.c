// SPDX-License-Identifier: MIT
// clock_rt.c - follows the audio clock, and tells which frame a time falls on.
#include "engine/rt/clock.h"

/// What the loop lets through of the jitter in the end. Its gains begin as those of a straight line through
/// all cycles since its start, and meet these after about half a period of this frequency.
#define BANDWIDTH_HZ 0.03
/// A sound card is no further off than that.
#define MAX_RATE_ERROR 0.01
/// The rate is believed rather than measured until the loop is that old.
#define RATE_KNOWN_NS 0.25e9
/// An error beyond this many usual ones counts as that many.
#define MAX_DEVIATIONS 6.0
/// Weight of one error among the usual ones.
#define DEVIATION_SHARE (1.0 / 32)
/// Cycles later or earlier by more than a period, for that many periods: the frames between are lost.
#define MAX_OUT_PERIODS 4
/// A gap that no buffer could have bridged.
#define GAP_NS 1e9
/// NTP time moves against the monotonic one by no more than this share of the time that passes.
#define SLEW_SHARE 2048

RT_SAFE static double clamp(double x, double limit)
{
    return x > limit ? limit : x < -limit ? -limit : x;
}

RT_SAFE static double magnitude(double x)
{
    return x < 0 ? -x : x;
}

/// The nearest whole number; without a call of the library.
RT_SAFE static int64_t round_to_frame(double x)
{
    int64_t whole = (int64_t)(x + 0.5);
    return whole - (x + 0.5 < (double)whole); // the cast goes towards 0
}

// ---- the loop ----

RT_SAFE static double length_ns(const struct clock *c, uint32_t n_frames)
{
    return (double)n_frames * c->frame_ns;
}

RT_SAFE static void restart(struct clock *c, uint64_t now_ns, uint32_t n_frames)
{
    c->is_running = true;
    c->base_ns = now_ns;
    c->previous_ns = c->start_ns = 0;
    c->next_ns = length_ns(c, n_frames);
    c->deviation_ns = c->next_ns / 4;
    c->age_ns = 0;
    c->out_side = 0;
    c->n_frames = 0; // becomes n_previous: unknown
}

/// True when the cycle did not come when it must have if no frames were lost. `length`: of the cycle before.
RT_SAFE static bool has_lost_frames(struct clock *c, uint64_t now_ns, double error, double length)
{
    int8_t side = (int8_t)(magnitude(error) <= length ? 0 : error > 0 ? 1 : -1);
    if (side == 0 || side != c->out_side) c->out_since_ns = now_ns;
    c->out_side = side;
    // A device that catches up on a late cycle has the next ones at the same time.
    return side != 0 && (double)(now_ns - c->out_since_ns) > MAX_OUT_PERIODS * length;
}

/// What of an error the loop shall follow: one hiccup is nothing, and a large error is an ordinary one.
RT_SAFE static double believe(struct clock *c, double error)
{
    double believed = clamp(error, MAX_DEVIATIONS * c->deviation_ns);
    c->deviation_ns += DEVIATION_SHARE * (magnitude(believed) - c->deviation_ns);
    if (c->deviation_ns < c->frame_ns / 8) c->deviation_ns = c->frame_ns / 8;
    return believed;
}

RT_SAFE static double larger(double a, double b)
{
    return a > b ? a : b;
}

RT_SAFE static void follow(struct clock *c, double error, double length, uint32_t n_frames)
{
    const double pi = 3.14159265358979323846, root_of_2 = 1.41421356237309505;
    c->age_ns += length;
    double omega = 2 * pi * BANDWIDTH_HZ * length * 1e-9;
    if (omega > 0.2) omega = 0.2; // it would not be stable with cycles of seconds
    double n_cycles = c->age_ns / length, n_known = n_cycles + RATE_KNOWN_NS / length;
    double time_gain = larger(root_of_2 * omega, 4 / (n_cycles + 4));
    double rate_gain = larger(omega * omega, 6 / (n_known * n_known));

    double next_length = length_ns(c, n_frames);
    c->previous_ns = c->start_ns;
    c->start_ns = c->next_ns;
    c->next_ns += next_length + clamp(time_gain * error, next_length / 2);
    double nominal = 1e9 / c->rate;
    c->frame_ns += rate_gain * error / c->n_frames;
    c->frame_ns = nominal + clamp(c->frame_ns - nominal, nominal * MAX_RATE_ERROR);
}

RT_SAFE static void step_loop(struct clock *c, uint64_t now_ns, uint64_t frame, uint32_t n_frames)
{
    if (!c->is_running || frame != c->cycle_frame + c->n_frames) {
        restart(c, now_ns, n_frames);
        return;
    }
    double length = length_ns(c, c->n_frames);
    double error = (double)(int64_t)(now_ns - c->base_ns) - c->next_ns;
    if (magnitude(error) > GAP_NS + length || has_lost_frames(c, now_ns, error, length))
        restart(c, now_ns, n_frames);
    else
        follow(c, believe(c, error), length, n_frames);
}

// ---- the period ----

/// Grows at once, and shrinks when a second long no cycle was as long.
RT_SAFE static void track_period(struct clock *c, uint32_t n_frames)
{
    if (n_frames > c->longest) c->longest = n_frames;
    if (n_frames > c->period) c->period = n_frames;
    c->n_seen += n_frames;
    if (c->n_seen < c->rate) return;
    c->slack_frames += c->period - c->longest;
    c->period = c->longest;
    c->longest = c->n_seen = 0;
}

// ---- NTP time ----

RT_SAFE static int64_t follow_offset(struct clock *c, const struct moment *now, uint32_t n_frames)
{
    if (now->ntp == 0) return 0;
    uint64_t measured = now->ntp - clock_ntp_of_ns(now->monotonic_ns);
    int64_t slept_ns = (int64_t)(now->asleep_ns - c->asleep_ns);
    if (!c->has_offset || slept_ns > CLOCK_STEP_NS) { // less is the jitter of the readings
        c->asleep_ns = now->asleep_ns;
        c->offset += clock_ntp_of_ns((uint64_t)slept_ns);
        if (c->has_offset) c->is_running = false; // no cycle came meanwhile: the next one begins anew
    }
    int64_t change = (int64_t)(measured - c->offset);
    int64_t step = (int64_t)clock_ntp_of_ns(CLOCK_STEP_NS);
    bool is_first = !c->has_offset;
    c->has_offset = true;
    if (is_first || change > step || change < -step) {
        c->offset = measured;
        return is_first ? 0 : change;
    }
    // The two readings are not quite of the same moment: an eighth of it at a time, and slowly.
    int64_t most = (int64_t)(((uint64_t)n_frames << 32) / c->rate / SLEW_SHARE);
    change /= 8;
    c->offset += (uint64_t)(change > most ? most : change < -most ? -most : change);
    return 0;
}

// ---- all of it ----

RT_SAFE int64_t clock_begin_cycle(struct clock *c, const struct moment *now, uint64_t frame,
                                  uint32_t n_frames)
{
    int64_t jump = 0;
    if (!c->is_exact) {
        c->slack_frames = 1 + n_frames / SLEW_SHARE; // rounding, and NTP time that is slewed
        track_period(c, n_frames);
        jump = follow_offset(c, now, n_frames);
        step_loop(c, now->monotonic_ns, frame, n_frames);
    }
    c->n_previous = c->n_frames;
    c->n_frames = n_frames;
    c->cycle_frame = frame;
    return jump;
}

/// Where a time lies against the first frame of this cycle. Straight lines from one cycle's filtered start to
/// the next, so that a time falls on the same frame whichever of two cycles is asked.
RT_SAFE static double frames_from_start(const struct clock *c, double ns)
{
    if (ns >= c->next_ns) return c->n_frames + (ns - c->next_ns) / c->frame_ns;
    if (ns >= c->start_ns) return c->n_frames * (ns - c->start_ns) / (c->next_ns - c->start_ns);
    if (c->n_previous == 0) return (ns - c->start_ns) / c->frame_ns;
    if (ns >= c->previous_ns) return c->n_previous * (ns - c->start_ns) / (c->start_ns - c->previous_ns);
    return (ns - c->previous_ns) / c->frame_ns - c->n_previous;
}

RT_SAFE static int64_t frame_of(const struct clock *c, int64_t monotonic_ns)
{
    double ns = (double)(monotonic_ns - (int64_t)c->base_ns);
    return (int64_t)c->cycle_frame + c->period + round_to_frame(frames_from_start(c, ns));
}

RT_SAFE int64_t clock_frame_of_ns(const struct clock *c, uint64_t monotonic_ns)
{
    if (!c->is_running) return (int64_t)c->cycle_frame;
    return frame_of(c, (int64_t)monotonic_ns);
}

RT_SAFE int64_t clock_frame_of_ntp(const struct clock *c, uint64_t ntp)
{
    if (c->is_exact) return clock_exact_frame((int64_t)(ntp - c->ntp_zero), c->rate);
    if (!c->is_running || !c->has_offset) return INT64_MAX;
    return frame_of(c, clock_ns_of_ntp((int64_t)(ntp - c->offset)));
}

RT_SAFE void clock_read(const struct clock *c, struct clock_state *state)
{
    *state = (struct clock_state){.frame = c->cycle_frame, .rate_hz = c->rate};
    if (c->is_exact) {
        uint64_t seconds = c->cycle_frame / c->rate, rest = c->cycle_frame % c->rate;
        state->ntp = c->ntp_zero + (seconds << 32) + (rest << 32) / c->rate;
    } else if (c->is_running) {
        state->monotonic_ns = c->base_ns + (uint64_t)(int64_t)c->start_ns;
        if (c->has_offset) state->ntp = clock_ntp_of_ns(state->monotonic_ns) + c->offset;
        state->rate_hz = 1e9 / c->frame_ns;
        state->period = c->period;
    }
}
