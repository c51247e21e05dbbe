// SPDX-License-Identifier: MIT
// cmd_metrics.c - chime metrics: the daemon's figures as text that Prometheus and its like read.
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"
#include "clients/metrics.h"

static enum metrics_format find_format(const char *name)
{
    enum metrics_format f = METRICS_OPENMETRICS;
    while (f < N_METRICS_FORMATS && strcmp(metrics_format_name(f), name) != 0)
        f++;
    return f;
}

int cmd_metrics(struct cli *cli)
{
    const char *name = cli->value[OPTION_metrics_format];
    enum metrics_format format = name ? find_format(name) : METRICS_OPENMETRICS;
    struct chime_message *answer = NULL;
    struct metrics m = {0};
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    if (format == N_METRICS_FORMATS) return cli_usage(cli, "--format wants openmetrics or prometheus");
    int result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    enum chime_status status = metrics_collect(&m, cli->chime, cli_timeout(cli, CLI_QUICK_S), &answer);
    result = cli_failed(cli, status, answer, "metrics");
    if (result == CLI_DONE) metrics_write(&m, format, stdout);
    chime_message_free(answer);
    metrics_free(&m);
    return result;
}
