// SPDX-License-Identifier: MIT
// journal_format.c - the shape of the journal: a header with version, length and sums, and records behind it.
#include "engine/journal_format.h"

#include <assert.h>
#include <string.h>

static const uint8_t magic[8] = "chimed\nJ";

/// Where things stand in the header.
enum {
    AT_VERSION = 8,
    AT_LEFT_OUT = 12,
    AT_BODY_BYTES = 16,
    AT_BODY_SUM = 24,
    AT_REALTIME = 32,
    AT_BOOTTIME = 40,
    AT_BOOT_ID = 48,
    AT_NEXT_ID = 64,
    AT_RECORDS = 68,
    AT_HEADER_SUM = 120,
};
static_assert(AT_RECORDS + 4 * JOURNAL_KINDS <= AT_HEADER_SUM, "the counts fit into the header");

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)(value >> 32));
    put_u32(at + 4, (uint32_t)value);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) << 32 | get_u32(at + 4);
}

uint64_t journal_sum(uint64_t before, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        before = (before ^ bytes[i]) * UINT64_C(0x100000001b3);
    return before;
}

// ---- writing ----

void journal_begin(struct journal_file *f)
{
    assert(f->capacity >= JOURNAL_HEADER_BYTES);
    f->n_bytes = JOURNAL_HEADER_BYTES;
}

bool journal_add(struct journal_file *f, const struct journal_record *r)
{
    if (f->capacity - f->n_bytes < (size_t)JOURNAL_RECORD_BYTES + r->n_bytes) return false;
    uint8_t *at = f->bytes + f->n_bytes;
    put_u32(at, (uint32_t)r->kind);
    put_u32(at + 4, r->n_bytes);
    put_u64(at + 8, r->time);
    memcpy(at + JOURNAL_RECORD_BYTES, r->message, r->n_bytes);
    f->n_bytes += JOURNAL_RECORD_BYTES + r->n_bytes;
    return true;
}

void journal_end(struct journal_file *f, const struct journal_head *head)
{
    uint8_t *at = f->bytes;
    size_t n_body = f->n_bytes - JOURNAL_HEADER_BYTES;
    memset(at, 0, JOURNAL_HEADER_BYTES);
    memcpy(at, magic, sizeof magic);
    put_u32(at + AT_VERSION, JOURNAL_VERSION);
    put_u32(at + AT_LEFT_OUT, head->n_left_out);
    put_u64(at + AT_BODY_BYTES, n_body);
    put_u64(at + AT_REALTIME, (uint64_t)head->written.realtime_ns);
    put_u64(at + AT_BOOTTIME, (uint64_t)head->written.boottime_ns);
    memcpy(at + AT_BOOT_ID, head->written.id, BOOT_ID_BYTES);
    put_u32(at + AT_NEXT_ID, (uint32_t)head->next_id);
    for (int i = 0; i < JOURNAL_KINDS; i++)
        put_u32(at + AT_RECORDS + 4 * i, head->n_records[i]);
}

void journal_seal(struct journal_file *f)
{
    uint8_t *at = f->bytes;
    size_t n_body = f->n_bytes - JOURNAL_HEADER_BYTES;
    put_u64(at + AT_BODY_SUM, journal_sum(JOURNAL_SUM_START, at + JOURNAL_HEADER_BYTES, n_body));
    put_u64(at + AT_HEADER_SUM, journal_sum(JOURNAL_SUM_START, at, AT_HEADER_SUM));
}

// ---- reading ----

static void read_head(const uint8_t *at, struct journal_head *head)
{
    *head = (struct journal_head){.written = {.realtime_ns = (int64_t)get_u64(at + AT_REALTIME),
                                              .boottime_ns = (int64_t)get_u64(at + AT_BOOTTIME)},
                                  .next_id = (int32_t)get_u32(at + AT_NEXT_ID),
                                  .n_left_out = get_u32(at + AT_LEFT_OUT)};
    memcpy(head->written.id, at + AT_BOOT_ID, BOOT_ID_BYTES);
    for (int i = 0; i < JOURNAL_KINDS; i++)
        head->n_records[i] = get_u32(at + AT_RECORDS + 4 * i);
}

/// Whether records fill the body from end to end, as many of each kind as the header says.
static bool has_whole_records(const struct journal_file *f, const struct journal_head *head)
{
    uint32_t n[JOURNAL_KINDS] = {0};
    size_t at = JOURNAL_HEADER_BYTES;
    while (at < f->n_bytes) {
        if (f->n_bytes - at < JOURNAL_RECORD_BYTES) return false;
        uint32_t kind = get_u32(f->bytes + at), n_bytes = get_u32(f->bytes + at + 4);
        at += JOURNAL_RECORD_BYTES;
        if (kind >= JOURNAL_KINDS || n_bytes > f->n_bytes - at) return false;
        n[kind]++;
        at += n_bytes;
    }
    return memcmp(n, head->n_records, sizeof n) == 0;
}

const char *journal_check(const struct journal_file *f, struct journal_head *head)
{
    const uint8_t *at = f->bytes;
    if (f->n_bytes < JOURNAL_HEADER_BYTES) return "it is too short";
    if (memcmp(at, magic, sizeof magic) != 0) return "it is no journal";
    if (get_u32(at + AT_VERSION) != JOURNAL_VERSION) return "it is of another version";
    if (get_u64(at + AT_HEADER_SUM) != journal_sum(JOURNAL_SUM_START, at, AT_HEADER_SUM))
        return "its header is damaged";
    size_t n_body = f->n_bytes - JOURNAL_HEADER_BYTES;
    if (get_u64(at + AT_BODY_BYTES) != n_body) return "its length is wrong";
    if (get_u64(at + AT_BODY_SUM) != journal_sum(JOURNAL_SUM_START, at + JOURNAL_HEADER_BYTES, n_body))
        return "its records are damaged";
    read_head(at, head);
    return has_whole_records(f, head) ? NULL : "its records do not fit together";
}

bool journal_next(const struct journal_file *f, size_t *at, struct journal_record *r)
{
    if (*at >= f->n_bytes) return false;
    const uint8_t *record = f->bytes + *at;
    *r = (struct journal_record){.kind = (enum journal_kind)get_u32(record),
                                 .n_bytes = get_u32(record + 4),
                                 .time = get_u64(record + 8),
                                 .message = record + JOURNAL_RECORD_BYTES};
    *at += (size_t)JOURNAL_RECORD_BYTES + r->n_bytes;
    return true;
}
