// SPDX-License-Identifier: MIT
// generate_osc.c - the OSC reference, as Markdown and as a man page.
#include <string.h>

#include "docs/tables.h"

#define EXAMPLE_URL "osc.udp://127.0.0.1:57300"

// What is true of all methods, one paragraph each. Backquotes are code.
static const char *const about_sending[] = {
    "chimed takes Open Sound Control (OSC 1.0 and the argument types of 1.1) as datagrams: on a UNIX socket, "
    "`$XDG_RUNTIME_DIR/chimed/chimed.sock` or `/run/chimed/chimed.sock`, and on UDP port 57300 of 127.0.0.1. "
    "A packet has at most 65,536 bytes, bundles nest at most 8 deep, and a message has at most 64 arguments.",
    "A method takes its arguments by their place first, then pairs of a key and a value in any order. "
    "Numbers "
    "may come as any numeric OSC type that loses nothing.",
    "Over the UNIX socket, /play and /sound/load may come with an open file descriptor (SCM_RIGHTS). The "
    "sound is "
    "then read from the descriptor and the path is only its name: so a client plays what it can read, though "
    "the "
    "daemon cannot.",
};
static const char *const about_answers[] = {
    "Every message is answered to its sender, by exactly one `/done path ...` or `/error path code text`; "
    "/sync n by "
    "`/synced n`. The items of a list come before its /done, several in one bundle where they fit.",
    "A client that sent `notify 1` with /play gets `/started id` when the voice is heard and `/ended id "
    "reason` when "
    "it is not any more.",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool has_rows(enum method_id method)
{
    for (size_t i = 0; i < n_taken; i++) {
        if (taken[i].method == method) return true;
    }
    return false;
}

// ---- Markdown ----

// "Starts and ends" to the name of its heading's anchor.
static void print_anchor(FILE *to, const char *path)
{
    for (; *path; path++) {
        if (*path != '/') fputc(*path, to);
    }
}

static void markdown_row(FILE *to, const struct taken *t)
{
    const struct param *p = &params[t->param];
    fprintf(to, "| `%s` | %s | ", p->name, t->is_key ? "key" : "by place");
    print_range(to, p);
    fputs(" | ", to);
    print_markdown(to, t->is_key ? t->otherwise : t->required ? "required" : "may be left out");
    fputs(" | ", to);
    print_markdown(to, p->doc);
    fputs(" |\n", to);
}

static void markdown_method(FILE *to, enum method_id id)
{
    const struct method *m = &methods[id];
    fprintf(to, "\n### %s\n\n", m->path);
    print_markdown(to, m->doc);
    fputs("\n\n", to);
    if (has_rows(id)) {
        fputs("| argument | given | range | default | meaning |\n|---|---|---|---|---|\n", to);
        for (size_t i = 0; i < n_taken; i++) {
            if (taken[i].method == id) markdown_row(to, &taken[i]);
        }
        fputc('\n', to);
    }
    // Behind a comma stands when the answer comes, which is no part of it.
    size_t answer = strcspn(m->answer, ",");
    fprintf(to, "Answer: `%.*s`%s\n\n```\n", (int)answer, m->answer, m->answer + answer);
    const char *space = *m->example ? " " : "";
    fprintf(to, "chime send %s%s%s\noscsend %s %s%s", m->path, space, m->example, EXAMPLE_URL, m->path,
            space);
    print_types(to, m->example);
    fprintf(to, "%s%s\n```\n", space, m->example);
}

static void markdown_paragraphs(FILE *to, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        print_markdown(to, texts[i]);
        fputs("\n\n", to);
    }
}

void write_osc_markdown(FILE *to)
{
    fputs("# chimed: OSC reference\n\n"
          "Written from `engine/osc/api.def` by the build; version " CHIMED_VERSION ".\n\n",
          to);
    markdown_paragraphs(to, about_sending, COUNT(about_sending));
    fputs("## Answers\n\n", to);
    markdown_paragraphs(to, about_answers, COUNT(about_answers));
    fputs("## Methods\n\n", to);
    for (size_t i = 0; i < N_METHODS; i++) {
        fprintf(to, "- [%s](#", methods[i].path);
        print_anchor(to, methods[i].path);
        fputs("): ", to);
        print_markdown(to, methods[i].doc);
        fputc('\n', to);
    }
    for (size_t i = 0; i < N_METHODS; i++)
        markdown_method(to, (enum method_id)i);
    fputs("\n## Errors\n\nThe code that stands behind the path in `/error path code text`. The text is for "
          "people.\n\n"
          "| code | meaning |\n|---|---|\n",
          to);
    for (size_t i = 0; i < n_errors; i++)
        fprintf(to, "| `%s` | %s |\n", errors[i].code, errors[i].doc);
}

// ---- man page ----

static void man_row(FILE *to, const struct taken *t)
{
    const struct param *p = &params[t->param];
    char range[128] = "";
    FILE *text = fmemopen(range, sizeof range, "w");
    if (text) {
        print_range(text, p);
        fclose(text);
    }
    fprintf(to, ".TP\n.B %s\n", p->name);
    print_roff(to, p->doc);
    fputs(" (", to);
    print_roff(to, range);
    fputs(t->is_key ? "; key; default: " : "; by place; ", to);
    print_roff(to, t->is_key ? t->otherwise : t->required ? "required" : "may be left out");
    fputs(").\n", to);
}

static void man_method(FILE *to, enum method_id id)
{
    const struct method *m = &methods[id];
    fprintf(to, ".SS %s\n", m->path);
    print_roff(to, m->doc);
    fputc('\n', to);
    for (size_t i = 0; i < n_taken; i++) {
        if (taken[i].method == id) man_row(to, &taken[i]);
    }
    size_t answer = strcspn(m->answer, ",");
    fprintf(to, ".PP\nAnswer:\n\\fB%.*s\\fR", (int)answer, m->answer);
    print_roff(to, m->answer + answer);
    fputs("\n.PP\n.EX\nchime send ", to);
    print_roff(to, m->path);
    fputc(*m->example ? ' ' : '\n', to);
    if (*m->example) print_roff(to, m->example);
    fputs(*m->example ? "\n.EE\n" : ".EE\n", to);
}

static void man_paragraphs(FILE *to, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0) fputs(".PP\n", to);
        print_roff(to, texts[i]);
        fputc('\n', to);
    }
}

void write_osc_man(FILE *to)
{
    fputs(".\\\" Written from engine/osc/api.def by the build.\n"
          ".TH CHIMED\\-OSC 7 \"\" \"chimed " CHIMED_VERSION "\" \"chimed\"\n"
          ".SH NAME\nchimed\\-osc \\- the OSC methods of the sound engine chimed\n.SH DESCRIPTION\n",
          to);
    man_paragraphs(to, about_sending, COUNT(about_sending));
    fputs(".SH ANSWERS\n", to);
    man_paragraphs(to, about_answers, COUNT(about_answers));
    fputs(".SH METHODS\n", to);
    for (size_t i = 0; i < N_METHODS; i++)
        man_method(to, (enum method_id)i);
    fputs(".SH ERRORS\nThe code that stands behind the path in\n.BR /error .\n", to);
    for (size_t i = 0; i < n_errors; i++) {
        fprintf(to, ".TP\n.B %s\n", errors[i].code);
        print_roff(to, errors[i].doc);
        fputc('\n', to);
    }
    fputs(".SH EXAMPLES\nFrom any OSC sender:\n.PP\n.EX\noscsend " EXAMPLE_URL " ", to);
    fprintf(to, "%s ", methods[METHOD_PLAY].path);
    print_types(to, methods[METHOD_PLAY].example);
    fputc(' ', to);
    print_roff(to, methods[METHOD_PLAY].example);
    fputs("\n.EE\n.SH SEE ALSO\n.BR chime (1),\n.BR chimed (8),\n.BR chimed.conf (5)\n", to);
}
