// SPDX-License-Identifier: MIT
// metrics_http.h - serves the metrics of a daemon over HTTP, on one listening socket, in the caller's loop.
#ifndef CLIENTS_METRICS_HTTP_H
#define CLIENTS_METRICS_HTTP_H
#include <stdbool.h>

/// Connections at once; more wait in the backlog. One that is open for so long is closed, whatever it does.
#define METRICS_CONNECTIONS  64
#define METRICS_LIFE_SECONDS 60

struct metrics_http;

/// Takes `listen_fd`, which listens and does not block; `url` (NULL: chime's default) is borrowed. NULL when
/// it fails.
struct metrics_http *metrics_http_open(int listen_fd, const char *url);
void metrics_http_close(struct metrics_http *h);

/// Readable when there is something to do.
int metrics_http_fd(const struct metrics_http *h);
/// Milliseconds after which there is something to do in any case; -1: never.
int metrics_http_patience_ms(const struct metrics_http *h);
/// Does what can be done without waiting for clients; for the daemon it waits, but not long.
void metrics_http_turn(struct metrics_http *h);

#endif
