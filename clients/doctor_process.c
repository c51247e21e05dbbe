// SPDX-License-Identifier: MIT
// doctor_process.c - chime doctor: what the kernel shows of the daemon's process: limits, threads, memory.
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/doctor.h"

static void path_of(const struct doctor *d, const char *file, char *path, size_t size)
{
    snprintf(path, size, "/proc/%d/%s", d->daemon_pid, file);
}

// ---- the audio thread ----

struct scheduling {
    int policy, priority, thread;
};

/// Fields 40 and 41 of a thread's stat, behind the name in brackets (proc(5)).
static bool scheduling_of(const struct doctor *d, const char *thread, struct scheduling *s)
{
    char path[96], line[1024];
    snprintf(path, sizeof path, "/proc/%d/task/%.10s/stat", d->daemon_pid, thread);
    if (!doctor_read_line(d, path, line, sizeof line)) return false;
    const char *at = strrchr(line, ')');
    for (int field = 2; at && field < 40; field++)
        at = strchr(at + 1, ' ');
    s->thread = atoi(thread);
    return at && sscanf(at, "%d %d", &s->priority, &s->policy) == 2;
}

static bool is_realtime(const struct scheduling *s)
{
    return s->policy == 1 || s->policy == 2; // SCHED_FIFO, SCHED_RR (sched.h)
}

/// The highest real-time thread, where the daemon does not say which its audio thread is.
static bool keep_highest(struct doctor *d, const char *folder, const char *name, void *context)
{
    struct scheduling s, *best = context;
    (void)folder;
    if (isdigit((unsigned char)name[0]) && scheduling_of(d, name, &s) && is_realtime(&s) &&
        s.priority > best->priority)
        *best = s;
    return true;
}

static void look_at_audio_thread(struct doctor *d)
{
    struct scheduling s = {0};
    char thread[16], path[64];
    int told = (int)cli_pair_number(d->status, "rt_thread");
    snprintf(thread, sizeof thread, "%d", told);
    path_of(d, "task", path, sizeof path);
    if (told == 0)
        doctor_each_entry(d, path, keep_highest, &s);
    else if (!scheduling_of(d, thread, &s))
        return; // it has just gone
    d->is_realtime = is_realtime(&s);
    if (d->is_realtime)
        doctor_find(d, SEVERITY_FINE, TOPIC_audio_thread, NULL, "%s with priority %d (thread %d)",
                    s.policy == 1 ? "SCHED_FIFO" : "SCHED_RR", s.priority, s.thread);
    else if (strcmp(d->backend, "jack") == 0)
        doctor_find(d, SEVERITY_FAILURE, TOPIC_audio_thread, "$ jackd -R -P 80 -d alsa",
                    "has no real-time priority, for the JACK server has none: any busy program can hold it "
                    "up");
    else
        doctor_find(d, SEVERITY_FAILURE, TOPIC_audio_thread,
                    doctor_limit(d, "Max realtime priority") > 0 ? doctor_journal(d, "real-time")
                                                                 : "see limits",
                    "has no real-time priority: any busy program can hold it up");
}

// ---- memory ----

static void sum_regions(const struct chime_message *m, void *context)
{
    double *sums = context; // committed, locked
    if (strcmp(chime_message_path(m), "/memory/region") != 0 || chime_message_count(m) < 7) return;
    sums[0] += chime_message_number(m, 2);
    sums[1] += chime_message_number(m, 6);
}

static void look_at_locked(struct doctor *d, const char *status_path)
{
    long long shown_kib = doctor_read_value_number(d, status_path, "VmLck", -1);
    double sums[2] = {0};
    char shown[32] = "0 B", wanted[32];
    if (shown_kib < 0) return;
    cli_bytes_text(shown, sizeof shown, (double)shown_kib * 1024);
    if (d->status && cli_ask(d->cli, cli_message("/memory"), sum_regions, sums, NULL) != CHIME_OK)
        sums[0] = 0;
    cli_bytes_text(wanted, sizeof wanted, sums[0]);
    bool is_short = sums[0] > 0 ? sums[1] < sums[0] : shown_kib == 0;
    doctor_find(d, is_short ? SEVERITY_WARNING : SEVERITY_FINE, TOPIC_locked_memory,
                is_short ? doctor_remedy_for_limits(d) : NULL, "%s locked%s%s: %s", shown,
                sums[0] > 0 ? ", the daemon wants " : "", sums[0] > 0 ? wanted : "",
                is_short ? "what is not can be swapped out" : "nothing that sounds can be swapped out");
}

static void look_at_swap(struct doctor *d, const char *status_path)
{
    long long kib = doctor_read_value_number(d, status_path, "VmSwap", 0);
    char text[32];
    cli_bytes_text(text, sizeof text, (double)kib * 1024);
    if (kib > 1024)
        doctor_find(d, SEVERITY_WARNING, TOPIC_swap, "# swapoff -a && swapon -a",
                    "%s of the daemon is swapped out: it stops for the disk when it needs that", text);
    else
        doctor_find(d, SEVERITY_FINE, TOPIC_swap, NULL, "nothing of the daemon that matters is swapped out");
}

// ---- upgrades ----

static void look_at_program(struct doctor *d)
{
    static const char gone[] = " (deleted)";
    char path[64], full[PATH_MAX], target[PATH_MAX];
    path_of(d, "exe", path, sizeof path);
    ssize_t n = readlink(doctor_path(d, path, full), target, sizeof target - 1);
    if (n < (ssize_t)sizeof gone || memcmp(target + n - (sizeof gone - 1), gone, sizeof gone - 1) != 0)
        return;
    doctor_find(d, SEVERITY_NOTE, TOPIC_daemon, doctor_restart(d),
                "its program was replaced since it started: an upgrade that waits for a restart");
}

void doctor_look_at_process(struct doctor *d)
{
    char path[64];
    if (d->daemon_pid == 0) return;
    look_at_program(d);
    look_at_audio_thread(d);
    doctor_look_at_limits(d);
    path_of(d, "status", path, sizeof path);
    look_at_locked(d, path);
    look_at_swap(d, path);
}
