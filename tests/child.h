// SPDX-License-Identifier: MIT
// child.h - mistakes that must end a process, made in one that may end.
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/debug.h"
#include "tests/check.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(TSAN)
#define TSAN 1
#endif
#ifndef TSAN
#define TSAN 0
#endif

#ifdef NDEBUG
#define HAS_ASSERT 0
#else
#define HAS_ASSERT 1
#endif

/// Runs `mistake(ctx)` in a forked child: it must not get through, and must say `text` on standard error.
/// NULL: it ends by SIGSEGV, without a word of its own.
static inline void check_dies(void (*mistake)(void *ctx), void *ctx, const char *text)
{
    int fds[2];
    char said[16384];
    size_t n = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL}; // cmocka's handlers would go on
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
            signal(signals[i], SIG_DFL);
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        mistake(ctx);
        _exit(0);
    }
    close(fds[1]);
    for (ssize_t r = 1; r > 0; n += (size_t)r) {
        r = read(fds[0], said + n, sizeof said - 1 - n);
        if (r < 0) r = 0;
    }
    said[n] = 0;
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_msg("the mistake went through; it said: %s", said);
    if (text && !strstr(said, text)) fail_msg("instead of \"%s\" it said: %s", text, said);
    if (!text && !MEMORY_ASAN && !TSAN) assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/// True when touching `p` ends the process that does it.
static inline bool is_forbidden(volatile uint8_t *p, bool write)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        if (write)
            *p = 1;
        else
            (void)*p;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}
#endif
