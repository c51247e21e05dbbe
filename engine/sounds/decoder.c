// SPDX-License-Identifier: MIT
// decoder.c - has a sound file decoded by chimed-decode: a process for each file, which nobody trusts.
#include "engine/sounds/decoder.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/now.h"

/// How often a process at work is looked at.
#define LOOK_NS 100000000ll

// ---- the program ----

/// Takes the program at `path`, from the folder of this one. False when there is none.
static bool is_there(struct decoder *d, const char *path)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash) slash[1] = 0;
    int length = snprintf(d->program, sizeof d->program, "%s%s", slash ? self : "", path);
    return length > 0 && (size_t)length < sizeof d->program && access(d->program, X_OK) == 0;
}

void decoder_init(struct decoder *d, uint64_t max_bytes, int cancel_fd)
{
    *d = (struct decoder){
        .max_bytes = max_bytes, .cancel_fd = cancel_fd, .grace_ms = DECODE_GRACE_S * 1000, .next.socket = -1};
    const char *named = secure_getenv("CHIMED_DECODE");
    if (named && named[0]) // if it is not there, the attempt to start it says so
        snprintf(d->program, sizeof d->program, "%s", named);
    else if (!is_there(d, "chimed-decode"))
        (void)!is_there(d, CHIMED_DECODE_FROM_BINDIR);
}

// ---- processes ----

/// Signals as any program finds them, a group of its own (Ctrl-C is for the daemon), no environment, and of
/// our descriptors the socket and standard error alone. An errno.
static int spawn(struct decoder *d, int socket, pid_t *pid)
{
    char max_bytes[24], *argv[] = {d->program, max_bytes, NULL}, *no_environment[] = {NULL};
    snprintf(max_bytes, sizeof max_bytes, "%llu", (unsigned long long)d->max_bytes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    int error = posix_spawnattr_init(&attributes);
    if (error) return error;
    error = posix_spawn_file_actions_init(&files);
    if (!error) {
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        error = posix_spawn_file_actions_adddup2(&files, socket, DECODE_SOCKET_FD);
        for (int fd = 0; fd < 2 && !error; fd++)
            error = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
        if (!error) error = posix_spawn(pid, d->program, &files, &attributes, argv, no_environment);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attributes);
    return error;
}

/// Makes sure that a process waits. An errno.
static int prepare(struct decoder *d)
{
    int pair[2];
    if (d->next.pid) return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno;
    int error = spawn(d, pair[1], &d->next.pid);
    close(pair[1]);
    d->next.socket = pair[0];
    if (!error) return 0;
    close(pair[0]);
    d->next = (struct decode_child){.socket = -1};
    return error;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/// Whatever it does, it ends. Returns its wait status.
static int end(struct decode_child *child)
{
    kill(child->pid, SIGKILL); // one that has begun to end keeps its own reason
    close(child->socket);
    int status = wait_for(child->pid);
    *child = (struct decode_child){.socket = -1};
    return status;
}

static void reap(struct decoder *d)
{
    if (d->dying) wait_for(d->dying);
    d->dying = 0;
}

/// The same, but its end, which takes a while when it had much memory, is waited for later. What it wrote is
/// sealed, or good for nothing.
static void let_die(struct decoder *d, struct decode_child *child)
{
    reap(d);
    kill(child->pid, SIGKILL);
    close(child->socket);
    d->dying = child->pid;
    *child = (struct decode_child){.socket = -1};
}

bool decoder_start(struct decoder *d, char *reason, size_t n)
{
    signal(SIGCHLD, SIG_DFL); // one that is ignored, which is inherited, hides how a process ended
    int error = prepare(d);
    if (error)
        snprintf(reason, n,
                 "cannot start %s, which decodes sound files: %s; install it there, or set CHIMED_DECODE to "
                 "its path",
                 d->program, strerror(error));
    return !error;
}

void decoder_stop(struct decoder *d)
{
    reap(d);
    if (d->next.pid) end(&d->next);
}

// ---- one file ----

/// What becomes of a process that was given a file.
enum outcome { ANSWERED, GONE, CANCELLED, STALLED, TOO_SLOW };

PRINTF_LIKE(3, 4)
static enum api_error fail(struct decode_answer *answer, enum api_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(answer->why, sizeof answer->why, format, args);
    va_end(args);
    return error;
}

static bool send_request(int socket, const struct decode_request *request, int sound, int result)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct decode_request copy = *request;
    struct iovec iov = {&copy, sizeof copy};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), (int[]){sound, result}, 2 * sizeof(int));
    return sendmsg(socket, &m, MSG_NOSIGNAL) == sizeof copy;
}

/// Hands the file to the process that waits, or, when somebody has ended that one meanwhile, to another.
static bool hand_over(struct decoder *d, const struct decode_request *request, int sound, int result,
                      struct decode_child *child, struct decode_answer *answer)
{
    int error = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        error = prepare(d);
        if (error) break;
        *child = d->next;
        d->next = (struct decode_child){.socket = -1};
        if (send_request(child->socket, request, sound, result)) return true;
        error = errno;
        end(child);
    }
    fail(answer, API_INTERNAL, ": cannot start the decoder %.100s: %s", d->program, strerror(error));
    return false;
}

/// What the kernel says, not the process.
uint64_t decoder_result_bytes(int result)
{
    struct stat s;
    return fstat(result, &s) == 0 ? (uint64_t)s.st_blocks * 512 : 0;
}

/// Waits for the answer, and has an eye on what the process gets done.
static enum outcome await(const struct decoder *d, const struct decode_child *child, int result)
{
    struct pollfd fds[] = {{.fd = child->socket, .events = POLLIN}, {.fd = d->cancel_fd, .events = POLLIN}};
    const int64_t grace_ns = d->grace_ms * 1000000ll;
    int64_t began = monotonic_ns(), last_progress = began;
    uint64_t produced = 0;
    for (;;) {
        int n = poll(fds, COUNT_OF(fds), (int)(LOOK_NS / 1000000));
        if (n > 0 && fds[1].revents) return CANCELLED;
        if (n > 0 && (fds[0].revents & POLLIN)) return ANSWERED; // an end of file, too: found when it is read
        if (n > 0 && fds[0].revents) return GONE;
        int64_t now = monotonic_ns();
        uint64_t bytes = decoder_result_bytes(result);
        if (bytes != produced) last_progress = now;
        produced = bytes;
        if (now - last_progress > grace_ns) return STALLED;
        int64_t slowest_ns = (int64_t)(produced * 1000 / DECODE_SLOWEST_BYTES) * 1000000;
        if (now - began > grace_ns + slowest_ns) return TOO_SLOW;
    }
}

/// A process that went away without an answer: why.
static enum api_error explain_end(const struct decoder *d, int status, struct decode_answer *answer)
{
    if (!WIFSIGNALED(status))
        return fail(answer, API_BAD_SOUND, ": the decoder left without an answer (exit code %d)",
                    WEXITSTATUS(status));
    int sig = WTERMSIG(status);
    switch (sig) {
    case SIGSYS:
        return fail(answer, API_BAD_SOUND,
                    ": the decoder did on this file what it may not (a forbidden system call)");
    case SIGXCPU:
        return fail(answer, API_BAD_SOUND,
                    ": the decoder took more than %llu s of processor time on this file",
                    (unsigned long long)decode_cpu_seconds(d->max_bytes));
    case SIGXFSZ:
        return fail(answer, API_BAD_SOUND, ": the decoder made more samples than there is room for");
    case SIGKILL:
        return fail(answer, API_BAD_SOUND,
                    ": the decoder was killed on this file (signal 9), perhaps for want of memory");
    default:
        return fail(answer, API_BAD_SOUND, ": the decoder crashed on this file (signal %d, %s)", sig,
                    sigdescr_np(sig) ? sigdescr_np(sig) : "unknown");
    }
}

/// What it says goes into logs and answers.
static void clean(char *why)
{
    why[DECODE_WHY_BYTES - 1] = 0;
    for (char *p = why; *p; p++)
        if (*p < ' ' || *p > '~') *p = '?';
}

/// `is_one`: there was an answer, and not the end of the process.
static enum api_error take_answer(struct decoder *d, const struct decode_child *child,
                                  struct decode_answer *answer, bool *is_one)
{
    ssize_t n = recv(child->socket, answer, sizeof *answer, MSG_DONTWAIT | MSG_TRUNC);
    *is_one = n > 0;
    if (!*is_one) return API_BAD_SOUND;
    if (n != sizeof *answer) answer->error = N_API_ERRORS;
    clean(answer->why);
    switch (answer->error) {
    case API_OK:
    case API_BAD_SOUND:
    case API_UNSUPPORTED:
    case API_REFUSED:
    case API_INTERNAL: return (enum api_error)answer->error;
    default: d->n_failed++; return fail(answer, API_BAD_SOUND, ": the decoder's answer makes no sense");
    }
}

static enum api_error work(struct decoder *d, struct decode_child *child, int result,
                           struct decode_answer *answer)
{
    enum outcome outcome = await(d, child, result);
    bool is_answer = false;
    enum api_error error = API_BAD_SOUND;
    if (outcome == ANSWERED) error = take_answer(d, child, answer, &is_answer);
    if (is_answer) {
        let_die(d, child);
        return error;
    }
    int status = end(child);
    if (outcome == CANCELLED) return fail(answer, API_CANCELLED, ": the daemon is leaving");
    d->n_failed++;
    if (outcome == STALLED)
        return fail(answer, API_BAD_SOUND, ": the decoder got nothing done on this file for %g s",
                    d->grace_ms * 1e-3);
    if (outcome == TOO_SLOW) return fail(answer, API_BAD_SOUND, ": the decoder is too slow on this file");
    return explain_end(d, status, answer);
}

enum api_error decoder_run(struct decoder *d, int sound, const struct decode_request *request,
                           struct decode_answer *answer, int *result)
{
    *answer = (struct decode_answer){0};
    *result = memfd_create("chimed-samples", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*result < 0) return fail(answer, API_INTERNAL, ": no memory for its samples: %s", strerror(errno));
    struct decode_child child;
    bool is_sent = hand_over(d, request, sound, *result, &child, answer);
    enum api_error error = is_sent ? work(d, &child, *result, answer) : API_INTERNAL;
    if (error) {
        close(*result);
        *result = -1;
    }
    return error;
}

void decoder_renew(struct decoder *d)
{
    reap(d);
    int error = prepare(d);
    if (error) log_warning("cannot start the decoder %s: %s", d->program, strerror(error));
}
