// SPDX-License-Identifier: MIT
// chime.h - talks to chimed from C: connect, send a command, read its answers.
#ifndef CHIME_H
#define CHIME_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHIME_API       __attribute__((visibility("default")))
#define CHIME_NODISCARD __attribute__((warn_unused_result))

/// What every call that can fail returns. 0 is success.
enum chime_status {
    CHIME_OK = 0,
    CHIME_BAD_ARGUMENT, // a URL that is none, a message over 65,507 bytes, a descriptor for other than
                        // osc.unix
    CHIME_NO_MEMORY,
    CHIME_NO_DAEMON,   // nobody has the address, or the daemon left
    CHIME_DENIED,      // the caller may not use the daemon's socket
    CHIME_TIMEOUT,     // nothing came, or the daemon took nothing, in the time given
    CHIME_INTERRUPTED, // a signal came; call again or leave
    CHIME_REFUSED,     // the daemon answered /error
    CHIME_SYSTEM       // the system refused something; errno tells
};

/// A few words for people. Never NULL.
CHIME_API const char *chime_status_text(enum chime_status status);

// ---- messages ----

/// One OSC message: a path and typed arguments. Made by the caller to be sent, or by the library when
/// received. One thread at a time.
struct chime_message;

/// Copies `path`. NULL when there is no memory. The caller owns it and frees it, also after sending.
CHIME_API struct chime_message *chime_message_new(const char *path);
/// Accepts NULL.
CHIME_API void chime_message_free(struct chime_message *m);

/// Append one argument; text is copied. What fails for want of memory is remembered: chime_send() then
/// returns CHIME_NO_MEMORY, so calls in a row need no checks.
CHIME_API void chime_add_int(struct chime_message *m, int32_t value);
CHIME_API void chime_add_long(struct chime_message *m, int64_t value);
CHIME_API void chime_add_float(struct chime_message *m, float value);
CHIME_API void chime_add_double(struct chime_message *m, double value);
CHIME_API void chime_add_text(struct chime_message *m, const char *value);

/// Borrowed until the message is freed.
CHIME_API const char *chime_message_path(const struct chime_message *m);
/// Number of arguments.
CHIME_API size_t chime_message_count(const struct chime_message *m);
/// OSC type letter of argument `i`: i f h d s S T F and so on; 0 when there is no such argument.
CHIME_API char chime_message_type(const struct chime_message *m, size_t i);
/// Argument `i` as a number, whatever its numeric type (T is 1, F is 0, a time tag is seconds since 1900); 0
/// when it is none.
CHIME_API double chime_message_number(const struct chime_message *m, size_t i);
/// The same for whole numbers up to 64 bits. Fractions are cut, what does not fit becomes the nearest that
/// does.
CHIME_API int64_t chime_message_int(const struct chime_message *m, size_t i);
/// Text of argument `i`, borrowed until the message is freed; NULL when it is no text.
CHIME_API const char *chime_message_text(const struct chime_message *m, size_t i);

/// Writes the message as one OSC packet to `bytes` of `size`; `*length` is how long it is. CHIME_BAD_ARGUMENT
/// when it is longer.
CHIME_NODISCARD CHIME_API enum chime_status chime_message_pack(const struct chime_message *m, void *bytes,
                                                               size_t size, size_t *length);
/// Makes a message of one OSC packet. CHIME_BAD_ARGUMENT when it is not well formed, or a bundle. The caller
/// frees
/// `*m`, which is NULL after a failure.
CHIME_NODISCARD CHIME_API enum chime_status chime_message_unpack(const void *bytes, size_t size,
                                                                 struct chime_message **m);

// ---- connection ----

/// One connection to one daemon. One thread at a time; several connections are independent.
struct chime;

/// Connects to `url`: osc.unix:///path/of/socket (datagrams, which can carry descriptors),
/// osc.stream:///path/of/socket, osc.udp://host:port/ or osc.tcp://host:port/ (port 57300 when left out).
/// "instance:NAME" is the daemon chimed@NAME: $XDG_RUNTIME_DIR/chimed-NAME/chimed.sock where that exists,
/// else /run/chimed-NAME/chimed.sock. NULL takes the environment variable CHIME_URL, else the path in
/// CHIMED_SOCKET, else $XDG_RUNTIME_DIR/chimed/chimed.sock where that exists, else /run/chimed/chimed.sock.
/// The caller owns `*c` and closes it; it is NULL after a failure. Over UDP nobody answers yet:
/// CHIME_NO_DAEMON shows at the first send or receive.
CHIME_NODISCARD CHIME_API enum chime_status chime_open(const char *url, struct chime **c);
/// Accepts NULL.
CHIME_API void chime_close(struct chime *c);

/// The URL that chime_open() would take for `url`, written to `text` of `size` bytes. For messages to people.
CHIME_NODISCARD CHIME_API enum chime_status chime_resolve_url(const char *url, char *text, size_t size);

/// 1 when the connection can carry file descriptors (osc.unix), 0 when not.
CHIME_API int chime_is_local(const struct chime *c);
/// The descriptor to poll for reading, once chime_receive() without waiting has nothing more: sending takes
/// in what has come. A wake-up may yield no message (junk is skipped). Owned by `c`.
CHIME_API int chime_fd(const struct chime *c);
/// Datagrams that were no valid OSC packet, or not the daemon's, and were skipped since chime_open().
CHIME_API uint64_t chime_junk_count(const struct chime *c);

/// Sends one message. `fd` is -1, or an open descriptor that the daemon gets a copy of (the caller keeps and
/// closes its own); only for /play and /sound/load over a UNIX socket. Waits up to `timeout_s` seconds while
/// the daemon's socket is full. Takes in answers that have come, so that none is lost while many are sent.
CHIME_NODISCARD CHIME_API enum chime_status chime_send(struct chime *c, const struct chime_message *m, int fd,
                                                       double timeout_s);

/// Takes the next message that came, waiting up to `timeout_s` seconds (0: not at all; negative: without
/// end). Bundles arrive as their messages, in order. The caller owns `*m` and frees it; it is NULL after a
/// failure.
CHIME_NODISCARD CHIME_API enum chime_status chime_receive(struct chime *c, double timeout_s,
                                                          struct chime_message **m);

/// Called for each message that came before the answer: list items and events. `m` is borrowed for the call.
typedef void chime_each(const struct chime_message *m, void *context);

/// Sends `m` and waits for the one answer that every command gets: "/done path ...", "/error path code text"
/// (returns CHIME_REFUSED) or "/synced n". `each` (may be NULL) sees what comes before it. `answer` (may be
/// NULL) gets the answer, which the caller frees; it is NULL when none came. `timeout_s` bounds the wait for
/// each next message.
CHIME_NODISCARD CHIME_API enum chime_status chime_call(struct chime *c, const struct chime_message *m, int fd,
                                                       double timeout_s, chime_each *each, void *context,
                                                       struct chime_message **answer);

#ifdef __cplusplus
}
#endif
#endif
