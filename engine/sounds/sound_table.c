// SPDX-License-Identifier: MIT
// sound_table.c - the sounds that control knows: by name, loading or ready, and who uses them.
#include "engine/sounds/sound_table.h"

#include <assert.h>
#include <string.h>

#include "alloc/vm.h"

enum status sound_table_init(struct sound_table *t, struct allocator *a, uint32_t max_sounds,
                             struct worker *worker)
{
    *t = (struct sound_table){.max_sounds = max_sounds, .worker = worker};
    uint64_t n_before = a->n_refused;
    t->entries = make(struct sound_entry, max_sounds, a);
    t->free_entries = make(uint32_t, max_sounds, a);
    enum status status = names_init(&t->names, a, max_sounds);
    if (status || allocator_refused(a, n_before)) return STATUS_NO_MEMORY;
    while (t->n_free < max_sounds) { // the lowest on top
        t->free_entries[t->n_free] = max_sounds - 1 - t->n_free;
        t->n_free++;
    }
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

uint32_t sound_find_file(const struct sound_table *t, const char *name, const struct file_id *id)
{
    uint32_t hash = names_hash_text(name);
    for (uint32_t i = names_first(&t->names, hash); i != NAMES_NONE; i = names_next(&t->names, i)) {
        const struct sound_entry *e = &t->entries[i];
        if (e->state == SOUND_READY && file_id_is(&e->id, id) && strcmp(e->name, name) == 0) return i;
    }
    return SOUND_NONE;
}

static void free_samples(struct sound_table *t, const struct decoded *d)
{
    if (!d->memory) return;
    struct job job = {.type = JOB_FREE, .memory = d->memory, .bytes = d->bytes};
    bool pushed = worker_push(t->worker, &job);
    assert(pushed); // the queue holds a job for each sound, and more
    (void)pushed;
}

static void free_entry(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    assert(e->state != SOUND_FREE);
    if (e->is_listed) names_remove(&t->names, sound);
    free_samples(t, &e->decoded);
    *e = (struct sound_entry){0};
    t->free_entries[t->n_free++] = sound;
}

/// Nobody holds it any more.
static void destroy_entry(void *object)
{
    struct sound_entry *e = object;
    free_entry(e->table, (uint32_t)(e - e->table->entries));
}

uint32_t sound_n_voices(const struct sound_entry *e)
{
    return e->state == SOUND_READY ? refcount_get(&e->refs) - e->is_listed - e->is_resampled : 0;
}

static bool is_evictable(const struct sound_entry *e)
{
    return e->state == SOUND_READY && e->is_cached && !e->is_resampled && sound_n_voices(e) == 0;
}

/// The cached sound that was used longest ago and plays on no voice.
static uint32_t find_evictable(const struct sound_table *t)
{
    uint32_t oldest = SOUND_NONE;
    for (uint32_t i = 0; i < t->max_sounds; i++) {
        const struct sound_entry *e = &t->entries[i];
        if (!is_evictable(e)) continue;
        if (oldest == SOUND_NONE || e->last_used < t->entries[oldest].last_used) oldest = i;
    }
    return oldest;
}

bool sound_evict_one(struct sound_table *t)
{
    uint32_t oldest = find_evictable(t);
    if (oldest == SOUND_NONE) return false;
    sound_unlist(t, oldest);
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
    if (t->n_free == 0 && !sound_evict_one(t)) {
        t->n_refused++;
        strbuf_format(why, "refused sounds %u/%u", t->max_sounds, t->max_sounds);
        return API_REFUSED;
    }
    return API_OK;
}

/// A load at the end of the list of those under way.
static struct load *begin_load(struct sound_table *t)
{
    struct load *load = worker_take_load(t->worker);
    if (!load) return NULL;
    load->sequence = t->n_loads++;
    load->engine_rate = t->worker->engine_rate;
    load->older = t->newest_load;
    if (t->newest_load)
        t->newest_load->newer = load;
    else
        t->oldest_load = load;
    t->newest_load = load;
    if (++t->n_under_way > t->n_under_way_high) t->n_under_way_high = t->n_under_way;
    return load;
}

/// What the file is compared with. An eviction may have taken the entry meanwhile.
static void set_known(struct load *load, const struct sound_entry *known)
{
    load->has_known = known->state == SOUND_READY;
    load->known = known->id;
    if (known->state == SOUND_LOADING) load->twin = known->sequence;
}

enum api_error sound_load(struct sound_table *t, const char *name, const char *path, int fd, uint32_t known,
                          uint32_t *sound, struct strbuf *why)
{
    enum api_error error = check_load(t, name, path, why);
    struct load *load = error ? NULL : begin_load(t);
    if (!load) {
        worker_close(t->worker, fd);
        if (error) return error;
        strbuf_format(why, "refused loads %d/%d: wait for some to finish (/sync)", MAX_LOADS, MAX_LOADS);
        return API_REFUSED;
    }
    load->fd = fd;
    memcpy(load->path, path, strlen(path) + 1);
    if (known != SOUND_NONE) set_known(load, &t->entries[known]);

    *sound = t->free_entries[--t->n_free];
    if (t->max_sounds - t->n_free > t->n_high) t->n_high = t->max_sounds - t->n_free;
    struct sound_entry *e = &t->entries[*sound];
    *e = (struct sound_entry){
        .state = SOUND_LOADING, .is_listed = true, .first_pending = SOUND_NONE, .last_pending = SOUND_NONE};
    memcpy(e->name, name, strlen(name) + 1);
    e->is_handed = fd >= 0;
    bool has_path = fd < 0 || path[0] == '/'; // others may be seen from where the client is
    if (has_path && strlen(path) < sizeof e->path) memcpy(e->path, path, strlen(path) + 1);
    e->sequence = load->sequence;
    names_insert(&t->names, names_hash_text(name), *sound);
    bool pushed = push_load(t, *sound, load);
    assert(pushed); // MAX_LOADS slots of the job queue are for loads
    (void)pushed;
    return API_OK;
}

/// Whether the store would have so many bytes if all that may go went; they may not lie in one piece.
static bool can_make_room(const struct sound_table *t, size_t bytes)
{
    const struct pages *store = &t->worker->store; // its size never changes
    size_t room = (size_t)store->n_pages * store->page_bytes;
    for (uint32_t i = 0; i < t->max_sounds; i++) {
        const struct sound_entry *e = &t->entries[i];
        if (e->state == SOUND_READY && !is_evictable(e)) room -= vm_round_to_pages(e->decoded.bytes);
    }
    return bytes <= room;
}

bool sound_retry_load(struct sound_table *t, uint32_t sound, struct load *load)
{
    return can_make_room(t, load->decoded.bytes) && sound_evict_one(t) && push_load(t, sound, load);
}

uint64_t sound_oldest_load(const struct sound_table *t)
{
    return t->oldest_load ? t->oldest_load->sequence : t->n_loads;
}

void sound_release_load(struct sound_table *t, struct load *load)
{
    *(load->older ? &load->older->newer : &t->oldest_load) = load->newer;
    *(load->newer ? &load->newer->older : &t->newest_load) = load->older;
    t->n_under_way--;
    worker_end_load(t->worker, load);
}

void sound_publish(struct sound_table *t, uint32_t sound, const struct load *load)
{
    struct sound_entry *e = &t->entries[sound];
    uint32_t old = sound_find(t, e->name);
    if (old != sound && t->entries[old].state == SOUND_READY) sound_unlist(t, old);
    e->state = SOUND_READY;
    e->table = t;
    refcount_init(&e->refs, destroy_entry, e);
    e->decoded = load->decoded;
    e->decoded.sound.serial = ++t->n_published;
    e->lent[e->newest] = e->decoded.sound;
    e->id = load->id;
    e->last_used = ++t->n_uses;
}

void sound_unlist(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    if (!e->is_listed) return;
    names_remove(&t->names, sound);
    e->is_listed = false;
    refcount_release(&e->refs);
}

void sound_forget(struct sound_table *t, uint32_t sound)
{
    free_entry(t, sound);
}

void sound_drop(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    assert(e->state == SOUND_LOADING && e->is_listed);
    names_remove(&t->names, sound);
    e->is_listed = false;
    e->is_dropped = true;
}

void sound_acquire(struct sound_table *t, uint32_t sound)
{
    refcount_acquire(&t->entries[sound].refs);
    t->entries[sound].last_used = ++t->n_uses;
}

void sound_release(struct sound_table *t, uint32_t sound)
{
    refcount_release(&t->entries[sound].refs);
}

// ---- another sample rate ----

const struct sound *sound_lent(const struct sound_entry *e)
{
    return &e->lent[e->newest];
}

bool sound_begin_resample(struct sound_table *t, uint32_t sound)
{
    struct sound_entry *e = &t->entries[sound];
    struct load *load = worker_take_load(t->worker);
    if (!load) return false;
    load->engine_rate = t->worker->engine_rate;
    load->source = e->decoded.sound;
    load->has_known = e->path[0] != 0;
    load->known = e->id;
    memcpy(load->path, e->path, sizeof e->path);
    struct job job = {.type = JOB_RESAMPLE, .token = sound, .load = load};
    if (!worker_push(t->worker, &job)) {
        worker_end_load(t->worker, load);
        return false;
    }
    refcount_acquire(&e->refs);
    e->is_resampled = true;
    return true;
}

void sound_exchange(struct sound_table *t, uint32_t sound, const struct decoded *made, struct decoded *old)
{
    struct sound_entry *e = &t->entries[sound];
    *old = e->decoded;
    e->decoded = *made;
    e->decoded.sound.serial = old->sound.serial;
    e->decoded.source_rate = old->source_rate;
    e->newest ^= 1;
    e->lent[e->newest] = e->decoded.sound;
}

void sound_end_resample(struct sound_table *t, uint32_t sound, const struct decoded *left)
{
    t->entries[sound].is_resampled = false;
    free_samples(t, left);
    refcount_release(&t->entries[sound].refs);
}
