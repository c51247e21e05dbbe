// SPDX-License-Identifier: MIT
// doctor_rights.c - chime doctor: what this user may ask for: real-time priority, locked memory, devices.
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clients/doctor.h"

/// Less than this is not enough for the daemon and a few sounds.
#define LEAST_LOCKED (256u << 20)

static const char *user_name(void)
{
    const struct passwd *p = getpwuid(getuid());
    return p ? p->pw_name : "USER";
}

static bool is_in_group(const char *name)
{
    const struct group *g = getgrnam(name);
    gid_t groups[256];
    int n = g ? getgroups(256, groups) : 0;
    for (int i = 0; i < n; i++)
        if (groups[i] == g->gr_gid) return true;
    return g && getegid() == g->gr_gid;
}

// ---- limits.d ----

struct grants {
    char file[64];    // that grants real-time priority to anyone
    char domain[32];  // to whom: "@audio", a user, "*"
    bool has_memlock; // somebody may lock memory
};

/// "@audio - rtprio 95" (limits.conf(5)).
static void read_grants(const struct doctor *d, const char *path, struct grants *g)
{
    char full[PATH_MAX], line[512], domain[32], type[8], item[16], value[24];
    FILE *f = fopen(doctor_path(d, path, full), "re");
    while (f && fgets(line, sizeof line, f)) {
        if (line[strspn(line, " \t")] == '#' ||
            sscanf(line, "%31s %7s %15s %23s", domain, type, item, value) != 4)
            continue;
        if (strcmp(item, "memlock") == 0) g->has_memlock = true;
        if (strcmp(item, "rtprio") != 0 || atoi(value) <= 0 || g->file[0]) continue;
        snprintf(g->file, sizeof g->file, "%.63s", strrchr(path, '/') + 1);
        snprintf(g->domain, sizeof g->domain, "%s", domain);
    }
    if (f) fclose(f);
}

static bool look_at_file(struct doctor *d, const char *folder, const char *name, void *context)
{
    char path[PATH_MAX];
    size_t n = strlen(name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n > 5 && strcmp(name + n - 5, ".conf") == 0) read_grants(d, path, context); // as pam_limits(8) does
    return true;
}

static void look_at_grants(struct doctor *d)
{
    struct grants g = {0};
    doctor_each_entry(d, "/etc/security/limits.d", look_at_file, &g);
    read_grants(d, "/etc/security/limits.conf", &g);
    struct rlimit priority, memory;
    getrlimit(RLIMIT_RTPRIO, &priority);
    getrlimit(RLIMIT_MEMLOCK, &memory);
    const char *install = "# printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' > "
                          "/etc/security/limits.d/chimed.conf";
    char join[96];
    snprintf(join, sizeof join, "# usermod -aG %.30s %.40s", g.domain[0] == '@' ? g.domain + 1 : "audio",
             user_name());
    bool is_root = geteuid() == 0;
    bool is_member = g.domain[0] == '@' && is_in_group(g.domain + 1);
    if (is_root)
        doctor_find(d, SEVERITY_FINE, TOPIC_your_limits, NULL, "root needs none; %s%s%s",
                    g.file[0] ? g.file : "no file in limits.d",
                    g.file[0] ? " grants them to " : " grants any", g.domain);
    else if (priority.rlim_cur == 0)
        // A service has its unit's limits: this is about daemons that this user starts.
        doctor_find(d, d->daemon_pid ? SEVERITY_NOTE : SEVERITY_WARNING, TOPIC_your_limits,
                    !g.file[0]  ? install
                    : is_member ? "log out of all sessions, and in again"
                                : join,
                    "a daemon that you start gets no real-time priority%s%s%s%s; after this, log in anew",
                    g.file[0] ? "; " : "", g.file, g.file[0] ? " grants it to " : "", g.domain);
    else if (memory.rlim_cur != RLIM_INFINITY && memory.rlim_cur < LEAST_LOCKED)
        doctor_find(d, SEVERITY_NOTE, TOPIC_your_limits, install,
                    "a daemon that you start may lock %lld MiB; sounds beyond that can be swapped out%s",
                    (long long)memory.rlim_cur >> 20,
                    g.has_memlock ? " (limits.d grants more to others)" : "");
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_your_limits, NULL, "real-time priority up to %lld, %s",
                    (long long)priority.rlim_cur,
                    memory.rlim_cur == RLIM_INFINITY ? "any memory may be locked"
                                                     : "enough memory may be locked");
}

// ---- the group ----

static void look_at_group(struct doctor *d)
{
    char remedy[96];
    snprintf(remedy, sizeof remedy, "# usermod -aG audio %.40s", user_name());
    if (geteuid() == 0 || is_in_group("audio"))
        doctor_find(d, SEVERITY_FINE, TOPIC_group, NULL, "you may use sound devices and the system's daemon");
    else
        doctor_find(d, SEVERITY_NOTE, TOPIC_group, remedy,
                    "you are not in the group audio: sound devices are yours only while you sit at the "
                    "machine, and the system's daemon is not; after this, log in anew");
}

void doctor_look_at_rights(struct doctor *d)
{
    look_at_grants(d);
    look_at_group(d);
}
