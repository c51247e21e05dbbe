// SPDX-License-Identifier: MIT
// cmd_backend.c - chime backend: tells the chain of backends, or switches to another one.
#include <stdio.h>

#include "clients/cli.h"

enum { BACKEND_NAME, BACKEND_STATE, BACKEND_REASON, N_BACKEND_COLUMNS };
static const struct column backend_columns[N_BACKEND_COLUMNS] = {
    {"name", COLUMN_TEXT}, {"state", COLUMN_TEXT}, {"reason", COLUMN_TEXT}};

int cmd_backend(struct cli *cli)
{
    if (cli->n_words > 1) return cli_usage(cli, "wants one backend, or 'auto'");
    struct cli_list list = {
        .path = "/backend/info", .columns = backend_columns, .n_columns = N_BACKEND_COLUMNS};
    struct chime_message *m = cli_message("/backend"), *answer;
    const char *what = cli->n_words > 0 ? cli->words[0] : NULL;
    if (what) chime_add_text(m, what);
    struct cli_call how = {.what = what, .slow = true, .each = cli_list_add, .context = &list};
    int result = cli_call(cli, m, &how, &answer);
    if (result == CLI_DONE && cli->json && !what)
        cli_print_json(cli_list_json(&list));
    else if (result == CLI_DONE && cli->json)
        cli_print_message(cli, answer);
    else if (result == CLI_DONE && !what)
        cli_list_print(&list);
    chime_message_free(answer);
    cli_list_free(&list);
    return result;
}
