// SPDX-License-Identifier: MIT
// rt_guard.c - a library to preload that ends the daemon when its audio thread does what it must not.
//
// Three nets. Inside the real-time section (chimed_rt_enter to chimed_rt_leave): (1) the functions below that
// allocate, lock, wait or talk abort when they are called; (2) where the kernel has system call user
// dispatch, any system call at all aborts, however it was made. (3) Everywhere on the audio thread from its
// first section on, a seccomp filter of that thread traps the system calls that no driver needs.
//
// CHIMED_GUARD_REPORT=FILE: at exit, what was seen is written there as lines of "name value". After a
// violation there is no report.
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define N_SYSCALLS     512
#define WARM_UP_CYCLES 200
/// Cycles between two looks at the page faults; each is a system call, made outside of the section.
#define CYCLES_PER_LOOK 16

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH  59
#define PR_SYS_DISPATCH_ON            1
#define SYSCALL_DISPATCH_FILTER_ALLOW 0
#define SYSCALL_DISPATCH_FILTER_BLOCK 1
#endif

/// Of one audio thread. The initial-exec model needs no allocation at the first touch.
static __thread struct {
    bool inside, armed;
    volatile char dispatch; // what the kernel reads at each system call of this thread
    uint64_t n_cycles;
    long minor_seen, major_seen;
} self __attribute__((tls_model("initial-exec")));

static _Atomic uint64_t n_cycles, n_threads, n_minor, n_major, n_dispatched, n_violations;
static char *syscall_names[N_SYSCALLS];

// ---- report ----

static void put(int fd, const char *text)
{
    const char *end = text + strlen(text);
    while (text < end) {
        long n = syscall(SYS_write, fd, text, (size_t)(end - text));
        if (n <= 0 && errno != EINTR) return;
        if (n > 0) text += n;
    }
}

__attribute__((destructor)) static void write_report(void)
{
    const char *path = getenv("CHIMED_GUARD_REPORT");
    char text[512];
    if (!path || !n_threads)
        return; // programs that the daemon starts, or that start it, have no audio thread
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        put(STDERR_FILENO, "rt_guard: cannot write the report\n");
        return;
    }
    snprintf(text, sizeof text,
             "cycles %llu\nthreads %llu\ndispatch_threads %llu\nfaults_minor %llu\nfaults_major %llu\n",
             (unsigned long long)n_cycles, (unsigned long long)n_threads, (unsigned long long)n_dispatched,
             (unsigned long long)n_minor, (unsigned long long)n_major);
    put(fd, text);
    syscall(SYS_close, fd);
}

/// A daemon in which something hangs leaves without destructors.
__attribute__((visibility("default"))) void _exit(int code)
{
    write_report();
    for (;;)
        syscall(SYS_exit_group, code);
}

__attribute__((noreturn)) static void violation(const char *what, const char *where)
{
    n_violations++;
    void *frames[32];
    self.inside = false;
    self.dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
    put(STDERR_FILENO, "rt_guard: ");
    put(STDERR_FILENO, what);
    put(STDERR_FILENO, where);
    put(STDERR_FILENO, "\n");
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    abort();
}

static inline void forbid(const char *function)
{
    if (__builtin_expect(self.inside, 0)) violation(function, " called in the real-time section");
}

// ---- the section ----

/// What the audio threads of the backends call outside of the section, as strace shows, and why.
static const int allowed[] = {
    SCMP_SYS(futex),           // libjack waits for its cycle and wakes the next client
    SCMP_SYS(epoll_wait),      // PipeWire's libjack waits for its cycle,
    SCMP_SYS(epoll_ctl),       // and for that of another driver
    SCMP_SYS(poll),            // libasound waits for the device
    SCMP_SYS(ppoll),           //
    SCMP_SYS(ioctl),           // libasound talks to the device
    SCMP_SYS(close),           // libasound gives up a device that has gone
    SCMP_SYS(read),            // eventfd that stops the ALSA thread
    SCMP_SYS(write),           // log line about a lost device; the file plugin of libasound
    SCMP_SYS(clock_nanosleep), // the timer of the null backend and of a lost device
    SCMP_SYS(restart_syscall), // a sleep or poll that a stop of the process interrupted
    SCMP_SYS(clock_gettime),   // where the vDSO cannot read the clock
    SCMP_SYS(rt_sigreturn),    // libjack cancels its thread, which is a signal
    SCMP_SYS(rt_sigprocmask),  // end of a thread
    SCMP_SYS(madvise),         // end of a thread: gives back its stack
    SCMP_SYS(munmap),          // end of a thread
    SCMP_SYS(exit),            // end of a thread
    SCMP_SYS(getpid),          // cancellation and abort
    SCMP_SYS(gettid),          // abort
    SCMP_SYS(tgkill),          // abort
    SCMP_SYS(getrusage),       // this guard
    SCMP_SYS(writev),          // this guard's backtrace
};

static void fail(const char *what)
{
    violation(what, ": the guard cannot work");
}

static void install_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    if (!filter) fail("seccomp_init");
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) != 0) fail("seccomp_rule_add");
    }
    // End of a thread: what glibc frees then may shrink its heap, before which it looks whether memory may be
    // overcommitted, and takes it that it may not when there is no such file.
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 1,
                         SCMP_A2(SCMP_CMP_EQ, O_RDONLY | O_CLOEXEC, 0)) != 0)
        fail("seccomp_rule_add");
    if (seccomp_load(filter) != 0) fail("seccomp_load"); // of the calling thread alone
    seccomp_release(filter);
}

/// First section of a thread.
static void arm(void)
{
    sigset_t traps;
    sigemptyset(&traps);
    sigaddset(&traps, SIGSYS);
    pthread_sigmask(SIG_UNBLOCK, &traps, NULL);
    self.armed = true;
    n_threads++;
    void *frame;
    backtrace(&frame, 1); // its first call loads a library
    self.dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &self.dispatch) == 0) n_dispatched++;
    install_filter();
}

static void look_at_faults(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) fail("getrusage");
    if (self.n_cycles == WARM_UP_CYCLES) {
        self.minor_seen = usage.ru_minflt;
        self.major_seen = usage.ru_majflt;
    }
    n_minor += (uint64_t)(usage.ru_minflt - self.minor_seen);
    n_major += (uint64_t)(usage.ru_majflt - self.major_seen);
    self.minor_seen = usage.ru_minflt;
    self.major_seen = usage.ru_majflt;
}

#pragma GCC visibility push(default)

void chimed_rt_enter(void);
void chimed_rt_leave(void);
uint64_t chimed_rt_allocations(void);

void chimed_rt_enter(void)
{
    if (!self.armed) arm();
    if (self.n_cycles >= WARM_UP_CYCLES && (self.n_cycles - WARM_UP_CYCLES) % CYCLES_PER_LOOK == 0)
        look_at_faults();
    self.inside = true;
    self.dispatch = SYSCALL_DISPATCH_FILTER_BLOCK;
}

void chimed_rt_leave(void)
{
    self.dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
    self.inside = false;
    self.n_cycles++;
    n_cycles++;
}

/// What /memory tells. A process that is alive to tell has had none.
uint64_t chimed_rt_allocations(void)
{
    return n_violations;
}

static void trapped(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    bool inside = self.inside;
    self.dispatch = SYSCALL_DISPATCH_FILTER_ALLOW; // before any system call of this handler
    int number = info->si_syscall;
    const char *name = number >= 0 && number < N_SYSCALLS ? syscall_names[number] : NULL;
    char text[64];
    snprintf(text, sizeof text, "system call %d (%s)", number, name ? name : "?");
    violation(text, inside ? " in the real-time section" : " on the audio thread");
}

__attribute__((constructor)) static void prepare(void)
{
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < N_SYSCALLS; i++)
        syscall_names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
    if (sigaction(SIGSYS, &action, NULL) != 0) fail("sigaction");
}

// ---- what must not be called inside ----

// glibc's own names for the allocator: dlsym() itself allocates, so it cannot be the way to them.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

void *malloc(size_t size)
{
    forbid("malloc");
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    forbid("calloc");
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    forbid("realloc");
    return __libc_realloc(memory, size);
}

void free(void *memory)
{
    forbid("free");
    __libc_free(memory);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    forbid("aligned_alloc");
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    forbid("posix_memalign");
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

/// The function of this name in the next library. `version` where glibc has several: dlsym() may find an old
/// one.
static void *next(const char *name, const char *version)
{
    void *function = version ? dlvsym(RTLD_NEXT, name, version) : NULL;
    if (!function) function = dlsym(RTLD_NEXT, name);
    if (!function) fail(name);
    return function;
}

#if defined(__x86_64__)
#define COND_VERSION "GLIBC_2.3.2"
#else
#define COND_VERSION NULL
#endif

/// Defines a function that aborts inside and is the real one outside.
#define FORBID(result, name, version, parameters, arguments)                                                 \
    result name parameters                                                                                   \
    {                                                                                                        \
        static void *_Atomic real;                                                                           \
        result(*call) parameters; /* NOLINT(bugprone-macro-parentheses) */                                   \
        forbid(#name);                                                                                       \
        void *found = real;                                                                                  \
        if (!found) real = found = next(#name, version);                                                     \
        memcpy(&call, &found, sizeof call);                                                                  \
        return call arguments;                                                                               \
    }

FORBID(void *, mmap, NULL, (void *at, size_t n, int prot, int flags, int fd, off_t offset),
       (at, n, prot, flags, fd, offset))
FORBID(int, munmap, NULL, (void *at, size_t n), (at, n))
FORBID(int, mprotect, NULL, (void *at, size_t n, int prot), (at, n, prot))
FORBID(int, madvise, NULL, (void *at, size_t n, int advice), (at, n, advice))
FORBID(ssize_t, read, NULL, (int fd, void *to, size_t n), (fd, to, n))
FORBID(ssize_t, write, NULL, (int fd, const void *from, size_t n), (fd, from, n))
FORBID(int, poll, NULL, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
FORBID(int, nanosleep, NULL, (const struct timespec *t, struct timespec *left), (t, left))
FORBID(int, clock_nanosleep, NULL,
       (clockid_t clock, int flags, const struct timespec *t, struct timespec *left), (clock, flags, t, left))
FORBID(int, pthread_mutex_lock, NULL, (pthread_mutex_t * mutex), (mutex))
FORBID(int, pthread_cond_wait, COND_VERSION, (pthread_cond_t * cond, pthread_mutex_t *mutex), (cond, mutex))
FORBID(int, sem_wait, NULL, (sem_t * semaphore), (semaphore))
FORBID(int, puts, NULL, (const char *text), (text))
FORBID(int, vfprintf, NULL, (FILE * file, const char *format, va_list args), (file, format, args))

// Those with a variable list cannot hand it on.

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    forbid("openat");
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    forbid("open");
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

int printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    forbid("printf");
    int n = vfprintf(stdout, format, args);
    va_end(args);
    return n;
}

int fprintf(FILE *file, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    forbid("fprintf");
    int n = vfprintf(file, format, args);
    va_end(args);
    return n;
}
