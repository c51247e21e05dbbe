// SPDX-License-Identifier: MIT
// cli_call.c - connects, sends a command, waits for its answer, and says in words what went wrong.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli.h"

#define URL_TEXT_BYTES 256

double cli_timeout(const struct cli *cli, double otherwise)
{
    return cli->timeout_s >= 0 ? cli->timeout_s : otherwise;
}

static void print_json_error(const char *code, const char *text)
{
    json_t *object = json_object();
    cli_json_set(object, "error", cli_json_text(code));
    cli_json_set(object, "text", cli_json_text(text));
    cli_print_json(object);
}

static int no_daemon(const struct cli *cli, const char *url, const char *why)
{
    if (cli->json) print_json_error("no_daemon", why);
    fprintf(stderr,
            "chime: no daemon at %s (%s)\n"
            "Start one: systemctl start chimed, or: chimed --backend auto &\n",
            url, why);
    return CLI_NO_DAEMON;
}

/// A name in an error must not drive the terminal.
static const char *masked(const char *text, char *copy, size_t size)
{
    snprintf(copy, size, "%s", text);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
    return copy;
}

static int refused(const struct cli *cli, const struct chime_message *answer, const char *what)
{
    const char *path = answer ? chime_message_text(answer, 0) : NULL;
    const char *code = answer ? chime_message_text(answer, 1) : NULL;
    const char *text = answer ? chime_message_text(answer, 2) : NULL;
    if (!code) code = "unknown";
    if (!text) text = "the daemon gave no reason";
    if (cli->json) {
        json_t *object = json_object();
        cli_json_set(object, "error", cli_json_text(code));
        if (path) cli_json_set(object, "path", cli_json_text(path));
        cli_json_set(object, "of", cli_json_text(what));
        cli_json_set(object, "text", cli_json_text(text));
        cli_print_json(object);
    }
    bool named = strncmp(text, what, strlen(what)) == 0; // the reason often begins with the file's name
    char shown_what[256], shown_text[1024];
    fprintf(stderr, "chime: %s%s%s (%s)\n", named ? "" : masked(what, shown_what, sizeof shown_what),
            named ? "" : ": ", masked(text, shown_text, sizeof shown_text), code);
    return CLI_REFUSED;
}

int cli_failed(const struct cli *cli, enum chime_status status, const struct chime_message *answer,
               const char *what)
{
    int error = errno;
    char url[URL_TEXT_BYTES];
    if (chime_resolve_url(cli->url, url, sizeof url) != CHIME_OK) snprintf(url, sizeof url, "that URL");
    switch (status) {
    case CHIME_OK: return CLI_DONE;
    case CHIME_REFUSED: return refused(cli, answer, what);
    case CHIME_NO_DAEMON: return no_daemon(cli, url, "nobody answers there");
    case CHIME_TIMEOUT:
        // A UNIX socket would have said that nobody is there; UDP only keeps silent.
        if (!cli->chime || !chime_is_local(cli->chime)) return no_daemon(cli, url, "no answer in time");
        if (cli->json) print_json_error("timeout", "no answer in time");
        fprintf(stderr, "chime: %s: the daemon at %s gave no answer in time\n", what, url);
        return CLI_NO_DAEMON;
    case CHIME_INTERRUPTED: return CLI_INTERRUPTED;
    case CHIME_DENIED:
        if (cli->json) print_json_error("denied", "permission denied");
        fprintf(stderr, "chime: %s: permission denied; are you in the group of the socket?\n", url);
        return CLI_REFUSED;
    case CHIME_BAD_ARGUMENT:
    case CHIME_NO_MEMORY:
    case CHIME_SYSTEM: break;
    }
    const char *why = status == CHIME_SYSTEM ? strerror(error) : chime_status_text(status);
    if (cli->json) print_json_error("client", why);
    fprintf(stderr, "chime: %s: %s\n", what, why);
    return CLI_REFUSED;
}

int cli_connect(struct cli *cli)
{
    if (cli->chime) return CLI_DONE;
    enum chime_status status = chime_open(cli->url, &cli->chime);
    if (status == CHIME_BAD_ARGUMENT) {
        const char *url = cli->url ? cli->url : getenv("CHIME_URL");
        return cli_usage(cli, "'%s' is no URL of a daemon: osc.unix:///path or osc.udp://host:port/",
                         url ? url : "");
    }
    return cli_failed(cli, status, NULL, "connect");
}

struct chime_message *cli_message(const char *path)
{
    struct chime_message *m = chime_message_new(path);
    if (!m) {
        fputs("chime: out of memory\n", stderr);
        exit(CLI_REFUSED);
    }
    return m;
}

// Whole numbers stay whole on the wire, so that they read well in the daemon's log.
static void add_value(struct chime_message *m, enum cli_kind kind, const char *value)
{
    double number = 0;
    int32_t whole = 0;
    switch (kind) {
    case FLAG: chime_add_int(m, 1); break;
    case TEXT: chime_add_text(m, value); break;
    case CHANGE: cli_add_change(m, value); break;
    case VOICE: cli_add_voice(m, value); break;
    case SWITCH: chime_add_int(m, strcmp(value, "on") == 0); break;
    case INTEGER:
    case NUMBER:
        if (cli_integer(value, &whole))
            chime_add_int(m, whole);
        else if (cli_number(value, &number))
            chime_add_float(m, (float)number);
        break;
    }
}

size_t cli_add_keys(const struct cli *cli, struct chime_message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct cli_option *option = &cli_options[i];
        if (!cli->value[i] || !*option->key) continue;
        chime_add_text(m, option->key);
        add_value(m, option->kind, cli->value[i]);
        n++;
    }
    return n;
}

int cli_add_settings(const struct cli *cli, struct chime_message *m, size_t first)
{
    if (cli_add_keys(cli, m) == 0 && cli->n_words <= first)
        return cli_usage(cli, "what to set? For example gain -6, or --gain -6");
    for (size_t i = first; i < cli->n_words; i += 2) {
        if (i + 1 == cli->n_words) return cli_usage(cli, "%s to what?", cli->words[i]);
        const char *value = cli->words[i + 1];
        bool on = strcmp(value, "on") == 0;
        chime_add_text(m, cli->words[i]);
        if (on || strcmp(value, "off") == 0)
            chime_add_int(m, on);
        else
            cli_add_change(m, value);
    }
    return CLI_DONE;
}

int cli_call(struct cli *cli, struct chime_message *m, const struct cli_call *how,
             struct chime_message **answer)
{
    struct chime_message *got = NULL;
    const char *what = how->what ? how->what : chime_message_path(m);
    int result = cli_connect(cli);
    if (result == CLI_DONE) {
        double timeout_s = cli_timeout(cli, how->slow ? CLI_SLOW_S : CLI_QUICK_S);
        int file = how->file > 0 && chime_is_local(cli->chime) ? how->file : -1;
        enum chime_status status = chime_call(cli->chime, m, file, timeout_s, how->each, how->context, &got);
        result = cli_failed(cli, status, got, what);
    }
    if (how->file > 0) close(how->file);
    chime_message_free(m);
    if (answer) *answer = result == CLI_DONE ? got : NULL;
    if (!answer || result != CLI_DONE) chime_message_free(got);
    return result;
}

int cli_plain(struct cli *cli, struct chime_message *m, const struct cli_call *how)
{
    struct chime_message *answer;
    int result = cli_call(cli, m, how, &answer);
    if (result == CLI_DONE && cli->json) cli_print_message(cli, answer);
    chime_message_free(answer);
    return result;
}

enum chime_status cli_ask(const struct cli *cli, struct chime_message *m, chime_each *each, void *context,
                          struct chime_message **answer)
{
    enum chime_status status =
        chime_call(cli->chime, m, -1, cli_timeout(cli, CLI_QUICK_S), each, context, answer);
    chime_message_free(m);
    return status;
}
