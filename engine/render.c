// SPDX-License-Identifier: MIT
// render.c - the engine without a device: an OSC score in, a sound file out, faster than real time.
#include "engine/render.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alloc/adaptors.h"
#include "engine/backends/alsa_format.h"
#include "engine/backends/planes.h"
#include "engine/dispatch.h"
#include "engine/engine.h"
#include "engine/log.h"
#include "engine/memory_report.h"
#include "engine/score.h"

#define MAX_BLOCK_FRAMES 8192
/// Written in one go: a system call costs as much as a hundred voices' block.
#define WRITE_FRAMES 4096

static const char usage[] =
    "usage: chimed render SCORE OUT.wav [options]\n"
    "\n"
    "SCORE (- for standard input) is a series of OSC packets, each behind its length "
    "as a big-endian int32, with\n"
    "time tags in seconds from 0. Any file that you can read may be played.\n"
    "\n"
    "      --rate HZ         sample rate (48000)\n"
    "      --block FRAMES    frames that are rendered in one go, 1 to 8192 (64); the "
    "result does not depend on it\n"
    "      --channels N      output channels (2)\n"
    "      --format F        s16, s24 or f32 (s16)\n"
    "      --seconds S       render S seconds, not just to the last packet's or command's time\n"
    "  -c, --config FILE     voices, buses and the like\n"
    "      --debug-memory    print where the memory goes, and at the exit what is left\n"
    "  -h, --help            this text\n";

struct options {
    const char *score, *out;
    uint32_t block;
    double seconds; // negative: to the last packet or scheduled command
    enum alsa_format format;
    bool debug_memory;
    struct config config;
};

struct render {
    struct engine engine;
    struct options options;
    struct allocator *memory;
    struct score score;
    SNDFILE *out;
    struct planes planes;
    struct memory_report report; // of --debug-memory
    int32_t *interleaved;        // frames that wait to be written: up to WRITE_FRAMES, and one block more
    uint32_t n_waiting;
    uint64_t end_frame; // of --seconds; UINT64_MAX without
    bool failed;        // the output could not be written
};

// ---- command line ----

static bool read_number(const char *option, const char *text, double min, double max, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end != text && *end == 0 && *number >= min && *number <= max) return true;
    fprintf(stderr, "chimed: --%s %s: expected a number from %g to %g\n", option, text, min, max);
    return false;
}

static bool read_whole(const char *option, const char *text, double min, double max, double *number)
{
    if (!read_number(option, text, min, max, number)) return false;
    if (*number == floor(*number)) return true;
    fprintf(stderr, "chimed: --%s %s: expected a whole number\n", option, text);
    return false;
}

static bool read_format(const char *text, enum alsa_format *format)
{
    static const struct {
        const char *name;
        enum alsa_format format;
    } formats[] = {{"s16", ALSA_FORMAT_S16}, {"s24", ALSA_FORMAT_S24}, {"f32", ALSA_FORMAT_FLOAT}};
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (strcmp(formats[i].name, text) != 0) continue;
        *format = formats[i].format;
        return true;
    }
    fprintf(stderr, "chimed: --format %s: expected s16, s24 or f32\n", text);
    return false;
}

static bool read_config(struct options *o, const char *path)
{
    char error[CONFIG_ERROR_BYTES];
    enum status status = config_read(&o->config, path, error);
    if (status)
        fprintf(stderr, "chimed: %s\n", status == STATUS_NOT_FOUND ? "--config: no such file" : error);
    return !status;
}

static bool read_option(struct options *o, int option, const char *text, double *rate, double *channels)
{
    double number;
    switch (option) {
    case 'c': return read_config(o, text);
    case 'r': return read_whole("rate", text, 8000, 192000, rate);
    case 'n': return read_whole("channels", text, 1, MAX_OUTPUT_CHANNELS, channels);
    case 's': return read_number("seconds", text, 0, 1e6, &o->seconds);
    case 'f': return read_format(text, &o->format);
    case 'm': o->debug_memory = true; return true;
    case 'b':
        if (!read_whole("block", text, 1, MAX_BLOCK_FRAMES, &number)) return false;
        o->block = (uint32_t)number;
        return true;
    default: return false;
    }
}

/// -1 to go on, or the exit code.
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option long_options[] = {{"rate", required_argument, NULL, 'r'},
                                                 {"block", required_argument, NULL, 'b'},
                                                 {"channels", required_argument, NULL, 'n'},
                                                 {"format", required_argument, NULL, 'f'},
                                                 {"seconds", required_argument, NULL, 's'},
                                                 {"config", required_argument, NULL, 'c'},
                                                 {"debug-memory", no_argument, NULL, 'm'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {0}};
    double rate = 0, channels = 0;
    config_defaults(&o->config);
    o->config.channels = 2;
    o->config.rate = 48000;
    for (int option; (option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (!read_option(o, option, optarg, &rate, &channels)) goto wrong;
    }
    if (rate > 0) o->config.rate = (uint32_t)rate;
    if (channels > 0) o->config.channels = (uint32_t)channels;
    if (argc - optind == 2) {
        o->score = argv[optind];
        o->out = argv[optind + 1];
        return -1;
    }
    fputs("chimed: render takes a score and an output file\n", stderr);
wrong:
    fputs("Try `chimed render --help`.\n", stderr);
    return 2;
}

// ---- output ----

static bool open_output(struct render *r)
{
    const struct options *o = &r->options;
    int subtype = o->format == ALSA_FORMAT_S16   ? SF_FORMAT_PCM_16
                  : o->format == ALSA_FORMAT_S24 ? SF_FORMAT_PCM_24
                                                 : SF_FORMAT_FLOAT;
    SF_INFO info = {.samplerate = (int)o->config.rate,
                    .channels = (int)o->config.channels,
                    .format = SF_FORMAT_WAV | subtype};
    r->out = sf_open(o->out, SFM_WRITE, &info);
    if (!r->out) {
        log_error("cannot write %s: %s", o->out, sf_strerror(NULL));
        return false;
    }
    // The peak chunk holds the time of day: two runs would differ.
    sf_command(r->out, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
    return true;
}

static void write_waiting(struct render *r)
{
    uint32_t n_items = r->n_waiting * r->planes.n_channels;
    sf_count_t n;
    switch (r->options.format) {
    case ALSA_FORMAT_S16: n = sf_write_short(r->out, (const short *)r->interleaved, n_items); break;
    case ALSA_FORMAT_FLOAT: n = sf_write_float(r->out, (const float *)r->interleaved, n_items); break;
    default: // libsndfile wants the 24 bits at the top
        for (uint32_t i = 0; i < n_items; i++)
            r->interleaved[i] *= 256;
        n = sf_write_int(r->out, r->interleaved, n_items);
    }
    r->n_waiting = 0;
    if (n != n_items && !r->failed) {
        log_error("cannot write %s: %s", r->options.out, sf_strerror(r->out));
        r->failed = true;
    }
}

static void write_frames(struct render *r, uint32_t n_frames)
{
    const struct alsa_format_info *format = alsa_format_info(r->options.format);
    size_t frame_bytes = (size_t)format->bytes * r->planes.n_channels;
    uint8_t *end = (uint8_t *)r->interleaved + r->n_waiting * frame_bytes;
    for (uint32_t c = 0; c < r->planes.n_channels; c++)
        format->convert(end + c * format->bytes, frame_bytes, r->planes.plane[c], n_frames);
    r->n_waiting += n_frames;
    if (r->n_waiting >= WRITE_FRAMES) write_waiting(r);
}

static void render_to(struct render *r, uint64_t frame)
{
    struct engine_rt *rt = &r->engine.rt;
    if (frame > r->end_frame) frame = r->end_frame;
    while (rt->frame < frame && !r->failed) {
        uint64_t left = frame - rt->frame;
        uint32_t n = left < r->options.block ? (uint32_t)left : r->options.block;
        engine_rt_process(rt, NULL, r->planes.plane, r->planes.n_channels, n);
        control_drain_events(&r->engine.control);
        write_frames(r, n);
    }
}

// ---- score ----

/// Time stands still until all loads have ended, and what they started has begun.
static void settle(struct render *r)
{
    struct control *c = &r->engine.control;
    while (c->sounds.oldest_load) {
        struct pollfd fd = {.fd = c->worker.result_fd, .events = POLLIN};
        poll(&fd, 1, -1);
        control_drain_results(c);
    }
    do {
        engine_rt_process(&r->engine.rt, NULL, r->planes.plane, r->planes.n_channels, 0);
        control_drain_events(c);
    } while (queue_used(&r->engine.rt.commands) > 0);
}

/// What has been scheduled behind the last packet: the output ends at the last of these commands.
static void render_scheduled(struct render *r)
{
    const struct engine_rt *rt = &r->engine.rt;
    while (rt->schedule.n_used > 0 && !r->failed) {
        render_to(r, (uint64_t)clock_frame_of_ntp(&rt->clock, schedule_first_time(&rt->schedule)));
        settle(r);
    }
}

static bool play_score(struct render *r)
{
    struct engine *e = &r->engine;
    struct slice packet;
    enum status status;
    while (!(status = score_next(&r->score, &packet)) && !e->control.quit && !r->failed) {
        uint64_t frame = score_frame(packet, r->options.config.rate, e->rt.frame);
        if (frame > r->end_frame) break;
        if (frame < e->rt.frame)
            log_warning("%s: a packet for frame %llu stands behind frame %llu; it is done there",
                        r->options.score, (unsigned long long)frame, (unsigned long long)e->rt.frame);
        render_to(r, frame);
        struct datagram d = {.bytes = (const uint8_t *)packet.data,
                             .n_bytes = (uint32_t)packet.length,
                             .client = {.kind = CLIENT_SCORE, .role = ROLE_ADMIN},
                             .fd = -1};
        control_handle(&e->control, &d);
        settle(r);
    }
    bool is_damaged = status && status != STATUS_NOT_FOUND;
    if (!is_damaged && r->end_frame != UINT64_MAX)
        render_to(r, r->end_frame);
    else if (!is_damaged && !e->control.quit)
        render_scheduled(r);
    write_waiting(r);
    return !is_damaged && !r->failed && e->control.replies.n_errors == 0;
}

// ---- all of it ----

static size_t interleaved_items(const struct options *o)
{
    return (size_t)(WRITE_FRAMES + o->block) * o->config.channels;
}

static bool open_all(struct render *r)
{
    struct options *o = &r->options;
    char reason[ERROR_TEXT_BYTES];
    if (score_open(&r->score, r->memory, o->score)) return false;
    // Swapping does not hurt here, and the sounds need no allowed folder.
    memcpy(o->config.lock_memory, "no", sizeof "no");
    if (engine_init(&r->engine, &o->config, o->config.rate, o->config.channels, true, reason)) {
        log_error("%s", reason);
        return false;
    }
    r->engine.control.worker.roots.anywhere = true;
    r->interleaved = make(int32_t, interleaved_items(o), r->memory);
    enum status status = planes_init(&r->planes, r->memory, o->config.channels, o->block);
    if (status) {
        log_error("cannot start: %s", status_text(status));
        return false;
    }
    if (worker_start(&r->engine.control.worker, reason, sizeof reason)) {
        log_error("%s", reason);
        return false;
    }
    if (engine_seal(&r->engine, reason)) {
        log_error("%s", reason);
        return false;
    }
    if (o->debug_memory) memory_report_begin(&r->report, &r->engine, stderr);
    r->end_frame = o->seconds < 0 ? UINT64_MAX : (uint64_t)llround(o->seconds * o->config.rate);
    return open_output(r);
}

static void close_all(struct render *r)
{
    if (r->out) sf_close(r->out);
    score_close(&r->score);
    planes_fini(&r->planes);
    unmake(r->interleaved, interleaved_items(&r->options), r->memory);
    engine_fini(&r->engine);
}

static double now_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/// The exit code.
static int render(struct render *r)
{
    double start = now_seconds();
    bool good = open_all(r);
    if (good) {
        good = play_score(r);
        double seconds = (double)r->engine.rt.frame / r->options.config.rate;
        log_info("%s: %.3f s, %llu voices started, %llu clipped samples, %llu errors, in %.3f s",
                 r->options.out, seconds, (unsigned long long)r->engine.control.voices.n_started,
                 (unsigned long long)r->engine.rt.mixer.n_clipped,
                 (unsigned long long)r->engine.control.replies.n_errors, now_seconds() - start);
        if (r->options.debug_memory) good &= memory_report_end(&r->report, &r->engine, stderr);
    }
    close_all(r);
    return good ? 0 : 1;
}

int render_main(int argc, char **argv)
{
    // Without memory there is nothing to render with, so that whoever asks gets some.
    struct insisting insisting;
    struct allocator libc = libc_allocator();
    struct allocator *memory = insisting_allocator(&insisting, &libc, "render");
    struct render *r = make(struct render, 1, memory);
    r->memory = memory;
    r->options = (struct options){.block = 64, .seconds = -1, .format = ALSA_FORMAT_S16};
    int code = read_options(argc, argv, &r->options);
    if (code < 0) code = render(r);
    unmake(r, 1, memory);
    return code;
}
