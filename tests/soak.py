# SPDX-License-Identifier: MIT
# soak.py - long random scores for chimed render, and what --debug-memory says at the end of anything.
import os
import random
import struct

import harness

RATE = 48000
NAMES = [f"s{i}" for i in range(8)]
BUSES = ["master", *(f"b{i}" for i in range(12))]  # there is no way to take one away
# Packets that are refused whatever went before.
WRONG = [["/no/such/method", 1], ["/play"], ["/play", "no such sound"], ["/play", "s0", "gain", 1000.0],
         ["/play", "s0", "gain", float("nan")], ["/play", "s0", "no_such_key", 1], ["/stop", 1 << 30],
         ["/voice/set", 1 << 30, "gain", 0.0], ["/seek", 1 << 30, 0.0], ["/sound/load", "x" * 256, "no such file"],
         ["/sound/load", "x", "/no/such/file"], ["/sound/load", "x", "/dev/zero"], ["/sound/unload", "no such sound"],
         ["/bus/new", "x" * 64], ["/bus/new", "z", "no such bus"], ["/bus/set", "no such bus", "gain", 0.0]]


class Score:
    """Seeded. At its end nothing plays and nothing is loaded."""

    def __init__(self, folder, seed):
        self.random, self.folder, self.n_wrong, self.n_packets = random.Random(seed), folder, 0, 0
        noise = [self.random.randrange(-3000, 3000) for _ in range(12000)]
        whole = harness.wav(noise, 2)
        self.files = [self.write(f"{i}.wav", data) for i, data in enumerate([
            harness.wav(noise), whole, harness.wav(noise[:2205], rate=44100),
            harness.wav([s / 32768 for s in noise], bits=-32), harness.wav(noise[:100]), harness.wav(noise * 3)])]
        self.damaged = [self.write("short.wav", whole[:9000]), self.write("text.wav", b"no sound at all"),
                        self.write("empty.wav", b"")]

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def some(self, **ranges):
        """Some of these keys, each with a value from its range."""
        words = []
        for key, (low, high) in ranges.items():
            if self.random.random() < 0.4:
                draw = self.random.randint if isinstance(low, int) else self.random.uniform
                words += [key, draw(low, high)]
        return words

    def wrong(self):
        self.n_wrong += 1
        if self.random.random() < 0.2:
            return ["/sound/load", "x", self.random.choice(self.damaged)]
        return self.random.choice(WRONG)

    def message(self):
        r = self.random
        voice, name, file = r.randrange(100), r.choice(NAMES), r.choice(self.files)
        bus, parent = r.choice(BUSES), r.choice(BUSES)
        return r.choices([
            lambda: ["/play", r.choice([name, name, file]), "bus", bus, *self.some(
                id=(0, 99), gain=(-40.0, -20.0), pan=(-1.0, 1.0), rate=(0.06, 4.0), start=(0.0, 0.1), fade=(0.0, 0.3),
                fade_out=(0.0, 0.3), loop=(0, 1), loop_count=(0, 3), paused=(0, 1), notify=(0, 1))],
            lambda: ["/stop", r.choice([voice, "all"]), *self.some(fade=(0.0, 0.5))],
            lambda: ["/voice/set", voice, *self.some(gain=(-40.0, -20.0), rate=(-4.0, -0.06), ramp=(0.0, 0.2),
                                                    loop=(0, 1))],
            lambda: ["/seek", voice, r.uniform(0, 0.2)],
            lambda: [r.choice(["/pause", "/resume"]), r.choice([voice, "all"]), *self.some(fade=(0.0, 0.1))],
            lambda: ["/sound/load", name, file],
            lambda: ["/sound/unload", r.choice([name, file]), *self.some(fade=(0.0, 0.2))],
            lambda: ["/bus/new", bus, r.choice(["master", parent])],
            lambda: ["/bus/set", bus, *self.some(gain=(-20.0, 0.0), mute=(0, 1), solo=(0, 1), ramp=(0.0, 0.3))],
            self.wrong,
        ], [30, 8, 10, 6, 6, 8, 6, 2, 8, 16])[0]()

    def packet(self, frame, *messages):
        self.n_packets += 1
        data = harness.bundle(*(harness.osc(*m) for m in messages),
                              time_tag=(frame // RATE << 32) + ((frame % RATE << 32) + RATE - 1) // RATE)
        return struct.pack(">i", len(data)) + data

    def broken(self):
        """Bytes that are no packet; they are done at the frame that was reached."""
        self.n_wrong += 1
        self.n_packets += 1
        data = self.random.randbytes(4 * self.random.randint(1, 20))
        return struct.pack(">i", len(data)) + data.replace(b"#", b"!")

    def play(self, seconds, per_second=20):
        """The packets, in pieces."""
        frame, end = 0, round(seconds * RATE)
        while frame < end:
            if self.random.random() < 0.01:
                yield self.broken()
            messages = [self.message() for _ in range(self.random.choice([1, 1, 1, 2, 5]))]
            if self.random.random() < 0.2:  # one that is refused takes the others along
                yield self.packet(frame, *messages)
            else:
                yield from (self.packet(frame, message) for message in messages)
            frame += self.random.randint(1, 2 * RATE // per_second)
        yield self.packet(end, ["/stop", "all"])
        for name in NAMES + self.files + ["x"]:
            yield self.packet(end + RATE, ["/sound/unload", name])
        yield self.packet(end + 2 * RATE, ["/ping"])


class Report:
    """The end of what --debug-memory printed. `regions`: at start, at exit, highest, lost, in bytes."""

    def __init__(self, text):
        begin = text.rfind("memory, in bytes                     at start")
        if begin < 0:
            raise AssertionError(f"no report: {text[-2000:]}")
        rows = text[begin:].splitlines()
        self.regions = {row[:30].rstrip(): list(map(int, row[30:].split())) for row in rows[1:11]}
        self.all_at_start, self.all_at_exit, self.lost = self.regions.pop("in all")
        self.temporary = self.regions.pop("temporary, of loads")
        self.n_sounds = int(rows[11].split(": ")[1].split(",")[0])
        self.n_gaps = int(rows[12].split(": ")[1])
        made = [int(row.split(": ")[1]) for row in rows if row.startswith("made since the start: ")]
        self.n_made = made[0] if made else None  # None: this build does not know
        self.verdict = next(row for row in reversed(rows) if row.endswith(" was lost"))  # the log may go on behind it

    def is_clean(self):
        return (self.all_at_start == self.all_at_exit and self.lost == 0 and self.n_sounds == 0 and self.n_gaps == 1 and
                not self.n_made and self.temporary[1] == 0 and self.verdict == "nothing was lost" and
                all(row[0] == row[1] for row in self.regions.values()))
