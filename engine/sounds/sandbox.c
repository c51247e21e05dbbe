// SPDX-License-Identifier: MIT
// sandbox.c - what chimed-decode gives up before it looks at a file.
#include "engine/sounds/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/sounds/decode_wire.h"

/// The program with its libraries and its stack, generously.
#define PROGRAM_BYTES ((uint64_t)256 << 20)

// ---- limits ----

static bool limit(int resource, uint64_t value)
{
    // One more for the hard limit: the soft one of processor time says by which signal it was exceeded.
    struct rlimit r = {value, value + (resource == RLIMIT_CPU)};
    return setrlimit((__rlimit_resource_t)resource, &r) == 0;
}

static bool set_limits(uint64_t max_bytes)
{
    uint64_t result_bytes = 2 * max_bytes + 4096; // float, before it becomes 16-bit, and some frames more
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_NOFILE, DECODE_N_FDS) &&
           limit(RLIMIT_FSIZE, result_bytes) && limit(RLIMIT_CPU, decode_cpu_seconds(max_bytes)) &&
           limit(RLIMIT_DATA, DECODE_PRIVATE_BYTES) &&
           limit(RLIMIT_AS, PROGRAM_BYTES + DECODE_PRIVATE_BYTES + result_bytes);
}

// ---- system calls ----

/// A value of an argument of 32 bits, whatever stands above them.
#define ARG_IS(n, value)     SCMP_CMP((n), SCMP_CMP_MASKED_EQ, 0xffffffff, (uint32_t)(value))
#define ARG_HAS_NOT(n, bits) SCMP_CMP((n), SCMP_CMP_MASKED_EQ, (bits), 0)
#define ARG_HAS(n, bits)     SCMP_CMP((n), SCMP_CMP_MASKED_EQ, (bits), (bits))

/// Whatever their arguments.
static const int free_calls[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sysinfo),        // qsort() asks how much memory there is
    SCMP_SYS(rt_sigprocmask), // abort()
    SCMP_SYS(getpid),         // abort()
    SCMP_SYS(gettid),         // abort()
    SCMP_SYS(restart_syscall),
};

static bool allow(scmp_filter_ctx filter)
{
    bool good = true;
#define RULE(action, call, ...)                                                                              \
    good = good && seccomp_rule_add(filter, (action), SCMP_SYS(call), __VA_ARGS__) == 0
    for (unsigned i = 0; i < COUNT_OF(free_calls); i++)
        good = good && seccomp_rule_add(filter, SCMP_ACT_ALLOW, free_calls[i], 0) == 0;
    // The request, the file, the answer.
    RULE(SCMP_ACT_ALLOW, recvmsg, 1, ARG_IS(0, DECODE_SOCKET_FD));
    RULE(SCMP_ACT_ALLOW, pread64, 1, ARG_IS(0, DECODE_SOUND_FD));
    RULE(SCMP_ACT_ALLOW, write, 1, ARG_IS(0, DECODE_SOCKET_FD));
    // The samples.
    RULE(SCMP_ACT_ALLOW, ftruncate, 1, ARG_IS(0, DECODE_RESULT_FD));
    RULE(SCMP_ACT_ALLOW, fcntl, 2, ARG_IS(0, DECODE_RESULT_FD), ARG_IS(1, F_ADD_SEALS));
    RULE(SCMP_ACT_ALLOW, mmap, 2, ARG_HAS_NOT(2, PROT_EXEC), ARG_IS(4, DECODE_RESULT_FD));
    // Memory that is no code.
    RULE(SCMP_ACT_ALLOW, mmap, 2, ARG_HAS_NOT(2, PROT_EXEC), ARG_HAS(3, MAP_ANONYMOUS));
    RULE(SCMP_ACT_ALLOW, mprotect, 1, ARG_HAS_NOT(2, PROT_EXEC));
    // The end of abort(), so that it is told as what it is.
    RULE(SCMP_ACT_ALLOW, tgkill, 2, ARG_IS(0, getpid()), ARG_IS(2, SIGABRT));
    // libsndfile looks for a resource fork, and finds none: no file is there.
    RULE(SCMP_ACT_ERRNO(ENOENT), openat, 0);
    // What libraries say to people is lost: stdio asks what it writes to, and then writes.
    RULE(SCMP_ACT_ERRNO(EBADF), newfstatat, 0);
    RULE(SCMP_ACT_ERRNO(EBADF), fstat, 0);
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        RULE(SCMP_ACT_ERRNO(EBADF), write, 1, ARG_IS(0, fd));
        RULE(SCMP_ACT_ERRNO(EBADF), writev, 1, ARG_IS(0, fd));
    }
#undef RULE
    return good;
}

static bool filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool good = filter && seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
                allow(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return good;
}

// ---- all of it ----

/// When memory runs out this process goes first. Where that cannot be said the system decides by itself.
static void offer_to_die_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!write(fd, "1000", 4);
    close(fd);
}

bool sandbox_enter(uint64_t max_bytes, const char **what)
{
    offer_to_die_first();
    *what = "its privileges";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return false;
    *what = "its resources";
    if (!set_limits(max_bytes)) return false;
    *what = "its system calls";
    return filter_calls();
}
