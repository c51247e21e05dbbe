// SPDX-License-Identifier: MIT
// test_libchime_calls.c - the client library against a peer on real sockets: waiting, answers, descriptors,
// UDP.
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients/chime.h"
#include "tests/libchime_rig.h"

// ---- waiting ----

static void test_timeout(void **state)
{
    struct peer *p = *state;
    struct chime_message *m, *ping = chime_message_new("/ping");
    double before = now_s();
    assert_int_equal(chime_receive(p->c, 0, &m), CHIME_TIMEOUT);
    assert_true(now_s() - before < SHORT_S);
    before = now_s();
    assert_int_equal(chime_receive(p->c, SHORT_S, &m), CHIME_TIMEOUT);
    assert_true(now_s() - before >= SHORT_S);
    assert_null(m);
    assert_int_equal(chime_call(p->c, ping, -1, SHORT_S, NULL, NULL, &m), CHIME_TIMEOUT);
    assert_null(m);
    chime_message_free(ping);
}

static void test_daemon_leaves(void **state)
{
    struct peer *p = *state;
    struct chime_message *m;
    close(p->fd);
    p->fd = -1;
    double before = now_s();
    assert_int_equal(chime_receive(p->c, -1, &m), CHIME_NO_DAEMON); // though it would wait without end
    assert_true(now_s() - before < LONG_S);
    m = chime_message_new("/ping");
    assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_NO_DAEMON);
    chime_message_free(m);
}

static void test_daemon_restarts(void **state)
{
    struct peer *p = *state;
    struct chime_message *m;
    close(p->fd);
    unlink(p->path);
    // A file of another number in between, or the new socket could get that of the old one.
    char other[80];
    snprintf(other, sizeof other, "%s/other", p->folder);
    int file = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    p->fd = bind_socket(p->path);
    assert_int_equal(chime_receive(p->c, -1, &m), CHIME_NO_DAEMON);
    close(file);
    unlink(other);
}

static void nothing(int signal)
{
    (void)signal;
}

static void test_signal(void **state)
{
    struct peer *p = *state;
    struct chime_message *m;
    struct sigaction action = {.sa_handler = nothing}, old;
    sigaction(SIGALRM, &action, &old);
    const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(chime_receive(p->c, LONG_S, &m), CHIME_INTERRUPTED);
    sigaction(SIGALRM, &old, NULL);
}

// Fills the peer's queue. Returns how many messages it took.
static unsigned fill(struct peer *p, struct chime_message *m)
{
    unsigned n = 0;
    while (n < 100000 && chime_send(p->c, m, -1, 0) == CHIME_OK)
        n++;
    return n;
}

static void test_full(void **state)
{
    struct peer *p = *state;
    struct chime_message *m = chime_message_new("/ping");
    unsigned n = fill(p, m);
    assert_true(n > 0 && n < 100000);
    double before = now_s();
    assert_int_equal(chime_send(p->c, m, -1, SHORT_S), CHIME_TIMEOUT);
    assert_true(now_s() - before >= SHORT_S);
    chime_message_free(m);
}

static void *drain_slowly(void *peer)
{
    struct peer *p = peer;
    char bytes[64];
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    for (size_t i = 0; i < 200; i++) { // every command is answered at once, as the daemon does
        if (recv(p->fd, bytes, sizeof bytes, 0) <= 0) break;
        size_t n = lo_bytes(bytes, "/done", "si", "/n", (int)i, END);
        struct sockaddr_un to;
        socklen_t size = sizeof to;
        if (getsockname(chime_fd(p->c), (struct sockaddr *)&to, &size) != 0) break;
        if (sendto(p->fd, bytes, n, 0, (struct sockaddr *)&to, size) < 0) break;
    }
    return NULL;
}

// Neither side reads until it has sent, and yet nobody waits for ever: sending takes answers in.
static void test_back_pressure(void **state)
{
    struct peer *p = *state;
    struct chime_message *m = chime_message_new("/n");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain_slowly, p), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_OK);
    chime_message_free(m);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(chime_receive(p->c, LONG_S, &m), CHIME_OK);
        assert_int_equal(chime_message_int(m, 1), i);
        chime_message_free(m);
    }
    pthread_join(thread, NULL);
}

// ---- who may say what, and how much ----

static struct sockaddr_un address_of(const struct peer *p, socklen_t *size)
{
    struct sockaddr_un to;
    *size = sizeof to;
    assert_int_equal(getsockname(chime_fd(p->c), (struct sockaddr *)&to, size), 0);
    return to;
}

// Answers that nobody reads fill the client's own queue, and not the daemon's send buffer.
static void test_unread_answers(void **state)
{
    struct peer *p = *state;
    unsigned most = 0, n = 0;
    FILE *limit = fopen("/proc/sys/net/unix/max_dgram_qlen", "r");
    assert_int_equal(fscanf(limit, "%u", &most), 1);
    fclose(limit);
    int room = 8 << 20;
    assert_int_equal(setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    socklen_t size;
    struct sockaddr_un to = address_of(p, &size);
    while (sendto(p->fd, "/x\0\0,\0\0\0", 8, MSG_DONTWAIT, (struct sockaddr *)&to, size) == 8)
        assert_in_range(++n, 1, most + 1);
}

// Another user's datagrams are junk.
static void test_stranger(void **state)
{
    struct peer *p = *state;
    if (geteuid() != 0) skip(); // only root can become somebody else
    // The daemon is no root's, so that root's word is not what is tried.
    assert_int_equal(chown(p->path, 65533, 65533), 0);
    chime_close(p->c);
    assert_int_equal(chime_open(p->url, &p->c), CHIME_OK);
    socklen_t size;
    struct sockaddr_un to = address_of(p, &size);
    for (uid_t who = 65533; who <= 65534; who++) {
        pid_t child = fork();
        if (child == 0) {
            int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
            bool sent = setresuid(who, who, who) == 0 &&
                        sendto(fd, "/x\0\0,\0\0\0", 8, 0, (struct sockaddr *)&to, size) == 8;
            _exit(!sent);
        }
        int code;
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_int_equal(code, 0);
        struct chime_message *m;
        assert_int_equal(chime_receive(p->c, 0, &m), who == 65533 ? CHIME_OK : CHIME_TIMEOUT);
        chime_message_free(m);
    }
    assert_int_equal(chime_junk_count(p->c), 1);
}

// ---- calls ----

static void count(const struct chime_message *m, void *context)
{
    unsigned *n = context;
    assert_string_equal(chime_message_path(m), "/voice/info");
    ++*n;
}

static void test_call(void **state)
{
    struct peer *p = *state;
    char bytes[256];
    struct chime_message *list = chime_message_new("/voice/list"), *answer;
    unsigned n = 0;
    for (int i = 0; i < 3; i++)
        peer_say(p, bytes, lo_bytes(bytes, "/voice/info", "i", i, END));
    peer_say(p, bytes, lo_bytes(bytes, "/done", "si", "/voice/list", 3, END));
    assert_int_equal(chime_call(p->c, list, -1, LONG_S, count, &n, &answer), CHIME_OK);
    assert_int_equal(n, 3);
    assert_int_equal(chime_message_int(answer, 1), 3);
    chime_message_free(answer);
    // Answers to other commands are not this one's.
    peer_say(p, bytes, lo_bytes(bytes, "/done", "s", "/ping", END));
    peer_say(p, bytes, lo_bytes(bytes, "/error", "sss", "/play", "refused", "no", END));
    peer_say(p, bytes, lo_bytes(bytes, "/error", "sss", "/voice/list", "internal", "why", END));
    assert_int_equal(chime_call(p->c, list, -1, LONG_S, NULL, NULL, &answer), CHIME_REFUSED);
    assert_string_equal(chime_message_text(answer, 1), "internal");
    chime_message_free(answer);
    // An error without a path can only be about what is under way.
    peer_say(p, bytes, lo_bytes(bytes, "/error", "sss", "", "bad_packet", "why", END));
    assert_int_equal(chime_call(p->c, list, -1, LONG_S, NULL, NULL, NULL), CHIME_REFUSED);
    chime_message_free(list);
}

static void test_sync(void **state)
{
    struct peer *p = *state;
    char bytes[64];
    struct chime_message *sync = chime_message_new("/sync"), *answer;
    chime_add_int(sync, 7);
    peer_say(p, bytes, lo_bytes(bytes, "/synced", "i", 6, END));
    peer_say(p, bytes, lo_bytes(bytes, "/synced", "i", 7, END));
    assert_int_equal(chime_call(p->c, sync, -1, LONG_S, NULL, NULL, &answer), CHIME_OK);
    assert_int_equal(chime_message_int(answer, 0), 7);
    chime_message_free(answer);
    chime_message_free(sync);
}

// ---- descriptors ----

static int take_descriptor(int socket)
{
    char bytes[64];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    assert_true(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) > 0);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header) return -1;
    assert_int_equal(header->cmsg_type, SCM_RIGHTS);
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static void test_descriptor(void **state)
{
    struct peer *p = *state;
    int ends[2];
    char byte = 0;
    struct chime_message *m = chime_message_new("/play");
    assert_int_equal(chime_is_local(p->c), 1);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(chime_send(p->c, m, ends[0], LONG_S), CHIME_OK);
    close(ends[0]);
    int fd = take_descriptor(p->fd);
    assert_true(fd >= 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(read(fd, &byte, 1), 1); // the same pipe
    assert_int_equal(byte, 'x');
    close(fd);
    close(ends[1]);
    assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_OK);
    assert_int_equal(take_descriptor(p->fd), -1);
    chime_message_free(m);
}

// ---- UDP ----

static void test_udp(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char url[64], bytes[64];
    snprintf(url, sizeof url, "osc.udp://127.0.0.1:%d/", ntohs(address.sin_port));
    struct chime *c;
    struct chime_message *ping = chime_message_new("/ping"), *answer;
    assert_int_equal(chime_open(url, &c), CHIME_OK);
    assert_int_equal(chime_is_local(c), 0);
    assert_int_equal(chime_send(c, ping, 0, LONG_S), CHIME_BAD_ARGUMENT); // no descriptors over UDP
    assert_int_equal(chime_send(c, ping, -1, LONG_S), CHIME_OK);
    size = sizeof from;
    assert_true(recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size) > 0);
    size_t n = lo_bytes(bytes, "/done", "s", "/ping", END);
    assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&from, size), (ssize_t)n);
    assert_int_equal(chime_receive(c, LONG_S, &answer), CHIME_OK);
    assert_string_equal(chime_message_text(answer, 0), "/ping");
    chime_message_free(answer);
    close(fd); // from here on the kernel says that the port is closed
    assert_int_equal(chime_call(c, ping, -1, LONG_S, NULL, NULL, NULL), CHIME_NO_DAEMON);
    chime_message_free(ping);
    chime_close(c);
}

static void test_status_texts(void **state)
{
    (void)state;
    for (int i = CHIME_OK; i <= CHIME_SYSTEM; i++)
        assert_string_not_equal(chime_status_text((enum chime_status)i), "unknown status");
    assert_string_equal(chime_status_text((enum chime_status)(CHIME_SYSTEM + 1)), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PEER(test_timeout),
        WITH_PEER(test_daemon_leaves),
        WITH_PEER(test_daemon_restarts),
        WITH_PEER(test_signal),
        WITH_PEER(test_full),
        WITH_PEER(test_back_pressure),
        WITH_PEER(test_unread_answers),
        WITH_PEER(test_stranger),
        WITH_PEER(test_call),
        WITH_PEER(test_sync),
        WITH_PEER(test_descriptor),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_status_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
