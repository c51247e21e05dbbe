// SPDX-License-Identifier: MIT
// doctor_devices.c - chime doctor: sound cards, who holds them, and other sound servers.
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/doctor.h"

// ---- cards ----

static void name_of_process(const struct doctor *d, int pid, char *name, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    if (!doctor_read_line(d, path, name, size)) snprintf(name, size, "process %d", pid);
}

/// Who has a substream open: "owner_pid   : 1234" in its status; 0: nobody.
static int owner_of(const struct doctor *d, const char *pcm)
{
    char path[128], full[PATH_MAX], line[128];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/asound/%.60s/sub0/status", pcm);
    FILE *f = fopen(doctor_path(d, path, full), "re");
    while (f && pid == 0 && fgets(line, sizeof line, f))
        sscanf(line, "owner_pid : %d", &pid);
    if (f) fclose(f);
    return pid;
}

static void look_at_pcm(struct doctor *d, const char *card, const char *pcm)
{
    char place[64], owner[32];
    snprintf(place, sizeof place, "%.16s/%.16s", card, pcm);
    int pid = owner_of(d, place);
    if (pid == 0) return;
    name_of_process(d, pid, owner, sizeof owner);
    bool is_ours = strncmp(owner, "chimed", 6) == 0;
    doctor_find(d, is_ours ? SEVERITY_FINE : SEVERITY_NOTE, "device",
                is_ours ? NULL
                        : "end it, give chimed another device (chimed --device hw:CARD=...), or play through "
                          "it (--backend jack)",
                "%s is held by %s", place, owner);
}

/// Playback PCMs are called pcm0p, pcm1p and so on.
static void look_at_card(struct doctor *d, const char *card)
{
    char path[64], full[PATH_MAX];
    snprintf(path, sizeof path, "/proc/asound/%.16s", card);
    DIR *dir = opendir(doctor_path(d, path, full));
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n > 4 && strncmp(e->d_name, "pcm", 3) == 0 && e->d_name[n - 1] == 'p')
            look_at_pcm(d, card, e->d_name);
    }
    if (dir) closedir(dir);
}

static void look_at_cards(struct doctor *d)
{
    char full[PATH_MAX], line[256], alsa[128];
    int n = 0;
    FILE *f = fopen(doctor_path(d, "/proc/asound/cards", full), "re");
    while (f && fgets(line, sizeof line, f)) {
        int number;
        char id[20], *name = strstr(line, " - ");
        if (sscanf(line, " %d [%16[^] ]", &number, id) != 2) continue;
        if (name) name[strcspn(name, "\n")] = 0;
        doctor_find(d, SEVERITY_FINE, "card", NULL, "%d: hw:CARD=%s (%.120s)", number, id,
                    name ? name + 3 : "");
        char card[16];
        snprintf(card, sizeof card, "card%d", number);
        look_at_card(d, card);
        n++;
    }
    if (f) fclose(f);
    if (n == 0)
        doctor_find(d, SEVERITY_WARNING, "card", "lsmod | grep snd; in a container: --device /dev/snd",
                    "there is no sound card that the kernel knows");
    if (doctor_read_line(d, "/proc/asound/version", alsa, sizeof alsa))
        doctor_find(d, SEVERITY_FINE, "alsa", NULL, "%s", alsa);
}

// ---- other servers ----

static bool is_server(const char *name)
{
    static const char *const servers[] = {"pipewire", "pulseaudio", "jackd",      "jackdbus",
                                          "sndiod",   "mpd",        "fluidsynth", "scsynth"};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        if (strcmp(name, servers[i]) == 0) return true;
    return false;
}

static void look_at_servers(struct doctor *d)
{
    char full[PATH_MAX], name[32], all[160] = "";
    DIR *dir = opendir(doctor_path(d, "/proc", full));
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (!isdigit((unsigned char)e->d_name[0])) continue;
        name_of_process(d, atoi(e->d_name), name, sizeof name);
        if (!is_server(name) || strstr(all, name)) continue;
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", name);
    }
    if (dir) closedir(dir);
    if (all[0])
        doctor_find(d, SEVERITY_NOTE, "servers",
                    "with JACK or PipeWire, play through it: chimed --backend jack", "also running: %s", all);
    else
        doctor_find(d, SEVERITY_FINE, "servers", NULL, "no other sound server runs");
}

void doctor_look_at_devices(struct doctor *d)
{
    look_at_cards(d);
    look_at_servers(d);
}
