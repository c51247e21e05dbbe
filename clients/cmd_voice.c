// SPDX-License-Identifier: MIT
// cmd_voice.c - chime stop, fade, pause, resume, seek and set: what happens to playing voices.
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

static void print_count(const struct cli *cli, const char *what, int64_t n)
{
    if (cli->json) {
        json_t *object = json_object();
        cli_json_set(object, what, json_integer(n));
        cli_print_json(object);
    } else {
        printf("%s %lld %s\n", what, (long long)n, n == 1 ? "voice" : "voices");
    }
}

// One command for each word; all voices when there is none.
static int each_voice(struct cli *cli, const char *path, const char *did)
{
    static const char *const all[] = {"all"};
    const char *const *words = cli->n_words ? cli->words : all;
    size_t n_words = cli->n_words ? cli->n_words : 1;
    int64_t n_voices = 0;
    int result = CLI_DONE;
    for (size_t i = 0; i < n_words; i++)
        if (cli_check_voice(cli, words[i]) != CLI_DONE) return CLI_USAGE;
    for (size_t i = 0; i < n_words; i++) {
        struct chime_message *m = cli_message(path), *answer;
        cli_add_voice(m, words[i]);
        cli_add_keys(cli, m);
        char what[64];
        snprintf(what, sizeof what, "%s %s", cli->command->name, words[i]);
        int one = cli_call(cli, m, &(struct cli_call){.what = what}, &answer);
        if (one == CLI_DONE)
            n_voices += chime_message_int(answer, 1);
        else
            result = one;
        chime_message_free(answer);
        if (one != CLI_DONE && one != CLI_REFUSED) return one;
    }
    if (result == CLI_DONE || n_voices > 0) print_count(cli, did, n_voices);
    return result;
}

int cmd_stop(struct cli *cli)
{
    if ((cli->value[OPTION_stop_bus] || cli->value[OPTION_stop_sound]) && cli->n_words > 0 &&
        strcmp(cli->words[0], "all") != 0)
        return cli_usage(cli, "--bus and --sound choose among all voices, so no id goes with them");
    return each_voice(cli, "/stop", "stopped");
}

int cmd_pause(struct cli *cli)
{
    return each_voice(cli, "/pause", "paused");
}

int cmd_resume(struct cli *cli)
{
    return each_voice(cli, "/resume", "resumed");
}

static int one_voice(struct cli *cli, struct chime_message *m)
{
    return cli_plain(cli, m, &(struct cli_call){.what = cli->words[0]});
}

int cmd_fade(struct cli *cli)
{
    double seconds = 0, to = 0;
    const char *gain = cli->value[OPTION_fade_to];
    if (cli->n_words != 2) return cli_usage(cli, "wants the id of a voice, and seconds");
    if (cli_check_voice(cli, cli->words[0]) != CLI_DONE) return CLI_USAGE;
    if (!cli_number(cli->words[1], &seconds)) return cli_usage(cli, "'%s' are no seconds", cli->words[1]);
    struct chime_message *m = cli_message(gain ? "/voice/set" : "/stop");
    cli_add_voice(m, cli->words[0]);
    if (gain && cli_number(gain, &to)) {
        chime_add_text(m, "gain");
        chime_add_float(m, (float)to);
    }
    chime_add_text(m, gain ? "ramp" : "fade");
    chime_add_float(m, (float)seconds);
    return one_voice(cli, m);
}

int cmd_seek(struct cli *cli)
{
    if (cli->n_words != 2) return cli_usage(cli, "wants the id of a voice, and seconds");
    if (cli_check_voice(cli, cli->words[0]) != CLI_DONE) return CLI_USAGE;
    if (!cli_change(cli->words[1])) return cli_usage(cli, "'%s' are no seconds", cli->words[1]);
    struct chime_message *m = cli_message("/seek");
    cli_add_voice(m, cli->words[0]);
    cli_add_change(m, cli->words[1]);
    return one_voice(cli, m);
}

int cmd_set(struct cli *cli)
{
    if (cli->n_words == 0) return cli_usage(cli, "wants the id of a voice");
    if (cli_check_voice(cli, cli->words[0]) != CLI_DONE) return CLI_USAGE;
    struct chime_message *m = cli_message("/voice/set");
    cli_add_voice(m, cli->words[0]);
    int result = cli_add_settings(cli, m, 1);
    if (result == CLI_DONE) return one_voice(cli, m);
    chime_message_free(m);
    return result;
}
