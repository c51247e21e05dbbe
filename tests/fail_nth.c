// SPDX-License-Identifier: MIT
// fail_nth.c - a library to preload that refuses the i-th thing that a load asks of the system.
//
// What the thread called "chimed-worker" asks for is counted: memory, mappings, files, messages, processes.
// Requests of other threads, and of the decoder, are not touched. A file named by FAIL_NTH is shared with the
// test, which sets `refuse` and looks at the rest.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// What the file holds; tests/test_no_memory.py has the same.
struct shared {
    _Atomic int64_t refuse;    // the i-th request from 0; -1: none
    _Atomic int64_t n_seen;    // requests
    _Atomic int64_t n_refused; //
    _Atomic int64_t n_live;    // blocks, mappings that the worker has and has not given back
    char what[32], who[32];    // the function that refused, and the library that had asked
};

static struct shared *shared;
static __thread bool is_worker __attribute__((tls_model("initial-exec")));

/// glibc's syscall(), for all that is not refused.
static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    static long (*_Atomic real)(long, ...);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "syscall");
        long (*call)(long, ...);
        memcpy(&call, &found, sizeof call);
        real = call;
    }
    return real(number, a, b, c, d, e, f);
}

#define CALL(number, a, b, c, d, e, f)                                                                       \
    system_call((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAIL_NTH");
    int fd = path ? (int)CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0, 0, 0) : -1;
    if (fd < 0) return; // programs that the daemon starts
    void *p = (void *)CALL(SYS_mmap, NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) shared = p;
    CALL(SYS_close, fd, 0, 0, 0, 0, 0);
}

/// The file of the code at `caller`.
static const char *library(const void *caller)
{
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname) return "?";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

static bool is_refused(const char *what, const void *caller)
{
    if (!is_worker || !shared) return false;
    if (shared->n_seen++ != shared->refuse) return false;
    shared->n_refused++;
    snprintf(shared->what, sizeof shared->what, "%s", what);
    snprintf(shared->who, sizeof shared->who, "%s", library(caller));
    errno = ENOMEM;
    return true;
}

#define refused(what) is_refused((what), __builtin_return_address(0))

static void count(int64_t n)
{
    if (is_worker && shared) shared->n_live += n;
}

static void *counted(void *p)
{
    if (p) count(1);
    return p;
}

#pragma GCC visibility push(default)

// ---- memory ----

// glibc's own names for the allocator: dlsym() itself allocates, so it cannot be the way to them.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

void *malloc(size_t size)
{
    return refused("malloc") ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return refused("calloc") ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *memory, size_t size)
{
    if (refused("realloc")) return NULL;
    void *p = __libc_realloc(memory, size);
    if (!memory) return counted(p);
    if (!p && size == 0) count(-1);
    return p;
}

void free(void *memory)
{
    if (memory) count(-1);
    __libc_free(memory);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused("aligned_alloc") ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (refused("posix_memalign")) return ENOMEM;
    void *p = counted(__libc_memalign(alignment, size));
    if (!p) return ENOMEM;
    *memory = p;
    return 0;
}

// ---- mappings ----

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (refused("mmap")) return MAP_FAILED;
    void *p = (void *)CALL(SYS_mmap, at, n, prot, flags, fd, offset);
    if (p != MAP_FAILED && !(flags & MAP_FIXED)) count(1);
    return p;
}

void *mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));

int munmap(void *at, size_t n)
{
    int result = (int)CALL(SYS_munmap, at, n, 0, 0, 0, 0);
    if (result == 0) count(-1);
    return result;
}

int mprotect(void *at, size_t n, int prot)
{
    return refused("mprotect") ? -1 : (int)CALL(SYS_mprotect, at, n, prot, 0, 0, 0);
}

int mlock(const void *at, size_t n)
{
    return refused("mlock") ? -1 : (int)CALL(SYS_mlock, at, n, 0, 0, 0, 0);
}

int madvise(void *at, size_t n, int advice)
{
    return refused("madvise") ? -1 : (int)CALL(SYS_madvise, at, n, advice, 0, 0, 0);
}

// ---- files ----

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    return refused("openat") ? -1 : (int)CALL(SYS_openat, folder, path, flags, mode, 0, 0);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    return refused("open") ? -1 : (int)CALL(SYS_openat, AT_FDCWD, path, flags, mode, 0, 0);
}

int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

int fstat(int fd, struct stat *st)
{
    return refused("fstat") ? -1 : (int)CALL(SYS_fstat, fd, st, 0, 0, 0, 0);
}

int fstat64(int fd, struct stat64 *st)
{
    return refused("fstat") ? -1 : (int)CALL(SYS_fstat, fd, st, 0, 0, 0, 0);
}

ssize_t pread(int fd, void *to, size_t n, off_t offset)
{
    return refused("pread") ? -1 : CALL(SYS_pread64, fd, to, n, offset, 0, 0);
}

ssize_t pread64(int, void *, size_t, off_t) __attribute__((alias("pread")));

// ---- the decoder ----

int memfd_create(const char *name, unsigned flags)
{
    return refused("memfd_create") ? -1 : (int)CALL(SYS_memfd_create, name, flags, 0, 0, 0, 0);
}

int socketpair(int family, int type, int protocol, int pair[2])
{
    return refused("socketpair") ? -1 : (int)CALL(SYS_socketpair, family, type, protocol, pair, 0, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return refused("sendmsg") ? -1 : CALL(SYS_sendmsg, fd, message, flags, 0, 0, 0);
}

ssize_t recv(int fd, void *to, size_t n, int flags)
{
    return refused("recv") ? -1 : CALL(SYS_recvfrom, fd, to, n, flags, 0, 0);
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
    return refused("poll") ? -1 : (int)CALL(SYS_poll, fds, n, ms, 0, 0, 0);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
    static int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                       char *const[], char *const[]);
    if (refused("posix_spawn")) return EAGAIN;
    if (!real) {
        void *found = dlvsym(RTLD_NEXT, "posix_spawn", "GLIBC_2.15");
        if (!found) found = dlsym(RTLD_NEXT, "posix_spawn");
        memcpy(&real, &found, sizeof real);
    }
    return real(pid, path, files, attributes, argv, environment);
}

/// The daemon opens by openat2(), for which glibc has no function.
long syscall(long number, ...)
{
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2 && refused("openat2")) return -1;
    return system_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// ---- who is who ----

/// Named by its first act; from there on its requests are counted.
int prctl(int option, ...)
{
    long a[4];
    va_list args;
    va_start(args, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (option == PR_SET_NAME && strcmp((const char *)a[0], "chimed-worker") == 0) is_worker = true;
    return (int)CALL(SYS_prctl, option, a[0], a[1], a[2], a[3], 0);
}
