// SPDX-License-Identifier: MIT
// watch.c - looks at how the daemon is, and tells: xruns, health, the service manager.
#include "engine/watch.h"

#include <sched.h>
#include <string.h>

#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/now.h"
#include "engine/publish.h"
#include "engine/service.h"
#include "engine/shed.h"

/// Signs are taken this often, and the service manager is told at least so often.
#define LOOK_NS   INT64_C(100000000)
#define STATUS_NS INT64_C(5000000000)

/// What control sees of a pause of its own, so that its own sleep is no fault of the audio thread.
#define MAX_SEEN_NS (2 * LOOK_NS)

/// Relaxed: numbers that stand for themselves.
#define RELAXED(atomic) atomic_load_explicit(&(atomic), memory_order_relaxed)

// ---- xruns ----

uint64_t watch_xruns(const struct control *c)
{
    const struct cycle *y = c->cycle;
    return y ? RELAXED(y->n_xruns_ours) + RELAXED(y->n_xruns_late) + RELAXED(y->n_xruns_device) : 0;
}

static void tell_storm(const struct control *c)
{
    const struct cycle *y = c->cycle;
    if (c->storm.is_on)
        log_fields(LOG_LEVEL_WARNING,
                   LOG_WITH({"CHIMED_XRUN", "storm"}, {"CHIMED_BACKEND", c->chain->current->choice.word}),
                   "%u xruns within %d s; since the start: %llu because a block took longer than its period, "
                   "%llu because the thread was woken late, %llu in the device or server",
                   XRUN_STORM, (int)(XRUN_STORM_NS / 1000000000),
                   (unsigned long long)RELAXED(y->n_xruns_ours), (unsigned long long)RELAXED(y->n_xruns_late),
                   (unsigned long long)RELAXED(y->n_xruns_device));
    else
        log_info("no xrun for %d s; %llu since the start", (int)(XRUN_CALM_NS / 1000000000),
                 (unsigned long long)watch_xruns(c));
}

static void watch_storm(struct control *c, int64_t now_ns)
{
    struct storm *s = &c->storm;
    if (storm_step(s, watch_xruns(c), RELAXED(c->cycle->n_xruns_ours), now_ns)) tell_storm(c);
    if (!storm_sheds(s, now_ns) || strcmp(c->config->shed, "yes") != 0) return;
    uint32_t n = shed_voices(c);
    if (n > 0 && c->n_shed == 0) log_warning("the load is too high: the quietest voices are stopped");
    c->n_shed += n;
}

/// One line for each cause that has had some since the last look; of a storm the whole is told, at its end.
static void tell_xruns(struct control *c)
{
    const struct cycle *y = c->cycle;
    const struct {
        const char *name, *text;
        uint64_t n;
    } causes[] = {{"ours", "a block took longer than its period", RELAXED(y->n_xruns_ours)},
                  {"late", "the audio thread was woken late", RELAXED(y->n_xruns_late)},
                  {"device", "in the device or server", RELAXED(y->n_xruns_device)}};
    for (uint32_t i = 0; i < COUNT_OF(causes); i++) {
        uint64_t n = causes[i].n - c->told_xruns[i];
        c->told_xruns[i] = causes[i].n;
        if (n == 0 || c->storm.is_on) continue;
        log_fields(
            LOG_LEVEL_WARNING,
            LOG_WITH({"CHIMED_XRUN", causes[i].name}, {"CHIMED_BACKEND", c->chain->current->choice.word}),
            "%llu xrun%s: %s; %llu so since the start", (unsigned long long)n, n == 1 ? "" : "s",
            causes[i].text, (unsigned long long)causes[i].n);
    }
}

// ---- health ----

static bool is_realtime(const struct control *c)
{
    int thread = RELAXED(c->cycle->thread_id);
    int policy = thread ? sched_getscheduler(thread) : SCHED_FIFO;
    return policy < 0 || (policy & ~SCHED_RESET_ON_FORK) == SCHED_FIFO ||
           (policy & ~SCHED_RESET_ON_FORK) == SCHED_RR;
}

/// Since when silence has left though something should be heard.
static void watch_silence(struct control *c, int64_t passed_ns)
{
    uint64_t sounded_ns = RELAXED(c->cycle->last_sound_ns);
    bool is_silent = sounded_ns == c->sounded_ns && c->snapshot->should_sound;
    c->sounded_ns = sounded_ns;
    c->mute_ns = is_silent ? c->mute_ns + passed_ns : 0;
}

static void watch_progress(struct control *c, int64_t passed_ns)
{
    uint64_t frames = RELAXED(c->cycle->frames);
    c->quiet_ns = frames == c->seen_frames ? c->quiet_ns + passed_ns : 0;
    c->seen_frames = frames;
}

static void take_signs(const struct control *c, struct signs *s, int64_t now_ns)
{
    const struct chain_entry *now = c->chain->current, *best = chain_best(c->chain);
    *s = (struct signs){.quiet_ns = c->quiet_ns,
                        .backend = now->choice.word,
                        .wanted = best->choice.word,
                        .reason = best->reason[0] ? best->reason : "it is being opened",
                        .is_on_timer = now != best && now == c->chain->timer,
                        .is_fallback = now != best && now != c->chain->timer && !c->chain->is_auto,
                        .mute_ns = c->mute_ns,
                        .is_storm = c->storm.is_on,
                        .is_unlocked = c->is_unlocked,
                        .is_not_realtime = !is_realtime(c),
                        .journal = journal_problem(c),
                        .is_out_of_threads = c->chain->lacks_threads};
    if (!c->transport) return;
    s->is_out_of_fds = transport_is_starved(c->transport, now_ns);
    const struct listener *lost = transport_lost_socket(c->transport);
    if (!lost) return;
    s->lost_socket = lost->name;
    s->lost_unit = lost->is_given ? lost->unit : NULL;
}

static void tell_health(const struct control *c)
{
    const struct health *h = &c->health;
    bool is_bad = h->verdict > VERDICT_RECOVERING;
    log_fields(is_bad ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
               LOG_WITH({"CHIMED_HEALTH", verdict_name(h->verdict)},
                        {"CHIMED_BACKEND", c->chain->current->choice.word}),
               "health: %s%s%s", verdict_name(h->verdict), h->why[0] ? ": " : "", h->why);
}

static void tell_manager(const struct control *c)
{
    const struct health *h = &c->health;
    service_status("%s%s%s%s; %s, %u Hz, %u of %u voices, %llu xruns", verdict_name(h->verdict),
                   h->why[0] ? " (" : "", h->why, h->why[0] ? ")" : "", c->chain->current->choice.word,
                   c->rate, c->voices.n_used, c->voices.n_slots, (unsigned long long)watch_xruns(c));
}

/// The clocks that the daemon goes by stand still while the machine sleeps; only the time of day tells.
static void watch_sleep(struct control *c)
{
    int64_t asleep_ns = now_ns(CLOCK_BOOTTIME) - monotonic_ns(), slept_ns = asleep_ns - c->asleep_ns;
    if (c->asleep_ns != 0 && slept_ns > LOOK_NS)
        log_info("the machine has slept for %.1f s; what was due meanwhile is late", (double)slept_ns * 1e-9);
    c->asleep_ns = asleep_ns > 0 ? asleep_ns : 1; // 0: nobody has looked
}

void watch_turn(struct control *c, int64_t now_ns)
{
    struct signs signs;
    watch_storm(c, now_ns);
    load_window_turn(&c->load_window, c->cycle, now_ns);
    int64_t passed_ns = now_ns - c->looked_ns;
    if (passed_ns < LOOK_NS) return;
    watch_sleep(c);
    c->looked_ns = now_ns;
    log_tell_folded(false);
    tell_xruns(c);
    if (passed_ns > MAX_SEEN_NS) passed_ns = MAX_SEEN_NS;
    watch_progress(c, passed_ns);
    watch_silence(c, passed_ns);
    take_signs(c, &signs, now_ns);
    bool is_new = health_judge(&c->health, &signs);
    if (is_new) tell_health(c);
    if (is_new) publish_health(c);
    // A stall is not to be mended by waiting: the manager's watchdog ends it.
    if (c->quiet_ns < HEALTH_STALL_NS) service_feed_watchdog(now_ns);
    if (!is_new && now_ns < c->next_status_ns) return;
    c->next_status_ns = now_ns + STATUS_NS;
    tell_manager(c);
}
