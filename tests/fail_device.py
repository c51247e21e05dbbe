# SPDX-License-Identifier: MIT
# fail_device.py - faults of sound devices and servers on demand, in a daemon with the library of fail_device.c, and what
# a daemon has to be like whatever they do.
"""Needs CHIMED_FAIL_DEVICE (the library) in the environment."""
import contextlib
import errno
import mmap
import os
import queue
import re
import statistics
import struct
import subprocess
import threading
import time

import harness

LIBRARY = os.environ["CHIMED_FAIL_DEVICE"]
LAYOUT, N_FAULTS = struct.Struct("56sqqqqiiqqq"), 4  # of struct fault in fail_device.c
ARMED, SEEN, HIT = (LAYOUT.size - n for n in (24, 16, 8))
CALLS, KEEPS, SETS, SHUTDOWN, XRUN, RATE = 1, 2, 4, 8, 16, 32
FOR_GOOD = -1
ERRORS = [-getattr(errno, name) for name in "ENODEV EPIPE ESTRPIPE EIO EBUSY EAGAIN EINVAL EBADFD ENOMEM ENOSYS".split()]
N_AT_ONCE = 4


def functions(path, which):
    """Those of libasound and libjack that a program or library has (--defined-only) or needs (--undefined-only)."""
    names = subprocess.run(["nm", "-D", which, path], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r" ((?:snd|jack)_\w+)", names))


def check_table(cases):
    """Nothing that the daemon calls is forgotten, here or in `cases`; their prefix is that of the first."""
    called = functions(harness.CHIMED, "--undefined-only")
    covered = functions(LIBRARY, "--defined-only")
    if called != covered:
        raise AssertionError(f"tests/device_calls.def: {called ^ covered}")
    prefix = cases[0].split("_")[0]
    if (wanted := {name for name in called if name.startswith(prefix)}) != set(cases):
        raise AssertionError(f"without a case, or no longer called: {wanted ^ set(cases)}")


class Faults:
    """The file that is shared with the library."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(LAYOUT.size * N_FAULTS))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), LAYOUT.size * N_FAULTS)

    def arm(self, function, value=None, first=0, count=FOR_GOOD, out=None, flags=0, sleep_ms=0, slot=0):
        """From the call `first` on. Without a value the function is called, and gives its own."""
        flags |= (KEEPS if value is None else 0) | (SETS if out is not None else 0)
        at = slot * LAYOUT.size
        self.disarm(slot)
        LAYOUT.pack_into(self.map, at, function.encode(), first, count, value or 0, out or 0, flags, sleep_ms, 0, 0, 0)
        struct.pack_into("q", self.map, at + ARMED, 1)

    def disarm(self, slot=0):
        struct.pack_into("q", self.map, slot * LAYOUT.size + ARMED, 0)

    def read(self, what, slot=0):
        return struct.unpack_from("q", self.map, slot * LAYOUT.size + what)[0]

    def hits(self, slot=0):
        return self.read(HIT, slot)


class FailingDaemon(harness.Daemon):
    """A daemon whose devices and servers can fail."""

    def __init__(self, guard=True, **more):
        super().__init__(preload=LIBRARY, **more)
        if not guard:
            self.preload = {"LD_PRELOAD": LIBRARY}
        self.faults = Faults(self.path("faults"))
        self.environment["FAIL_DEVICE"] = self.path("faults")

    def cpu_seconds(self):
        """Of all threads."""
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                    open(f"/proc/{self.process.pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9


class Watcher:
    """One failing daemon, and what is asked of it in every case."""

    def __init__(self, daemon, backend):
        self.daemon, self.faults, self.client = daemon, daemon.faults, daemon.client()
        harness.until(lambda: self.client.status()["backend"] == backend, f"{backend} plays")
        self.client.do("/play", daemon.sound("n.wav", harness.wav([1000] * 4800)), "id", 1, "loop", 1)
        self.recoveries, self.case = [], None

    def advances(self, about):
        """The frame clock goes on, and requests are answered."""
        before = self.client.status()["frames"]
        harness.until(lambda: self.client.status()["frames"] > before, f"{about}: frames")

    def measure(self, about, seconds):
        """For so long the daemon lives with its fault, answers, and does not spin."""
        cpu, began = self.daemon.cpu_seconds(), time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            self.client.do("/ping")
            time.sleep(0.02)
        share = (self.daemon.cpu_seconds() - cpu) / passed
        if share > 0.6 and not harness.SANITIZE:
            raise AssertionError(f"{about}: it spins, {share:.2f} of a processor")

    def plays_on(self, backend, about):
        """It is back, alone, with its voice."""
        began = time.monotonic()
        harness.until(lambda: (s := self.client.status())["backend"] == backend and
                      s["health"] in ("healthy", "degraded"), f"{about}: {backend} plays again")
        self.recoveries.append((time.monotonic() - began, self.case))
        if list(self.client.voices()) != [1]:
            raise AssertionError(f"{about}: the voice has gone")
        self.advances(about)


def run_cases(make_daemon, backend, cases, run_case):
    """Runs every case, (name, ...), on a few daemons at once. Each leaves well at its end, and says nothing bad."""
    todo, errors, recoveries = queue.SimpleQueue(), [], []
    for case in cases:
        todo.put(case)

    def work():
        try:
            with make_daemon() as daemon:
                watcher = Watcher(daemon, backend)
                while not errors:
                    try:
                        case = todo.get_nowait()
                    except queue.Empty:
                        break
                    watcher.case = case
                    try:
                        run_case(watcher, *case)
                    except BaseException as error:
                        raise AssertionError(f"{case}: {error}") from error
                recoveries.extend(watcher.recoveries)
        except BaseException as error:  # of a thread: the first one is told below
            errors.append(error)
    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(N_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    print(f"{len(cases)} cases in {time.monotonic() - began:.0f} s", end="")
    if recoveries:
        times, (worst, case) = [seconds for seconds, _ in recoveries], max(recoveries, key=lambda pair: pair[0])
        print(f"; back after min {min(times):.3f} median {statistics.median(times):.3f} worst {worst:.3f} s: {case}", end="")
    print()
