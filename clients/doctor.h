// SPDX-License-Identifier: MIT
// doctor.h - what chime doctor finds out about a machine, one line a finding.
#ifndef CLIENTS_DOCTOR_H
#define CLIENTS_DOCTOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/chime.h"

/// How bad a finding is, for whoever wants sound without dropouts.
enum severity { SEVERITY_FINE, SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_FAILURE };

struct finding {
    enum severity severity;
    const char *topic; // a literal, the same for the same question
    char text[240];    // what is
    char remedy[240];  // what to type, or to change; "" when nothing needs to be done
};

#define MAX_FINDINGS 64

struct doctor {
    const char *root;    // before every path of /proc, /sys, /etc and /run; "" on a living machine
    struct chime *chime; // NULL: no daemon answers
    double timeout_s;
    int32_t daemon_pid; // 0: not known
    char sound_folder[256];
    struct finding findings[MAX_FINDINGS];
    size_t n_findings;
};

/// Adds a finding; `remedy` may be NULL. What is beyond MAX_FINDINGS is left out.
__attribute__((format(printf, 5, 6))) void doctor_find(struct doctor *d, enum severity severity,
                                                       const char *topic, const char *remedy,
                                                       const char *format, ...);

/// The first line of a file below the root, without its newline. False when it cannot be read.
bool doctor_read_line(const struct doctor *d, const char *path, char *line, size_t size);
/// The same for the number that a file begins with.
bool doctor_read_number(const struct doctor *d, const char *path, long long *number);
/// "root/path", in `full` (PATH_MAX bytes).
const char *doctor_path(const struct doctor *d, const char *path, char *full);

// ---- what is looked at ----

/// The daemon: is there one, its version, backend, rate, period, load, xruns, its own limits and scheduling.
void doctor_look_at_daemon(struct doctor *d);
/// The kernel: preemption, real-time throttling, processor governors, clock source, memory.
void doctor_look_at_kernel(struct doctor *d);
/// Rights: limits of this user, limits.d, the group audio.
void doctor_look_at_rights(struct doctor *d);
/// Sound cards, who holds them, and other sound servers.
void doctor_look_at_devices(struct doctor *d);
/// How fast the sound folder can be read.
void doctor_look_at_disk(struct doctor *d);

#endif
