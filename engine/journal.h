// SPDX-License-Identifier: MIT
// journal.h - keeps the state on disk, so that a start after a crash can go on with it. Control thread.
//
// A pass gathers the state as the messages of /dump, a piece a turn, into one buffer, and hands that to the
// disk's thread. While the disk has it, no other pass begins: a disk that stalls costs nothing but age.
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H
#include <stdbool.h>
#include <stdint.h>

#include "engine/config.h"
#include "engine/journal_disk.h"
#include "engine/queries.h"
#include "engine/scheduled_texts.h"

/// Of a token of rt's: it belongs to a pass.
#define JOURNAL_TOKEN (UINT64_C(1) << 62)

/// What a pass does, in this order.
enum journal_step {
    JOURNAL_RESTS,
    JOURNAL_SNAPSHOT, // waits until rt has published one
    JOURNAL_BUSES,
    JOURNAL_USED_SOUNDS,
    JOURNAL_VOICES,
    JOURNAL_MESSAGES, // that wait for their time
    JOURNAL_OTHER_SOUNDS,
};

struct journal {
    bool is_on;
    bool is_wanted; // [engine] resume is not none
    struct journal_disk disk;
    struct journal_file file;
    struct scheduled_texts texts;
    // the pass
    enum journal_step step;
    struct query query; // as who the messages of /dump are asked for
    struct journal_head head;
    struct journal_record record; // kind and time of what is added next
    size_t moving_at;             // of its arguments: where its position stands, which is no news; SIZE_MAX
    uint64_t sum;                 // of all that is news
    bool has_motion;              // some voice is under way
    uint64_t frame;               // of the engine, which began at this time: what all positions refer to
    int64_t frame_boottime_ns;
    // since the start; counted by those who make them
    uint64_t n_changes, n_moves; // moves: of a position, by more than time
    uint64_t seen_changes, seen_moves;
    int64_t changed_ns; // the first change that no pass has seen; 0: none
    int64_t begun_ns;   // the newest pass
    // the disk
    uint64_t written_sum, written_moves;
    int64_t written_ns; // 0: never
    bool needs_write;   // the last one failed
    bool is_marked;     // a resume has begun, and 10 s have not passed
    bool is_stalled;
    int error; // of the last write; 0: it went well
    char reason[JOURNAL_REASON_BYTES];
    const char *set_aside; // "", "damaged" or "crashed"
    uint64_t n_written, n_failures;
    uint32_t n_left_out; // of the newest pass
    size_t bytes;
    // the end
    bool is_ending, is_kept, has_last, is_over;
};

/// Memory, for what the configuration allows there to be; where it names a state folder.
NODISCARD enum status journal_init(struct journal *j, struct allocator *a, const struct config *config);

#endif
