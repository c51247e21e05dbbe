// SPDX-License-Identifier: MIT
// sound_table.c - the sounds that control knows: by name, loading or ready, and who uses them.
#include "engine/sounds/sound_table.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

enum status sound_table_init(struct sound_table *t, struct allocator *a, uint32_t max_sounds,
                             struct worker *worker)
{
    *t = (struct sound_table){.max_sounds = max_sounds, .worker = worker};
    uint64_t n_before = a->n_refused;
    t->entries = make(struct sound_entry, max_sounds, a);
    t->free_entries = make(uint32_t, max_sounds, a);
    t->loads = make(struct load, MAX_LOADS, a);
    t->free_loads = make(uint32_t, MAX_LOADS, a);
    enum status status = names_init(&t->names, a, max_sounds);
    if (status || allocator_refused(a, n_before)) return STATUS_NO_MEMORY;
    while (t->n_free < max_sounds) { // the lowest on top
        t->free_entries[t->n_free] = max_sounds - 1 - t->n_free;
        t->n_free++;
    }
    for (; t->n_free_loads < MAX_LOADS; t->n_free_loads++)
        t->free_loads[t->n_free_loads] = t->n_free_loads;
    return STATUS_OK;
}

uint32_t sound_find(const struct sound_table *t, const char *name)
{
    uint32_t loading = SOUND_NONE, hash = names_hash_text(name);
    for (uint32_t i = names_first(&t->names, hash); i != NAMES_NONE; i = names_next(&t->names, i)) {
        if (strcmp(t->entries[i].name, name) != 0) continue;
        if (t->entries[i].state == SOUND_READY) return i;
        loading = i;
    }
    return loading;
}

static void free_entry(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    assert(e->state != SOUND_FREE && e->n_voices == 0);
    if (e->is_listed) names_remove(&t->names, sound);
    if (e->decoded.memory) {
        struct job job = {.type = JOB_FREE, .memory = e->decoded.memory, .bytes = e->decoded.bytes};
        bool pushed = worker_push(t->worker, &job);
        assert(pushed); // the queue holds a job for each sound, and more
        (void)pushed;
    }
    *e = (struct sound_entry){0};
    t->free_entries[t->n_free++] = sound;
}

/// The cached sound that was used longest ago and plays on no voice.
static uint32_t find_evictable(const struct sound_table *t)
{
    uint32_t oldest = SOUND_NONE;
    for (uint32_t i = 0; i < t->max_sounds; i++) {
        const struct sound_entry *e = &t->entries[i];
        if (e->state != SOUND_READY || !e->is_cached || e->n_voices > 0) continue;
        if (oldest == SOUND_NONE || e->last_used < t->entries[oldest].last_used) oldest = i;
    }
    return oldest;
}

static bool evict_one(struct sound_table *t)
{
    uint32_t oldest = find_evictable(t);
    if (oldest == SOUND_NONE) return false;
    free_entry(t, oldest);
    return true;
}

static bool push_load(struct sound_table *t, uint32_t sound, struct load *load)
{
    struct job job = {.type = JOB_LOAD, .token = sound, .load = load};
    return worker_push(t->worker, &job);
}

static enum api_error check_load(struct sound_table *t, const char *name, const char *path,
                                 struct strbuf *why)
{
    if (strlen(name) >= SOUND_NAME_BYTES || strlen(path) >= CONFIG_PATH_BYTES) {
        strbuf_format(why, "the name is longer than %d bytes, or the path than %d", SOUND_NAME_BYTES - 1,
                      CONFIG_PATH_BYTES - 1);
        return API_BAD_ARGUMENTS;
    }
    if (t->n_free == 0 && !evict_one(t)) {
        strbuf_format(why, "refused sounds %u/%u", t->max_sounds, t->max_sounds);
        return API_REFUSED;
    }
    if (t->n_free_loads == 0) {
        strbuf_format(why, "refused loads %d/%d: wait for some to finish (/sync)", MAX_LOADS, MAX_LOADS);
        return API_REFUSED;
    }
    return API_OK;
}

enum api_error sound_load(struct sound_table *t, const char *name, const char *path, int fd, uint32_t known,
                          uint32_t *sound, struct strbuf *why)
{
    enum api_error error = check_load(t, name, path, why);
    if (error) {
        if (fd >= 0) close(fd);
        return error;
    }
    struct load *load = &t->loads[t->free_loads[--t->n_free_loads]];
    *load = (struct load){.fd = fd, .sequence = t->n_loads++, .is_under_way = true};
    memcpy(load->path, path, strlen(path) + 1);
    // The eviction above may have taken the entry that was known.
    if (known != SOUND_NONE && t->entries[known].state == SOUND_READY) {
        load->known = t->entries[known].id;
        load->has_known = true;
    }

    *sound = t->free_entries[--t->n_free];
    struct sound_entry *e = &t->entries[*sound];
    *e = (struct sound_entry){
        .state = SOUND_LOADING, .is_listed = true, .first_pending = SOUND_NONE, .last_pending = SOUND_NONE};
    memcpy(e->name, name, strlen(name) + 1);
    names_insert(&t->names, names_hash_text(name), *sound);
    bool pushed = push_load(t, *sound, load);
    assert(pushed); // MAX_LOADS slots of the job queue are for loads
    (void)pushed;
    return API_OK;
}

bool sound_retry_load(struct sound_table *t, uint32_t sound, struct load *load)
{
    return evict_one(t) && push_load(t, sound, load);
}

uint64_t sound_oldest_load(const struct sound_table *t)
{
    uint64_t oldest = t->n_loads;
    for (uint32_t i = 0; i < MAX_LOADS && t->n_free_loads < MAX_LOADS; i++)
        if (t->loads[i].is_under_way && t->loads[i].sequence < oldest) oldest = t->loads[i].sequence;
    return oldest;
}

void sound_release_load(struct sound_table *t, struct load *load)
{
    if (load->fd >= 0) close(load->fd);
    load->fd = -1;
    load->is_under_way = false;
    t->free_loads[t->n_free_loads++] = (uint32_t)(load - t->loads);
}

void sound_publish(struct sound_table *t, uint32_t sound, const struct load *load)
{
    struct sound_entry *e = &t->entries[sound];
    uint32_t old = sound_find(t, e->name);
    if (old != sound && t->entries[old].state == SOUND_READY) sound_unlist(t, old);
    e->state = SOUND_READY;
    e->decoded = load->decoded;
    e->id = load->id;
    e->last_used = ++t->n_uses;
}

void sound_unlist(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    if (e->n_voices == 0) {
        free_entry(t, sound);
        return;
    }
    if (e->is_listed) names_remove(&t->names, sound);
    e->is_listed = false;
}

void sound_forget(struct sound_table *t, uint32_t sound)
{
    free_entry(t, sound);
}

void sound_acquire(struct sound_table *t, uint32_t sound)
{
    t->entries[sound].n_voices++;
    t->entries[sound].last_used = ++t->n_uses;
}

void sound_release(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    assert(e->n_voices > 0);
    e->n_voices--;
    if (e->n_voices == 0 && !e->is_listed) free_entry(t, sound);
}
