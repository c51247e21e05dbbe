// SPDX-License-Identifier: MIT
// reload.c - reads the configuration again and applies what has changed, while all plays on.
#include "engine/reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/config_compare.h"
#include "engine/log.h"
#include "engine/service.h"
#include "engine/transport_setup.h"

/// Longest line that the log is given here.
#define LOG_BYTES 1800

void reload_init(struct reload *r, const struct config_source *source, const struct config *config,
                 struct config *engine)
{
    r->source = source;
    r->engine = engine;
    r->in_force = *config;
}

// ---- what is told ----

void reload_note(struct reload *r, bool needs_restart, const char *before, const char *after, const char *key,
                 ...)
{
    struct reload_change more, *n = r->n_changes < RELOAD_MAX_CHANGES ? &r->changes[r->n_changes++] : &more;
    va_list args;
    va_start(args, key);
    vsnprintf(n->key, sizeof n->key, key, args);
    va_end(args);
    snprintf(n->before, sizeof n->before, "%s", before);
    snprintf(n->after, sizeof n->after, "%s", after);
    n->needs_restart = needs_restart;
    *(needs_restart ? &r->n_restart : &r->n_now) += 1;
}

static void join(const char *items, size_t item_bytes, uint32_t n, char *text)
{
    struct strbuf s = strbuf_make(text, RELOAD_VALUE_BYTES);
    for (uint32_t i = 0; i < n; i++)
        strbuf_format(&s, "%s%s", i > 0 ? ", " : "", items + i * item_bytes);
}

/// True when a list is another one.
static bool note_list(struct reload *r, const char *key, bool needs_restart, const char *before,
                      uint32_t n_before, const char *after, uint32_t n_after, size_t item_bytes)
{
    char old[RELOAD_VALUE_BYTES], new[RELOAD_VALUE_BYTES];
    bool is_same = n_before == n_after;
    for (uint32_t i = 0; i < n_before && is_same; i++)
        is_same = strcmp(before + i * item_bytes, after + i * item_bytes) == 0;
    if (is_same) return false;
    join(before, item_bytes, n_before, old);
    join(after, item_bytes, n_after, new);
    reload_note(r, needs_restart, old, new, "%s", key);
    return true;
}

/// All in one line: of many lines of one kind the log leaves most out.
static void log_changes(const struct reload *r, bool needs_restart, enum log_level level, const char *intro)
{
    char text[LOG_BYTES];
    struct strbuf s = strbuf_make(text, sizeof text);
    for (uint32_t i = 0; i < r->n_changes; i++) {
        const struct reload_change *n = &r->changes[i];
        if (n->needs_restart != needs_restart) continue;
        strbuf_format(&s, "%s%s = %s (was %s)", s.length > 0 ? ", " : "", n->key,
                      n->after[0] ? n->after : "empty", n->before[0] ? n->before : "empty");
    }
    if (s.length > 0) log_line(level, "%s: %s%s", intro, text, s.cut ? "..." : "");
}

static void tell_changes(const struct reload *r)
{
    if (r->n_changes == 0) log_info("the configuration has been read again: nothing has changed");
    log_changes(r, false, LOG_LEVEL_INFO, "the configuration has been read again, and takes effect");
    log_changes(r, true, LOG_LEVEL_WARNING,
                "the configuration has changed, and takes effect after a restart");
}

// ---- checks: nothing is changed yet ----

static enum status check_access(struct control *c, char *error)
{
    struct reload *r = c->reload;
    struct transport_config how;
    char reason[256];
    transport_configure(&how, &r->next);
    enum status status = access_init(&r->access, &how.access, reason); // asks for users and groups by name
    if (!status) status = transport_check_access(c->transport, &r->access, reason);
    if (status) snprintf(error, ERROR_TEXT_BYTES, "%s", reason);
    return status;
}

static enum status check(struct control *c, char *error)
{
    struct reload *r = c->reload;
    enum status status = config_load(&r->next, r->source, error);
    if (!status) status = reload_check_buses(c, error);
    if (!status) status = check_access(c, error);
    return status ? status : chain_reconfigure(c->chain, &r->next, error); // the last that can fail
}

// ---- what takes effect now ----

static bool has_changed(const struct reload *r, enum config_key key)
{
    return !config_key_is_same(&r->in_force, &r->next, key);
}

static void apply_ramp(struct control *c)
{
    uint32_t frames = control_frames(c, (double)c->reload->next.ramp);
    struct command command = {.type = COMMAND_DECLICK, .fade.frames = frames};
    if (control_push(c, &command)) c->declick_frames = frames; // there is room: it has been checked
}

static void apply_sockets(struct control *c)
{
    struct reload *r = c->reload;
    struct transport_config how;
    transport_configure(&how, &r->next);
    transport_set_access(c->transport, &r->access);
    transport_set_limits(c->transport, how.rate, how.patience_ns);
}

/// Takes the values of the live keys; tells of all that have changed.
static void apply_keys(struct control *c)
{
    struct reload *r = c->reload;
    char before[RELOAD_VALUE_BYTES], after[RELOAD_VALUE_BYTES];
    for (unsigned i = 0; i < CONFIG_N_KEYS; i++) {
        enum config_key key = (enum config_key)i;
        bool is_live = config_key_is_live(key);
        if (has_changed(r, key)) {
            config_key_say(&r->in_force, key, before, sizeof before);
            config_key_say(&r->next, key, after, sizeof after);
            reload_note(r, !is_live, before, after, "%s", config_key_name(key));
        }
        if (!is_live) continue;
        config_key_copy(r->engine, &r->next, key);
        config_key_copy(&r->in_force, &r->next, key);
    }
}

static void take_lists(struct config *to, const struct config *from)
{
    memcpy(to->allow, from->allow, sizeof to->allow);
    to->n_allow = from->n_allow;
    memcpy(to->allow_from, from->allow_from, sizeof to->allow_from);
    to->n_allow_from = from->n_allow_from;
}

static void apply_lists(struct control *c)
{
    struct reload *r = c->reload;
    struct config *old = &r->in_force, *new = &r->next;
    bool has_folders = note_list(r, "[paths] allow", false, old->allow[0], old->n_allow, new->allow[0],
                                 new->n_allow, sizeof old->allow[0]);
    note_list(r, "[access] allow_from", false, old->allow_from[0], old->n_allow_from, new->allow_from[0],
              new->n_allow_from, sizeof old->allow_from[0]);
    note_list(r, "[control] listen", true, old->listen[0], old->n_listen, new->listen[0], new->n_listen,
              sizeof old->listen[0]);
    r->has_folders = r->has_folders || has_folders || has_changed(r, CONFIG_KEY_sound_folder);
    take_lists(r->engine, new);
    take_lists(old, new);
}

static void apply(struct control *c)
{
    struct reload *r = c->reload;
    if (has_changed(r, CONFIG_KEY_level)) log_set_level(log_level_of(r->next.level));
    if (has_changed(r, CONFIG_KEY_ramp)) apply_ramp(c);
    apply_sockets(c);
    apply_lists(c); // before the keys are taken
    apply_keys(c);
    reload_buses(c);
    reload_step(c);
}

void reload_step(struct control *c)
{
    struct reload *r = c->reload;
    if (!r) return;
    reload_step_buses(c);
    if (r->has_folders && worker_set_folders(&c->worker, r->engine)) r->has_folders = false;
}

// ---- all of it ----

enum status reload_run(struct control *c, char *error)
{
    struct reload *r = c->reload;
    r->n_changes = r->n_now = r->n_restart = 0;
    service_reloading();
    enum status status = check(c, error);
    if (status) {
        r->n_failed++;
        log_error("the configuration has not been reloaded, and is as before: %s", error);
    } else {
        r->n_done++;
        apply(c);
        tell_changes(r);
    }
    c->next_status_ns = 0; // the service manager is told how it is, too
    service_reloaded();
    return status;
}
