// SPDX-License-Identifier: MIT
// cmd_list.c - chime list and bus: what is loaded, what plays, and the buses.
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

static const struct column sound_columns[] = {
    {"name", COLUMN_TEXT},      {"channels", COLUMN_WHOLE}, {"frames", COLUMN_WHOLE},
    {"rate", COLUMN_WHOLE},     {"format", COLUMN_TEXT},    {"bytes", COLUMN_BYTES},
    {"n_voices", COLUMN_WHOLE}, {"state", COLUMN_TEXT},     {"file_rate", COLUMN_WHOLE},
};
static const struct column voice_columns[] = {
    {"id", COLUMN_WHOLE},       {"sound", COLUMN_TEXT},      {"bus", COLUMN_TEXT},   {"gain", COLUMN_TENTHS},
    {"pan", COLUMN_HUNDREDTHS}, {"rate", COLUMN_HUNDREDTHS}, {"state", COLUMN_TEXT},
};

// Asks for one list; prints it as a table, or puts it into `json` under `key`.
static int one_list(struct cli *cli, const char *method, struct cli_list *list, const char *key, json_t *json)
{
    struct cli_call how = {.each = cli_list_add, .context = list};
    int result = cli_call(cli, cli_message(method), &how, NULL);
    if (result == CLI_DONE) {
        if (json)
            cli_json_set(json, key, cli_list_json(list));
        else if (list->n_items == 0)
            printf("no %s\n", key);
        else
            cli_list_print(list);
    }
    cli_list_free(list);
    return result;
}

int cmd_list(struct cli *cli)
{
    const char *which = cli->n_words ? cli->words[0] : NULL;
    if (cli->n_words > 1 || (which && strcmp(which, "sounds") != 0 && strcmp(which, "voices") != 0))
        return cli_usage(cli, "lists sounds or voices");
    struct cli_list sounds = {
        "/sound/info", sound_columns, sizeof sound_columns / sizeof *sound_columns, NULL, 0, 0};
    struct cli_list voices = {
        "/voice/info", voice_columns, sizeof voice_columns / sizeof *voice_columns, NULL, 0, 0};
    json_t *json = cli->json ? json_object() : NULL;
    int result = CLI_DONE;
    if (!which || *which == 's') result = one_list(cli, "/sound/list", &sounds, "sounds", json);
    if (!which && !json && result == CLI_DONE) putchar('\n');
    if (result == CLI_DONE && (!which || *which == 'v'))
        result = one_list(cli, "/voice/list", &voices, "voices", json);
    if (json && result == CLI_DONE)
        cli_print_json(json);
    else
        json_decref(json);
    return result;
}

// ---- buses ----

static int bus_new(struct cli *cli)
{
    if (cli->n_words < 2 || cli->n_words > 3)
        return cli_usage(cli, "new wants a name, and perhaps its parent's");
    struct chime_message *m = cli_message("/bus/new");
    for (size_t i = 1; i < cli->n_words; i++)
        chime_add_text(m, cli->words[i]);
    struct chime_message *keys = cli_message("/bus/set");
    size_t n_keys = cli_add_keys(cli, keys);
    chime_message_free(keys);
    if (n_keys > 0) {
        chime_message_free(m);
        return cli_usage(cli, "options go with set, not with new");
    }
    return cli_plain(cli, m, &(struct cli_call){.what = cli->words[1]});
}

static int bus_set(struct cli *cli)
{
    if (cli->n_words < 2) return cli_usage(cli, "set wants the name of a bus");
    struct chime_message *m = cli_message("/bus/set");
    chime_add_text(m, cli->words[1]);
    int result = cli_add_settings(cli, m, 2);
    if (result == CLI_DONE) return cli_plain(cli, m, &(struct cli_call){.what = cli->words[1]});
    chime_message_free(m);
    return result;
}

int cmd_bus(struct cli *cli)
{
    const char *what = cli->n_words ? cli->words[0] : "";
    if (strcmp(what, "new") == 0) return bus_new(cli);
    if (strcmp(what, "set") == 0) return bus_set(cli);
    if (*what) return cli_usage(cli, "'%s' is neither new nor set", what);
    struct cli_list buses = {"/bus/info", bus_columns, N_BUS_COLUMNS, NULL, 0, 0};
    json_t *json = cli->json ? json_object() : NULL;
    int result = one_list(cli, "/bus/list", &buses, "buses", json);
    if (json && result == CLI_DONE)
        cli_print_json(json);
    else
        json_decref(json);
    return result;
}
