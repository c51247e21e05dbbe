// SPDX-License-Identifier: MIT
// rt_misbehave.c - plays audio thread for test_rt_guard.py: behaves for a number of cycles, then does what it
// is told.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((weak)) void chimed_rt_enter(void);
__attribute__((weak)) void chimed_rt_leave(void);

#define N_CYCLES 1000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static void *block;
static const struct timespec moment = {.tv_nsec = 1};

// Calls go through volatile pointers: a compiler may leave out an allocation that nobody uses.
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void (*volatile do_free)(void *) = free;

static int misbehave(const char *how)
{
    char byte = 0;
    struct stat st;
    if (strcmp(how, "malloc") == 0) return do_malloc(10) != NULL;
    if (strcmp(how, "calloc") == 0) return do_calloc(1, 10) != NULL;
    if (strcmp(how, "realloc") == 0) return do_realloc(block, 10) != NULL;
    if (strcmp(how, "free") == 0) return do_free(block), 0;
    if (strcmp(how, "posix_memalign") == 0) return posix_memalign(&block, 64, 64);
    if (strcmp(how, "aligned_alloc") == 0) return (block = aligned_alloc(64, 64)) != NULL;
    if (strcmp(how, "mmap") == 0)
        return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != NULL;
    if (strcmp(how, "munmap") == 0) return munmap(block, 4096);
    if (strcmp(how, "mprotect") == 0) return mprotect(block, 4096, PROT_READ);
    if (strcmp(how, "open") == 0) return open("/dev/null", O_RDONLY);
    if (strcmp(how, "openat") == 0) return openat(AT_FDCWD, "/dev/null", O_RDONLY);
    if (strcmp(how, "read") == 0) return (int)read(0, &byte, 1);
    if (strcmp(how, "write") == 0) return (int)write(2, &byte, 0);
    if (strcmp(how, "printf") == 0) return printf("%d\n", byte);
    if (strcmp(how, "fprintf") == 0) return fprintf(stderr, "%d\n", byte);
    if (strcmp(how, "puts") == 0) return puts(how);
    if (strcmp(how, "pthread_mutex_lock") == 0) return pthread_mutex_lock(&mutex);
    if (strcmp(how, "pthread_cond_wait") == 0) return pthread_cond_wait(&cond, &mutex);
    if (strcmp(how, "sem_wait") == 0) return sem_wait(&semaphore);
    if (strcmp(how, "nanosleep") == 0) return nanosleep(&moment, NULL);
    if (strcmp(how, "clock_nanosleep") == 0) return clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
    if (strcmp(how, "poll") == 0) return poll(NULL, 0, 0);
    if (strcmp(how, "getppid") == 0)
        return (int)syscall(SYS_getppid); // no function of libc's: the filter's work
    if (strcmp(how, "futex") == 0) return (int)syscall(SYS_futex, NULL, 0, 0, NULL); // allowed outside alone
    if (strcmp(how, "stat") == 0) return stat("/", &st);
    fprintf(stderr, "rt_misbehave: no such deed: %s\n", how);
    exit(2);
}

struct deed {
    const char *where, *how;
};

/// Touches memory for the first time when it is told to fault.
static void *audio_thread(void *argument)
{
    const struct deed *deed = argument;
    static char cold[1 << 20];
    for (int i = 0; i < N_CYCLES; i++) {
        bool now = i == N_CYCLES / 2;
        if (chimed_rt_enter) chimed_rt_enter();
        if (now && strcmp(deed->where, "inside") == 0) misbehave(deed->how);
        if (now && strcmp(deed->where, "fault") == 0) ((volatile char *)cold)[sizeof cold / 2] = 1;
        if (chimed_rt_leave) chimed_rt_leave();
        if (now && strcmp(deed->where, "outside") == 0) misbehave(deed->how);
    }
    return NULL;
}

/// rt_misbehave inside|outside|fault|never DEED
int main(int argc, char **argv)
{
    pthread_t thread;
    if (argc != 3) return 2;
    if (!chimed_rt_enter || !chimed_rt_leave) {
        fputs("rt_misbehave: the guard is not there\n", stderr);
        return 3;
    }
    struct deed deed = {argv[1], argv[2]};
    block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sem_init(&semaphore, 0, 1);
    if (strcmp(deed.how, "realloc") == 0 || strcmp(deed.how, "free") == 0) block = malloc(10);
    if (strcmp(deed.how, "pthread_cond_wait") == 0) pthread_mutex_lock(&mutex);
    if (pthread_create(&thread, NULL, audio_thread, &deed) != 0) return 2;
    pthread_join(thread, NULL);
    stat("/", &(struct stat){0}); // the filter is the audio thread's alone
    return 0;
}
