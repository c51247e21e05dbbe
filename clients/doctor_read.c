// SPDX-License-Identifier: MIT
// doctor_read.c - chime doctor: reads what the kernel and the distribution tell in files, below any root.
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/doctor.h"

// ---- files ----

const char *doctor_path(const struct doctor *d, const char *path, char *full)
{
    snprintf(full, PATH_MAX, "%s%s", d->root, path);
    return full;
}

bool doctor_exists(const struct doctor *d, const char *path)
{
    char full[PATH_MAX];
    return access(doctor_path(d, path, full), F_OK) == 0;
}

bool doctor_read_line(const struct doctor *d, const char *path, char *line, size_t size)
{
    return doctor_read_value(d, path, "", line, size);
}

bool doctor_read_number(const struct doctor *d, const char *path, long long *number)
{
    char line[64], *end;
    if (!doctor_read_line(d, path, line, sizeof line)) return false;
    *number = strtoll(line, &end, 10);
    return end != line;
}

bool doctor_read_value(const struct doctor *d, const char *path, const char *key, char *value, size_t size)
{
    char full[PATH_MAX], line[4096];
    size_t length = strlen(key);
    bool found = false;
    FILE *f = fopen(doctor_path(d, path, full), "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, key, length) == 0;
    if (f) fclose(f);
    if (!found) return false;
    const char *at = line + length;
    if (length > 0) at += strspn(at, " \t:");
    size_t n = strcspn(at, "\n");
    while (n > 0 && isblank((unsigned char)at[n - 1]))
        n--;
    snprintf(value, size, "%.*s", (int)n, at);
    return true;
}

long long doctor_read_value_number(const struct doctor *d, const char *path, const char *key,
                                   long long otherwise)
{
    char value[64], *end;
    if (!doctor_read_value(d, path, key, value, sizeof value)) return otherwise;
    long long number = strtoll(value, &end, 10);
    return end == value ? otherwise : number;
}

void doctor_each_entry(struct doctor *d, const char *folder,
                       bool (*each)(struct doctor *d, const char *folder, const char *name, void *context),
                       void *context)
{
    char full[PATH_MAX];
    DIR *dir = opendir(doctor_path(d, folder, full));
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.' && !each(d, folder, e->d_name, context)) break;
    if (dir) closedir(dir);
}

// ---- processes ----

static bool add_process(struct doctor *d, const char *folder, const char *name, void *context)
{
    char path[64];
    (void)folder;
    (void)context;
    if (!isdigit((unsigned char)name[0])) return true;
    struct process *p = &d->processes[d->n_processes];
    snprintf(path, sizeof path, "/proc/%.10s/comm", name);
    if (!doctor_read_line(d, path, p->name, sizeof p->name)) return true;
    p->pid = atoi(name);
    return ++d->n_processes < MAX_PROCESSES;
}

void doctor_list_processes(struct doctor *d)
{
    d->processes = calloc(MAX_PROCESSES, sizeof *d->processes);
    if (d->processes) doctor_each_entry(d, "/proc", add_process, NULL);
}

int doctor_find_process(const struct doctor *d, const char *name)
{
    for (size_t i = 0; i < d->n_processes; i++)
        if (strcmp(d->processes[i].name, name) == 0) return d->processes[i].pid;
    return 0;
}

// ---- the kernel and what it runs in ----

bool doctor_kernel_config(const struct doctor *d, const char *key, char *value, size_t size)
{
    char release[128], path[192], name[64];
    if (!doctor_read_line(d, "/proc/sys/kernel/osrelease", release, sizeof release)) return false;
    snprintf(path, sizeof path, "/boot/config-%s", release);
    snprintf(name, sizeof name, "%s=", key);
    if (doctor_read_value(d, path, name, value, size)) return true;
    snprintf(name, sizeof name, "# %.40s is not set", key);
    if (!doctor_read_value(d, path, name, value, size)) return false;
    snprintf(value, size, "n");
    return true;
}

bool doctor_container(const struct doctor *d, char *name, size_t size)
{
    if (doctor_read_line(d, "/run/systemd/container", name, size)) return true;
    bool is_docker = doctor_exists(d, "/.dockerenv");
    if (!is_docker && !doctor_exists(d, "/run/.containerenv")) return false;
    snprintf(name, size, "%s", is_docker ? "docker" : "podman");
    return true;
}
