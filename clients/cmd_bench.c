// SPDX-License-Identifier: MIT
// cmd_bench.c - chime bench latency: do short periods hold on this machine?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/bench.h"

#define DEFAULT_SECONDS  10
#define DEFAULT_RATE     48000
#define DEFAULT_PERIOD   64
#define DEFAULT_PRIORITY 70 // the daemon's

bool bench_progress(double passed_s, double all_s)
{
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%.0f of %.0f s ", passed_s, all_s);
    return !cli_screen_stopped();
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}

static double number(const struct cli *cli, enum option_id option, double otherwise)
{
    return cli->value[option] ? strtod(cli->value[option], NULL) : otherwise;
}

/// Without a daemon, or one that has something to tell: then the machine itself.
static bool has_daemon(struct cli *cli)
{
    bool is_asked = cli->value[OPTION_bench_own] || cli->value[OPTION_bench_period] ||
                    cli->value[OPTION_bench_rate] || cli->value[OPTION_bench_priority];
    if (is_asked) return false;
    if (cli->url || getenv("CHIME_URL")) return true; // it was named: that it is not there is to be told
    return chime_open(NULL, &cli->chime) == CHIME_OK;
}

static int measure(struct cli *cli, struct bench *b)
{
    struct chime_message *answer = NULL;
    int result = CLI_DONE;
    if (!has_daemon(cli)) {
        bool good = bench_own(b);
        end_progress();
        if (!good) fputs("chime: no thread, for want of memory\n", stderr);
        return good ? CLI_DONE : CLI_REFUSED;
    }
    result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    enum chime_status status = bench_daemon(cli, b, &answer);
    end_progress();
    result = cli_failed(cli, status, answer, "/histogram");
    chime_message_free(answer);
    return result;
}

int cmd_bench(struct cli *cli)
{
    static struct bench b;
    char verdict[256];
    const char *file = cli->value[OPTION_bench_output];
    if (cli->n_words != 1 || strcmp(cli->words[0], "latency") != 0)
        return cli_usage(cli, "what? There is: latency");
    b.seconds = number(cli, OPTION_bench_seconds, DEFAULT_SECONDS);
    b.rate_hz = number(cli, OPTION_bench_rate, DEFAULT_RATE);
    b.period_frames = number(cli, OPTION_bench_period, DEFAULT_PERIOD);
    b.priority = (int)number(cli, OPTION_bench_priority, DEFAULT_PRIORITY);
    if (b.seconds < 0 || b.seconds > 86400 || b.rate_hz < 8000 || b.rate_hz > 192000 ||
        b.period_frames < 16 || b.period_frames > 8192 || b.priority < 0 || b.priority > 98)
        return cli_usage(cli, "wants 0 to 86400 s, 8000 to 192000 Hz, 16 to 8192 frames, priority 0 to 98");
    cli_screen_catch();
    int result = measure(cli, &b);
    if (result != CLI_DONE) return result;
    if (cli->json)
        bench_show_json(&b);
    else
        bench_show(&b);
    if (file) result = bench_plot(cli, &b, file);
    if (result == CLI_DONE && !bench_verdict(&b, verdict, sizeof verdict)) result = CLI_DEGRADED;
    return result;
}
