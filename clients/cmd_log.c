// SPDX-License-Identifier: MIT
// cmd_log.c - chime log: the newest lines of the daemon's log, and with --follow those that come, over its
// restarts.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clients/cli.h"

/// Seconds that the daemon goes on without hearing from us, and after which we ask again: for what a restart
/// has left out, too.
#define LEASE_S 10.0
#define RENEW_S 2.0
/// Between two looks for a daemon that has gone, and for Ctrl-C.
#define LOOK_S 0.2
/// Lines before those that are followed, unless --lines says otherwise.
#define FOLLOW_LINES 10

/// Arguments of /log/line and /log.
enum { LINE_LEVEL, LINE_TEXT, LINE_TIME, LINE_N, N_LINE_COLUMNS };
static const struct column line_columns[N_LINE_COLUMNS] = {
    {"level", COLUMN_TEXT}, {"text", COLUMN_TEXT}, {"time", COLUMN_WHOLE}, {"n", COLUMN_WHOLE}};

/// The most urgent first.
static const char *const levels[] = {"error", "warning", "info", "debug"};
#define N_LEVELS (sizeof levels / sizeof *levels)

struct view {
    struct cli *cli;
    size_t level;     // those behind it are left out
    int64_t last_n;   // the newest that was shown
    double last_time; //
};

// ---- lines ----

static size_t find_level(const char *name)
{
    size_t i = 0;
    while (i < N_LEVELS && strcmp(levels[i], name) != 0)
        i++;
    return i;
}

/// A daemon that was started anew counts from 1 again, but later.
static bool is_new(const struct view *v, const struct chime_message *m)
{
    return chime_message_int(m, LINE_N) > v->last_n || chime_message_number(m, LINE_TIME) > v->last_time;
}

static bool is_wanted(const struct view *v, const struct chime_message *m)
{
    const char *level = chime_message_text(m, LINE_LEVEL);
    return level && is_new(v, m) && (v->level >= N_LEVELS || find_level(level) <= v->level);
}

static void print_line(const struct chime_message *m)
{
    const char *level = chime_message_text(m, LINE_LEVEL), *text = chime_message_text(m, LINE_TEXT);
    double time = chime_message_number(m, LINE_TIME);
    time_t second = (time_t)time;
    struct tm local;
    char date[64];
    if (!localtime_r(&second, &local) || strftime(date, sizeof date, "%F %T", &local) == 0) date[0] = 0;
    printf("%s.%03d %-7s ", date, (int)((time - (double)second) * 1e3), level);
    cli_print_text(text ? text : "");
    putchar('\n');
}

static void show(struct view *v, const struct chime_message *m)
{
    if (is_wanted(v, m)) {
        if (v->cli->json) {
            json_t *object = json_object();
            for (size_t i = 0; i < N_LINE_COLUMNS; i++)
                cli_json_set(object, line_columns[i].name, cli_json_argument(m, i));
            cli_print_json(object);
        } else {
            print_line(m);
        }
        fflush(stdout);
    }
    v->last_n = chime_message_int(m, LINE_N);
    v->last_time = chime_message_number(m, LINE_TIME);
}

/// Asks for the lines that the daemon keeps, and shows those that are new: the last `most` of them.
static enum chime_status show_kept(struct view *v, size_t most, struct chime_message **answer)
{
    struct cli_list list = {"/log/line", line_columns, N_LINE_COLUMNS, NULL, 0, 0};
    struct chime_message *m = cli_message("/log/lines");
    enum chime_status status =
        chime_call(v->cli->chime, m, -1, cli_timeout(v->cli, CLI_QUICK_S), cli_list_add, &list, answer);
    size_t n = 0;
    for (size_t i = 0; i < list.n_items; i++)
        n += is_wanted(v, list.items[i]);
    for (size_t i = 0; i < list.n_items && status == CHIME_OK; i++) {
        bool is_counted = is_wanted(v, list.items[i]);
        if (is_counted && n-- > most) continue;
        if (is_new(v, list.items[i])) show(v, list.items[i]);
    }
    cli_list_free(&list);
    chime_message_free(m);
    return status;
}

// ---- following ----

static enum chime_status subscribe(struct view *v, struct chime_message **answer)
{
    struct chime_message *m = cli_message("/subscribe");
    chime_add_text(m, "/log");
    chime_add_float(m, 0.1f);
    chime_add_float(m, (float)LEASE_S);
    enum chime_status status =
        chime_call(v->cli->chime, m, -1, cli_timeout(v->cli, CLI_QUICK_S), NULL, NULL, answer);
    chime_message_free(m);
    return status;
}

/// Shows what comes until it is time to ask again.
static enum chime_status show_events(struct view *v)
{
    for (double left_s = RENEW_S; left_s > 0 && !cli_screen_stopped() && !ferror(stdout);) {
        struct chime_message *m;
        enum chime_status status = chime_receive(v->cli->chime, LOOK_S, &m);
        if (status == CHIME_TIMEOUT) left_s -= LOOK_S;
        if (status == CHIME_OK && strcmp(chime_message_path(m), "/log") == 0 && is_new(v, m)) show(v, m);
        chime_message_free(m);
        if (status != CHIME_OK && status != CHIME_TIMEOUT && status != CHIME_INTERRUPTED) return status;
    }
    return CHIME_OK;
}

/// The daemon has gone, or hangs: until it is back, or Ctrl-C.
static void wait_for_daemon(struct view *v)
{
    fprintf(stderr, "chime: the daemon has gone; waiting for it\n");
    chime_close(v->cli->chime);
    v->cli->chime = NULL;
    while (cli_screen_wait(LOOK_S) && chime_open(v->cli->url, &v->cli->chime) != CHIME_OK) {
    }
}

static int follow(struct view *v, size_t most)
{
    cli_screen_catch();
    while (!cli_screen_stopped() && !ferror(stdout)) {
        struct chime_message *answer = NULL;
        enum chime_status status = subscribe(v, &answer);
        if (status == CHIME_OK) {
            chime_message_free(answer);
            answer = NULL;
            status = show_kept(v, most, &answer);
        }
        most = SIZE_MAX; // what came while we were not connected is shown whole
        if (status == CHIME_OK) status = show_events(v);
        bool is_gone = status == CHIME_NO_DAEMON || status == CHIME_TIMEOUT;
        int result = is_gone || cli_screen_stopped() ? CLI_DONE : cli_failed(v->cli, status, answer, "log");
        chime_message_free(answer);
        if (result != CLI_DONE) return result;
        if (is_gone && !cli_screen_stopped()) wait_for_daemon(v);
        if (!v->cli->chime) break; // Ctrl-C
    }
    return CLI_DONE;
}

// ---- the command ----

static int set_level(struct cli *cli, const char *level)
{
    struct chime_message *m = cli_message("/log/level");
    chime_add_text(m, level);
    return cli_call(cli, m, &(struct cli_call){.what = level}, NULL);
}

int cmd_log(struct cli *cli)
{
    const char *level = cli->value[OPTION_log_level], *lines = cli->value[OPTION_log_lines];
    const char *set = cli->value[OPTION_log_set_level];
    bool follows = cli->value[OPTION_log_follow] != NULL;
    int32_t most = follows ? FOLLOW_LINES : INT32_MAX;
    struct view v = {.cli = cli, .level = level ? find_level(level) : N_LEVELS};
    struct chime_message *answer = NULL;
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    if (level && v.level == N_LEVELS) return cli_usage(cli, "--level wants error, warning, info or debug");
    if (lines && (!cli_integer(lines, &most) || most < 0)) return cli_usage(cli, "--lines wants a number");
    int result = cli_connect(cli);
    if (result == CLI_DONE && set) result = set_level(cli, set);
    if (result != CLI_DONE || (set && !follows && !lines && !level)) return result;
    if (follows) return follow(&v, (size_t)most);
    result = cli_failed(cli, show_kept(&v, (size_t)most, &answer), answer, "log");
    chime_message_free(answer);
    return result;
}
