// SPDX-License-Identifier: MIT
// doctor_rights.c - chime doctor: what this user may ask for: real-time priority, locked memory, devices.
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clients/doctor.h"

/// "@audio - rtprio 95": true when a file of limits grants real-time priority to anyone.
static bool grants_rtprio(const char *path)
{
    char line[512];
    bool grants = false;
    FILE *f = fopen(path, "re");
    while (f && !grants && fgets(line, sizeof line, f)) {
        const char *at = line + strspn(line, " \t");
        const char *item = *at == '#' ? NULL : strstr(at, "rtprio");
        grants = item && atoi(item + strlen("rtprio")) > 0;
    }
    if (f) fclose(f);
    return grants;
}

static bool find_grant(const struct doctor *d, char *name, size_t size)
{
    char folder[PATH_MAX], path[PATH_MAX];
    bool found = false;
    DIR *dir = opendir(doctor_path(d, "/etc/security/limits.d", folder));
    for (const struct dirent *e; dir && !found && (e = readdir(dir));) {
        if (e->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path)
            continue;
        found = grants_rtprio(path);
        if (found) snprintf(name, size, "limits.d/%s", e->d_name);
    }
    if (dir) closedir(dir);
    if (!found && grants_rtprio(doctor_path(d, "/etc/security/limits.conf", path))) {
        snprintf(name, size, "limits.conf");
        found = true;
    }
    return found;
}

static void look_at_limits(struct doctor *d)
{
    struct rlimit priority, memory;
    char name[NAME_MAX + 16];
    getrlimit(RLIMIT_RTPRIO, &priority);
    getrlimit(RLIMIT_MEMLOCK, &memory);
    bool is_granted = find_grant(d, name, sizeof name);
    // root needs no limit, and a service has those of its unit: this is about daemons that this user starts.
    if (geteuid() == 0)
        doctor_find(d, SEVERITY_FINE, "your limits", NULL, "root may use any priority and lock any memory");
    else if (priority.rlim_cur == 0)
        doctor_find(d, SEVERITY_WARNING, "your limits",
                    is_granted
                        ? "usermod -aG audio $USER, then log in anew"
                        : "install /etc/security/limits.d/95-chimed.conf (@audio - rtprio 95), join the "
                          "group audio, log in anew",
                    "a daemon that you start gets no real-time priority%s%.60s",
                    is_granted ? "; granted to others by " : "", is_granted ? name : "");
    else
        doctor_find(d, SEVERITY_FINE, "your limits", NULL, "real-time priority up to %lld, %s",
                    (long long)priority.rlim_cur,
                    memory.rlim_cur == RLIM_INFINITY ? "any memory may be locked"
                                                     : "a part of the memory may be locked");
    if (geteuid() != 0 && memory.rlim_cur != RLIM_INFINITY && memory.rlim_cur < (256u << 20))
        doctor_find(d, SEVERITY_NOTE, "your limits", "@audio - memlock unlimited in /etc/security/limits.d",
                    "%lld MiB may be locked; sounds beyond that can be swapped out",
                    (long long)memory.rlim_cur >> 20);
}

static void look_at_group(struct doctor *d)
{
    const struct group *audio = getgrnam("audio");
    gid_t groups[256];
    int n = getgroups(256, groups);
    bool is_member = geteuid() == 0 || (audio && getegid() == audio->gr_gid);
    for (int i = 0; audio && i < n; i++)
        is_member |= groups[i] == audio->gr_gid;
    if (is_member)
        doctor_find(d, SEVERITY_FINE, "group", NULL, "you may use sound devices and the system's daemon");
    else
        doctor_find(d, SEVERITY_NOTE, "group", "usermod -aG audio $USER, then log in anew",
                    "you are not in the group audio: the system's daemon and sound devices are closed to you "
                    "unless your session opens them");
}

void doctor_look_at_rights(struct doctor *d)
{
    look_at_limits(d);
    look_at_group(d);
}
