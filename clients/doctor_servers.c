// SPDX-License-Identifier: MIT
// doctor_servers.c - chime doctor: other sound servers that run beside the daemon.
#include <stdio.h>
#include <string.h>

#include "clients/doctor.h"

/// Names of programs as the kernel cuts them.
static bool is_server(const char *name)
{
    static const char *const servers[] = {"pipewire", "pulseaudio", "jackd",   "jackdbus",  "sndiod",
                                          "mpd",      "fluidsynth", "scsynth", "supernova", "snapclient"};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        if (strcmp(name, servers[i]) == 0) return true;
    return false;
}

/// "jackd (77: /usr/bin/jackd), ..."
static void list_servers(const struct doctor *d, char *all, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_processes && n < size; i++) {
        const struct process *p = &d->processes[i];
        char path[64], command[80] = "";
        if (!is_server(p->name)) continue;
        snprintf(path, sizeof path, "/proc/%d/cmdline", p->pid); // ends at its first zero
        doctor_read_line(d, path, command, sizeof command);
        int written = snprintf(all + n, size - n, "%s%s (%d%s%.40s)", n ? ", " : "", p->name, p->pid,
                               command[0] ? ": " : "", command);
        n += written > 0 ? (size_t)written : 0;
    }
}

/// PipeWire takes the place of libjack only where its own library is found first.
static bool is_pipewire_deaf(const struct doctor *d)
{
    return doctor_find_process(d, "pipewire") && !doctor_find_process(d, "jackd") &&
           !doctor_find_process(d, "jackdbus") && strcmp(d->backend, "jack") != 0 &&
           !doctor_exists(d, "/etc/ld.so.conf.d/pipewire-jack-x86_64-linux-gnu.conf") &&
           !doctor_exists(d, "/etc/ld.so.conf.d/pipewire-jack-aarch64-linux-gnu.conf");
}

void doctor_look_at_servers(struct doctor *d)
{
    char all[200] = "";
    list_servers(d, all, sizeof all);
    bool plays = strcmp(d->backend, "alsa") == 0 || strcmp(d->backend, "jack") == 0;
    if (!all[0])
        doctor_find(d, SEVERITY_FINE, TOPIC_servers, NULL, "no other sound server runs");
    else if (plays)
        doctor_find(d, SEVERITY_FINE, TOPIC_servers, NULL, "beside the daemon: %s", all);
    else if (is_pipewire_deaf(d))
        doctor_find(d, SEVERITY_NOTE, TOPIC_servers,
                    "# apt install pipewire-jack && cp /usr/share/doc/pipewire/examples/ld.so.conf.d/"
                    "pipewire-jack-*.conf /etc/ld.so.conf.d/ && ldconfig",
                    "%.100s: to play through PipeWire, its JACK library must be the one that is found; "
                    "then: chime backend jack",
                    all);
    else
        doctor_find(d, SEVERITY_NOTE, TOPIC_servers, "$ chime backend jack",
                    "also running: %s; with JACK or PipeWire, play through it", all);
}
