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

const char *doctor_user_name(void)
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

/// The best line that grants real-time priority to the caller, or to a group that they should be in anyway.
struct grants {
    char file[64], domain[32]; // "" when there is none
    bool is_yours;             // it names the caller, one of their groups or all
};

static bool is_yours(const char *domain)
{
    if (domain[0] == '@') return is_in_group(domain + 1);
    return strcmp(domain, "*") == 0 || strcmp(domain, doctor_user_name()) == 0;
}

/// "@audio - rtprio 95" (limits.conf(5)).
static void read_grants(const struct doctor *d, const char *path, struct grants *g)
{
    char full[PATH_MAX], line[512], domain[32], type[8], item[16], value[24];
    FILE *f = fopen(doctor_path(d, path, full), "re");
    while (f && !g->is_yours && fgets(line, sizeof line, f)) {
        if (line[strspn(line, " \t")] == '#' ||
            sscanf(line, "%31s %7s %15s %23s", domain, type, item, value) != 4 ||
            strcmp(item, "rtprio") != 0 || atoi(value) <= 0)
            continue;
        if (!is_yours(domain) && (g->file[0] || strcmp(domain, "@audio") != 0)) continue;
        g->is_yours = is_yours(domain);
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

/// A service has its unit's limits: this is about daemons that this user starts.
static void tell_of_priority(struct doctor *d, const struct grants *g, const char *install)
{
    char join[96];
    snprintf(join, sizeof join, "# usermod -aG audio %.40s", doctor_user_name());
    doctor_find(d, d->daemon_pid ? SEVERITY_NOTE : SEVERITY_WARNING, TOPIC_your_limits,
                !g->file[0]   ? install
                : g->is_yours ? "$ loginctl terminate-user \"$USER\""
                              : join,
                "a daemon that you start gets no real-time priority%s%s%s%s; after this, log in anew",
                g->file[0] ? "; " : "", g->file, g->file[0] ? " grants it to " : "", g->domain);
}

static void look_at_grants(struct doctor *d)
{
    static const char install[] = "# printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' > "
                                  "/etc/security/limits.d/95-chimed.conf";
    struct grants g = {.is_yours = false};
    struct rlimit priority, memory;
    doctor_each_entry(d, "/etc/security/limits.d", look_at_file, &g);
    read_grants(d, "/etc/security/limits.conf", &g);
    getrlimit(RLIMIT_RTPRIO, &priority);
    getrlimit(RLIMIT_MEMLOCK, &memory);
    bool is_unlimited = memory.rlim_cur == RLIM_INFINITY;
    if (geteuid() == 0)
        doctor_find(d, SEVERITY_FINE, TOPIC_your_limits, NULL, "root needs none%s%s%s%s",
                    g.file[0] ? "; " : "", g.file, g.file[0] ? " grants them to " : "", g.domain);
    else if (priority.rlim_cur == 0)
        tell_of_priority(d, &g, install);
    else if (!is_unlimited && memory.rlim_cur < LEAST_LOCKED)
        doctor_find(d, SEVERITY_NOTE, TOPIC_your_limits, install,
                    "a daemon that you start may lock %lld MiB; sounds beyond that can be swapped out",
                    (long long)memory.rlim_cur >> 20);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_your_limits, NULL, "real-time priority up to %lld, %s",
                    (long long)priority.rlim_cur,
                    is_unlimited ? "any memory may be locked" : "enough memory may be locked");
}

// ---- the group ----

static void look_at_group(struct doctor *d)
{
    char remedy[96];
    snprintf(remedy, sizeof remedy, "# usermod -aG audio %.40s", doctor_user_name());
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
