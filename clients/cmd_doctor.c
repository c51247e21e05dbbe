// SPDX-License-Identifier: MIT
// cmd_doctor.c - chime doctor: can this machine make sound without dropouts, and if not, why and what to
// type.
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli.h"
#include "clients/doctor.h"

static const char *const severity_words[] = {"ok", "note", "warning", "problem"};

// ---- findings ----

void doctor_find(struct doctor *d, enum severity severity, const char *topic, const char *remedy,
                 const char *format, ...)
{
    if (d->n_findings == MAX_FINDINGS) return;
    struct finding *f = &d->findings[d->n_findings++];
    va_list args;
    f->severity = severity;
    f->topic = topic;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    snprintf(f->remedy, sizeof f->remedy, "%s", remedy ? remedy : "");
}

const char *doctor_path(const struct doctor *d, const char *path, char *full)
{
    snprintf(full, PATH_MAX, "%s%s", d->root, path);
    return full;
}

bool doctor_read_line(const struct doctor *d, const char *path, char *line, size_t size)
{
    char full[PATH_MAX];
    FILE *f = fopen(doctor_path(d, path, full), "re");
    bool good = f && fgets(line, (int)size, f);
    if (f) fclose(f);
    if (good) line[strcspn(line, "\n")] = 0;
    return good;
}

bool doctor_read_number(const struct doctor *d, const char *path, long long *number)
{
    char line[64], *end;
    if (!doctor_read_line(d, path, line, sizeof line)) return false;
    *number = strtoll(line, &end, 10);
    return end != line;
}

// ---- output ----

static enum severity worst(const struct doctor *d)
{
    enum severity w = SEVERITY_FINE;
    for (size_t i = 0; i < d->n_findings; i++)
        if (d->findings[i].severity > w) w = d->findings[i].severity;
    return w;
}

static void print_json(const struct doctor *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_findings; i++) {
        const struct finding *f = &d->findings[i];
        json_t *object = json_object();
        cli_json_set(object, "topic", cli_json_text(f->topic));
        cli_json_set(object, "severity", cli_json_text(severity_words[f->severity]));
        cli_json_set(object, "text", cli_json_text(f->text));
        cli_json_set(object, "remedy", cli_json_text(f->remedy));
        json_array_append_new(list, object);
    }
    json_t *all = json_object();
    cli_json_set(all, "verdict", cli_json_text(severity_words[worst(d)]));
    cli_json_set(all, "findings", list);
    cli_print_json(all);
}

static void print_text(const struct doctor *d)
{
    static const char *const verdicts[] = {
        "This machine can make sound without dropouts.",
        "This machine can make sound without dropouts; see the notes.",
        "This machine makes sound; dropouts are possible until the warnings are seen to.",
        "This machine cannot make sound as it should: see the problems.",
    };
    for (size_t i = 0; i < d->n_findings; i++) {
        const struct finding *f = &d->findings[i];
        printf("%-8s %-12s ", severity_words[f->severity], f->topic);
        cli_print_text(f->text);
        putchar('\n');
        if (!f->remedy[0]) continue;
        printf("%-8s %-12s   > ", "", "");
        cli_print_text(f->remedy);
        putchar('\n');
    }
    printf("\n%s\n", verdicts[worst(d)]);
}

/// Nobody there is a finding, not a failure of the command.
static void connect_quietly(struct cli *cli, struct doctor *d)
{
    if (chime_open(cli->url, &cli->chime) != CHIME_OK) return;
    struct chime_message *ping = cli_message("/ping");
    if (chime_call(cli->chime, ping, -1, d->timeout_s, NULL, NULL, NULL) == CHIME_OK) d->chime = cli->chime;
    chime_message_free(ping);
}

int cmd_doctor(struct cli *cli)
{
    static const int codes[] = {
        [SEVERITY_FINE] = 0, [SEVERITY_NOTE] = 0, [SEVERITY_WARNING] = 10, [SEVERITY_FAILURE] = 11};
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    const char *root = cli->value[OPTION_doctor_root];
    struct doctor d = {.root = root ? root : "", .timeout_s = cli_timeout(cli, CLI_QUICK_S)};
    snprintf(d.sound_folder, sizeof d.sound_folder, "/usr/share/sounds");
    connect_quietly(cli, &d);
    doctor_look_at_daemon(&d);
    doctor_look_at_rights(&d);
    doctor_look_at_kernel(&d);
    doctor_look_at_devices(&d);
    doctor_look_at_disk(&d);
    if (cli->json)
        print_json(&d);
    else
        print_text(&d);
    return codes[worst(&d)];
}
