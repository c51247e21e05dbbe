// SPDX-License-Identifier: MIT
// realtime.c - makes a thread an audio thread: priority, stack and signals.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/backends/backend.h"
#include "engine/log.h"

#define STACK_BYTES ((size_t)1024 * 1024)
/// More than the engine and the drivers use of it.
#define STACK_TOUCHED_BYTES ((size_t)256 * 1024)
#define STACK_CHUNK_BYTES   ((size_t)16 * 1024)
/// Left alone at the end of the stack; more than a chunk's own overhead adds up to.
#define STACK_SPARE_BYTES ((size_t)32 * 1024)
/// Smallest page of any system that this runs on.
#define STACK_TOUCH_STEP 4096

/// Blocks every signal for the new thread, but for those that a fault of its own raises: the process's
/// signals belong to control, and a handler that reports a fault must still be reached.
static void audio_signals(sigset_t *blocked)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigfillset(blocked);
    for (uint32_t i = 0; i < COUNT_OF(faults); i++)
        sigdelset(blocked, faults[i]);
}

enum status backend_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) return status_from_errno(error);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);

    sigset_t blocked, before; // a thread starts with the mask of the one that makes it
    audio_signals(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    error = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    pthread_attr_destroy(&attributes);
    if (error != 0) return status_from_errno(error);
    pthread_setname_np(*thread, "chimed-audio");
    return STATUS_OK;
}

static int set_fifo(int priority)
{
    // RESET_ON_FORK: a helper process must not inherit the priority.
    struct sched_param parameters = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
}

static void warn_once(int error, int wanted, int got, rlim_t allowed)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&warned)) return;
    if (got > 0)
        log_warning("the audio thread runs at real-time priority %d instead of %d: RLIMIT_RTPRIO is %d", got,
                    wanted, (int)allowed);
    else
        log_warning(
            "THE AUDIO THREAD RUNS WITHOUT REAL-TIME PRIORITY and will drop out under load: SCHED_FIFO %d "
            "was refused (%s), RLIMIT_RTPRIO is %d",
            wanted, strerror(error), (int)allowed);
    log_warning(
        "to allow it: LimitRTPRIO=%d in the unit of the service, or a line \"USER - rtprio %d\" in a file "
        "of /etc/security/limits.d (USER: who runs chimed), then log in again",
        wanted, wanted);
}

void backend_make_realtime(const struct config *config)
{
    int wanted = (int)config->rt_priority;
    int error = set_fifo(wanted);
    if (error != 0) {
        // A limit below the wish still beats no priority. Without getrlimit there is nothing to go by: none.
        struct rlimit limit = {0};
        if (getrlimit(RLIMIT_RTPRIO, &limit) != 0) limit.rlim_cur = 0;
        int got = limit.rlim_cur < (rlim_t)wanted ? (int)limit.rlim_cur : 0;
        if (got > 0 && set_fifo(got) != 0) got = 0;
        warn_once(error, wanted, got, limit.rlim_cur);
    }
    backend_touch_stack();
}

/// Bytes of stack below the caller's frame. What a thread asks for is not what it gets: thread-local memory
/// lies on it as well, and the threads of libjack have stacks of libjack's choice.
static size_t stack_room(const char *here)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
    int error = pthread_attr_getstack(&attributes, &lowest, &bytes);
    pthread_attr_destroy(&attributes);
    return error == 0 && here > (char *)lowest ? (size_t)(here - (char *)lowest) : 0;
}

/// One chunk of stack for each level.
__attribute__((noinline)) static char touch_chunks(uint32_t n_chunks)
{
    volatile char chunk[STACK_CHUNK_BYTES];
    for (size_t i = 0; i < STACK_CHUNK_BYTES; i += STACK_TOUCH_STEP)
        chunk[i] = 0;
    char deeper = n_chunks > 1 ? touch_chunks(n_chunks - 1) : 0;
    return (char)(deeper + chunk[0]); // after the call, so that it cannot become a jump that reuses the frame
}

void backend_touch_stack(void)
{
    static _Thread_local bool is_touched; // PipeWire says more than once that its thread begins
    if (is_touched) return;
    is_touched = true;
    char here = 0;
    size_t room = stack_room(&here), wanted = STACK_TOUCHED_BYTES + STACK_SPARE_BYTES;
    size_t bytes = (room < wanted ? room : wanted);
    if (bytes > STACK_SPARE_BYTES + STACK_CHUNK_BYTES)
        (void)touch_chunks((uint32_t)((bytes - STACK_SPARE_BYTES) / STACK_CHUNK_BYTES));
}
