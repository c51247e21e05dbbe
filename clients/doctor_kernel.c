// SPDX-License-Identifier: MIT
// doctor_kernel.c - chime doctor: what the kernel and its settings mean for an audio thread.
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "clients/doctor.h"

static void look_at_preemption(struct doctor *d)
{
    struct utsname name;
    char model[128], realtime[8];
    uname(&name);
    bool is_rt = doctor_read_line(d, "/sys/kernel/realtime", realtime, sizeof realtime) && realtime[0] == '1';
    if (is_rt || strstr(name.version, "PREEMPT_RT")) {
        doctor_find(d, SEVERITY_FINE, "kernel", NULL, "%.40s, fully preemptible (PREEMPT_RT)", name.release);
        return;
    }
    // "none voluntary (full)": the one in brackets holds.
    if (doctor_read_line(d, "/sys/kernel/debug/sched/preempt", model, sizeof model)) {
        bool is_full = strstr(model, "(full)");
        doctor_find(d, is_full ? SEVERITY_FINE : SEVERITY_NOTE, "kernel",
                    is_full ? NULL
                            : "periods below 128 frames want preempt=full on the kernel's command line, or "
                              "apt install linux-image-rt-amd64",
                    "%.40s, preemption: %.80s", name.release, model);
        return;
    }
    bool is_preempt = strstr(name.version, "PREEMPT");
    doctor_find(d, is_preempt ? SEVERITY_FINE : SEVERITY_NOTE, "kernel",
                is_preempt
                    ? NULL
                    : "periods below 128 frames want a preemptible kernel: apt install linux-image-rt-amd64",
                "%.40s%s", name.release, is_preempt ? ", preemptible" : ", not preemptible");
}

static void look_at_throttling(struct doctor *d)
{
    long long runtime, period;
    if (!doctor_read_number(d, "/proc/sys/kernel/sched_rt_runtime_us", &runtime) ||
        !doctor_read_number(d, "/proc/sys/kernel/sched_rt_period_us", &period))
        return;
    if (runtime < 0) {
        doctor_find(d, SEVERITY_NOTE, "throttling", "sysctl kernel.sched_rt_runtime_us=950000",
                    "real-time threads are never held back: one that hangs takes its processor with it");
    } else if (runtime * 100 < period * 90) {
        doctor_find(d, SEVERITY_WARNING, "throttling", "sysctl kernel.sched_rt_runtime_us=950000",
                    "real-time threads get %lld %% of a processor at the most", runtime * 100 / period);
    } else {
        doctor_find(d, SEVERITY_FINE, "throttling", NULL, "real-time threads get %lld %% of a processor",
                    runtime * 100 / period);
    }
}

static void look_at_governors(struct doctor *d)
{
    char path[96], governor[32], slow[32] = "";
    int n = 0, n_slow = 0;
    for (int cpu = 0; cpu < 1024; cpu++, n++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu);
        if (!doctor_read_line(d, path, governor, sizeof governor)) break;
        if (strcmp(governor, "performance") == 0 || strcmp(governor, "schedutil") == 0) continue;
        memcpy(slow, governor, sizeof slow);
        n_slow++;
    }
    if (n == 0)
        doctor_find(d, SEVERITY_FINE, "processors", NULL, "their speed is not governed here");
    else if (n_slow > 0)
        doctor_find(d, SEVERITY_WARNING, "processors",
                    "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
                    "%d of %d have the governor %s: they wake up slowly", n_slow, n, slow);
    else
        doctor_find(d, SEVERITY_FINE, "processors", NULL, "%d, governor %s", n, governor);
}

static void look_at_clock(struct doctor *d)
{
    char source[32];
    if (!doctor_read_line(d, "/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                          sizeof source))
        return;
    // These are read by a call into the kernel or a slow bus, at every cycle.
    bool is_slow =
        strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 || strcmp(source, "jiffies") == 0;
    doctor_find(
        d, is_slow ? SEVERITY_WARNING : SEVERITY_FINE, "clock",
        is_slow
            ? "see /sys/devices/system/clocksource/clocksource0/available_clocksource; try clocksource=tsc "
              "on the kernel's command line"
            : NULL,
        "source %s%s", source, is_slow ? ", which is slow to read" : "");
}

static void look_at_memory(struct doctor *d)
{
    char full[4096], line[128];
    long long available_kib = -1, swap_total = 0, swap_free = 0;
    FILE *f = fopen(doctor_path(d, "/proc/meminfo", full), "re");
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        sscanf(line, "MemAvailable: %lld kB", &available_kib);
        sscanf(line, "SwapTotal: %lld kB", &swap_total);
        sscanf(line, "SwapFree: %lld kB", &swap_free);
    }
    fclose(f);
    if (available_kib < 0) return;
    bool is_short = available_kib < 128 * 1024;
    doctor_find(d, is_short ? SEVERITY_WARNING : SEVERITY_FINE, "memory",
                is_short ? "lower [engine] sound_memory, or end other programs" : NULL,
                "%lld MiB available, %lld of %lld MiB swap in use", available_kib >> 10,
                (swap_total - swap_free) >> 10, swap_total >> 10);
}

void doctor_look_at_kernel(struct doctor *d)
{
    look_at_preemption(d);
    look_at_throttling(d);
    look_at_governors(d);
    look_at_clock(d);
    look_at_memory(d);
}
