// SPDX-License-Identifier: MIT
// main.c - reads the command line and the configuration, then becomes the daemon or the renderer.
#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/config_load.h"
#include "engine/daemon.h"
#include "engine/engine.h"
#include "engine/log.h"
#include "engine/render.h"
#include "engine/transport_setup.h"
#include "mixer/kernel.h"

static const char usage[] =
    "usage: chimed [options]                          run as a daemon\n"
    "       chimed render SCORE OUT.wav [options]     render an OSC score to a file\n"
    "\n"
    "  -c, --config FILE     read FILE instead of the system's and the user's configuration\n"
    "      --instance CARD   one of several daemons: reads CARD.conf and plays on that ALSA card\n"
    "      --check-config    print what the configuration costs in memory, and exit\n"
    "      --debug-memory    print that at the start, too, and at the exit what is left\n"
    "      --backend NAME    auto, jack, alsa or null\n"
    "      --device NAME     ALSA device: default, hw:CARD=..., plughw:CARD=...\n"
    "      --rate HZ         sample rate (JACK has its own)\n"
    "      --period FRAMES   length of a callback\n"
    "      --periods N       periods in an ALSA device's buffer\n"
    "      --channels N      output channels\n"
    "      --voices N        voices that can play at once\n"
    "      --socket PATH     UNIX socket to listen on\n"
    "      --udp-port N      port of UDP and TCP on this machine; 0: neither\n"
    "      --log-level L     error, warning, info or debug\n"
    "  -h, --help            this text; `chimed render --help` for the renderer's\n"
    "      --version         the version\n"
    "\n"
    "See chimed(8), chimed.conf(5) and chimed-osc(7). Next: chime play FILE\n";

/// The options that set one key of the configuration.
static const struct {
    const char *option, *section, *key;
} settings[] = {
    {"backend", "output", "backend"}, {"device", "output", "device"},   {"rate", "output", "rate"},
    {"period", "output", "period"},   {"periods", "output", "periods"}, {"channels", "output", "channels"},
    {"voices", "engine", "voices"},   {"socket", "control", "socket"},  {"udp-port", "control", "udp_port"},
    {"log-level", "log", "level"},
};

static_assert(COUNT_OF(settings) <= CONFIG_MAX_OVERRIDES, "each can be overridden");

/// What getopt_long() returns for the options that are not in `settings`.
enum {
    OPTION_CHECK = 256,
    OPTION_DEBUG_MEMORY,
    OPTION_VERSION,
    OPTION_LOG_LEVEL,
    OPTION_INSTANCE,
    FIRST_SETTING
};

static int usage_error(void)
{
    fputs("Try `chimed --help`.\n", stderr);
    return 2;
}

static int check_config(const struct config *config)
{
    static struct engine engine;
    char reason[ERROR_TEXT_BYTES];
    if (engine_init(&engine, config, config->rate, config->channels, true, reason)) {
        log_error("%s", reason);
        return 1;
    }
    static struct transport transport;
    struct allocator *a = memory_allocator(&engine.memory, MEMORY_CONTROL);
    allocator_tag(a, "sockets");
    struct transport_config sockets;
    transport_configure(&sockets, config);
    if (transport_init(&transport, a, &sockets)) {
        engine_fini(&engine);
        log_error(
            "the budget [memory] control_budget is too small for the sockets and the answers that wait");
        return 1;
    }
    if (access_init(&transport.access, &sockets.access, reason)) {
        engine_fini(&engine);
        log_error("%s", reason);
        return 1;
    }
    engine_print_memory(&engine, stdout);
    enum status status = engine_seal(&engine, reason); // says what cannot be locked, as the start would
    if (status) log_error("%s", reason);
    engine_fini(&engine);
    return status ? 1 : 0;
}

/// What the command line says.
struct command_line {
    struct config_source source;
    bool check, debug_memory;
};

/// The last of several values for one key counts.
static void override(struct config_source *source, size_t setting, const char *value)
{
    struct config_override *o = source->overrides;
    const struct config_override *end = o + source->n_overrides;
    while (o < end && o->key != settings[setting].key)
        o++;
    if (o == end) source->n_overrides++;
    *o = (struct config_override){settings[setting].section, settings[setting].key, value};
}

/// Options that are not in `settings`.
#define N_OTHER_OPTIONS 6

/// -1 to go on, or the exit code.
static int read_command_line(int argc, char **argv, struct command_line *line)
{
    struct option options[COUNT_OF(settings) + N_OTHER_OPTIONS + 1] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, OPTION_CHECK},
        {"debug-memory", no_argument, NULL, OPTION_DEBUG_MEMORY},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"instance", required_argument, NULL, OPTION_INSTANCE}};
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        options[N_OTHER_OPTIONS + i] =
            (struct option){settings[i].option, required_argument, NULL, FIRST_SETTING + (int)i};

    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c': line->source.file = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        case OPTION_CHECK: line->check = true; break;
        case OPTION_DEBUG_MEMORY: line->debug_memory = true; break;
        case OPTION_VERSION: puts("chimed " CHIMED_VERSION); return 0;
        case OPTION_INSTANCE: line->source.instance = optarg; break;
        case '?': return usage_error();
        default: override(&line->source, (size_t)(o - FIRST_SETTING), optarg);
        }
    }
    if (optind == argc) return -1;
    fprintf(stderr, "chimed: what is `%s`?\n", argv[optind]);
    return usage_error();
}

/// False when the environment asks for kernels that cannot be had.
static bool check_isa(void)
{
    char names[64];
    if (kernel_check_choice(names, sizeof names)) return true;
    log_error("CHIMED_ISA is %s; this processor can take %s", getenv("CHIMED_ISA"), names);
    return false;
}

int main(int argc, char **argv)
{
    log_init(LOG_LEVEL_INFO);
    if (!check_isa()) return 2;
    if (argc > 1 && strcmp(argv[1], "render") == 0) return render_main(argc - 1, argv + 1);

    static struct config config;
    struct command_line line = {0};
    char error[CONFIG_ERROR_BYTES];
    int code = read_command_line(argc, argv, &line);
    if (code >= 0) return code;

    if (config_load(&config, &line.source, error)) {
        log_error("%s", error);
        return 2;
    }
    log_set_level(log_level_of(config.level));
    return line.check ? check_config(&config) : daemon_run(&config, &line.source, line.debug_memory);
}
