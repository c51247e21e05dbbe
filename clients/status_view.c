// SPDX-License-Identifier: MIT
// status_view.c - the daemon's figures on one screen, for people: what matters first, troubles by name.
#include "clients/status_view.h"

#include <stdio.h>
#include <string.h>

#define LABEL_WIDTH 12

struct view {
    struct cli_screen *screen;
    const struct chime_message *status;
    bool is_coloured;
    int column; // that the next word begins in
};

static double number(const struct view *v, const char *name)
{
    return cli_pair_number(v->status, name);
}

static const char *text(const struct view *v, const char *name)
{
    return cli_pair_text(v->status, name);
}

void status_uptime_text(char *text, size_t size, double seconds)
{
    long s = (long)seconds;
    if (s < 120)
        snprintf(text, size, "%ld s", s);
    else if (s < 7200)
        snprintf(text, size, "%ld min", s / 60);
    else if (s < 2 * 86400)
        snprintf(text, size, "%ld h", s / 3600);
    else
        snprintf(text, size, "%ld days", s / 86400);
}

// ---- words in rows ----

static void label(struct view *v, const char *name, const char *colour)
{
    printf("%s%-*s%s", v->is_coloured ? colour : "", LABEL_WIDTH, name, v->is_coloured ? "\033[0m" : "");
    v->column = LABEL_WIDTH;
}

/// Goes on in the next row when this one has no room; false when the screen has none either.
static bool word(struct view *v, const char *what)
{
    int n = (int)strlen(what);
    if (v->column > LABEL_WIDTH && v->column + n > v->screen->columns) {
        if (!cli_screen_row(v->screen)) return false;
        printf("%*s", LABEL_WIDTH, "");
        v->column = LABEL_WIDTH;
    }
    cli_print_text(what);
    if (v->column + n + 2 <= v->screen->columns) fputs("  ", stdout);
    v->column += n + 2;
    return true;
}

static bool next_label(struct view *v, const char *name)
{
    if (!cli_screen_row(v->screen)) return false;
    label(v, name, "");
    return true;
}

/// "3 of 1024 voices", where the daemon tells both.
static void share(struct view *v, const char *name, const char *most)
{
    char shown[96];
    if (!cli_pair_is_told(v->status, name)) return;
    if (cli_pair_is_told(v->status, most))
        snprintf(shown, sizeof shown, "%s %.0f of %.0f", name, number(v, name), number(v, most));
    else
        snprintf(shown, sizeof shown, "%s %.0f", name, number(v, name));
    word(v, shown);
}

// ---- what matters ----

static void draw_health(struct view *v)
{
    const char *health = text(v, "health"), *colour = "\033[32m";
    char line[320], up[32];
    if (strcmp(health, "healthy") != 0) colour = strcmp(health, "degraded") == 0 ? "\033[33m" : "\033[1;31m";
    status_uptime_text(up, sizeof up, number(v, "uptime"));
    label(v, health[0] ? health : "chimed", colour);
    snprintf(line, sizeof line, "chimed %.20s, up %s, process %.0f", text(v, "version"), up,
             number(v, "pid"));
    word(v, line);
    if (text(v, "health_why")[0] == 0) return;
    if (next_label(v, "")) cli_print_text(text(v, "health_why"));
}

static void draw_output(struct view *v)
{
    char line[256];
    double rate = number(v, "rate"), period = number(v, "period");
    if (!cli_pair_is_told(v->status, "backend") || !next_label(v, "output")) return;
    snprintf(line, sizeof line, "%.20s, %.120s", text(v, "backend"), text(v, "device"));
    word(v, line);
    snprintf(line, sizeof line, "%.0f Hz, %.0f channels", rate, number(v, "channels"));
    word(v, line);
    snprintf(line, sizeof line, "period %.0f frames (%.1f ms)", period, rate > 0 ? period / rate * 1e3 : 0);
    word(v, line);
    snprintf(line, sizeof line, "latency %.0f frames", number(v, "latency"));
    word(v, line);
}

static void draw_load(struct view *v)
{
    char line[128];
    if (!cli_pair_is_told(v->status, "load") || !next_label(v, "load")) return;
    snprintf(line, sizeof line, "%.1f %% on average, %.1f %% at worst", number(v, "load") * 100,
             number(v, "load_worst") * 100);
    word(v, line);
    snprintf(line, sizeof line, "xruns %.0f", number(v, "xruns"));
    word(v, line);
}

static void draw_engine(struct view *v)
{
    char used[32], most[32], line[96];
    if (!next_label(v, "engine")) return;
    share(v, "voices", "voices_max");
    share(v, "buses", "buses_max");
    share(v, "scheduled", "scheduled_max");
    share(v, "sounds", "sounds_max");
    if (!cli_pair_is_told(v->status, "sound_bytes")) return;
    cli_bytes_text(used, sizeof used, number(v, "sound_bytes"));
    cli_bytes_text(most, sizeof most, number(v, "sound_bytes_max"));
    snprintf(line, sizeof line, "samples %s of %s", used, most);
    word(v, line);
}

static void draw_clients(struct view *v)
{
    if (!cli_pair_is_told(v->status, "packets") || !next_label(v, "clients")) return;
    share(v, "connections", "");
    share(v, "subscriptions", "");
    share(v, "packets", "");
}

static void draw_journal(struct view *v)
{
    char line[96];
    if (!text(v, "journal")[0] || !next_label(v, "journal")) return;
    snprintf(line, sizeof line, "%.30s", text(v, "journal"));
    word(v, line);
    share(v, "resumed_voices", "");
    share(v, "resumed_sounds", "");
}

// ---- troubles ----

/// Counters that stay at 0 as long as all is well, by the words that they are made of: so those that a newer
/// daemon tells of are found, too.
static bool is_trouble(const char *name)
{
    static const char *const names[] = {
        "xrun",     "late",    "clipped", "nonfinite", "errors",    "bad_packets", "rt_page",
        "clock_st", "_refuse", "_lost",   "_losses",   "_dropped",  "_failed",     "_failure",
        "_cut",     "_missed", "_shed",   "_too_",     "_unproved", "_not_all",    "_left_out"};
    if (strcmp(name, "latency") == 0 || strcmp(name, "xruns") == 0) return false; // shown above
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(name, names[i])) return true;
    return false;
}

static void draw_troubles(struct view *v)
{
    bool any = false;
    for (size_t i = 1; i + 1 < chime_message_count(v->status); i += 2) {
        const char *name = chime_message_text(v->status, i);
        double n = chime_message_number(v->status, i + 1);
        char line[96];
        if (!name || n <= 0 || !is_trouble(name)) continue;
        if (!any) {
            if (!cli_screen_row(v->screen)) return;
            label(v, "troubles", "\033[33m");
        }
        any = true;
        snprintf(line, sizeof line, "%.60s %.0f", name, n);
        if (!word(v, line)) return;
    }
    if (!any && next_label(v, "troubles")) word(v, "none");
}

void status_view(struct cli_screen *s, const struct chime_message *status, bool is_coloured)
{
    struct view v = {.screen = s, .status = status, .is_coloured = is_coloured};
    draw_health(&v);
    draw_output(&v);
    draw_load(&v);
    draw_engine(&v);
    draw_clients(&v);
    draw_journal(&v);
    draw_troubles(&v);
    if (next_label(&v, "")) word(&v, "(chime status --all tells of all figures)");
}
