// SPDX-License-Identifier: MIT
// cli_pairs.c - answers that are names and values: asks for /status, finds a figure, prints them.
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

// ---- asking ----

static void add_pairs(const struct chime_message *m, void *status)
{
    if (strcmp(chime_message_path(m), "/status/info") != 0) return;
    for (size_t i = 0; i < chime_message_count(m); i++)
        cli_copy_argument(status, m, i);
}

enum chime_status cli_ask_status(const struct cli *cli, struct chime_message **status,
                                 struct chime_message **answer)
{
    *status = cli_message("/done");
    chime_add_text(*status, "/status");
    enum chime_status result = cli_ask(cli, cli_message("/status"), add_pairs, *status, answer);
    if (result == CHIME_OK) return result;
    chime_message_free(*status);
    *status = NULL;
    return result;
}

// ---- one figure ----

// Where the value of `name` stands; 0 when it is not told.
static size_t find(const struct chime_message *answer, const char *name)
{
    for (size_t i = 1; answer && i + 1 < chime_message_count(answer); i += 2) {
        const char *told = chime_message_text(answer, i);
        if (told && strcmp(told, name) == 0) return i + 1;
    }
    return 0;
}

bool cli_pair_is_told(const struct chime_message *answer, const char *name)
{
    return find(answer, name) > 0;
}

double cli_pair_number(const struct chime_message *answer, const char *name)
{
    size_t i = find(answer, name);
    return i ? chime_message_number(answer, i) : 0;
}

const char *cli_pair_text(const struct chime_message *answer, const char *name)
{
    size_t i = find(answer, name);
    const char *text = i ? chime_message_text(answer, i) : NULL;
    return text ? text : "";
}

// ---- all of them ----

void cli_print_pair(const struct chime_message *answer, size_t i)
{
    const char *name = chime_message_text(answer, i), *text = chime_message_text(answer, i + 1);
    char type = chime_message_type(answer, i + 1);
    printf("%-18s ", name ? name : "");
    if (text)
        cli_print_text(text);
    else if (type == 'f' || type == 'd')
        printf("%.6g", chime_message_number(answer, i + 1));
    else
        printf("%lld", (long long)chime_message_int(answer, i + 1));
}

void cli_json_pairs(json_t *object, const struct chime_message *answer)
{
    for (size_t i = 1; i + 1 < chime_message_count(answer); i += 2) {
        const char *name = chime_message_text(answer, i);
        if (name) cli_json_set(object, name, cli_json_argument(answer, i + 1));
    }
}
