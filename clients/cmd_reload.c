// SPDX-License-Identifier: MIT
// cmd_reload.c - chime reload: has the daemon read its configuration again, and shows what has changed.
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

enum { RELOAD_KEY, RELOAD_OLD, RELOAD_NEW, RELOAD_EFFECT, N_RELOAD_COLUMNS };
static const struct column reload_columns[N_RELOAD_COLUMNS] = {
    {"key", COLUMN_TEXT}, {"old", COLUMN_TEXT}, {"new", COLUMN_TEXT}, {"effect", COLUMN_TEXT}};

static void print_value(const struct chime_message *m, size_t i)
{
    const char *text = chime_message_text(m, i);
    cli_print_text(text && *text ? text : "(empty)");
}

/// "[output] period: 256 -> 128".
static void print_change(const struct chime_message *m)
{
    const char *effect = chime_message_text(m, RELOAD_EFFECT);
    print_value(m, RELOAD_KEY);
    fputs(": ", stdout);
    print_value(m, RELOAD_OLD);
    fputs(" -> ", stdout);
    print_value(m, RELOAD_NEW);
    puts(effect && strcmp(effect, "restart") == 0 ? "; takes effect after a restart" : "");
}

int cmd_reload(struct cli *cli)
{
    if (cli->n_words > 0) return cli_usage(cli, "wants no arguments");
    struct cli_list list = {.path = "/reload/info", .columns = reload_columns, .n_columns = N_RELOAD_COLUMNS};
    struct cli_call how = {.slow = true, .each = cli_list_add, .context = &list};
    struct chime_message *answer;
    int result = cli_call(cli, cli_message("/reload"), &how, &answer);
    if (result == CLI_DONE && cli->json) {
        cli_print_json(cli_list_json(&list));
    } else if (result == CLI_DONE) {
        for (size_t i = 0; i < list.n_items; i++)
            print_change(list.items[i]);
        if (list.n_items == 0) puts("nothing has changed");
    }
    chime_message_free(answer);
    cli_list_free(&list);
    return result;
}
