// SPDX-License-Identifier: MIT
// cli.c - sorts the command line into command, options and words; usage and help.
#include "clients/cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 22

// ---- numbers ----

bool cli_number(const char *text, double *value)
{
    char *end;
    // strtod() also takes blanks, hexadecimal, inf and nan, which are more likely slips than wishes.
    if (!*text || text[strspn(text, "+-.0123456789eE")]) return false;
    *value = strtod(text, &end);
    return *end == 0 && isfinite(*value);
}

bool cli_integer(const char *text, int32_t *value)
{
    char *end;
    if (!*text || text[strspn(text, "+-0123456789")]) return false;
    errno = 0;
    long wide = strtol(text, &end, 10);
    if (errno || *end || wide < INT32_MIN || wide > INT32_MAX) return false;
    *value = (int32_t)wide;
    return true;
}

bool cli_id(const char *text, int32_t *id)
{
    return cli_integer(text, id) && *id >= 0;
}

// ---- usage and help ----

int cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;
    fputs(cli->command ? "chime " : "chime", stderr);
    if (cli->command) fputs(cli->command->name, stderr);
    fputs(": ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry: chime %s%s--help\n", cli->command ? cli->command->name : "",
            cli->command ? " " : "");
    return CLI_USAGE;
}

static void help_line(const char *left, const char *doc)
{
    printf("  %-*s %s\n", HELP_COLUMN, left, doc);
}

static void help_option(const struct cli_option *option)
{
    char left[64];
    int n = snprintf(left, sizeof left, "--%s %s", option->name, option->value);
    for (int i = 0; i < n && left[i] != ' '; i++) {
        if (left[i] == '_') left[i] = '-';
    }
    help_line(left, option->doc);
}

static void help_common(void)
{
    help_line("--url URL", "osc.unix:///path or osc.udp://host:port/ of the daemon; also in CHIME_URL");
    help_line("--instance, -i NAME", "the daemon chimed@NAME, one of several on this machine");
    help_line("--json", "print JSON, one object a line");
    help_line("--timeout S", "wait at most so many seconds for each answer");
    help_line("--help, -h", "print this and leave");
    help_line("--version, -V", "print the version and leave");
}

void cli_help(const struct cli *cli)
{
    const struct cli_command *command = cli->command;
    if (!command) {
        puts("usage: chime [OPTION...] COMMAND [ARG...]\n\nPlays sounds through chimed.\n\ncommands:");
        for (size_t i = 0; i < N_COMMANDS; i++)
            help_line(cli_commands[i].name, cli_commands[i].doc);
        puts("\noptions of every command:");
        help_common();
        puts("\nchime COMMAND --help tells more.");
        return;
    }
    printf("usage: chime %s [OPTION...]%s%s\n\n%s\n\noptions:\n", command->name, *command->words ? " " : "",
           command->words, command->doc);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (&cli_commands[cli_options[i].command] == command) help_option(&cli_options[i]);
    }
    help_common();
}

// ---- parsing ----

// The option and its value, taken apart: "--gain=-6", or "--gain" and the word behind it.
struct given {
    char name[32];
    const char *value; // NULL: not attached
};

static bool same_name(const char *given, const char *name)
{
    for (; *given && *name; given++, name++) {
        if (*given != *name && !(*given == '-' && *name == '_')) return false;
    }
    return *given == *name;
}

static bool take_apart(const char *word, struct given *given)
{
    size_t length = strcspn(word, "=");
    if (length == 0 || length >= sizeof given->name) return false;
    memcpy(given->name, word, length);
    given->name[length] = 0;
    given->value = word[length] == '=' ? word + length + 1 : NULL;
    return true;
}

static const struct cli_option *find_option(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (&cli_commands[cli_options[i].command] == cli->command && same_name(name, cli_options[i].name))
            return &cli_options[i];
    }
    return NULL;
}

// Every value that is a number is checked here once; the commands then rely on it.
static int check_value(const struct cli *cli, const struct cli_option *option, const char *given,
                       const char *value)
{
    double number;
    int32_t whole;
    switch (option->kind) {
    case NUMBER:
        if (!cli_number(value, &number)) return cli_usage(cli, "--%s wants a number, not '%s'", given, value);
        break;
    case INTEGER:
        if (!cli_integer(value, &whole))
            return cli_usage(cli, "--%s wants a whole number, not '%s'", given, value);
        break;
    case SWITCH:
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return cli_usage(cli, "--%s wants on or off, not '%s'", given, value);
        break;
    case CHANGE:
        if (!cli_change(value))
            return cli_usage(cli, "--%s wants a number, or +N or +-N to add one, not '%s'", given, value);
        break;
    case VOICE: return cli_check_voice(cli, value);
    case FLAG:
    case TEXT: break;
    }
    return CLI_DONE;
}

static int take_instance(struct cli *cli, const char *name)
{
    int n = snprintf(cli->instance_url, sizeof cli->instance_url, "instance:%s", name);
    if (!*name || strchr(name, '/') || (size_t)n >= sizeof cli->instance_url)
        return cli_usage(cli, "--instance wants the name of an instance, such as USB, not '%s'", name);
    cli->url = cli->instance_url;
    return CLI_DONE;
}

// The options that every command has. CLI_DONE also when `name` is none of them: then `*known` is false.
static int take_common(struct cli *cli, const struct given *given, char ***next, bool *known)
{
    const char *name = given->name;
    bool url = strcmp(name, "url") == 0, timeout = strcmp(name, "timeout") == 0;
    bool *flag = strcmp(name, "json") == 0      ? &cli->json
                 : strcmp(name, "help") == 0    ? &cli->help
                 : strcmp(name, "version") == 0 ? &cli->version
                                                : NULL;
    bool instance = strcmp(name, "instance") == 0;
    *known = url || timeout || instance || flag;
    if (flag) {
        if (given->value) return cli_usage(cli, "--%s takes no value", name);
        *flag = true;
    }
    if (!url && !timeout && !instance) return CLI_DONE;
    const char *value = given->value ? given->value : **next ? *(*next)++ : NULL;
    if (!value) return cli_usage(cli, "--%s wants a value", name);
    if (instance) return take_instance(cli, value);
    if (url)
        cli->url = value;
    else if (!cli_number(value, &cli->timeout_s) || cli->timeout_s < 0)
        return cli_usage(cli, "--timeout wants seconds, not '%s'", value);
    return CLI_DONE;
}

static int take_option(struct cli *cli, const char *word, char ***next)
{
    struct given given;
    bool known = false;
    if (!take_apart(word + 2, &given)) return cli_usage(cli, "no option is called '%s'", word);
    const struct cli_option *option = cli->command ? find_option(cli, given.name) : NULL;
    if (!option) {
        int result = take_common(cli, &given, next, &known);
        if (result != CLI_DONE || known) return result;
        return cli_usage(cli, "no option is called --%s%s", given.name,
                         cli->command ? "" : " before the command");
    }
    size_t id = (size_t)(option - cli_options);
    if (cli->value[id]) return cli_usage(cli, "--%s stands twice", given.name);
    if (option->kind == FLAG) {
        if (given.value) return cli_usage(cli, "--%s takes no value", given.name);
        cli->value[id] = "";
        return CLI_DONE;
    }
    cli->value[id] = given.value ? given.value : **next ? *(*next)++ : NULL;
    if (!cli->value[id]) return cli_usage(cli, "--%s wants a value (%s)", given.name, option->value);
    return check_value(cli, option, given.name, cli->value[id]);
}

// A minus before a digit is a number, and a minus alone is a word.
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] && !strchr(".0123456789", word[1]);
}

static int take_short(struct cli *cli, const char *word, char ***next)
{
    if (strcmp(word, "-i") == 0) {
        const char *name = **next ? *(*next)++ : NULL;
        return name ? take_instance(cli, name) : cli_usage(cli, "-i wants a value");
    }
    if (strcmp(word, "-o") == 0 && cli->command && find_option(cli, "output"))
        return take_option(cli, "--output", next);
    if (strcmp(word, "-h") == 0)
        cli->help = true;
    else if (strcmp(word, "-V") == 0)
        cli->version = true;
    else
        return cli_usage(cli, "no option is called '%s'", word);
    return CLI_DONE;
}

static int take_word(struct cli *cli, const char *word)
{
    if (cli->command) {
        cli->words[cli->n_words++] = word;
        return CLI_DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(word, cli_commands[i].name) == 0) cli->command = &cli_commands[i];
    }
    return cli->command ? CLI_DONE : cli_usage(cli, "no command is called '%s'", word);
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
    int result = CLI_DONE;
    bool words_only = false;
    for (char **next = argv + (argc > 0); *next && result == CLI_DONE;) {
        const char *word = *next++;
        // What stands behind the path of `chime send` is for the daemon, whatever it looks like.
        bool raw = words_only || (cli->command == &cli_commands[COMMAND_send] && cli->n_words > 0);
        if (raw || !is_option(word))
            result = take_word(cli, word);
        else if (strcmp(word, "--") == 0)
            words_only = true;
        else
            result = word[1] == '-' ? take_option(cli, word, &next) : take_short(cli, word, &next);
    }
    return result;
}
