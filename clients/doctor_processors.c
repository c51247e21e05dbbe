// SPDX-License-Identifier: MIT
// doctor_processors.c - chime doctor: how fast the processors run and wake up, and whether they are real.
#include <stdio.h>
#include <string.h>

#include "clients/doctor.h"

#define MAX_PROCESSORS  4096
#define MAX_IDLE_STATES 16

// ---- speed ----

/// Governors that keep a processor fast enough for a thread that sleeps most of the time.
static enum severity judge_governor(const char *governor, const char *driver)
{
    if (strcmp(governor, "performance") == 0 || strcmp(governor, "schedutil") == 0) return SEVERITY_FINE;
    // Where the processor governs itself, "powersave" only is what it aims at.
    bool is_own = strncmp(driver, "intel_pstate", 12) == 0 || strncmp(driver, "amd-pstate-epp", 14) == 0 ||
                  strncmp(driver, "amd_pstate_epp", 14) == 0;
    return is_own && strcmp(governor, "powersave") == 0 ? SEVERITY_NOTE : SEVERITY_WARNING;
}

static bool read_cpu(const struct doctor *d, int cpu, const char *file, char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
    return doctor_read_line(d, path, text, size);
}

static void look_at_governors(struct doctor *d)
{
    char governor[32] = "", driver[32] = "", slow[32] = "", isolated[64] = "";
    enum severity worst = SEVERITY_FINE;
    int n = 0, n_slow = 0;
    for (int cpu = 0; cpu < MAX_PROCESSORS; cpu++) {
        if (!read_cpu(d, cpu, "cpufreq/scaling_governor", governor, sizeof governor)) break;
        read_cpu(d, cpu, "cpufreq/scaling_driver", driver, sizeof driver);
        enum severity severity = judge_governor(governor, driver);
        n++;
        if (severity == SEVERITY_FINE) continue;
        memcpy(slow, governor, sizeof slow);
        n_slow++;
        if (severity > worst) worst = severity;
    }
    doctor_read_line(d, "/sys/devices/system/cpu/isolated", isolated, sizeof isolated);
    if (n == 0)
        doctor_find(d, SEVERITY_FINE, TOPIC_governor, NULL, "the processors' speed is not governed here");
    else if (n_slow > 0)
        doctor_find(d, worst, TOPIC_governor,
                    "# echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
                    "%d of %d processors have the governor %s (%s): they are slow after a sleep (this is "
                    "until reboot; apt install cpufrequtils keeps it)",
                    n_slow, n, slow, driver[0] ? driver : "no driver named");
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_governor, NULL, "%s%s%s", governor,
                    isolated[0] ? "; isolated processors: " : "", isolated);
}

// ---- sleep ----

/// The enabled idle state that a processor takes longest to leave, in microseconds; -1: none is known.
static long long slowest_state(const struct doctor *d, char *name, size_t size)
{
    long long slowest = -1;
    for (int state = 0; state < MAX_IDLE_STATES; state++) {
        char path[128];
        long long latency, disabled = 0;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cpuidle/state%d/latency", state);
        if (!doctor_read_number(d, path, &latency)) break;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cpuidle/state%d/disable", state);
        doctor_read_number(d, path, &disabled);
        if (disabled || latency <= slowest) continue;
        slowest = latency;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cpuidle/state%d/name", state);
        if (!doctor_read_line(d, path, name, size)) snprintf(name, size, "state %d", state);
    }
    return slowest;
}

static void look_at_idle_states(struct doctor *d)
{
    char name[32] = "";
    long long latency = slowest_state(d, name, sizeof name);
    double period_us = d->period_frames > 0 && d->rate_hz > 0 ? d->period_frames / d->rate_hz * 1e6 : 5333;
    if (latency < 0) return;
    bool is_long = (double)latency > period_us / 4;
    doctor_find(d, is_long ? SEVERITY_NOTE : SEVERITY_FINE, TOPIC_idle_states,
                is_long ? "# apt install linux-cpupower && cpupower idle-set -D 100" : NULL,
                "a processor takes up to %lld us to leave %s%s", latency, name,
                is_long ? ": more than a quarter of the period (until reboot)" : "");
}

// ---- not real ----

static void look_at_virtual(struct doctor *d)
{
    char container[64] = "", vendor[64] = "", flags[4096] = "";
    bool is_contained = doctor_container(d, container, sizeof container);
    bool is_guest = (doctor_read_value(d, "/proc/cpuinfo", "flags", flags, sizeof flags) &&
                     strstr(flags, " hypervisor")) ||
                    doctor_exists(d, "/sys/hypervisor/type");
    if (is_guest) doctor_read_line(d, "/sys/class/dmi/id/sys_vendor", vendor, sizeof vendor);
    if (is_guest)
        doctor_find(d, SEVERITY_NOTE, TOPIC_virtual, "$ chime bench latency",
                    "a virtual machine%s%s%s: its host decides when it runs; measure that",
                    vendor[0] ? " (" : "", vendor, vendor[0] ? ")" : "");
    if (is_contained)
        doctor_find(d, SEVERITY_FINE, TOPIC_virtual, NULL,
                    "a container (%s): devices and rights are what its start gave it", container);
    if (!is_guest && !is_contained)
        doctor_find(d, SEVERITY_FINE, TOPIC_virtual, NULL, "neither a virtual machine nor a container");
}

void doctor_look_at_processors(struct doctor *d)
{
    look_at_governors(d);
    look_at_idle_states(d);
    look_at_virtual(d);
}
