// SPDX-License-Identifier: MIT
// service.c - tells the service manager how the daemon is, over libsystemd.
#include "engine/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "engine/log.h"

#define STATUS_BYTES 256

static void notify(const char *state)
{
    int error = sd_notify(0, state); // 0: no service manager, 1: sent
    if (error < 0) log_debug("cannot notify the service manager: error %d", -error);
}

PRINTF_LIKE(2, 0) static void notify_with_status(const char *before, const char *format, va_list args)
{
    char text[STATUS_BYTES], state[STATUS_BYTES + 32];
    int n = vsnprintf(text, sizeof text, format, args);
    if (n < 0) return;
    // A line end would begin another assignment.
    for (char *p = text; *p; p++) {
        if (*p == '\n') *p = ' ';
    }
    n = snprintf(state, sizeof state, "%sSTATUS=%s", before, text);
    if (n > 0) notify(state);
}

void service_ready(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    notify_with_status("READY=1\n", format, args);
    va_end(args);
}

void service_status(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    notify_with_status("", format, args);
    va_end(args);
}

void service_stopping(void)
{
    notify("STOPPING=1");
}
