// SPDX-License-Identifier: MIT
// cli_voice.c - ids of voices, which are numbers or texts, and values that may be added to the one that
// holds.
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

int cli_check_voice(const struct cli *cli, const char *word)
{
    double number;
    int32_t id;
    size_t n = strlen(word);
    if (n > 0 && n < sizeof((struct cli_voice *)0)->text && (cli_id(word, &id) || !cli_number(word, &number)))
        return CLI_DONE;
    return cli_usage(cli, "'%s' is no id of a voice: a whole number from 0, or a name of 1 to 63 bytes",
                     word);
}

void cli_add_voice(struct chime_message *m, const char *word)
{
    int32_t number;
    if (cli_id(word, &number))
        chime_add_int(m, number);
    else
        chime_add_text(m, word);
}

void cli_add_change(struct chime_message *m, const char *word)
{
    int32_t whole;
    double number;
    if (word[0] == '+') // to be added; "+-3" takes 3 away
        chime_add_text(m, word[1] == '-' ? word + 1 : word);
    else if (cli_integer(word, &whole))
        chime_add_int(m, whole);
    else if (cli_number(word, &number))
        chime_add_float(m, (float)number);
    else
        chime_add_text(m, word);
}

bool cli_change(const char *word)
{
    double number;
    if (word[0] != '+') return cli_number(word, &number);
    return word[1] != '+' && cli_number(word + 1, &number);
}

void cli_voice_read(const struct chime_message *m, size_t i, struct cli_voice *voice)
{
    const char *text = chime_message_text(m, i);
    *voice = (struct cli_voice){.is_text = text != NULL, .number = text ? 0 : chime_message_int(m, i)};
    if (text) snprintf(voice->text, sizeof voice->text, "%s", text);
}

bool cli_voice_is(const struct cli_voice *a, const struct cli_voice *b)
{
    return a->is_text == b->is_text && a->number == b->number && strcmp(a->text, b->text) == 0;
}

void cli_voice_add(struct chime_message *m, const struct cli_voice *voice)
{
    if (voice->is_text)
        chime_add_text(m, voice->text);
    else
        chime_add_int(m, (int32_t)voice->number);
}

void cli_voice_print(const struct cli_voice *voice)
{
    if (voice->is_text)
        cli_print_text(voice->text);
    else
        printf("%lld", (long long)voice->number);
}

json_t *cli_voice_json(const struct cli_voice *voice)
{
    return voice->is_text ? cli_json_text(voice->text) : json_integer(voice->number);
}
