// SPDX-License-Identifier: MIT
// generate_conf.c - the man page of the configuration file, and the example file.
#include <string.h>

#include "docs/tables.h"

/// Keys that stand once for each value; the table has none of them.
static const struct list_key {
    const char *section, *name, *doc, *value; // value: the default; empty: none
    const char *example;
    bool is_live;
} list_keys[] = {
    {"control", "listen",
     "an address to listen on beside those of this machine, for UDP and TCP; 0.0.0.0 and :: are all of them; "
     "needs "
     "[access] allow_from",
     "", "192.168.1.5", false},
    {"access", "allow_from", "an address or network that may come in over UDP and TCP, beside this machine",
     "", "192.168.1.0/24", true},
    {"paths", "allow",
     "a folder whose sound files may be loaded by their path; stands once for each folder; empty forgets "
     "those before "
     "it",
     "/usr/share/sounds", "/usr/share/sounds", true},
};

static const char *effect(bool is_live)
{
    return is_live ? "takes effect on a reload" : "takes effect after a restart";
}

static bool is_live(const struct config_key *key)
{
    for (size_t i = 0; i < n_live_keys; i++)
        if (strcmp(live_keys[i], key->name) == 0) return true;
    return false;
}

static void print_key_range(FILE *to, const struct config_key *key)
{
    switch (key->kind) {
    case 'i': fprintf(to, "whole number, %.10g to %.10g", key->min, key->max); break;
    case 'f': fprintf(to, "number, %.10g to %.10g", key->min, key->max); break;
    case 't': fprintf(to, "text, at most %.10g", key->max); break;
    default: break;
    }
    if (*key->unit) fprintf(to, " %s", key->unit);
    for (const char *c = key->choices; *c; c++) {
        if (*c == '|')
            fputs(", ", to);
        else
            fputc(*c, to);
    }
}

// ---- man page ----

static void man_key(FILE *to, const struct config_key *key)
{
    fprintf(to, ".TP\n.B %s\n", key->name);
    print_roff(to, key->doc);
    fputs(" (", to);
    print_key_range(to, key);
    fputs("; default: ", to);
    print_roff(to, *key->value ? key->value : "empty");
    fprintf(to, "; %s).\n", effect(is_live(key)));
}

static void man_section(FILE *to, const struct section *s)
{
    fprintf(to, ".SS [%s]\n", s->name);
    print_roff(to, s->doc);
    fputc('\n', to);
    for (size_t i = 0; i < n_config_keys; i++) {
        if (strcmp(config_keys[i].section, s->name) == 0) man_key(to, &config_keys[i]);
    }
    for (size_t i = 0; i < sizeof list_keys / sizeof *list_keys; i++) {
        const struct list_key *key = &list_keys[i];
        if (strcmp(key->section, s->name) != 0) continue;
        fprintf(to, ".TP\n.B %s\n", key->name);
        print_roff(to, key->doc);
        fprintf(to, " (default: %s; %s).\n", *key->value ? key->value : "none", effect(key->is_live));
    }
}

static void man_buses(FILE *to)
{
    fputs(".SS [bus NAME]\nMakes a bus of this name at the start; the section stands once for each bus.\n"
          "The bus\n.B master\nis always there.\nA reload makes new ones and sets what has changed in the "
          "file; another parent "
          "takes effect after a restart, and so does the end of a section.\n",
          to);
    for (size_t i = 0; i < n_bus_keys; i++) {
        const struct param *p = &params[bus_keys[i].param];
        fprintf(to, ".TP\n.B %s\n", bus_keys[i].name);
        print_roff(to, p->doc);
        fputs(" (", to);
        print_range(to, p);
        fputs("; default: ", to);
        print_roff(to, bus_keys[i].otherwise);
        fputs(").\n", to);
    }
}

void write_conf_man(FILE *to)
{
    fputs(".\\\" Written from engine/config.def by the build.\n"
          ".TH CHIMED.CONF 5 \"\" \"chimed " CHIMED_VERSION "\" \"chimed\"\n"
          ".SH NAME\nchimed.conf \\- configuration of the sound engine chimed\n"
          ".SH SYNOPSIS\n.I /etc/chimed/chimed.conf\n.br\n.I $XDG_CONFIG_HOME/chimed/chimed.conf\n"
          ".SH DESCRIPTION\n"
          "An INI file: sections in brackets, and in them lines of the form\n.IR \"name \" = \" value\" .\n"
          "Lines that begin with # or ; are comments.\n"
          "The second file is read over the first;\n.B chimed \\-c\n"
          ".I FILE\nreads that file alone. What stands on the command line wins.\n"
          "An unknown key or a bad value is an error: chimed says file, line and what was expected, and does "
          "not "
          "start.\n.B chimed \\-\\-check\\-config\nreads all, prints the memory that every pool takes, and "
          "leaves.\n.PP\nSIGHUP and\n.B chime reload\nhave a running daemon read the same files again. What "
          "takes effect "
          "then does so while all plays on; what does after a restart is told. When a file has an error, "
          "nothing of it is "
          "applied, and the daemon goes on with what it has.\n",
          to);
    for (size_t i = 0; i < n_sections; i++)
        man_section(to, &sections[i]);
    man_buses(to);
    fputs(".SH EXAMPLES\n.EX\n[output]\nbackend = alsa\ndevice = hw:CARD=PCH\nperiod = 128\n\n[paths]\n"
          "allow = /usr/share/sounds\nallow = /srv/exhibition\n\n[bus music]\ngain = \\-6\n\n"
          "[bus voices]\nout = 3\nwidth = 1\n.EE\n"
          ".SH SEE ALSO\n.BR chimed (8),\n.BR chimed\\-osc (7),\n.BR chime (1)\n",
          to);
}

// ---- example ----

static void example_section(FILE *to, const struct section *s)
{
    fprintf(to, "\n# %s\n[%s]\n", s->doc, s->name);
    for (size_t i = 0; i < n_config_keys; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, s->name) != 0) continue;
        fprintf(to, "\n# %s\n# (", key->doc);
        print_key_range(to, key);
        fprintf(to, "; %s)\n#%s =%s%s\n", effect(is_live(key)), key->name, *key->value ? " " : "",
                key->value);
    }
    for (size_t i = 0; i < sizeof list_keys / sizeof *list_keys; i++) {
        const struct list_key *key = &list_keys[i];
        if (strcmp(key->section, s->name) == 0)
            fprintf(to, "\n# %s\n# (%s)\n#%s = %s\n", key->doc, effect(key->is_live), key->name,
                    *key->value ? key->value : key->example);
    }
}

void write_conf_example(FILE *to)
{
    fputs("# chimed.conf - every key at its default; take away the # to change one. See chimed.conf(5).\n",
          to);
    for (size_t i = 0; i < n_sections; i++)
        example_section(to, &sections[i]);
    fputs("\n# A bus that is made at the start; once for each bus. Its parent is master unless it says "
          "another.\n"
          "#[bus music]\n",
          to);
    for (size_t i = 0; i < n_bus_keys; i++)
        fprintf(to, "#%s = %s\n", bus_keys[i].name, bus_keys[i].otherwise);
}
