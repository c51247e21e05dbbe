// SPDX-License-Identifier: MIT
// doctor_devices.c - chime doctor: sound cards, who holds them and how they run, and who may open them.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/doctor.h"

struct card {
    int number;
    char id[20], name[100];
    int n_playback; // PCMs that play
    int n_open;     // of their substreams
    int owner;      // process that has one of them open; 0: nobody, or not known
    char place[96]; // of that substream: "/proc/asound/card0/pcm0p/sub0"
    double rate_hz; // in force there
    char format[16];
    int channels, period_frames, buffer_frames;
};

// ---- who holds a substream ----

struct holder {
    char node[64]; // "/dev/snd/pcmC0D0p"
    int pid;
};

static bool is_node(struct doctor *d, const char *folder, const char *name, void *context)
{
    struct holder *h = context;
    char path[128], full[PATH_MAX], target[128];
    snprintf(path, sizeof path, "%.60s/%.20s", folder, name);
    ssize_t n = readlink(doctor_path(d, path, full), target, sizeof target - 1);
    if (n <= 0) return true;
    target[n] = 0;
    if (strcmp(target, h->node) == 0) h->pid = atoi(folder + strlen("/proc/"));
    return h->pid == 0;
}

/// The kernel names the thread that opened a substream. When that has ended, descriptors tell, if they may be
/// seen.
static int process_of(struct doctor *d, int thread, const char *card, const char *pcm)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    int pid = (int)doctor_read_value_number(d, path, "Tgid", 0);
    if (pid > 0) return pid;
    snprintf(path, sizeof path, "/proc/%d/comm", thread);
    if (doctor_exists(d, path)) return thread;
    struct holder h = {.pid = 0};
    snprintf(h.node, sizeof h.node, "/dev/snd/pcmC%.8sD%.8s", card + strlen("card"), pcm + strlen("pcm"));
    for (size_t i = 0; i < d->n_processes && h.pid == 0; i++) {
        snprintf(path, sizeof path, "/proc/%d/fd", d->processes[i].pid);
        doctor_each_entry(d, path, is_node, &h);
    }
    return h.pid;
}

static void name_process(const struct doctor *d, int pid, char *text, size_t size)
{
    char path[64], name[32] = "somebody", command[80] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    doctor_read_line(d, path, name, sizeof name);
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid); // ends at its first zero, which is enough
    doctor_read_line(d, path, command, sizeof command);
    if (pid == 0)
        snprintf(text, size, "a process that only root can see");
    else
        snprintf(text, size, "%s (process %d%s%s)", name, pid, command[0] ? ": " : "", command);
}

// ---- substreams ----

static bool look_at_substream(struct doctor *d, const char *folder, const char *name, void *context)
{
    struct card *c = context;
    char path[128], card[16], pcm[16];
    if (strncmp(name, "sub", 3) != 0) return true;
    snprintf(path, sizeof path, "%.60s/%.16s/status", folder, name);
    int thread = (int)doctor_read_value_number(d, path, "owner_pid", 0);
    if (thread == 0 || sscanf(folder, "/proc/asound/%15[^/]/%15s", card, pcm) != 2) return true;
    c->n_open++;
    int pid = process_of(d, thread, card, pcm);
    bool is_ours = pid != 0 && pid == d->daemon_pid;
    if (c->owner != 0 && !is_ours) return true; // ours is the one to show
    c->owner = pid;
    snprintf(c->place, sizeof c->place, "%.60s/%.16s", folder, name);
    snprintf(path, sizeof path, "%.90s/hw_params", c->place);
    c->rate_hz = (double)doctor_read_value_number(d, path, "rate", 0);
    c->channels = (int)doctor_read_value_number(d, path, "channels", 0);
    c->period_frames = (int)doctor_read_value_number(d, path, "period_size", 0);
    c->buffer_frames = (int)doctor_read_value_number(d, path, "buffer_size", 0);
    if (!doctor_read_value(d, path, "format", c->format, sizeof c->format)) c->format[0] = 0;
    return true;
}

/// Playback PCMs are called pcm0p, pcm1p and so on.
static bool look_at_pcm(struct doctor *d, const char *folder, const char *name, void *context)
{
    struct card *c = context;
    char path[96];
    size_t n = strlen(name);
    if (n <= 4 || strncmp(name, "pcm", 3) != 0 || name[n - 1] != 'p') return true;
    c->n_playback++;
    snprintf(path, sizeof path, "%.40s/%.16s", folder, name);
    doctor_each_entry(d, path, look_at_substream, c);
    return true;
}

// ---- a card ----

/// How to get a card from whoever has it.
static const char *remedy_for(const struct doctor *d, int pid)
{
    static char remedy[96];
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    doctor_read_line(d, path, name, sizeof name);
    if (strncmp(name, "pipewire", 8) == 0 || strcmp(name, "wireplumber") == 0)
        return "$ systemctl --user stop pipewire.socket pipewire-pulse.socket pipewire.service";
    if (strcmp(name, "pulseaudio") == 0)
        return "$ systemctl --user stop pulseaudio.socket pulseaudio.service";
    if (strncmp(name, "jackd", 5) == 0) return "$ chime backend jack";
    if (pid == 0) return "# fuser -v /dev/snd/*";
    snprintf(remedy, sizeof remedy, "# kill %d", pid);
    return remedy;
}

/// True when the daemon plays through the sound server that has the card.
static bool is_through(const struct doctor *d, int pid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    doctor_read_line(d, path, name, sizeof name);
    return strcmp(d->backend, "jack") == 0 &&
           (strncmp(name, "jackd", 5) == 0 || strncmp(name, "pipewire", 8) == 0);
}

static void tell_of_open_card(struct doctor *d, const struct card *c)
{
    char owner[160], how[128];
    bool is_ours = c->owner != 0 && c->owner == d->daemon_pid;
    name_process(d, c->owner, owner, sizeof owner);
    snprintf(how, sizeof how, "%.0f Hz %s, %d channels, period %d of %d frames", c->rate_hz, c->format,
             c->channels, c->period_frames, c->buffer_frames);
    if (is_ours || is_through(d, c->owner))
        doctor_find(d, SEVERITY_FINE, TOPIC_card, NULL, "hw:CARD=%s: %.20s plays, %s", c->id,
                    is_ours ? "chimed" : owner, how);
    else
        doctor_find(d, strcmp(d->backend, "alsa") == 0 ? SEVERITY_NOTE : SEVERITY_WARNING, TOPIC_card,
                    remedy_for(d, c->owner), "hw:CARD=%s is held by %s, %s", c->id, owner, how);
    if (is_ours && c->rate_hz > 0 && d->rate_hz > 0 && (c->rate_hz < d->rate_hz || c->rate_hz > d->rate_hz))
        doctor_find(d, SEVERITY_NOTE, TOPIC_card, "[output] rate in chimed.conf; then restart the daemon",
                    "hw:CARD=%s runs at %.0f Hz, the daemon at %.0f: ALSA resamples in between", c->id,
                    c->rate_hz, d->rate_hz);
}

/// A USB device that sleeps when nothing plays takes long to start, and some do not come back.
static void look_at_usb(struct doctor *d, const struct card *c)
{
    char path[96], control[16], remedy[128];
    snprintf(path, sizeof path, "/proc/asound/card%d/usbid", c->number);
    if (!doctor_exists(d, path)) return;
    snprintf(path, sizeof path, "/sys/class/sound/card%d/device/../power/control", c->number);
    if (!doctor_read_line(d, path, control, sizeof control)) return;
    bool sleeps = strcmp(control, "auto") == 0;
    snprintf(remedy, sizeof remedy, "# echo on > %s", path);
    doctor_find(d, sleeps ? SEVERITY_NOTE : SEVERITY_FINE, TOPIC_usb, sleeps ? remedy : NULL,
                sleeps ? "hw:CARD=%s is put to sleep when nothing plays (until it is plugged in anew)"
                       : "hw:CARD=%s is kept awake",
                c->id);
}

static void look_at_card(struct doctor *d, struct card *c)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/asound/card%d", c->number);
    doctor_each_entry(d, path, look_at_pcm, c);
    if (c->n_open > 0)
        tell_of_open_card(d, c);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_card, NULL, "hw:CARD=%s, %.80s: %s", c->id, c->name,
                    c->n_playback ? "nobody plays there" : "it cannot play");
    look_at_usb(d, c);
}

/// " 0 [USB            ]: USB-Audio - A card": all of them; their number.
static int look_at_cards(struct doctor *d)
{
    char full[PATH_MAX], line[256];
    int n = 0;
    FILE *f = fopen(doctor_path(d, "/proc/asound/cards", full), "re");
    while (f && fgets(line, sizeof line, f)) {
        struct card c = {0};
        if (sscanf(line, " %d [%16[^] ]", &c.number, c.id) != 2) continue;
        const char *name = strstr(line, " - ");
        if (name) snprintf(c.name, sizeof c.name, "%.*s", (int)strcspn(name + 3, "\n"), name + 3);
        look_at_card(d, &c);
        n++;
    }
    if (f) fclose(f);
    return n;
}

static void tell_of_no_card(struct doctor *d)
{
    char container[64];
    bool is_needed = strcmp(d->backend, "jack") != 0;
    bool is_contained = doctor_container(d, container, sizeof container);
    bool has_driver = doctor_exists(d, "/proc/asound");
    doctor_find(d, is_needed ? SEVERITY_WARNING : SEVERITY_NOTE, TOPIC_card,
                is_contained ? "$ docker run --device /dev/snd ..."
                : has_driver ? "$ lspci -k | grep -iA3 audio; lsusb | grep -i audio"
                             : "# apt install linux-image-$(dpkg --print-architecture)",
                "no sound card that the kernel knows%s",
                has_driver || is_contained ? ""
                                           : ": it has no ALSA (a cloud kernel?); Debian's full one has");
}

// ---- rights ----

struct nodes {
    int n, n_yours, n_daemons;
    char name[64]; // of one that somebody cannot open
    unsigned uid, gid;
    char groups[512]; // of the daemon
};

/// By the mode alone: access lists are for people who sit at the machine.
static bool may_open(const struct nodes *n, const struct stat *s)
{
    char groups[520], gid[16];
    snprintf(groups, sizeof groups, " %.500s ", n->groups);
    for (char *c = groups; *c; c++)
        if (*c == '\t') *c = ' ';
    snprintf(gid, sizeof gid, " %u ", s->st_gid);
    if (n->uid == 0) return true;
    if (s->st_uid == n->uid) return s->st_mode & S_IWUSR;
    if (s->st_gid == n->gid || strstr(groups, gid)) return s->st_mode & S_IWGRP;
    return s->st_mode & S_IWOTH;
}

static bool look_at_node(struct doctor *d, const char *folder, const char *name, void *context)
{
    struct nodes *n = context;
    char path[96], full[PATH_MAX];
    struct stat s;
    size_t length = strlen(name);
    if (strncmp(name, "pcm", 3) != 0 || name[length - 1] != 'p') return true;
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    if (stat(doctor_path(d, path, full), &s) != 0) return true;
    bool is_yours = access(full, W_OK) == 0;
    bool is_daemons = n->uid == geteuid() ? is_yours : may_open(n, &s);
    n->n++;
    n->n_yours += is_yours;
    n->n_daemons += is_daemons;
    if (!is_yours || !is_daemons) snprintf(n->name, sizeof n->name, "%.60s", path);
    return true;
}

static void look_at_nodes(struct doctor *d)
{
    struct nodes n = {.uid = geteuid()};
    char path[64], container[64];
    snprintf(path, sizeof path, "/proc/%d/status", d->daemon_pid);
    if (d->daemon_pid) {
        n.uid = (unsigned)doctor_read_value_number(d, path, "Uid", geteuid());
        n.gid = (unsigned)doctor_read_value_number(d, path, "Gid", 0);
        if (!doctor_read_value(d, path, "Groups", n.groups, sizeof n.groups)) n.groups[0] = 0;
    }
    doctor_each_entry(d, "/dev/snd", look_at_node, &n);
    bool is_contained = doctor_container(d, container, sizeof container);
    bool plays = strcmp(d->backend, "alsa") == 0 || strcmp(d->backend, "jack") == 0;
    if (n.n == 0)
        doctor_find(d, plays ? SEVERITY_FINE : SEVERITY_WARNING, TOPIC_devices,
                    plays          ? NULL
                    : is_contained ? "$ docker run --device /dev/snd ..."
                                   : "# apt install udev && udevadm trigger",
                    "there is nothing in /dev/snd that plays");
    else if (d->daemon_pid && n.n_daemons < n.n)
        doctor_find(d, plays ? SEVERITY_NOTE : SEVERITY_WARNING, TOPIC_devices,
                    "# systemctl cat chimed | grep -e Group= -e Device",
                    "the daemon (user %u) may not open %s: its group has to be audio", n.uid, n.name);
    else if (n.n_yours < n.n)
        doctor_find(d, d->daemon_pid ? SEVERITY_FINE : SEVERITY_NOTE, TOPIC_devices, NULL,
                    "you may not open %s, as a daemon that you start would want", n.name);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_devices, NULL, "%d that play, and they may be opened", n.n);
}

void doctor_look_at_devices(struct doctor *d)
{
    if (look_at_cards(d) == 0)
        tell_of_no_card(d);
    else
        look_at_nodes(d);
}
