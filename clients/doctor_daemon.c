// SPDX-License-Identifier: MIT
// doctor_daemon.c - chime doctor: the daemon as it runs: what it plays on, its load, its limits.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/doctor.h"

#define MAX_PAIRS 128

/// What /status told.
struct pairs {
    char name[MAX_PAIRS][32];
    char text[MAX_PAIRS][128];
    size_t n;
};

/// Pairs stand behind the path in "/done /status name value ..." and alone in list items.
static void take_pairs(const struct chime_message *m, void *context)
{
    struct pairs *p = context;
    size_t first = strcmp(chime_message_path(m), "/done") == 0 ? 1 : 0;
    for (size_t i = first; i + 1 < chime_message_count(m) && p->n < MAX_PAIRS; i += 2) {
        const char *name = chime_message_text(m, i), *text = chime_message_text(m, i + 1);
        if (!name) return;
        snprintf(p->name[p->n], sizeof p->name[0], "%s", name);
        if (text)
            snprintf(p->text[p->n], sizeof p->text[0], "%s", text);
        else
            snprintf(p->text[p->n], sizeof p->text[0], "%.9g", chime_message_number(m, i + 1));
        p->n++;
    }
}

static const char *text_of(const struct pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->name[i], name) == 0) return p->text[i];
    return "";
}

static double number_of(const struct pairs *p, const char *name)
{
    return strtod(text_of(p, name), NULL);
}

static bool ask(struct doctor *d, struct pairs *p)
{
    struct chime_message *m = chime_message_new("/status"), *answer = NULL;
    bool good = m && chime_call(d->chime, m, -1, d->timeout_s, take_pairs, p, &answer) == CHIME_OK;
    if (good) take_pairs(answer, p);
    chime_message_free(m);
    chime_message_free(answer);
    return good;
}

// ---- what it plays on ----

static void look_at_backend(struct doctor *d, const struct pairs *p)
{
    const char *backend = text_of(p, "backend"), *version = text_of(p, "version");
    double rate = number_of(p, "rate"), period = number_of(p, "period");
    doctor_find(d, strcmp(version, CHIMED_VERSION) == 0 ? SEVERITY_FINE : SEVERITY_NOTE, "daemon",
                strcmp(version, CHIMED_VERSION) == 0 ? NULL : "restart the daemon: systemctl restart chimed",
                "chimed %.20s, up for %.0f s (this is chime " CHIMED_VERSION ")", version,
                number_of(p, "uptime"));
    bool is_null = strcmp(backend, "null") == 0 || backend[0] == 0;
    doctor_find(d, is_null ? SEVERITY_FAILURE : SEVERITY_FINE, "output",
                is_null ? "chimed --backend auto; chime log tells why no device was taken" : NULL,
                "%s%.100s, %.0f Hz, %.0f frames (%.1f ms)", is_null ? "no sound leaves: " : "",
                text_of(p, "device"), rate, period, rate > 0 ? period / rate * 1e3 : 0);
}

static void look_at_load(struct doctor *d, const struct pairs *p)
{
    double load = number_of(p, "load"), worst = number_of(p, "load_worst"), xruns = number_of(p, "xruns");
    bool is_high = worst > 0.9;
    doctor_find(d, is_high ? SEVERITY_WARNING : SEVERITY_FINE, "load",
                is_high ? "a longer period ([output] period), fewer voices, or quality linear" : NULL,
                "%.1f %% of the period on average, %.1f %% at worst", load * 100, worst * 100);
    doctor_find(d, xruns > 0 ? SEVERITY_WARNING : SEVERITY_FINE, "xruns",
                xruns > 0 ? "a longer period, or one more ([output] periods); see the findings below" : NULL,
                "%.0f since the start", xruns);
    if (number_of(p, "clipped") > 0)
        doctor_find(d, SEVERITY_NOTE, "clipping", "chime bus set master --gain -6",
                    "%.0f samples went beyond full scale", number_of(p, "clipped"));
}

// ---- its own limits ----

/// "Max realtime priority     95                   95                  ": the soft limit; -1: unlimited.
static long long limit_of(const char *line)
{
    const char *at = line + 26; // proc(5): the name takes 26 columns
    return strlen(line) < 27 ? 0 : strncmp(at, "unlimited", 9) == 0 ? -1 : atoll(at);
}

static void look_at_limits(struct doctor *d)
{
    char path[64], full[PATH_MAX], line[256];
    long long priority = 0, locked = 0;
    snprintf(path, sizeof path, "/proc/%d/limits", (int)d->daemon_pid);
    FILE *f = fopen(doctor_path(d, path, full), "re");
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "Max realtime priority", 21) == 0) priority = limit_of(line);
        if (strncmp(line, "Max locked memory", 17) == 0) locked = limit_of(line);
    }
    fclose(f);
    doctor_find(d, priority == 0 ? SEVERITY_NOTE : SEVERITY_FINE, "its limits",
                priority == 0
                    ? "LimitRTPRIO=95 in the unit (systemctl edit chimed); in a container: --ulimit rtprio=95"
                    : NULL,
                "real-time priority up to %lld, locked memory %s", priority,
                locked < 0 ? "without limit" : "limited");
}

/// The policy of each of the daemon's threads: field 41 of stat, 1 being SCHED_FIFO (proc(5), sched.h).
static void look_at_scheduling(struct doctor *d, const struct pairs *p)
{
    char path[96], line[512];
    int policy = 0, priority = 0;
    int thread = (int)number_of(p, "rt_thread");
    if (thread == 0) return;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)d->daemon_pid, thread);
    if (!doctor_read_line(d, path, line, sizeof line)) return;
    const char *at = strrchr(line, ')');
    for (int field = 2; at && field < 40; field++)
        at = strchr(at + 1, ' ');
    if (at) sscanf(at, "%d %d", &priority, &policy);
    bool is_realtime = policy == 1 || policy == 2;
    doctor_find(d, is_realtime ? SEVERITY_FINE : SEVERITY_FAILURE, "audio thread",
                is_realtime
                    ? NULL
                    : "give the daemon the right: LimitRTPRIO=95 in its unit, or limits.d for a user's",
                is_realtime ? "runs with real-time priority %d"
                            : "has no real-time priority (%d): any busy program can hold it up",
                priority);
}

void doctor_look_at_daemon(struct doctor *d)
{
    static struct pairs p;
    if (!d->chime || !ask(d, &p)) {
        doctor_find(d, SEVERITY_WARNING, "daemon", "systemctl start chimed, or: chimed --backend auto &",
                    "none answers; the findings below are about the machine alone");
        return;
    }
    d->daemon_pid = (int32_t)number_of(&p, "pid");
    look_at_backend(d, &p);
    look_at_load(d, &p);
    if (d->daemon_pid == 0 || !chime_is_local(d->chime)) return;
    look_at_scheduling(d, &p);
    look_at_limits(d);
}
