// SPDX-License-Identifier: MIT
// doctor_kernel.c - chime doctor: what the kernel's scheduler means for an audio thread.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/doctor.h"

/// Below so many frames a kernel that is not fully preemptible may be late.
#define SHORT_PERIOD_FRAMES 128

// ---- preemption ----

/// A word of the kernel's command line that begins with `key`: what stands behind that.
static bool boot_option(const struct doctor *d, const char *key, char *value, size_t size)
{
    char line[4096];
    if (!doctor_read_line(d, "/proc/cmdline", line, sizeof line)) return false;
    for (char *rest = line, *word; (word = strsep(&rest, " "));) {
        if (strncmp(word, key, strlen(key)) != 0) continue;
        snprintf(value, size, "%s", word + strlen(key));
        return true;
    }
    return false;
}

static bool is_set(const struct doctor *d, const char *key)
{
    char value[8];
    return doctor_kernel_config(d, key, value, sizeof value) && value[0] == 'y';
}

/// What the kernel was built with, which holds unless a dynamic one was told otherwise.
static const char *built_model(const struct doctor *d, const char *version, bool is_dynamic)
{
    if (is_set(d, "CONFIG_PREEMPT_NONE")) return "none";
    if (is_set(d, "CONFIG_PREEMPT_VOLUNTARY")) return "voluntary";
    if (is_set(d, "CONFIG_PREEMPT_LAZY")) return "lazy";
    if (is_set(d, "CONFIG_PREEMPT") || (strstr(version, "PREEMPT") && !is_dynamic)) return "full";
    return is_dynamic ? "" : "voluntary at the most";
}

/// none, voluntary, lazy, full or real-time; empty when only root could see it.
static void find_model(const struct doctor *d, const char *version, bool is_dynamic, char *model, size_t size)
{
    char line[128], realtime[8];
    if ((doctor_read_line(d, "/sys/kernel/realtime", realtime, sizeof realtime) && realtime[0] == '1') ||
        strstr(version, "PREEMPT_RT")) {
        snprintf(model, size, "real-time");
        return;
    }
    // "none voluntary (full)": the one in brackets holds.
    const char *open = NULL;
    if (doctor_read_line(d, "/sys/kernel/debug/sched/preempt", line, sizeof line)) open = strchr(line, '(');
    if (open)
        snprintf(model, size, "%.*s", (int)strcspn(open + 1, ")"), open + 1);
    else if (!is_dynamic || !boot_option(d, "preempt=", model, size))
        snprintf(model, size, "%s", built_model(d, version, is_dynamic));
}

static void look_at_preemption(struct doctor *d)
{
    char release[96], version[160], model[32], none[8];
    if (!doctor_read_line(d, "/proc/sys/kernel/osrelease", release, sizeof release) ||
        !doctor_read_line(d, "/proc/sys/kernel/version", version, sizeof version))
        return;
    bool is_dynamic = strstr(version, "PREEMPT_DYNAMIC");
    find_model(d, version, is_dynamic, model, sizeof model);
    bool is_rt = strcmp(model, "real-time") == 0, is_full = is_rt || strcmp(model, "full") == 0;
    bool are_threaded = is_rt || boot_option(d, "threadirqs", none, sizeof none);
    bool is_short = d->period_frames > 0 && d->period_frames < SHORT_PERIOD_FRAMES;
    doctor_find(d, is_full || !is_short ? SEVERITY_FINE : SEVERITY_NOTE, TOPIC_kernel,
                is_full || !is_short ? NULL
                : is_dynamic         ? "# echo full > /sys/kernel/debug/sched/preempt"
                                     : "# apt install linux-image-rt-$(dpkg --print-architecture)",
                "%.40s, preemption %s, interrupts %s threads%s", release, model[0] ? model : "not known",
                are_threaded ? "in" : "not in",
                is_full    ? ""
                : is_short ? (is_dynamic ? ": periods below 128 frames want full preemption (this is until "
                                           "reboot; preempt=full on the kernel's command line keeps it)"
                                         : ": periods below 128 frames want a preemptible kernel")
                           : ": enough for periods of 128 frames and more");
}

// ---- throttling ----

static void look_at_throttling(struct doctor *d)
{
    long long runtime, period;
    if (!doctor_read_number(d, "/proc/sys/kernel/sched_rt_runtime_us", &runtime) ||
        !doctor_read_number(d, "/proc/sys/kernel/sched_rt_period_us", &period) || period <= 0)
        return;
    if (runtime < 0)
        doctor_find(d, SEVERITY_NOTE, TOPIC_throttling, "# sysctl -w kernel.sched_rt_runtime_us=950000",
                    "real-time threads are never held back: one that hangs takes its processor with it");
    else if (runtime * 100 < period * 90)
        doctor_find(d, SEVERITY_WARNING, TOPIC_throttling, "# sysctl -w kernel.sched_rt_runtime_us=950000",
                    "real-time threads get %lld %% of a processor at the most, and then wait",
                    runtime * 100 / period);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_throttling, NULL, "real-time threads get %lld %% of a processor",
                    runtime * 100 / period);
}

// ---- control groups ----

/// The daemon's path in the hierarchy of a controller ("" is the unified one):
/// "/system.slice/chimed.service".
static bool group_of(const struct doctor *d, const char *controller, char *mount, char *path, size_t size)
{
    char file[64], full[4096], line[512];
    bool found = false;
    snprintf(file, sizeof file, "/proc/%d/cgroup", d->daemon_pid ? d->daemon_pid : 1);
    FILE *f = fopen(doctor_path(d, file, full), "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *name = strchr(line, ':'), *at = name ? strchr(name + 1, ':') : NULL;
        if (!at) continue;
        *at = 0;
        found = strcmp(name + 1, controller) == 0 ||
                (controller[0] && strncmp(name + 1, "cpu", 3) == 0 && strstr(name + 1, controller) &&
                 strncmp(name + 1, "cpuset", 6) != 0);
        if (!found) continue;
        snprintf(mount, 64, "/sys/fs/cgroup%s%.40s", controller[0] ? "/" : "", name + 1);
        snprintf(path, size, "%s", strcmp(at + 1, "/") == 0 ? "" : at + 1);
    }
    if (f) fclose(f);
    return found;
}

/// Where the kernel shares real-time out over groups, a group has none until it is given some.
static void look_at_rt_groups(struct doctor *d)
{
    char mount[64], group[512], path[640], remedy[320];
    long long runtime;
    if (group_of(d, "cpu", mount, group, sizeof group)) {
        snprintf(path, sizeof path, "%s%.400s/cpu.rt_runtime_us", mount, group);
        if (doctor_read_number(d, path, &runtime)) {
            snprintf(remedy, sizeof remedy, "# echo 950000 > %.280s", path);
            doctor_find(d, runtime == 0 ? SEVERITY_FAILURE : SEVERITY_FINE, TOPIC_rt_groups,
                        runtime == 0 ? remedy : NULL,
                        "the kernel shares real-time out over groups, and the daemon's has %lld us of it",
                        runtime);
            return;
        }
    }
    char value[8];
    if (is_set(d, "CONFIG_RT_GROUP_SCHED"))
        doctor_find(d, SEVERITY_NOTE, TOPIC_rt_groups,
                    "# apt install linux-image-$(dpkg --print-architecture)",
                    "this kernel shares real-time out over groups, and a group has none by itself; Debian's "
                    "does not");
    else if (doctor_kernel_config(d, "CONFIG_RT_GROUP_SCHED", value, sizeof value))
        doctor_find(d, SEVERITY_FINE, TOPIC_rt_groups, NULL, "not in this kernel");
}

/// Quotas do not hold real-time threads, but all others: control, the worker, decoders.
static void look_at_quota(struct doctor *d)
{
    char mount[64], group[512], path[640], value[64];
    long long quota, period = 100000;
    if (d->daemon_pid == 0 || !group_of(d, "", mount, group, sizeof group)) return;
    for (char *slash;; *slash = 0) {
        snprintf(path, sizeof path, "%s%s/cpu.max", mount, group);
        if (doctor_read_line(d, path, value, sizeof value) &&
            sscanf(value, "%lld %lld", &quota, &period) >= 1 && period > 0) {
            const char *unit = strrchr(group, '/');
            char remedy[320];
            snprintf(remedy, sizeof remedy,
                     "# systemctl set-property %.200s CPUQuota=", unit ? unit + 1 : "chimed.service");
            doctor_find(d, SEVERITY_NOTE, TOPIC_cpu_quota, remedy,
                        "%.120s gets %lld %% of a processor at the most: loads and answers wait",
                        group[0] ? group : "this container", quota * 100 / period);
            return;
        }
        slash = strrchr(group, '/');
        if (!slash) break;
    }
    doctor_find(d, SEVERITY_FINE, TOPIC_cpu_quota, NULL, "none");
}

void doctor_look_at_kernel(struct doctor *d)
{
    look_at_preemption(d);
    look_at_throttling(d);
    look_at_rt_groups(d);
    look_at_quota(d);
}
