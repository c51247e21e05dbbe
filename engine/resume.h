// SPDX-License-Identifier: MIT
// resume.h - how far a start after a crash has come with what the journal says. Control thread.
#ifndef ENGINE_RESUME_H
#define ENGINE_RESUME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/journal_format.h"

/// Lines of the log about what cannot be resumed; further ones are counted.
#define RESUME_MAX_TOLD 20

enum resume_step {
    RESUME_OVER,    // or there was nothing
    RESUME_READS,   // the disk is asked
    RESUME_FEEDS,   // record by record
    RESUME_SETTLES, // waits for the last loads
};

struct resume {
    enum resume_step step;
    struct journal_head head;
    size_t at;             // of the file: the record that is next
    bool has_loads;        // the sounds of the voices have been asked for
    uint64_t n_loads;      // that had been begun by then, or when all was
    uint32_t n_load_fails; // of the journal's sounds
    int64_t begun_ns, over_ns;
    int64_t voices_realtime_ns; // when the next voices start; 0: none does yet
    int64_t voices_passed_ns;   // until then, since the journal was written
    uint64_t n_refused;         // messages that were answered with an error; counted by answer.c
    uint32_t n_sounds, n_voices, n_scheduled, n_lost;
    uint32_t n_ended; // voices that came to their end while nobody rendered
};

#endif
