// SPDX-License-Identifier: MIT
// cmd_status.c - chime status, ping, time, clear, sync and quit: the daemon itself.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clients/status_view.h"

#define PERIOD_S 1.0 // of --watch

static int no_words(const struct cli *cli)
{
    return cli->n_words ? cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]) : CLI_DONE;
}

// Name, value, name, value and so on, in the daemon's order.
static void print_pairs(const struct cli *cli, const struct chime_message *answer)
{
    if (cli->json) {
        json_t *object = json_object();
        cli_json_pairs(object, answer);
        cli_print_json(object);
        return;
    }
    for (size_t i = 1; i + 1 < chime_message_count(answer); i += 2) {
        cli_print_pair(answer, i);
        putchar('\n');
    }
}

// The exit code says how the daemon is; it has printed the same.
static int verdict(const struct chime_message *status)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {{"degraded", CLI_DEGRADED},
                 {"recovering", CLI_RECOVERING},
                 {"stalled", CLI_STALLED},
                 {"silent", CLI_SILENT}};
    const char *health = cli_pair_text(status, "health");
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
        if (strcmp(codes[k].name, health) == 0) return codes[k].code;
    return CLI_DONE;
}

// For people on a terminal, what fits one screen; else all figures, a line each, as programs read them.
static void show(const struct cli *cli, struct cli_screen *s, const struct chime_message *status)
{
    bool is_terminal = isatty(STDOUT_FILENO);
    if (cli->json || cli->value[OPTION_status_all] || !is_terminal) {
        print_pairs(cli, status);
        return;
    }
    cli_screen_begin(s);
    status_view(s, status, is_terminal);
    cli_screen_end(s);
}

static int show_once(struct cli *cli, struct cli_screen *s)
{
    struct chime_message *status, *answer = NULL;
    int result = cli_failed(cli, cli_ask_status(cli, &status, &answer), answer, "/status");
    if (result == CLI_DONE) {
        show(cli, s, status);
        result = verdict(status);
    }
    chime_message_free(status);
    chime_message_free(answer);
    return result;
}

int cmd_status(struct cli *cli)
{
    struct cli_screen s = {0};
    bool is_again = cli->value[OPTION_status_watch];
    int result = no_words(cli);
    if (result == CLI_DONE) result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    if (!is_again) return show_once(cli, &s);
    cli_screen_open(&s, cli);
    do {
        result = show_once(cli, &s);
    } while ((result == CLI_DONE || result >= CLI_DEGRADED) && cli_screen_wait(PERIOD_S));
    cli_screen_close(&s);
    return cli_screen_stopped() ? CLI_DONE : result;
}

int cmd_ping(struct cli *cli)
{
    struct timespec before, after;
    int result = no_words(cli);
    if (result == CLI_DONE) result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    clock_gettime(CLOCK_MONOTONIC, &before);
    result = cli_call(cli, cli_message("/ping"), &(struct cli_call){0}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (result != CLI_DONE) return result;
    double ms =
        (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) * 1e-6;
    if (cli->json) {
        json_t *object = json_object();
        cli_json_set(object, "round_trip_ms", json_real(ms));
        cli_print_json(object);
    } else {
        printf("answered in %.3f ms\n", ms);
    }
    return CLI_DONE;
}

int cmd_sync(struct cli *cli)
{
    int result = no_words(cli);
    if (result != CLI_DONE) return result;
    struct chime_message *m = cli_message("/sync");
    chime_add_int(m, 1);
    return cli_plain(cli, m, &(struct cli_call){.slow = true});
}

// The answer's values with the names that they have here.
int cmd_time(struct cli *cli)
{
    static const char *const names[] = {"frame",  "ntp",     "rate",      "rate_ppm",
                                        "period", "latency", "scheduled", "scheduled_max"};
    struct chime_message *answer;
    int result = no_words(cli);
    if (result == CLI_DONE) result = cli_call(cli, cli_message("/time"), &(struct cli_call){0}, &answer);
    if (result != CLI_DONE) return result;
    json_t *object = cli->json ? json_object() : NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && i + 1 < chime_message_count(answer); i++) {
        double value = chime_message_number(answer, i + 1);
        char type = chime_message_type(answer, i + 1);
        bool is_whole = type == 'i' || type == 'h';
        if (object)
            cli_json_set(object, names[i],
                         is_whole ? json_integer(chime_message_int(answer, i + 1)) : json_real(value));
        else if (is_whole)
            printf("%-18s %lld\n", names[i], (long long)chime_message_int(answer, i + 1));
        else
            printf("%-18s %.6f\n", names[i], value);
    }
    if (object) cli_print_json(object);
    chime_message_free(answer);
    return CLI_DONE;
}

int cmd_clear(struct cli *cli)
{
    if (cli->n_words > 1) return cli_usage(cli, "wants the id of one voice, one tag, or 'all'");
    if (cli->n_words && cli_check_voice(cli, cli->words[0]) != CLI_DONE) return CLI_USAGE;
    struct chime_message *m = cli_message("/clear"), *answer;
    cli_add_voice(m, cli->n_words ? cli->words[0] : "all");
    int result = cli_call(cli, m, &(struct cli_call){.what = cli->n_words ? cli->words[0] : "all"}, &answer);
    if (result == CLI_DONE && cli->json)
        cli_print_message(cli, answer);
    else if (result == CLI_DONE)
        printf("cleared %lld\n", (long long)chime_message_int(answer, 1));
    chime_message_free(answer);
    return result;
}

int cmd_quit(struct cli *cli)
{
    int result = no_words(cli);
    return result == CLI_DONE ? cli_plain(cli, cli_message("/quit"), &(struct cli_call){0}) : result;
}
