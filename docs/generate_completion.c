// SPDX-License-Identifier: MIT
// generate_completion.c - the word lists of the shell completion.
#include "docs/tables.h"

enum command_id {
#define COMMAND(id, words, doc) COMMAND_##id,
#include "clients/commands.def"
    N_COMMANDS
};

static const char *const commands[N_COMMANDS] = {
#define COMMAND(id, words, doc) #id,
#include "clients/commands.def"
};

static const struct {
    enum command_id command;
    const char *name, *kind;
} options[] = {
#define OPTION(command, id, kind, value, key, doc) {COMMAND_##command, #id, #kind},
#include "clients/commands.def"
};

static void print_option(FILE *to, const char *name)
{
    fputs("--", to);
    for (; *name; name++)
        fputc(*name == '_' ? '-' : *name, to);
}

static void write_options(FILE *to)
{
    fputs("\n# The options of one command.\n_chime_options()\n{\n    case $1 in\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        bool any = false;
        for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
            if (options[k].command != (enum command_id)i) continue;
            if (!any)
                fprintf(to, "    %s) echo \"", commands[i]);
            else
                fputc(' ', to);
            any = true;
            print_option(to, options[k].name);
        }
        if (any) fputs("\" ;;\n", to);
    }
    fputs("    esac\n}\n", to);
}

static void write_keys(FILE *to)
{
    fputs("\n# The keys that a method takes.\n_chime_keys()\n{\n    case $1 in\n", to);
    for (size_t i = 0; i < N_METHODS; i++) {
        bool any = false;
        for (size_t k = 0; k < n_taken; k++) {
            if (taken[k].method != (enum method_id)i || !taken[k].is_key) continue;
            if (!any) fprintf(to, "    %s) echo \"", methods[i].path);
            fprintf(to, "%s%s", any ? " " : "", params[taken[k].param].name);
            any = true;
        }
        if (methods[i].is_timed && !any) fprintf(to, "    %s) echo \"", methods[i].path);
        if (methods[i].is_timed) fputs(any ? " at immediate policy tag" : "at immediate policy tag", to);
        if (any || methods[i].is_timed) fputs("\" ;;\n", to);
    }
    fputs("    esac\n}\n", to);
}

void write_completion_words(FILE *to)
{
    fputs("\n_chime_commands=\"", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "%s%s", i ? " " : "", commands[i]);
    fputs("\"\n_chime_paths=\"", to);
    for (size_t i = 0; i < N_METHODS; i++)
        fprintf(to, "%s%s", i ? " " : "", methods[i].path);
    fputs("\"\n", to);
    write_options(to);
    write_keys(to);
}
