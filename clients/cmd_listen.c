// SPDX-License-Identifier: MIT
// cmd_listen.c - chime listen: what the daemon tells its subscribers, line by line, until Ctrl-C.
#include <stdio.h>

#include "clients/cli.h"

/// Seconds that the daemon goes on without hearing from us, and after which we let it hear.
#define LEASE_S 10.0
#define RENEW_S 4.0

static const char *const everything[] = {"//"};

static void print_event(const struct chime_message *m, void *cli)
{
    cli_print_message(cli, m);
    fflush(stdout);
}

/// Asks for events, or for more of them. CLI_DONE, or an exit code with the message printed.
static int subscribe(struct cli *cli, const char *pattern)
{
    const char *interval = cli->value[OPTION_listen_interval];
    double interval_s = 0.1;
    if (interval && !cli_number(interval, &interval_s)) return cli_usage(cli, "--interval wants seconds");
    struct chime_message *m = cli_message("/subscribe");
    chime_add_text(m, pattern);
    chime_add_float(m, (float)interval_s);
    chime_add_float(m, (float)LEASE_S);
    return cli_call(cli, m, &(struct cli_call){.what = pattern, .each = print_event, .context = cli}, NULL);
}

static int subscribe_all(struct cli *cli, const char *const *patterns, size_t n)
{
    int result = CLI_DONE;
    for (size_t i = 0; i < n && result == CLI_DONE; i++)
        result = subscribe(cli, patterns[i]);
    return result;
}

/// Prints what comes until it is time to renew.
static enum chime_status print_events(struct cli *cli)
{
    double left_s = RENEW_S, step_s = 0.2;
    while (left_s > 0 && !cli_screen_stopped() && !ferror(stdout)) {
        struct chime_message *m;
        enum chime_status status = chime_receive(cli->chime, step_s, &m);
        if (status == CHIME_OK) {
            print_event(m, cli);
            chime_message_free(m);
        } else if (status != CHIME_TIMEOUT && status != CHIME_INTERRUPTED) {
            return status;
        }
        left_s -= step_s; // or less: sooner is as good
    }
    return CHIME_OK;
}

int cmd_listen(struct cli *cli)
{
    const char *const *patterns = cli->n_words > 0 ? cli->words : everything;
    size_t n = cli->n_words > 0 ? cli->n_words : 1;
    cli_screen_catch();
    int result = cli_connect(cli);
    while (result == CLI_DONE && !cli_screen_stopped() && !ferror(stdout)) {
        result = subscribe_all(cli, patterns, n);
        if (result == CLI_DONE) result = cli_failed(cli, print_events(cli), NULL, "listen");
    }
    return cli_screen_stopped() ? CLI_DONE : result;
}
