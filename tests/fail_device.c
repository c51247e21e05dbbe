// SPDX-License-Identifier: MIT
// fail_device.c - a library to preload that makes the functions of libasound and libjack fail, call by call.
//
// A file named by FAIL_DEVICE is shared with the test (tests/fail_device.py has the same layout), which puts
// down what is to happen and arms it, while the daemon runs or before it starts. Only what the program itself
// calls is counted, not what the libraries call of one another. Nothing here waits or calls the system unless
// it is told to sleep, so that it may stand in the audio thread.
#include <alsa/asoundlib.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <jack/jack.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define N_FAULTS 4

enum fault_flag {
    FAULT_CALLS = 1,    // the function is called, too
    FAULT_KEEPS = 2,    // and its own result is given
    FAULT_SETS = 4,     // what it writes for its caller becomes `out`
    FAULT_SHUTDOWN = 8, // the server's shutdown is told
    FAULT_XRUN = 16,    // an xrun is told
    FAULT_RATE = 32,    // another sample rate is told, `out`
};

/// One thing that is to happen: from the call `first` on (0 is the next), `count` times, -1: for good.
struct fault {
    char function[56];
    int64_t first, count;
    int64_t value, out;
    int32_t flags, sleep_ms;
    _Atomic int64_t is_armed, n_seen, n_hit;
};

static struct fault *faults; // N_FAULTS of them
static uintptr_t text_begin, text_end;

static struct {
    JackInfoShutdownCallback shutdown;
    JackXRunCallback xrun;
    JackSampleRateCallback rate;
    void *argument;
} told;

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X)) continue;
        text_begin = info->dlpi_addr + p->p_vaddr;
        text_end = text_begin + p->p_memsz;
    }
    return 1; // the first one is the program
}

static void map_faults(void)
{
    const char *path = getenv("FAIL_DEVICE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return; // programs that the daemon starts
    void *p = mmap(NULL, N_FAULTS * sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (p != MAP_FAILED) faults = p;
    close(fd);
}

/// The fault that is due in this call, or NULL.
static struct fault *take(const char *function, const void *caller)
{
    struct fault *due = NULL;
    if (!faults || (uintptr_t)caller < text_begin || (uintptr_t)caller >= text_end) return NULL;
    for (uint32_t i = 0; i < N_FAULTS; i++) {
        struct fault *f = &faults[i];
        // Acquire: with it comes what the test has put down before.
        if (!atomic_load_explicit(&f->is_armed, memory_order_acquire) || strcmp(f->function, function) != 0)
            continue;
        int64_t n = atomic_fetch_add(&f->n_seen, 1) - f->first;
        if (n < 0 || (f->count >= 0 && n >= f->count)) continue;
        atomic_fetch_add(&f->n_hit, 1);
        due = f;
    }
    return due;
}

/// What happens beside the call.
static void do_more(const struct fault *f)
{
    struct timespec pause = {.tv_sec = f->sleep_ms / 1000, .tv_nsec = f->sleep_ms % 1000 * 1000000L};
    if (f->sleep_ms > 0) nanosleep(&pause, NULL);
    if (f->flags & FAULT_SHUTDOWN && told.shutdown)
        told.shutdown(JackServerError, "as it was told to", told.argument);
    if (f->flags & FAULT_XRUN && told.xrun) told.xrun(told.argument);
    if (f->flags & FAULT_RATE && told.rate) told.rate((jack_nframes_t)f->out, told.argument);
}

/// Does what is beside the call; true when the function itself is to be called.
static bool is_called(const struct fault *f)
{
    if (f) do_more(f);
    return !f || f->flags & (FAULT_CALLS | FAULT_KEEPS);
}

// ---- the functions ----

#define CALL(type, name, parameters, arguments, out) static __typeof__(name) *real_##name;
#define VOID(name, parameters, arguments)            static __typeof__(name) *real_##name;
#include "tests/device_calls.def"

static jack_client_t *(*real_jack_client_open)(const char *, jack_options_t, jack_status_t *, ...);
static void (*real_jack_on_info_shutdown)(jack_client_t *, JackInfoShutdownCallback, void *);
static int (*real_jack_set_xrun_callback)(jack_client_t *, JackXRunCallback, void *);
static int (*real_jack_set_sample_rate_callback)(jack_client_t *, JackSampleRateCallback, void *);

static void find(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

__attribute__((constructor)) static void begin(void)
{
    dl_iterate_phdr(find_program, NULL);
    map_faults();
#define CALL(type, name, parameters, arguments, out) find(#name, &real_##name);
#define VOID(name, parameters, arguments)            find(#name, &real_##name);
#include "tests/device_calls.def"
    find("jack_client_open", &real_jack_client_open);
    find("jack_on_info_shutdown", &real_jack_on_info_shutdown);
    find("jack_set_xrun_callback", &real_jack_set_xrun_callback);
    find("jack_set_sample_rate_callback", &real_jack_set_sample_rate_callback);
}

#pragma GCC visibility push(default)

#define NONE           ignored
#define CALLER         __builtin_extract_return_addr(__builtin_return_address(0))
#define AS_TYPE(value) (intptr_t)(value)

#define CALL(type, name, parameters, arguments, out_value)                                                   \
    type name parameters                                                                                     \
    {                                                                                                        \
        int64_t ignored;                                                                                     \
        const struct fault *due = take(#name, CALLER);                                                       \
        (void)ignored;                                                                                       \
        if (!due) return real_##name arguments;                                                              \
        type result = (type)AS_TYPE(due->value);                                                             \
        if (is_called(due)) {                                                                                \
            type real = real_##name arguments;                                                               \
            if (due->flags & FAULT_KEEPS) result = real;                                                     \
        }                                                                                                    \
        if (due->flags & FAULT_SETS) (out_value) = (__typeof__(out_value))due->out;                          \
        return result;                                                                                       \
    }
#define VOID(name, parameters, arguments)                                                                    \
    void name parameters                                                                                     \
    {                                                                                                        \
        const struct fault *due = take(#name, CALLER);                                                       \
        if (is_called(due)) real_##name arguments;                                                           \
    }
#include "tests/device_calls.def"

jack_client_t *jack_client_open(const char *name, jack_options_t options, jack_status_t *why, ...)
{
    va_list more;
    va_start(more, why);
    const char *server = options & JackServerName ? va_arg(more, const char *) : NULL;
    va_end(more);
    const struct fault *f = take("jack_client_open", CALLER);
    if (f) do_more(f);
    if (f && f->flags & FAULT_SETS) *why = (jack_status_t)f->out;
    if (f && !(f->flags & FAULT_KEEPS)) return NULL;
    return real_jack_client_open(name, options, why, server);
}

void jack_on_info_shutdown(jack_client_t *client, JackInfoShutdownCallback shutdown, void *argument)
{
    told.shutdown = shutdown;
    told.argument = argument;
    if (is_called(take("jack_on_info_shutdown", CALLER)))
        real_jack_on_info_shutdown(client, shutdown, argument);
}

int jack_set_xrun_callback(jack_client_t *client, JackXRunCallback xrun, void *argument)
{
    const struct fault *f = take("jack_set_xrun_callback", CALLER);
    told.xrun = xrun;
    return is_called(f) ? real_jack_set_xrun_callback(client, xrun, argument) : (int)f->value;
}

int jack_set_sample_rate_callback(jack_client_t *client, JackSampleRateCallback rate, void *argument)
{
    const struct fault *f = take("jack_set_sample_rate_callback", CALLER);
    told.rate = rate;
    return is_called(f) ? real_jack_set_sample_rate_callback(client, rate, argument) : (int)f->value;
}

#pragma GCC visibility pop
