// SPDX-License-Identifier: MIT
// doctor_limits.c - chime doctor: what the daemon's process may do, beside what its unit asks for.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/doctor.h"

/// Room for a unit's name.
#define UNIT_BYTES 128

// ---- the unit ----

/// The unit that the daemon runs in, from its control group: ".../chimed.service". False when it is in none.
static bool unit_of(const struct doctor *d, char *unit, bool *is_users)
{
    char path[64], group[512];
    snprintf(path, sizeof path, "/proc/%d/cgroup", d->daemon_pid);
    // cgroups(7): "0::/path" where the groups are unified, else systemd's own hierarchy.
    if (!doctor_read_value(d, path, "1:name=systemd:", group, sizeof group) &&
        !doctor_read_value(d, path, "0::", group, sizeof group))
        return false;
    const char *name = strrchr(group, '/');
    size_t n = name ? strlen(name) : 0;
    if (n < 10 || n >= UNIT_BYTES || strcmp(name + n - 8, ".service") != 0) return false;
    snprintf(unit, UNIT_BYTES, "%s", name + 1);
    *is_users = strstr(group, "/user@") != NULL;
    return true;
}

/// What a unit's file says; the first folder that has it counts.
static bool unit_setting(const struct doctor *d, const char *unit, bool is_users, const char *key,
                         char *value, size_t size)
{
    static const char *const folders[] = {"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd",
                                          "/usr/lib/systemd", "/lib/systemd"};
    char path[256], file[UNIT_BYTES];
    snprintf(file, sizeof file, "%s", unit);
    // chimed@usb.service is made from chimed@.service.
    char *at = strchr(file, '@');
    if (at) snprintf(at, sizeof file - (size_t)(at - file), "@.service");
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", folders[i], is_users ? "user" : "system", file);
        if (doctor_exists(d, path)) return doctor_read_value(d, path, key, value, size);
    }
    return false;
}

const char *doctor_restart(const struct doctor *d)
{
    static char remedy[192];
    char unit[UNIT_BYTES];
    bool is_users;
    if (d->daemon_pid == 0) return "# systemctl start chimed";
    if (unit_of(d, unit, &is_users))
        snprintf(remedy, sizeof remedy, "%s restart %s", is_users ? "$ systemctl --user" : "# systemctl",
                 unit);
    else
        snprintf(remedy, sizeof remedy, "$ kill %d, and start it again", d->daemon_pid);
    return remedy;
}

const char *doctor_restart_sockets(const struct doctor *d)
{
    static char remedy[192];
    char unit[UNIT_BYTES];
    bool is_users;
    if (d->daemon_pid == 0 || !unit_of(d, unit, &is_users)) return doctor_restart(d);
    unit[strlen(unit) - strlen(".service")] = 0;
    snprintf(remedy, sizeof remedy, "%s restart %s.socket", is_users ? "$ systemctl --user" : "# systemctl",
             unit);
    return remedy;
}

const char *doctor_journal(const struct doctor *d, const char *pattern)
{
    static char remedy[256];
    char unit[UNIT_BYTES] = "chimed";
    bool is_users = false;
    if (d->status) return "$ chime log --level warning";
    unit_of(d, unit, &is_users);
    snprintf(remedy, sizeof remedy, "%s -u %s -b -g '%.60s'",
             is_users ? "$ journalctl --user" : "# journalctl", unit, pattern);
    return remedy;
}

// ---- limits ----

long long doctor_limit(const struct doctor *d, const char *name)
{
    char path[64], value[128];
    snprintf(path, sizeof path, "/proc/%d/limits", d->daemon_pid);
    if (!doctor_read_value(d, path, name, value, sizeof value)) return -2;
    return strncmp(value, "unlimited", 9) == 0 ? -1 : atoll(value);
}

const char *doctor_remedy_for_limits(const struct doctor *d)
{
    static char remedy[320];
    char container[64], unit[UNIT_BYTES] = "";
    bool is_users = false;
    unit_of(d, unit, &is_users);
    if (doctor_container(d, container, sizeof container)) {
        bool is_nspawn = strcmp(container, "systemd-nspawn") == 0;
        return is_nspawn ? "# systemd-nspawn --capability=CAP_SYS_NICE,CAP_IPC_LOCK,CAP_SYS_RESOURCE ..."
                         : "$ docker run --cap-add SYS_NICE --ulimit rtprio=95 --ulimit memlock=-1 ...";
    }
    if (unit[0] && !is_users) {
        snprintf(remedy, sizeof remedy,
                 "# mkdir -p /etc/systemd/system/%.40s.d && printf '[Service]\\nLimitRTPRIO=95\\n"
                 "LimitMEMLOCK=infinity\\n' > /etc/systemd/system/%.40s.d/limits.conf && systemctl "
                 "daemon-reload && systemctl restart %.40s",
                 unit, unit, unit);
        return remedy;
    }
    return "# printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' > "
           "/etc/security/limits.d/95-chimed.conf";
}

void doctor_look_at_limits(struct doctor *d)
{
    char unit[UNIT_BYTES] = "", asked[64] = "";
    bool is_users = false;
    long long priority = doctor_limit(d, "Max realtime priority"),
              locked = doctor_limit(d, "Max locked memory");
    long long slice_us = doctor_limit(d, "Max realtime timeout");
    if (priority == -2) return;
    bool asks = unit_of(d, unit, &is_users) &&
                unit_setting(d, unit, is_users, "LimitRTPRIO=", asked, sizeof asked) && atoi(asked) > 0;
    char memory[32] = "without limit";
    if (locked >= 0) cli_bytes_text(memory, sizeof memory, (double)locked);
    // root and CAP_SYS_NICE need no limit: what the audio thread has, counts.
    bool is_short = priority == 0 && !d->is_realtime;
    const char *remedy = is_short ? doctor_remedy_for_limits(d) : NULL;
    if (asks && is_short)
        doctor_find(d, SEVERITY_WARNING, TOPIC_limits, remedy,
                    "%.40s asks for LimitRTPRIO=%.8s, and the daemon got 0: what started it (%s) may not "
                    "grant it",
                    unit, asked, is_users ? "the user's manager: then log in anew" : "a container?");
    else
        doctor_find(d, is_short ? SEVERITY_NOTE : SEVERITY_FINE, TOPIC_limits, remedy,
                    "of the daemon: real-time priority up to %lld, locked memory %s", priority, memory);
    // setrlimit(2): a real-time thread that does not sleep for so long is sent SIGXCPU, and ends.
    if (slice_us >= 0 && slice_us < 1000000)
        doctor_find(d, SEVERITY_NOTE, TOPIC_limits, "LimitRTTIME=infinity in the daemon's unit",
                    "a real-time thread of the daemon may run for %lld ms on end, then it is ended",
                    slice_us / 1000);
}
