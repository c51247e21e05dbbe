// SPDX-License-Identifier: MIT
// chime.c - the client program: finds the subcommand, parses its options, runs it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli.h"

const struct cli_command cli_commands[N_COMMANDS] = {
#define COMMAND(id, words, doc) {#id, words, doc, cmd_##id},
#include "clients/commands.def"
};

const struct cli_option cli_options[N_OPTIONS] = {
#define OPTION(command, id, kind, value, key, doc) {#id, value, key, doc, COMMAND_##command, kind},
#include "clients/commands.def"
};

int main(int argc, char **argv)
{
    struct cli cli = {.timeout_s = -1};
    cli.words = calloc((size_t)argc + 1, sizeof *cli.words);
    if (!cli.words) {
        fputs("chime: out of memory\n", stderr);
        return CLI_REFUSED;
    }
    int result = cli_parse(&cli, argc, argv);
    if (result == CLI_DONE) {
        if (cli.help)
            cli_help(&cli);
        else if (cli.version)
            puts("chime " CHIMED_VERSION);
        else if (!cli.command)
            result = cli_usage(&cli, "which command?");
        else
            result = cli.command->run(&cli);
    }
    if (result == CLI_DONE && (fflush(stdout) != 0 || ferror(stdout))) {
        fputs("chime: cannot write the output\n", stderr);
        result = CLI_REFUSED;
    }
    chime_close(cli.chime);
    free(cli.words);
    return result;
}
