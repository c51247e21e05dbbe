// SPDX-License-Identifier: MIT
// boot_time.h - how much time has passed between two runs of the daemon, and whether the system was started
// between them.
#ifndef ENGINE_BOOT_TIME_H
#define ENGINE_BOOT_TIME_H
#include <stdbool.h>
#include <stdint.h>

#define BOOT_ID_BYTES 16

/// A moment, on the clocks that go on when the daemon ends.
struct boot_time {
    int64_t realtime_ns, boottime_ns;
    uint8_t id[BOOT_ID_BYTES]; // of the boot; zeros where /proc does not show it
};

void boot_time_now(struct boot_time *t);
/// Where neither has an id, by the moment of the boot, which a step of the system's clock moves.
bool boot_time_is_same_boot(const struct boot_time *a, const struct boot_time *b);
/// Nanoseconds from `then` to `now`, 0 or more: in one boot whatever the system's clock did, else by it.
int64_t boot_time_passed_ns(const struct boot_time *then, const struct boot_time *now);

#endif
