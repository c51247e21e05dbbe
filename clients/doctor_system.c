// SPDX-License-Identifier: MIT
// doctor_system.c - chime doctor: the system's clocks and memory.
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "clients/doctor.h"

/// What sounds and a page cache for them need.
#define LEAST_AVAILABLE_KIB (128 * 1024)
/// Shares of the last ten seconds in which something waited for memory, in percent.
#define PRESSURE_NOTE    1.0
#define PRESSURE_WARNING 10.0

// ---- clocks ----

static void look_at_clock(struct doctor *d)
{
    static const char folder[] = "/sys/devices/system/clocksource/clocksource0";
    char path[96], source[32], available[128] = "";
    snprintf(path, sizeof path, "%s/current_clocksource", folder);
    if (!doctor_read_line(d, path, source, sizeof source)) return;
    snprintf(path, sizeof path, "%s/available_clocksource", folder);
    doctor_read_line(d, path, available, sizeof available);
    // These are read by a call into the kernel or over a slow bus, at every cycle.
    bool is_slow =
        strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 || strcmp(source, "jiffies") == 0;
    bool has_tsc = strstr(available, "tsc");
    char remedy[160];
    snprintf(remedy, sizeof remedy, "# echo tsc > %s/current_clocksource", folder);
    doctor_find(d, is_slow ? SEVERITY_WARNING : SEVERITY_FINE, TOPIC_clock,
                !is_slow  ? NULL
                : has_tsc ? remedy
                          : "# dmesg | grep -i -e tsc -e clocksource",
                "%s%s%s%s%s", source, is_slow ? ", which is slow to read" : "", available[0] ? " (of " : "",
                available, available[0] ? ")" : "");
}

/// What disciplines the clock, if anything does.
static const char *clock_keeper(const struct doctor *d)
{
    static const char *const keepers[] = {"systemd-timesyn", "chronyd", "ntpd", "ntpsec", "ptp4l", "phc2sys"};
    for (size_t i = 0; i < sizeof keepers / sizeof *keepers; i++)
        if (doctor_find_process(d, keepers[i])) return i == 0 ? "systemd-timesyncd" : keepers[i];
    return NULL;
}

static bool is_synchronized(const struct doctor *d)
{
    struct timex t = {0};
    if (doctor_exists(d, "/run/systemd/timesync/synchronized")) return true;
    // The kernel's own word is about this machine, not about another tree.
    return !d->root[0] && adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC);
}

static void look_at_ntp(struct doctor *d)
{
    const char *keeper = clock_keeper(d);
    double steps = cli_pair_number(d->status, "clock_steps");
    if (is_synchronized(d))
        doctor_find(d, SEVERITY_FINE, TOPIC_ntp, NULL, "the system's clock is synchronized%s%s",
                    keeper ? " by " : "", keeper ? keeper : "");
    else
        doctor_find(d, SEVERITY_NOTE, TOPIC_ntp,
                    keeper ? "$ timedatectl timesync-status"
                           : "# apt install systemd-timesyncd && timedatectl set-ntp true",
                    "the system's clock is not synchronized%s%s: time tags of other machines miss their "
                    "moment",
                    keeper ? " yet, though there runs " : "", keeper ? keeper : "");
    if (steps > 0)
        doctor_find(d, SEVERITY_NOTE, TOPIC_ntp, "# apt install chrony",
                    "the system's clock jumped %.0f times while the daemon ran; what is scheduled moved with "
                    "it",
                    steps);
}

// ---- memory ----

/// "some avg10=0.12 avg60=...": the first; negative when the kernel does not tell.
static double pressure_of(const struct doctor *d, const char *what)
{
    char path[64], value[128];
    double average;
    snprintf(path, sizeof path, "/proc/pressure/%s", what);
    if (!doctor_read_value(d, path, "some", value, sizeof value)) return -1;
    return sscanf(value, "avg10=%lf", &average) == 1 ? average : -1;
}

static void look_at_memory(struct doctor *d)
{
    long long available = doctor_read_value_number(d, "/proc/meminfo", "MemAvailable", -1);
    long long swap_total = doctor_read_value_number(d, "/proc/meminfo", "SwapTotal", 0);
    long long swap_free = doctor_read_value_number(d, "/proc/meminfo", "SwapFree", 0);
    if (available < 0) return;
    bool is_short = available < LEAST_AVAILABLE_KIB;
    doctor_find(d, is_short ? SEVERITY_WARNING : SEVERITY_FINE, TOPIC_memory,
                is_short ? "$ ps axo rss,pid,comm --sort=-rss | head" : NULL,
                "%lld MiB available, %lld of %lld MiB swap in use%s", available >> 10,
                (swap_total - swap_free) >> 10, swap_total >> 10,
                is_short ? ": end what needs most, or lower [engine] sound_memory" : "");
    double pressure = pressure_of(d, "memory");
    if (pressure > PRESSURE_NOTE)
        doctor_find(d, pressure > PRESSURE_WARNING ? SEVERITY_WARNING : SEVERITY_NOTE, TOPIC_memory,
                    "$ ps axo rss,pid,comm --sort=-rss | head",
                    "programs waited for memory in %.0f %% of the last ten seconds", pressure);
    pressure = pressure_of(d, "io");
    if (pressure > PRESSURE_WARNING)
        doctor_find(d, SEVERITY_NOTE, TOPIC_disk, "# apt install iotop && iotop -o",
                    "programs waited for the disk in %.0f %% of the last ten seconds: loads and streams do, "
                    "too",
                    pressure);
}

void doctor_look_at_system(struct doctor *d)
{
    look_at_clock(d);
    look_at_ntp(d);
    look_at_memory(d);
}
