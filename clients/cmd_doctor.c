// SPDX-License-Identifier: MIT
// cmd_doctor.c - chime doctor: can this machine make sound without dropouts, and if not, why and what to
// type.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/doctor.h"

// ---- findings ----

void doctor_find(struct doctor *d, enum severity severity, enum topic topic, const char *remedy,
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

enum severity doctor_worst(const struct doctor *d)
{
    enum severity worst = SEVERITY_FINE;
    for (size_t i = 0; i < d->n_findings; i++)
        if (d->findings[i].severity > worst) worst = d->findings[i].severity;
    return worst;
}

const char *doctor_topic_name(enum topic topic)
{
    static const char *const names[] = {
#define TOPIC(id, shown, doc) #id,
#include "clients/doctor.def"
    };
    return names[topic];
}

const char *doctor_severity_name(enum severity severity)
{
    static const char *const names[] = {"ok", "note", "warning", "problem"};
    return names[severity];
}

// ---- the command ----

/// Nobody there is a finding, not a failure of the command.
static void connect_quietly(struct doctor *d)
{
    enum chime_status status = chime_open(d->cli->url, &d->cli->chime);
    d->is_denied = status == CHIME_DENIED;
    if (status != CHIME_OK) return;
    status = cli_ask_status(d->cli, &d->status, NULL);
    d->is_denied = status == CHIME_DENIED;
}

static void look(struct doctor *d)
{
    doctor_list_processes(d);
    doctor_look_at_daemon(d);
    doctor_look_at_process(d);
    doctor_look_at_devices(d);
    doctor_look_at_servers(d);
    doctor_look_at_rights(d);
    doctor_look_at_kernel(d);
    doctor_look_at_processors(d);
    doctor_look_at_system(d);
    doctor_look_at_disk(d);
    doctor_look_at_versions(d);
}

int cmd_doctor(struct cli *cli)
{
    static struct doctor d;
    static const int codes[N_SEVERITIES] = {
        [SEVERITY_FINE] = 0, [SEVERITY_NOTE] = 0, [SEVERITY_WARNING] = 10, [SEVERITY_FAILURE] = 11};
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    const char *root = cli->value[OPTION_doctor_root];
    d.cli = cli;
    d.root = root ? root : "";
    d.sounds = cli->value[OPTION_doctor_sounds];
    connect_quietly(&d);
    look(&d);
    if (cli->json)
        doctor_show_json(&d);
    else
        doctor_show(&d, cli->value[OPTION_doctor_verbose] != NULL);
    chime_message_free(d.status);
    free(d.processes);
    return codes[doctor_worst(&d)];
}
