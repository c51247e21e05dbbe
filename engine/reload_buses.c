// SPDX-License-Identifier: MIT
// reload_buses.c - the buses of a configuration that was read again: new ones are made, changed ones set.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/handlers.h"
#include "engine/reload.h"

/// Way of a level to its new value.
#define BUS_RAMP_S 0.05
/// And to silence and back, where the output changes.
#define MOVE_RAMP_S 0.02

/// Commands that one bus may need, beside the graph of all.
#define COMMANDS_A_BUS 6

static const struct config_bus *find_section(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->n_bus; i++)
        if (strcmp(config->bus[i].name, name) == 0) return &config->bus[i];
    return NULL;
}

// ---- check ----

enum status reload_check_buses(const struct control *c, char *error)
{
    const struct config *next = &c->reload->next;
    uint32_t n_new = 0, n_channels = c->rt->mixer.n_channels;
    for (uint32_t i = 0; i < next->n_bus; i++) {
        const struct config_bus *b = &next->bus[i];
        n_new += bus_find(&c->buses, b->name) == BUS_NONE;
        if (b->out == 0 || b->out + b->width - 1 <= n_channels) continue;
        snprintf(error, ERROR_TEXT_BYTES,
                 "[bus %s] goes to channel %u, and the device has %u until a restart", b->name,
                 b->out + b->width - 1, n_channels);
        return STATUS_BAD_ARGUMENT;
    }
    if (c->buses.n_buses + n_new > c->buses.max_buses) {
        snprintf(error, ERROR_TEXT_BYTES,
                 "%u more [bus NAME] sections, and there are %u of %u buses until a restart", n_new,
                 c->buses.n_buses, c->buses.max_buses);
        return STATUS_FULL;
    }
    if (queue_room(&c->rt->commands) < COMMANDS_A_BUS * next->n_bus + 8) {
        snprintf(error, ERROR_TEXT_BYTES, "the audio thread is behind with its commands: try again");
        return STATUS_BUSY;
    }
    return STATUS_OK;
}

// ---- apply ----

static void push(struct control *c, const struct command *command)
{
    bool is_pushed = control_push(c, command); // there is room: it has been checked
    (void)is_pushed;
}

static void set_level(struct control *c, uint32_t bus, enum command_type type, float value)
{
    uint32_t frames = control_frames(c, BUS_RAMP_S);
    push(c, &(struct command){.type = (uint8_t)type,
                              .slot = bus,
                              .change = {.value = (double)value, .ramp_frames = frames}});
}

static void push_mute(struct control *c, uint32_t bus, bool on, double ramp_s)
{
    struct flag flag = {.on = on, .ramp_frames = control_frames(c, ramp_s)};
    push(c, &(struct command){.type = COMMAND_BUS_MUTE, .slot = bus, .flag = flag});
}

/// That of a bus that is silent on its way to other channels; NULL when it is not.
static struct bus_move *find_move(struct control *c, uint32_t bus)
{
    struct reload *r = c->reload;
    for (uint32_t i = 0; i < r->n_moves; i++)
        if (r->moves[i].bus == bus) return &r->moves[i];
    return NULL;
}

static void set_mute(struct control *c, uint32_t bus, bool on)
{
    struct bus_move *m = find_move(c, bus);
    if (m)
        m->mute = on;
    else
        push_mute(c, bus, on, BUS_RAMP_S);
}

static void note_number(struct control *c, const char *bus, const char *key, float before, float after)
{
    char old[32], new[32];
    snprintf(old, sizeof old, "%g", (double)before);
    snprintf(new, sizeof new, "%g", (double)after);
    reload_note(c->reload, false, old, new, "[bus %s] %s", bus, key);
}

static bool is_same(float a, float b)
{
    return a >= b && a <= b;
}

static void set_levels(struct control *c, uint32_t bus, const struct config_bus *old,
                       const struct config_bus *new)
{
    if (!is_same(old->gain_db, new->gain_db)) {
        set_level(c, bus, COMMAND_BUS_GAIN, new->gain_db);
        note_number(c, new->name, "gain", old->gain_db, new->gain_db);
    }
    if (!is_same(old->pan, new->pan)) {
        set_level(c, bus, COMMAND_BUS_PAN, new->pan);
        note_number(c, new->name, "pan", old->pan, new->pan);
    }
    if (old->mute != new->mute) {
        set_mute(c, bus, new->mute);
        note_number(c, new->name, "mute", old->mute, new->mute);
    }
}

static void put_outputs(struct control *c)
{
    const struct reload *r = c->reload;
    for (uint32_t i = 0; i < r->n_moves; i++) {
        struct bus_entry *e = &c->buses.entries[r->moves[i].bus];
        e->out = r->moves[i].out;
        e->width = r->moves[i].width;
    }
    control_publish_graph(c);
}

static void end_moves(struct control *c)
{
    struct reload *r = c->reload;
    for (uint32_t i = 0; i < r->n_moves; i++)
        if (!r->moves[i].mute) push_mute(c, r->moves[i].bus, false, MOVE_RAMP_S);
    r->n_moves = 0;
}

/// A place for one more, at the cost of a click where there are too many at once.
static struct bus_move *make_move(struct control *c, uint32_t bus, bool mute)
{
    struct reload *r = c->reload;
    struct bus_move *m = find_move(c, bus);
    if (m) return m;
    if (r->n_moves == CONFIG_MAX_BUSES) {
        put_outputs(c);
        end_moves(c);
    }
    m = &r->moves[r->n_moves++];
    *m = (struct bus_move){.bus = bus, .mute = mute};
    return m;
}

/// The bus falls silent, goes to its new channels, and sounds again.
static void move_output(struct control *c, uint32_t bus, const struct config_bus *old,
                        const struct config_bus *new)
{
    if (old->out == new->out && old->width == new->width) return;
    struct bus_move *m = make_move(c, bus, old->mute == new->mute ? bus_report_of(c, bus)->mute : new->mute);
    m->out = new->out;
    m->width = new->width;
    push_mute(c, bus, true, MOVE_RAMP_S);
    if (old->out != new->out) note_number(c, new->name, "out", (float)old->out, (float)new->out);
    if (old->width != new->width) note_number(c, new->name, "width", (float)old->width, (float)new->width);
}

static uint64_t frames_of(const struct control *c)
{
    return atomic_load_explicit(&c->cycle->frames,
                                memory_order_relaxed); // relaxed: only compared with itself
}

static void set_moves_frame(struct control *c)
{
    uint32_t ramp = control_frames(c, MOVE_RAMP_S);
    uint32_t period = atomic_load_explicit(&c->cycle->last_frames, memory_order_relaxed);
    if (ramp < c->declick_frames) ramp = c->declick_frames;
    c->reload->moves_frame = frames_of(c) + ramp + 2 * (uint64_t)period;
}

void reload_step_buses(struct control *c)
{
    const struct reload *r = c->reload;
    if (r->n_moves == 0 || frames_of(c) < r->moves_frame || !control_has_room(c, r->n_moves + 1)) return;
    put_outputs(c);
    if (!c->graph_is_stale) end_moves(c); // else in one of the next turns
}

/// A section that was not there before: the bus is made, or is there by hand and gets what the section says.
static bool add_bus(struct control *c, const struct config_bus *b)
{
    uint32_t bus = bus_find(&c->buses, b->name);
    uint32_t parent = bus_find(&c->buses, b->parent); // config_finish() has put it before
    bool is_new = bus == BUS_NONE;
    if (is_new) bus = bus_add(&c->buses, b->name, parent == BUS_NONE ? BUS_MASTER : parent);
    struct config_bus as_made = {.width = 2};
    if (is_new) {
        reload_note(c->reload, false, "none", "made", "[bus %s]", b->name);
    } else {
        const struct bus_report *r = bus_report_of(c, bus);
        const struct bus_entry *e = &c->buses.entries[bus];
        as_made = (struct config_bus){
            .gain_db = r->gain_db, .pan = r->pan, .mute = r->mute, .out = e->out, .width = e->width};
    }
    set_levels(c, bus, &as_made, b);
    if (is_new) {
        c->buses.entries[bus].out = b->out; // nothing sounds on it yet
        c->buses.entries[bus].width = b->width;
    } else {
        move_output(c, bus, &as_made, b);
    }
    return is_new;
}

static bool change_bus(struct control *c, const struct config_bus *old, const struct config_bus *new)
{
    uint32_t bus = bus_find(&c->buses, new->name);
    if (strcmp(old->parent, new->parent) != 0)
        reload_note(c->reload, true, old->parent, new->parent, "[bus %s] parent", new->name);
    if (bus == BUS_NONE) return add_bus(c, new);
    set_levels(c, bus, old, new);
    move_output(c, bus, old, new);
    return false;
}

void reload_buses(struct control *c)
{
    struct reload *r = c->reload;
    bool has_graph = false;
    for (uint32_t i = 0; i < r->next.n_bus; i++) {
        const struct config_bus *new = &r->next.bus[i], *old = find_section(&r->in_force, new->name);
        has_graph |= old ? change_bus(c, old, new) : add_bus(c, new);
    }
    for (uint32_t i = 0; i < r->in_force.n_bus; i++) {
        const char *name = r->in_force.bus[i].name;
        if (!find_section(&r->next, name))
            reload_note(r, true, "there", "gone from the file, but left", "[bus %s]", name);
    }
    memcpy(r->in_force.bus, r->next.bus, sizeof r->in_force.bus);
    r->in_force.n_bus = r->next.n_bus;
    if (has_graph) control_publish_graph(c);
    if (r->n_moves > 0) set_moves_frame(c);
}
