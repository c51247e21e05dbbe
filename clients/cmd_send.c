// SPDX-License-Identifier: MIT
// cmd_send.c - chime send: any OSC message, typed by the look of its words.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli.h"

// Adds "x:WORD" as the type that the letter says. CLI_USAGE when the word is no such number.
static int add_forced(const struct cli *cli, struct chime_message *m, const char *word)
{
    const char *text = word + 2;
    char *end;
    double number;
    errno = 0;
    switch (word[0]) {
    case 's': chime_add_text(m, text); return CLI_DONE;
    case 'i':
    case 'h': {
        long long wide = strtoll(text, &end, 10);
        if (!*text || *end || errno || (word[0] == 'i' && (wide < INT32_MIN || wide > INT32_MAX)))
            return cli_usage(cli, "'%s' is no whole number of %d bits", text, word[0] == 'i' ? 32 : 64);
        if (word[0] == 'i')
            chime_add_int(m, (int32_t)wide);
        else
            chime_add_long(m, wide);
        return CLI_DONE;
    }
    default: // f and d also take inf and nan, to see what the daemon says to them
        number = strtod(text, &end);
        if (!*text || *end) return cli_usage(cli, "'%s' is no number", text);
        if (word[0] == 'f')
            chime_add_float(m, (float)number);
        else
            chime_add_double(m, number);
        return CLI_DONE;
    }
}

static int add_word(const struct cli *cli, struct chime_message *m, const char *word)
{
    int32_t whole;
    double number;
    if (word[0] && word[1] == ':' && strchr("sifhd", word[0])) return add_forced(cli, m, word);
    if (cli_integer(word, &whole))
        chime_add_int(m, whole);
    else if (cli_number(word, &number))
        chime_add_float(m, (float)number);
    else
        chime_add_text(m, word);
    return CLI_DONE;
}

static void print_each(const struct chime_message *m, void *cli)
{
    cli_print_message(cli, m);
}

int cmd_send(struct cli *cli)
{
    if (cli->n_words == 0) return cli_usage(cli, "which path? For example /ping");
    if (cli->words[0][0] != '/')
        return cli_usage(cli, "a path begins with /, and '%s' does not", cli->words[0]);
    struct chime_message *m = cli_message(cli->words[0]), *answer;
    int result = CLI_DONE;
    for (size_t i = 1; i < cli->n_words && result == CLI_DONE; i++)
        result = add_word(cli, m, cli->words[i]);
    if (result != CLI_DONE) {
        chime_message_free(m);
        return result;
    }
    result = cli_call(cli, m, &(struct cli_call){.slow = true, .each = print_each, .context = cli}, &answer);
    if (result == CLI_DONE) cli_print_message(cli, answer);
    chime_message_free(answer);
    return result;
}
