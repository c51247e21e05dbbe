// SPDX-License-Identifier: MIT
// handle_bus.c - makes, changes and lists buses.
#include <stdio.h>
#include <string.h>

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

// ---- /bus/new ----

static void undo_bus(struct control *c, uint32_t bus, uint64_t unused)
{
    (void)bus;
    (void)unused;
    bus_remove_last(&c->buses);
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
    uint32_t bus = bus_add(&c->buses, name, parent);
    if (bus == BUS_NONE) {
        control_refuse(c, call, API_REFUSED, "refused buses %u/%u", c->buses.n_buses, c->buses.max_buses);
        return;
    }
    control_undo_later(c, undo_bus, bus, 0);
    control_publish_graph(c);
    call_done_text(c, call, name);
}

// ---- /bus/set ----

static void undo_output(struct control *c, uint32_t bus, uint64_t old)
{
    c->buses.entries[bus].out = (uint32_t)old;
    c->buses.entries[bus].width = (uint32_t)(old >> 32);
}

/// An output that the device does not have is refused.
static bool check_output(struct control *c, const struct call *call, const struct bus_entry *e)
{
    const struct request *r = call->request;
    int64_t out = request_int(r, PARAM_OUT, e->out), width = request_int(r, PARAM_WIDTH, e->width);
    uint32_t n_channels = c->rt->mixer.n_channels; // never changes
    if (call->when == WHEN_TIME) {
        control_refuse(
            c, call, API_UNSUPPORTED,
            "out and width cannot be scheduled, as they change the tree of buses: send them at their time");
        return false;
    }
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

/// False when the call has been refused.
static bool set_output(struct control *c, const struct call *call, uint32_t bus)
{
    const struct request *r = call->request;
    struct bus_entry *e = &c->buses.entries[bus];
    if (!request_has(r, PARAM_OUT) && !request_has(r, PARAM_WIDTH)) return true;
    if (!check_output(c, call, e)) return false;
    control_undo_later(c, undo_output, bus, (uint64_t)e->width << 32 | e->out);
    e->out = (uint32_t)request_int(r, PARAM_OUT, e->out);
    e->width = (uint32_t)request_int(r, PARAM_WIDTH, e->width);
    e->is_output_set = true;
    control_publish_graph(c);
    return true;
}

static bool stage_change(struct control *c, const struct call *call, uint32_t bus, enum command_type type,
                         enum param p)
{
    if (!request_has(call->request, p)) return true;
    struct command command = {
        .type = (uint8_t)type, .slot = bus, .change = request_change(c, call->request, p)};
    return control_stage(c, call, &command);
}

static bool stage_flag(struct control *c, const struct call *call, uint32_t bus, enum command_type type,
                       enum param p)
{
    if (!request_has(call->request, p)) return true;
    uint32_t ramp_frames = control_frames(c, request_float(call->request, PARAM_RAMP, 0));
    struct command command = {
        .type = (uint8_t)type, .slot = bus, .flag = {request_int(call->request, p, 0), ramp_frames}};
    return control_stage(c, call, &command);
}

void handle_bus_set(struct control *c, const struct call *call)
{
    uint32_t bus = find_bus(c, call, request_text(call->request, PARAM_NAME, ""));
    if (bus == BUS_NONE) return;
    if (set_output(c, call, bus) && stage_change(c, call, bus, COMMAND_BUS_GAIN, PARAM_GAIN) &&
        stage_change(c, call, bus, COMMAND_BUS_PAN, PARAM_PAN) &&
        stage_flag(c, call, bus, COMMAND_BUS_MUTE, PARAM_MUTE) &&
        stage_flag(c, call, bus, COMMAND_BUS_SOLO, PARAM_SOLO))
        call_done_text(c, call, c->buses.entries[bus].name);
}

// ---- /bus/list ----

const struct bus_report *bus_report_of(const struct control *c, uint32_t bus)
{
    static const struct bus_report none;
    return bus < c->snapshot->n_buses ? &c->snapshot->buses[bus] : &none;
}

void bus_send_info(struct control *c, uint32_t bus, const struct client *to)
{
    const struct bus_entry *e = &c->buses.entries[bus];
    const struct bus_report *r = bus_report_of(c, bus);
    struct osc_writer *w = reply_begin(&c->replies, "/bus/info");
    osc_add_text(w, e->name);
    osc_add_text(w, bus == BUS_MASTER ? "" : c->buses.entries[e->parent].name);
    osc_add_float(w, r->gain_db);
    osc_add_float(w, r->pan);
    osc_add_int(w, r->mute);
    osc_add_int(w, r->solo);
    osc_add_int(w, (int32_t)e->out);
    osc_add_int(w, (int32_t)e->width);
    osc_add_float(w, gain_to_db(r->meter.peak_left));
    osc_add_float(w, gain_to_db(r->meter.peak_right));
    osc_add_float(w, gain_to_db(r->meter.rms_left));
    osc_add_float(w, gain_to_db(r->meter.rms_right));
    reply_add_item(&c->replies, to);
}

// ---- the configuration's buses ----

/// Tells rt what is not as every bus begins.
static bool push_levels(struct control *c, uint32_t bus, const struct config_bus *b)
{
    struct command command = {.type = COMMAND_BUS_GAIN, .slot = bus, .change = {.value = (double)b->gain_db}};
    bool pushed = control_push(c, &command);
    command.type = COMMAND_BUS_PAN;
    command.change.value = (double)b->pan;
    pushed = pushed && control_push(c, &command);
    command = (struct command){.type = COMMAND_BUS_MUTE, .slot = bus, .flag = {.on = true}};
    return pushed && (!b->mute || control_push(c, &command));
}

static const char *configure_bus(struct control *c, const struct config_bus *b)
{
    uint32_t parent = bus_find(&c->buses, b->parent[0] ? b->parent : "master");
    uint32_t bus = bus_find(&c->buses, b->name);
    if (parent == BUS_NONE) return "its parent is not defined before it";
    if (bus == BUS_NONE) bus = bus_add(&c->buses, b->name, parent);
    if (bus == BUS_NONE) return "there are more buses than [engine] buses allows";
    struct bus_entry *e = &c->buses.entries[bus];
    if (b->out > 0 || bus != BUS_MASTER) e->out = b->out;
    if (b->width > 0) e->width = b->width;
    if (e->out > 0 && e->out + e->width - 1 > c->rt->mixer.n_channels) return "the device has fewer channels";
    return push_levels(c, bus, b) ? NULL : "[engine] queue has no room for so many buses";
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
    if (c->config->n_bus > 0) control_publish_graph(c);
    return STATUS_OK;
}

bool control_fade_outputs(struct control *c, uint32_t ramp_frames)
{
    struct command command = {.type = COMMAND_FADE_OUT, .fade = {.frames = ramp_frames}};
    return control_push(c, &command);
}
