// SPDX-License-Identifier: MIT
// doctor_versions.c - chime doctor: versions of what the daemon talks to, as the distribution knows them.
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clients/doctor.h"

/// Debian's names; the library that stands behind each is what chimed and its decoder are linked to.
static const char *const packages[] = {"libasound2",    "libjack-jackd2-0", "jackd2",      "pipewire",
                                       "pipewire-jack", "pulseaudio",       "libsndfile1", "libsamplerate0",
                                       "libasound2t64", "libsamplerate0t64"};

static bool is_wanted(const char *name)
{
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
        if (strcmp(name, packages[i]) == 0) return true;
    return false;
}

/// Paragraphs of dpkg's status: "Package: x", "Status: install ok installed", "Version: 1.2-3".
static void list_packages(const struct doctor *d, char *all, size_t size)
{
    char full[PATH_MAX], line[512], name[64] = "", version[64];
    bool is_installed = false;
    size_t n = 0;
    FILE *f = fopen(doctor_path(d, "/var/lib/dpkg/status", full), "re");
    while (f && fgets(line, sizeof line, f) && n < size) {
        if (sscanf(line, "Package: %63s", name) == 1) is_installed = false;
        if (strncmp(line, "Status: ", 8) == 0) is_installed = strstr(line, " installed") != NULL;
        if (sscanf(line, "Version: %63s", version) != 1 || !is_installed || !is_wanted(name)) continue;
        int written = snprintf(all + n, size - n, "%s%s %.30s", n ? ", " : "", name, version);
        n += written > 0 ? (size_t)written : 0;
    }
    if (f) fclose(f);
}

void doctor_look_at_versions(struct doctor *d)
{
    char driver[128] = "", all[240] = "", release[96] = "";
    doctor_read_value(d, "/proc/asound/version", "Advanced Linux Sound Architecture Driver Version", driver,
                      sizeof driver);
    doctor_read_line(d, "/proc/sys/kernel/osrelease", release, sizeof release);
    list_packages(d, all, sizeof all);
    if (driver[0]) doctor_find(d, SEVERITY_FINE, TOPIC_versions, NULL, "ALSA's drivers: %s", driver);
    if (all[0])
        doctor_find(d, SEVERITY_FINE, TOPIC_versions, NULL, "%s", all);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_versions, NULL, "of libraries: not known, for want of dpkg");
}
