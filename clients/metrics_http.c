// SPDX-License-Identifier: MIT
// metrics_http.c - serves the metrics of a daemon over HTTP: asks the daemon at each request, and keeps
// nothing.
#include "clients/metrics_http.h"

#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "clients/metrics.h"

/// For each answer of the daemon: with all of them less than the ten seconds after which Prometheus gives up.
#define DAEMON_TIMEOUT_S 2.0
/// A client that says nothing, or takes nothing, for so long is left.
#define IDLE_SECONDS 10u
/// Of its headers and our answer's.
#define CONNECTION_BYTES ((size_t)32 * 1024)

#define PLAIN "text/plain; charset=utf-8"

struct connection {
    int fd; // -1: free
    time_t since;
};

struct metrics_http {
    struct MHD_Daemon *daemon;
    const char *url;
    struct connection connections[METRICS_CONNECTIONS];
    bool has_closed; // one of them, in this turn
};

static time_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

// ---- answers ----

/// Hands `text`, which malloc() gave, to a response.
static enum MHD_Result answer(struct MHD_Connection *c, unsigned code, const char *type, char *text)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(text ? strlen(text) : 0, text, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(c, code, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *c, unsigned code, const char *line)
{
    return answer(c, code, PLAIN, strdup(line));
}

/// In words, with what to type.
static char *explain(const char *url, enum chime_status status, const struct chime_message *refusal)
{
    char where[256] = "?", *text = NULL;
    const char *why = refusal ? chime_message_text(refusal, 2) : NULL;
    if (chime_resolve_url(url, where, sizeof where) != CHIME_OK) where[0] = 0;
    const char *advice = status == CHIME_NO_DAEMON ? "; start it: systemctl start chimed"
                         : status == CHIME_DENIED
                             ? "; who may ask it is in group audio, or named in its [access]"
                             : "";
    if (asprintf(&text, "chimed at %s gives no metrics: %s%s\n", where, why ? why : chime_status_text(status),
                 advice) < 0)
        return NULL;
    return text;
}

static enum MHD_Result answer_metrics(const struct metrics_http *h, struct MHD_Connection *c,
                                      enum metrics_format format)
{
    struct metrics m = {0};
    struct chime *chime = NULL;
    struct chime_message *refusal = NULL;
    char *text = NULL;
    size_t length;
    enum chime_status status = chime_open(h->url, &chime);
    if (status == CHIME_OK) status = metrics_collect(&m, chime, DAEMON_TIMEOUT_S, &refusal);
    FILE *to = status == CHIME_OK ? open_memstream(&text, &length) : NULL;
    if (to) metrics_write(&m, format, to);
    if (status == CHIME_OK && (!to || fclose(to) != 0)) status = CHIME_NO_MEMORY;
    enum MHD_Result result =
        status == CHIME_OK ? answer(c, MHD_HTTP_OK, metrics_format_type(format), text)
                           : answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, PLAIN, explain(h->url, status, refusal));
    chime_message_free(refusal);
    metrics_free(&m);
    chime_close(chime);
    return result;
}

// ---- requests ----

/// A page of another site could ask for a name of its own that leads here: only names of this machine are
/// good.
static bool is_local_host(const char *host)
{
    static const char *const names[] = {"localhost", "[::1]", "127."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) != 0) continue;
        const char *rest = host + n;
        if (names[i][n - 1] == '.') rest += strspn(rest, "0123456789.");
        if (*rest == ':') rest += 1 + strspn(rest + 1, "0123456789");
        if (*rest == 0) return true;
    }
    return false;
}

/// Who asks for the older format and knows no other gets it.
static enum metrics_format wanted_format(struct MHD_Connection *c)
{
    const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    bool wants_plain =
        accept && strcasestr(accept, "text/plain") && !strcasestr(accept, "application/openmetrics-text");
    return wants_plain ? METRICS_PROMETHEUS : METRICS_OPENMETRICS;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_bytes, void **state)
{
    static int has_begun;
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    (void)version;
    (void)body;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_line(c, MHD_HTTP_METHOD_NOT_ALLOWED, "metrics can be read only: GET or HEAD\n");
    if (!*state) { // the headers have come; what follows them is passed over
        *state = &has_begun;
        return MHD_YES;
    }
    if (*body_bytes > 0) {
        *body_bytes = 0;
        return MHD_YES;
    }
    if (host && !is_local_host(host))
        return answer_line(c, MHD_HTTP_FORBIDDEN, "this host is not called that: ask for localhost\n");
    if (strcmp(path, "/metrics") != 0) return answer_line(c, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n");
    return answer_metrics(context, c, wanted_format(c));
}

// ---- connections ----

static void on_connection(void *context, struct MHD_Connection *c, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct metrics_http *h = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *mine = *state;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) h->has_closed = true;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && mine) mine->fd = -1;
    if (what != MHD_CONNECTION_NOTIFY_STARTED || !info) return;
    for (size_t i = 0; i < METRICS_CONNECTIONS; i++) {
        if (h->connections[i].fd >= 0) continue;
        h->connections[i] = (struct connection){info->connect_fd, now()};
        *state = &h->connections[i];
        return;
    }
}

/// One byte now and then would keep a place for ever.
static void end_old_connections(struct metrics_http *h)
{
    for (size_t i = 0; i < METRICS_CONNECTIONS; i++) {
        struct connection *c = &h->connections[i];
        if (c->fd >= 0 && now() - c->since > METRICS_LIFE_SECONDS) shutdown(c->fd, SHUT_RDWR);
    }
}

static bool has_connections(const struct metrics_http *h)
{
    for (size_t i = 0; i < METRICS_CONNECTIONS; i++)
        if (h->connections[i].fd >= 0) return true;
    return false;
}

// ---- the server ----

struct metrics_http *metrics_http_open(int listen_fd, const char *url)
{
    struct metrics_http *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->url = url;
    for (size_t i = 0; i < METRICS_CONNECTIONS; i++)
        h->connections[i].fd = -1;
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)METRICS_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    if (h->daemon) return h;
    free(h);
    return NULL;
}

void metrics_http_close(struct metrics_http *h)
{
    if (!h) return;
    MHD_stop_daemon(h->daemon);
    free(h);
}

int metrics_http_fd(const struct metrics_http *h)
{
    return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int metrics_http_patience_ms(const struct metrics_http *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(h->daemon, &ms) != MHD_YES) return has_connections(h) ? 1000 : -1;
    return ms < 1000 ? (int)ms : 1000;
}

void metrics_http_turn(struct metrics_http *h)
{
    end_old_connections(h);
    do { // once more for those that wait for a place
        h->has_closed = false;
        MHD_run(h->daemon);
    } while (h->has_closed);
}
