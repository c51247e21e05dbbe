// SPDX-License-Identifier: MIT
// journal_format.h - the shape of the journal: a header with version, length and sums, and records behind it.
//
// All numbers are big-endian. The header is JOURNAL_HEADER_BYTES long:
//     0 magic  8 version  12 n_left_out  16 bytes of the body  24 sum of the body  32 realtime ns
//     40 boottime ns  48 boot id  64 next id  68 records of each kind  88 zeros  120 sum of bytes 0 to 119
// A record is
//     kind (32 bits), bytes of its message (32), time (64), an OSC message
// Sums are FNV-1a (Fowler, Noll, Vo): no change of a single byte goes unseen.
#ifndef ENGINE_JOURNAL_FORMAT_H
#define ENGINE_JOURNAL_FORMAT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/boot_time.h"

#define JOURNAL_VERSION      1
#define JOURNAL_HEADER_BYTES 128
#define JOURNAL_RECORD_BYTES 16 // before its message

/// In this order they stand in the file, but that sounds which nothing plays come last.
enum journal_kind {
    JOURNAL_BUS,
    JOURNAL_SOUND,
    JOURNAL_CACHED_SOUND, // that a /play of a path has loaded
    JOURNAL_VOICE,        // time: CLOCK_BOOTTIME at which it was where the message says
    JOURNAL_SCHEDULED,    // time: its NTP time
    JOURNAL_KINDS
};

struct journal_head {
    struct boot_time written;
    int32_t next_id;     // of the voices to which the engine gives ids
    uint32_t n_left_out; // what found no room, or cannot be rebuilt
    uint32_t n_records[JOURNAL_KINDS];
};

struct journal_record {
    enum journal_kind kind;
    uint64_t time;
    const uint8_t *message; // borrowed from the file
    uint32_t n_bytes;
};

/// The bytes of a file under construction, or of one that is read.
struct journal_file {
    uint8_t *bytes;
    size_t capacity, n_bytes;
};

/// Continues a sum of bytes; JOURNAL_SUM_START begins one.
#define JOURNAL_SUM_START UINT64_C(0xcbf29ce484222325)
uint64_t journal_sum(uint64_t before, const uint8_t *bytes, size_t n);

// ---- writing ----

/// Begins a file; `capacity` is JOURNAL_HEADER_BYTES at least.
void journal_begin(struct journal_file *f);
/// Copies a record. False when there is no room: nothing was added.
NODISCARD bool journal_add(struct journal_file *f, const struct journal_record *r);
/// Writes the header but for its sums, once all records are there.
void journal_end(struct journal_file *f, const struct journal_head *head);
/// Adds the sums. Costs as much as it takes to read the file once.
void journal_seal(struct journal_file *f);

// ---- reading ----

/// Checks every byte. NULL when all is as it should be, and `head` is filled in; else what is wrong.
NODISCARD const char *journal_check(const struct journal_file *f, struct journal_head *head);
/// The record at `*at` of a file that was checked, and moves on; begin with JOURNAL_HEADER_BYTES. False at
/// the end.
bool journal_next(const struct journal_file *f, size_t *at, struct journal_record *r);

#endif
