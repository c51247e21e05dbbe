// SPDX-License-Identifier: MIT
// doctor_daemon.c - chime doctor: the daemon as it says that it is: health, output, load, xruns.
#include <stdio.h>
#include <string.h>

#include "clients/doctor.h"
#include "clients/status_view.h"

// ---- none answers ----

/// The file of the socket that was tried; "" when it has none.
static const char *socket_path(const struct doctor *d, char *url, size_t size)
{
    static const char prefix[] = "://";
    if (chime_resolve_url(d->cli->url, url, size) != CHIME_OK) return "";
    const char *path = strstr(url, prefix);
    return path && path[sizeof prefix - 1] == '/' ? path + sizeof prefix - 1 : "";
}

static void find_none(struct doctor *d)
{
    char remedy[96], url[256];
    const char *path = socket_path(d, url, sizeof url);
    d->daemon_pid = doctor_find_process(d, "chimed");
    snprintf(remedy, sizeof remedy, "# usermod -aG audio %.40s", doctor_user_name());
    if (d->is_denied)
        doctor_find(d, SEVERITY_WARNING, TOPIC_daemon, remedy,
                    "the daemon's socket is closed to you; after this, log in anew");
    else if (d->daemon_pid && path[0] && !doctor_exists(d, path))
        doctor_find(d, SEVERITY_WARNING, TOPIC_daemon, doctor_restart_sockets(d),
                    "process %d is a chimed, but there is no socket %.108s: somebody has removed it, or it "
                    "has another one (--url)",
                    d->daemon_pid, path);
    else if (d->daemon_pid)
        doctor_find(d, SEVERITY_WARNING, TOPIC_daemon, doctor_restart(d),
                    "process %d is a chimed, but none answers here: it hangs, or has another socket (--url)",
                    d->daemon_pid);
    else
        doctor_find(d, SEVERITY_WARNING, TOPIC_daemon, doctor_restart(d),
                    "none answers, or: chimed & (the rest is about the machine alone)");
}

// ---- health ----

static void look_at_health(struct doctor *d)
{
    const char *version = cli_pair_text(d->status, "version"), *health = cli_pair_text(d->status, "health");
    const char *why = cli_pair_text(d->status, "health_why");
    char up[32];
    status_uptime_text(up, sizeof up, cli_pair_number(d->status, "uptime"));
    bool is_well = health[0] == 0 || strcmp(health, "healthy") == 0;
    bool is_dead = strcmp(health, "stalled") == 0 || strcmp(health, "silent") == 0;
    doctor_find(d,
                is_well   ? SEVERITY_FINE
                : is_dead ? SEVERITY_FAILURE
                          : SEVERITY_WARNING,
                TOPIC_daemon, is_well ? NULL : "$ chime status", "chimed %.20s, up %s%s%.12s%s%.512s",
                version, up, health[0] ? ", " : "", health, why[0] ? ": " : "", why);
    if (strcmp(version, CHIMED_VERSION) != 0)
        doctor_find(d, SEVERITY_NOTE, TOPIC_daemon, doctor_restart(d),
                    "the daemon is version %.20s, this chime " CHIMED_VERSION, version);
}

// ---- output ----

static void look_at_output(struct doctor *d)
{
    const char *wanted = cli_pair_text(d->status, "backend_wanted");
    snprintf(d->backend, sizeof d->backend, "%s", cli_pair_text(d->status, "backend"));
    snprintf(d->device, sizeof d->device, "%s", cli_pair_text(d->status, "device"));
    d->rate_hz = cli_pair_number(d->status, "rate");
    d->period_frames = cli_pair_number(d->status, "period");
    bool is_null = strcmp(d->backend, "null") == 0 || d->backend[0] == 0;
    bool is_chosen = is_null && strcmp(wanted, "null") == 0;
    double ms = d->rate_hz > 0 ? d->period_frames / d->rate_hz * 1e3 : 0;
    if (is_null)
        doctor_find(
            d, SEVERITY_FAILURE, TOPIC_output,
            is_chosen ? "[output] backend = auto in chimed.conf, or --backend auto; then restart the daemon"
                      : doctor_journal(d, "backend|alsa|jack"),
            "no sound leaves: a timer plays (%.0f Hz, %.0f frames)%s%.60s", d->rate_hz, d->period_frames,
            is_chosen ? ", as it was told to" : ", and is to make way for ", is_chosen ? "" : wanted);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_output, NULL,
                    "%.20s on %.100s, %.0f Hz, period %.0f frames (%.1f ms)", d->backend, d->device,
                    d->rate_hz, d->period_frames, ms);
}

// ---- load ----

static void look_at_load(struct doctor *d)
{
    double load = cli_pair_number(d->status, "load"), worst = cli_pair_number(d->status, "load_worst");
    bool is_high = load > 0.7 || worst > 0.9;
    doctor_find(d, is_high ? SEVERITY_WARNING : SEVERITY_FINE, TOPIC_load,
                is_high ? "longer [output] period, fewer voices, or quality linear; then restart the daemon"
                        : NULL,
                "%.1f %% of the period on average, %.1f %% at worst", load * 100, worst * 100);
    if (cli_pair_number(d->status, "clipped") > 0)
        doctor_find(d, SEVERITY_NOTE, TOPIC_load, "$ chime bus set master --gain -6",
                    "%.0f samples went beyond full scale and were limited",
                    cli_pair_number(d->status, "clipped"));
}

/// Whose fault most of them were, and what helps against that.
static void look_at_xruns(struct doctor *d)
{
    double all = cli_pair_number(d->status, "xruns"), ours = cli_pair_number(d->status, "xruns_ours");
    double late = cli_pair_number(d->status, "xruns_late"),
           device = cli_pair_number(d->status, "xruns_device");
    double hours = cli_pair_number(d->status, "uptime") / 3600;
    if (all <= 0) {
        doctor_find(d, SEVERITY_FINE, TOPIC_xruns, NULL, "none since the start");
        return;
    }
    const char *remedy =
        ours >= late && ours >= device
            ? "longer [output] period, fewer voices, or quality linear; then restart the daemon"
        : late >= device ? "$ chime bench latency"
                         : "one more of [output] periods in chimed.conf; then restart the daemon";
    // One in an hour is no state to report as bad: a card that was pulled out is one, too.
    doctor_find(d, all > 1 + hours ? SEVERITY_WARNING : SEVERITY_NOTE, TOPIC_xruns, remedy,
                "%.0f in %.1f h: %.0f because a block took too long, %.0f because of late wake-ups, %.0f in "
                "the device",
                all, hours, ours, late, device);
}

void doctor_look_at_daemon(struct doctor *d)
{
    if (!d->status) {
        find_none(d);
        return;
    }
    if (chime_is_local(d->cli->chime)) d->daemon_pid = (int)cli_pair_number(d->status, "pid");
    look_at_health(d);
    look_at_output(d);
    look_at_load(d);
    look_at_xruns(d);
}
