// SPDX-License-Identifier: MIT
// generate_osc.c - the OSC reference, as Markdown and as a man page.
#include <string.h>

#include "docs/tables.h"

#define EXAMPLE_URL "osc.udp://127.0.0.1:57300"

// What is true of all methods, one paragraph each. Backquotes are code.
static const char *const about_sending[] = {
    "chimed takes Open Sound Control (OSC 1.0, and the argument types of 1.1) on sockets of its own: UNIX "
    "datagrams and "
    "UNIX streams under `$XDG_RUNTIME_DIR/chimed` or `/run/chimed`, UDP and TCP on port 57300 of the "
    "loopback "
    "interface. On streams a packet stands behind its length (OSC 1.0) or between SLIP's ENDs (OSC 1.1), or "
    "is a line "
    "of text; the first bytes tell which. A packet has at most 65,536 bytes, bundles nest at most 8 deep, "
    "and a message "
    "has at most 64 arguments.",
    "A method takes its arguments by their place first, then pairs of a key and a value in any order. "
    "Numbers may come "
    "as any numeric OSC type that loses nothing. A path may be a pattern (`?`, `*`, `[a-z]`, `{a,b}`, `//`): "
    "the "
    "message then goes to every method that it matches, and each answers for itself: one that refuses it "
    "does "
    "not keep the others from being done.",
    "The messages of a bundle are done at the same frame, in their order, all of them or none, "
    "those included whose paths are patterns.",
    "As a line of text a message is its path, whose first `/` may be left out, and its arguments: "
    "`play bell gain -6`. A word that is a number is one; \"quoted words\" are text; answers come as lines "
    "of the same "
    "kind. `nc -U` and `socat` do for a client.",
    "Voices are called by the number or text that a client chooses with `id`, or else by a number from "
    "1,000,000 on. All clients share these ids, so that one can stop what another has begun.",
    "Over the UNIX datagram socket, /play and /sound/load may come with an open file descriptor "
    "(SCM_RIGHTS). The sound "
    "is then read from the descriptor and the path is only its name: so a client plays what it can read, "
    "though the "
    "daemon cannot.",
    "A value that says so in its table may be relative: a text that begins with `+` or `-` (`\"+3\"`, "
    "`\"-3\"`; as a line "
    "of text `+3`, and `+-3`, since `-3` is a number there) is added to the value that holds when the "
    "command is done.",
};
static const char *const about_time[] = {
    "A message without a time tag sounds one period after it came in: always that, not somewhere within the "
    "next "
    "period. A message in a bundle with a time tag (NTP time; the machines' clocks should agree) sounds one "
    "period "
    "after that time, hours ahead if need be, at its exact frame. Methods marked *timed* can be scheduled "
    "so, and they "
    "all take these keys:",
    "`at`: seconds from now, for clients that send no bundles. `immediate 1`: at the start of the next "
    "period. "
    "`policy play` (the default) or `policy drop`: what becomes of a command that comes after its time; "
    "either way its "
    "sender gets `/late path id frames`. `tag`: a name of 1 to 31 bytes that /clear takes commands back by.",
    "/time tells how the audio clock stands. When the system's clock jumps, what is scheduled keeps its "
    "distance from "
    "now, and subscribers of `/clock/step` hear of it.",
};
static const char *const about_answers[] = {
    "Every message is answered to its sender, by exactly one `/done path ...` or `/error path code text`; "
    "/sync n by "
    "`/synced n`, /hello by `/hello token`. A scheduled command is answered when it is accepted. The items "
    "of a list "
    "come before its /done.",
    "A last argument `#n` (`\"#17\"`) is no argument of the method: it comes back as the last one of the "
    "answer.",
    "When one message of a bundle is refused, nothing of the bundle is done: the bad one answers its error, "
    "with its "
    "index in the bundle (from 0) as one more argument, and each of the others answers `not_done`.",
    "Several answers to one client may come in one bundle. Over UDP no datagram is longer than 1400 bytes: a "
    "longer "
    "list comes as several bundles that each begin with `/part path i`, counted from 0, the last one with "
    "`/part path i n_parts`.",
    "A client that sent `notify 1` with /play gets `/started id` when the voice is heard and `/ended id "
    "reason` when it "
    "is not any more.",
};
static const char *const about_roles[] = {
    "Each client has a role: *read* looks, *play* also plays and changes, *admin* also ends the daemon. Root "
    "and the "
    "daemon's own user are admin on the UNIX sockets; all others are what [access] in chimed.conf(5) says, "
    "by socket, "
    "user and group.",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_relative(enum method_id method, enum param_id param)
{
    for (size_t i = 0; i < n_relatives; i++) {
        if (relatives[i].method == method && relatives[i].param == param) return true;
    }
    return false;
}

/// "unknown_voice, full", each between `before` and `after`. Returns how many.
static size_t print_failures(FILE *to, enum method_id method, const char *before, const char *after)
{
    size_t n = 0;
    for (size_t i = 0; i < n_failures; i++) {
        if (failures[i].method != method) continue;
        fprintf(to, "%s%s%s%s", n++ ? ", " : "", before, errors[failures[i].error].code, after);
    }
    return n;
}

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
    fputs(is_relative(t->method, t->param) ? "; may be relative |\n" : " |\n", to);
}

static void markdown_method(FILE *to, enum method_id id)
{
    const struct method *m = &methods[id];
    fprintf(to, "\n### %s\n\n", m->path);
    print_markdown(to, m->doc);
    fprintf(to, "\n\nRole: %s%s\n\n", m->role, m->is_timed ? "; timed" : "");
    if (has_rows(id)) {
        fputs("| argument | given | range | default | meaning |\n|---|---|---|---|---|\n", to);
        for (size_t i = 0; i < n_taken; i++) {
            if (taken[i].method == id) markdown_row(to, &taken[i]);
        }
        fputc('\n', to);
    }
    // Behind a comma stands when the answer comes, which is no part of it.
    size_t answer = strcspn(m->answer, ",");
    fprintf(to, "Answer: `%.*s`%s\n\nErrors: ", (int)answer, m->answer, m->answer + answer);
    fputs(print_failures(to, id, "`", "`") ? ", and those of any method\n\n```\n"
                                           : "those of any method\n\n```\n",
          to);
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

/// The name of a metric as it stands in OpenMetrics: "xruns cause=late" is chimed_xruns_total{cause="late"}.
static void print_metric(FILE *to, const char *type, const char *metric)
{
    const char *suffix = strcmp(type, "COUNTER") == 0 ? "_total" : strcmp(type, "INFO") == 0 ? "_info" : "";
    const char *label = strchr(metric, ' '), *value = label ? strchr(label, '=') : NULL;
    if (strcmp(type, "NONE") == 0) return;
    fprintf(to, "`chimed_%.*s%s", (int)strcspn(metric, " "), metric, suffix);
    if (value) fprintf(to, "{%.*s=\"%s\"}", (int)(value - label - 1), label + 1, value + 1);
    fputc('`', to);
}

static void markdown_figures(FILE *to)
{
    fputs("\n## Figures of /status\n\n`chime metrics` and chimed-metrics give them the names of the last "
          "column."
          "\n\n| name | unit | what | metric |\n|---|---|---|---|\n",
          to);
    for (size_t i = 0; i < n_figures; i++) {
        fprintf(to, "| `%s` | %s | ", figures[i].name, figures[i].unit);
        print_markdown(to, figures[i].doc);
        fputs(" | ", to);
        print_metric(to, figures[i].type, figures[i].metric);
        fputs(" |\n", to);
    }
}

static void markdown_other_metrics(FILE *to)
{
    fputs("\n## Other metrics\n\n| metric | labels | what | from |\n|---|---|---|---|\n", to);
    for (size_t i = 0; i < n_other_metrics; i++) {
        const struct other_metric *m = &other_metrics[i];
        fputs("| ", to);
        print_metric(to, m->type, m->metric);
        fprintf(to, " | %s | ", m->labels);
        print_markdown(to, m->doc);
        fprintf(to, " | `%s` |\n", m->path);
    }
}

void write_osc_markdown(FILE *to)
{
    fputs("# chimed: OSC reference\n\n"
          "Written from `engine/osc/api.def` by the build; version " CHIMED_VERSION ".\n\n",
          to);
    markdown_paragraphs(to, about_sending, COUNT(about_sending));
    fputs("## Time\n\n", to);
    markdown_paragraphs(to, about_time, COUNT(about_time));
    fputs("## Answers\n\n", to);
    markdown_paragraphs(to, about_answers, COUNT(about_answers));
    fputs("## Roles\n\n", to);
    markdown_paragraphs(to, about_roles, COUNT(about_roles));
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
    fputs("\n## Events\n\nWhat the daemon sends to who has asked for it with /subscribe.\n\n| path | "
          "arguments and meaning |\n"
          "|---|---|\n",
          to);
    for (size_t i = 0; i < n_events; i++)
        fprintf(to, "| `%s` | %s |\n", events[i].path, events[i].doc);
    markdown_figures(to);
    markdown_other_metrics(to);
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
    fputs(is_relative(t->method, t->param) ? "; may be relative).\n" : ").\n", to);
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
    fprintf(to, "\n.br\nRole: %s%s.\n.br\nErrors: ", m->role, m->is_timed ? "; timed" : "");
    fputs(print_failures(to, id, "\\fB", "\\fR") ? ", and those of any method.\n" : "those of any method.\n",
          to);
    fputs(".PP\n.EX\nchime send ", to);
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
    fputs(".SH TIME\n", to);
    man_paragraphs(to, about_time, COUNT(about_time));
    fputs(".SH ANSWERS\n", to);
    man_paragraphs(to, about_answers, COUNT(about_answers));
    fputs(".SH ROLES\n", to);
    man_paragraphs(to, about_roles, COUNT(about_roles));
    fputs(".SH METHODS\n", to);
    for (size_t i = 0; i < N_METHODS; i++)
        man_method(to, (enum method_id)i);
    fputs(".SH EVENTS\nWhat the daemon sends to who has asked for it with\n.BR /subscribe .\n", to);
    for (size_t i = 0; i < n_events; i++) {
        fprintf(to, ".TP\n.B %s\n", events[i].path);
        print_roff(to, events[i].doc);
        fputc('\n', to);
    }
    fputs(".SH FIGURES OF /STATUS\n", to);
    for (size_t i = 0; i < n_figures; i++) {
        fprintf(to, ".TP\n.B %s\n", figures[i].name);
        print_roff(to, figures[i].doc);
        fprintf(to, "%s%s%s\n", *figures[i].unit ? " (" : "", figures[i].unit, *figures[i].unit ? ")" : "");
    }
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
