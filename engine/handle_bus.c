// SPDX-License-Identifier: MIT
// handle_bus.c - makes, changes and lists buses.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/dispatch.h"
#include "engine/handlers.h"
#include "mixer/pan.h"

static uint32_t find_bus(struct control *c, const struct call *call, const char *name)
{
    uint32_t bus = bus_find(&c->buses, name);
    if (bus == BUS_NONE)
        control_refuse(c, call, API_UNKNOWN_BUS, "no bus is called %.64s; /bus/list tells which there are",
                       name);
    return bus;
}

/// Tells rt the level of a bus; there is room for the command.
static void push_level(struct control *c, uint32_t bus, uint32_t ramp_frames)
{
    struct command command = {
        .type = COMMAND_BUS_LEVEL, .slot = bus, .level = bus_level(&c->buses.entries[bus], ramp_frames)};
    bool pushed = control_push(c, &command);
    assert(pushed);
    (void)pushed;
}

/// Levels of a bus after a change of its own or of the solos around it; `c->buses` has been changed already.
/// There is room for a command for each bus.
static void update_levels(struct control *c, uint32_t bus, uint32_t ramp_frames)
{
    bool *was_silenced = STACK_PUSH(&c->stack, bool, c->buses.n_buses);
    assert(was_silenced); // the stack is made for more
    for (uint32_t b = 0; b < c->buses.n_buses; b++)
        was_silenced[b] = c->buses.entries[b].is_silenced;
    bus_update_silenced(&c->buses);
    for (uint32_t b = 0; b < c->buses.n_buses; b++) {
        const struct bus_entry *e = &c->buses.entries[b];
        if (b != bus && e->is_silenced == was_silenced[b]) continue;
        push_level(c, b, ramp_frames);
    }
    stack_pop(&c->stack, was_silenced);
}

void handle_bus_new(struct control *c, const struct call *call)
{
    const char *name = request_text(call->request, PARAM_NAME, "");
    if (strlen(name) >= CONFIG_NAME_BYTES) {
        control_refuse(c, call, API_BAD_ARGUMENTS, "the name is longer than %d bytes", CONFIG_NAME_BYTES - 1);
        return;
    }
    uint32_t parent = find_bus(c, call, request_text(call->request, PARAM_PARENT, "master"));
    if (parent == BUS_NONE) return;
    if (bus_find(&c->buses, name) != BUS_NONE) {
        control_refuse(c, call, API_TAKEN, "a bus is called %.64s already", name);
        return;
    }
    if (!control_has_room(c, 1)) {
        control_refuse_full(c, call);
        return;
    }
    uint32_t bus = bus_add(&c->buses, name, parent);
    if (bus == BUS_NONE) {
        control_refuse(c, call, API_REFUSED, "refused buses %u/%u", c->buses.n_buses, c->buses.max_buses);
        return;
    }
    // Silenced from the start while others are soloed; at full level the mixer's default holds.
    bus_update_silenced(&c->buses);
    if (c->buses.entries[bus].is_silenced) push_level(c, bus, 0);
    control_publish_graph(c);
    osc_add_text(reply_done(&c->replies, call->path), name);
    reply_send(&c->replies, call->client);
}

/// An output that the device does not have is refused.
static bool check_output(struct control *c, const struct call *call, const struct bus_entry *e)
{
    const struct request *r = call->request;
    int64_t out = request_int(r, PARAM_OUT, e->out), width = request_int(r, PARAM_WIDTH, e->width);
    uint32_t n_channels = c->rt->mixer.n_channels; // never changes
    if (out == 0 && e == &c->buses.entries[BUS_MASTER]) {
        control_refuse(c, call, API_OUT_OF_RANGE, "master has no parent: out must be 1 to %u", n_channels);
        return false;
    }
    if (out + width - 1 > n_channels && out > 0) {
        control_refuse(c, call, API_OUT_OF_RANGE, "out %lld with width %lld: the device has %u channels",
                       (long long)out, (long long)width, n_channels);
        return false;
    }
    return true;
}

void handle_bus_set(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    uint32_t bus = find_bus(c, call, request_text(r, PARAM_NAME, ""));
    if (bus == BUS_NONE) return;
    struct bus_entry *e = &c->buses.entries[bus];
    if (!check_output(c, call, e)) return;
    if (!control_has_room(c, c->buses.n_buses)) {
        control_refuse_full(c, call);
        return;
    }
    e->gain_db = (float)request_float(r, PARAM_GAIN, (double)e->gain_db);
    e->pan = (float)request_float(r, PARAM_PAN, (double)e->pan);
    e->mute = request_int(r, PARAM_MUTE, e->mute);
    e->solo = request_int(r, PARAM_SOLO, e->solo);
    e->out = (uint32_t)request_int(r, PARAM_OUT, e->out);
    e->width = (uint32_t)request_int(r, PARAM_WIDTH, e->width);

    uint32_t ramp_frames = control_frames(c, request_float(r, PARAM_RAMP, 0));
    if (ramp_frames < c->declick_frames) ramp_frames = c->declick_frames;
    update_levels(c, bus, ramp_frames);
    if (request_has(r, PARAM_OUT) || request_has(r, PARAM_WIDTH)) control_publish_graph(c);
    osc_add_text(reply_done(&c->replies, call->path), e->name);
    reply_send(&c->replies, call->client);
}

void handle_bus_list(struct control *c, const struct call *call)
{
    control_drain_events(c);
    static const struct bus_meter silence;
    for (uint32_t bus = 0; bus < c->buses.n_buses; bus++) {
        const struct bus_entry *e = &c->buses.entries[bus];
        const struct bus_meter *m = bus < c->snapshot->n_buses ? &c->snapshot->meters[bus] : &silence;
        struct osc_writer *w = reply_begin(&c->replies, "/bus/info");
        osc_add_text(w, e->name);
        osc_add_text(w, bus == BUS_MASTER ? "" : c->buses.entries[e->parent].name);
        osc_add_float(w, e->gain_db);
        osc_add_float(w, e->pan);
        osc_add_int(w, e->mute);
        osc_add_int(w, e->solo);
        osc_add_int(w, (int32_t)e->out);
        osc_add_int(w, (int32_t)e->width);
        osc_add_float(w, gain_to_db(m->peak_left));
        osc_add_float(w, gain_to_db(m->peak_right));
        osc_add_float(w, gain_to_db(m->rms_left));
        osc_add_float(w, gain_to_db(m->rms_right));
        reply_add_item(&c->replies, call->client);
    }
    osc_add_int(reply_done(&c->replies, call->path), (int32_t)c->buses.n_buses);
    reply_send(&c->replies, call->client);
}

// ---- the configuration's buses ----

static const char *configure_bus(struct control *c, const struct config_bus *b)
{
    uint32_t parent = bus_find(&c->buses, b->parent[0] ? b->parent : "master");
    uint32_t bus = bus_find(&c->buses, b->name);
    if (parent == BUS_NONE) return "its parent is not defined before it";
    if (bus == BUS_NONE) bus = bus_add(&c->buses, b->name, parent);
    if (bus == BUS_NONE) return "there are more buses than [engine] buses allows";
    struct bus_entry *e = &c->buses.entries[bus];
    e->gain_db = b->gain_db;
    e->pan = b->pan;
    e->mute = b->mute;
    if (b->out > 0 || bus != BUS_MASTER) e->out = b->out;
    if (b->width > 0) e->width = b->width;
    if (e->out > 0 && e->out + e->width - 1 > c->rt->mixer.n_channels) return "the device has fewer channels";
    return NULL;
}

enum status control_configure_buses(struct control *c, char *reason)
{
    for (uint32_t i = 0; i < c->config->n_bus; i++) {
        const char *problem = configure_bus(c, &c->config->bus[i]);
        if (problem) {
            snprintf(reason, ERROR_TEXT_BYTES, "[bus %s]: %s", c->config->bus[i].name, problem);
            return STATUS_BAD_ARGUMENT;
        }
    }
    if (c->config->n_bus == 0) return STATUS_OK;
    bus_update_silenced(&c->buses);
    for (uint32_t bus = 0; bus < c->buses.n_buses; bus++) {
        struct command command = {
            .type = COMMAND_BUS_LEVEL, .slot = bus, .level = bus_level(&c->buses.entries[bus], 0)};
        if (!control_push(c, &command)) return STATUS_FULL;
    }
    control_publish_graph(c);
    return STATUS_OK;
}

bool control_fade_outputs(struct control *c, uint32_t ramp_frames)
{
    bool all_pushed = true;
    for (uint32_t bus = 0; bus < c->buses.n_buses; bus++) {
        if (c->buses.entries[bus].out == 0) continue;
        struct command command = {
            .type = COMMAND_BUS_LEVEL, .slot = bus, .level = {.ramp_frames = ramp_frames}};
        all_pushed &= control_push(c, &command);
    }
    return all_pushed;
}
