// SPDX-License-Identifier: MIT
// doctor.h - what chime doctor finds out about a machine, one line a finding.
#ifndef CLIENTS_DOCTOR_H
#define CLIENTS_DOCTOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/cli.h"

/// How bad a finding is, for whoever wants sound without dropouts.
enum severity { SEVERITY_FINE, SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_FAILURE, N_SEVERITIES };

enum topic {
#define TOPIC(id, shown, doc) TOPIC_##id,
#include "clients/doctor.def"
    N_TOPICS
};

struct finding {
    enum severity severity;
    enum topic topic;
    char text[640];   // what is
    char remedy[320]; // what to type: "# " before it for root, "$ " for anyone; "" when nothing needs to be
                      // done
};

#define MAX_FINDINGS  96
#define MAX_PROCESSES 8192

/// A process, as the kernel's list shows it.
struct process {
    int pid;
    char name[16]; // of its program, cut by the kernel
};

struct doctor {
    struct cli *cli;
    const char *root;             // before every path of /proc, /sys, /etc, /run; "" on a living machine
    const char *sounds;           // folder to read; NULL: the usual ones
    struct chime_message *status; // owned; NULL: no daemon answers
    bool is_denied;               // there is a daemon, and its socket is closed to the caller
    int daemon_pid;               // on this machine; 0: there is none
    bool is_realtime;             // its audio thread has real-time priority
    char device[128], backend[32];
    double rate_hz;
    double period_frames; // in force; 0: not known
    struct process *processes;
    size_t n_processes;
    struct finding findings[MAX_FINDINGS];
    size_t n_findings;
};

// ---- findings (cmd_doctor.c) ----

/// Adds a finding; `remedy` may be NULL. What is beyond MAX_FINDINGS is left out.
__attribute__((format(printf, 5, 6))) void doctor_find(struct doctor *d, enum severity severity,
                                                       enum topic topic, const char *remedy,
                                                       const char *format, ...);
enum severity doctor_worst(const struct doctor *d);
const char *doctor_topic_name(enum topic topic);
const char *doctor_severity_name(enum severity severity);

// ---- reading a machine (doctor_read.c) ----

/// "root/path", in `full` (PATH_MAX bytes).
const char *doctor_path(const struct doctor *d, const char *path, char *full);
bool doctor_exists(const struct doctor *d, const char *path);
/// The first line of a file below the root, without its newline. False when it cannot be read.
bool doctor_read_line(const struct doctor *d, const char *path, char *line, size_t size);
/// The same for the number that a file begins with.
bool doctor_read_number(const struct doctor *d, const char *path, long long *number);
/// What stands behind `key`, blanks and a colon in the first line that begins with it: "owner_pid   : 77".
bool doctor_read_value(const struct doctor *d, const char *path, const char *key, char *value, size_t size);
/// The same for a number; `otherwise` when there is none.
long long doctor_read_value_number(const struct doctor *d, const char *path, const char *key,
                                   long long otherwise);
/// Calls `each` with the name of each entry of a folder, until it returns false.
void doctor_each_entry(struct doctor *d, const char *folder,
                       bool (*each)(struct doctor *d, const char *folder, const char *name, void *context),
                       void *context);
/// Fills the list of processes.
void doctor_list_processes(struct doctor *d);
/// The first process that is called so; 0: there is none.
int doctor_find_process(const struct doctor *d, const char *name);
/// The value of a key such as CONFIG_PREEMPT of the running kernel, where the distribution keeps it in /boot.
bool doctor_kernel_config(const struct doctor *d, const char *key, char *value, size_t size);
/// What runs us if that is a container: "docker", "systemd-nspawn". False when none does.
bool doctor_container(const struct doctor *d, char *name, size_t size);

// ---- the daemon's unit and limits (doctor_limits.c); texts hold until the next call ----

/// What starts the daemon anew, or at all.
const char *doctor_restart(const struct doctor *d);
/// What makes the sockets of its unit anew.
const char *doctor_restart_sockets(const struct doctor *d);
/// What shows its log where that speaks of `pattern`.
const char *doctor_journal(const struct doctor *d, const char *pattern);

/// A soft limit of the daemon's process, by its name in /proc/PID/limits; -1: unlimited, -2: not known.
long long doctor_limit(const struct doctor *d, const char *name);
/// What gives the daemon more rights, wherever it runs.
const char *doctor_remedy_for_limits(const struct doctor *d);

/// The caller's (doctor_rights.c).
const char *doctor_user_name(void);

// ---- what is looked at ----

/// Asks the daemon, or finds its process: is there one, version, health, output, load, xruns.
void doctor_look_at_daemon(struct doctor *d);
/// What the kernel shows of the daemon's process: limits, audio thread, locked and swapped memory.
void doctor_look_at_process(struct doctor *d);
/// The limits of its process, beside what its unit asks for.
void doctor_look_at_limits(struct doctor *d);
/// Rights of the caller: limits, limits.d, the group audio.
void doctor_look_at_rights(struct doctor *d);
/// Sound cards, who holds them, may they be opened.
void doctor_look_at_devices(struct doctor *d);
/// Other sound servers.
void doctor_look_at_servers(struct doctor *d);
/// The scheduler: preemption, throttling, groups, quotas.
void doctor_look_at_kernel(struct doctor *d);
/// Processors: governors, idle states; virtual machine, container.
void doctor_look_at_processors(struct doctor *d);
/// Clock source, synchronization, memory.
void doctor_look_at_system(struct doctor *d);
/// How fast the sound folder can be read.
void doctor_look_at_disk(struct doctor *d);
/// Versions of libraries and servers.
void doctor_look_at_versions(struct doctor *d);

// ---- output (doctor_show.c) ----

/// For people: on a terminal with colours and in its width; what is fine is folded unless `all`.
void doctor_show(const struct doctor *d, bool all);
/// For programs: one object.
void doctor_show_json(const struct doctor *d);

#endif
