// SPDX-License-Identifier: MIT
// cmd_watch.c - chime watch: meters, voices and load, ten times a second on a terminal.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

#define PERIOD_S 0.1
// A log file gets one line for so many looks.
#define LOOKS_A_LINE 10
// The left end of a meter.
#define FLOOR_DB (-60.0)
// Where a meter turns yellow, and red.
#define WARM_DB (-9.0)
#define HOT_DB  (-1.0)

// ---- asking ----

struct view {
    struct chime_message *status;
    struct cli_list buses;
};

static enum chime_status look(struct cli *cli, struct view *v)
{
    enum chime_status status = cli_ask_status(cli, &v->status, NULL);
    if (status != CHIME_OK) return status;
    return cli_ask(cli, cli_message("/bus/list"), cli_list_add, &v->buses, NULL);
}

static void forget(struct view *v)
{
    chime_message_free(v->status);
    v->status = NULL;
    cli_list_free(&v->buses);
}

static double number_of(const struct view *v, const char *name)
{
    return cli_pair_number(v->status, name);
}

static const char *text_of(const struct view *v, const char *name)
{
    return cli_pair_text(v->status, name);
}

// ---- drawing ----

static void draw_head(const struct cli *cli, struct cli_screen *s, const struct view *v)
{
    char url[256];
    if (chime_resolve_url(cli->url, url, sizeof url) != CHIME_OK) url[0] = 0;
    long up = (long)number_of(v, "uptime");
    printf("\033[1mchimed\033[0m %s   up %ld:%02ld:%02ld   (Ctrl-C ends)", url, up / 3600, up / 60 % 60,
           up % 60);
    if (!cli_screen_row(s)) return;
    cli_print_text(text_of(v, "backend"));
    fputs(", ", stdout);
    cli_print_text(text_of(v, "device"));
    printf(", %.0f Hz, %.0f channels", number_of(v, "rate"), number_of(v, "channels"));
    cli_screen_row(s);
}

// A name, a bar of `part` from 0 to 1, and room for what stands behind it.
static void draw_share(struct cli_screen *s, const char *name, double part)
{
    if (!cli_screen_row(s)) return;
    int width = s->columns - 50, full = (int)lround(fmin(fmax(part, 0), 1) * width);
    printf("%-8s", name);
    fputs(part > 0.9 ? "\033[31m" : part > 0.7 ? "\033[33m" : "\033[32m", stdout);
    for (int i = 0; i < width; i++)
        putchar(i < full ? '#' : '.');
    fputs("\033[0m  ", stdout);
}

static double share(const struct view *v, const char *name, const char *name_max)
{
    double max = number_of(v, name_max);
    return max > 0 ? number_of(v, name) / max : 0;
}

static void draw_engine(struct cli_screen *s, const struct view *v)
{
    draw_share(s, "load", number_of(v, "load"));
    printf("%.1f %%, worst %.1f %%", 100 * number_of(v, "load"), 100 * number_of(v, "load_worst"));
    draw_share(s, "voices", share(v, "voices", "voices_max"));
    printf("%.0f of %.0f", number_of(v, "voices"), number_of(v, "voices_max"));
    draw_share(s, "memory", share(v, "sound_bytes", "sound_bytes_max"));
    printf("%.0f sounds, %.1f of %.0f MiB", number_of(v, "sounds"), number_of(v, "sound_bytes") / 0x1p20,
           number_of(v, "sound_bytes_max") / 0x1p20);
}

// Counters that stay at 0 as long as all is well; only those that did not.
static const char *const troubles[] = {"xruns",     "voices_refused", "commands_refused", "clipped",
                                       "nonfinite", "packets_lost",   "answers_lost",     "bad_packets"};

static void draw_troubles(struct cli_screen *s, const struct view *v)
{
    if (!cli_screen_row(s)) return; // always there, so that the meters stay where they are
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        double n = number_of(v, troubles[i]);
        if (n > 0) printf("\033[33m%s %.0f\033[0m  ", troubles[i], n);
    }
}

// RMS as a solid bar, the peak above it as a thin one.
static void draw_meter(double peak_db, double rms_db, int width)
{
    int peak = 0, rms = 0;
    if (peak_db > FLOOR_DB) peak = (int)lround((fmin(peak_db, 0) - FLOOR_DB) / -FLOOR_DB * width);
    if (rms_db > FLOOR_DB) rms = (int)lround((fmin(rms_db, 0) - FLOOR_DB) / -FLOOR_DB * width);
    fputs(peak_db > HOT_DB ? "\033[31m" : peak_db > WARM_DB ? "\033[33m" : "\033[32m", stdout);
    for (int i = 0; i < width; i++)
        putchar(i < rms ? '#' : i < peak ? '-' : ' ');
    fputs("\033[0m", stdout);
    if (peak_db > -100)
        printf("%6.1f", peak_db);
    else
        fputs("     .", stdout);
}

static void draw_bus(const struct cli_screen *s, const struct chime_message *bus)
{
    const int fixed = 16 + 8 + 2 * 8 + 4; // name, gain, brackets and levels, marks
    int width = (s->columns - fixed) / 2;
    if (width < 4) width = 4;
    char name[64];
    const char *text = chime_message_text(bus, BUS_NAME);
    snprintf(name, sizeof name, "%-15.15s", text ? text : "");
    cli_print_text(name);
    printf("%6.1f %s%s ", chime_message_number(bus, BUS_GAIN),
           chime_message_number(bus, BUS_MUTE) != 0 ? "M" : " ",
           chime_message_number(bus, BUS_SOLO) != 0 ? "S" : " ");
    draw_meter(chime_message_number(bus, BUS_PEAK_LEFT), chime_message_number(bus, BUS_RMS_LEFT), width);
    fputs("  ", stdout);
    draw_meter(chime_message_number(bus, BUS_PEAK_RIGHT), chime_message_number(bus, BUS_RMS_RIGHT), width);
}

static void draw(const struct cli *cli, struct cli_screen *s, const struct view *v)
{
    cli_screen_begin(s);
    draw_head(cli, s, v);
    draw_engine(s, v);
    draw_troubles(s, v);
    if (cli_screen_row(s))
        fputs("\033[2mbus              dB    left, right: # RMS, - peak, dB below full scale\033[0m", stdout);
    for (size_t i = 0; i < v->buses.n_items && cli_screen_row(s); i++)
        draw_bus(s, v->buses.items[i]);
    cli_screen_end(s);
}

// ---- lines ----

static void print_line(const struct view *v)
{
    printf("voices %.0f  load %.1f %%", number_of(v, "voices"), 100 * number_of(v, "load"));
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        double n = number_of(v, troubles[i]);
        if (n > 0) printf("  %s %.0f", troubles[i], n);
    }
    for (size_t i = 0; i < v->buses.n_items; i++) {
        const struct chime_message *bus = v->buses.items[i];
        const char *name = chime_message_text(bus, BUS_NAME);
        fputs(i ? "  " : "  | ", stdout);
        cli_print_text(name ? name : "");
        printf(" %.1f %.1f", chime_message_number(bus, BUS_PEAK_LEFT),
               chime_message_number(bus, BUS_PEAK_RIGHT));
    }
    putchar('\n');
    fflush(stdout);
}

static void print_object(const struct view *v)
{
    json_t *object = json_object(), *status = json_object();
    cli_json_pairs(status, v->status);
    cli_json_set(object, "status", status);
    cli_json_set(object, "buses", cli_list_json(&v->buses));
    cli_print_json(object);
}

int cmd_watch(struct cli *cli)
{
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    int result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    struct cli_screen s = {0};
    struct view v = {.buses = {"/bus/info", bus_columns, N_BUS_COLUMNS, NULL, 0, 0}};
    enum chime_status status = CHIME_OK;
    unsigned n = 0;
    cli_screen_open(&s, cli);
    do {
        forget(&v);
        status = look(cli, &v);
        if (status != CHIME_OK) break;
        if (cli->json)
            print_object(&v);
        else if (s.is_terminal)
            draw(cli, &s, &v);
        else if (n++ % LOOKS_A_LINE == 0)
            print_line(&v);
    } while (cli_screen_wait(PERIOD_S));
    cli_screen_close(&s);
    if (!cli_screen_stopped()) result = cli_failed(cli, status, v.status, "watch");
    forget(&v);
    return result;
}
