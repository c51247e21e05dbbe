// SPDX-License-Identifier: MIT
// daemon.c - chimed as a service: sockets, backend, signals, and the loop that serves them.
#include "engine/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/backends/chain.h"
#include "engine/dispatch.h"
#include "engine/engine.h"
#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/memory_report.h"
#include "engine/now.h"
#include "engine/publish.h"
#include "engine/reload.h"
#include "engine/service.h"
#include "engine/transport_setup.h"
#include "engine/watch.h"

/// Packets that one turn of the loop takes, so that events are not kept waiting.
#define MAX_PACKETS_A_TURN 256

/// Cycles after which the audio thread should take no more page faults.
#define WARM_UP_CYCLES 256

/// So long the start waits for the journal, and the end for its last pass.
#define JOURNAL_READ_NS      INT64_C(150000000)
#define JOURNAL_LAST_PASS_NS INT64_C(300000000)

struct daemon {
    struct engine engine;
    struct transport transport;
    struct cycle cycle;
    struct chain chain;
    struct reload reload;
    int signal_fd;
    bool is_hurried; // a second signal to end it has come
};

// ---- start ----

/// The signals that end the daemon, to be read from a descriptor. Before any thread is made: all inherit the
/// mask.
static int block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// Beside connections: sockets, backends, files that are handed over, what libraries open.
#define OTHER_DESCRIPTORS 256
/// With less there would be no room for a connection, or for a sound to be loaded.
#define MIN_DESCRIPTORS 128

/// A descriptor for all that the configuration allows, as far as the system does.
static enum status raise_descriptor_limit(const struct config *config, char *reason)
{
    struct rlimit limit;
    rlim_t wanted = config->connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return STATUS_OK;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return STATUS_OK;
    snprintf(
        reason, ERROR_TEXT_BYTES,
        "the limit of open files is %llu, and %llu may be wanted: raise it with LimitNOFILE= in the unit, or "
        "ulimit -n (RLIMIT_NOFILE)",
        (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
    if (limit.rlim_cur < MIN_DESCRIPTORS) return STATUS_SYSTEM;
    log_warning("%s", reason);
    return STATUS_OK;
}

static enum status start(struct daemon *d, const struct config *config, const struct config_source *source,
                         char *reason)
{
    d->signal_fd = block_signals();
    enum status status = raise_descriptor_limit(config, reason);
    if (status) return status;
    status = chain_open(&d->chain, config, reason);
    if (status) return status;
    const struct config *as_it_is = &d->chain.config;
    status = engine_init(&d->engine, config, as_it_is->rate, as_it_is->channels, false, reason);
    if (status) return status;

    struct engine *e = &d->engine;
    struct allocator *a = memory_allocator(&e->memory, MEMORY_CONTROL);
    struct handed_over sockets[LISTEN_MAX_SOCKETS];
    struct transport_config how;
    transport_configure(&how, config);
    how.listen.inherited = sockets;
    how.listen.n_inherited = service_take_sockets(sockets, LISTEN_MAX_SOCKETS);
    allocator_tag(a, "sockets");
    status = transport_open(&d->transport, a, &how, reason);
    if (status) return status;
    e->control.transport = e->control.replies.transport = &d->transport;
    e->control.cycle = &d->cycle;
    e->control.started_ns = monotonic_ns();
    status = engine_seal(e, reason);
    if (status) return status;
    status = worker_start(&e->control.worker, reason, ERROR_TEXT_BYTES);
    if (status) return status;
    cycle_init(&d->cycle, &e->rt, as_it_is->rate);
    if (config->state_folder[0]) status = journal_start(&e->control);
    if (status) {
        snprintf(reason, ERROR_TEXT_BYTES, "cannot start the journal's thread: %s", status_text(status));
        return status;
    }
    status = chain_start(&d->chain, &d->cycle, reason);
    if (!status) e->control.backend = chain_backend(&d->chain);
    e->control.chain = &d->chain;
    reload_init(&d->reload, source, config, &e->config);
    e->control.reload = &d->reload;
    return status;
}

// ---- the loop ----

/// True while rt takes commands. While it is behind, requests wait in the sockets: their senders are held
/// back by that, and nothing is lost. Half of the queue holds the commands of the longest packet (with the
/// default length, twice MAX_CALLS); the other half is what rt can be given while one cycle is made.
static bool has_room(struct daemon *d)
{
    struct queue *q = &d->engine.rt.commands;
    uint32_t n_used = q->n_slots - queue_room(q), *high = &d->engine.control.n_commands_high;
    if (n_used > *high) *high = n_used;
    return n_used <= q->n_slots / 2;
}

static void take_packets(struct daemon *d)
{
    struct datagram packet;
    transport_begin(&d->transport);
    for (int i = 0; i < MAX_PACKETS_A_TURN && has_room(d) && transport_next(&d->transport, &packet); i++)
        control_handle(&d->engine.control, &packet);
}

static void take_signal(struct daemon *d)
{
    struct signalfd_siginfo info;
    if (read(d->signal_fd, &info, sizeof info) != sizeof info) return;
    struct control *c = &d->engine.control;
    char error[ERROR_TEXT_BYTES];
    if (info.ssi_signo != SIGHUP) {
        d->is_hurried = c->quit;
        c->keeps_state = info.ssi_signo == SIGTERM;
        c->quit = true;
    } else if (!c->quit) {
        (void)!reload_run(c, error); // says in the log what comes of it
    }
}

static void watch_audio(struct daemon *d)
{
    struct control *c = &d->engine.control;
    chain_turn(&d->chain, monotonic_ns());
    if (c->rate != chain_rate(&d->chain)) resample_set_rate(c, chain_rate(&d->chain));
    if (c->backend != chain_backend(&d->chain)) {
        c->backend = chain_backend(&d->chain);
        c->is_warm = false;
        c->looked_ns = 0; // how it is has changed
        c->n_cycles_before = atomic_load_explicit(&d->cycle.n_cycles, memory_order_relaxed);
    }
    // relaxed: a count for people.
    uint64_t n_cycles = atomic_load_explicit(&d->cycle.n_cycles, memory_order_relaxed) - c->n_cycles_before;
    if (!c->is_warm && n_cycles > WARM_UP_CYCLES) {
        c->is_warm = true;
        c->page_faults_before = control_page_faults(c);
    }
    watch_turn(c, monotonic_ns());
    finish_backend_switch(c);
}

/// Before the next packet comes: another client may have the same address then.
static void forget_gone(struct daemon *d)
{
    struct client gone;
    while (transport_next_gone(&d->transport, &gone))
        subscriptions_remove(&d->engine.control.subscriptions, &gone, NULL);
}

/// One turn: wait, then serve everything once.
static void turn(struct daemon *d, bool takes_requests)
{
    struct control *c = &d->engine.control;
    bool is_open = takes_requests && has_room(d);
    struct pollfd fds[] = {{.fd = is_open ? transport_fd(&d->transport) : -1, .events = POLLIN},
                           {.fd = c->worker.result_fd, .events = POLLIN},
                           {.fd = d->signal_fd, .events = POLLIN},
                           {.fd = d->chain.wake_fd, .events = POLLIN},
                           {.fd = d->chain.hints.fd, .events = POLLIN}};
    int64_t ns = is_open ? transport_patience_ns(&d->transport) : 500000;
    if (is_open && control_patience_ns(c) < ns) ns = control_patience_ns(c);
    int64_t news_ns = publish_patience_ns(c, monotonic_ns());
    if (news_ns < ns) ns = news_ns;
    int64_t chain_ns = chain_patience_ns(&d->chain, monotonic_ns());
    if (chain_ns < ns) ns = chain_ns;
    int64_t journal_ns = journal_patience_ns(c, monotonic_ns());
    if (journal_ns < ns) ns = journal_ns;
    struct timespec patience = {.tv_nsec = ns < 1000000000 ? ns : 999999999};
    ppoll(fds, COUNT_OF(fds), &patience, NULL);

    control_drain_events(c);
    if (fds[1].revents & POLLIN) control_drain_results(c);
    if (is_open) take_packets(d);
    if (fds[2].revents & POLLIN) take_signal(d);
    push_syncs(c);
    push_unschedules(c);
    reload_step(c);
    watch_audio(d);
    journal_turn(c, monotonic_ns());
    resample_turn(c);
    publish_due(c, monotonic_ns());
    reply_flush(&c->replies);
    transport_flush(&d->transport);
    transport_mend(&d->transport, monotonic_ns());
    forget_gone(d);
}

/// What the last run left is known before clients come: a disk that hangs does not keep them waiting long.
static void wait_for_journal(struct daemon *d)
{
    int64_t deadline = monotonic_ns() + JOURNAL_READ_NS;
    while (d->engine.control.resume.step == RESUME_READS && monotonic_ns() < deadline)
        turn(d, false);
}

// ---- stop ----

/// Writes what holds before the fade, or removes it; a disk that hangs is waited for elsewhere.
static void end_journal(struct daemon *d)
{
    struct control *c = &d->engine.control;
    int64_t deadline = monotonic_ns() + JOURNAL_LAST_PASS_NS;
    journal_begin_end(c, c->keeps_state);
    do
        turn(d, false);
    while (c->journal.step != JOURNAL_RESTS && monotonic_ns() < deadline);
}

/// Fades the outputs and serves events until that is heard, with what waits in front of the device, or for
/// half a second longer.
static void fade_out(struct daemon *d)
{
    struct control *c = &d->engine.control;
    uint32_t frames = control_frames(c, (double)d->engine.config.quit_fade) + c->declick_frames;
    if (!control_fade_outputs(c, frames)) return;
    // relaxed: only compared with itself.
    uint64_t end = atomic_load_explicit(&d->cycle.frames, memory_order_relaxed) + frames +
                   2 * atomic_load_explicit(&d->cycle.last_frames, memory_order_relaxed) +
                   atomic_load_explicit(&c->backend->latency_frames, memory_order_relaxed);
    int64_t deadline = monotonic_ns() + (int64_t)((double)d->engine.config.quit_fade * 1e9) + 500000000;
    while (atomic_load_explicit(&d->cycle.frames, memory_order_relaxed) < end && monotonic_ns() < deadline &&
           !d->is_hurried)
        turn(d, false);
}

/// The disk has had the time of the fade. While it hangs the memory that it is to write stays, and with it
/// all else: the process ends.
static void finish_journal(struct daemon *d)
{
    struct control *c = &d->engine.control;
    int64_t deadline = monotonic_ns() + JOURNAL_LAST_PASS_NS;
    while (!journal_is_over(c) && monotonic_ns() < deadline)
        turn(d, false);
    if (journal_stop(c)) return;
    log_warning("the disk of %s hangs: the newest state is not kept", c->config->state_folder);
    bool has_stopped = chain_stop(&d->chain); // the process ends, whether or not
    (void)has_stopped;
    transport_close(&d->transport);
    log_info("stopped");
    _exit(0);
}

/// False when a sound server or a device does not answer, and has been left behind.
static bool stop_audio(struct daemon *d)
{
    d->engine.control.backend = NULL;
    return chain_stop(&d->chain);
}

/// Ends the process with `code` where a disk or a sound server does not answer: threads that are in its calls
/// cannot be ended, and must find all memory in place.
static void stop(struct daemon *d, int code)
{
    bool has_stopped = stop_audio(d);
    if (d->transport.outbox.clients) transport_close(&d->transport);
    if (!journal_stop(&d->engine.control)) _exit(1); // the start has failed, and its disk hangs
    if (!worker_stop(&d->engine.control.worker)) {
        log_warning("stopped, while a disk does not answer: a load is left behind");
        _exit(code);
    }
    if (!has_stopped) {
        log_warning("stopped, while a sound server or device does not answer: it is left behind");
        _exit(code);
    }
    engine_fini(&d->engine);
    if (d->signal_fd >= 0) close(d->signal_fd);
}

int daemon_run(const struct config *config, const struct config_source *source, bool debug_memory)
{
    static struct daemon d;
    struct memory_report report;
    char reason[ERROR_TEXT_BYTES] = "", device[128];
    struct control *c = &d.engine.control;
    log_never_wait();
    enum status status = start(&d, config, source, reason);
    if (status) {
        log_error("%s", reason);
        stop(&d, 1);
        return 1;
    }
    c->backend->ops->describe(c->backend, device, sizeof device);
    log_info("chimed " CHIMED_VERSION ": %s, %s, %u Hz, %u channels, %u voices; listening on %s",
             c->backend->ops->name, device, c->rate, c->backend->n_channels, c->voices.n_slots,
             d.transport.listeners.sockets[0].name);
    wait_for_journal(&d);
    service_ready("%s, %u Hz", c->backend->ops->name, c->rate);
    if (debug_memory) memory_report_begin(&report, &d.engine, stderr);
    while (!c->quit)
        turn(&d, true);

    service_stopping();
    end_journal(&d);
    fade_out(&d);
    finish_journal(&d);
    bool has_stopped = stop_audio(&d); // stop() asks again
    (void)has_stopped;
    bool good = !debug_memory || memory_report_end(&report, &d.engine, stderr);
    int code = good ? 0 : 1;
    stop(&d, code);
    log_tell_folded(true);
    log_info("stopped");
    return code;
}
