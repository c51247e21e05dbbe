// SPDX-License-Identifier: MIT
// doctor_show.c - chime doctor: its findings on one screen, or as JSON.
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clients/doctor.h"

#define SEVERITY_WIDTH 8
#define TOPIC_WIDTH    14
#define INDENT         (SEVERITY_WIDTH + TOPIC_WIDTH)

static const char *const colours[N_SEVERITIES] = {"\033[32m", "\033[36m", "\033[33m", "\033[1;31m"};

struct page {
    bool is_terminal;
    int columns;
};

static bool is_fact(enum topic topic)
{
    enum { FOLDED, FACT };
    static const unsigned char shown[] = {
#define TOPIC(id, shown, doc) shown,
#include "clients/doctor.def"
    };
    return shown[topic] == FACT;
}

// ---- text ----

static struct page open_page(void)
{
    struct winsize size;
    struct page p = {.is_terminal = isatty(STDOUT_FILENO), .columns = 80};
    if (p.is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        p.columns = size.ws_col;
    return p;
}

static void print_head(const struct page *p, enum severity severity, const char *topic)
{
    if (p->is_terminal) fputs(colours[severity], stdout);
    printf("%-*s", SEVERITY_WIDTH, doctor_severity_name(severity));
    if (p->is_terminal) fputs("\033[0m", stdout);
    for (int i = 0; i < TOPIC_WIDTH; i++)
        putchar(*topic == '_' ? ' ' : *topic ? *topic : ' '), topic += *topic != 0;
}

static void print_finding(const struct page *p, const struct finding *f)
{
    print_head(p, f->severity, doctor_topic_name(f->topic));
    cli_print_words(f->text, INDENT, INDENT, p->columns);
    putchar('\n');
    if (!f->remedy[0]) return;
    // In one piece, so that it can be copied; the terminal breaks it.
    printf("%*s", SEVERITY_WIDTH, "");
    if (p->is_terminal) fputs("\033[1m", stdout);
    cli_print_text(f->remedy);
    if (p->is_terminal) fputs("\033[0m", stdout);
    putchar('\n');
}

/// "ok  kernel, clock, ...": the topics whose every finding is fine and was not shown.
static void print_folded(const struct page *p, const struct doctor *d)
{
    bool is_fine[N_TOPICS] = {false}, any = false;
    char names[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < d->n_findings; i++)
        is_fine[d->findings[i].topic] = !is_fact(d->findings[i].topic);
    for (size_t i = 0; i < d->n_findings; i++)
        if (d->findings[i].severity > SEVERITY_FINE) is_fine[d->findings[i].topic] = false;
    for (int topic = 0; topic < N_TOPICS; topic++) {
        if (!is_fine[topic]) continue;
        int written = snprintf(names + n, sizeof names - n, "%s%s", any ? ", " : "",
                               doctor_topic_name((enum topic)topic));
        n += written > 0 ? (size_t)written : 0;
        any = true;
    }
    if (!any) return;
    for (char *c = names; *c; c++)
        if (*c == '_') *c = ' ';
    print_head(p, SEVERITY_FINE, "and");
    int at = cli_print_words(names, INDENT, INDENT, p->columns);
    if (at + 28 > p->columns) printf("\n%*s", INDENT - 1, "");
    puts(" (--verbose tells of these)");
}

static void print_verdict(const struct page *p, const struct doctor *d)
{
    static const char *const verdicts[N_SEVERITIES] = {
        "This machine can make sound without dropouts.",
        "This machine can make sound without dropouts; see the notes.",
        "This machine makes sound; dropouts are possible until the warnings are seen to.",
        "This machine cannot make sound as it should: see the problems.",
    };
    enum severity worst = doctor_worst(d);
    printf("\n%s%s%s\n", p->is_terminal ? colours[worst] : "", verdicts[worst],
           p->is_terminal ? "\033[0m" : "");
}

void doctor_show(const struct doctor *d, bool all)
{
    struct page p = open_page();
    for (int severity = SEVERITY_FAILURE; severity >= SEVERITY_FINE; severity--)
        for (size_t i = 0; i < d->n_findings; i++) {
            const struct finding *f = &d->findings[i];
            bool is_shown = severity > SEVERITY_FINE || all || is_fact(f->topic);
            if ((int)f->severity == severity && is_shown) print_finding(&p, f);
        }
    if (!all) print_folded(&p, d);
    print_verdict(&p, d);
}

// ---- JSON ----

static json_t *finding_object(const struct finding *f)
{
    json_t *object = json_object();
    bool is_command = f->remedy[0] == '#' || f->remedy[0] == '$';
    cli_json_set(object, "topic", cli_json_text(doctor_topic_name(f->topic)));
    cli_json_set(object, "severity", cli_json_text(doctor_severity_name(f->severity)));
    cli_json_set(object, "text", cli_json_text(f->text));
    cli_json_set(object, "remedy", cli_json_text(f->remedy + (is_command ? 2 : 0)));
    cli_json_set(object, "as_root", json_boolean(f->remedy[0] == '#'));
    return object;
}

void doctor_show_json(const struct doctor *d)
{
    json_t *list = json_array(), *all = json_object();
    for (size_t i = 0; i < d->n_findings; i++)
        json_array_append_new(list, finding_object(&d->findings[i]));
    cli_json_set(all, "verdict", cli_json_text(doctor_severity_name(doctor_worst(d))));
    cli_json_set(all, "findings", list);
    cli_print_json(all);
}
